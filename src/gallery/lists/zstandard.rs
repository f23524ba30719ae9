//! Lists packed by zstd.

use std::io::{self, BufRead, Read};

/// What the frames of a stream hold.
pub(super) fn unpacked(packed: impl BufRead + Send) -> io::Result<impl Read + Send> {
    zstd::stream::read::Decoder::with_buffer(packed)
}
