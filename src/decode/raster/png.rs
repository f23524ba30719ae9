//! PNG through the `png` crate, row by row, so that a broken file keeps the rows before the break.

use std::io::Cursor;

use png::{Adam7Info, ColorType, DecodeOptions, Decoder, Limits, Reader, Transformations};

use super::{Raster, Wanted, blank, check, share, without_alpha};
use crate::decode::{Format, orient};
use crate::error::{Error, Result};

/// The passes of an interlaced PNG: first row, rows between, first column, columns between.
const PASSES: [[u32; 4]; 7] =
    [[0, 8, 0, 8], [0, 8, 4, 8], [4, 8, 0, 4], [0, 4, 2, 4], [2, 4, 0, 2], [0, 2, 1, 2], [1, 2, 0, 1]];

type Source<'a> = Reader<Cursor<&'a [u8]>>;

/// Decodes a PNG; an animated one by its default picture.
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    let mut reader = open(bytes, wanted, Checksums::Checked)?;
    let (width, height) = reader.info().size();
    let channels = if is_grey(&reader) { 1 } else { 3 };
    check(wanted.limits, width, height, channels, 0)?;
    blank(samples, width as usize * height as usize * channels);
    let rows = read_rows(&mut reader, channels, samples);
    let mut raster = Raster { width, height, channels, whole: None, orientation: None };
    if let Some(why) = rows.broken {
        let trusted = trusted(bytes).map_or(rows.whole, |start| {
            open(start, wanted, Checksums::Checked)
                .map_or(0, |mut reader| read_rows(&mut reader, channels, samples).whole)
        });
        samples.fill(0);
        let shown = read_rows(&mut open(bytes, wanted, Checksums::Ignored)?, channels, samples);
        share(Format::Png, shown.came, height, &why)?;
        raster.whole = Some(trusted as f32 / height as f32);
    }
    if wanted.orientation {
        let _ = reader.finish();
        raster.orientation = reader.info().exif_metadata.as_deref().and_then(orient::from_exif);
    }
    Ok(raster)
}

/// The file before its first chunk with a wrong checksum, if there is one. The decoder reads whole chunks ahead of its rows.
fn trusted(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 8;
    loop {
        let length = bytes.get(at..at + 4)?.try_into().map(u32::from_be_bytes).ok()? as usize;
        let end = at.checked_add(8)?.checked_add(length)?;
        let stored = bytes.get(end..end + 4)?.try_into().map(u32::from_be_bytes).ok()?;
        if crc32fast::hash(&bytes[at + 4..end]) != stored {
            return Some(&bytes[..at]);
        }
        at = end + 4;
    }
}

/// Whether a wrong checksum ends the picture.
#[derive(Clone, Copy, PartialEq)]
enum Checksums {
    Checked,
    Ignored,
}

fn open<'a>(bytes: &'a [u8], wanted: &Wanted<'_>, checksums: Checksums) -> Result<Source<'a>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(checksums == Checksums::Ignored);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder
        .set_limits(Limits { bytes: usize::try_from(wanted.limits.max_decoder_bytes).unwrap_or(usize::MAX) });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let (width, height) = decoder.read_header_info().map_err(corrupt)?.size();
    wanted.limits.check_size(width, height)?;
    decoder.read_info().map_err(|error| match error {
        png::DecodingError::LimitsExceeded => over_limit(wanted),
        error => corrupt(error),
    })
}

/// How much more it takes is not known.
fn over_limit(wanted: &Wanted<'_>) -> Error {
    let limit = wanted.limits.max_decoder_bytes;
    let what = "memory for a chunk before the picture, in bytes, at least";
    Error::Limit { what, actual: limit.saturating_add(1), limit, option: "--max-decoder-bytes" }
}

fn is_grey(reader: &Source<'_>) -> bool {
    matches!(reader.output_color_type().0, ColorType::Grayscale | ColorType::GrayscaleAlpha)
}

