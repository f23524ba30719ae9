//! Stored coefficients to planes of samples in original coordinates.
//!
//! The lowest n×n coefficients of a block are a low-pass picture of its 8×8 samples. A plane holds that picture's
//! *means* over n×n equal cells: the basis functions of T.81, A.3.3, each averaged over the 8/n samples of a cell.
//! (n = 1: DC/8 for the whole block. n = 8: the inverse DCT itself.)
//!
//! A cell that hangs over the picture's edge keeps its mean and counts for the part inside: encoders repeat the edge,
//! so its mean leans towards the edge's own samples, and nothing cheaper tells more.
//!
//! Samples are clamped as decoders clamp pixels: a mean of clamped pixels cannot lie outside their range.

use super::frame::{Component, Frame};
use crate::decode::jpeg::level::wide;
use crate::picture::{COARSE_UNIT, COARSE_ZERO, Plane};
use fearless_simd::Level;

/// One component's coefficients.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Block by block, row by row, the first few in zigzag order.
    pub(super) coefficients: Vec<i16>,
    /// Of progressive frames whose AC scans are read: which coefficients are not zero, by bit.
    pub(super) history: Vec<u64>,
}

impl Stored {
    /// Makes room for `blocks` blocks, of zeros where `blank` says so, else of whatever was there.
    pub(super) fn reset(&mut self, blocks: usize, slots: usize, blank: bool, history: bool) {
        if blank {
            self.coefficients.clear();
        }
        self.coefficients.resize(blocks * slots, 0);
        self.history.clear();
        self.history.resize(if history { blocks } else { 0 }, 0);
    }

    /// Notes that coefficient `k` of a block is not zero.
    pub(super) fn note(&mut self, block: usize, k: u32) {
        if let Some(history) = self.history.get_mut(block) {
            *history |= 1 << k;
        }
    }
}

/// How much is kept of one component: the lowest `detail`×`detail` frequencies, 1, 2, 4 or 8.
pub(super) fn kept(detail: u8) -> u32 {
    match detail {
        1 => 0,
        2 => 4,
        4 => 24,
        _ => 63,
    }
}

/// Coefficients stored a block for the component of the most detail.
pub(super) fn slots(detail: u8) -> usize {
    match detail {
        1 => 1,
        2 => 8,
        4 => 32,
        _ => 64,
    }
}

/// Column and row of each coefficient in zigzag order (T.81, figure A.6).
const ZIGZAG: [(u8, u8); 64] = zigzag();

const fn zigzag() -> [(u8, u8); 64] {
    let mut order = [(0, 0); 64];
    let (mut u, mut v) = (0u8, 0u8);
    let mut k = 0;
    while k < 64 {
        order[k] = (u, v);
        let up = (u + v) % 2 == 0;
        (u, v) = match (up, u, v) {
            (true, 7, _) => (7, v + 1),
            (true, _, 0) => (u + 1, 0),
            (true, ..) => (u + 1, v - 1),
            (false, _, 7) => (u + 1, 7),
            (false, 0, _) => (0, v + 1),
            (false, ..) => (u - 1, v + 1),
        };
        k += 1;
    }
    order
}

/// `2²⁰·cos(kπ/16)` for k = 0..=8.
const COSINE: [i32; 9] = [1_048_576, 1_028_428, 968_758, 871_859, 741_455, 582_558, 401_273, 204_567, 0];

/// `2²⁰·cos(kπ/16)` for any k.
const fn cosine(k: usize) -> i32 {
    match k % 32 {
        k @ 0..=8 => COSINE[k],
        k @ 9..=16 => -COSINE[16 - k],
        k @ 17..=23 => -COSINE[k - 16],
        k => COSINE[32 - k],
    }
}

/// Bits behind the point in [`means`].
const BASIS_BITS: u32 = 13;

/// `C(u)/2` times the mean of `cos((2x+1)uπ/16)` over cell `x/(8/N)`, at `[cell][u]`.
const fn means<const N: usize>() -> [[i32; N]; N] {
    let mut means = [[0; N]; N];
    let width = 8 / N;
    let mut cell = 0;
    while cell < N {
        // 1/√8 for the mean itself: cos(4π/16)/2.
        means[cell][0] = (cosine(4) / 2 + (1 << 6)) >> (20 - BASIS_BITS);
        let mut u = 1;
        while u < N {
            let (mut sum, mut x) = (0i64, 0);
            while x < width {
                sum += cosine((2 * (cell * width + x) + 1) * u) as i64;
                x += 1;
            }
            let scale = 2 * width as i64 * (1 << (20 - BASIS_BITS));
            means[cell][u] = (sum + scale / 2).div_euclid(scale) as i32;
            u += 1;
        }
        cell += 1;
    }
    means
}

