//! WebP through `image`; the first frame of an animated one.

use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageError};

use super::pieces::Pieces;
use super::{Raster, blank, lengthen, share, take_alpha};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::{Estimate, LEAST};
use crate::decode::{Format, Viewing, orient};
use crate::error::{Error, Result};
use crate::limits;
pub(super) use composed::frame_memory;
use content::Content;

mod broken;
pub(in crate::decode) mod composed;
mod content;
mod flat;

/// What decoding takes, by the chunks with the picture.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let content = Content::of(bytes);
    let (width, height) = open(&content, bytes)?.dimensions();
    let canvas = u64::from(width) * u64::from(height);
    let frame = u64::from(content.frame.0) * u64::from(content.frame.1);
    let mut memory = 4 * canvas;
    if content.alpha || content.lossless || content.animated {
        memory += canvas;
    }
    if content.animated {
        memory += 4 * canvas + 4 * frame;
    }
    if content.lossless {
        memory += without_loss(frame, content.coded);
    } else {
        memory += with_loss(content.frame, content.coded);
    }
    if content.alpha {
        memory += without_loss(frame, content.coded) + frame;
    }
    memory += broken::memory(&content);
    // What else there is, such as EXIF, is held once.
    memory += bytes.len() as u64;
    let profile = profile_memory(profile(bytes).len());
    let estimate =
        Estimate::new(Format::WebP, (width, height), 0).working_through(frame).and(memory).and(profile);
    if !content.animated {
        return Ok(estimate);
    }
    Ok(estimate.animated(frame_memory((width, height), bytes)))
}

/// R, G, B, A, and what transforms hold of each block. No header gives the size of its code tables: they take some bytes for each byte that is
/// coded, for which it counts twenty times.
fn without_loss(pixels: u64, coded: usize) -> u64 {
    5 * pixels + 20 * coded as u64
}

/// Luma and chroma of whole macroblocks, the coded data once more, and the largest partition that its header can announce.
fn with_loss((width, height): (u32, u32), coded: usize) -> u64 {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    blocks * 16 * 16 * 3 / 2 + 2 * coded as u64 + (1 << 24)
}

/// Decodes a WebP; one that the file's end cuts is corrupt. One whose data is broken keeps the rows before that.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Result<Raster> {
    let content = Content::of(bytes);
    if let Some(missing) = content.missing {
        return Err(corrupt_text(format!(
            "the file ends {missing} bytes before the end of the picture's data"
        )));
    }
    let mut decoder = open(&content, bytes)?;
    let (width, height) = decoder.dimensions();
    if !content.animated && content.frame != (width, height) {
        return Err(corrupt_text("its picture has another size than the file announces"));
    }
    let orientation = orientation(&mut decoder);
    let pixels = width as usize * height as usize;
    let viewing = Viewing { animated: content.animated, unusual: content.unusual, ..Viewing::default() };
    let (mut alpha, mut whole) = (Vec::new(), None);
    if let Some(colour) = content.colour {
        lengthen(samples, pixels * 3)?;
        samples.as_chunks_mut::<3>().0.fill(colour);
    } else {
        let channels = usize::from(decoder.color_type().bytes_per_pixel());
        blank(samples, pixels * channels)?;
        let rows = match decoder.read_image(samples).map_err(corrupt) {
            Ok(()) => None,
            Err(Error::Corrupt { .. })
                if !content.animated
                    && let Some(rows) = broken::decode(bytes, samples) =>
            {
                Some(rows)
            }
            Err(error) => return Err(error),
        };
        if samples.len() == pixels * 4 {
            alpha = take_alpha(samples);
        }
        if let Some(rows) = rows {
            whole = share(Format::WebP, rows, height, &"its data is broken")?;
            alpha.resize(pixels, u8::MAX);
            alpha[rows as usize * width as usize..].fill(0);
        }
    }
    Ok(Raster { width, height, channels: 3, whole, orientation, viewing, alpha })
}

/// Whether nothing that browsers ask says that it has alpha.
pub(super) fn is_silent_of_alpha(bytes: &[u8]) -> bool {
    Content::of(bytes).is_silent
}

/// What it says of its colours.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'_> {
    ColourSpace::icc(profile(bytes))
}

fn open<'a>(content: &Content, bytes: &'a [u8]) -> Result<WebPDecoder<Pieces<'a>>> {
    WebPDecoder::new(content.repaired(bytes)).map_err(corrupt)
}

/// The ICC profile, empty where there is none.
fn profile(bytes: &[u8]) -> &[u8] {
    chunk(bytes, *b"ICCP").unwrap_or_default()
}

/// The content of a chunk of this name (WebP container specification, "RIFF file format").
fn chunk(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (found, behind) = rest.split_first_chunk::<4>()?;
        let (length, behind) = behind.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = behind.get(..length)?;
        if *found == name {
            return Some(content);
        }
        rest = behind.get(length.next_multiple_of(2)..)?;
    }
}

fn orientation(decoder: &mut WebPDecoder<Pieces<'_>>) -> Option<image::metadata::Orientation> {
    let exif = decoder.exif_metadata().ok().flatten()?;
    orient::from_exif(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
}

fn corrupt(error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("WebP: {error}")),
        ImageError::Limits(_) => limits::refused(LEAST),
        error if error.to_string().contains("Unsupported feature: ") => {
            Error::Unsupported(format!("WebP: {error}").replace("Unsupported feature: ", ""))
        }
        error => corrupt_text(error.to_string()),
    }
}

fn corrupt_text(message: impl Into<String>) -> Error {
    Error::corrupt(Format::WebP.name(), message)
}
