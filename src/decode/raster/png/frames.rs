//! Frames of an animated PNG of 16 bits, of which `image` makes none: the high bytes of their samples, each frame on what the others left
//! (PNG specification, third edition, 11.3.6).

use std::io::Cursor;

use image::{Delay, Frame, ImageError, Rgba, RgbaImage};
use png::{BlendOp, Decoder, DisposeOp, FrameControl, Reader, Transformations};

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
            *to = if control.blend_op == BlendOp::Over { over(pixel, to.0) } else { Rgba(pixel) };
        }
        self.last = Some((control, before));
        // Hundredths where the file names no fraction of a second.
        let parts = if control.delay_den == 0 { 100 } else { control.delay_den };
        let delay = Delay::from_numer_denom_ms(u32::from(control.delay_num) * 1000, parts.into());
        Some(Frame::from_parts(self.canvas.clone(), 0, 0, delay))
    }
}

impl Iterator for Wide<'_> {
    type Item = Result<Frame, ImageError>;

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

/// A pixel over another.
fn over([r, g, b, alpha]: [u8; 4], [below_r, below_g, below_b, below_alpha]: [u8; 4]) -> Rgba<u8> {
    let (alpha, below) = (u32::from(alpha), u32::from(below_alpha));
    // Both with a factor of 255².
    let (own, behind) = (alpha * 255, below * (255 - alpha));
    let all = own + behind;
    let mixed = |own_colour: u8, colour: u8| {
        let sum = u32::from(own_colour) * own + u32::from(colour) * behind;
        (sum + all / 2).checked_div(all).unwrap_or(0) as u8
    };
    Rgba([mixed(r, below_r), mixed(g, below_g), mixed(b, below_b), (all / 255) as u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_over_one_another() {
        let below = [10, 20, 30, 255];
        assert_eq!(over([200, 100, 0, 255], below), Rgba([200, 100, 0, 255]));
        assert_eq!(over([200, 100, 0, 0], below), Rgba(below));
        assert_eq!(over([110, 120, 130, 51], below), Rgba([30, 40, 50, 255]));
        assert_eq!(over([7, 8, 9, 77], [1, 2, 3, 0]), Rgba([7, 8, 9, 77]));
        assert_eq!(over([7, 8, 9, 0], [1, 2, 3, 0]), Rgba([0; 4]));
    }
}
