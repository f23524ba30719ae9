//! The JPEG reader: no further than a signature needs, or every pixel as libjpeg-turbo makes it (ITU-T T.81).
//!
//! ```text
//!  bytes ─▶ marker ─▶ frame, scan, huffman            the headers
//!             │
//!             ├─ sequential: bits ─▶ lookup, lockstep ─▶ sequential ─┐          ┌─▶ planes ─▶ low frequencies
//!             │              unstuffed  12 bits at a time  blocks     ├─ layout ─┤
//!             └─ progressive: scans that matter ─▶ progressive ──────┘          └─▶ blocks ─▶ pixels
//!                            bands ─▶ first, refinement                           idct, upsample, colour
//! ```
//!
//! # What is seen is what is read
//!
//! There is one reader for all of it, so that what it makes of a broken or odd file does not depend on how much it reads; and it makes of such a
//! file what people are shown. Viewers disagree with the standard and not with one another: nearly all of them are libjpeg-turbo. So
//! its rules count here, down to the bits, as Chromium uses it (accurate inverse DCT, smooth upsampling, SIMD):
//!
//! - **Scans.** Where the first scan of a sequential file holds every component, it is the picture, and nothing behind it counts. Otherwise
//!   every scan up to the end of image counts, and a later one is read over an earlier one (`layout`). A component's quantisation
//!   table is the one that stands at its first scan. A table that no scan uses may be broken. Tables that a sequential file lacks are the
//!   standard's (motion JPEG).
//! - **Data.** Damage never stops decoding (`bits`, `progressive`). Missing data is zeros for as long as an MCU lasts; behind it, an interval
//!   keeps what it had, which in a first scan is mid-grey. A restart marker out of its turn costs an interval or so.
//! - **Values** keep 16 bits, sums and products wrap (`idct`).
//! - **Colours** follow from JFIF, then Adobe's flag, then the components' names (`selection`); chroma is brought to the pixels by
//!   `upsample`, and what an unfinished progressive file lacks is guessed (`smooth`).
//!
//! Where libjpeg-turbo shows nothing at all, more is read than there: a height that a DNL segment gives, MCUs of more than ten blocks,
//! sampling ratios that are no whole numbers, unknown markers, and the scans before one whose header is broken.
//!
//! # Low frequencies
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
//! [`detail_for`] is the rule that says how much is enough. Every pixel is made all the same of a picture whose colours are no linear function of its
//! components, whose cells are not made of whole pixels, that is damaged, in which a value leaves 16 bits, or (under
//! [`DetailChoice::Auto`](super::DetailChoice::Auto)) in whose colours clamping takes part (`gamut`).
//!
//! # Arithmetic coding
//!
//! Files with arithmetic coding are written anew with Huffman codes before they are read (`arithmetic`).
//!
//! # Damage
//!
//! Rows count as damaged (`rows`) from the first bits on that no code begins with, where data ends too early, where a restart interval never
//! came, and where data was left over in front of a restart marker or skipped behind it: to the end of the interval each time. All rows do where a
//! component has no scan, where bits of a progressive picture were never sent, or a scan behind the first cannot be read at all. What every
//! viewer shows whole is not damaged: a coefficient behind the last one, restart markers whose numbers are off by three or more, data left over
//! at the end of a scan.
//!
//! Of a progressive file those scans are judged that the signatures need, by [`detail_for`], whatever else is read; all of them
//! where the file breaks off. So reading more never tells another story.
//!
//! # Memory
//!
//! A picture in one scan takes 3 bytes a pixel for the result (1 for a grey one), its data once more, two rows of MCUs, and 2 bytes for each
//! coefficient that is decoded at a time: of 96 KB of data, or of a restart interval where that is longer. One in several takes the 64
//! coefficients of every block besides, 2 bytes each: 3 bytes a pixel at 4:2:0, 6 at 4:4:4, 8 for four components, and
//! for progressive ones another 8 bytes a block. That is 9.4 bytes a pixel for a progressive picture at 4:4:4, which
//! the limits are checked for before any is taken.

use crate::decode::Detail;
use crate::decode::colours::{Sample, ToSrgb};
use crate::decode::estimate::Estimate;
use crate::error::Result;
use crate::limits::Limits;
use crate::picture::Picture;
use crate::signature::Algorithm;
#[cfg(feature = "gpu")]
pub(crate) use clipping::SPOTS;
#[cfg(feature = "gpu")]
pub(crate) use compressed::{Compressed, Part, Unstuffed, matrix};
pub(in crate::decode) use frame::Announced;
#[cfg(feature = "gpu")]
pub(crate) use gamut::Sums;
#[cfg(feature = "gpu")]
pub(crate) use guards::{Guards, Seen};
#[cfg(all(test, feature = "gpu"))]
pub(crate) use huffman::STANDARD;
#[cfg(feature = "gpu")]
pub(crate) use looks::wanted as looks_wanted;
pub use made_up::made_up;
pub(crate) use made_up::{Kind as MadeUpKind, make as make_up};
use marker::corrupt;
use reader::Reader;
use std::ops::Range;

