//! Portable any-maps, which give all of a picture or nothing, through `image`.

use std::io::Cursor;

use image::codecs::pnm::PnmDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::{Opacity, Raster, blank};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result, words_alone};
use crate::limits;

/// What decoding takes: the samples as they are stored, as they are given, and the file once more.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let decoder = open(bytes)?;
    let stored = u64::from(decoder.color_type().bytes_per_pixel());
    let estimate = Estimate::new(Format::Pnm, decoder.dimensions(), 2 * stored + 5);
    Ok(estimate.and(3 * bytes.len() as u64))
}

/// Decodes a file; one that is cut is corrupt.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Result<Raster> {
    let decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    let length = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut stored = Vec::new();
    blank(&mut stored, length)?;
    decoder.read_image(&mut stored).map_err(problem)?;
    let channels = usize::from(colour.channel_count());
    let sample = usize::from(colour.bytes_per_pixel()) / channels.max(1);
    let (colours, has_alpha) = match colour {
        ColorType::L8 | ColorType::L16 => (1, false),
        ColorType::La8 | ColorType::La16 => (1, true),
        ColorType::Rgb8 | ColorType::Rgb16 => (3, false),
        ColorType::Rgba8 | ColorType::Rgba16 => (3, true),
        _ => return Err(Error::Unsupported(format!("{} with samples of the kind {colour:?}", Format::Pnm))),
    };
    // Of 16 bits, in the machine's order, the high byte.
    let high = if sample == 2 && cfg!(target_endian = "little") { 1 } else { 0 };
    let pixels = || stored.chunks_exact(channels * sample);
    blank(samples, width as usize * height as usize * colours)?;
    for (to, from) in samples.chunks_exact_mut(colours).zip(pixels()) {
        to.iter_mut().zip(from.chunks_exact(sample)).for_each(|(to, from)| *to = from[high]);
    }
    let mut opacity = Opacity::new(width as usize * height as usize);
    if has_alpha {
        opacity.note(0, pixels().map(|pixel| pixel[colours * sample + high]));
    }
    let viewing = Viewing::default();
    Ok(Raster {
        width,
        height,
        channels: colours,
        whole: None,
        orientation: None,
        viewing,
        alpha: opacity.alpha,
    })
}

fn open(bytes: &[u8]) -> Result<PnmDecoder<Cursor<&[u8]>>> {
    PnmDecoder::new(Cursor::new(bytes)).map_err(problem)
}

fn problem(error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("{}: {error}", Format::Pnm)),
        ImageError::Limits(_) => limits::refused(u64::MAX),
        error => Error::corrupt(Format::Pnm.name(), words_alone(error.to_string())),
    }
}
