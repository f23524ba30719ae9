//! Pictures in AV1, decoded by the [helper](super::helper).

use super::helper::Helper;
use super::raster::heif::{Chroma, Meaning};
use crate::error::{Error, Result};

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits of a sample, of 8 to 12. Where they are more than 8, a sample has two bytes, the low one first.
    pub(super) depth: u32,
    pub(super) chroma: Chroma,
    pub(super) meaning: Meaning,
    /// Y, Cb and Cr, one behind another.
    pub(super) samples: Vec<u8>,
}

impl Frame {
    /// The bytes of each plane of a picture.
    pub(super) fn lengths((width, height): (usize, usize), depth: u32, chroma: Chroma) -> [usize; 3] {
        let (across, down) = chroma.shift();
        let tint = match chroma {
            Chroma::None => 0,
            _ => width.div_ceil(1 << across).saturating_mul(height.div_ceil(1 << down)),
        };
        [width.saturating_mul(height), tint, tint]
            .map(|samples| samples.saturating_mul(if depth > 8 { 2 } else { 1 }))
    }

    /// The bytes of Y, Cb and Cr.
    pub(super) fn planes(&self) -> [&[u8]; 3] {
        let [luma, chroma, _] = Frame::lengths((self.width, self.height), self.depth, self.chroma);
        let (y, rest) = self.samples.split_at(luma.min(self.samples.len()));
        let (cb, cr) = rest.split_at(chroma.min(rest.len()));
        [y, cb, cr]
    }
}

/// Decodes one picture after another.
#[derive(Debug, Default)]
pub(super) struct Av1 {
    helper: Helper,
}

impl Av1 {
    /// Decodes the first picture of some data, of no more than so many pixels, in about so much memory.
    pub(super) fn decode(&mut self, data: &[u8], pixels: u64, memory: u64) -> Result<Frame> {
        self.helper.decode(data, pixels, memory)
    }
}

/// What is wrong with the data of a picture.
pub(super) fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt(super::Format::Avif.name(), message)
}
