//! Three rows of colours to one of pixels.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, u8x16};

/// Pixels that one step makes.
pub(super) const STEP: usize = 16;

/// Which byte of red, green and blue goes where in 48 bytes of pixels; 255 for one of another colour.
static PLACES: [[[u8; 16]; 3]; 3] = places();

const fn places() -> [[[u8; 16]; 3]; 3] {
    let mut places = [[[255; 16]; 3]; 3];
    let mut at = 0;
    while at < 48 {
        places[at / 16][at % 3][at % 16] = (at / 3) as u8;
        at += 1;
    }
    places
}

/// Interleaves red, green and blue.
#[inline(always)]
pub(super) fn interleave<S: Simd>(simd: S, rgb: [u8x16<S>; 3], out: &mut [u8; 3 * STEP]) {
    for (to, places) in out.chunks_exact_mut(16).zip(&PLACES) {
        let moved = |colour: usize| rgb[colour].swizzle_dyn_precise(u8x16::simd_from(simd, places[colour]));
        (moved(0) | moved(1) | moved(2)).store_slice(to);
    }
}
