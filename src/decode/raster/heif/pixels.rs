//! Luma and chroma of a decoded picture to what is shown (ITU-T H.273, 8.3).
//!
//! A chroma sample counts for all pixels that it was taken of: signatures average over far more of them.

use super::canvas::Canvas;
use crate::decode::frame::{Chroma, Meaning};

/// A decoded picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<'a, T> {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits of a sample, 8 to 16.
    pub(super) depth: u32,
    pub(super) chroma: Chroma,
    /// Y, Cb and Cr.
    pub(super) planes: [&'a [T]; 3],
    /// Samples from row to row, of Y and of chroma.
    pub(super) strides: [usize; 2],
}

/// Bits behind the point.
const POINT: u32 = 16;

/// What a sample of each plane adds to R, G and B.
struct Weights {
    luma: i32,
    chroma: [[i32; 3]; 2],
    /// What luma is without light, and chroma without colour.
    zero: [i32; 2],
}

impl Weights {
    fn of(meaning: Meaning, depth: u32) -> Weights {
        let top = f64::from((1u32 << depth) - 1);
        let one = f64::from(1u32 << (depth - 8));
        let (luma, chroma) = if meaning.full {
            (255.0 / top, 255.0 / top)
        } else {
            (255.0 / (219.0 * one), 255.0 / (224.0 * one))
        };
        let fixed = |weight: f64| (weight * f64::from(1 << POINT)).round() as i32;
        let of_matrix = |red: f64, blue: f64| {
            let green = 1.0 - red - blue;
            let (cb, cr) = (2.0 * (1.0 - blue), 2.0 * (1.0 - red));
            [[0.0, -cb * blue / green, cb], [cr, -cr * red / green, 0.0]]
        };
        let weights = match meaning.matrix {
            1 => of_matrix(0.2126, 0.0722),
            4 => of_matrix(0.30, 0.11),
            7 => of_matrix(0.212, 0.087),
            8 => [[-1.0, 1.0, -1.0], [1.0, 0.0, -1.0]],
            9 | 10 => of_matrix(0.2627, 0.0593),
            _ => of_matrix(0.299, 0.114),
        };
        let black = if meaning.full { 0 } else { 16 << (depth - 8) };
        Weights {
            luma: fixed(luma),
            chroma: weights.map(|plane| plane.map(|weight| fixed(weight * chroma))),
            zero: [black, 1 << (depth - 1)],
        }
    }

    fn luma<T: Into<i32>>(&self, sample: T) -> i32 {
        (sample.into() - self.zero[0]) * self.luma + (1 << (POINT - 1))
    }
}

/// A level of 0..=255.
fn level(fixed: i32) -> u8 {
    (fixed >> POINT).clamp(0, 255) as u8
}

/// The code for planes that hold G, B and R.
const IDENTITY: u8 = 0;

impl<T: Copy + Into<i32>> Planes<'_, T> {
    /// Whether each plane is as long as its size needs.
    pub(super) fn is_whole(&self) -> bool {
        let [luma, chroma] = self.strides;
        let (across, down) = self.chroma.shift();
        let (width, height) = (self.width.div_ceil(1 << across), self.height.div_ceil(1 << down));
        // What lies behind the last pixel may be missing.
        let is_long = |plane: &[T], stride: usize, (width, height): (usize, usize)| {
            let before = height.checked_sub(1).map(|rows| stride.saturating_mul(rows));
            width > 0
                && stride >= width
                && before.is_some_and(|before| plane.len() >= before.saturating_add(width))
        };
        (8..=16).contains(&self.depth)
            && is_long(self.planes[0], luma, (self.width, self.height))
            && (self.chroma == Chroma::None
                || self.planes[1..].iter().all(|plane| is_long(plane, chroma, (width, height))))
    }

    /// Paints it on a canvas from this place on; what hangs over is left out.
    pub(super) fn paint(&self, meaning: Meaning, canvas: &mut Canvas, (left, top): (usize, usize)) {
        let weights = Weights::of(meaning, self.depth);
        let channels = canvas.channels;
        let (across, down) = self.chroma.shift();
        for row in 0..self.height {
            let to = canvas.row_from(left, top + row);
            if to.is_empty() {
                continue;
            }
            let luma = &self.planes[0][row * self.strides[0]..][..self.width];
            if channels == 1 || self.chroma == Chroma::None {
                let greys = luma.iter().map(|sample| level(weights.luma(*sample)));
                to.chunks_exact_mut(channels).zip(greys).for_each(|(to, grey)| to.fill(grey));
                continue;
            }
            let width = self.width.div_ceil(1 << across);
            let chroma = |plane: usize| &self.planes[plane][(row >> down) * self.strides[1]..][..width];
            let (cb, cr) = (chroma(1), chroma(2));
            let to = to.as_chunks_mut::<3>().0;
            match (meaning.matrix, across) {
                (IDENTITY, 0) => {
                    let pixels = luma.iter().zip(cb).zip(cr);
                    to.iter_mut().zip(pixels).for_each(|(to, ((g, b), r))| {
                        *to = [*r, *g, *b].map(|sample| level(weights.luma(sample)));
                    });
                }
                (_, 0) => {
                    to.iter_mut().zip(luma).zip(cb.iter().zip(cr)).for_each(|((to, luma), (cb, cr))| {
                        *to = weights.pixel(weights.luma(*luma), weights.tint(*cb, *cr));
                    });
                }
                _ => {
                    for ((to, luma), (cb, cr)) in to.chunks_mut(2).zip(luma.chunks(2)).zip(cb.iter().zip(cr))
                    {
                        let tint = weights.tint(*cb, *cr);
                        to.iter_mut()
                            .zip(luma)
                            .for_each(|(to, luma)| *to = weights.pixel(weights.luma(*luma), tint));
                    }
                }
            }
        }
    }
}

