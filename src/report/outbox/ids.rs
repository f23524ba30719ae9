//! Ids of reports and reviews: ULIDs, which sort by time.

use crate::error::Result;
use crate::random;

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An id that nothing else has: 48 bits of time, 80 of chance.
pub(crate) fn next(milliseconds: i64) -> Result<String> {
    let mut number = (milliseconds.max(0) as u128 & 0xffff_ffff_ffff) << 80;
    for (place, byte) in random::bytes::<10>()?.into_iter().enumerate() {
        number |= u128::from(byte) << (8 * place);
    }
    let digit = |place: u32| char::from(DIGITS[(number >> (5 * place) & 31) as usize]);
    Ok((0..26).rev().map(digit).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_sort_by_time() {
        let ids = [0, 1, 1_764_064_800_000, 1_764_064_800_001].map(|time| super::next(time).unwrap());
        assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 26));
        assert!(ids[2].starts_with("01KAX"), "{}", ids[2]);
        assert_ne!(super::next(7).unwrap(), super::next(7).unwrap());
    }
}
