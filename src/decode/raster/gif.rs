//! A GIF through the `gif` crate: its first frame, and all of them on their canvas.
//!
//! The frame is read in one piece: release 0.14 ends early now and then when it is asked for single rows.

use std::num::NonZeroU64;
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, MemoryLimit};

use super::pieces::Pieces;
use super::{Raster, lengthen, mark, marked, share};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result};
use crate::limits::Limits;

pub(in crate::decode) use blocks::count;
pub(super) use composed::frame_memory;

mod blocks;
pub(in crate::decode) mod composed;

type Source<'a> = Decoder<Pieces<'a>>;

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
    /// Whether it has colours of its own.
    colours: bool,
    disposal: DisposalMethod,
    time: Duration,
}

/// What decoding takes: the canvas in colours, the frame in indices.
pub(super) fn estimate(bytes: &[u8], limits: &Limits) -> Result<Estimate> {
    let mut decoder = open(bytes, limits)?;
    let frame = first_frame(&mut decoder, limits)?;
    let (width, height) = canvas(&decoder, &frame);
    let indices = (frame.width * frame.height) as u64;
    // Colours and opacity.
    let estimate = Estimate::new(Format::Gif, (width as u32, height as u32), 4);
    let estimate = estimate.working_through(indices).and(indices + bytes.len() as u64);
    let frame =
        || estimate.memory.saturating_add(frame_memory((width * height) as u64, blocks::largest(bytes)));
    Ok(if blocks::has_frames(bytes) { estimate.animated(frame()) } else { estimate })
}

/// Decodes the first frame. What it does not cover has the transparent colour, or the palette's first, as in Pillow.
pub(super) fn decode(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let mut decoder = open(bytes, limits)?;
    let frame = first_frame(&mut decoder, limits)?;
    let (width, height) = canvas(&decoder, &frame);
    let palette = colours(decoder.palette().map_err(|error| problem(error, limits))?);
    let (indices, broken) = read_indices(&mut decoder, &frame)?;
    lengthen(samples, width * height * 3)?;
    let canvas_pixels = width * height;
    if indices.len() < canvas_pixels {
        let empty = palette[usize::from(frame.transparent.unwrap_or(0))];
        samples.as_chunks_mut::<3>().0.fill(empty);
    }
    let rows = paint_rows(&indices, &frame, |row, line| {
        let start = ((frame.top + row) * width + frame.left) * 3;
        paint(line, &palette, &mut samples[start..start + frame.width * 3]);
    });
    let alpha = opacity(&indices, &frame, (width, height));
    let (width, height) = (width as u32, height as u32);
    let animated = matches!(decoder.next_frame_info(), Ok(Some(_)));
    let unusual = !frame.colours && !blocks::has_colours(bytes);
    let viewing = Viewing { animated, unusual, ..Viewing::default() };
    let mut raster = Raster { width, height, channels: 3, whole: None, orientation: None, viewing, alpha };
    if rows < frame.height {
        raster.whole = share(Format::Gif, rows as u32, frame.height as u32, &broken)?;
    }
    Ok(raster)
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Source<'a>> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.allow_unknown_blocks(true);
    let limit = NonZeroU64::new(limits.max_decoder_bytes);
    options.set_memory_limit(limit.map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.read_info(blocks::repaired(bytes)).map_err(|error| problem(error, limits))
}

/// Width and height of the screen, or of the frame where that reaches beyond it (GIF89a, sections 18 and 20).
fn canvas(decoder: &Source<'_>, frame: &Frame) -> (usize, usize) {
    let width = frame.left + frame.width.max(usize::from(decoder.width()).saturating_sub(frame.left));
    let height = frame.top + frame.height.max(usize::from(decoder.height()).saturating_sub(frame.top));
    (width, height)
}

fn first_frame(decoder: &mut Source<'_>, limits: &Limits) -> Result<Frame> {
    let frame = next_frame(decoder, limits)?;
    frame.ok_or_else(|| Error::corrupt(Format::Gif.name(), "there is no frame in it"))
}

fn next_frame(decoder: &mut Source<'_>, limits: &Limits) -> Result<Option<Frame>> {
    let frame = decoder.next_frame_info().map_err(|error| problem(error, limits))?;
    Ok(frame.map(|frame| Frame {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
        height: frame.height.into(),
        interlaced: frame.interlaced,
        transparent: frame.transparent,
        colours: frame.palette.is_some(),
        disposal: frame.dispose,
        time: Duration::from_millis(10) * u32::from(frame.delay),
    }))
}

/// The frame's indices as far as they came, and what was wrong where some did not.
fn read_indices(decoder: &mut Source<'_>, frame: &Frame) -> Result<(Vec<u8>, String)> {
    let mut indices = Vec::new();
    lengthen(&mut indices, frame.width * frame.height)?;
    mark(&mut indices);
    let broken = match decoder.fill_buffer(&mut indices) {
        Ok(true) => return Ok((indices, String::new())),
        Ok(false) => "the data ends early".into(),
        Err(error) => error.to_string(),
    };
    indices.truncate(indices.len() - marked(&indices));
    Ok((indices, broken))
}

/// The opacity of each pixel: what the frame leaves open or does not cover has none. Empty where all are opaque.
fn opacity(indices: &[u8], frame: &Frame, (width, height): (usize, usize)) -> Vec<u8> {
    let is_open = |index: &u8| Some(*index) == frame.transparent;
    if indices.len() >= width * height && !indices.iter().any(is_open) {
        return Vec::new();
    }
    let mut alpha = vec![0; width * height];
    paint_rows(indices, frame, |row, line| {
        let start = (frame.top + row) * width + frame.left;
        let pixels = alpha[start..start + frame.width].iter_mut();
        pixels.zip(line).for_each(|(alpha, index)| *alpha = if is_open(index) { 0 } else { 255 });
    });
    alpha
}

/// Gives whole rows to `paint`, each with its place in the frame; returns how many.
fn paint_rows<'a>(indices: &'a [u8], frame: &Frame, mut paint: impl FnMut(usize, &'a [u8])) -> usize {
    let lines = indices.chunks_exact(frame.width.max(1));
    let rows = lines.len();
    for ((row, repeat), line) in order(frame).zip(lines) {
        (row..(row + repeat).min(frame.height)).for_each(|row| paint(row, line));
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

fn paint(indices: &[u8], palette: &Palette, row: &mut [u8]) {
    for (index, pixel) in indices.iter().zip(row.as_chunks_mut::<3>().0) {
        *pixel = palette[usize::from(*index)];
    }
}

/// The colour of every index.
type Palette = [[u8; 3]; 256];

/// A palette of R, G, B; black beyond its end.
fn colours(palette: &[u8]) -> Palette {
    let mut colours = [[0; 3]; 256];
    colours.iter_mut().zip(palette.as_chunks::<3>().0).for_each(|(to, from)| *to = *from);
    colours
}

fn problem(error: DecodingError, limits: &Limits) -> Error {
    match error {
        DecodingError::OutOfMemory | DecodingError::MemoryLimit => limits.over_decoder_bytes(),
        error => Error::corrupt(Format::Gif.name(), error.to_string()),
    }
}
