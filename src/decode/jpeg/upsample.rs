//! Rows of subsampled components at the picture's own resolution, as libjpeg-turbo's "fancy" upsampling makes them.
//!
//! Samples of a component at half resolution lie between pixels. A pixel takes three quarters of the nearer sample and one of the
//! farther; in both directions that is 9, 3, 3 and 1 sixteenths. Rounding alternates: a half goes down at even columns and up at odd ones
//! (and down in odd rows, up in even ones, where only rows are doubled), so that no bias is left. At an edge the
//! farther sample is the nearer one again: `(3·s + s + r) >> 2 = s`.
//!
//! Every other ratio repeats samples.
//!
//! Sums fit 16 bits: `3·255 + 255` = 1,020 between two rows, and four times that between two columns of such sums, 4,080.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u8x16, u16x8};

/// What is added before the shift: at even columns, at odd ones.
type Rounding = (u16, u16);

/// Where columns alone are doubled.
const COLUMNS: Rounding = (1, 2);
/// Where rows are doubled too, and sums of two rows are four times as large.
const BOTH: Rounding = (8, 7);

/// Doubles columns: `row` to twice as many samples.
#[inline(always)]
pub(super) fn columns<S: Simd>(simd: S, row: &[u8], sums: &mut Vec<u16>, out: &mut Vec<u8>) {
    pad(sums, row.iter().map(|&sample| u16::from(sample)));
    doubled::<S, 2>(simd, sums, COLUMNS, out);
}

/// Doubles columns between rows: three quarters of `near` and one of `far`.
#[inline(always)]
pub(super) fn both<S: Simd>(simd: S, near: &[u8], far: &[u8], sums: &mut Vec<u16>, out: &mut Vec<u8>) {
    pad(sums, near.iter().zip(far).map(|(&near, &far)| 3 * u16::from(near) + u16::from(far)));
    doubled::<S, 4>(simd, sums, BOTH, out);
}

/// One row between two, without doubling columns; `above` tells whether `far` lies above `near`.
#[inline(always)]
pub(super) fn rows(near: &[u8], far: &[u8], above: bool, out: &mut Vec<u8>) {
    let rounding = if above { 1 } else { 2 };
    out.clear();
    let sum = |(&near, &far): (&u8, &u8)| ((3 * u16::from(near) + u16::from(far) + rounding) >> 2) as u8;
    out.extend(near.iter().zip(far).map(sum));
}

/// Repeats samples, `across.0` of which stand for `across.1` pixels.
pub(super) fn repeated(row: &[u8], across: (usize, usize), width: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend((0..width).map(|x| row[x * across.0 / across.1]));
}

/// The sums, each edge's once more beyond it.
#[inline(always)]
fn pad(sums: &mut Vec<u16>, row: impl ExactSizeIterator<Item = u16>) {
    sums.clear();
    sums.push(0);
    sums.extend(row);
    let (first, last) = (sums[1], sums[sums.len() - 1]);
    sums[0] = first;
    sums.push(last);
}

/// `(3·s + s before) >> SHIFT` and `(3·s + s behind) >> SHIFT`, for each sum s between the padding.
#[inline(always)]
fn doubled<S: Simd, const SHIFT: u32>(simd: S, sums: &[u16], (even, odd): Rounding, out: &mut Vec<u8>) {
    let count = sums.len() - 2;
    out.clear();
    out.resize(2 * count, 0);
    let (chunks, rest) = out.as_chunks_mut::<16>();
    for (index, to) in chunks.iter_mut().enumerate() {
        let at = |place: usize| u16x8::from_slice(simd, &sums[8 * index + place..][..8]);
        let near = at(1) * 3;
        let (left, right) = ((near + at(0) + even) >> SHIFT, (near + at(2) + odd) >> SHIFT);
        // Both fit a byte: each 16 bits hold the even pixel below the odd one, which is their order in memory.
        let bytes: u8x16<S> = (left | right << 8).bitcast();
        bytes.store_slice(to);
    }
    let done = 8 * chunks.len();
    for (to, sums) in rest.chunks_exact_mut(2).zip(sums[done..].windows(3)) {
        let near = 3 * sums[1];
        to[0] = ((near + sums[0] + even) >> SHIFT) as u8;
        to[1] = ((near + sums[2] + odd) >> SHIFT) as u8;
    }
}
