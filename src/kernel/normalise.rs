//! PhotoDNA-class bytes from gradient sums: the one step in floating point (Eq 15–17).
//!
//! With `x` the gradient sums in grey levels, `a = (width/28)·(height/28)` the area of a grid step and `k` of step 7: `v = x/(3·a·k)`, then up
//! to ten rounds of `v/√(10⁻⁸ + |v|²)` and clipping at 0.25, then `⌊1024·v⌋` up to 255. The strength is `|v|` before the first round.
//!
//! `f64` additions, multiplications, divisions and square roots in a fixed order, all of them exactly rounded by IEEE 754, so that
//! every machine gives the same bytes: Rust neither reorders nor fuses them. GPUs have no such promise. They deliver the integers
//! and leave this to the CPU. A sum of up to 2⁵⁹ is rounded to 53 bits when it becomes an `f64`, to the same ones everywhere.

use super::gradient::Gradients;
use crate::signature::PhotoDna;

/// `k` of step 7: 0x1.07b3705abb25cp0.
const SCALE: f64 = f64::from_bits(0x3ff0_7b37_05ab_b25c);
/// Largest component of the unit vector; what is above is cut off. It becomes byte 255, since 1024·0.25 is 256.
const CLIP: f64 = 0.25;
/// Rounds of normalising and clipping at most.
const ROUNDS: usize = 10;

/// The signature and its strength, the length of the vector before it is normalised.
///
/// `unit` is what one grey level of one pixel counts in a box sum.
pub(crate) fn normalise(gradients: &Gradients, width: u32, height: u32, unit: f64) -> (PhotoDna, f64) {
    let steps = f64::from(width) / 28.0 * (f64::from(height) / 28.0);
    let scale = (1u64 << gradients.shift) as f64 / (64.0 * unit) / (steps * SCALE * 3.0);
    let mut vector = gradients.sums.map(|sum| sum as f64 * scale);
    let strength = length_squared(&vector).sqrt();
    for round in 1..=ROUNDS {
        // 10⁻⁸ keeps a picture of one colour, whose vector is 0, from a division by 0.
        let length = (1e-8 + length_squared(&vector)).sqrt();
        vector = vector.map(|value| value / length);
        if round == ROUNDS || vector.iter().all(|&value| value < CLIP) {
            break;
        }
        // Clipping shortens the vector, so that it is normalised again and may pass the clip again.
        vector = vector.map(|value| value.min(CLIP));
    }
    (PhotoDna(vector.map(|value| (value * 1024.0).clamp(0.0, 255.0) as u8)), strength)
}

fn length_squared(vector: &[f64; 144]) -> f64 {
    vector.iter().map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_see_is_all_zeros() {
        let (signature, strength) = normalise(&Gradients { sums: [0; 144], shift: 0 }, 100, 100, 1.0);
        assert_eq!((signature, strength), (PhotoDna([0; 144]), 0.0));
    }

    #[test]
    fn one_direction_is_clipped() {
        let mut sums = [0; 144];
        sums[7] = 1 << 40;
        let (signature, _) = normalise(&Gradients { sums, shift: 0 }, 100, 100, 1.0);
        assert_eq!(signature.0[7], 255);
        assert_eq!(signature.0.iter().filter(|&&byte| byte > 0).count(), 1);
    }

    #[test]
    fn a_wide_spread_has_length_1024() {
        let sums = std::array::from_fn(|i| 1_000_000 + 1000 * i as i64);
        let (signature, _) = normalise(&Gradients { sums, shift: 0 }, 100, 100, 1.0);
        let length = signature.0.iter().map(|&byte| f64::from(byte).powi(2)).sum::<f64>().sqrt();
        assert!((length - 1024.0).abs() < 10.0, "{length}");
    }
}
