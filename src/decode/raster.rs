//! Full decoding of every pixel: one file a format, each around a well-kept crate.
//!
//! `image` reads WebP, BMP, ICO and PNM. PNG, GIF and TIFF go to the crates that `image` itself uses, because these hand out rows or
//! strips one by one, so that what came before a break is kept and counted. JPEG has a [reader](super::jpeg) of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;

use super::colours::{ColourSpace, Sample};
use super::estimate::{Estimate, LEAST};
use super::helper::Helper;
use super::viewing::{Sources, Tables};
use super::{DamagedPolicy, DecodeOptions, Decoded, Detail, Format, Frames, Orient, Viewing, orient};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use crate::picture::Picture;

mod bmp;
#[cfg(any(feature = "avif", feature = "heic"))]
mod boxes;
pub(super) mod composed;
#[cfg(any(feature = "heic-rust", feature = "jxl"))]
mod deadline;
pub(super) mod gif;
#[cfg_attr(not(any(feature = "avif", feature = "heic")), path = "raster/heif_absent.rs")]
pub(super) mod heif;
pub(super) mod icon;
#[cfg_attr(not(feature = "jxl"), path = "raster/jxl_absent.rs")]
pub(super) mod jxl;
mod pieces;
mod plain;
pub(super) mod png;
mod qoi;
pub(super) mod tiff;
pub(super) mod webp;

/// What a format's reader gives besides the samples, which it leaves in the buffer it was handed.
struct Raster {
    width: u32,
    height: u32,
    /// 1 for grey, 3 for R, G, B.
    channels: usize,
    /// The share of rows that came out whole, `None` for all of an undamaged picture.
    whole: Option<f32>,
    /// The orientation that metadata names.
    orientation: Option<Orientation>,
    /// What viewers do beyond showing these samples.
    viewing: Viewing,
    /// The opacity of each pixel; empty where all are opaque.
    alpha: Vec<u8>,
}

/// Decodes every pixel of `bytes`, into `samples`' memory where it fits.
pub(super) fn decode(
    bytes: &[u8],
    options: &DecodeOptions,
    helper: &mut Helper,
    samples: &mut Vec<u8>,
) -> Result<Decoded> {
    let estimate = estimate(bytes, options)?;
    estimate.check(&options.limits, bytes.len())?;
    limits::can_be_had(estimate.memory)?;
    let format = estimate.format;
    let raster = guarded(format, || read(format, bytes, options, helper, samples))?;
    if let (Some(share), DamagedPolicy::Refuse) = (raster.whole, options.damaged) {
        return Err(damaged(format, share));
    }
    let (picture, viewing) = (picture(std::mem::take(samples), &raster), raster.viewing);
    let meaning = colour_space(format, bytes, options.tables);
    let sample = if meaning == ColourSpace::Usual { Sample::default() } else { Sample::of(&picture, bytes) };
    let viewing = Viewing { alpha: !raster.alpha.is_empty(), profile: meaning.moves(&sample), ..viewing };
    let (picture, viewing) = turned(raster.orientation, options.orient, picture, viewing);
    let alpha =
        orient::turn_plane(raster.alpha, (raster.width, raster.height), raster.orientation, options.orient);
    let silent = format == Format::WebP && !alpha.is_empty() && webp::is_silent_of_alpha(bytes);
    let sources = Sources { alpha, silent, scans: None };
    Ok(Decoded { picture, format, detail: Detail::Full, whole: raster.whole, viewing, sources })
}

/// The file that viewers show of another, and its format: an icon's PNG counts with all that it says. Others are themselves.
pub(super) fn within(format: Format, bytes: &[u8]) -> (Format, &[u8]) {
    let png = (format == Format::Ico).then(|| icon::png_of(bytes)).flatten();
    png.map_or((format, bytes), |png| (Format::Png, png))
}

/// What a file says of its colours, where it is no JPEG.
pub(super) fn colour_space(format: Format, bytes: &[u8], tables: Tables) -> ColourSpace<'_> {
    let (format, bytes) = within(format, bytes);
    match format {
        Format::Png => png::chunks::colour_space(bytes),
        Format::Bmp => bmp::colour_space(bytes),
        Format::WebP => webp::colour_space(bytes),
        Format::Tiff => tiff::colour_space(bytes),
        Format::JpegXl => jxl::colour_space(bytes),
        Format::Heic | Format::Avif => heif::colour_space(bytes, tables),
        _ => ColourSpace::Usual,
    }
}

