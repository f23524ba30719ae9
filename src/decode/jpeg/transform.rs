//! The inverse transform of a block's low frequencies to the means of its cells (T.81, A.3.3).
//!
//! The basis functions of two dimensions are averaged over the pixels of each cell and stored as one matrix: slots, in
//! zigzag order, by cells. With few coefficients one product with that matrix is cheaper than two passes along rows and
//! columns, and what it computes is plain to see: `cell = Σ coefficient · basis[coefficient][cell]`, rounded once.
//!
//! Two coefficients are taken at a time: 16-bit products added in pairs to 32 bits are one instruction. Coefficients have 16 bits
//! after dequantisation, basis values have 13 behind the point: a sum of 64 products is at most `2¹⁵ · 6.8 · 2¹³ < 2³¹`.
//!
//! Blocks of 64 slots are in natural order, `8·v + u`, others in zigzag order.

use super::detail::kept;
use crate::picture::{COARSE_UNIT, COARSE_ZERO};
use fearless_simd::{
    Bytes, Simd, SimdBase, SimdIntWiden, SimdNarrow, SimdSplit, i16x8, i16x32, i32x4, i32x16, u16x8, u16x16,
};

/// Column and row of each coefficient in zigzag order (T.81, figure A.6).
pub(super) const ZIGZAG: [(u8, u8); 64] = zigzag();

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

/// Each coefficient's place in natural order, `8·v + u`, by its place in zigzag order.
pub(super) const NATURAL: [u8; 64] = natural();

const fn natural() -> [u8; 64] {
    let mut order = [0; 64];
    let mut k = 0;
    while k < 64 {
        order[k] = 8 * ZIGZAG[k].1 + ZIGZAG[k].0;
        k += 1;
    }
    order
}

/// A quantisation table from zigzag to natural order.
pub(super) fn to_natural(table: &[u16; 64]) -> [u16; 64] {
    let mut natural = [0; 64];
    for (&place, &step) in NATURAL.iter().zip(table) {
        natural[usize::from(place)] = step;
    }
    natural
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

/// Bits behind the point of a basis value.
pub(super) const BASIS_BITS: u32 = 13;

/// `2²¹·C(u)/2` times the sum of `cos((2x+1)uπ/16)` over the pixels of cell `cell` of `cells`.
pub(super) const fn along(u: usize, cell: usize, cells: usize) -> i64 {
    let width = 8 / cells;
    let (mut sum, mut x) = (0, cell * width);
    while x < (cell + 1) * width {
        // 1/√8 for the mean itself: cos(4π/16)/2.
        sum += if u == 0 { cosine(4) } else { cosine((2 * x + 1) * u) } as i64;
        x += 1;
    }
    sum
}

/// What frequency `(u, v)` counts in cell `(x, y)` of `cells`×`cells`.
pub(super) const fn basis((u, v): (u8, u8), x: usize, y: usize, cells: usize) -> i16 {
    let (u, v) = (u as usize, v as usize);
    let pixels = (8 / cells * (8 / cells)) as i64;
    let scale = pixels << (42 - BASIS_BITS);
    (along(u, x, cells) * along(v, y, cells) + scale / 2).div_euclid(scale) as i16
}

/// The matrix for coefficients `0..=kept` on `C`×`C` cells, the pairs of two coefficients side by side:
/// `[k / 2][2 · cell + k % 2]`.
const fn matrix<const C: usize, const WIDTH: usize, const PAIRS: usize>(
    kept: usize,
) -> [[i16; WIDTH]; PAIRS] {
    let mut matrix = [[0; WIDTH]; PAIRS];
    let mut k = 0;
    while k <= kept {
        let mut cell = 0;
        while cell < C * C {
            matrix[k / 2][2 * cell + k % 2] = basis(ZIGZAG[k], cell % C, cell / C, C);
            cell += 1;
        }
        k += 1;
    }
    matrix
}

/// The same for all coefficients in natural order, on 8×8 cells.
const fn natural_matrix() -> [[i16; 128]; 32] {
    let mut matrix = [[0; 128]; 32];
    let mut place = 0;
    while place < 64 {
        let mut cell = 0;
        while cell < 64 {
            let frequency = (place as u8 % 8, place as u8 / 8);
            matrix[place / 2][2 * cell + place % 2] = basis(frequency, cell % 8, cell / 8, 8);
            cell += 1;
        }
        place += 1;
    }
    matrix
}

static TWO: [[i16; 8]; 3] = matrix::<2, 8, 3>(4);
static THREE: [[i16; 32]; 5] = matrix::<4, 32, 5>(8);
static FOUR: [[i16; 32]; 7] = matrix::<4, 32, 7>(13);
static SIX: [[i16; 128]; 14] = matrix::<8, 128, 14>(26);
static EIGHT: [[i16; 128]; 32] = natural_matrix();

/// Levels below and above the middle, in coarse units.
const LOW: i32 = -128 * COARSE_UNIT as i32;
const HIGH: i32 = 127 * COARSE_UNIT as i32;

/// The sample for the middle of luma's range, and of chroma's.
pub(super) const GREY: i32 = COARSE_ZERO as i32 - LOW;
pub(super) const NEUTRAL: i32 = COARSE_ZERO as i32;

/// One component's blocks, row by row, and what makes samples of them.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    /// `slots` a block.
    pub(super) coefficients: &'a [i16],
    pub(super) slots: usize,
    /// Blocks from one row to the next, and those that hold picture.
    pub(super) stride: usize,
    pub(super) wide: usize,
    /// The quantisation table in zigzag order.
    pub(super) quantiser: &'a [u16; 64],
    /// The sample for the value 0.
    pub(super) zero: i32,
}

