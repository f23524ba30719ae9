//! PDQ from its 64×64 grid of luma: quality, a 16×16 discrete cosine transform, and the bits (steps 6–8).
//!
//! `A` is the 64×64 grid of luma, `D` the 16×64 matrix of cosines, `B = D·A·Dᵀ` the coefficients; a bit is set where one is above
//! their median.
//!
//! Fixed point: the grid is shifted down to 30 bits ([`Luma`]); the DCT matrix is the definition's own, rounded to `f32` and then to
//! units of 2⁻²⁹. `T = D·A` gathers at most `2³⁰·7.2·2²⁹ < 2⁶²`, is rounded to units of 8 grid units to fit 31 bits
//! again, and `B = T·Dᵀ` stays under 2⁶². One grey level is about 2²² grid units, so nothing is lost that the
//! definition's 24-bit floats would have kept. (7.2 is the largest sum of the absolute values of a row of `D`; a test adds them up.)
//!
//! **Ties.** On flat, symmetric or separable pictures many coefficients are equal, and which of them lie above the
//! median is decided by the rounding of the definition's running sums. Where that rounding could carry a coefficient
//! across the median, [`PdqBits::tied`] says so, and the caller computes the picture again by the definition itself. How far
//! it carries was measured from 5×9 to 12,000×9,000 pixels: where both axes are blurred at most 0.0077 on patterns made to
//! tie and 0.0014 on photographs; where one is not (a side of 128 pixels or less, whose "window" of one sample still goes
//! through a running sum) at most 0.021. [`Noise`] takes twice that, since both of two neighbours may move.

use fearless_simd::{Level, Simd, SimdBase, SimdIntWiden, dispatch};

use super::weights::PDQ_LINES;
use crate::signature::{Orientation, Pdq, pdq_origin};

/// Points of the luma grid.
pub(crate) const POINTS: usize = PDQ_LINES * PDQ_LINES;
/// Bits that a grid value may take.
const GRID_BITS: u32 = 30;

/// `√(2/64)·cos(m·π/128)` for `m` in 0..=64 as the bits of `f32` (step 7), so that no machine's `cos` matters.
const COSINES: [u32; 65] = [
    0x3e3504f3, 0x3e34f6fe, 0x3e34cd21, 0x3e348763, 0x3e3425ce, 0x3e33a872, 0x3e330f61, 0x3e325ab4,
    0x3e318a85, 0x3e309ef6, 0x3e2f982b, 0x3e2e764c, 0x3e2d3986, 0x3e2be20a, 0x3e2a700c, 0x3e28e3c6,
    0x3e273d74, 0x3e257d59, 0x3e23a3b9, 0x3e21b0dd, 0x3e1fa512, 0x3e1d80a8, 0x3e1b43f5, 0x3e18ef51,
    0x3e168317, 0x3e13ffa8, 0x3e116566, 0x3e0eb4b9, 0x3e0bee0a, 0x3e0911c7, 0x3e062061, 0x3e031a4c,
    0x3e000000, 0x3df9a3ed, 0x3df3215c, 0x3dec794d, 0x3de5acc6, 0x3ddebcd5, 0x3dd7aa8b, 0x3dd076ff,
    0x3dc9234e, 0x3dc1b098, 0x3dba2005, 0x3db272bd, 0x3daaa9f2, 0x3da2c6d5, 0x3d9aca9e, 0x3d92b689,
    0x3d8a8bd4, 0x3d824bc1, 0x3d73ef2f, 0x3d63213d, 0x3d523045, 0x3d411ee4, 0x3d2fefbb, 0x3d1ea570,
    0x3d0d42af, 0x3cf7944a, 0x3cd47d09, 0x3cb14504, 0x3c8df1a9, 0x3c5510d4, 0x3c0e1d7b, 0x3b8e2871,
    0x00000000,
];

/// `D[i][j] = √(2/64)·cos(π/128·(i+1)·(2j+1))` as `f32`: frequencies 1..=16, no DC row.
pub(crate) const MATRIX: [[f32; 64]; 16] = matrix();

