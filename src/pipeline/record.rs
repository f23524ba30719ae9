//! What is written for one input.

use std::ffi::OsString;

use crate::error::Result;
use crate::hasher::Hashed;

/// What one source gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// Position among the sources, from 0.
    pub index: u64,
    /// What the source calls itself: its path, where it is a file.
    pub key: OsString,
    /// Length of the encoded file, in bytes; `None` where it was not read.
    pub bytes: Option<u64>,
    /// The signatures, or why there are none.
    pub outcome: Result<Hashed>,
}

impl Record {
    pub(super) fn failed(index: u64, key: OsString, error: crate::Error) -> Record {
        Record { index, key, bytes: None, outcome: Err(error) }
    }
}
