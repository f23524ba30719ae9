//! WebP through `image`; the first frame of an animated one.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{ImageDecoder, ImageError};

use super::{Raster, Wanted, blank, check, drop_alpha};
use crate::decode::{Format, orient};
use crate::error::{Error, Result};

/// Decodes a WebP; one whose picture data is cut is corrupt.
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    if let Some(missing) = missing_bytes(bytes) {
        let message = format!("the file ends {missing} bytes before the end of the picture's data");
        return Err(Error::corrupt(Format::WebP.name(), message));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(corrupt)?;
    let (width, height) = decoder.dimensions();
    // The decoder's own planes: up to two R, G, B, A copies for lossless and animated pictures.
    check(wanted.limits, width, height, 4, u64::from(width) * u64::from(height) * 8)?;
    let orientation = if wanted.orientation { orientation(&mut decoder) } else { None };
    let channels = usize::from(decoder.color_type().bytes_per_pixel());
    blank(samples, width as usize * height as usize * channels);
    decoder.read_image(samples).map_err(corrupt)?;
    if channels == 4 {
        drop_alpha(samples, 4);
    }
    Ok(Raster { width, height, channels: 3, whole: None, orientation })
}

/// Bytes that the chunk with the (first) picture announces and the file does not have.
///
/// The decoders of both codings run on past the end of a cut chunk, so this is what notices a cut.
fn missing_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = 12;
    while let Some(header) = bytes.get(at..at + 8) {
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let end = (at + 8).saturating_add(size);
        if matches!(&header[..4], b"VP8 " | b"VP8L" | b"ANMF" | b"ALPH") && end > bytes.len() {
            return Some(end - bytes.len());
        }
        if matches!(&header[..4], b"VP8 " | b"VP8L" | b"ANMF") {
            return None;
        }
        at = end.saturating_add(size % 2);
    }
    None
}

fn orientation(decoder: &mut WebPDecoder<Cursor<&[u8]>>) -> Option<image::metadata::Orientation> {
    let exif = decoder.exif_metadata().ok().flatten()?;
    orient::from_exif(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
}

fn corrupt(error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("WebP: {error}")),
        error if error.to_string().contains("Unsupported feature: ") => {
            Error::Unsupported(format!("WebP: {error}").replace("Unsupported feature: ", ""))
        }
        error => Error::corrupt(Format::WebP.name(), error.to_string()),
    }
}
