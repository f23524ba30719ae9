//! The inverse DCT of one block, as libjpeg-turbo's SIMD code computes it (T.81, A.3.3; the algorithm is that of Loeffler,
//! Ligtenberg and Moschytz, 1989).
//!
//! Every step is integer arithmetic, so there is one right result, also for values that no picture has:
//!
//! - a coefficient times its quantisation step keeps 16 bits, and so do the sums on which either half of a pass begins;
//! - products with the twelve constants, 13 bits behind the point, are summed in 32 bits, which wrap: in which order is free;
//! - each pass rounds once and saturates to 16 bits. The first, along columns, leaves 2 bits behind the point; the second, along
//!   rows, takes those, its own 13 and the 3 that an 8×8 transform adds;
//! - where all coefficients but the first row's are zero, the first pass is a shift by 2 in 16 bits, which wraps where
//!   the pass itself would have saturated;
//! - samples saturate to −128..=127 before 128 is added.
//!
//! Eight columns are computed side by side. Products are taken in pairs, `a·x + b·y`, which most machines have in one instruction.
//! Two blocks side by side in longer vectors do not pay: the transpositions between the passes would cross the halves.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i8x16, i16x8, i32x4, u8x16};

/// Bits behind the point of a constant, and between the passes.
const CONSTANT_BITS: u32 = 13;
pub(super) const PASS_BITS: u32 = 2;
/// Bits that the first pass takes back, and the second.
pub(super) const FIRST_SHIFT: u32 = CONSTANT_BITS - PASS_BITS;
pub(super) const SECOND_SHIFT: u32 = CONSTANT_BITS + PASS_BITS + 3;

/// Two sums of the same two inputs: what each counts in the one and in the other.
pub(super) type Pair = ([i16; 2], [i16; 2]);

/// Inputs 2 and 6: `√2·cos(3π/8)` is 0.541, and so on. All `2¹³·x`, rounded.
pub(super) const EVEN: Pair = ([4_433 + 6_270, 4_433], [4_433, 4_433 - 15_137]);
/// The sums of inputs 7 and 3, and of 5 and 1.
pub(super) const ODD_SUMS: Pair = ([9_633 - 16_069, 9_633], [9_633, 9_633 - 3_196]);
/// Inputs 7 and 1.
pub(super) const ODD_7_1: Pair = ([2_446 - 7_373, -7_373], [-7_373, 12_299 - 7_373]);
/// Inputs 5 and 3.
pub(super) const ODD_5_3: Pair = ([16_819 - 20_995, -20_995], [-20_995, 25_172 - 20_995]);

/// A component's quantisation steps, in natural order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// The lower 16 bits of each: products keep 16 bits, for which the upper ones do not count.
    steps: [i16; 64],
    /// For each column the largest coefficient of either sign whose product with none of its steps leaves 16 bits.
    most: [i16; 8],
}

impl Steps {
    /// Steps of a table in natural order.
    pub(super) fn new(table: &[u16; 64]) -> Steps {
        let mut most = [i16::MAX; 8];
        for (place, &step) in table.iter().enumerate() {
            most[place % 8] = most[place % 8].min((32_767 / step.max(1)) as i16);
        }
        Steps { steps: table.map(|step| step as i16), most }
    }
}

/// Whether each coefficient times its step has 16 bits.
#[inline(always)]
pub(super) fn fits<S: Simd>(simd: S, coefficients: &[i16; 64], steps: &Steps) -> bool {
    let row = |v: usize| i16x8::from_slice(simd, &coefficients[8 * v..][..8]);
    let (mut high, mut low) = (row(0), row(0));
    for v in 1..8 {
        (high, low) = (high.max(row(v)), low.min(row(v)));
    }
    let most = i16x8::simd_from(simd, steps.most);
    // A column's bound is that of its largest step, so it may refuse what fits; then each product is looked at.
    !(high.simd_gt(most) | low.simd_lt(-most)).any_true() || all_fit(coefficients, steps)
}

#[cold]
#[inline(never)]
fn all_fit(coefficients: &[i16; 64], steps: &Steps) -> bool {
    let product = |(&coefficient, &step): (&i16, &i16)| i32::from(coefficient) * i32::from(step as u16);
    coefficients.iter().zip(&steps.steps).map(product).all(|product| i16::try_from(product).is_ok())
}

/// The sample that a block without AC coefficients consists of.
#[inline(always)]
pub(super) fn flat(dc: i16, step: i16) -> u8 {
    let first = i32::from(dc.wrapping_mul(step).wrapping_shl(PASS_BITS));
    // `first·2¹³`, rounded and shifted by 18.
    let sample = (first + (1 << (SECOND_SHIFT - CONSTANT_BITS - 1))) >> (SECOND_SHIFT - CONSTANT_BITS);
    (sample.clamp(-128, 127) + 128) as u8
}

