//! In place of lists packed by zstd, where the feature `archives` is off: every one is an error that says so.

use std::io::{self, BufRead, Read};

use crate::error::Error;

/// Unpacks nothing.
pub(super) fn unpacked(_packed: impl BufRead + Send) -> io::Result<impl Read + Send> {
    let message = "this build unpacks no zstd: build with the feature `archives`";
    Err::<io::Empty, _>(io::Error::new(io::ErrorKind::Unsupported, Error::Unsupported(message.to_string())))
}
