//! Paths and URLs as people write them: schemes in any case, and `file://`.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use shadegrid::pipeline::understood;

/// A parser of what is read, or of where a job lies.
pub(crate) fn parser() -> impl TypedValueParser<Value = OsString> {
    OsStringValueParser::new().try_map(understood)
}

/// The same as a path.
pub(crate) fn path_parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|place| understood(place).map(PathBuf::from))
}

/// Whether a source is a URL rather than a path.
pub(crate) fn is_url(source: impl AsRef<OsStr>) -> bool {
    source.as_ref().to_str().is_some_and(|text| text.contains("://"))
}