/// The 8×8 samples, row by row, of coefficients in natural order: `coefficients[8·v + u]`, u to the right.
#[inline(always)]
pub(super) fn samples<S: Simd>(simd: S, coefficients: &[i16; 64], steps: &Steps) -> [u8; 64] {
    let steps = &steps.steps;
    let row = |v: usize| i16x8::from_slice(simd, &coefficients[8 * v..][..8]);
    let x = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
    let below = (x[1] | x[2] | x[3]) | (x[4] | x[5]) | (x[6] | x[7]);
    let step = |v: usize| i16x8::from_slice(simd, &steps[8 * v..][..8]);
    let columns = if below.simd_eq(0).all_true() {
        let others = x[0] & i16x8::simd_from(simd, [0, -1, -1, -1, -1, -1, -1, -1]);
        if others.simd_eq(0).all_true() {
            return [flat(coefficients[0], steps[0]); 64];
        }
        let first: [i16; 8] = *((x[0] * step(0)) << PASS_BITS);
        let column = |u: usize| i16x8::splat(simd, first[u]);
        [column(0), column(1), column(2), column(3), column(4), column(5), column(6), column(7)]
    } else {
        let x = [
            x[0] * step(0),
            x[1] * step(1),
            x[2] * step(2),
            x[3] * step(3),
            x[4] * step(4),
            x[5] * step(5),
            x[6] * step(6),
            x[7] * step(7),
        ];
        transposed(pass::<S, FIRST_SHIFT>(simd, x))
    };
    bytes(pass::<S, SECOND_SHIFT>(simd, columns))
}

/// 32-bit sums for eight columns.
type Sums<S> = [i32x4<S>; 2];

/// One pass over eight columns.
#[inline(always)]
fn pass<S: Simd, const SHIFT: u32>(simd: S, x: [i16x8<S>; 8]) -> [i16x8<S>; 8] {
    let (even_3, even_2) = products(simd, x[2], x[6], EVEN);
    let (even_0, even_1) = (scaled(simd, x[0] + x[4]), scaled(simd, x[0] - x[4]));
    let (a, d) = (add(even_0, even_3), sub(even_0, even_3));
    let (b, c) = (add(even_1, even_2), sub(even_1, even_2));

    let (sum_3, sum_4) = products(simd, x[7] + x[3], x[5] + x[1], ODD_SUMS);
    let (odd_0, odd_3) = products(simd, x[7], x[1], ODD_7_1);
    let (odd_1, odd_2) = products(simd, x[5], x[3], ODD_5_3);
    let (odd_0, odd_2) = (add(odd_0, sum_3), add(odd_2, sum_3));
    let (odd_1, odd_3) = (add(odd_1, sum_4), add(odd_3, sum_4));

    let out = |sums: Sums<S>| rounded::<S, SHIFT>(simd, sums);
    [
        out(add(a, odd_3)),
        out(add(b, odd_2)),
        out(add(c, odd_1)),
        out(add(d, odd_0)),
        out(sub(d, odd_0)),
        out(sub(c, odd_1)),
        out(sub(b, odd_2)),
        out(sub(a, odd_3)),
    ]
}

#[inline(always)]
fn products<S: Simd>(simd: S, a: i16x8<S>, b: i16x8<S>, (first, second): Pair) -> (Sums<S>, Sums<S>) {
    let pairs = [a.zip_low(b), a.zip_high(b)];
    let sums = |[x, y]: [i16; 2]| {
        let factors: i16x8<S> = i32x4::splat(simd, i32::from(x) & 0xFFFF | i32::from(y) << 16).bitcast();
        [pairs[0].pairwise_dot_product(factors), pairs[1].pairwise_dot_product(factors)]
    };
    (sums(first), sums(second))
}

/// `2¹³·x`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, x: i16x8<S>) -> Sums<S> {
    let zero = i16x8::splat(simd, 0);
    // Each value comes as the upper half of 32 bits, `2¹⁶·x`; one signed shift both extends the sign and scales.
    let half = |x: i16x8<S>| {
        let high: i32x4<S> = x.bitcast();
        high >> (16 - CONSTANT_BITS)
    };
    [half(zero.zip_low(x)), half(zero.zip_high(x))]
}

#[inline(always)]
fn add<S: Simd>(a: Sums<S>, b: Sums<S>) -> Sums<S> {
    [a[0] + b[0], a[1] + b[1]]
}

#[inline(always)]
fn sub<S: Simd>(a: Sums<S>, b: Sums<S>) -> Sums<S> {
    [a[0] - b[0], a[1] - b[1]]
}

#[inline(always)]
fn rounded<S: Simd, const SHIFT: u32>(simd: S, sums: Sums<S>) -> i16x8<S> {
    let half = i32x4::splat(simd, 1 << (SHIFT - 1));
    ((sums[0] + half) >> SHIFT).saturating_narrow((sums[1] + half) >> SHIFT)
}

/// Rows to columns: each of three perfect shuffles of 64 values turns the bits of their place by one.
#[inline(always)]
fn transposed<S: Simd>(mut x: [i16x8<S>; 8]) -> [i16x8<S>; 8] {
    for _ in 0..3 {
        x = [
            x[0].zip_low(x[4]),
            x[0].zip_high(x[4]),
            x[1].zip_low(x[5]),
            x[1].zip_high(x[5]),
            x[2].zip_low(x[6]),
            x[2].zip_high(x[6]),
            x[3].zip_low(x[7]),
            x[3].zip_high(x[7]),
        ];
    }
    x
}

/// Columns to rows of samples.
#[inline(always)]
fn bytes<S: Simd>(x: [i16x8<S>; 8]) -> [u8; 64] {
    let mut x: [i8x16<S>; 4] = [
        x[0].saturating_narrow(x[1]),
        x[2].saturating_narrow(x[3]),
        x[4].saturating_narrow(x[5]),
        x[6].saturating_narrow(x[7]),
    ];
    for _ in 0..3 {
        x = [x[0].zip_low(x[2]), x[0].zip_high(x[2]), x[1].zip_low(x[3]), x[1].zip_high(x[3])];
    }
    let mut samples = [0; 64];
    for (to, from) in samples.chunks_exact_mut(16).zip(x) {
        let from: u8x16<S> = from.bitcast();
        // Flipping the sign's bit adds 128.
        (from ^ 0x80).store_slice(to);
    }
    samples
}
