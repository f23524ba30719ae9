//! A JPEG reader that reads no further than a signature needs (ITU-T T.81).
//!
//! ```text
//!  bytes ─▶ marker ─▶ frame, scan, huffman            the headers
//!             │
//!             ├─ sequential: bits ─▶ lookup, lockstep ─▶ sequential ─┐
//!             │              unstuffed  12 bits at a time  DC sums    ├─▶ planes ─▶ Picture
//!             └─ progressive: scans that matter ─▶ progressive ──────┘
//! ```
//!
//! Both signatures are weighted sums over boxes many pixels wide. For a large picture the mean of each 8×8 block,
//! its DC coefficient, says all that they can see; for smaller ones a few of the lowest frequencies do. So every other
//! coefficient is passed without being decoded, chroma is never brought to the pixels' raster, nothing is converted to
//! RGB, and of a progressive file whole scans are stepped over.
//!
//! What is kept of a block, `u` to the right and `v` downwards, as n × n cells of the picture in original coordinates:
//!
//! ```text
//!  n = 1      n = 2        n = 3           n = 4            n = 6: u, v < 6, u + v ≤ 6
//!  ■ · · ·    ■ ■ · · ·    ■ ■ ■ · ·       ■ ■ ■ ■ ·        n = 8: all 64
//!  · · · ·    ■ ■ · · ·    ■ ■ ■ · ·       ■ ■ ■ ■ ·
//!  · · · ·    · · · · ·    ■ ■ · · ·       ■ ■ ■ · ·
//!  · · · ·    · · · · ·    · · · · ·       ■ ■ · · ·
//!  read up to coefficient 0, 4, 8, 13, 26 and 63 of the zigzag order; 1, 2×2, 4×4, 4×4, 8×8 and 8×8 cells a block
//! ```
//!
//! [`detail_for`] is the rule that says how much is enough. What this reader leaves to full decoding is named by
//! [`Refer`]; what a file lacks is counted in rows, never passed over.

use crate::decode::Detail;
use crate::error::Result;
use crate::limits::Limits;
use crate::picture::{Picture, Planes};
use crate::signature::Algorithm;
use reader::Reader;

mod bits;
mod detail;
mod frame;
mod header;
mod huffman;
mod lane;
mod layout;
mod level;
mod lockstep;
mod lookup;
mod machine;
mod marker;
mod plan;
mod planes;
mod progressive;
mod reader;
mod rows;
mod scan;
mod sequential;
mod split;
#[cfg(test)]
mod tests;
mod transform;

/// Reads one JPEG after another, keeping tables and buffers between them.
#[derive(Debug, Default)]
pub struct JpegReader {
    reader: Reader,
}

/// What [`JpegReader::read`] made of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Its low frequencies.
    Coarse(Coarse),
    /// Nothing: full decoding is the way for this one.
    Refer(Refer),
}

/// A picture's low frequencies.
#[derive(Debug, Clone, PartialEq)]
pub struct Coarse {
    /// The planes, [`Planes::Coarse`].
    pub picture: Picture,
    /// n: the lowest n×n frequencies of luma were read.
    pub detail: u8,
    /// The share of rows, 0..1, for which every scan that was read came out whole; `None` for all rows.
    pub whole: Option<f32>,
    /// Scans that were stepped over, so that damage in them was not looked for: only progressive files
    /// have any. [`JpegReader::judge`] reads them too.
    pub unread_scans: u32,
    /// Whether the file's end of image was there.
    pub ended: bool,
}

/// Why a file is left to full decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refer {
    /// The caller's rule asks for every pixel.
    Rule,
    /// Arithmetic coding (SOF9, SOF10 and the like).
    Arithmetic,
    /// Lossless (SOF3).
    Lossless,
    /// Hierarchical (DHP, SOF5 to SOF7).
    Hierarchical,
    /// Samples of other than 8 bits.
    Precision,
    /// Two components, or four (CMYK, YCCK), whose colours are no linear function of the components.
    Components,
    /// Sampling whose cells are not made of whole pixels, or RGB with components sampled differently.
    Sampling,
}

