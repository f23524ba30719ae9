//! Windows and OS/2 bitmaps through `image`.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::{Raster, Wanted, blank, check, drop_alpha, share};
use crate::decode::Format;
use crate::error::{Error, Result};

/// Decodes a bitmap. An uncompressed one that breaks off keeps its rows, the rest is black.
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    let (width, height) = open(bytes)?.dimensions();
    check(wanted.limits, width, height, 4, 0)?;
    let (padded, rows) = filled_up(bytes, width, height, wanted)?;
    let mut whole = None;
    if rows < height {
        whole = share(Format::Bmp, rows, height, &"the file ends before its pixels")?;
    }
    let decoder = open(&padded)?;
    let channels = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgba8 => 4,
        _ => 3,
    };
    blank(samples, width as usize * height as usize * channels);
    decoder.read_image(samples).map_err(corrupt)?;
    if channels == 4 {
        drop_alpha(samples, 4);
    }
    Ok(Raster { width, height, channels: channels.min(3), whole, orientation: None })
}

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>> {
    BmpDecoder::new(Cursor::new(bytes)).map_err(corrupt)
}

/// The file with zeros for the rows that it lacks, and how many rows it has.
fn filled_up<'a>(
    bytes: &'a [u8],
    width: u32,
    height: u32,
    wanted: &Wanted<'_>,
) -> Result<(Cow<'a, [u8]>, u32)> {
    let Some((offset, row_bytes)) = row_layout(bytes, width) else {
        return Ok((Cow::Borrowed(bytes), height));
    };
    let rows = bytes.len().saturating_sub(offset) / row_bytes;
    // The last row's padding may be missing without harm; the decoder asks for it.
    if rows >= height as usize {
        return Ok((Cow::Borrowed(bytes), height));
    }
    let length = offset as u64 + row_bytes as u64 * u64::from(height);
    check(wanted.limits, width, height, 4, length)?;
    let mut padded = bytes.to_vec();
    padded.resize(length as usize, 0);
    Ok((Cow::Owned(padded), rows as u32))
}

/// Where the pixels begin and how many bytes a row takes; `None` for compressed bitmaps.
fn row_layout(bytes: &[u8], width: u32) -> Option<(usize, usize)> {
    let word = |at: usize| bytes.get(at..at + 2).map(|field| u16::from_le_bytes([field[0], field[1]]));
    let long = |at: usize| Some(u32::from(word(at)?) | u32::from(word(at + 2)?) << 16);
    let offset = long(10)? as usize;
    let (bits, compression) = match long(14)? {
        12 => (word(24)?, 0),
        16 => (word(28)?, 0),
        _ => (word(28)?, long(30)?),
    };
    let uncompressed = matches!(compression, 0 | 3 | 6) && bits > 0;
    let row_bits = u64::from(width) * u64::from(bits);
    uncompressed.then_some((offset, row_bits.div_ceil(32) as usize * 4))
}

fn corrupt(error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("BMP: {error}")),
        error => Error::corrupt(Format::Bmp.name(), error.to_string()),
    }
}
