//! Weight tables: how much each sample of a row or column counts towards each line of a grid.
//!
//! Both signatures look at the picture through separable windows, so one table per axis is all there is to know.
//! A table is laid out on the picture's original pixels and then gathered into the plane's cells,
//! which is why a coarser plane needs no code of its own.
//!
//! **PhotoDNA-class boxes** (Eq 5–10): line `u` at radius `r` covers the continuous interval
//! `[clamp(X − r·s, 1, n−1), clamp(X + r·s + 1, 1, n−1)]`, `s = n/28`, `X = (u + 1.5)·s`. Edges are rounded to
//! `2^-b` pixel; a pixel weighs its covered share in those units. With `r = ρ/10`, the edges are `n·(10u + 15 ± ρ)/280`:
//! a ratio of integers, so no float is involved. The lower edge and the width are what is rounded: boxes of one radius are then
//! equally wide, and a picture of one colour has no gradients at all.
//!
//! `b` is as large as the 32-bit row sums allow (see [`box_bits`]), 18 at most. The more the better: at 14 bits
//! the rounded edges move one signature byte in some thousand.
//!
//! **PDQ's tents** (steps 4 and 5): two box filters with clipped divisors, sampled at 64 places. The weight of sample `k` in
//! line `g` is `Σ_j 1/(n_i·n_j)` over the `j` in the window of `i = ⌊(2g+1)·n/128⌋` whose own window holds `k`.
//! Times a common denominator ([`Weights::total`]) these are integers; the interior lines are multiples of `total/w²` and rise and fall
//! linearly, which [`blocks`](super::blocks) relies on for speed.
//!
//! Ranges: the weights of a line sum to at most 2²³ (boxes, by the choice of `b`) or 2²² (tents, [`MAX_TENT_TOTAL`]). What that
//! leaves room for stands at the head of [`reduce`](super::reduce).

use std::ops::Range;

/// Lines of the PhotoDNA-class grid per axis.
pub(crate) const PHOTODNA_LINES: usize = 26;
/// Lines of the PDQ grid per axis.
pub(crate) const PDQ_LINES: usize = 64;
/// Box radii in tenths of a step: 0.2, 0.4, 0.8.
pub(crate) const RADII: [u32; 3] = [2, 4, 8];
/// Most bits after the binary point of a box edge.
const MAX_BOX_BITS: u32 = 18;
/// Largest common denominator of a PDQ table: `255·total` must fit 32 bits, with room for cells and channels.
const MAX_TENT_TOTAL: u64 = 1 << 22;

/// The weights of one axis: for each line a run of consecutive samples, zero outside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Weights {
    lines: Vec<Line>,
    values: Vec<u32>,
    /// What a picture of all ones would sum to: a box's width in units of `2^-b` differs by line and is
    /// not kept (0); PDQ's lines all have this total.
    total: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line {
    first: u32,
    length: u32,
    offset: u32,
}

impl Weights {
    /// Number of lines.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The samples that count towards `line`.
    pub(crate) fn span(&self, line: usize) -> Range<usize> {
        let Line { first, length, .. } = self.lines[line];
        first as usize..(first + length) as usize
    }

    /// Their weights, one per sample of [`span`](Weights::span).
    pub(crate) fn values(&self, line: usize) -> &[u32] {
        let Line { offset, length, .. } = self.lines[line];
        &self.values[offset as usize..(offset + length) as usize]
    }

    /// The weight of `sample` in `line`, 0 outside its span.
    pub(crate) fn at(&self, line: usize, sample: usize) -> u32 {
        let span = self.span(line);
        if span.contains(&sample) { self.values(line)[sample - span.start] } else { 0 }
    }

    /// The common denominator of a PDQ table.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The weights' sum in `line`.
    pub(crate) fn sum(&self, line: usize) -> u64 {
        self.values(line).iter().map(|&w| u64::from(w)).sum()
    }

    fn with_total(total: u64) -> Weights {
        Weights { lines: Vec::new(), values: Vec::new(), total }
    }

    /// Adds a line whose first sample is `first`.
    fn push(&mut self, first: usize, values: impl IntoIterator<Item = u32>) {
        let offset = self.values.len() as u32;
        self.values.extend(values);
        let length = self.values.len() as u32 - offset;
        self.lines.push(Line { first: first as u32, length, offset });
    }

    /// The same windows over cells of `cell` pixels: a cell weighs what its pixels inside the picture weigh together.
    pub(crate) fn gathered(&self, cell: u32) -> Weights {
        if cell == 1 {
            return self.clone();
        }
        let cell = cell as usize;
        let mut gathered = Weights::with_total(self.total);
        for line in 0..self.len() {
            let (first, values) = (self.span(line).start, self.values(line));
            // The window may begin inside a cell; what is left begins with one.
            let (head, rest) = values.split_at(values.len().min(cell - first % cell));
            let cells = std::iter::once(head).filter(|head| !head.is_empty()).chain(rest.chunks(cell));
            gathered.push(first / cell, cells.map(|pixels| pixels.iter().sum()));
        }
        gathered
    }
}

