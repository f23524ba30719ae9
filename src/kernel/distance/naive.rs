//! The definitions: one pair at a time, one element at a time.

use super::coarse::{CoarseBlock, CoarseQuery, LANES, OFFSET};

/// Squared Euclidean distance of 144 bytes; at most 144·255² = 9,363,600.
pub(crate) fn squares(a: &[u8; 144], b: &[u8; 144]) -> u32 {
    a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}

/// Hamming distance of 256 bits.
pub(crate) fn hamming(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Whether `query` and entry `lane` of `block` may lie within the query's distance.
pub(crate) fn coarse(block: &CoarseBlock, lane: usize, query: &CoarseQuery) -> bool {
    let product: i32 = (0..16)
        .map(|k| {
            let known = i32::from(block[k / 4 * 4 * LANES + lane * 4 + k % 4]) - OFFSET;
            known * i32::from(query.coordinates[k])
        })
        .sum();
    let half = &block[16 * LANES + lane * 4..][..4];
    product + i32::from_le_bytes([half[0], half[1], half[2], half[3]]) >= query.limit
}

#[cfg(test)]
mod tests {
    use crate::{Pdq, PhotoDna};

    #[test]
    fn agree_with_the_signatures_own_distances() {
        let mut random = super::super::Random(1);
        for _ in 0..1000 {
            let (a, b) = (random.bytes(), random.bytes());
            assert_eq!(super::squares(&a, &b), PhotoDna(a).distance(&PhotoDna(b)));
            let (a, b) = (random.bytes(), random.bytes());
            assert_eq!(super::hamming(&a, &b), Pdq(a).distance(&Pdq(b)));
        }
    }
}
