//! The bytes of a file, for as long as decoding takes what it may.

use std::io::{self, IoSliceMut};

use jxl::api::JxlBitstreamInput;

use crate::decode::raster::deadline::Deadline;

/// What has not been read.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    deadline: Deadline,
}

/// Bytes that are given at a time, so that the clock is looked at between frames.
const PIECE: usize = 1 << 12;

impl<'a> Input<'a> {
    /// Bytes of a picture of so many pixels.
    pub(super) fn new(bytes: &'a [u8], pixels: u64) -> Input<'a> {
        Input { rest: bytes, deadline: Deadline::of(pixels) }
    }

    fn check(&self) -> io::Result<()> {
        self.deadline.check().map_err(io::Error::other)
    }
}

impl JxlBitstreamInput for Input<'_> {
    fn available_bytes(&mut self) -> io::Result<usize> {
        Ok(self.rest.len())
    }

    fn read(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.check()?;
        let mut read = 0;
        for buffer in buffers {
            let length = buffer.len().min(self.rest.len()).min(PIECE - read);
            let (now, rest) = self.rest.split_at(length);
            buffer[..length].copy_from_slice(now);
            self.rest = rest;
            read += length;
            if length < buffer.len() {
                break;
            }
        }
        Ok(read)
    }

    fn skip(&mut self, bytes: usize) -> io::Result<usize> {
        self.check()?;
        let length = bytes.min(self.rest.len());
        self.rest = &self.rest[length..];
        Ok(length)
    }
}
