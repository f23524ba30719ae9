//! PhotoDNA-class gradients: three grids of box sums to 144 integers (Eq 11–14).
//!
//! `F = Σ_r w_r·box_r` in fixed point (`w_r` in units of 2⁻³²), brought under 2⁴⁸ by a shift that depends on the picture's size
//! alone; differences and the 1/64 shares of the four cells around a grid point are exact from there on.
//!
//! Ranges: box sums have 64 bits with their sign and the weights sum to less than 2³², so `Σ w_r·box_r` needs 96 bits. Features
//! are under 2⁴⁸, differences under 2⁴⁹. The shares of a cell sum to 2·(1+3+5+7) = 32 eighths per axis, so a gradient sum is
//! under 32²·2⁴⁹ = 2⁵⁹.
//!
//! The shift costs nothing: 48 bits of `F` are 24 more than the rounding of the box edges leaves meaningful.

use super::weights::PHOTODNA_LINES;

/// Grid points of one radius.
pub(crate) const POINTS: usize = PHOTODNA_LINES * PHOTODNA_LINES;

/// `w1`, `w2`, `w3` of Eq 11 (0x1.936398bf0aae3p-3, 0x1.caddcd96f4881p-2, 0x1.1cb5cf620ef1dp-2) in units of 2⁻³².
pub(crate) const RADIUS_WEIGHTS: [i64; 3] = [845_968_152, 1_924_625_254, 1_194_161_113];

/// Bits that a feature may take.
const FEATURE_BITS: u32 = 48;

/// The 144 gradient sums, and what one of them counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gradients {
    /// Index `(row·6 + column)·4 + part`; never negative.
    pub(crate) sums: [i64; 144],
    /// The sums are in units of `2^shift/64` box-sum units.
    pub(crate) shift: u32,
}

/// Bits to drop from a feature so that `FEATURE_BITS` remain, for box sums of at most `largest`.
pub(crate) fn feature_shift(largest: u128) -> u32 {
    (u128::BITS - largest.leading_zeros()).saturating_sub(FEATURE_BITS)
}

/// The gradient sums of `boxes`, row-major 26×26 grids of radius 0.2, 0.4 and 0.8, none beyond ±`largest`.
pub(crate) fn gradients(boxes: [&[i64]; 3], largest: u128) -> Gradients {
    let shift = feature_shift(largest);
    let mut features = [0i64; POINTS];
    for (point, feature) in features.iter_mut().enumerate() {
        // Rounded down also where it is negative, as the GPU's arithmetic shift does.
        let sum: i128 = (0..3).map(|r| i128::from(boxes[r][point]) * i128::from(RADIUS_WEIGHTS[r])).sum();
        *feature = (sum >> (32 + shift)) as i64;
    }
    let mut sums = [0i64; 144];
    for v in 1..PHOTODNA_LINES - 1 {
        for u in 1..PHOTODNA_LINES - 1 {
            spread(&mut sums, u, v, parts(&features, u, v));
        }
    }
    Gradients { sums, shift }
}

/// The four non-negative gradient parts at grid point `(u, v)` (Eq 12–13).
fn parts(features: &[i64; POINTS], u: usize, v: usize) -> [i64; 4] {
    let at = |u: usize, v: usize| features[v * PHOTODNA_LINES + u];
    let across = at(u - 1, v).wrapping_sub(at(u + 1, v));
    let down = at(u, v - 1).wrapping_sub(at(u, v + 1));
    [across.max(0), across.wrapping_neg().max(0), down.max(0), down.wrapping_neg().max(0)]
}

/// Adds `parts` to the four cells around `(u, v)` in shares of 1/64; shares outside the 6×6 cells are dropped (Eq 14).
fn spread(sums: &mut [i64; 144], u: usize, v: usize, parts: [i64; 4]) {
    for (row, row_share) in shares(v) {
        for (column, column_share) in shares(u) {
            if row < 6 && column < 6 {
                let cell = &mut sums[(row * 6 + column) * 4..][..4];
                for (sum, part) in cell.iter_mut().zip(parts) {
                    *sum = sum.wrapping_add(part.wrapping_mul(row_share * column_share));
                }
            }
        }
    }
}

/// The two cells around `(line − 2.5)/4` with their shares in eighths; a cell before the first one is out of range.
fn shares(line: usize) -> [(usize, i64); 2] {
    // (line − 2.5)/4 is odd eighths, so a point never lies on a cell's centre and always has two neighbours.
    let eighths = 2 * line as i64 - 5;
    // Euclidean, since the first lines lie before cell 0. As `usize` the cell −1 is out of every range.
    let (cell, share) = (eighths.div_euclid(8), eighths.rem_euclid(8));
    [(cell as usize, 8 - share), ((cell + 1) as usize, share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radius_weights_are_the_papers() {
        let weights = [
            f64::from_bits(0x3fc9_3639_8bf0_aae3),
            f64::from_bits(0x3fdc_addc_d96f_4881),
            f64::from_bits(0x3fd1_cb5c_f620_ef1d),
        ];
        for (fixed, weight) in RADIUS_WEIGHTS.into_iter().zip(weights) {
            assert_eq!(fixed, (weight * 2f64.powi(32)).round() as i64);
        }
    }

    #[test]
    fn shares_are_eighths_around_the_point() {
        for line in 1..25 {
            let position = (line as f64 - 2.5) / 4.0;
            let [(low, a), (high, b)] = shares(line);
            assert_eq!(a + b, 8);
            assert_eq!(position.floor() as i64, low as i64);
            assert_eq!(high, low.wrapping_add(1));
            assert_eq!(b as f64 / 8.0, position - position.floor());
        }
    }
}
