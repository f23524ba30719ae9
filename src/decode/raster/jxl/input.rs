//! The bytes of a file, for as long as decoding takes what it may.
//!
//! A file of some bytes may hold thousands of frames that nobody sees, each as large as the picture. No header says how many, so that the time they take is
//! bounded: by far more than any picture takes.

use std::io::{self, IoSliceMut};

use jxl::api::JxlBitstreamInput;

/// What has not been read.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// When reading has to end, in seconds of this thread.
    end: Option<u64>,
}

/// Bytes that are given at a time, so that the clock is looked at between frames.
const PIECE: usize = 1 << 12;

/// Seconds for any picture, and pixels for which there is one more.
const SECONDS: u64 = 20;
const PIXELS_PER_SECOND: u64 = 200_000;

impl<'a> Input<'a> {
    /// Bytes of a picture of so many pixels.
    pub(super) fn new(bytes: &'a [u8], pixels: u64) -> Input<'a> {
        Input {
            rest: bytes,
            end: seconds().map(|now| now.saturating_add(SECONDS + pixels / PIXELS_PER_SECOND)),
        }
    }

    fn check(&self) -> io::Result<()> {
        match (self.end, seconds()) {
            (Some(end), Some(now)) if now > end => {
                Err(io::Error::other("its frames take longer than any picture of its size"))
            }
            _ => Ok(()),
        }
    }
}

/// Time that this thread has worked, where the system says it.
fn seconds() -> Option<u64> {
    #[cfg(unix)]
    return u64::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).tv_sec).ok();
    #[cfg(not(unix))]
    None
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
