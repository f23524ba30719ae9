//! What a detail keeps of a block.
//!
//! Detail n keeps the frequencies (u, v) with u < n, v < n and u + v ≤ n: the lowest n×n without the corner of finest
//! checks, in which photographs hold next to nothing and which the signatures' windows damp twice. That corner comes
//! late in zigzag order: without it n = 4 ends at coefficient 13 instead of 24, and what is not kept need not be read.
//! n = 8 keeps everything.

/// The details there are.
const DETAILS: [u8; 6] = [1, 2, 3, 4, 6, 8];

/// The detail for `n`: itself or the next one above.
pub(super) fn at_least(n: usize) -> u8 {
    DETAILS.into_iter().find(|&detail| usize::from(detail) >= n).unwrap_or(8)
}

/// The last coefficient that is kept, in zigzag order.
pub(super) fn kept(detail: u8) -> u32 {
    match detail {
        1 => 0,
        2 => 4,
        3 => 8,
        4 => 13,
        6 => 26,
        _ => 63,
    }
}

/// Cells across and down a block: as many as there are frequencies, or the next number that 8 is a multiple of.
pub(super) fn cells(detail: u8) -> usize {
    usize::from(detail).next_power_of_two()
}

/// Coefficients stored a block for the component of the most detail: those that are kept, in zigzag order, and at
/// least one slot more for whatever is not.
pub(super) fn slots(detail: u8) -> usize {
    match detail {
        1 => 1,
        2 => 8,
        3 | 4 => 16,
        6 => 32,
        _ => 64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::transform::ZIGZAG;
    use super::*;

    #[test]
    fn the_last_kept_is_the_last_in_zigzag_order() {
        for detail in [1, 2, 3, 4, 6] {
            let inside = |&(u, v): &(u8, u8)| u.max(v) < detail && u + v <= detail;
            let last = ZIGZAG.iter().rposition(inside).expect("the first is");
            assert_eq!(kept(detail) as usize, last, "{detail}");
            assert!(detail == 1 || slots(detail) > last + 1, "{detail}");
        }
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, 9].map(at_least), [1, 2, 3, 4, 6, 6, 8, 8, 8]);
    }
}
