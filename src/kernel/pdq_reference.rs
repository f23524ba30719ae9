//! PDQ by its definition: 32-bit floats in the definition's order (`spec` steps 1–8, after facebook/ThreatExchange).
//!
//! The field has two definitions of luma, and on coloured patterns they are up to 122 bits apart, since there the bits are rounding
//! alone. `pdqhash` for Python, and so HMA, sums in binary64 and rounds once to binary32; the C++ tool, whose convention `pdq-512` is,
//! rounds every product and sum to binary32. [`Luma`] is that choice; all else is the same.
//!
//! Slower than the integers of [`dct`](super::dct) and needed only where many coefficients tie: there the published bits are the
//! rounding of these very sums. Within a line the order of operations is the reference's, which makes a running sum one chain of
//! dependent additions. Lines are independent of each other, so [`ROWS`] of them are summed together, one per lane, and all
//! columns together on the way down. Rows flow through the four box passes in batches, so memory is a few windows of rows instead of
//! two copies of the picture. The last two passes keep only the 64 columns that are read in the end.
//!
//! A running sum starts and ends on zeros that stand outside the picture: adding or subtracting +0 changes no sum, and no case
//! is left for edges but the divisor.
//!
//! Ranges do not matter here: every value is the `f32` that the reference has at this place. What must not change is the order of
//! additions, and that means are divided by the count instead of multiplied by its reciprocal.

use std::slice::Iter;

use fearless_simd::{Level, Simd, SimdBase, dispatch, f32x16};

use super::dct::{MATRIX, median};
use super::weights::PDQ_LINES;
use crate::picture::{Plane, Planes};
use crate::signature::Pdq;

/// What the definition gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) signature: Pdq,
    pub(crate) quality: u8,
    /// `B`, row-major 16×16.
    pub(crate) coefficients: [f32; 256],
}

/// Rows that are summed together, one per lane.
const ROWS: usize = 16;

/// In which precision luma is summed before it is a binary32 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luma {
    /// Products and sums in binary64, rounded once: `pdqhash` for Python, HMA.
    Binary64,
    /// Every product and sum rounded to binary32: the C++ tool.
    Binary32,
}

/// PDQ of fully decoded pixels; `None` for coarse planes, which the definition does not know.
///
/// With `to_512` by the C++ tool's convention: luma in binary32, and a picture with a side over 512 is first brought to 512×512 by
/// nearest neighbour.
pub(crate) fn reference(planes: &Planes, to_512: bool) -> Option<Reference> {
    reference_at(Level::new(), planes, to_512)
}

/// The same at one SIMD level; all give the same floats.
fn reference_at(level: Level, planes: &Planes, to_512: bool) -> Option<Reference> {
    let plane = match planes {
        Planes::Rgb(plane) | Planes::Grey(plane) => plane,
        Planes::Coarse { .. } => return None,
    };
    let (width, height) = (plane.columns as usize, plane.rows as usize);
    let luma = if to_512 { Luma::Binary32 } else { Luma::Binary64 };
    let grid = if to_512 && width.max(height) > 512 {
        let near = nearest_512(plane);
        dispatch!(level, simd => blurred_grid(simd, &near, luma))
    } else {
        dispatch!(level, simd => blurred_grid(simd, plane, luma))
    };
    Some(finish(&grid))
}

/// The plane brought to 512×512 by nearest neighbour.
fn nearest_512(plane: &Plane<u8>) -> Plane<u8> {
    let (width, height, channels) = (plane.columns as usize, plane.rows as usize, plane.channels as usize);
    let mut samples = Vec::with_capacity(512 * 512 * channels);
    for y in 0..512 {
        let row = plane.row(y * height / 512);
        for x in 0..512 {
            samples.extend_from_slice(&row[x * width / 512 * channels..][..channels]);
        }
    }
    Plane::pixels(samples, 512, 512, plane.channels)
}

/// Luma of one row (step 2).
#[inline(always)]
fn luma_row(channels: u32, row: &[u8], summed_in: Luma, luma: &mut [f32]) {
    if channels == 1 {
        luma.iter_mut().zip(row).for_each(|(luma, &grey)| *luma = f32::from(grey));
        return;
    }
    let pixels = luma.iter_mut().zip(row.as_chunks::<3>().0);
    match summed_in {
        Luma::Binary64 => pixels.for_each(|(luma, rgb)| *luma = luma_in_binary64(*rgb)),
        Luma::Binary32 => pixels.for_each(|(luma, rgb)| *luma = luma_in_binary32(*rgb)),
    }
}