const fn transposed<const N: usize>(matrix: &[[i32; N]; N]) -> [[i32; N]; N] {
    let mut transposed = [[0; N]; N];
    let mut at = 0;
    while at < N * N {
        transposed[at % N][at / N] = matrix[at / N][at % N];
        at += 1;
    }
    transposed
}

/// Zigzag places of the lowest N×N coefficients, at `[v][u]`.
const fn places<const N: usize>() -> [[u8; N]; N] {
    let mut places = [[0; N]; N];
    let mut k = 0;
    while k < 64 {
        let (u, v) = (ZIGZAG[k].0 as usize, ZIGZAG[k].1 as usize);
        if u < N && v < N {
            places[v][u] = k as u8;
        }
        k += 1;
    }
    places
}

/// Levels below and above the middle, in coarse units.
const LOW: i32 = -128 * COARSE_UNIT as i32;
const HIGH: i32 = 127 * COARSE_UNIT as i32;

/// The sample for the middle of luma's range, and of chroma's.
const GREY: i32 = COARSE_ZERO as i32 - LOW;
const NEUTRAL: i32 = COARSE_ZERO as i32;

/// What a plane is made from.
pub(super) struct Source<'a> {
    pub(super) frame: &'a Frame,
    pub(super) component: &'a Component,
    pub(super) stored: &'a Stored,
    pub(super) slots: usize,
    /// The quantisation table in zigzag order.
    pub(super) quantiser: &'a [u16; 64],
    /// n: 1, 2, 4 or 8.
    pub(super) detail: u8,
    /// Whether samples run from black, as luma's do, or about 0.
    pub(super) from_black: bool,
}

impl Source<'_> {
    /// Original pixels across and down one cell; `None` where a cell is not made of whole pixels.
    pub(super) fn cell(frame: &Frame, component: &Component, detail: u8) -> Option<(u32, u32)> {
        let size = |most: usize, factor: usize| {
            let cells = usize::from(detail) * factor;
            (8 * most).is_multiple_of(cells).then_some((8 * most / cells) as u32)
        };
        Some((size(frame.across, component.across)?, size(frame.down, component.down)?))
    }

    fn zero(&self) -> i32 {
        if self.from_black { GREY } else { NEUTRAL }
    }

    /// The component as samples, in `samples`' memory.
    pub(super) fn plane(&self, samples: Vec<u16>, level: Level) -> Plane<u16> {
        let detail = usize::from(self.detail);
        let (cell_width, cell_height) =
            Source::cell(self.frame, self.component, self.detail).unwrap_or((1, 1));
        let stride = self.component.blocks_wide * detail;
        let mut plane = Plane {
            samples,
            stride,
            columns: (self.frame.width as u32).div_ceil(cell_width),
            rows: (self.frame.height as u32).div_ceil(cell_height),
            channels: 1,
            cell_width,
            cell_height,
        };
        plane.samples.resize(stride * self.component.blocks_high * detail, 0);
        let samples = &mut plane.samples[..];
        match self.detail {
            1 => wide(
                level,
                #[inline(always)]
                || self.dc(samples),
            ),
            2 => wide(
                level,
                #[inline(always)]
                || self.transform::<2>(samples),
            ),
            4 => wide(
                level,
                #[inline(always)]
                || self.transform::<4>(samples),
            ),
            _ => wide(
                level,
                #[inline(always)]
                || self.transform::<8>(samples),
            ),
        }
        plane
    }

    #[inline(always)]
    fn dc(&self, samples: &mut [u16]) {
        let (scale, zero) = (i32::from(self.quantiser[0]), self.zero());
        let wide = self.component.blocks_wide;
        let rows = self.stored.coefficients.chunks_exact(self.component.stride * self.slots);
        for (to, from) in samples.chunks_exact_mut(wide).zip(rows) {
            for (sample, block) in to.iter_mut().zip(from.chunks_exact(self.slots)) {
                *sample = ((i32::from(block[0]) * scale).clamp(LOW / 2, HIGH / 2) * 2 + zero) as u16;
            }
        }
    }

    #[inline(always)]
    fn transform<const N: usize>(&self, samples: &mut [u16]) {
        let (stride, zero) = (self.component.blocks_wide * N, self.zero());
        let steps = const { places::<N>() }.map(|row| row.map(|k| i32::from(self.quantiser[usize::from(k)])));
        let rows = self.stored.coefficients.chunks_exact(self.component.stride * self.slots);
        for (to, from) in samples.chunks_exact_mut(stride * N).zip(rows) {
            for (column, block) in from.chunks_exact(self.slots).take(self.component.blocks_wide).enumerate()
            {
                let cells = cells::<N>(block, &steps, zero);
                for (line, row) in to.chunks_exact_mut(stride).zip(&cells) {
                    line[column * N..][..N].copy_from_slice(row);
                }
            }
        }
    }
}

