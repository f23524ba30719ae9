//! In place of Parquet files of pictures and names, where the feature `parquet` is off: every one is an error that says so.

use std::convert::Infallible;
use std::ffi::OsString;

use super::{Archive, RandomAccess, Step};
use crate::error::{Error, Result};

/// What a Parquet file would hold for us.
#[derive(Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "without a reader of Parquet nobody knows what a file holds")]
pub(in crate::pipeline::source) enum Holds {
    Pictures(String),
    Names { column: String, binary: Option<String> },
}

/// The reader of no file.
pub(in crate::pipeline::source) type Reader = Infallible;

/// The names of no file.
pub(in crate::pipeline::source) fn names(
    reader: Reader,
    _column: &str,
) -> Result<impl Iterator<Item = Result<OsString>> + Send + 'static> {
    match reader {}
    #[expect(unreachable_code, reason = "names the type")]
    Ok(std::iter::empty())
}

fn absent() -> Error {
    Error::Unsupported("this build reads no Parquet files: build with the feature `parquet`".to_string())
}

/// Opens nothing.
pub(in crate::pipeline::source) fn holds(
    _file: Box<dyn RandomAccess>,
    _column: Option<&str>,
) -> Result<(Reader, Holds)> {
    Err(absent())
}

/// Gives nothing.
pub(super) fn read(_file: Box<dyn RandomAccess>, _archive: &mut Archive<'_>) -> Step {
    Err(absent().into())
}
