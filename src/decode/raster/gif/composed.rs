//! The frames of a GIF, each on what the others left (GIF89a, section 23).

use gif::DisposalMethod;

use super::super::composed::{After, Canvas, Composed, Place, Shown};
use super::{
    Frame, Source, canvas, colours, first_frame, next_frame, open, paint_rows, problem, read_indices,
};
use crate::decode::Format;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// How many times as many pixels as the canvas has a frame may have, most of them where nobody sees them.
const MOST_BEYOND: u64 = 8;

/// Bytes for the largest frame, of which no more than [`MOST_BEYOND`] canvases are read.
pub(in crate::decode::raster) fn frame_memory(canvas: u64, largest: u64) -> u64 {
    largest.min(canvas.saturating_mul(MOST_BEYOND))
}

/// All frames. The canvas is as for the first one alone.
pub(in crate::decode) fn of<'a>(bytes: &'a [u8], limits: &'a Limits) -> Result<Composed<'a>> {
    let mut decoder = open(bytes, limits)?;
    let first = first_frame(&mut decoder, limits)?;
    let canvas = Canvas::new(canvas(&decoder, &first))?;
    Ok(Box::new(Frames { decoder, canvas, next: Some(first), limits, is_over: false }))
}

struct Frames<'a> {
    decoder: Source<'a>,
    canvas: Canvas,
    /// A frame whose head has been read.
    next: Option<Frame>,
    limits: &'a Limits,
    is_over: bool,
}

impl Frames<'_> {
    fn shown(&mut self) -> Result<Option<Shown>> {
        let frame = match self.next.take() {
            None => next_frame(&mut self.decoder, self.limits)?,
            first => first,
        };
        let Some(frame) = frame else { return Ok(None) };
        let (pixels, most) =
            ((frame.width * frame.height) as u64, self.canvas.pixels().saturating_mul(MOST_BEYOND));
        if pixels > most {
            return Err(Error::corrupt(
                Format::Gif.name(),
                format!("a frame is more than {MOST_BEYOND} times as large as what is shown of it"),
            ));
        }
        let palette = colours(self.decoder.palette().map_err(|error| problem(error, self.limits))?);
        let (indices, broken) = match pixels {
            0 => (Vec::new(), String::new()),
            _ => read_indices(&mut self.decoder, &frame)?,
        };
        if !broken.is_empty() {
            return Err(Error::corrupt(Format::Gif.name(), broken));
        }
        let after = match frame.disposal {
            DisposalMethod::Any | DisposalMethod::Keep => After::Keep,
            DisposalMethod::Background => After::Clear,
            DisposalMethod::Previous => After::Restore,
        };
        let Frame { left, top, width, height, .. } = frame;
        // Rows may come in another order than they stand.
        let mut rows: Vec<&[u8]> = vec![&[]; height];
        paint_rows(&indices, &frame, |row, line| rows[row] = line);
        self.canvas.draw(Place { left, top, width, height }, after, |row, to| {
            for (pixel, index) in to.as_chunks_mut::<4>().0.iter_mut().zip(rows[row]) {
                if Some(*index) != frame.transparent {
                    let [r, g, b] = palette[usize::from(*index)];
                    *pixel = [r, g, b, u8::MAX];
                }
            }
        });
        self.canvas.shown(frame.time).map(Some)
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Shown>;

    fn next(&mut self) -> Option<Result<Shown>> {
        if self.is_over {
            return None;
        }
        let shown = self.shown().transpose();
        self.is_over = !matches!(shown, Some(Ok(_)));
        shown
    }
}