#[inline(always)]
fn luma_in_binary64(rgb: [u8; 3]) -> f32 {
    let [r, g, b] = rgb.map(f64::from);
    (0.299 * r + 0.587 * g + 0.114 * b) as f32
}

#[inline(always)]
fn luma_in_binary32(rgb: [u8; 3]) -> f32 {
    let [r, g, b] = rgb.map(f32::from);
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Steps 3–5: blur twice each way and take 64×64 points.
#[inline(always)]
fn blurred_grid<S: Simd>(simd: S, plane: &Plane<u8>, summed_in: Luma) -> Vec<f32> {
    let (width, height) = (plane.columns as usize, plane.rows as usize);
    if width == PDQ_LINES && height == PDQ_LINES {
        let mut grid = vec![0.0; PDQ_LINES * PDQ_LINES];
        let rows = grid.chunks_exact_mut(PDQ_LINES).enumerate();
        rows.for_each(|(y, luma)| luma_row(plane.channels, plane.row(y), summed_in, luma));
        return grid;
    }
    let mut along = AlongRows::new(width);
    let mut second = SecondBlur::new(width, height);
    let mut first = DownColumns::new(width, height);
    let mut rows = Rows::new(width);
    for start in (0..height).step_by(ROWS) {
        let count = ROWS.min(height - start);
        for k in 0..count {
            luma_row(plane.channels, plane.row(start + k), summed_in, rows.row_mut(k));
        }
        along.blur(simd, &mut rows);
        for k in 0..count {
            if first.push(Some(rows.row(k)), second.next_row()) {
                second.took_row(simd);
            }
        }
    }
    while first.push(None, second.next_row()) {
        second.took_row(simd);
    }
    second.grid
}

/// A batch of rows of floats, zeros beyond their width up to whole tiles.
struct Rows {
    width: usize,
    padded: usize,
    values: Vec<f32>,
}

impl Rows {
    fn new(width: usize) -> Rows {
        let padded = width.next_multiple_of(ROWS);
        Rows { width, padded, values: vec![0.0; padded * ROWS] }
    }

    fn row(&self, k: usize) -> &[f32] {
        &self.values[k * self.padded..][..self.width]
    }

    fn row_mut(&mut self, k: usize) -> &mut [f32] {
        &mut self.values[k * self.padded..][..self.width]
    }

    /// The 16 columns from `x`, one per vector.
    #[inline(always)]
    fn columns<S: Simd>(&self, simd: S, x: usize) -> [f32x16<S>; ROWS] {
        let mut tile = [f32x16::splat(simd, 0.0); ROWS];
        for (k, row) in tile.iter_mut().enumerate() {
            *row = f32x16::from_slice(simd, &self.values[k * self.padded + x..][..ROWS]);
        }
        transposed(tile)
    }

    #[inline(always)]
    fn set_columns<S: Simd>(&mut self, x: usize, columns: [f32x16<S>; ROWS]) {
        for (k, row) in transposed(columns).iter().enumerate() {
            row.store_slice(&mut self.values[k * self.padded + x..][..ROWS]);
        }
    }
}

/// A 16×16 tile with rows and columns exchanged: four perfect shuffles, each of which rotates the 8 bits of an element's index by one.
#[inline(always)]
fn transposed<S: Simd>(mut tile: [f32x16<S>; ROWS]) -> [f32x16<S>; ROWS] {
    for _ in 0..ROWS.ilog2() {
        let mut shuffled = tile;
        for k in 0..ROWS / 2 {
            (shuffled[2 * k], shuffled[2 * k + 1]) = tile[k].interleave(tile[k + ROWS / 2]);
        }
        tile = shuffled;
    }
    tile
}

/// The box of step 4 along one axis: where a running sum begins, and what it is divided by.
struct Window {
    length: usize,
    width: usize,
    /// The sample at `i + ahead − 1` enters before the mean at `i` is taken.
    ahead: usize,
}

impl Window {
    fn new(length: usize) -> Window {
        let width = length.div_ceil(128);
        Window { length, width, ahead: (width + 2) / 2 }
    }

    /// Samples under the box at `i`.
    fn count(&self, i: usize) -> f32 {
        ((i + self.ahead).min(self.length) - (i + self.ahead).saturating_sub(self.width)) as f32
    }
}

/// Box passes along the rows of a batch.
struct AlongRows {
    window: Window,
    /// The batch's columns, one a 16 floats, between zeros.
    columns: Vec<[f32; ROWS]>,
}

impl AlongRows {
    fn new(width: usize) -> AlongRows {
        let window = Window::new(width);
        let length = window.width + width.next_multiple_of(ROWS) + window.ahead;
        AlongRows { window, columns: vec![[0.0; ROWS]; length] }
    }

    /// Takes the rows in.
    #[inline(always)]
    fn take<S: Simd>(&mut self, simd: S, rows: &Rows) {
        let Window { length, width, .. } = self.window;
        for x in (0..length).step_by(ROWS) {
            let to = &mut self.columns[width + x..width + length.min(x + ROWS)];
            for (to, column) in to.iter_mut().zip(&rows.columns(simd, x)) {
                column.store_array(to);
            }
        }
    }

    /// One pass.
    #[inline(always)]
    fn sums<S: Simd>(&self, simd: S) -> RunningSums<'_, S> {
        let Window { length, width, ahead } = self.window;
        let mut sum = f32x16::splat(simd, 0.0);
        for column in &self.columns[width..width + ahead - 1] {
            sum += f32x16::load_array_ref(simd, column);
        }
        let entering = self.columns[width + ahead - 1..][..length].iter();
        let leaving = self.columns[ahead - 1..][..length].iter();
        RunningSums { simd, sum, entering, leaving }
    }

    /// Blurs rows in place.
    #[inline(always)]
    fn blur<S: Simd>(&mut self, simd: S, rows: &mut Rows) {
        self.take(simd, rows);
        let mut sums = self.sums(simd);
        for start in (0..self.window.length).step_by(ROWS) {
            let mut tile = [f32x16::splat(simd, 0.0); ROWS];
            for (k, mean) in tile.iter_mut().enumerate() {
                if let Some(sum) = sums.next() {
                    *mean = sum / self.window.count(start + k);
                }
            }
            rows.set_columns(start, tile);
        }
    }
}