/// Bits after the binary point of box edges, for a picture of `width`×`height`.
///
/// The largest `b ≤ 18` for which the widest box of either axis, `1.6·n/28 + 1` pixels, weighs at most 2²³ in all: then
/// 255 times it fits 32 bits and two such sums with 16-bit samples fit 64.
pub(crate) fn box_bits(width: u32, height: u32) -> u32 {
    let widest = width.max(height) * 16 / 280 + 2;
    let room = (1u32 << 23) / widest;
    room.max(1).ilog2().min(MAX_BOX_BITS)
}

/// The 26 boxes of `radius` tenths of a step along a side of `n` pixels, in units of `2^-bits` pixel.
pub(crate) fn boxes(n: u32, radius: u32, bits: u32) -> Weights {
    let (n, radius, unit) = (u64::from(n), u64::from(radius), 1u64 << bits);
    // Half of 280 on top: to the nearest unit.
    let rounded = |tenths: u64| (n * tenths * unit + 140) / 280;
    let clamp = |edge: u64| edge.clamp(unit, (n - 1) * unit);
    let mut weights = Weights::with_total(0);
    for line in 0..PHOTODNA_LINES as u64 {
        let centre = 10 * line + 15;
        // The width is rounded and not the upper edge, so that all boxes of a radius weigh the same.
        let low = rounded(centre - radius);
        let (low, high) = (clamp(low), clamp(low + rounded(2 * radius) + unit));
        let pixels = low / unit..high.div_ceil(unit);
        let covered = |pixel: u64| ((pixel + 1) * unit).min(high) - (pixel * unit).max(low);
        weights.push(pixels.start as usize, pixels.map(|pixel| covered(pixel) as u32));
    }
    weights
}

/// The 64 tents of PDQ along a side of `n` pixels.
pub(crate) fn tents(n: u32) -> Weights {
    let n = n as usize;
    Tent::of(n).weights(|sample| sample)
}

/// The 64 tents of PDQ along a side that was first brought from `n` to 512 pixels by nearest neighbour.
pub(crate) fn tents_512(n: u32) -> Weights {
    let n = n as usize;
    Tent::of(512).weights(|sample| sample * n / 512)
}

/// PDQ's blur along one axis: a box of `window` samples, twice.
struct Tent {
    n: usize,
    window: usize,
}

impl Tent {
    fn of(n: usize) -> Tent {
        Tent { n, window: n.div_ceil(128) }
    }

    /// The samples that the mean at `i` is taken of: centred for odd windows, one further right for even ones.
    fn box_at(&self, i: usize) -> Range<usize> {
        let half = (self.window + 2) / 2;
        (i + half).saturating_sub(self.window)..(i + half).min(self.n)
    }

    /// The sample at which `line` reads the blurred axis.
    fn centre(&self, line: usize) -> usize {
        (2 * line + 1) * self.n / 128
    }

    /// The least multiple of `window²` that makes every line's weights integers, or the largest that fits.
    fn total(&self) -> u64 {
        let square = (self.window as u64).pow(2);
        let most = (MAX_TENT_TOTAL / square).max(1);
        let mut multiple = 1;
        for line in 0..PDQ_LINES {
            let outer = self.box_at(self.centre(line));
            for inner in outer.clone().map(|j| self.box_at(j)) {
                let divisor = (outer.len() * inner.len()) as u64;
                // The least common multiple, divisor by divisor. Only clipped windows at the border divide by anything but `square`.
                multiple *= divisor / gcd(divisor, square * multiple);
                if multiple > most {
                    return square * most;
                }
            }
        }
        square * multiple
    }

