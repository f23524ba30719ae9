//! Full decoding of every pixel: one file a format, each around a well-kept crate.
//!
//! `image` reads WebP and BMP. PNG, GIF and TIFF go to the crates that `image` itself uses, because these hand out rows or
//! strips one by one, so that what came before a break is kept and counted. JPEG goes to `zune-jpeg`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;

use super::{DamagedPolicy, DecodeOptions, Decoded, Detail, Format, Orient, Spare, orient};
use crate::error::{Error, Result};
use crate::limits::Limits;
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

/// Decodes every pixel of `bytes`, into `spare`'s memory where it fits.
pub(super) fn decode(bytes: &[u8], options: &DecodeOptions, spare: &mut Spare) -> Result<Decoded> {
    options.limits.check_file_bytes(bytes.len() as u64)?;
    let format = Format::sniff(bytes).ok_or_else(|| no_picture(bytes))?;
    let wanted = Wanted { limits: &options.limits, orientation: options.orient == Orient::Exif };
    let raster = guarded(format, || read(format, bytes, &wanted, spare));
    spare.stream = kept(std::mem::take(&mut spare.stream));
    let raster = raster?;
    if let (Some(share), DamagedPolicy::Refuse) = (raster.whole, options.damaged) {
        return Err(damaged(format, share));
    }
    let picture = turned(raster.orientation, picture(std::mem::take(&mut spare.samples), &raster));
    Ok(Decoded { picture, format, detail: Detail::Full, whole: raster.whole })
}

fn read(format: Format, bytes: &[u8], wanted: &Wanted<'_>, spare: &mut Spare) -> Result<Raster> {
    let samples = &mut spare.samples;
    match format {
        Format::Jpeg => jpeg::decode(bytes, wanted, samples, &mut spare.stream),
        Format::Png => png::decode(bytes, wanted, samples),
        Format::WebP => webp::decode(bytes, wanted, samples),
        Format::Gif => gif::decode(bytes, wanted, samples),
        Format::Bmp => bmp::decode(bytes, wanted, samples),
        Format::Tiff => tiff::decode(bytes, wanted, samples),
        Format::Heic | Format::Avif | Format::JpegXl => Err(unread(format)),
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

/// Checks the announced size and the memory that decoding takes: the samples and `more` bytes besides.
fn check(limits: &Limits, width: u32, height: u32, channels: usize, more: u64) -> Result<()> {
    limits.check_size(width, height)?;
    let samples = u64::from(width) * u64::from(height) * channels as u64;
    limits.check_decoder_bytes(samples.saturating_add(more))
}

/// Makes the buffer exactly this long, all zero.
fn blank(samples: &mut Vec<u8>, length: usize) {
    samples.clear();
    samples.resize(length, 0);
}

/// The share of rows, for [`Raster::whole`]. No row at all is an error.
fn share(format: Format, rows: u32, height: u32, why: &dyn std::fmt::Display) -> Result<Option<f32>> {
    if rows == 0 {
        return Err(Error::corrupt(format.name(), format!("not one row could be decoded: {why}")));
    }
    Ok(Some(rows as f32 / height as f32))
}

/// Drops the alpha channel of interleaved samples in place; `with` counts the channels with it.
fn drop_alpha(samples: &mut Vec<u8>, with: usize) {
    let kept = without_alpha(samples, with);
    samples.truncate(kept);
}

/// Moves all but the last of every `with` samples to the front; returns how many these are.
fn without_alpha(samples: &mut [u8], with: usize) -> usize {
    let pixels = samples.len() / with;
    for pixel in 1..pixels {
        samples.copy_within(pixel * with..pixel * with + with - 1, pixel * (with - 1));
    }
    pixels * (with - 1)
}

/// The light that one ink and black leave of white, each 0 for none.
fn ink_to_light(ink: u8, black: u8) -> u8 {
    ((255 - u32::from(ink)) * (255 - u32::from(black)) / 255) as u8
}

/// Fills memory with a pattern that no picture has, so that what a decoder did not write shows.
fn mark(samples: &mut [u8]) {
    for (at, sample) in samples.iter_mut().enumerate() {
        *sample = pattern(at);
    }
}

/// How many bytes at the end still hold the pattern.
fn marked(samples: &[u8]) -> usize {
    samples.iter().enumerate().rev().take_while(|(at, sample)| **sample == pattern(*at)).count()
}

fn pattern(at: usize) -> u8 {
    ((at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}
