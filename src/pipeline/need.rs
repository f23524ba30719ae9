//! How much memory decoding a picture will take, from its header alone.

use std::io::Cursor;

use zune_core::bytestream::ZCursor;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::limits::Limits;

/// Bytes a pixel while a picture is decoded: the 3 of the result, and what its decoder keeps beside them.
mod per_pixel {
    /// Strips of rows are negligible.
    pub(super) const JPEG: u64 = 3;
    /// And up to three 16-bit coefficients.
    pub(super) const JPEG_PROGRESSIVE: u64 = 3 + 6;
    /// And up to four 16-bit channels.
    pub(super) const OTHER: u64 = 3 + 8;
}

/// Memory that decoding `encoded` is expected to take, in bytes.
///
/// 0 where decoding ends before memory is taken (no known format, or over the limits); the limit on decoder memory
/// where the format is known but the header does not say.
pub(super) fn decode_bytes(encoded: &[u8], limits: &Limits) -> u64 {
    let announced = if encoded.starts_with(&[0xff, 0xd8]) { jpeg(encoded) } else { other(encoded) };
    match announced {
        Announced::Nothing => 0,
        Announced::Unreadable => limits.max_decoder_bytes,
        Announced::Size { width, height, .. } if limits.check_size(width, height).is_err() => 0,
        Announced::Size { width, height, per_pixel } => u64::from(width) * u64::from(height) * per_pixel,
    }
}

enum Announced {
    Nothing,
    Unreadable,
    Size { width: u32, height: u32, per_pixel: u64 },
}

fn jpeg(encoded: &[u8]) -> Announced {
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(encoded), options);
    let info = decoder.decode_headers().ok().and_then(|()| decoder.info());
    info.map_or(Announced::Unreadable, |info| Announced::Size {
        width: info.width.into(),
        height: info.height.into(),
        per_pixel: if info.sof.is_progressive() { per_pixel::JPEG_PROGRESSIVE } else { per_pixel::JPEG },
    })
}

fn other(encoded: &[u8]) -> Announced {
    let Ok(reader) = image::ImageReader::new(Cursor::new(encoded)).with_guessed_format() else {
        return Announced::Nothing;
    };
    if reader.format().is_none_or(|format| !format.reading_enabled()) {
        return Announced::Nothing;
    }
    reader.into_dimensions().map_or(Announced::Unreadable, |(width, height)| Announced::Size {
        width,
        height,
        per_pixel: per_pixel::OTHER,
    })
}