/// The sums under the box, place by place: entering sample added, leaving sample subtracted.
///
/// An iterator because a closure might not be inlined, and would then know nothing of the SIMD level.
struct RunningSums<'a, S: Simd> {
    simd: S,
    sum: f32x16<S>,
    entering: Iter<'a, [f32; ROWS]>,
    leaving: Iter<'a, [f32; ROWS]>,
}

impl<S: Simd> Iterator for RunningSums<'_, S> {
    type Item = f32x16<S>;

    #[inline(always)]
    fn next(&mut self) -> Option<f32x16<S>> {
        // First in, then out: the reference's order, which decides how the sum is rounded.
        self.sum += f32x16::load_array_ref(self.simd, self.entering.next()?);
        self.sum -= f32x16::load_array_ref(self.simd, self.leaving.next()?);
        Some(self.sum)
    }
}

/// A box pass down all columns at once, row by row as they come.
struct DownColumns {
    window: Window,
    sums: Vec<f32>,
    /// As many rows as the box is high, the oldest overwritten by the next.
    ring: Vec<f32>,
    pushed: usize,
}

impl DownColumns {
    fn new(width: usize, height: usize) -> DownColumns {
        let window = Window::new(height);
        let ring = vec![0.0; width * window.width];
        DownColumns { window, sums: vec![0.0; width], ring, pushed: 0 }
    }

    /// Takes the next row in, `None` below the last one; whether that completed the next row of `output`.
    #[inline(always)]
    fn push(&mut self, row: Option<&[f32]>, output: &mut [f32]) -> bool {
        let Window { length, width, ahead } = self.window;
        let place = (self.pushed + 1).checked_sub(ahead);
        if place == Some(length) {
            return false;
        }
        // Before the first row comes out its place is written too and overwritten later, so any divisor will do.
        let count = place.map_or(1.0, |place| self.window.count(place));
        // The row that leaves is as old as the box is high, and lies where the new one goes.
        let slot = self.pushed % width * self.sums.len();
        let ring = &mut self.ring[slot..slot + self.sums.len()];
        let sums = self.sums.iter_mut().zip(output).zip(ring);
        match row {
            Some(row) => {
                for (((sum, output), ring), &entering) in sums.zip(row) {
                    *sum = *sum + entering - std::mem::replace(ring, entering);
                    *output = *sum / count;
                }
            }
            None => {
                for ((sum, output), ring) in sums {
                    *sum -= std::mem::replace(ring, 0.0);
                    *output = *sum / count;
                }
            }
        }
        self.pushed += 1;
        place.is_some()
    }
}