mod arithmetic;
mod bands;
mod bits;
mod block_stream;
mod blocks;
mod clipping;
mod colour;
#[cfg(feature = "gpu")]
mod compressed;
mod detail;
mod first;
mod frame;
pub(super) mod further;
mod gamut;
#[cfg(feature = "gpu")]
mod guards;
mod header;
mod huffman;
mod idct;
mod layout;
mod level;
mod lockstep;
mod looks;
mod lookup;
mod machine;
mod made_up;
mod marker;
mod marks;
mod moments;
#[cfg(test)]
mod naive;
mod pixels;
mod planes;
mod profile;
mod progressive;
mod reader;
mod reading;
mod refinement;
mod rows;
mod runs;
mod scan;
mod selection;
mod sequential;
mod smooth;
mod split;
#[cfg(test)]
mod tests;
mod transform;
#[cfg(test)]
mod twins;
mod upsample;
mod watched;

/// Reads one JPEG after another, keeping tables and buffers between them.
#[derive(Debug, Default)]
pub struct JpegReader {
    reader: Reader,
}

/// What was read of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Low frequencies, [`Planes::Coarse`](crate::picture::Planes::Coarse), or pixels.
    pub picture: Picture,
    /// How much was read: the lowest n×n frequencies of luma, or every pixel.
    pub detail: Detail,
    /// The share of rows, 0..1, that came out whole in every scan that is judged; `None` for all rows.
    pub whole: Option<f32>,
    /// Whether a value left 16 bits, where decoders disagree unless they wrap alike, or fill bytes stand inside of entropy-coded data, of which
    /// libjpeg-turbo makes this or that: no picture that an encoder made has any. Of what was passed unread it is not known.
    pub unusual: bool,
    /// Where the file's EXIF block lies, a TIFF structure.
    pub(crate) exif: Option<Range<usize>>,
    /// The ICC profile, empty where there is none.
    pub(crate) icc: Vec<u8>,
    /// Of low frequencies with a profile: some colours of theirs.
    pub(super) sample: Sample,
    /// Of a sequential file that holds a component more than once: the scans that make up another picture than this one, which readers
    /// show that go on behind a complete scan, or that stop before one that is read over what is there.
    pub(crate) scans: Option<Range<usize>>,
}

/// What is to be read of a picture whose size in pixels is known.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// How much.
    pub(crate) detail: &'a dyn Fn(u32, u32) -> Detail,
    /// How much its signatures need: of a progressive file only the scans that this takes are judged.
    pub(crate) judged: &'a dyn Fn(u32, u32) -> Detail,
    /// Whether nothing is to be read where every pixel is.
    pub(crate) only_coarse: bool,
    /// Whether low frequencies count only where pixels would show the same: see `gamut`.
    pub(crate) guarded: bool,
    /// The scans that make up the picture, each read over what is there; `None` for those that viewers take.
    pub(crate) scans: Option<(usize, usize)>,
    /// What low frequencies and inks are to be shown through; `None` for those that are stored.
    pub(super) to_srgb: Option<&'a ToSrgb>,
}

impl JpegReader {
    /// Reads a picture as far as `rule` asks once its size in pixels is known (see [`detail_for`]); further where that is not enough.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) where there is no picture at all, [`Error::Unsupported`](crate::Error::Unsupported) by
    /// name, [`Error::Limit`](crate::Error::Limit) and [`Error::Input`](crate::Error::Input) by `limits`, before memory is taken.
    pub fn read(
        &mut self,
        bytes: &[u8],
        rule: impl Fn(u32, u32) -> Detail,
        limits: &Limits,
    ) -> Result<Reading> {
        let mut wish = Wish {
            detail: &rule,
            judged: &rule,
            only_coarse: false,
            guarded: false,
            scans: None,
            to_srgb: None,
        };
        if let Some(reading) = self.read_into(bytes, &wish, limits, &mut Vec::new())? {
            return Ok(reading);
        }
        wish.detail = &|_, _| Detail::Full;
        self.read_into(bytes, &wish, limits, &mut Vec::new())?.ok_or_else(|| corrupt("nothing was read"))
    }