/// What [`decode`] will take.
///
/// # Errors
///
/// Those with which [`decode`] ends before it takes any memory; limits are not asked.
pub(super) fn estimate(bytes: &[u8], options: &DecodeOptions) -> Result<Estimate> {
    options.limits.check_file_bytes(bytes.len() as u64)?;
    let format = Format::sniff(bytes).ok_or_else(|| no_picture(bytes))?;
    let estimate = guarded(format, || match format {
        Format::Png => png::estimate(bytes),
        Format::WebP => webp::estimate(bytes),
        Format::Gif => gif::estimate(bytes, &options.limits),
        Format::Bmp => bmp::estimate(bytes),
        Format::Tiff => tiff::estimate(bytes, &options.limits),
        Format::JpegXl => jxl::estimate(bytes),
        Format::Heic | Format::Avif => heif::estimate(format, bytes, options.tables),
        Format::Ico => icon::estimate(bytes),
        Format::Pnm => plain::estimate(bytes),
        Format::Qoi => qoi::estimate(bytes),
        Format::Jpeg => Err(gave_up(format)),
    })?;
    let estimate = if options.frames == Frames::First { estimate } else { several(estimate, bytes, options) };
    Ok(turning(estimate, options))
}

/// An estimate with what the further frames of a file take, one after another.
fn several(estimate: Estimate, bytes: &[u8], options: &DecodeOptions) -> Estimate {
    let (format, limits) = (estimate.format, &options.limits);
    let most = guarded(format, || {
        Ok(match format {
            Format::Tiff => tiff::page_memory(bytes, limits),
            Format::Ico => icon::memory_of_others(bytes),
            _ => 0,
        })
    });
    // And what is kept of them all, which a file of few bytes can have thousands of.
    let count = if format == Format::Gif { gif::count(bytes) } else { bytes.len() as u64 / LEAST_FRAME };
    let kept = count.min(options.frames.most()) * FRAME_BYTES;
    let decoded = estimate.faces.max(estimate.memory).saturating_add(most.unwrap_or(0));
    estimate.with_faces(decoded.saturating_add(kept))
}

/// Bytes of a file that the shortest frame takes, but for a GIF's; pages and pictures of icons may share theirs, and take more of a directory.
const LEAST_FRAME: u64 = 16;

/// Bytes that are kept of a frame: its signatures and those of its faces.
pub(super) const FRAME_BYTES: u64 = 4 << 10;

/// Memory that [`estimate`] takes itself before it ends, in bytes, where that counts next to a picture.
pub(super) fn estimating(bytes: &[u8], limits: &Limits) -> u64 {
    let tables = if Format::sniff(bytes) == Some(Format::Tiff) { tiff::tables(bytes) } else { 0 };
    let is_taken = tables > LEAST && limits.check_decoder_bytes(tables).is_ok();
    if is_taken { tables } else { 0 }
}

/// An estimate with what turning the picture takes.
pub(super) fn turning(estimate: Estimate, options: &DecodeOptions) -> Estimate {
    let pixels = u64::from(estimate.width) * u64::from(estimate.height);
    // A quarter turn takes a second picture.
    estimate.and(if options.orient == Orient::Exif { pixels.saturating_mul(3) } else { 0 })
}

fn read(
    format: Format,
    bytes: &[u8],
    options: &DecodeOptions,
    helper: &mut Helper,
    samples: &mut Vec<u8>,
) -> Result<Raster> {
    let limits = &options.limits;
    match format {
        Format::Png => png::decode(bytes, limits, samples),
        Format::WebP => webp::decode(bytes, samples),
        Format::Gif => gif::decode(bytes, limits, samples),
        Format::Bmp => bmp::decode(bytes, samples),
        Format::Tiff => tiff::decode(bytes, limits, samples),
        Format::JpegXl => jxl::decode(bytes, samples),
        Format::Heic | Format::Avif => heif::decode(format, bytes, options.tables, helper, samples),
        Format::Ico => icon::decode(bytes, limits, samples),
        Format::Pnm => plain::decode(bytes, samples),
        Format::Qoi => qoi::decode(bytes, samples),
        Format::Jpeg => Err(gave_up(format)),
    }
}

/// Runs a decoder; a panic of it becomes an error. The last line behind every decoder's own checks.
pub(super) fn guarded<T>(format: Format, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(gave_up(format)))
}

pub(super) fn gave_up(format: Format) -> Error {
    Error::corrupt(format.name(), "the decoder met a state that it did not expect and gave up")
}

