//! PDQ by its definition: 32-bit floats in the definition's order (`spec` steps 1–8, after facebook/ThreatExchange).
//!
//! Slower than the integers of [`dct`](super::dct) and needed only where many coefficients tie: there the published bits are the
//! rounding of these very sums. The order of operations is the reference's; only the storage is ours: rows flow
//! through the four box passes one by one, so memory is two windows of rows instead of two copies of the picture.

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

/// PDQ of fully decoded pixels; `None` for coarse planes, which the definition does not know.
///
/// With `to_512`, a picture with a side over 512 is first brought to 512×512 by nearest neighbour.
pub(crate) fn reference(planes: &Planes, to_512: bool) -> Option<Reference> {
    let plane = match planes {
        Planes::Rgb(plane) | Planes::Grey(plane) => plane,
        Planes::Coarse { .. } => return None,
    };
    let (width, height) = (plane.columns as usize, plane.rows as usize);
    let grid = if to_512 && width.max(height) > 512 {
        blurred_grid(512, 512, |y, luma| {
            let row = plane.row(y * height / 512);
            luma_row(plane, luma, |x| x * width / 512, row);
        })
    } else {
        blurred_grid(width, height, |y, luma| luma_row(plane, luma, |x| x, plane.row(y)))
    };
    Some(finish(&grid))
}

/// Luma of one row (step 2), pixel `x` read from column `source(x)`.
fn luma_row(plane: &Plane<u8>, luma: &mut [f32], source: impl Fn(usize) -> usize, row: &[u8]) {
    for (x, luma) in luma.iter_mut().enumerate() {
        *luma = match plane.channels {
            1 => f32::from(row[source(x)]),
            _ => {
                let [r, g, b] = [0, 1, 2].map(|c| f32::from(row[source(x) * 3 + c]));
                0.299 * r + 0.587 * g + 0.114 * b
            }
        };
    }
}

/// Steps 3–5: blur twice each way and take 64×64 points, rows `luma(y, row)` delivered in order.
fn blurred_grid(width: usize, height: usize, luma: impl Fn(usize, &mut [f32])) -> Vec<f32> {
    let mut grid = vec![0.0; PDQ_LINES * PDQ_LINES];
    if width == PDQ_LINES && height == PDQ_LINES {
        grid.chunks_exact_mut(PDQ_LINES).enumerate().for_each(|(y, row)| luma(y, row));
        return grid;
    }
    let window = width.div_ceil(128);
    let mut first = UprightBox::new(width, height);
    let mut second = UprightBox::new(width, height);
    let mut decimate = |y: usize, row: &[f32]| {
        let lines = (0..PDQ_LINES).filter(|line| (2 * line + 1) * height / 128 == y);
        for line in lines {
            for column in 0..PDQ_LINES {
                grid[line * PDQ_LINES + column] = row[(2 * column + 1) * width / 128];
            }
        }
    };
    let mut input = vec![0.0; width];
    let mut level = vec![0.0; width];
    let mut again = vec![0.0; width];
    for y in 0..height {
        luma(y, &mut input);
        box_line(&input, &mut level, window);
        first.push(&level, |_, row| {
            box_line(row, &mut again, window);
            second.push(&again, &mut decimate);
        });
    }
    first.finish(|_, row| {
        box_line(row, &mut again, window);
        second.push(&again, &mut decimate);
    });
    second.finish(&mut decimate);
    grid
}

/// One box pass along a line (step 4): a running sum, entering sample added, leaving sample subtracted, then divided.
fn box_line(input: &[f32], output: &mut [f32], window: usize) {
    let ahead = (window + 2) / 2;
    let (mut sum, mut count) = (0.0, 0.0);
    for &value in input.iter().take(ahead - 1) {
        sum += value;
        count += 1.0;
    }
    for (i, output) in output.iter_mut().enumerate() {
        if let Some(entering) = input.get(i + ahead - 1) {
            sum += entering;
            count += 1.0;
        }
        if let Some(leaving) = (i + ahead).checked_sub(window + 1) {
            sum -= input[leaving];
            count -= 1.0;
        }
        *output = sum / count;
    }
}

/// The same pass down all columns at once, row by row as they come.
struct UprightBox {
    width: usize,
    height: usize,
    window: usize,
    sums: Vec<f32>,
    /// The last `window + 1` rows.
    ring: Vec<f32>,
    pushed: usize,
    emitted: usize,
    output: Vec<f32>,
}

impl UprightBox {
    fn new(width: usize, height: usize) -> UprightBox {
        let window = height.div_ceil(128);
        UprightBox {
            width,
            height,
            window,
            sums: vec![0.0; width],
            ring: vec![0.0; width * (window + 1)],
            pushed: 0,
            emitted: 0,
            output: vec![0.0; width],
        }
    }

    /// Takes the next row in; `emit` gets the row that this completes, if any, with its number.
    fn push(&mut self, row: &[f32], emit: impl FnMut(usize, &[f32])) {
        let slot = self.pushed % (self.window + 1) * self.width;
        self.ring[slot..slot + self.width].copy_from_slice(row);
        self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        self.pushed += 1;
        let ahead = (self.window + 2) / 2;
        if self.pushed >= ahead {
            self.emit(emit);
        }
    }

    /// Hands out the rows that wait for none to come.
    fn finish(&mut self, mut emit: impl FnMut(usize, &[f32])) {
        while self.emitted < self.height {
            self.emit(&mut emit);
        }
    }

    fn emit(&mut self, mut emit: impl FnMut(usize, &[f32])) {
        let ahead = (self.window + 2) / 2;
        let end = (self.emitted + ahead).min(self.height);
        let start = (self.emitted + ahead).saturating_sub(self.window);
        if let Some(leaving) = start.checked_sub(1) {
            let slot = leaving % (self.window + 1) * self.width;
            let row = &self.ring[slot..slot + self.width];
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum -= value);
        }
        let count = (end - start) as f32;
        self.output.iter_mut().zip(&self.sums).for_each(|(output, sum)| *output = sum / count);
        emit(self.emitted, &self.output);
        self.emitted += 1;
    }
}

/// Steps 6–8 on the 64×64 grid.
fn finish(grid: &[f32]) -> Reference {
    let at = |i: usize, j: usize| grid[i * PDQ_LINES + j];
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
    use crate::kernel::dct;
    use crate::kernel::twins::Bytes;
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
}
