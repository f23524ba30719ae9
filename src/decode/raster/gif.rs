//! The first frame of a GIF through the `gif` crate, row by row.

use gif::{ColorOutput, DecodeOptions, Decoder, MemoryLimit};

use super::{Raster, Wanted, blank, check, share};
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
}

/// Decodes the first frame on a black canvas.
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
    check(wanted.limits, width as u32, height as u32, 3, 0)?;
    let palette = decoder.palette().map_err(corrupt)?.to_vec();
    blank(samples, width * height * 3);
    let (rows, broken) = read_rows(&mut decoder, &frame, &palette, width, samples);
    let mut raster =
        Raster { width: width as u32, height: height as u32, channels: 3, whole: None, orientation: None };
    if rows < frame.height {
        let why = broken.map_or("the data ends".into(), |error| error.to_string());
        raster.whole = share(Format::Gif, rows as u32, frame.height as u32, &why)?;
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
    })
}

/// Reads rows until all are there or the data breaks; returns how many came, and what was wrong.
fn read_rows(
    decoder: &mut Decoder<&[u8]>,
    frame: &Frame,
    palette: &[u8],
    width: usize,
    samples: &mut [u8],
) -> (usize, Option<gif::DecodingError>) {
    let mut line = vec![0; frame.width];
    let mut rows = 0;
    for (row, repeat) in order(frame) {
        match decoder.fill_buffer(&mut line) {
            Ok(true) => rows += 1,
            Ok(false) => return (rows, None),
            Err(error) => return (rows, Some(error)),
        }
        for row in row..(row + repeat).min(frame.height) {
            let start = ((frame.top + row) * width + frame.left) * 3;
            paint(&line, palette, &mut samples[start..start + frame.width * 3]);
        }
    }
    (rows, None)
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

/// Colours of indices; an index beyond the palette is black.
fn paint(indices: &[u8], palette: &[u8], row: &mut [u8]) {
    for (index, pixel) in indices.iter().zip(row.chunks_exact_mut(3)) {
        let at = usize::from(*index) * 3;
        pixel.copy_from_slice(palette.get(at..at + 3).unwrap_or(&[0, 0, 0]));
    }
}

fn corrupt(error: gif::DecodingError) -> Error {
    Error::corrupt(Format::Gif.name(), error.to_string())
}