/// The same in units of 2⁻²⁹.
pub(crate) const MATRIX_FIXED: [[i32; 64]; 16] = fixed(&MATRIX);

const fn matrix() -> [[f32; 64]; 16] {
    let mut matrix = [[0.0; 64]; 16];
    let mut i = 0;
    while i < 16 {
        let mut j = 0;
        while j < 64 {
            // The cosine of m·π/128 has period 256 and two symmetries: a quarter of it is stored.
            let turn = (i + 1) * (2 * j + 1) % 256;
            let half = if turn > 128 { 256 - turn } else { turn };
            let value = f32::from_bits(COSINES[if half > 64 { 128 - half } else { half }]);
            matrix[i][j] = if half > 64 { -value } else { value };
            j += 1;
        }
        i += 1;
    }
    matrix
}

const fn fixed(matrix: &[[f32; 64]; 16]) -> [[i32; 64]; 16] {
    let mut fixed = [[0; 64]; 16];
    let mut i = 0;
    while i < 16 {
        let mut j = 0;
        while j < 64 {
            let scaled = matrix[i][j] as f64 * (1u32 << 29) as f64;
            // Half away from zero, so that the matrix keeps its symmetries; `as` alone cuts off.
            fixed[i][j] = if scaled < 0.0 { -((0.5 - scaled) as i32) } else { (0.5 + scaled) as i32 };
            j += 1;
        }
        i += 1;
    }
    fixed
}

/// What a luma grid is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scale {
    /// One grey level is `unit / 2^shift` of the values' units.
    pub(crate) unit: u64,
    /// See `unit`: the bits that sums lose.
    pub(crate) shift: u32,
}

impl Scale {
    /// For sums that are none beyond ±`largest`; `unit` is one grey level in them.
    pub(crate) fn new(largest: u64, unit: u64) -> Scale {
        Scale { unit, shift: (u64::BITS - largest.leading_zeros()).saturating_sub(GRID_BITS) }
    }

    /// Half of the last bit that is kept, in units of the sums.
    pub(crate) fn half(self) -> i64 {
        (1i64 << self.shift) >> 1
    }

    /// A hundredth of the range of 255 grey levels, in units of the values.
    pub(crate) fn hundredth(self) -> u64 {
        ((u128::from(self.unit) * 255 / 100) >> self.shift).max(1) as u64
    }
}

/// The luma grid in at most 30 bits, with its scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Luma {
    /// Row-major 64×64.
    pub(crate) values: Vec<i32>,
    pub(crate) scale: Scale,
}

impl Luma {
    /// Rounds `sums` (row-major 64×64) to 30 bits.
    pub(crate) fn new(sums: &[i64], scale: Scale) -> Luma {
        let values =
            sums.iter().map(|&sum| (sum.saturating_add(scale.half()) >> scale.shift) as i32).collect();
        Luma { values, scale }
    }
}

/// Quality 0..=100 (step 6): the sum of the whole hundredths of the range by which neighbours differ, over 90.
///
/// Equal to the definition but where a difference falls on an exact multiple of 2.55 grey levels; such a one counts in full.
pub(crate) fn quality(luma: &Luma) -> u8 {
    let hundredth = luma.scale.hundredth();
    // Multiplication by ⌈2^bits/hundredth⌉ divides exactly. With e = ⌈2^bits/hundredth⌉·hundredth − 2^bits < hundredth, a difference n
    // of at most 31 bits has n·e < 2^bits, too little to reach the next whole number. The reciprocal is at most 2³²: the product fits.
    let bits = 31 + (u64::BITS - hundredth.leading_zeros());
    let reciprocal = (1u64 << bits).div_ceil(hundredth);
    let step = |a: i32, b: i32| ((u64::from(a.abs_diff(b)) * reciprocal) >> bits) as u32;
    let pairs = |first: &[i32], second: &[i32]| -> u32 {
        first.iter().zip(second).map(|(&a, &b)| step(a, b)).fold(0, u32::wrapping_add)
    };
    let values = &luma.values;
    let down = pairs(&values[..POINTS - PDQ_LINES], &values[PDQ_LINES..]);
    let across: u32 = values.chunks_exact(PDQ_LINES).map(|row| pairs(&row[..PDQ_LINES - 1], &row[1..])).sum();
    ((down + across) / 90).min(100) as u8
}

