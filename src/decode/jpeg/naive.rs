//! The kernels that make pixels, one value at a time, as libjpeg writes them down, and the means of cells by their definition: what the fast
//! ones are compared with.

use super::detail;
use super::transform::{BASIS_BITS, ZIGZAG, basis};
use crate::picture::COARSE_UNIT;

/// The inverse DCT of a block in natural order.
pub(super) fn idct(coefficients: &[i16; 64], table: &[u16; 64]) -> [u8; 64] {
    let value = |u: usize, v: usize| coefficients[8 * v + u].wrapping_mul(table[8 * v + u] as i16);
    let first_row_alone = coefficients[8..].iter().all(|&coefficient| coefficient == 0);
    // Columns, by u and then y.
    let mut between = [[0i16; 8]; 8];
    for (u, column) in between.iter_mut().enumerate() {
        *column = if first_row_alone {
            [value(u, 0) << 2; 8]
        } else {
            pass(std::array::from_fn(|v| value(u, v)), 11)
        };
    }
    let mut samples = [0; 64];
    for y in 0..8 {
        let row = pass(std::array::from_fn(|u| between[u][y]), 18);
        for (x, &sample) in row.iter().enumerate() {
            samples[8 * y + x] = (sample.clamp(-128, 127) + 128) as u8;
        }
    }
    samples
}

/// One pass, as in figure 8 of Loeffler, Ligtenberg and Moschytz, in sums of 32 bits that wrap.
fn pass(x: [i16; 8], shift: u32) -> [i16; 8] {
    let times = |value: i32, constant: i32| value.wrapping_mul(constant);
    let sum = |a: usize, b: usize| i32::from(x[a].wrapping_add(x[b]));
    let wide = x.map(i32::from);

    let z1 = times(wide[2] + wide[6], 4_433);
    let (even_2, even_3) = (z1.wrapping_add(times(wide[6], -15_137)), z1.wrapping_add(times(wide[2], 6_270)));
    let even_0 = sum(0, 4) << 13;
    let even_1 = i32::from(x[0].wrapping_sub(x[4])) << 13;
    let even = [
        even_0.wrapping_add(even_3),
        even_1.wrapping_add(even_2),
        even_1.wrapping_sub(even_2),
        even_0.wrapping_sub(even_3),
    ];

    let (z3, z4) = (sum(7, 3), sum(5, 1));
    let z5 = times(z3 + z4, 9_633);
    let z1 = times(wide[7] + wide[1], -7_373);
    let z2 = times(wide[5] + wide[3], -20_995);
    let z3 = times(z3, -16_069).wrapping_add(z5);
    let z4 = times(z4, -3_196).wrapping_add(z5);
    let odd = [
        times(wide[1], 12_299).wrapping_add(z1).wrapping_add(z4),
        times(wide[3], 25_172).wrapping_add(z2).wrapping_add(z3),
        times(wide[5], 16_819).wrapping_add(z2).wrapping_add(z4),
        times(wide[7], 2_446).wrapping_add(z1).wrapping_add(z3),
    ];

    let rounded = |value: i32| {
        let shifted = value.wrapping_add(1 << (shift - 1)) >> shift;
        shifted.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    };
    std::array::from_fn(|at| match at {
        0..4 => rounded(even[at].wrapping_add(odd[at])),
        _ => rounded(even[7 - at].wrapping_sub(odd[7 - at])),
    })
}

/// Twice as many columns, at least three before.
pub(super) fn columns(row: &[u8]) -> Vec<u8> {
    let last = row.len() - 1;
    let part = |near: u8, far: u8, half: u32| ((3 * u32::from(near) + u32::from(far) + half) >> 2) as u8;
    let mut out = Vec::new();
    for (x, &sample) in row.iter().enumerate() {
        out.push(if x == 0 { sample } else { part(sample, row[x - 1], 1) });
        out.push(if x == last { sample } else { part(sample, row[x + 1], 2) });
    }
    out
}

/// The same between two rows.
pub(super) fn both(near: &[u8], far: &[u8]) -> Vec<u8> {
    let last = near.len() - 1;
    let sum = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
    let mut out = Vec::new();
    for x in 0..near.len() {
        let left = if x == 0 { 4 * sum(x) } else { 3 * sum(x) + sum(x - 1) };
        let right = if x == last { 4 * sum(x) } else { 3 * sum(x) + sum(x + 1) };
        out.extend([((left + 8) >> 4) as u8, ((right + 7) >> 4) as u8]);
    }
    out
}

/// R, G, B by factors of 16 bits behind the point.
pub(super) fn pixel([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let half = 1 << 15;
    let (red, blue) = (91_881 * cr + half, 116_130 * cb + half);
    let green = -22_554 * cb - 46_802 * cr + half;
    [red, green, blue].map(|part| (y + (part >> 16)).clamp(0, 255) as u8)
}

/// A block's cells at a detail, row by row, of coefficients and steps in zigzag order; `zero` is the sample for the value 0.
pub(super) fn cells(coefficients: &[i16; 64], steps: &[u16; 64], detail: u8, zero: i32) -> Vec<u16> {
    let across = detail::cells(detail);
    let kept = detail::kept(detail) as usize;
    let unit = i64::from(COARSE_UNIT);
    let cell = |x: usize, y: usize| {
        let parts = (0..=kept).map(|k| {
            let value = coefficients[k].wrapping_mul(steps[k] as i16);
            i64::from(value) * i64::from(basis(ZIGZAG[k], x, y, across))
        });
        let one = (1i64 << BASIS_BITS) / unit;
        let level = (parts.sum::<i64>() + one / 2).div_euclid(one);
        (level.clamp(-128 * unit, 127 * unit) + i64::from(zero)) as u16
    };
    (0..across * across).map(|at| cell(at % across, at / across)).collect()
}
