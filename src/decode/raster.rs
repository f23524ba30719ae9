//! Full decoding of every pixel: one file a format, each around a well-kept crate.
//!
//! `image` reads WebP and BMP. PNG, GIF and TIFF go to the crates that `image` itself uses, because these hand out rows or
//! strips one by one, so that what came before a break is kept and counted. JPEG goes to `zune-jpeg`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;

use super::estimate::Estimate;
use super::{DamagedPolicy, DecodeOptions, Decoded, Detail, Format, Orient, Spare, orient};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use crate::picture::Picture;

mod bmp;
mod gif;
mod jpeg;
mod png;
mod tiff;
mod webp;

/// What a format's reader gives besides the samples, which it leaves in the buffer it was handed.
struct Raster {
    width: u32,
    height: u32,
    /// 1 for grey, 3 for R, G, B.
    channels: usize,
    /// The share of rows that came out whole, `None` for all of an undamaged picture.
    whole: Option<f32>,
    /// The orientation that metadata names; read only where it is wanted.
    orientation: Option<Orientation>,
}

/// What a format's reader needs to know.
struct Wanted<'a> {
    limits: &'a Limits,
    /// Whether [`Raster::orientation`] is worth the reading.
    orientation: bool,
}

impl Wanted<'_> {
    fn of(options: &DecodeOptions) -> Wanted<'_> {
        Wanted { limits: &options.limits, orientation: options.orient == Orient::Exif }
    }
}

/// Decodes every pixel of `bytes`, into `spare`'s memory where it fits.
pub(super) fn decode(bytes: &[u8], options: &DecodeOptions, spare: &mut Spare) -> Result<Decoded> {
    let estimate = estimate(bytes, options)?;
    estimate.check(&options.limits, bytes.len())?;
    limits::can_be_had(estimate.memory)?;
    let (format, wanted) = (estimate.format, Wanted::of(options));
    let raster = guarded(format, || read(&estimate, bytes, &wanted, spare));
    spare.stream = kept(std::mem::take(&mut spare.stream));
    let raster = raster?;
    if let (Some(share), DamagedPolicy::Refuse) = (raster.whole, options.damaged) {
        return Err(damaged(format, share));
    }
    let picture = turned(raster.orientation, picture(std::mem::take(&mut spare.samples), &raster));
    Ok(Decoded { picture, format, detail: Detail::Full, whole: raster.whole })
}

/// What [`decode`] will take.
///
/// # Errors
///
/// Those with which [`decode`] ends before it takes any memory; limits are not asked.
pub(super) fn estimate(bytes: &[u8], options: &DecodeOptions) -> Result<Estimate> {
    options.limits.check_file_bytes(bytes.len() as u64)?;
    let format = Format::sniff(bytes).ok_or_else(|| no_picture(bytes))?;
    let wanted = Wanted::of(options);
    let estimate = guarded(format, || match format {
        Format::Jpeg => jpeg::estimate(bytes, &wanted),
        Format::Png => png::estimate(bytes),
        Format::WebP => webp::estimate(bytes),
        Format::Gif => gif::estimate(bytes, &wanted),
        Format::Bmp => bmp::estimate(bytes),
        Format::Tiff => tiff::estimate(bytes, &wanted),
        Format::Heic | Format::Avif | Format::JpegXl => Err(unread(format)),
    })?;
    // A quarter turn takes a second picture.
    let turned =
        if wanted.orientation { u64::from(estimate.width) * u64::from(estimate.height) * 3 } else { 0 };
    Ok(estimate.and(turned))
}

fn read(estimate: &Estimate, bytes: &[u8], wanted: &Wanted<'_>, spare: &mut Spare) -> Result<Raster> {
    let samples = &mut spare.samples;
    match estimate.format {
        Format::Jpeg => jpeg::decode(bytes, wanted, samples, &mut spare.stream),
        Format::Png => png::decode(bytes, wanted, samples),
        Format::WebP => webp::decode(bytes, wanted, samples),
        Format::Gif => gif::decode(bytes, wanted, samples),
        Format::Bmp => bmp::decode(bytes, samples),
        Format::Tiff => tiff::decode(bytes, wanted, samples),
        Format::Heic | Format::Avif | Format::JpegXl => Err(unread(estimate.format)),
    }
}

/// Memory for the next file, unless this one's was unusually large.
fn kept(stream: Vec<u8>) -> Vec<u8> {
    if stream.capacity() > 16 << 20 { Vec::new() } else { stream }
}

/// Runs a decoder; a panic of it becomes an error. The last line behind every decoder's own checks.
fn guarded<T>(format: Format, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(Error::corrupt(format.name(), "the decoder met a state that it did not expect and gave up"))
    })
}

fn picture(samples: Vec<u8>, raster: &Raster) -> Picture {
    match raster.channels {
        1 => Picture::from_grey(samples, raster.width, raster.height),
        _ => Picture::from_rgb(samples, raster.width, raster.height),
    }
}

fn turned(orientation: Option<Orientation>, picture: Picture) -> Picture {
    match orientation {
        None | Some(Orientation::NoTransforms) => picture,
        Some(orientation) => orient::turn(picture, orientation),
    }
}

/// What is said of bytes that begin as no picture does.
pub(crate) fn no_picture(bytes: &[u8]) -> Error {
    Error::Input(if bytes.is_empty() {
        "the file is empty".into()
    } else {
        "not a picture of a known format: the first bytes are not those of a JPEG, PNG, WebP, GIF, BMP or TIFF".into()
    })
}

fn unread(format: Format) -> Error {
    let name = match format {
        Format::Heic => "HEIC",
        Format::Avif => "AVIF",
        _ => "JPEG XL",
    };
    Error::Unsupported(format!("{name} pictures are not read; convert the file to JPEG or PNG"))
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
        // What was there is of no use, and must not be held beside the new memory.
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

/// Drops the alpha channel of interleaved R, G, B and alpha in place.
fn drop_alpha(samples: &mut Vec<u8>) {
    let pixels = samples.len() / 4;
    for pixel in 1..pixels {
        if let Some(&[r, g, b, _]) = samples.get(pixel * 4..).and_then(|rest| rest.first_chunk())
            && let Some(to) = samples.get_mut(pixel * 3..).and_then(|rest| rest.first_chunk_mut())
        {
            *to = [r, g, b];
        }
    }
    samples.truncate(pixels * 3);
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
    fn alpha_goes_and_colours_stay() {
        for pixels in [0, 1, 2, 3, 17] {
            let mut samples: Vec<u8> = (0..pixels).flat_map(|n| [n * 3, n * 3 + 1, n * 3 + 2, 255]).collect();
            drop_alpha(&mut samples);
            assert_eq!(samples, (0..pixels * 3).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn a_buffer_that_cannot_be_is_a_limit() {
        let mut samples = vec![7; 10];
        assert_eq!(lengthen(&mut samples, usize::MAX / 4).unwrap_err().code(), "limit");
        assert!(blank(&mut samples, 20).is_ok() && samples == [0; 20]);
    }
}