/// One block's cells, row by row; `steps` are the quantiser's at `[v][u]`.
#[inline(always)]
fn cells<const N: usize>(block: &[i16], steps: &[[i32; N]; N], zero: i32) -> [[u16; N]; N] {
    let basis = const { means::<N>() };
    let across = const { transposed::<N>(&means::<N>()) };
    let order = const { places::<N>() };
    let block = &block[..const { places::<N>()[N - 1][N - 1] as usize + 1 }];
    let mut values = [[0i32; N]; N];
    for v in 0..N {
        for u in 0..N {
            values[v][u] = i32::from(block[usize::from(order[v][u])]);
        }
    }
    for v in 0..N {
        for u in 0..N {
            values[v][u] = (values[v][u] * steps[v][u]).clamp(-32_767, 32_767);
        }
    }
    // Plain loops: the compiler does not carry a closure into the caller's instruction set.
    let mut cells = [[0u16; N]; N];
    for y in 0..N {
        let mut row = [1 << 7; N];
        for v in 0..N {
            for u in 0..N {
                row[u] += values[v][u] * basis[y][v];
            }
        }
        let mut sums = [1 << 13; N];
        for u in 0..N {
            // Five bits behind the point, and no more before it than the second pass can bear.
            let value: i32 = (row[u] >> 8).clamp(-65_535, 65_535);
            for x in 0..N {
                sums[x] += value * across[u][x];
            }
        }
        for x in 0..N {
            let sum: i32 = sums[x] >> 14;
            cells[y][x] = (sum.clamp(LOW, HIGH) + zero) as u16;
        }
    }
    cells
}

/// Cb and Cr, both about 0, as one plane: `1.427864·Cb + 0.687864·Cr`, in `samples`' memory.
pub(super) fn colour(frame: &Frame, cb: &Plane<u16>, cr: &Plane<u16>, samples: Vec<u16>) -> Plane<u16> {
    combine(frame, [cb, cr], samples, NEUTRAL, |[cb, cr]| (93_577 * cb + 45_080 * cr + (1 << 15)) >> 16)
}

/// R, G and B, each about 0 and of one cell size, as Y: `0.299·R + 0.587·G + 0.114·B`.
pub(super) fn luma_of_rgb(frame: &Frame, rgb: [&Plane<u16>; 3], samples: Vec<u16>) -> Plane<u16> {
    combine(frame, rgb, samples, GREY, |[r, g, b]| luma(r, g, b))
}

/// R, G and B as `R + G + B − 3·Y`.
pub(super) fn colour_of_rgb(frame: &Frame, rgb: [&Plane<u16>; 3], samples: Vec<u16>) -> Plane<u16> {
    combine(frame, rgb, samples, NEUTRAL, |[r, g, b]| r + g + b - 3 * luma(r, g, b))
}

fn luma(r: i32, g: i32, b: i32) -> i32 {
    (19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16
}

/// Combines planes sample by sample, on the finest cells that all of them divide into.
fn combine<const P: usize>(
    frame: &Frame,
    planes: [&Plane<u16>; P],
    mut samples: Vec<u16>,
    zero: i32,
    formula: impl Fn([i32; P]) -> i32,
) -> Plane<u16> {
    let cell_width = planes.iter().map(|plane| plane.cell_width).fold(0, gcd);
    let cell_height = planes.iter().map(|plane| plane.cell_height).fold(0, gcd);
    let columns = (frame.width as u32).div_ceil(cell_width);
    let rows = (frame.height as u32).div_ceil(cell_height);
    samples.clear();
    let alike = planes.iter().all(|plane| plane.cell_width == cell_width);
    for row in 0..rows {
        let lines = planes.map(|plane| plane.row((row * cell_height / plane.cell_height) as usize));
        if alike {
            let lines = lines.map(|line| &line[..columns as usize]);
            let line = (0..columns as usize)
                .map(|x| (formula(lines.map(|line| i32::from(line[x]) - NEUTRAL)) + zero) as u16);
            samples.extend(line);
        } else {
            samples.extend((0..columns).map(|x| {
                let values = std::array::from_fn(|p| {
                    i32::from(lines[p][(x * cell_width / planes[p].cell_width) as usize]) - NEUTRAL
                });
                (formula(values) + zero) as u16
            }));
        }
    }
    Plane { samples, stride: columns as usize, columns, rows, channels: 1, cell_width, cell_height }
}

fn gcd(a: u32, b: u32) -> u32 {
    if a == 0 { b } else { gcd(b % a, a) }
}
