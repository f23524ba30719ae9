//! The first frame of a GIF through the `gif` crate.
//!
//! The frame is read in one piece: release 0.14 ends early now and then when it is asked for single rows.

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use super::{Raster, Wanted, check, mark, marked, share};
use crate::decode::Format;
use crate::error::{Error, Result};

/// Rows of an interlaced GIF come in four passes: first row, rows between, rows that one stands for until later ones come.
const PASSES: [[usize; 3]; 4] = [[0, 8, 8], [4, 8, 4], [2, 4, 2], [1, 2, 1]];

/// Where the first frame lies on the picture, in pixels.
struct Frame {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    interlaced: bool,
    transparent: Option<u8>,
}

/// Decodes the first frame. What it does not cover has the transparent colour, or the palette's first, as in Pillow.
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    let limit = usize::try_from(wanted.limits.max_decoder_bytes).unwrap_or(usize::MAX);
    options.set_memory_limit(
        std::num::NonZeroU64::new(limit as u64).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options.read_info(bytes).map_err(corrupt)?;
    let frame = first_frame(&mut decoder)?;
    let width = frame.left + frame.width.max(usize::from(decoder.width()).saturating_sub(frame.left));
    let height = frame.top + frame.height.max(usize::from(decoder.height()).saturating_sub(frame.top));
    check(wanted.limits, width as u32, height as u32, 3, frame.width as u64 * frame.height as u64)?;
    let palette = decoder.palette().map_err(corrupt)?.to_vec();
    samples.clear();
    let canvas = colour(&palette, frame.transparent.unwrap_or(0));
    samples.extend(std::iter::repeat_n(canvas, width * height).flatten());
    let (rows, broken) = read_rows(&mut decoder, &frame, &palette, width, samples);
    let (width, height) = (width as u32, height as u32);
    let mut raster = Raster { width, height, channels: 3, whole: None, orientation: None };
    if rows < frame.height {
        raster.whole = share(Format::Gif, rows as u32, frame.height as u32, &broken)?;
    }
    Ok(raster)
}

fn first_frame(decoder: &mut Decoder<&[u8]>) -> Result<Frame> {
    let frame = decoder.next_frame_info().map_err(corrupt)?;
    let frame = frame.ok_or_else(|| Error::corrupt(Format::Gif.name(), "there is no frame in it"))?;
    Ok(Frame {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
        height: frame.height.into(),
        interlaced: frame.interlaced,
        transparent: frame.transparent,
    })
}

/// Paints the rows that are there; returns how many, and what was wrong where some are not.
fn read_rows(
    decoder: &mut Decoder<&[u8]>,
    frame: &Frame,
    palette: &[u8],
    width: usize,
    samples: &mut [u8],
) -> (usize, String) {
    let mut indices = vec![0; frame.width * frame.height];
    mark(&mut indices);
    let broken = match decoder.fill_buffer(&mut indices) {
        Ok(true) => return (paint_rows(&indices, frame, palette, width, samples), String::new()),
        Ok(false) => "the data ends early".into(),
        Err(error) => error.to_string(),
    };
    let came = indices.len() - marked(&indices);
    (paint_rows(&indices[..came], frame, palette, width, samples), broken)
}

fn paint_rows(indices: &[u8], frame: &Frame, palette: &[u8], width: usize, samples: &mut [u8]) -> usize {
    let lines = indices.chunks_exact(frame.width.max(1));
    let rows = lines.len();
    for ((row, repeat), line) in order(frame).zip(lines) {
        for row in row..(row + repeat).min(frame.height) {
            let start = ((frame.top + row) * width + frame.left) * 3;
            paint(line, palette, &mut samples[start..start + frame.width * 3]);
        }
    }
    rows
}

/// The rows in the order they are stored, each with how many rows it stands for until others come.
fn order(frame: &Frame) -> Box<dyn Iterator<Item = (usize, usize)>> {
    let height = frame.height;
    if frame.interlaced {
        let pass = move |[first, step, repeat]: [usize; 3]| {
            (first..height).step_by(step).map(move |row| (row, repeat))
        };
        Box::new(PASSES.into_iter().flat_map(pass))
    } else {
        Box::new((0..height).map(|row| (row, 1)))
    }
}

fn paint(indices: &[u8], palette: &[u8], row: &mut [u8]) {
    for (index, pixel) in indices.iter().zip(row.chunks_exact_mut(3)) {
        pixel.copy_from_slice(&colour(palette, *index));
    }
}

/// The colour of an index, black beyond the palette.
fn colour(palette: &[u8], index: u8) -> [u8; 3] {
    let at = usize::from(index) * 3;
    palette.get(at..at + 3).and_then(|colour| colour.try_into().ok()).unwrap_or_default()
}

fn corrupt(error: gif::DecodingError) -> Error {
    Error::corrupt(Format::Gif.name(), error.to_string())
}