/// The second pass either way, and the 64×64 points of step 5.
struct SecondBlur {
    rows: Rows,
    /// Rows waiting in the batch, and rows taken before.
    waiting: usize,
    taken: usize,
    along: AlongRows,
    down: DownColumns,
    blurred: [f32; PDQ_LINES],
    /// Rows that came out of `down`.
    finished: usize,
    /// Row-major 64×64.
    grid: Vec<f32>,
}

/// The sample at which grid line `line` reads an axis of `length` samples.
fn centre(line: usize, length: usize) -> usize {
    (2 * line + 1) * length / 128
}

impl SecondBlur {
    fn new(width: usize, height: usize) -> SecondBlur {
        SecondBlur {
            rows: Rows::new(width),
            waiting: 0,
            taken: 0,
            along: AlongRows::new(width),
            down: DownColumns::new(PDQ_LINES, height),
            blurred: [0.0; PDQ_LINES],
            finished: 0,
            grid: vec![0.0; PDQ_LINES * PDQ_LINES],
        }
    }

    /// Where the next row is to be written.
    fn next_row(&mut self) -> &mut [f32] {
        self.rows.row_mut(self.waiting)
    }

    /// The next row has been written.
    #[inline(always)]
    fn took_row<S: Simd>(&mut self, simd: S) {
        self.waiting += 1;
        let height = self.down.window.length;
        if self.waiting < ROWS && self.taken + self.waiting < height {
            return;
        }
        let columns = self.read_columns(simd);
        for k in 0..self.waiting {
            let row = columns.map(|column| column[k]);
            self.push_down(Some(&row));
        }
        self.taken += self.waiting;
        self.waiting = 0;
        if self.taken == height {
            while self.push_down(None) {}
        }
    }

    /// The batch blurred along its rows, at the 64 columns that are read.
    #[inline(always)]
    fn read_columns<S: Simd>(&mut self, simd: S) -> [[f32; ROWS]; PDQ_LINES] {
        self.along.take(simd, &self.rows);
        let mut columns = [[0.0; ROWS]; PDQ_LINES];
        let mut line = 0;
        let window = &self.along.window;
        for (x, sum) in self.along.sums(simd).enumerate() {
            // On sides under 64 samples several lines read the same one.
            while line < PDQ_LINES && centre(line, window.length) == x {
                (sum / window.count(x)).store_array(&mut columns[line]);
                line += 1;
            }
        }
        columns
    }

    /// Takes a row of 64 columns down; whether one came out.
    fn push_down(&mut self, row: Option<&[f32]>) -> bool {
        let came = self.down.push(row, &mut self.blurred);
        if came {
            let height = self.down.window.length;
            let lines = (0..PDQ_LINES).filter(|&line| centre(line, height) == self.finished);
            for line in lines {
                self.grid[line * PDQ_LINES..][..PDQ_LINES].copy_from_slice(&self.blurred);
            }
            self.finished += 1;
        }
        came
    }
}

