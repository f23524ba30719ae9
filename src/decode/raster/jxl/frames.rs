//! The frames of an animated JPEG XL.

use image::error::{DecodingError, ImageFormatHint};
use image::{Delay, Frame, Frames, ImageError, ImageResult, RgbaImage};
use jxl_oxide::JxlImage;

use super::{Stored, code, load, open};
use crate::limits::Limits;

/// All frames, in at most `within` bytes.
pub(super) fn of<'a>(bytes: &'a [u8], limits: &Limits, within: u64) -> Option<Frames<'a>> {
    let code = code(bytes);
    let (mut image, rest) = open(&code, within).ok()?;
    // What comes behind a broken frame nobody sees.
    let _ = load(&mut image, rest, bytes.len(), limits, false);
    let animation = image.image_header().metadata.animation.as_ref()?;
    let per_second = (animation.tps_numerator.max(1), animation.tps_denominator);
    Some(Frames::new(Box::new(Shown { image, next: 0, per_second })))
}

struct Shown {
    image: JxlImage,
    next: usize,
    /// Ticks in so many seconds.
    per_second: (u32, u32),
}

impl Iterator for Shown {
    type Item = ImageResult<Frame>;

    fn next(&mut self) -> Option<ImageResult<Frame>> {
        let index = self.next;
        self.next += 1;
        (index < self.image.num_loaded_keyframes()).then(|| self.frame(index))
    }
}

impl Shown {
    fn frame(&self, index: usize) -> ImageResult<Frame> {
        let failed = |error| ImageError::Decoding(DecodingError::new(ImageFormatHint::Unknown, error));
        let render = self.image.render_frame(index).map_err(failed)?;
        let mut stored = Stored::new(&self.image, &render);
        let mut pixels = Vec::with_capacity(stored.width * stored.height * 4);
        let mut row = vec![0; stored.width * stored.colours];
        for _ in 0..stored.height {
            stored.next_row(&mut row);
            for (colour, alpha) in row.chunks_exact(stored.colours).zip(&stored.alpha) {
                let rgb = if let [r, g, b] = *colour { [r, g, b] } else { [colour[0]; 3] };
                pixels.extend(rgb);
                pixels.push(*alpha);
            }
        }
        let (ticks, seconds) = self.per_second;
        let time = u64::from(render.duration()) * 1000 * u64::from(seconds) / u64::from(ticks);
        let delay = Delay::from_numer_denom_ms(time.min(u32::MAX.into()) as u32, 1);
        let image = RgbaImage::from_raw(stored.width as u32, stored.height as u32, pixels);
        let image = image.ok_or_else(|| failed("a frame of another size".into()))?;
        Ok(Frame::from_parts(image, 0, 0, delay))
    }
}
