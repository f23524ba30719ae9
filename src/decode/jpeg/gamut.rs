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
use crate::decode::random::Random;
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Plane};
use fearless_simd::Level;

/// ρ up to which low frequencies suffice.
const MOST: f64 = 0.035;

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

/// How many cells a plane has, and how many original pixels each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells {
    pub(crate) count: (u32, u32),
    pub(crate) size: (u32, u32),
}

impl Cells {
    fn of(plane: &Plane<u16>) -> Cells {
        Cells { count: (plane.columns, plane.rows), size: (plane.cell_width, plane.cell_height) }
    }
}

/// Which cells are looked at: columns and rows of chroma, each with the one of luma in its middle.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) columns: Vec<(u32, u32)>,
    pub(crate) rows: Vec<(u32, u32)>,
}

impl Chosen {
    /// Of each few columns the same one in every row, and of each few rows one, as `random` says.
    pub(super) fn new(chroma: Cells, luma: Cells, mut random: Random) -> Chosen {
        let mut choose = |count: u32, most: u32, size: (u32, u32), of_luma: u32| {
            let apart = count.div_ceil(most).max(1);
            let one = |first: u32| {
                let cell = (first + random.below(apart as usize) as u32).min(count - 1);
                (cell, ((cell * size.0 + size.0 / 2) / size.1).min(of_luma - 1))
            };
            (0..count).step_by(apart as usize).map(one).collect()
        };
        Chosen {
            columns: choose(chroma.count.0, COLUMNS, (chroma.size.0, luma.size.0), luma.count.0),
            rows: choose(chroma.count.1, ROWS, (chroma.size.1, luma.size.1), luma.count.1),
        }
    }

    /// Cells that are looked at.
    pub(crate) fn count(&self) -> usize {
        self.columns.len() * self.rows.len()
    }
}

/// Of R + G + B and of luma each: sums of s, e, s·s, s·e and e·e, in quarters of a level.
///
/// Integers, which are the same in whatever order they are added. Of the numbers that are added, s has 13 bits and e 12, so that the sums over a row of [`COLUMNS`] have 31
/// and a sign, those over a picture 37.
pub(crate) type Sums<T> = [[T; 5]; 2];

/// Whether what clamping adds, by its sums over so many cells, is too much for signatures of the means.
pub(crate) fn are_beyond(sums: &Sums<i64>, cells: usize) -> bool {
    /// One level, squared.
    const LEAST: f64 = 16.0;
    let ratio = |sums: &[i64; 5]| {
        let [s, e, ss, se, ee] = sums.map(|sum| sum as f64 / cells as f64);
        let (ss, se, ee) = (ss - s * s, se - s * e, ee - e * e);
        // A picture without anything in it has no signature that could be wrong: one level is the least.
        (ee.max(0.0) / ss.min(ss + 2.0 * se + ee).max(LEAST)).sqrt()
    };
    ratio(&sums[0]).max(ratio(&sums[1])) > MOST
}

impl Colours<'_> {
    /// The sums over the cells that `random`, which follows from the picture's data, chooses, and how many these are. `None` where chroma is in two resolutions, of
    /// which nothing is known: no encoder in use samples Cb and Cr in two ways.
    pub(super) fn sums(&self, random: Random, level: Level) -> Option<(Sums<i64>, usize)> {
        let Colours { luma, cb, cr } = *self;
        if (cb.cell_width, cb.cell_height) != (cr.cell_width, cr.cell_height) {
            return None;
        }
        let chosen = Chosen::new(Cells::of(cb), Cells::of(luma), random);
        let sums = wide(
            level,
            #[inline(always)]
            || self.sums_over(&chosen),
        );
        Some((sums, chosen.count()))
    }

    #[inline(always)]
    fn sums_over(&self, chosen: &Chosen) -> Sums<i64> {
        let Colours { luma, cb, cr } = *self;
        let mut sums = Sums::default();
        let mut lines = [[0; COLUMNS as usize]; 3];
        let columns = chosen.columns.len().min(COLUMNS as usize);
        for &(row, of_luma) in &chosen.rows {
            let line = luma.row(of_luma as usize);
            let (of_cb, of_cr) = (cb.row(row as usize), cr.row(row as usize));
            for (at, &(column, of_luma)) in chosen.columns.iter().enumerate().take(columns) {
                lines[0][at] = about_zero(line[of_luma as usize]);
                lines[1][at] = about_zero(of_cb[column as usize]);
                lines[2][at] = about_zero(of_cr[column as usize]);
            }
            let [y, cb, cr] = lines.each_ref().map(|line| &line[..columns]);
            let of_row = row_sums(y, cb, cr);
            for (sum, of_row) in sums.as_flattened_mut().iter_mut().zip(of_row.as_flattened()) {
                *sum += i64::from(*of_row);
            }
        }
        sums
    }
}

#[inline(always)]
fn about_zero(sample: u16) -> i32 {
    i32::from(sample) - i32::from(COARSE_ZERO)
}

/// The sums over one row of up to [`COLUMNS`] cells, of which each sample has 12 bits.
#[inline(always)]
fn row_sums(y: &[i32], cb: &[i32], cr: &[i32]) -> Sums<i32> {
    let mut sums = Sums::default();
    for ((&y, &cb), &cr) in y.iter().zip(cb).zip(cr) {
        let cells = cell(y, cb, cr);
        for (sums, [s, e]) in sums.iter_mut().zip(cells) {
            for (sum, more) in sums.iter_mut().zip([s, e, s * s, s * e, e * e]) {
                *sum += more;
            }
        }
    }
    sums
}

/// What a cell shows and what clamping adds to it, in quarters of a level: R + G + B, and luma. JFIF's colours (ITU-T T.871, clause 7), with 16 bits behind the point.
#[inline(always)]
fn cell(y: i32, cb: i32, cr: i32) -> [[i32; 2]; 2] {
    const HALF: i32 = 1 << 15;
    const HIGHEST: i32 = 255 * COARSE_UNIT as i32;
    let r = y + ((91_881 * cr + HALF) >> 16);
    let g = y - ((22_554 * cb + 46_802 * cr + HALF) >> 16);
    let b = y + ((116_130 * cb + HALF) >> 16);
    let [of_r, of_g, of_b] = [r, g, b].map(|colour| colour.clamp(0, HIGHEST) - colour);
    let luma = (19_595 * of_r + 38_470 * of_g + 7_471 * of_b + HALF) >> 16;
    [[(r + g + b) >> 2, (of_r + of_g + of_b) >> 2], [y >> 2, luma >> 2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane of 8×8 cells whose level is a function of column and row.
    fn plane(columns: u32, rows: u32, level: impl Fn(u32, u32) -> f32) -> Plane<u16> {
        let sample = |level: f32| (f32::from(COARSE_ZERO) + level * f32::from(COARSE_UNIT)) as u16;
        let places = (0..columns * rows).map(|at| (at % columns, at / columns));
        let samples = places.map(|(x, y)| sample(level(x, y))).collect();
        Plane { samples, stride: columns as usize, columns, rows, channels: 1, cell_width: 8, cell_height: 8 }
    }

    fn is_beyond(colours: Colours<'_>, data: &[u8]) -> bool {
        let sums = colours.sums(Random::of(data), Level::new());
        sums.is_none_or(|(sums, cells)| super::are_beyond(&sums, cells))
    }

    fn are_beyond(luma: &Plane<u16>, cb: &Plane<u16>, cr: &Plane<u16>) -> bool {
        is_beyond(Colours { luma, cb, cr }, &[1, 2, 3])
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
            is_beyond(Colours { luma: &luma, cb: &hidden, cr: &none }, data)
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
