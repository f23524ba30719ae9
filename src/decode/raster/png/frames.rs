//! Frames of an animated PNG: the high bytes of their samples, each frame on what the others left (PNG specification, third edition, 11.3.6).
//! `image` makes none of 16 bits, and not the right ones where a frame that is cleared is followed by one that gives back what was there.

use std::io::Cursor;

use image::{Delay, Frame, ImageError, Rgba, RgbaImage};
use png::{BlendOp, Decoder, DisposeOp, FrameControl, Reader, Transformations};

use super::super::composed::{Shown, over};
use super::corrupt_text;
use crate::error::Result;

/// Frames one after another.
pub(super) struct Wide<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    left: u32,
    canvas: RgbaImage,
    /// What is to be done with the last frame's part of the canvas, and the canvas before it.
    last: Option<(FrameControl, Option<RgbaImage>)>,
    samples: Vec<u8>,
}

impl<'a> Wide<'a> {
    /// Frames that are announced.
    pub(super) fn left(&self) -> u64 {
        self.left.into()
    }

    /// `None` where the file is not animated, or its canvas takes more bytes than `most`.
    pub(super) fn of(bytes: &'a [u8], most: u64) -> Option<Wide<'a>> {
        let mut decoder = Decoder::new_with_limits(
            Cursor::new(bytes),
            png::Limits { bytes: usize::try_from(most).unwrap_or(usize::MAX) },
        );
        decoder.set_transformations(
            Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16,
        );
        let mut reader = decoder.read_info().ok()?;
        let info = reader.info();
        let (width, height, left) = (info.width, info.height, info.animation_control()?.num_frames);
        let length = usize::try_from(u64::from(width) * u64::from(height) * 4).ok()?;
        // Canvas, the one before, and samples.
        if length as u64 > most / 3 {
            return None;
        }
        let mut samples = vec![0; length];
        if reader.info().frame_control().is_none() {
            reader.next_frame(&mut samples).ok()?;
        }
        Some(Wide { reader, left, canvas: RgbaImage::new(width, height), last: None, samples })
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let output = self.reader.next_frame(&mut self.samples).ok()?;
        let control = *self.reader.info().frame_control()?;
        match self.last.take() {
            Some((_, Some(before))) => self.canvas = before,
            Some((last, None)) if last.dispose_op == DisposeOp::Background => {
                places(&last).for_each(|(x, y)| self.canvas.put_pixel(x, y, Rgba([0; 4])));
            }
            _ => {}
        }
        let before = (control.dispose_op == DisposeOp::Previous).then(|| self.canvas.clone());
        let channels = output.color_type.samples();
        let (pixels, canvas) = (self.samples.chunks_exact(channels), &mut self.canvas);
        for ((x, y), pixel) in places(&control).zip(pixels) {
            let pixel = match *pixel {
                [grey, alpha] => [grey, grey, grey, alpha],
                [r, g, b, alpha] => [r, g, b, alpha],
                _ => return None,
            };
            let to = canvas.get_pixel_mut_checked(x, y)?;
            *to = Rgba(if control.blend_op == BlendOp::Over { over(pixel, to.0) } else { pixel });
        }
        self.last = Some((control, before));
        // Hundredths where the file names no fraction of a second.
        let parts = if control.delay_den == 0 { 100 } else { control.delay_den };
        let delay = Delay::from_numer_denom_ms(u32::from(control.delay_num) * 1000, parts.into());
        Some(Frame::from_parts(self.canvas.clone(), 0, 0, delay))
    }
}

impl Wide<'_> {
    /// What is shown at each frame that is announced, and an error for the first that is not there or is broken.
    pub(super) fn composed(mut self) -> impl Iterator<Item = Result<Shown>> {
        std::iter::from_fn(move || {
            self.left = self.left.checked_sub(1)?;
            let Some(frame) = self.next_frame() else {
                self.left = 0;
                return Some(Err(corrupt_text("a frame that it announces is broken or not there")));
            };
            let (width, height) = frame.buffer().dimensions();
            Some(Ok(Shown { width, height, rgba: frame.into_buffer().into_raw() }))
        })
    }
}

impl Iterator for Wide<'_> {
    type Item = std::result::Result<Frame, ImageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let frame = self.next_frame();
        if frame.is_none() {
            self.left = 0;
        }
        frame.map(Ok)
    }
}

/// The places of a frame's pixels on the canvas.
fn places(control: &FrameControl) -> impl Iterator<Item = (u32, u32)> + use<> {
    let FrameControl { x_offset, y_offset, width, height, .. } = *control;
    (0..height).flat_map(move |y| (0..width).map(move |x| (x_offset + x, y_offset + y)))
}