/// From here on a DC value may have wrapped at 16 bits. A difference is less than 2¹⁵, so a sum
/// that wraps lands more than 2¹⁵ from the one before it: one of the two is more than 2¹⁴ from 0.
const FAR: u32 = 1 << 14;
/// What dequantised values of either sign stay below.
const RANGE: u32 = 1 << 15;

/// How far values went: the bits of all of them, the sign's taken out.
#[derive(Debug, Clone, Copy, Default)]
struct Extent(i32);

impl Extent {
    #[inline(always)]
    fn note(&mut self, value: i32) {
        // `x` of values from 0 on, `−x − 1` of negative ones: or-ing them keeps the highest bit of all, which is all that `reaches` needs for
        // a power of two.
        self.0 |= value ^ (value >> 31);
    }

    fn reaches(self, limit: u32) -> bool {
        self.0 as u32 >= limit
    }
}

/// The same of each place in a block, as it is stored: one look at all of them costs a fraction of one at every product.
#[derive(Debug, Clone, Copy)]
struct Extents([i16; 64]);

/// Places that are looked at together; blocks with more than one have as many or a multiple.
const TOGETHER: usize = 8;

impl Extents {
    #[inline(always)]
    fn note(&mut self, block: &[i16]) {
        let all = self.0.as_chunks_mut::<TOGETHER>().0;
        for (extents, values) in all.iter_mut().zip(block.as_chunks::<TOGETHER>().0) {
            for (extent, value) in extents.iter_mut().zip(values) {
                *extent |= value ^ (value >> 15);
            }
        }
    }

    /// Whether the values at `places`, times `steps`, and DC values by themselves, have 16 bits for certain.
    fn fit(&self, places: impl Iterator<Item = usize>, steps: &[u16]) -> bool {
        let fits = |(place, step): (usize, &u16)| (self.0[place] as u32 + 1) * u32::from(*step) <= RANGE;
        (self.0[0] as u32) < FAR && places.zip(steps).all(fits)
    }
}