fn picture(samples: Vec<u8>, raster: &Raster) -> Picture {
    match raster.channels {
        1 => Picture::from_grey(samples, raster.width, raster.height),
        _ => Picture::from_rgb(samples, raster.width, raster.height),
    }
}

/// Turns a picture where that is asked for; where it is not, says that viewers do.
pub(super) fn turned(
    orientation: Option<Orientation>,
    orient: Orient,
    picture: Picture,
    viewing: Viewing,
) -> (Picture, Viewing) {
    match (orientation, orient) {
        (None | Some(Orientation::NoTransforms), _) => (picture, viewing),
        (Some(orientation), Orient::Exif) => (orient::turn(picture, orientation), viewing),
        (Some(_), Orient::Ignore) => (picture, Viewing { oriented: true, ..viewing }),
    }
}

/// What [`Error::NoPicture`] says, of a file without bytes and of one with others than a picture's.
const NO_PICTURE: [&str; 2] = [
    "the file is empty",
    "not a picture of a known format: the first bytes are not those of a JPEG, PNG, WebP, GIF, BMP, TIFF, PNM, QOI, ICO, HEIC, AVIF or JPEG XL",
];

/// What is said of bytes that begin as no picture does.
pub(crate) fn no_picture(bytes: &[u8]) -> Error {
    Error::NoPicture(NO_PICTURE[usize::from(!bytes.is_empty())].to_string())
}

/// How [`Error::NoPicture`] begins of a table.
#[cfg(any(feature = "job", feature = "parquet"))]
const NO_PICTURES: &str = "a Parquet file without pictures: ";

/// What is said of a Parquet file that holds something else, and why.
#[cfg(feature = "parquet")]
pub(crate) fn no_pictures(why: &str) -> Error {
    Error::NoPicture(format!("{NO_PICTURES}{why}"))
}

/// Whether a message is that of [`no_picture`] or [`no_pictures`].
#[cfg(feature = "job")]
pub(crate) fn says_no_picture(message: &str) -> bool {
    NO_PICTURE.contains(&message) || message.starts_with(NO_PICTURES)
}

pub(super) fn damaged(format: Format, share: f32) -> Error {
    let percent = share * 100.0;
    Error::corrupt(
        format.name(),
        format!("the picture is damaged; {percent:.1} % of its rows came out whole"),
    )
}

/// Makes the buffer exactly this long, all zero.
fn blank(samples: &mut Vec<u8>, length: usize) -> Result<()> {
    samples.clear();
    lengthen(samples, length)
}

/// Makes the buffer exactly this long; what it holds may be anything.
fn lengthen(samples: &mut Vec<u8>, length: usize) -> Result<()> {
    if samples.capacity() < length {
        // The old contents are of no use: freed first, so that both are never held together.
        *samples = Vec::new();
        samples.try_reserve_exact(length).map_err(|_| limits::refused(length as u64))?;
    }
    samples.resize(length, 0);
    Ok(())
}

/// The share of rows, for [`Raster::whole`]. No row at all is an error.
fn share(format: Format, rows: u32, height: u32, why: &dyn std::fmt::Display) -> Result<Option<f32>> {
    if rows == 0 {
        return Err(Error::corrupt(format.name(), format!("not one row could be decoded: {why}")));
    }
    Ok(Some(rows as f32 / height as f32))
}

/// The opacity of pixels, which takes memory once one of them is not opaque.
struct Opacity {
    pixels: usize,
    alpha: Vec<u8>,
}

impl Opacity {
    fn new(pixels: usize) -> Opacity {
        Opacity { pixels, alpha: Vec::new() }
    }

    /// Notes pixels from `first` on.
    fn note(&mut self, first: usize, run: impl Iterator<Item = u8> + Clone) {
        if let Some(alpha) = self.plane(run.clone()) {
            alpha.iter_mut().skip(first).zip(run).for_each(|(to, alpha)| *to = alpha);
        }
    }

    /// Pixels from `first` on are open.
    fn open_from(&mut self, first: usize) {
        if first < self.pixels {
            self.alpha.resize(self.pixels, u8::MAX);
            self.alpha[first..].fill(0);
        }
    }

    /// The opacity of all pixels, where one is not opaque or is not in `run`.
    fn plane(&mut self, mut run: impl Iterator<Item = u8>) -> Option<&mut [u8]> {
        if self.alpha.is_empty() && run.any(|alpha| alpha < u8::MAX) {
            self.alpha = vec![u8::MAX; self.pixels];
        }
        (!self.alpha.is_empty()).then_some(&mut self.alpha)
    }
}