/// The 16×16 coefficients `B = D·A·Dᵀ`, row-major, in units of 2⁻²⁶ grid units.
pub(crate) fn transform(level: Level, luma: &Luma) -> [i64; 256] {
    dispatch!(level, simd => transform_at(simd, &luma.values))
}

#[inline(always)]
fn transform_at<S: Simd>(simd: S, values: &[i32]) -> [i64; 256] {
    let mut coefficients = [0; 256];
    for (i, row) in MATRIX_FIXED.iter().enumerate() {
        // A row of T is used up before the next one is made, so T is never stored.
        let rotated = rounded(weigh_rows(simd, row, values));
        for (j, column) in MATRIX_FIXED.iter().enumerate() {
            coefficients[16 * i + j] = dot(simd, &rotated, column);
        }
    }
    coefficients
}

/// `Σ_r row[r]·values[r][..]`: one row of `D·A`.
#[inline(always)]
fn weigh_rows<S: Simd>(simd: S, row: &[i32; 64], values: &[i32]) -> [i64; 64] {
    let mut sums = [0i64; 64];
    for x in (0..64).step_by(S::i32s::LEN) {
        let zero = S::i64s::splat(simd, 0);
        let (mut low, mut high) = (zero, zero);
        for (r, &weight) in row.iter().enumerate() {
            let line = S::i32s::from_slice(simd, &values[r * PDQ_LINES + x..][..S::i32s::LEN]);
            let (a, b) = line.widening_mul(weight);
            low += a;
            high += b;
        }
        low.store_slice(&mut sums[x..][..S::i64s::LEN]);
        high.store_slice(&mut sums[x + S::i64s::LEN..][..S::i64s::LEN]);
    }
    sums
}

/// From units of 2⁻²⁹ to units of 2³ grid units, half rounded up.
#[inline(always)]
fn rounded(sums: [i64; 64]) -> [i32; 64] {
    sums.map(|sum| ((sum + (1 << 31)) >> 32) as i32)
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[i32; 64], b: &[i32; 64]) -> i64 {
    let zero = S::i64s::splat(simd, 0);
    let (mut low, mut high) = (zero, zero);
    for x in (0..64).step_by(S::i32s::LEN) {
        let a = S::i32s::from_slice(simd, &a[x..][..S::i32s::LEN]);
        let (a, b) = a.widening_mul(S::i32s::from_slice(simd, &b[x..][..S::i32s::LEN]));
        low += a;
        high += b;
    }
    (low + high).reduce_sum()
}

/// What the coefficients say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PdqBits {
    /// Bit `k` is set where coefficient `k` is above the median.
    pub(crate) signature: Pdq,
    /// Whether the definition's own noise decides some bit.
    pub(crate) tied: bool,
}

/// How near to the median a coefficient may lie before the definition's noise decides its bit, in thousandths of a
/// grey-level unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noise {
    /// One coefficient so near is enough.
    pub(crate) one: u64,
    /// Two so near are a pattern, and the noise of patterns is larger than that of photographs.
    pub(crate) two: u64,
}

impl Noise {
    /// The noise of the definition on a picture of `width`×`height`.
    pub(crate) fn of(width: u32, height: u32) -> Noise {
        if width.min(height) > 128 { Noise { one: 3, two: 16 } } else { Noise { one: 44, two: 44 } }
    }
}

/// The bits of `coefficients`, and whether they are the definition's to decide (step 8).
pub(crate) fn bits(coefficients: &[i64; 256], scale: Scale, noise: Noise) -> PdqBits {
    let median = median(coefficients);
    let near = |thousandths| near(coefficients, median, scale, thousandths);
    PdqBits {
        signature: Pdq::from_bits(|k| coefficients[k] > median),
        // Two conditions, because patterns are noisier than photographs and one distance for both would send many photographs
        // to the definition.
        tied: near(noise.one) >= 1 || near(noise.two) >= 2,
    }
}

