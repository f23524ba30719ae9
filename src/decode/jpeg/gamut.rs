//! Colours that no screen shows, and what that means for reading low frequencies alone.
//!
//! Signatures are linear in R, G and B, and these in Y, Cb and Cr; so they can be computed from means of the components as well as from
//! pixels. One step between is not linear: pixels are clamped to 0..=255. What clamping adds to a pixel,
//!
//! ```text
//!  e = Σ (clamp(c) − c) over c = R, G, B      for PhotoDNA, whose signal is s = R + G + B
//!  e = Σ wᶜ·(clamp(c) − c)                    for PDQ, whose signal is s = 0.299·R + 0.587·G + 0.114·B
//! ```
//!
//! is seen by full decoding and not by the means. Both signatures look at how a signal varies over the picture and not at its level or
//! scale. So e does no harm where it varies little compared with s: the measure is
//!
//! ```text
//!  ρ² = var(e) / min(var(s), var(s + e))
//! ```
//!
//! over the cells of chroma, each with one cell of luma, of up to [`ROWS`] rows and [`COLUMNS`] of each. Which these are of a large picture, its
//! data decides, so that nobody can paint between them. Over [`MOST`], every pixel is read. Pictures in one strong colour (leaves, skies at night, tinted
//! graphics) are such, and forgeries whose unshown colours hold another picture.
//!
//! `benches/decoders` (`kinds`) says how far signatures lie apart below the bound, for pictures in one of six colours, in two and over-saturated.

use super::level::wide;
use super::moments::{LANES, Moments, Sums};
use super::planes::{level, rgb};
use crate::decode::random::Random;
use crate::picture::Plane;
use fearless_simd::Level;

/// ρ up to which low frequencies suffice.
const MOST: f32 = 0.035;

/// Rows of cells that are looked at, at most.
const ROWS: u32 = 64;

/// Cells of a row that are looked at, at most.
const COLUMNS: u32 = 64;

/// Planes of one picture, of luma and of chroma about 0.
#[derive(Clone, Copy)]
pub(super) struct Colours<'a> {
    pub(super) luma: &'a Plane<u16>,
    pub(super) cb: &'a Plane<u16>,
    pub(super) cr: &'a Plane<u16>,
}

impl Colours<'_> {
    /// Whether what clamping adds is too much for signatures of the means. `data` is the picture's.
    pub(super) fn are_beyond(&self, data: &[u8], level: Level) -> bool {
        let Colours { cb, cr, .. } = self;
        // No encoder in use samples Cb and Cr in two ways.
        if (cb.cell_width, cb.cell_height) != (cr.cell_width, cr.cell_height) {
            return true;
        }
        let (sum, grey) = wide(
            level,
            #[inline(always)]
            || self.ratios(Random::of(data)),
        );
        sum.max(grey) > MOST
    }

    /// ρ of R + G + B and of luma.
    #[inline(always)]
    fn ratios(&self, mut random: Random) -> (f32, f32) {
        let (mut sum, mut grey) = (Moments::default(), Moments::default());
        let Colours { luma, cb, cr } = *self;
        let nearest = |cell: u32, size: u32, of: u32| (cell * size + size / 2) / of;
        let (columns, rows) = (cb.columns.min(cr.columns), cb.rows.min(cr.rows));
        let (apart, step) = (rows.div_ceil(ROWS), columns.div_ceil(COLUMNS));
        // Of each few columns the same one in every row.
        let chosen = (0..columns).step_by(step as usize).map(|first| {
            let x = (first + random.below(step as usize) as u32).min(columns - 1);
            (x as usize, nearest(x, cb.cell_width, luma.cell_width).min(luma.columns - 1) as usize)
        });
        let chosen: Vec<(usize, usize)> = chosen.collect();
        let padded = chosen.len().next_multiple_of(LANES);
        let mut lines = [vec![0.0; padded], vec![0.0; padded], vec![0.0; padded]];
        let mut looked = 0;
        for first in (0..rows).step_by(apart as usize) {
            let y = (first + random.below(apart as usize) as u32).min(rows - 1);
            let of_luma = nearest(y, cb.cell_height, luma.cell_height).min(luma.rows - 1);
            let line = luma.row(of_luma as usize);
            let (of_cb, of_cr) = (cb.row(y as usize), cr.row(y as usize));
            fill(&mut lines[0], chosen.iter().map(|&(_, x)| line[x]));
            fill(&mut lines[1], chosen.iter().map(|&(x, _)| of_cb[x]));
            fill(&mut lines[2], chosen.iter().map(|&(x, _)| of_cr[x]));
            let [y, cb, cr] = lines.each_ref().map(|line| line.as_chunks::<LANES>().0);
            for ((y, cb), cr) in y.iter().zip(cb).zip(cr) {
                add(&mut sum, &mut grey, y, cb, cr);
            }
            looked += padded;
        }
        (sum.ratio(looked as f32), grey.ratio(looked as f32))
    }
}

