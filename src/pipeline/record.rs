//! What is written for one input.

use std::ffi::{OsStr, OsString};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::hasher::Hashed;
use crate::pipeline::RecordMatch;

mod skipped;

/// What a source is called, and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) key: OsString,
    pub(super) source: Option<Arc<OsStr>>,
    pub(super) tag: u64,
}

/// How long threads worked on one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Finding and loading it, waiting for memory included.
    pub read: Duration,
    /// Decoding and hashing it, waiting for memory included; without the time on a device.
    pub hash: Duration,
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Times) {
        self.read += other.read;
        self.hash += other.hash;
    }
}

/// What one source gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// Position among the sources, from 0.
    pub index: u64,
    /// The source's name: its path if it is a file.
    pub key: OsString,
    /// The argument that the source came from, such as a folder, an archive or a list; `None` if it came from none.
    pub source: Option<Arc<OsStr>>,
    /// The number that [`Source::tag`](crate::pipeline::Source::tag) set; 0 otherwise.
    pub tag: u64,
    /// Length of the encoded file, in bytes; `None` if it was not read.
    pub bytes: Option<u64>,
    /// The signatures, or why there are none.
    pub outcome: Result<Hashed>,
    /// Its matches in galleries; `None` if it was not looked up.
    pub matches: Option<Vec<RecordMatch>>,
    /// How long threads worked on it.
    pub times: Times,
}

impl Record {
    pub(super) fn new(index: u64, name: Name, bytes: Option<u64>, outcome: Result<Hashed>) -> Record {
        Record {
            index,
            key: name.key,
            source: name.source,
            tag: name.tag,
            bytes,
            outcome,
            matches: None,
            times: Times::default(),
        }
    }

    /// Whether the input was not asked for and is no picture: it was found in a folder, in an archive or below a prefix, its first bytes are those
    /// of no format, and it is not called like a picture. Its record says so like any other failure, and the command does not count it as one.
    pub fn is_skipped(&self) -> bool {
        let found = || self.source.as_deref().is_some_and(|source| skipped::is_found(&self.key, source));
        matches!(self.outcome, Err(Error::NoPicture(_)))
            && !skipped::is_named_like_a_picture(&self.key)
            && found()
    }

    /// The same, with how long threads worked on it.
    pub(super) fn timed(self, times: Times) -> Record {
        Record { times, ..self }
    }
}