/// Whether so many coefficients tie that the picture is a pattern, not a photograph: then low frequencies alone do not
/// determine its bits, and every pixel is needed. Photographs have 0 to 2 coefficients so near to the median.
pub(crate) fn is_pattern(coefficients: &[i64; 256], scale: Scale) -> bool {
    near(coefficients, median(coefficients), scale, 16) >= 6
}

/// Coefficients, the median itself left out, within so many thousandths of a grey-level unit of the median.
fn near(coefficients: &[i64; 256], median: i64, scale: Scale, thousandths: u64) -> usize {
    // In units of the coefficients, 2⁻²⁶ grid units: 2⁻²⁹ of the second matrix times 2³ of T. `unit` has up to 54 bits.
    let near = ((u128::from(scale.unit * thousandths) << 26) >> scale.shift) / 1000;
    // The median is one of them, and counts itself.
    coefficients.iter().filter(|&&b| u128::from(b.abs_diff(median)) <= near).count() - 1
}

/// The signature of the picture laid as each of [`Orientation::ALL`] says, the median taken anew (step 10).
pub(crate) fn orientations<T: PartialOrd + Copy + std::ops::Neg<Output = T>>(
    coefficients: &[T; 256],
) -> [Pdq; 8] {
    Orientation::ALL.map(|orientation| {
        let turned: [T; 256] = std::array::from_fn(|k| {
            let (from, negative) = pdq_origin(orientation, k);
            if negative { -coefficients[from] } else { coefficients[from] }
        });
        let median = median(&turned);
        Pdq::from_bits(|k| turned[k] > median)
    })
}

/// The lower median: element 127 of the 256 in ascending order. The values must be comparable: no NaN.
pub(crate) fn median<T: PartialOrd + Copy>(coefficients: &[T; 256]) -> T {
    let mut sorted = *coefficients;
    let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    *sorted.select_nth_unstable_by(127, order).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrix_is_the_definition() {
        let scale = f64::from((2.0f64 / 64.0).sqrt() as f32);
        for (i, row) in MATRIX.iter().enumerate() {
            for (j, &value) in row.iter().enumerate() {
                let angle = std::f64::consts::PI / 128.0 * ((i + 1) * (2 * j + 1)) as f64;
                let expected = scale * angle.cos();
                assert!((f64::from(value) - expected).abs() < 2f64.powi(-27), "D[{i}][{j}]");
                let fixed = f64::from(MATRIX_FIXED[i][j]) / f64::from(1 << 29);
                assert!((fixed - f64::from(value)).abs() <= 2f64.powi(-30), "D[{i}][{j}]");
            }
        }
    }

    #[test]
    fn fixed_point_sums_cannot_overflow() {
        let row_sum = |row: &[i32; 64]| row.iter().map(|&d| i128::from(d).abs()).sum::<i128>();
        let widest = MATRIX_FIXED.iter().map(row_sum).max().unwrap();
        let rotated = (widest << GRID_BITS) >> 32;
        assert!(widest << GRID_BITS < 1 << 63);
        assert!(rotated < 1 << 31);
        assert!(rotated * widest < 1 << 63);
    }

    #[test]
    fn quality_counts_hundredths() {
        let mut luma = Luma { values: vec![0; POINTS], scale: Scale { unit: 1000, shift: 0 } };
        assert_eq!(quality(&luma), 0);
        luma.values[0] = 255_000;
        assert_eq!(quality(&luma), 2, "two differences of 100 hundredths");
        luma.values[0] = 2_549;
        assert_eq!(quality(&luma), 0);
        luma.values.iter_mut().step_by(2).for_each(|value| *value = 255_000);
        assert_eq!(quality(&luma), 100);
    }

    #[test]
    fn flat_pictures_tie() {
        let luma = Luma { values: vec![77_000; POINTS], scale: Scale { unit: 1000, shift: 0 } };
        let coefficients = transform(Level::new(), &luma);
        assert!(bits(&coefficients, luma.scale, Noise { one: 0, two: 0 }).tied);
    }
}
