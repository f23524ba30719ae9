//! The frames of an animated JPEG XL.

use image::error::{DecodingError, ImageFormatHint};
use image::{Delay, Frame, Frames, ImageError, ImageResult, RgbaImage};

use super::super::composed::{self, Composed};
use super::{Header, Reading, corrupt};
use crate::error::{Error, Result};

/// All frames as R, G, B and alpha.
pub(super) fn of(bytes: &[u8]) -> Option<Frames<'_>> {
    let header = Reading::open(bytes).header().ok()?;
    let mut reading = Reading::open_frames(bytes, &header);
    reading.begin(&header).ok()?;
    Some(Frames::new(Box::new(Shown { reading, header, is_over: false })))
}

struct Shown<'a> {
    reading: Reading<'a>,
    header: Header,
    is_over: bool,
}

/// What is shown at each frame, and an error for the first that is broken; `None` where nothing can be read of them.
pub(super) fn composed(bytes: &[u8]) -> Option<Composed<'_>> {
    let header = Reading::open(bytes).header().ok()?;
    let mut reading = Reading::open_frames(bytes, &header);
    reading.begin(&header).ok()?;
    let mut frames = Shown { reading, header, is_over: false };
    let (width, height) = (frames.header.width as u32, frames.header.height as u32);
    let next = move || {
        let shown = frames.next_shown(&mut None).transpose()?;
        frames.is_over |= shown.is_err();
        Some(shown.map(|rgba| composed::Shown { width, height, rgba }))
    };
    Some(Box::new(std::iter::from_fn(next)))
}

impl Shown<'_> {
    /// The next frame in R, G, B and alpha, with the time that it is shown in milliseconds; `None` behind the last.
    fn next_shown(&mut self, duration: &mut Option<f64>) -> Result<Option<Vec<u8>>> {
        if self.is_over {
            return Ok(None);
        }
        if self.header.has_black {
            return Err(Error::Unsupported("JPEG XL: frames in CMYK".to_string()));
        }
        let mut pixels = Vec::new();
        let more = self.reading.next_frame_with(&self.header, &mut pixels, duration)?;
        self.is_over = !more.ok_or_else(|| corrupt("the file ends before its last frame"))?;
        let (_, samples) = self.header.format();
        Ok(Some(match samples {
            4 => pixels,
            _ => pixels.chunks_exact(samples).flat_map(wide).collect(),
        }))
    }
}

impl Iterator for Shown<'_> {
    type Item = ImageResult<Frame>;

    fn next(&mut self) -> Option<ImageResult<Frame>> {
        let mut duration = None;
        // What comes behind a broken frame nobody sees.
        let rgba = self.next_shown(&mut duration).ok()??;
        let delay =
            Delay::from_numer_denom_ms(duration.unwrap_or(0.0).clamp(0.0, f64::from(u32::MAX)) as u32, 1);
        let image = RgbaImage::from_raw(self.header.width as u32, self.header.height as u32, rgba);
        let wrong =
            || ImageError::Decoding(DecodingError::new(ImageFormatHint::Unknown, "a frame of another size"));
        Some(image.ok_or_else(wrong).map(|image| Frame::from_parts(image, 0, 0, delay)))
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
