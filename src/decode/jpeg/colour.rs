//! Rows of components to rows of pixels (JFIF 1.02; the arithmetic is libjpeg's).
//!
//! ```text
//!  R = Y + 1.402·Cr    G = Y − 0.34414·Cb − 0.71414·Cr    B = Y + 1.772·Cb
//! ```
//!
//! Factors are rounded to 16 bits behind the point, each sum is rounded once and pixels are clamped. A factor's whole part is
//! taken out, so that what is left fits 16 bits: `1.402·Cr = Cr + 0.402·Cr`, and so on. Then one pair of products, `Cb·x + Cr·y`, gives
//! each of the three colours.

use crate::decode::colours::ToSrgb;
use crate::decode::interleave::{STEP, interleave};
use fearless_simd::prelude::*;
use fearless_simd::{Simd, i16x8, i32x4, u8x16};

/// Factors of Cb and Cr without their whole parts, as `2¹⁶·x`. For green they are −0.344 and 0.286 = 1 − 0.714; −0.714 itself
/// would be −46,802, which leaves 16 bits.
pub(super) const RED: [i16; 2] = [0, 26_345];
pub(super) const GREEN: [i16; 2] = [-22_554, 18_734];
pub(super) const BLUE: [i16; 2] = [-14_942, 0];

/// Interleaved R, G, B of Y, Cb and Cr; `out` has three bytes for each sample.
#[inline(always)]
pub(super) fn ycc<S: Simd>(simd: S, [y, cb, cr]: [&[u8]; 3], out: &mut [u8]) {
    let (chunks, rest) = out.as_chunks_mut::<{ 3 * STEP }>();
    for (index, to) in chunks.iter_mut().enumerate() {
        let at = |row: &[u8]| u8x16::from_slice(simd, &row[STEP * index..][..STEP]);
        let rgb = pixels(simd, at(y), at(cb), at(cr));
        interleave(simd, rgb, to);
    }
    let done = STEP * chunks.len();
    for (x, to) in rest.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *to = pixel(y[done + x], cb[done + x], cr[done + x]);
    }
}

/// Interleaves three components.
#[inline(always)]
pub(super) fn rgb<S: Simd>(simd: S, rows: [&[u8]; 3], out: &mut [u8]) {
    let (chunks, rest) = out.as_chunks_mut::<{ 3 * STEP }>();
    for (index, to) in chunks.iter_mut().enumerate() {
        let at = |row: &[u8]| u8x16::from_slice(simd, &row[STEP * index..][..STEP]);
        interleave(simd, [at(rows[0]), at(rows[1]), at(rows[2])], to);
    }
    let done = STEP * chunks.len();
    for (x, to) in rest.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *to = rows.map(|row| row[done + x]);
    }
}

/// R, G, B of inks that are stored as what they let through, 255 for all, as Adobe's programs write them and as browsers take every
/// picture of four components: `C·K/255`, cut off. With `ycck` the first three come as Y, Cb and Cr of `255−C`, `255−M` and `255−Y`.
pub(super) fn inks(rows: [&[u8]; 4], ycck: bool, out: &mut [u8]) {
    for (x, to) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let [lights @ .., black] = lights(rows.map(|row| row[x]), ycck);
        *to = lights.map(|light| (u32::from(light) * u32::from(black) / 255) as u8);
    }
}

/// What a profile shows of the same; `amounts` is memory.
pub(super) fn shown_inks(
    rows: [&[u8]; 4],
    ycck: bool,
    to_srgb: &ToSrgb,
    amounts: &mut Vec<u8>,
    out: &mut [u8],
) {
    amounts.clear();
    let pixels = (0..out.len() / 3).map(|x| lights(rows.map(|row| row[x]), ycck));
    amounts.extend(pixels.flat_map(|lights| lights.map(|light| 255 - light)));
    to_srgb.show_inks(amounts, out);
}

/// What each ink of a pixel lets through.
fn lights([a, b, c, black]: [u8; 4], ycck: bool) -> [u8; 4] {
    let [c, m, y] = if ycck { pixel(a, b, c).map(|ink| 255 - ink) } else { [a, b, c] };
    [c, m, y, black]
}

/// One pixel of Y, Cb and Cr.
#[inline(always)]
pub(super) fn pixel(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let part = |[b, r]: [i16; 2]| (i32::from(b) * cb + i32::from(r) * cr + (1 << 15)) >> 16;
    [y + cr + part(RED), y - cr + part(GREEN), y + 2 * cb + part(BLUE)].map(|value| value.clamp(0, 255) as u8)
}

#[inline(always)]
fn pixels<S: Simd>(simd: S, y: u8x16<S>, cb: u8x16<S>, cr: u8x16<S>) -> [u8x16<S>; 3] {
    let zero = u8x16::splat(simd, 0);
    let halves =
        |row: u8x16<S>| -> [i16x8<S>; 2] { [row.zip_low(zero).bitcast(), row.zip_high(zero).bitcast()] };
    let (y, cb, cr) = (halves(y), halves(cb), halves(cr));
    let low = eight(simd, y[0], cb[0] - 128, cr[0] - 128);
    let high = eight(simd, y[1], cb[1] - 128, cr[1] - 128);
    // Colours come less 128: then the narrowing to signed bytes clamps them, and flipping the sign's bit adds 128 again.
    let clamped = |colour: usize| -> u8x16<S> {
        let signed: u8x16<S> = low[colour].saturating_narrow(high[colour]).bitcast();
        signed ^ 0x80
    };
    [clamped(0), clamped(1), clamped(2)]
}

/// R, G and B less 128, not clamped.
#[inline(always)]
fn eight<S: Simd>(simd: S, y: i16x8<S>, cb: i16x8<S>, cr: i16x8<S>) -> [i16x8<S>; 3] {
    let pairs = [cb.zip_low(cr), cb.zip_high(cr)];
    let part = |[b, r]: [i16; 2]| {
        let factors: i16x8<S> = i32x4::splat(simd, i32::from(b) & 0xFFFF | i32::from(r) << 16).bitcast();
        let sum = |pairs: i16x8<S>| (pairs.pairwise_dot_product(factors) + (1 << 15)) >> 16;
        sum(pairs[0]).saturating_narrow(sum(pairs[1]))
    };
    // All within 16 bits: y, cb and cr are at most 128 from 0 and a part at most 81, so no sum reaches 2⁹.
    let y = y - 128;
    [y + cr + part(RED), y - cr + part(GREEN), y + cb + cb + part(BLUE)]
}