impl Blocks<'_> {
    /// All blocks' cells for a detail, rows of samples one after another; whether all values that went in have, or may have had, 16 bits.
    #[inline(always)]
    pub(super) fn transform<S: Simd>(&self, simd: S, detail: u8, samples: &mut [u16]) -> bool {
        let kept = kept(detail) as usize;
        match detail {
            1 => self.means(samples),
            2 => self.low_cells::<2, 8>(
                samples,
                kept,
                #[inline(always)]
                |block, cells| four_cells(simd, block, &TWO, self.zero, cells),
            ),
            3 => self.low_cells::<4, 16>(
                samples,
                kept,
                #[inline(always)]
                |block, cells| many_cells(simd, block, &THREE, self.zero, cells),
            ),
            4 => self.low_cells::<4, 16>(
                samples,
                kept,
                #[inline(always)]
                |block, cells| many_cells(simd, block, &FOUR, self.zero, cells),
            ),
            6 => self.low_cells::<8, 32>(
                samples,
                kept,
                #[inline(always)]
                |block, cells| many_cells(simd, block, &SIX, self.zero, cells),
            ),
            _ => {
                let steps = to_natural(self.quantiser);
                self.cells::<8, 64>(
                    samples,
                    kept,
                    |k| k,
                    &steps,
                    #[inline(always)]
                    |block| dequantised(block, &steps),
                    #[inline(always)]
                    |block, cells| many_cells(simd, block, &EIGHT, self.zero, cells),
                )
            }
        }
    }

    /// One sample a block, DC/8.
    #[inline(always)]
    fn means(&self, samples: &mut [u16]) -> bool {
        let scale = i32::from(self.quantiser[0]);
        let (mut dc, mut product) = (Extent::default(), Extent::default());
        let rows = self.coefficients.chunks_exact(self.stride * self.slots);
        for (to, from) in samples.chunks_exact_mut(self.wide).zip(rows) {
            for (sample, block) in to.iter_mut().zip(from.chunks_exact(self.slots)) {
                let value = i32::from(block[0]) * scale;
                dc.note(block[0].into());
                product.note(value);
                // DC/8 in units of a sixteenth is twice the value. Clamped first, so that doubling stays small.
                *sample = (value.clamp(LOW / 2, HIGH / 2) * 2 + self.zero) as u16;
            }
        }
        !(dc.reaches(FAR) || product.reaches(RANGE))
    }

    /// `C`×`C` samples a block, of its first `V` coefficients in zigzag order: as many as make up vectors. Those behind the last one that is `kept`
    /// count nothing.
    #[inline(always)]
    fn low_cells<const C: usize, const V: usize>(
        &self,
        samples: &mut [u16],
        kept: usize,
        transform: impl Fn(&[i16; V], &mut [u16; 64]),
    ) -> bool {
        let steps = self.quantiser;
        if self.slots < 64 {
            return self.cells::<C, V>(
                samples,
                kept,
                |k| k,
                steps,
                #[inline(always)]
                |block| dequantised(&block[..V], steps),
                transform,
            );
        }
        let place = |k: usize| usize::from(NATURAL[k]);
        self.cells::<C, V>(
            samples,
            kept,
            place,
            steps,
            #[inline(always)]
            |block| {
                let low: [i16; V] = std::array::from_fn(|k| block[place(k)]);
                dequantised(&low, steps)
            },
            transform,
        )
    }

    /// `C`×`C` samples a block; `values` dequantises its first `V` coefficients, which lie at `place` and have these `steps`, and `transform`
    /// makes cells of them. Behind the last one that is `kept` there may be a value or none, depending on how the file was read: none of these is
    /// judged.
    #[inline(always)]
    fn cells<const C: usize, const V: usize>(
        &self,
        samples: &mut [u16],
        kept: usize,
        place: impl Fn(usize) -> usize,
        steps: &[u16; 64],
        values: impl Fn(&[i16]) -> [i16; V],
        transform: impl Fn(&[i16; V], &mut [u16; 64]),
    ) -> bool {
        let line = self.wide * C;
        let mut cells = [0u16; 64];
        let mut extents = Extents([0; 64]);
        let rows = self.coefficients.chunks_exact(self.stride * self.slots);
        for (to, from) in samples.chunks_exact_mut(line * C).zip(rows) {
            let mut to = to.chunks_exact_mut(line);
            let mut lines: [&mut [[u16; C]]; C] =
                std::array::from_fn(|_| to.next().map_or(&mut [][..], |line| line.as_chunks_mut().0));
            for (column, block) in from.chunks_exact(self.slots).take(self.wide).enumerate() {
                extents.note(block);
                transform(&values(block), &mut cells);
                for (line, row) in lines.iter_mut().zip(cells.as_chunks::<C>().0) {
                    if let Some(to) = line.get_mut(column) {
                        *to = *row;
                    }
                }
            }
        }
        extents.fit((0..=kept).map(&place), steps)
            || self.products_fit(&std::array::from_fn::<_, V, _>(place)[..=kept], steps)
    }

    /// Whether the values at `places`, times `steps`, have 16 bits, and DC values before have or may have had them: each product is looked at.
    #[cold]
    fn products_fit(&self, places: &[usize], steps: &[u16; 64]) -> bool {
        let (mut dc, mut product) = (Extent::default(), Extent::default());
        for row in self.coefficients.chunks_exact(self.stride * self.slots) {
            for block in row.chunks_exact(self.slots).take(self.wide) {
                dc.note(block[0].into());
                let values = places.iter().map(|&place| i32::from(block[place]));
                values.zip(steps).for_each(|(value, &step)| product.note(value * i32::from(step)));
            }
        }
        !(dc.reaches(FAR) || product.reaches(RANGE))
    }
}

