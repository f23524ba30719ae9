//! Windows and OS/2 bitmaps through `image`.

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::pieces::Pieces;
use super::{Raster, blank, share, take_alpha};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::{Estimate, LEAST};
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result};
use crate::limits;
use header::Repaired;

mod header;

/// What decoding takes: the samples, at worst with alpha, and the file once more where rows are missing or its header is repaired.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let repaired = Repaired::of(bytes)?;
    let copy = repaired.as_ref().map_or(0, |repaired| repaired.length(bytes));
    let pieces = repaired.as_ref().map_or_else(|| Pieces::whole(bytes), |repaired| repaired.pieces(bytes));
    let decoder = match BmpDecoder::new(pieces) {
        Ok(decoder) => decoder,
        Err(error) => match too_large(&error) {
            Some(sides) => return Ok(Estimate::new(Format::Bmp, sides, 4)),
            None => return Err(corrupt(error)),
        },
    };
    let channels = channels(&decoder) as u64;
    let (width, height) = decoder.dimensions();
    let profile = profile_memory(header::profile(bytes).len());
    // With the opacity of pixels, of which some may be missing.
    let estimate = Estimate::new(Format::Bmp, (width, height), channels + 1)
        .and((copy + copy.max(bytes.len())) as u64 + 16 * u64::from(width))
        .and(profile);
    Ok(if channels == 1 && profile > 0 { estimate.coloured() } else { estimate })
}

/// What it says of its colours.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'_> {
    ColourSpace::icc(header::profile(bytes))
}

/// Decodes a bitmap. One that breaks off keeps its rows; the others look like rows of zeros, and have no opacity.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Result<Raster> {
    let has_masked_alpha = header::has_masked_alpha(bytes);
    let viewing = Viewing { unusual: header::has_no_place(bytes), ..Viewing::default() };
    let repaired = Repaired::of(bytes)?;
    let file = repaired.as_ref().map(|repaired| repaired.file(bytes)).transpose()?;
    let bytes = file.as_deref().unwrap_or(bytes);
    let (width, height) = open(bytes)?.dimensions();
    let there = There::of(bytes, width, height);
    let mut whole = None;
    if there.rows < height {
        whole = share(Format::Bmp, there.rows, height, &"the file ends before its pixels")?;
    }
    let decoder = open(&there.file)?;
    let (channels, rows) = (channels(&decoder), decoder.dimensions().1 as usize);
    let (stride, height_rows) = (width as usize * channels, height as usize);
    blank(samples, stride * height_rows)?;
    let missing = stride * height_rows.saturating_sub(rows);
    let decoded = if there.from_top { 0..stride * rows } else { missing..stride * height_rows };
    decoder.read_image(&mut samples[decoded.clone()]).map_err(corrupt)?;
    if missing > 0 {
        there.repeat_last_row(samples, decoded, stride);
    }
    // Where every alpha is 0 and nothing names it, nobody set it.
    let is_set =
        has_masked_alpha || channels == 4 && samples.as_chunks::<4>().0.iter().any(|pixel| pixel[3] > 0);
    let mut alpha = if channels == 4 { take_alpha(samples) } else { Vec::new() };
    if !is_set {
        alpha.clear();
    }
    if there.rows < height {
        alpha.resize(width as usize * height_rows, u8::MAX);
        let (there_rows, height) = (there.rows as usize, height_rows);
        let missing = if there.from_top { there_rows..height } else { 0..height - there_rows };
        alpha[missing.start * width as usize..missing.end * width as usize].fill(0);
    }
    if let Some(repaired) = repaired {
        repaired.reorder(samples);
    }
    Ok(Raster { width, height, channels: channels.min(3), whole, orientation: None, viewing, alpha })
}

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>> {
    BmpDecoder::new(Cursor::new(bytes)).map_err(corrupt)
}

