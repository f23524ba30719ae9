//! What decoding a file will take, from its headers alone: one answer for whoever asks.
//!
//! The decoder refuses what is over a limit by it, before memory is taken; a run lends memory by it; and it decides what fits into a
//! thread's share and may travel through a device. Each format's reader says it next to the code that takes the memory; here is
//! what they have in common. `tests/memory.rs` and the fuzz target `memory` hold it against what decoding really takes.

use super::Format;
use crate::error::Result;
use crate::limits::Limits;

/// Memory that decoding or hashing a file will take, in bytes, not counting the file itself. 0 if decoding ends before any is taken: no known format,
/// or over a limit; a TIFF's tables are read even so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Enough for what is tried first: of most JPEGs that is to read their low frequencies.
    pub first: u64,
    /// Enough also where that turns out not to do.
    pub worst: u64,
}

impl Memory {
    /// The same with so many bytes more, where any are taken.
    #[must_use]
    pub(crate) fn and(self, bytes: u64) -> Memory {
        let more = |memory: u64| if memory == 0 { 0 } else { memory.saturating_add(bytes) };
        Memory { first: more(self.first), worst: more(self.worst) }
    }
}

/// What decoding every pixel of a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Estimate {
    /// The format that its bytes show.
    pub(super) format: Format,
    /// Width in pixels.
    pub(super) width: u32,
    /// Height in pixels.
    pub(super) height: u32,
    /// Pixels that decoding works through: those of the picture, and more where tiles hang over its edge, a frame is not of the
    /// canvas' size, or a sample is wider than usual.
    pub(super) pixels: u64,
    /// Peak memory in bytes, not counting the file itself: the samples and whatever decoders hold with them.
    pub(super) memory: u64,
    /// Memory that its [`faces`](super::faces) take when these samples are gone, in bytes; 0 where they take no more than the samples do.
    pub(super) faces: u64,
}

/// Memory that every decoder takes whatever the picture, in bytes: tables, windows and buffers of rows.
pub(super) const LEAST: u64 = 1 << 20;

impl Estimate {
    /// An estimate for a picture whose every pixel is worked through once, into so many bytes a pixel.
    pub(super) fn new(format: Format, (width, height): (u32, u32), bytes_per_pixel: u64) -> Estimate {
        let pixels = u64::from(width) * u64::from(height);
        Estimate {
            format,
            width,
            height,
            pixels,
            memory: LEAST.saturating_add(pixels.saturating_mul(bytes_per_pixel)),
            faces: 0,
        }
    }

    /// The same with more memory.
    #[must_use]
    pub(super) fn and(self, bytes: u64) -> Estimate {
        Estimate { memory: self.memory.saturating_add(bytes), ..self }
    }

    /// The same where further faces take so many bytes.
    #[must_use]
    pub(super) fn with_faces(self, bytes: u64) -> Estimate {
        Estimate { faces: self.faces.max(bytes), ..self }
    }

    /// The same for a grey picture that a profile may give colours, with the file's profile in `self` already.
    #[must_use]
    pub(super) fn coloured(self) -> Estimate {
        self.with_faces(self.memory.saturating_add(self.pixels.saturating_mul(3)))
    }

    /// The same for several frames, none of which takes more than so many bytes to decode, or than the first: the canvas, what comes back of it, what is
    /// shown, and of that the first, the longest and the last, in R, G, B and alpha each.
    #[must_use]
    pub(super) fn animated(self, frame: u64) -> Estimate {
        let canvas = u64::from(self.width) * u64::from(self.height) * 4;
        self.with_faces(self.memory.max(frame).saturating_add(canvas.saturating_mul(6)))
    }

    /// The same where so many pixels are worked through, if they are more.
    #[must_use]
    pub(super) fn working_through(self, pixels: u64) -> Estimate {
        Estimate { pixels: self.pixels.max(pixels), ..self }
    }

    /// Checks it against the limits, for a file of so many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit), [`Error::Input`](crate::Error::Input) for a picture that is too small.
    pub(super) fn check(&self, limits: &Limits, bytes: usize) -> Result<()> {
        limits.check_size(self.width, self.height)?;
        limits.check_density(self.pixels, bytes as u64)?;
        limits.check_decoder_bytes(self.memory)
    }
}
