//! The frames of an animated JPEG XL.

use image::error::{DecodingError, ImageFormatHint};
use image::{Delay, Frame, Frames, ImageError, ImageResult, RgbaImage};

use super::{Header, Reading};

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

impl Iterator for Shown<'_> {
    type Item = ImageResult<Frame>;

    fn next(&mut self) -> Option<ImageResult<Frame>> {
        if self.is_over || self.header.has_black {
            return None;
        }
        let (mut pixels, mut duration) = (Vec::new(), None);
        // What comes behind a broken frame nobody sees.
        let more = self.reading.next_frame_with(&self.header, &mut pixels, &mut duration).ok()??;
        self.is_over = !more;
        let (_, samples) = self.header.format();
        let rgba = match samples {
            4 => pixels,
            _ => pixels.chunks_exact(samples).flat_map(wide).collect(),
        };
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