impl Refer {
    /// The reason in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Refer::Rule => "every pixel asked for",
            Refer::Arithmetic => "arithmetic coding",
            Refer::Lossless => "lossless process",
            Refer::Hierarchical => "hierarchical process",
            Refer::Precision => "not 8 bits a sample",
            Refer::Components => "neither grey, YCbCr nor RGB",
            Refer::Sampling => "cells of no whole pixels",
        }
    }
}

/// How much of a file is really there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// Every scan was walked.
    Read {
        /// The share of rows, 0..1, that came out whole in every scan; `None` for all rows.
        whole: Option<f32>,
        /// The same of the scans that hold DC coefficients; it differs from `whole` in progressive
        /// files only, where a later scan may be damaged that no coarse signature needs.
        coarse: Option<f32>,
    },
    /// A process that this reader does not know.
    Unknown(Refer),
}

impl JpegReader {
    /// Reads the low frequencies of the first picture in `bytes`.
    ///
    /// `rule` is asked for the detail once the size in pixels is known; see [`detail_for`].
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) where there is no picture at all, [`Error::Limit`](crate::Error::Limit) and
    /// [`Error::Input`](crate::Error::Input) by `limits`, before memory is taken.
    pub fn read(
        &mut self,
        bytes: &[u8],
        rule: impl FnOnce(u32, u32) -> Detail,
        limits: &Limits,
    ) -> Result<Reading> {
        self.reader.read(bytes, rule, limits)
    }

    /// Memory that [`read`](JpegReader::read) takes for a file, in bytes; `None` where it reads nothing.
    pub(super) fn memory(&mut self, bytes: &[u8], rule: impl FnOnce(u32, u32) -> Detail) -> Option<u64> {
        self.reader.memory(bytes, rule)
    }

    /// Walks every scan of the first picture in `bytes` and says how much of it is whole.
    ///
    /// # Errors
    ///
    /// As [`read`](JpegReader::read).
    pub fn judge(&mut self, bytes: &[u8], limits: &Limits) -> Result<Verdict> {
        self.reader.judge(bytes, limits)
    }

    /// Memory kept for the next picture, in bytes.
    pub(super) fn kept(&self) -> u64 {
        self.reader.kept()
    }

    /// Takes a picture's memory back for the next one.
    pub fn recycle(&mut self, picture: Picture) {
        if let Planes::Coarse { luma, colour } = picture.planes {
            self.reader.recycle(luma.samples);
            if let Some(colour) = colour {
                self.reader.recycle(colour.samples);
            }
        }
    }
}

/// How much of a `width`×`height` picture the algorithms' signatures need.
///
/// The smallest n for which, over photographs as they are, saved again and scaled, the signature's distance to that of every
/// pixel stays within 24 (Euclidean, PhotoDNA) and 8 bits (PDQ) in 99 of 100 (`benches/decoders`, `accuracy`): by the
/// shorter side in pixels.
///
/// | | n = 1 | n = 2 | n = 3 | n = 4 | n = 6 | n = 8 | below |
/// | --- | --- | --- | --- | --- | --- | --- | --- |
/// | PhotoDNA alone | 800 | 400 | 168 | 144 | 96 | | full |
/// | with PDQ | 1,600 | 680 | 400 | 288 | 144 | 96 | full |
pub fn detail_for(width: u32, height: u32, algorithms: &[Algorithm]) -> Detail {
    let least = if algorithms.iter().all(|algorithm| *algorithm == Algorithm::PhotoDna) {
        &[(1, 800), (2, 400), (3, 168), (4, 144), (6, 96)][..]
    } else {
        &[(1, 1_600), (2, 680), (3, 400), (4, 288), (6, 144), (8, 96)][..]
    };
    let side = width.min(height);
    let found = least.iter().find(|&&(_, least)| side >= least);
    found.map_or(Detail::Full, |&(detail, _)| Detail::Scaled(detail))
}