/// Steps times coefficients, of which 16 bits are kept.
#[inline(always)]
fn dequantised<const K: usize>(block: &[i16], steps: &[u16; 64]) -> [i16; K] {
    let mut values = [0; K];
    for ((value, &coefficient), &step) in values.iter_mut().zip(block).zip(steps) {
        *value = coefficient.wrapping_mul(step as i16);
    }
    values
}

/// What brings a sum to coarse units, and half of it.
const SHIFT: u32 = BASIS_BITS - COARSE_UNIT.ilog2();
const HALF: i32 = 1 << (SHIFT - 1);

/// Four samples; `zero` is the sample for the value 0.
#[inline(always)]
fn four_cells<S: Simd>(simd: S, values: &[i16; 8], matrix: &[[i16; 8]; 3], zero: i32, cells: &mut [u16; 64]) {
    let mut sums = i32x4::splat(simd, HALF);
    for (pair, basis) in values.as_chunks::<2>().0.iter().zip(matrix) {
        let both: i16x8<S> = i32x4::splat(simd, bytemuck::cast(*pair)).bitcast();
        sums += both.pairwise_dot_product(i16x8::from_slice(simd, basis));
    }
    let sums = sums >> SHIFT;
    let levels = sums.saturating_narrow(sums).max(LOW as i16).min(HIGH as i16);
    let samples: u16x8<S> = (levels + zero as i16).bitcast();
    samples.store_slice(&mut cells[..8]);
}

/// Sixteen samples at a time.
#[inline(always)]
fn many_cells<S: Simd, const V: usize, const WIDTH: usize, const PAIRS: usize>(
    simd: S,
    values: &[i16; V],
    matrix: &[[i16; WIDTH]; PAIRS],
    zero: i32,
    cells: &mut [u16; 64],
) {
    for (chunk, cells) in cells.as_chunks_mut::<16>().0.iter_mut().enumerate().take(WIDTH / 32) {
        let mut sums = i32x16::splat(simd, HALF);
        for (pair, basis) in values.as_chunks::<2>().0.iter().zip(matrix) {
            // Both coefficients in every 32 bits, against the basis values of one cell each.
            let both: i16x32<S> = i32x16::splat(simd, bytemuck::cast(*pair)).bitcast();
            let basis = i16x32::from_slice(simd, &basis[32 * chunk..][..32]);
            sums += both.pairwise_dot_product(basis);
        }
        let (first, last) = (sums >> SHIFT).split();
        // What 16 bits do not hold is beyond the range in any case.
        let levels = first.saturating_narrow(last).max(LOW as i16).min(HIGH as i16);
        let samples: u16x16<S> = (levels + zero as i16).bitcast();
        samples.store_slice(cells);
    }
}
