//! The frames of an animated JPEG XL.

use std::time::Duration;

use super::super::composed::{Composed, Shown};
use super::{Header, Reading, corrupt};
use crate::error::{Error, Result};

struct Frames<'a> {
    reading: Reading<'a>,
    header: Header,
    is_over: bool,
}

/// What is shown at each frame, and an error for the first that is broken; `None` where nothing can be read of them.
pub(super) fn composed(bytes: &[u8]) -> Option<Composed<'_>> {
    let header = Reading::open(bytes).header().ok()?;
    let mut reading = Reading::open_frames(bytes, &header);
    reading.begin(&header).ok()?;
    Some(Box::new(Frames { reading, header, is_over: false }))
}

impl Frames<'_> {
    /// The next frame; what is missing behind it is an error of this one.
    fn shown(&mut self) -> Result<Shown> {
        if self.header.has_black {
            return Err(Error::Unsupported("JPEG XL: frames in CMYK".to_string()));
        }
        let (mut pixels, mut milliseconds) = (Vec::new(), None);
        let more = self.reading.next_frame_with(&self.header, &mut pixels, &mut milliseconds)?;
        self.is_over = !more.ok_or_else(|| corrupt("the file ends before its last frame"))?;
        let (_, samples) = self.header.format();
        let rgba = match samples {
            4 => pixels,
            _ => pixels.chunks_exact(samples).flat_map(wide).collect(),
        };
        let seconds = milliseconds.unwrap_or(0.0).clamp(0.0, f64::from(u32::MAX)) / 1000.0;
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Ok(Shown { width: self.header.width as u32, height: self.header.height as u32, rgba, time })
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Shown>;

    fn next(&mut self) -> Option<Result<Shown>> {
        if self.is_over {
            return None;
        }
        let shown = self.shown();
        self.is_over |= shown.is_err();
        Some(shown)
    }
}

/// R, G, B and alpha of grey, grey with alpha, or R, G, B.
fn wide(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [r, g, b] => [r, g, b, u8::MAX],
        [grey, alpha] => [grey, grey, grey, alpha],
        [grey] => [grey, grey, grey, u8::MAX],
        _ => [0; 4],
    }
}