impl Weights {
    /// What chroma adds to R, G and B.
    fn tint<T: Into<i32>>(&self, cb: T, cr: T) -> [i32; 3] {
        let (cb, cr) = (cb.into() - self.zero[1], cr.into() - self.zero[1]);
        let [of_cb, of_cr] = &self.chroma;
        [0, 1, 2].map(|channel| of_cb[channel] * cb + of_cr[channel] * cr)
    }

    fn pixel(&self, luma: i32, tint: [i32; 3]) -> [u8; 3] {
        tint.map(|tint| level(luma + tint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(
        planes: [&[u16]; 3],
        size: (usize, usize),
        depth: u32,
        chroma: Chroma,
        meaning: Meaning,
    ) -> Vec<u8> {
        let (across, _) = chroma.shift();
        let strides = [size.0, size.0.div_ceil(1 << across)];
        let planes = Planes { width: size.0, height: size.1, depth, chroma, planes, strides };
        assert!(planes.is_whole());
        let mut canvas = Canvas::new(size, if chroma == Chroma::None { 1 } else { 3 }, Vec::new()).unwrap();
        planes.paint(meaning, &mut canvas, (0, 0));
        canvas.samples
    }

    #[test]
    fn colours_of_every_matrix_come_back() {
        for (matrix, red, blue) in
            [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593), (2, 0.299, 0.114)]
        {
            for depth in [8, 10, 12] {
                for full in [true, false] {
                    for colour in
                        [[255u8, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]]
                    {
                        let [r, g, b] = colour.map(|level| f64::from(level) / 255.0);
                        let y = red * r + (1.0 - red - blue) * g + blue * b;
                        let (cb, cr) = ((b - y) / (2.0 * (1.0 - blue)), (r - y) / (2.0 * (1.0 - red)));
                        let (one, top) = (f64::from(1u32 << (depth - 8)), f64::from((1u32 << depth) - 1));
                        let (luma, chroma, black) =
                            if full { (top, top, 0.0) } else { (219.0 * one, 224.0 * one, 16.0 * one) };
                        let middle = f64::from(1u32 << (depth - 1));
                        let stored = [y * luma + black, cb * chroma + middle, cr * chroma + middle];
                        let stored = stored.map(|sample| [sample.round().clamp(0.0, top) as u16]);
                        let planes = [&stored[0][..], &stored[1], &stored[2]];
                        let pixel = shown(planes, (1, 1), depth, Chroma::Full, Meaning { matrix, full });
                        let far = pixel.iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                        assert!(far <= 2, "{matrix} {depth} {full} {colour:?}: {pixel:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn planes_of_colours_are_colours() {
        let meaning = Meaning { matrix: 0, full: true };
        assert_eq!(shown([&[10], &[20], &[30]], (1, 1), 8, Chroma::Full, meaning), [30, 10, 20]);
    }

    #[test]
    fn chroma_counts_for_the_pixels_it_was_taken_of() {
        let meaning = Meaning { matrix: 6, full: true };
        let luma = [100; 9];
        let (cb, cr) = ([128; 4], [128, 255, 128, 255]);
        let pixels = shown([&luma, &cb, &cr], (3, 3), 8, Chroma::Quarter, meaning);
        let red: Vec<bool> = pixels.as_chunks::<3>().0.iter().map(|pixel| pixel[0] > 200).collect();
        assert_eq!(red, [false, false, true, false, false, true, false, false, true]);
        assert_eq!(shown([&[7, 9], &[], &[]], (2, 1), 8, Chroma::None, meaning), [7, 9]);
    }
}