    /// The table, with sample `k` of the blurred axis read from `source(k)` of the original one.
    fn weights(&self, source: impl Fn(usize) -> usize) -> Weights {
        let total = self.total();
        let mut weights = Weights::with_total(total);
        let (mut steps, mut dense) = (Vec::new(), Vec::new());
        for line in 0..PDQ_LINES {
            let outer = self.box_at(self.centre(line));
            let span = self.box_at(outer.start).start..self.box_at(outer.end - 1).end;
            // A box adds a constant to a range: two steps for each inner box instead of `window` additions. A step down is
            // a negative number modulo 2³².
            steps.clear();
            steps.resize(span.len() + 1, 0u32);
            for inner in outer.clone().map(|j| self.box_at(j)) {
                // No remainder, unless the denominator would not fit: on sides over some 16,000 pixels.
                let share = (total / (outer.len() * inner.len()) as u64) as u32;
                steps[inner.start - span.start] = steps[inner.start - span.start].wrapping_add(share);
                steps[inner.end - span.start] = steps[inner.end - span.start].wrapping_sub(share);
            }
            let (first, last) = (source(span.start), source(span.end - 1));
            dense.clear();
            dense.resize(last - first + 1, 0u32);
            let mut weight = 0u32;
            for (k, step) in span.zip(&steps) {
                weight = weight.wrapping_add(*step);
                dense[source(k) - first] += weight;
            }
            weights.push(first, dense.iter().copied());
        }
        weights
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of PDQ's blur and decimation in rational arithmetic: weights of `line` as (numerator, denominator) sums.
    fn tent_by_definition(n: usize, line: usize) -> Vec<f64> {
        let window = n.div_ceil(128);
        let half = (window + 2) / 2;
        let range = |i: usize| {
            let low = (i as i64 - (window - half) as i64).max(0) as usize;
            low..=(i + half - 1).min(n - 1)
        };
        let mut weights = vec![0.0; n];
        let outer = range((2 * line + 1) * n / 128);
        for j in outer.clone() {
            for k in range(j) {
                weights[k] += 1.0 / (outer.clone().count() * range(j).count()) as f64;
            }
        }
        weights
    }

    #[test]
    fn tents_are_the_definition() {
        for n in [5, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 500, 640, 777, 1000, 1024, 1600, 3001] {
            let weights = tents(n as u32);
            for line in 0..PDQ_LINES {
                let expected = tent_by_definition(n, line);
                for (sample, expected) in expected.iter().enumerate() {
                    let weight = f64::from(weights.at(line, sample));
                    assert!(
                        (weight - expected * weights.total() as f64).abs() < 1e-6,
                        "n={n} line={line} k={sample}"
                    );
                }
            }
        }
    }

    #[test]
    fn tents_sum_to_their_total() {
        for n in (5..2000).chain([4000, 6000, 10_000, 12_000]) {
            let weights = tents(n);
            assert!(weights.total() <= MAX_TENT_TOTAL);
            for line in 0..PDQ_LINES {
                assert_eq!(weights.sum(line), weights.total(), "n={n} line={line}");
            }
        }
        for n in [16_385, 40_000, 65_535, 200_000] {
            let weights = tents(n);
            for line in 0..PDQ_LINES {
                let lost = weights.total() - weights.sum(line);
                assert!(lost as f64 <= 1e-2 * weights.total() as f64, "n={n} line={line} lost={lost}");
            }
        }
    }

    #[test]
    fn boxes_are_the_definition() {
        for (n, bits) in [(5u32, 18), (28, 18), (61, 18), (640, 17), (4001, 15), (65_535, 10)] {
            for radius in RADII {
                let weights = boxes(n, radius, bits);
                let (side, step, r) = (f64::from(n), f64::from(n) / 28.0, f64::from(radius) / 10.0);
                for line in 0..PHOTODNA_LINES {
                    let centre = (line as f64 + 1.5) * step;
                    let low = (centre - r * step).clamp(1.0, side - 1.0);
                    let high = (centre + r * step + 1.0).clamp(1.0, side - 1.0);
                    for pixel in 0..n as usize {
                        let x = pixel as f64;
                        let covered = ((x + 1.0).min(high) - x.max(low)).max(0.0);
                        let weight = f64::from(weights.at(line, pixel)) / f64::from(1u32 << bits);
                        assert!(
                            (weight - covered).abs() <= 1.01 / f64::from(1u32 << bits),
                            "n={n} line={line} pixel={pixel}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn cells_gather_what_their_pixels_weigh() {
        for (n, cell) in [(61u32, 8u32), (640, 16), (641, 4), (100, 24)] {
            for table in [tents(n), boxes(n, 8, 18), boxes(n, 2, 18)] {
                let gathered = table.gathered(cell);
                for line in 0..table.len() {
                    assert_eq!(gathered.sum(line), table.sum(line));
                    for sample in 0..n.div_ceil(cell) as usize {
                        let pixels = sample * cell as usize..(sample + 1) * cell as usize;
                        assert_eq!(gathered.at(line, sample), pixels.map(|p| table.at(line, p)).sum::<u32>());
                    }
                }
            }
        }
    }

    #[test]
    fn sums_stay_within_32_bits() {
        for n in [5, 200, 1000, 4000, 12_000, 65_535, 1_000_000] {
            let bits = box_bits(n, 5);
            for radius in RADII {
                let table = boxes(n, radius, bits);
                assert!((0..PHOTODNA_LINES).all(|line| table.sum(line) * 255 < 1 << 32), "n={n}");
            }
        }
    }
}