/// How far the rows came.
struct Rows {
    /// Rows of any pass that came.
    came: u32,
    /// Rows of the picture whose every sample came.
    whole: u32,
    /// Why no more came, if anything is wrong at all.
    broken: Option<png::DecodingError>,
}

/// Reads rows into `samples`, which are zero, until all are there or the data breaks.
fn read_rows(reader: &mut Source<'_>, channels: usize, samples: &mut [u8]) -> Rows {
    let mut done = [0; 7];
    let broken = if reader.info().interlaced {
        read_interlaced(reader, channels, samples, &mut done)
    } else {
        read_plain(reader, channels, samples, &mut done[0])
    };
    let (width, height) = reader.info().size();
    let whole = if reader.info().interlaced { whole_rows(&done, width, height) } else { done[0] };
    let broken = match broken.and_then(|()| reader.read_row(&mut []).map(drop)) {
        // Every row is there; only what follows the picture's data is missing.
        Err(png::DecodingError::IoError(_)) if whole == height => None,
        other => other.err(),
    };
    Rows { came: done.iter().sum(), whole, broken }
}

type Step = std::result::Result<(), png::DecodingError>;

fn read_plain(reader: &mut Source<'_>, channels: usize, samples: &mut [u8], done: &mut u32) -> Step {
    let with_alpha = reader.output_color_type().0.samples();
    let stride = reader.info().width as usize * channels;
    let mut line = vec![0; reader.info().width as usize * with_alpha];
    for row in samples.chunks_exact_mut(stride) {
        if with_alpha == channels {
            reader.read_row(row)?;
        } else {
            reader.read_row(&mut line)?;
            without_alpha_into(&line, with_alpha, row);
        }
        *done += 1;
    }
    Ok(())
}

/// Each pixel of a pass fills the block that later passes refine, as browsers show a picture that is still coming.
fn read_interlaced(
    reader: &mut Source<'_>,
    channels: usize,
    samples: &mut [u8],
    done: &mut [u32; 7],
) -> Step {
    let (width, height) = reader.info().size();
    let with_alpha = reader.output_color_type().0.samples();
    let mut line = vec![0; width as usize * with_alpha];
    for (pass, done) in done.iter_mut().enumerate() {
        let [first_row, row_step, first_column, column_step] = PASSES[pass];
        let columns = width.saturating_sub(first_column).div_ceil(column_step);
        let rows = if columns == 0 { 0 } else { height.saturating_sub(first_row).div_ceil(row_step) };
        for row in 0..rows {
            reader.read_row(&mut line)?;
            let mut length = columns as usize * with_alpha;
            if with_alpha != channels {
                length = without_alpha(&mut line[..length], with_alpha);
            }
            let place = Adam7Info::new(pass as u8 + 1, row, width);
            let stride = width as usize * channels;
            png::splat_interlaced_row(samples, stride, &line[..length], &place, channels as u8 * 8);
            *done += 1;
        }
    }
    Ok(())
}

/// Rows of the picture to which every pass that touches them has come.
fn whole_rows(done: &[u32; 7], width: u32, height: u32) -> u32 {
    let is_whole = |row: u32| {
        PASSES.iter().zip(done).all(|([first_row, row_step, first_column, _], done)| {
            let touches =
                width > *first_column && row >= *first_row && (row - first_row).is_multiple_of(*row_step);
            !touches || *done > (row - first_row) / row_step
        })
    };
    (0..height).filter(|row| is_whole(*row)).count() as u32
}

fn without_alpha_into(line: &[u8], with: usize, row: &mut [u8]) {
    for (from, to) in line.chunks_exact(with).zip(row.chunks_exact_mut(with - 1)) {
        to.copy_from_slice(&from[..with - 1]);
    }
}

fn corrupt(error: png::DecodingError) -> Error {
    Error::corrupt(Format::Png.name(), error.to_string())
}
