//! Cursors: where the next page begins. All of it stands in the cursor, so that a stand-in that was started anew knows those of the last one.

/// How long one holds, in seconds: NCMEC asks its members not to keep them longer.
const HOLDS: i64 = 12 * 3600;

/// Where a row stands in an order. No two rows have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(pub(super) i64, pub(super) u64);

/// The end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// When it was given.
    pub(super) issued: i64,
    /// The clock at the first page: what changes later belongs to the next window.
    pub(super) until: i64,
    /// What decides the order of a window that is shuffled; 0 where it is not.
    pub(super) seed: u64,
    /// The last row that was given.
    pub(super) after: Rank,
}

impl Cursor {
    pub(super) fn text(self) -> String {
        let Cursor { issued, until, seed, after: Rank(time, number) } = self;
        format!("{issued}.{until}.{seed}.{time}.{number}")
    }

    /// Reads one; `None` for what none is, and for one that does not hold any more.
    pub(super) fn read(text: &str, now: i64) -> Option<Cursor> {
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let cursor = Cursor {
            issued: next()?.parse().ok()?,
            until: next()?.parse().ok()?,
            seed: next()?.parse().ok()?,
            after: Rank(next()?.parse().ok()?, next()?.parse().ok()?),
        };
        let holds = now.checked_sub(cursor.issued).is_some_and(|age| age <= HOLDS);
        (next().is_none() && holds).then_some(cursor)
    }
}

/// A permutation of all numbers (the last step of SplitMix64): no two have the same.
pub(super) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_until_it_does_not_hold() {
        let cursor = Cursor { issued: 1000, until: 990, seed: 7, after: Rank(-3, u64::MAX) };
        assert_eq!(Cursor::read(&cursor.text(), 1000), Some(cursor));
        assert_eq!(Cursor::read(&cursor.text(), 1000 + HOLDS), Some(cursor));
        assert_eq!(Cursor::read(&cursor.text(), 1001 + HOLDS), None);
        let longer = format!("{}.1", cursor.text());
        for wrong in ["", "1.2.3.4", &longer, "1.2.-3.4.5", "a.2.3.4.5", "1.2.3.4.99999999999999999999"] {
            assert_eq!(Cursor::read(wrong, 1), None, "{wrong}");
        }
        assert_eq!(Cursor::read("-9223372036854775808.0.0.0.0", 9), None);
    }

    #[test]
    fn mixing_keeps_all_numbers_apart() {
        let mut mixed: Vec<u64> = (0..10_000).map(super::mixed).collect();
        let rising = mixed.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((4000..6000).contains(&rising), "{rising}");
        mixed.sort_unstable();
        mixed.dedup();
        assert_eq!(mixed.len(), 10_000);
    }
}