/// Sides that the decoder refuses before our limits see them; it says how long they are.
fn too_large(error: &ImageError) -> Option<(u32, u32)> {
    let text = error.to_string();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    if text.contains("too large") { numbers.next().zip(numbers.next()) } else { None }
}

fn channels(decoder: &impl ImageDecoder) -> usize {
    match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgba8 => 4,
        _ => 3,
    }
}

/// What is there of a bitmap's rows.
struct There<'a> {
    rows: u32,
    /// The file; where rows are missing, one with those that are there and a row of zeros.
    file: Cow<'a, [u8]>,
    /// Whether the rows come from top to bottom.
    from_top: bool,
}

impl<'a> There<'a> {
    fn of(bytes: &'a [u8], width: u32, height: u32) -> There<'a> {
        let all = There { rows: height, file: Cow::Borrowed(bytes), from_top: false };
        let Some(layout) = PixelData::read(bytes) else { return all };
        if let Some(bits) = layout.run_length {
            let rows = run_length_rows(bytes.get(layout.offset..).unwrap_or(&[]), bits == 4);
            return There { rows: rows.unwrap_or(height).min(height), ..all };
        }
        let row_bytes = (u64::from(width) * u64::from(layout.bits)).div_ceil(32) as usize * 4;
        // The last row's padding may be missing without harm; the decoder asks for it.
        let rows = bytes.len().saturating_sub(layout.offset).checked_div(row_bytes).unwrap_or(usize::MAX);
        if rows >= height as usize {
            return all;
        }
        // One row may be there in part.
        let rows = rows as u32;
        let decoded = (rows + 2).min(height);
        let mut file = bytes.to_vec();
        file.resize(layout.offset + decoded as usize * row_bytes, 0);
        let from_top = layout.set_height(&mut file, decoded);
        There { rows, file: Cow::Owned(file), from_top }
    }

    /// Gives the rows outside of `decoded` what the row of zeros shows.
    fn repeat_last_row(&self, samples: &mut [u8], decoded: Range<usize>, stride: usize) {
        let (last, missing) = match self.from_top {
            true => (decoded.end - stride..decoded.end, decoded.end..samples.len()),
            false => (decoded.start..decoded.start + stride, 0..decoded.start),
        };
        for start in missing.step_by(stride.max(1)) {
            samples.copy_within(last.clone(), start);
        }
    }
}

/// Where and how the pixels are stored.
struct PixelData {
    offset: usize,
    bits: u16,
    /// Bits of an index where runs are coded, 4 or 8.
    run_length: Option<u16>,
    /// Whether the header is the one of 12 bytes.
    core: bool,
}

impl PixelData {
    fn read(bytes: &[u8]) -> Option<PixelData> {
        let word = |at: usize| bytes.get(at..at + 2).map(|field| u16::from_le_bytes([field[0], field[1]]));
        let long = |at: usize| Some(u32::from(word(at)?) | u32::from(word(at + 2)?) << 16);
        let offset = long(10)? as usize;
        let header = long(14)?;
        let (bits, compression) = match header {
            12 => (word(24)?, 0),
            16 => (word(28)?, 0),
            _ => (word(28)?, long(30)?),
        };
        let run_length = match compression {
            1 => Some(8),
            2 => Some(4),
            _ => None,
        };
        Some(PixelData { offset, bits, run_length, core: header == 12 })
    }

    /// Writes another height into a file's header; whether it counts from the top.
    fn set_height(&self, file: &mut [u8], height: u32) -> bool {
        if self.core {
            file[20..22].copy_from_slice(&(height as u16).to_le_bytes());
            return false;
        }
        let field = &mut file[22..26];
        let from_top = field[3] & 0x80 != 0;
        let height = if from_top { height.wrapping_neg() } else { height };
        field.copy_from_slice(&height.to_le_bytes());
        from_top
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
        ImageError::Limits(_) => limits::refused(LEAST),
        error => Error::corrupt(Format::Bmp.name(), error.to_string()),
    }
}
