//! Coefficients that an unfinished progressive file has not sent yet, guessed from the DC terms around, as libjpeg-turbo guesses
//! them (after T.81, K.8, over 5×5 blocks).
//!
//! A coefficient that is still zero and not known to its last bit becomes a weighted sum of the 25 DC terms, times the DC's step and
//! divided by 256 times its own, rounded away from zero, and no larger than the bits that are still to come allow. Where not one of the first nine AC coefficients of a
//! component has been sent, nine are guessed with one set of weights, and DC itself is smoothed; where some have, five with another.

use super::transform::NATURAL;

/// Coefficients, in zigzag order, whose state counts: DC and the first nine behind it.
pub(super) const WATCHED: usize = 10;

/// For each watched coefficient of one component the lowest bit that was sent; −1 before any.
pub(super) type Sent = [i32; WATCHED];

/// Weights of the DC terms around, row by row; the block's own in the middle.
type Weights = [i32; 25];

/// For DC and the nine behind it in zigzag order, where no AC coefficient is known.
#[rustfmt::skip]
const COARSE: [Weights; WATCHED] = [
    [-2, -6, -8, -6, -2,  -6, 6, 42, 6, -6,  -8, 42, 152, 42, -8,  -6, 6, 42, 6, -6,  -2, -6, -8, -6, -2],
    [-1, -1, 0, 1, 1,  -3, 13, 0, -13, 3,  -3, 38, 0, -38, 3,  -3, 13, 0, -13, 3,  -1, -1, 0, 1, 1],
    [-1, -3, -3, -3, -1,  -1, 13, 38, 13, -1,  0, 0, 0, 0, 0,  1, -13, -38, -13, 1,  1, 3, 3, 3, 1],
    [0, 0, 1, 0, 0,  0, 2, 7, 2, 0,  0, -5, -14, -5, 0,  0, 2, 7, 2, 0,  0, 0, 1, 0, 0],
    [-1, 0, 0, 0, 1,  0, 9, 0, -9, 0,  0, 0, 0, 0, 0,  0, -9, 0, 9, 0,  1, 0, 0, 0, -1],
    [0, 0, 0, 0, 0,  0, 2, -5, 2, 0,  1, 7, -14, 7, 1,  0, 2, -5, 2, 0,  0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0,  0, 1, 0, -1, 0,  0, 2, 0, -2, 0,  0, 1, 0, -1, 0,  0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0,  0, 1, -3, 1, 0,  0, 0, 0, 0, 0,  0, -1, 3, -1, 0,  0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0,  0, 1, 0, -1, 0,  0, -3, 0, 3, 0,  0, 1, 0, -1, 0,  0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0,  0, 1, 2, 1, 0,  0, 0, 0, 0, 0,  0, -1, -2, -1, 0,  0, 0, 0, 0, 0],
];

/// For the first five AC coefficients, where some are known.
#[rustfmt::skip]
const FINE: [Weights; 6] = [
    [0; 25],
    [0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  -7, 50, 0, -50, 7,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0],
    [0, 0, -7, 0, 0,  0, 0, 50, 0, 0,  0, 0, 0, 0, 0,  0, 0, -50, 0, 0,  0, 0, 7, 0, 0],
    [0, 0, -1, 0, 0,  0, 0, 13, 0, 0,  0, 0, -24, 0, 0,  0, 0, 13, 0, 0,  0, 0, -1, 0, 0],
    [0, -1, 0, 1, 0,  -1, 10, 0, -10, 1,  0, 0, 0, 0, 0,  1, -10, 0, 10, -1,  0, 1, 0, -1, 0],
    [0, 0, 0, 0, 0,  0, 0, 0, 0, 0,  -1, 13, -24, 13, -1,  0, 0, 0, 0, 0,  0, 0, 0, 0, 0],
];

/// Guesses what of a block has not been sent. `around` are the DC terms of 5×5 blocks, `steps` the quantisation table in zigzag
/// order; coefficients are in natural order.
pub(super) fn guess(block: &mut [i16; 64], around: &[i16; 25], steps: &[u16; 64], sent: &Sent) {
    let weights = if sent[1..].iter().all(|&low| low < 0) { &COARSE[..] } else { &FINE[..] };
    for (k, weights) in weights.iter().enumerate().skip(1) {
        let value = &mut block[usize::from(NATURAL[k])];
        if sent[k] != 0 && *value == 0 {
            *value = guessed(weights, around, steps, k, sent[k]);
        }
    }
    if weights.len() == WATCHED {
        block[0] = guessed(&COARSE[0], around, steps, 0, -1);
    }
}

fn guessed(weights: &Weights, around: &[i16; 25], steps: &[u16; 64], k: usize, sent: i32) -> i16 {
    // At most 432·2¹⁵ < 2²⁴, with the weights of DC; times a step of 16 bits it needs 64.
    let sum: i32 = weights.iter().zip(around).map(|(weight, &dc)| weight * i32::from(dc)).sum();
    let (sum, step) = (i64::from(sum) * i64::from(steps[0]), i64::from(steps[k]));
    let mut size = (((step << 7) + sum.abs()) / (step << 8)) as i32;
    if sent > 0 {
        size = size.min((1 << sent) - 1);
    }
    (if sum >= 0 { size } else { -size }) as i16
}

/// Whether guessing helps, and divides by no zero: each component's steps and state.
pub(super) fn applies<'a>(mut components: impl Iterator<Item = (&'a [u16; 64], &'a Sent)> + Clone) -> bool {
    let useful = components.clone().any(|(_, sent)| sent[1..].iter().any(|&low| low != 0));
    useful && components.all(|(steps, sent)| sent[0] >= 0 && !steps[..WATCHED].contains(&0))
}
