//! In place of records in Parquet, where the feature `parquet` is off: neither written nor read, with an error that says so.

use std::fs::File;
use std::io::Write;

use super::{StoredRecords, StoredSink};
use crate::error::{Error, Result};

fn absent() -> Error {
    let message = "this build neither writes nor reads Parquet files: build with the feature `parquet`";
    Error::Unsupported(message.to_string())
}

/// Writes nothing.
pub(super) fn sink<'a>(
    _to: impl Write + Send + 'a,
    _about: &[(String, String)],
) -> Result<Box<dyn StoredSink + Send + 'a>> {
    Err(absent())
}

/// Reads nothing.
pub(super) fn read(_file: File) -> Result<StoredRecords> {
    Err(absent())
}