    /// The low frequencies that `rule` asks for, where pixels would show the same: see `gamut`. `None` where they do not, or more is read for another reason.
    pub(crate) fn read_guarded(
        &mut self,
        bytes: &[u8],
        rule: impl Fn(u32, u32) -> Detail,
        limits: &Limits,
    ) -> Result<Option<Reading>> {
        let wish = Wish {
            detail: &rule,
            judged: &rule,
            only_coarse: true,
            guarded: true,
            scans: None,
            to_srgb: None,
        };
        self.read_into(bytes, &wish, limits, &mut Vec::new())
    }

    /// The same as [`read`](JpegReader::read) by more wishes; `samples` is memory for pixels. `None` where the low frequencies that were read do not make up the picture, and
    /// where [only these](Wish::only_coarse) are wanted and more is asked for.
    pub(crate) fn read_into(
        &mut self,
        bytes: &[u8],
        wish: &Wish<'_>,
        limits: &Limits,
        samples: &mut Vec<u8>,
    ) -> Result<Option<Reading>> {
        self.reader.read(&arithmetic::with_huffman_codes(bytes, limits)?, wish, limits, samples)
    }

    /// What [`read`](JpegReader::read) takes for every pixel of a file, and the memory that it takes for less where `rule` asks for
    /// less, by the headers up to the first scan.
    pub(super) fn estimate(
        &mut self,
        bytes: &[u8],
        rule: impl Fn(u32, u32) -> Detail,
    ) -> Result<(Estimate, Option<u64>)> {
        let Some((headers, memory)) = arithmetic::headers(bytes)? else {
            return self.reader.estimate(bytes, rule);
        };
        let (full, coarse) = self.reader.estimate(&headers, rule)?;
        // The data as it is written takes more than what is made of it.
        Ok((full.and(memory), coarse.map(|coarse| coarse.saturating_add(memory))))
    }

    /// The picture in a baseline file of which low frequencies are wanted by `rule`, as it is compressed; `None` where the file does not qualify or
    /// a limit of `limits` is exceeded, which [`read`](JpegReader::read) then says. `guarded` is [`Wish::guarded`].
    #[cfg(feature = "gpu")]
    pub(crate) fn compressed<'a>(
        &mut self,
        bytes: &'a [u8],
        rule: impl Fn(u32, u32) -> Detail,
        guarded: bool,
        limits: &Limits,
    ) -> Option<Compressed<'a>> {
        self.reader.compressed(bytes, rule, guarded, limits)
    }

    /// The ICC profile in the headers up to the first scan, empty where there is none.
    pub(super) fn icc(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let headers = arithmetic::headers(bytes)?;
        let bytes = headers.as_ref().map_or(bytes, |(headers, _)| headers);
        self.reader.headers(bytes).map(|(header, ..)| header.icc.joined())
    }

    /// Memory kept for the next picture, in bytes.
    pub(super) fn kept(&self) -> u64 {
        self.reader.kept()
    }

    /// Takes a picture's memory back for the next one.
    pub fn recycle(&mut self, picture: Picture) {
        self.reader.take_back(picture);
    }
}

/// How much of a `width`×`height` picture the algorithms' signatures need.
///
/// The smallest n for which, over photographs as they are, saved again and scaled, the signature's distance to that of every
/// pixel stays within 24 (Euclidean, PhotoDNA) and 8 bits (PDQ) in 99 of 100 (`benches/decoders`, `accuracy`): by the
/// shorter side in pixels.
///
/// | | n = 1 | n = 2 | n = 3 | n = 4 | n = 6 | below |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | PhotoDNA alone | 800 | 400 | 168 | 144 | 96 | full |
/// | with PDQ | 1,600 | 680 | 400 | 288 | 144 | full |
///
/// The rule never gives n = 8: with its guards it costs more than every pixel, and subsampled chroma that is not interpolated moves pictures in two
/// colours of such sizes by up to 35.
pub fn detail_for(width: u32, height: u32, algorithms: &[Algorithm]) -> Detail {
    let least = if algorithms.iter().all(|algorithm| *algorithm == Algorithm::PhotoDna) {
        &[(1, 800), (2, 400), (3, 168), (4, 144), (6, 96)][..]
    } else {
        &[(1, 1_600), (2, 680), (3, 400), (4, 288), (6, 144)][..]
    };
    let side = width.min(height);
    let found = least.iter().find(|&&(_, least)| side >= least);
    found.map_or(Detail::Full, |&(detail, _)| Detail::Scaled(detail))
}
