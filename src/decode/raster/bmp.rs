//! Windows and OS/2 bitmaps through `image`.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::{Raster, Wanted, blank, check, drop_alpha, share};
use crate::decode::Format;
use crate::error::{Error, Result};

/// Decodes a bitmap. One that breaks off keeps its rows, the rest is black.
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    let (width, height) = open(bytes).map_err(|error| too_large(error, wanted))?.dimensions();
    check(wanted.limits, width, height, 4, 0)?;
    let (padded, rows) = filled_up(bytes, width, height, wanted)?;
    let mut whole = None;
    if rows < height {
        whole = share(Format::Bmp, rows, height, &"the file ends before its pixels")?;
    }
    let decoder = open(&padded).map_err(corrupt)?;
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

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>, ImageError> {
    BmpDecoder::new(Cursor::new(bytes))
}

/// The decoder refuses large sides before our limits see them, and says first how large they are.
fn too_large(error: ImageError, wanted: &Wanted<'_>) -> Error {
    let text = error.to_string();
    if !text.contains("too large") {
        return corrupt(error);
    }
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let (width, height) = (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(u32::MAX));
    let refused = wanted.limits.check_size(width, height).err();
    refused.unwrap_or_else(|| Error::Unsupported(format!("BMP of {width}×{height} pixels")))
}

/// The file with zeros for the rows that it lacks, and how many rows it has.
fn filled_up<'a>(
    bytes: &'a [u8],
    width: u32,
    height: u32,
    wanted: &Wanted<'_>,
) -> Result<(Cow<'a, [u8]>, u32)> {
    let Some(layout) = PixelData::read(bytes) else { return Ok((Cow::Borrowed(bytes), height)) };
    let offset = layout.offset;
    if let Some(bits) = layout.run_length {
        let rows = run_length_rows(bytes.get(offset..).unwrap_or(&[]), bits == 4);
        return Ok((Cow::Borrowed(bytes), rows.unwrap_or(height).min(height)));
    }
    let row_bytes = (u64::from(width) * u64::from(layout.bits)).div_ceil(32) as usize * 4;
    if row_bytes == 0 {
        return Ok((Cow::Borrowed(bytes), height));
    }
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

/// Where and how the pixels are stored.
struct PixelData {
    offset: usize,
    bits: u16,
    /// Bits of an index where runs are coded, 4 or 8.
    run_length: Option<u16>,
}

impl PixelData {
    fn read(bytes: &[u8]) -> Option<PixelData> {
        let word = |at: usize| bytes.get(at..at + 2).map(|field| u16::from_le_bytes([field[0], field[1]]));
        let long = |at: usize| Some(u32::from(word(at)?) | u32::from(word(at + 2)?) << 16);
        let offset = long(10)? as usize;
        let (bits, compression) = match long(14)? {
            12 => (word(24)?, 0),
            16 => (word(28)?, 0),
            _ => (word(28)?, long(30)?),
        };
        let run_length = match compression {
            1 => Some(8),
            2 => Some(4),
            _ => None,
        };
        Some(PixelData { offset, bits, run_length })
    }
}

/// Rows that run-length coded data finishes before it breaks off; `None` where it ends as it should.
fn run_length_rows(mut data: &[u8], nibbles: bool) -> Option<u32> {
    let mut rows = 0;
    while let [count, value, rest @ ..] = data {
        data = rest;
        match (count, value) {
            (0, 0) => rows += 1,
            (0, 1) => return None,
            (0, 2) => {
                rows += u32::from(rest.get(1).copied().unwrap_or(0));
                data = rest.get(2..).unwrap_or(&[]);
            }
            (0, length) => {
                let bytes = if nibbles { length.div_ceil(2) } else { *length };
                data = rest.get(usize::from(bytes).next_multiple_of(2)..).unwrap_or(&[]);
            }
            _ => {}
        }
    }
    Some(rows)
}

fn corrupt(error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("BMP: {error}")),
        error => Error::corrupt(Format::Bmp.name(), error.to_string()),
    }
}