/// Samples as levels, the last one over and over to the end of the line.
#[inline(always)]
fn fill(line: &mut [f32], samples: impl Iterator<Item = u16>) {
    let mut last = 0.0;
    let mut to = line.iter_mut();
    for (to, sample) in to.by_ref().zip(samples) {
        last = level(sample);
        *to = last;
    }
    to.for_each(|to| *to = last);
}

#[inline(always)]
fn add(sum: &mut Moments, grey: &mut Moments, y: &Sums, cb: &Sums, cr: &Sums) {
    for lane in 0..LANES {
        let (y, cb, cr) = (y[lane], cb[lane], cr[lane]);
        let rgb = rgb([y, cb, cr]);
        let [r, g, b] = rgb.map(|value| value.clamp(0.0, 255.0) - value);
        sum.add(lane, rgb[0] + rgb[1] + rgb[2], r + g + b);
        grey.add(lane, y, 0.299 * r + 0.587 * g + 0.114 * b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{COARSE_UNIT, COARSE_ZERO};

    /// A plane of 8×8 cells whose level is a function of column and row.
    fn plane(columns: u32, rows: u32, level: impl Fn(u32, u32) -> f32) -> Plane<u16> {
        let sample = |level: f32| (f32::from(COARSE_ZERO) + level * f32::from(COARSE_UNIT)) as u16;
        let places = (0..columns * rows).map(|at| (at % columns, at / columns));
        let samples = places.map(|(x, y)| sample(level(x, y))).collect();
        Plane { samples, stride: columns as usize, columns, rows, channels: 1, cell_width: 8, cell_height: 8 }
    }

    fn are_beyond(luma: &Plane<u16>, cb: &Plane<u16>, cr: &Plane<u16>) -> bool {
        Colours { luma, cb, cr }.are_beyond(&[1, 2, 3], Level::new())
    }

    #[test]
    fn colours_that_clamping_changes_are_found() {
        for (columns, rows) in [(5, 5), (31, 17), (64, 300)] {
            let luma = plane(columns, rows, |x, y| 60.0 + (x % 13 + y % 7) as f32 * 8.0);
            let none = plane(columns, rows, |_, _| 0.0);
            assert!(!are_beyond(&luma, &none, &none));
            // Strong and within the range of all three; then green alone, red and blue far below 0.
            let some = plane(columns, rows, |x, _| (x % 3) as f32 * 8.0);
            assert!(!are_beyond(&luma, &some, &some));
            let green = plane(columns, rows, |x, _| -50.0 - (x % 5) as f32 * 12.0);
            assert!(are_beyond(&luma, &green, &green));
        }
    }

    #[test]
    fn rows_between_cannot_be_painted_on() {
        let luma = plane(40, 640, |x, y| 60.0 + ((x * 7 + y * 3) % 50) as f32);
        let none = plane(40, 640, |_, _| 0.0);
        let found = |data: &[u8]| {
            let hidden = plane(40, 640, |x, y| if y % 5 == 4 { -90.0 - (x % 9) as f32 * 8.0 } else { 0.0 });
            Colours { luma: &luma, cb: &hidden, cr: &none }.are_beyond(data, Level::new())
        };
        assert!((0..=255).all(|byte| found(&[byte; 999])));
    }

    #[test]
    fn chroma_in_two_resolutions_is_not_judged() {
        let luma = plane(16, 16, |x, _| x as f32);
        let mut cr = plane(8, 16, |_, _| 0.0);
        cr.cell_width = 16;
        assert!(are_beyond(&luma, &plane(16, 16, |_, _| 0.0), &cr));
    }
}
