//! What a decoder gives, in its own memory, or why it does not.

use std::io;

use crate::decode::frame::{Chroma, Meaning};

/// Why there is no picture: how the reply begins, and a message.
pub(super) type Refusal = (u8, String);

/// Takes pictures one after another; may fail.
pub(super) type Give<'g> = &'g mut dyn FnMut(&Given<'_>) -> io::Result<()>;

/// How many pictures were given, unless giving failed, or why there are no more.
pub(super) type Sent = Result<io::Result<u64>, Refusal>;

/// A picture in the memory of its decoder.
pub(super) struct Given<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of a sample. Where they are more than 8, a sample has two bytes, the low one first.
    pub(super) depth: u8,
    pub(super) chroma: Chroma,
    pub(super) meaning: Meaning,
    /// Y, or Y, Cb and Cr, and the bytes from one row of each to the next.
    pub(super) planes: &'a [(&'a [u8], usize)],
}