/// Takes the alpha channel out of interleaved R, G, B and alpha; empty where all pixels are opaque.
pub(super) fn take_alpha(samples: &mut Vec<u8>) -> Vec<u8> {
    let mut opacity = Opacity::new(samples.len() / 4);
    opacity.note(0, samples.as_chunks::<4>().0.iter().map(|pixel| pixel[3]));
    let pixels = samples.len() / 4;
    for pixel in 1..pixels {
        if let Some(&[r, g, b, _]) = samples.get(pixel * 4..).and_then(|rest| rest.first_chunk())
            && let Some(to) = samples.get_mut(pixel * 3..).and_then(|rest| rest.first_chunk_mut())
        {
            *to = [r, g, b];
        }
    }
    samples.truncate(pixels * 3);
    opacity.alpha
}

/// The colour that was multiplied with an alpha of 0..=255 before it was stored; unchanged where alpha 0 has lost it.
fn divided(colour: u8, alpha: u8) -> u8 {
    match alpha {
        0 | 255 => colour,
        _ => (u32::from(colour) * 255 / u32::from(alpha)).min(255) as u8,
    }
}

/// The light that one ink and black leave of white, each 0 for none.
fn ink_to_light(ink: u8, black: u8) -> u8 {
    ((255 - u32::from(ink)) * (255 - u32::from(black)) / 255) as u8
}

/// Bytes that no picture has, over and over.
const PATTERN: [u8; 4096] = {
    let mut pattern = [0; 4096];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = ((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
        at += 1;
    }
    pattern
};

/// Fills memory with a pattern that no picture has, so that what a decoder did not write shows.
fn mark(samples: &mut [u8]) {
    samples.chunks_mut(PATTERN.len()).for_each(|chunk| chunk.copy_from_slice(&PATTERN[..chunk.len()]));
}

/// How many bytes at the end still hold the pattern.
fn marked(samples: &[u8]) -> usize {
    let mut found = 0;
    for chunk in samples.chunks(PATTERN.len()).rev() {
        let same = chunk.iter().zip(&PATTERN).rev().take_while(|(sample, pattern)| sample == pattern).count();
        found += same;
        if same < chunk.len() {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_written_shows() {
        for length in [0, 1, 4095, 4096, 4097, 10_000] {
            let mut samples = vec![0; length];
            mark(&mut samples);
            assert_eq!(marked(&samples), length);
            for written in
                [1, length / 2, length.saturating_sub(1)].into_iter().filter(|at| (1..length).contains(at))
            {
                mark(&mut samples);
                samples[..written].iter_mut().for_each(|sample| *sample = !*sample);
                assert_eq!(marked(&samples), length - written, "{written} of {length}");
            }
        }
    }

    #[test]
    fn turning_the_largest_picture_that_a_header_can_announce_is_over_every_limit() {
        let estimate = Estimate::new(Format::Tiff, (u32::MAX, u32::MAX), 3);
        let options = DecodeOptions::default().orient(Orient::Exif);
        let turned = turning(estimate, &options);
        assert_eq!(turned.memory, u64::MAX);
        assert_eq!(turned.check(&options.limits, 100).unwrap_err().code(), "limit");
    }

    #[test]
    fn alpha_goes_and_colours_stay() {
        for pixels in [0, 1, 2, 3, 17] {
            let mut samples: Vec<u8> = (0..pixels).flat_map(|n| [n * 3, n * 3 + 1, n * 3 + 2, 255]).collect();
            assert!(take_alpha(&mut samples.clone()).is_empty());
            if let Some(last) = samples.last_mut() {
                *last = 7;
            }
            let alpha = take_alpha(&mut samples);
            assert_eq!(samples, (0..pixels * 3).collect::<Vec<u8>>());
            assert_eq!(alpha.len(), usize::from(pixels));
            assert!(
                alpha
                    .split_last()
                    .is_none_or(|(last, others)| *last == 7 && others.iter().all(|a| *a == 255))
            );
        }
    }

    #[test]
    fn a_buffer_that_cannot_be_is_a_limit() {
        let mut samples = vec![7; 10];
        assert_eq!(lengthen(&mut samples, usize::MAX / 4).unwrap_err().code(), "limit");
        assert!(blank(&mut samples, 20).is_ok() && samples == [0; 20]);
    }
}