/// Steps 6–8 on the 64×64 grid.
fn finish(grid: &[f32]) -> Reference {
    let at = |i: usize, j: usize| grid[i * PDQ_LINES + j];
    // Cut off towards zero before the absolute value, as the reference does.
    let step = |u: f32, v: f32| (((u - v) * 100.0 / 255.0) as i32).abs();
    let mut gradient = 0;
    for i in 0..PDQ_LINES {
        for j in 0..PDQ_LINES {
            gradient += if i + 1 < PDQ_LINES { step(at(i, j), at(i + 1, j)) } else { 0 };
            gradient += if j + 1 < PDQ_LINES { step(at(i, j), at(i, j + 1)) } else { 0 };
        }
    }
    let mut rotated = [[0.0f32; PDQ_LINES]; 16];
    for (i, row) in rotated.iter_mut().enumerate() {
        for (j, sum) in row.iter_mut().enumerate() {
            // One after another, never in vectors: the order of the additions decides the last bits.
            *sum = (0..PDQ_LINES).fold(0.0, |sum, k| sum + MATRIX[i][k] * at(k, j));
        }
    }
    let coefficients: [f32; 256] = std::array::from_fn(|k| {
        let (i, j) = (k / 16, k % 16);
        (0..PDQ_LINES).fold(0.0, |sum, k| sum + rotated[i][k] * MATRIX[j][k])
    });
    let middle = median(&coefficients);
    Reference {
        signature: Pdq::from_bits(|k| coefficients[k] > middle),
        quality: (gradient / 90).min(100) as u8,
        coefficients,
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::Level;

    use super::*;
    use crate::backend::cpu::Cpu;
    use crate::kernel::twins::{Bytes, levels};
    use crate::kernel::{dct, naive};
    use crate::picture::Picture;
    use crate::signature::Algorithm;

    /// Grey pictures whose coefficients tie or nearly tie.
    fn pictures(width: u32, height: u32) -> Vec<Picture> {
        let mut random = Bytes(u64::from(width));
        let bars: Vec<u8> =
            (0..width).map(|_| if random.next().is_multiple_of(8) { 10 } else { 245 }).collect();
        let rings = |x: f64, y: f64| {
            let radius = (x - f64::from(width) / 2.0).hypot(y - f64::from(height) / 2.0);
            (127.5 + 127.5 * (radius / f64::from(width) * 40.0).sin()) as u8
        };
        let patterns: [&dyn Fn(u32, u32) -> u8; 5] = [
            &|x, y| if (x * 8 / width + y * 8 / height).is_multiple_of(2) { 255 } else { 0 },
            &|x, y| rings(x.into(), y.into()),
            &|x, _| bars[x as usize],
            &|x, y| ((x * 255 / width + y * 255 / height) / 2) as u8,
            &|x, y| ((x * 7 + y * 13) % 251) as u8,
        ];
        let draw = |pattern: &dyn Fn(u32, u32) -> u8| {
            let points = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            Picture::from_grey(points.map(|(x, y)| pattern(x, y)).collect(), width, height)
        };
        patterns.into_iter().map(draw).collect()
    }

    /// Where no coefficient lies within the noise of the median, integers and the definition agree on every bit.
    #[test]
    #[expect(clippy::print_stdout, reason = "says what was measured")]
    fn integers_agree_with_the_definition_up_to_its_noise() {
        let mut cpu = Cpu::new(Level::new());
        let sizes =
            [(5, 9), (64, 64), (100, 128), (128, 700), (200, 150), (513, 700), (1000, 777), (2600, 1700)];
        let mut compared = 0;
        for (width, height) in sizes {
            for (index, picture) in pictures(width, height).iter().enumerate() {
                let sums = cpu.sums(picture, &[Algorithm::Pdq]).pdq.unwrap();
                let reference = reference(&picture.planes, false).unwrap();
                let unit = sums.scale.unit as f64 * 2f64.powi(26 - sums.scale.shift as i32);
                let off = sums.coefficients.iter().zip(reference.coefficients);
                let off = off.map(|(&b, r)| (b as f64 / unit - f64::from(r)).abs()).fold(0.0, f64::max);
                let noise = dct::Noise::of(width, height);
                println!("{width}×{height} pattern {index}: {off:.5} of {}", noise.two as f64 / 1000.0);
                assert!(off * 2.0 < noise.two as f64 / 1000.0, "{width}×{height} pattern {index}: {off}");
                let bits = dct::bits(&sums.coefficients, sums.scale, noise);
                assert!(bits.tied || bits.signature == reference.signature);
                assert!(sums.quality.abs_diff(reference.quality) <= 1);
                compared += 1;
            }
        }
        assert_eq!(compared, 40);
    }

    #[test]
    fn every_level_gives_the_definitions_floats() {
        let mut random = Bytes(7);
        let mut compared = 0;
        for (width, height) in [(5, 9), (64, 64), (64, 65), (128, 700), (129, 16), (300, 257), (1031, 513)] {
            for channels in [1, 3] {
                let samples = random.fill((width * height * channels) as usize);
                let plane = Plane::pixels(samples, width, height, channels);
                for summed_in in [Luma::Binary64, Luma::Binary32] {
                    let expected =
                        naive::blurred_grid(luma(&plane, summed_in), width as usize, height as usize);
                    for (name, level) in levels() {
                        let grid = dispatch!(level, simd => blurred_grid(simd, &plane, summed_in));
                        assert!(grid == expected, "{name} differs at {width}×{height}×{channels}");
                        compared += 1;
                    }
                }
            }
        }
        assert!(compared >= 28);
    }

    fn luma(plane: &Plane<u8>, summed_in: Luma) -> Vec<f32> {
        let pixels = plane.samples.chunks_exact(plane.channels as usize);
        pixels
            .map(|pixel| match (pixel, summed_in) {
                ([r, g, b], Luma::Binary32) => {
                    0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)
                }
                // Thousandths are exact in binary64, and rounding their quotient once is what is meant.
                ([r, g, b], Luma::Binary64) => {
                    let thousandths = 299 * u32::from(*r) + 587 * u32::from(*g) + 114 * u32::from(*b);
                    (f64::from(thousandths) / 1000.0) as f32
                }
                _ => f32::from(pixel[0]),
            })
            .collect()
    }
}
