//! Which blocks of a sequential scan are decoded to every coefficient, for `clipping`.
//!
//! A picture's data decides, and nothing of how it is decoded: neither where lanes are cut nor what decodes them. So the CPU's lanes and
//! those of a device come to the same blocks.
//!
//! A look is a random bit of the data, and a number below [`PASSED`]. It looks at the block that comes so many blocks behind the first one that begins at
//! or behind that bit, in its restart interval, behind whose last block comes its first; or, where that is one of luma and chroma is asked for, or the other way
//! round, at the next one of the other kind. Bits alone would choose the blocks behind long ones, and whoever puts a block of a few bits behind
//! each that is to be hidden would have hidden them all; to do that now takes so many blocks of a few bits for each that they are next to nothing of the picture.

use crate::decode::random::Random;
use std::ops::Range;

/// Blocks of the scan for each that is looked at, and how many are.
const BLOCKS_FOR_EACH: usize = 500;
const LEAST: usize = 16;
const MOST_BLOCKS: usize = 160;

/// Blocks that are passed, and one more.
const PASSED: usize = 32;

/// One look in so many is at chroma.
pub(super) const CHROMA_IN: usize = 4;

/// A block to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// In the scan's data without stuffing. Never a byte's first: no restart interval begins there.
    pub(crate) bit: usize,
    pub(crate) passed: u32,
    pub(crate) wants_chroma: bool,
}

/// Blocks to look at, of so many.
pub(crate) fn wanted(blocks: usize) -> usize {
    (blocks / BLOCKS_FOR_EACH).clamp(LEAST, MOST_BLOCKS)
}

/// The looks at a scan of so many blocks, whose data has so many bytes, by their bits.
pub(super) fn looks(blocks: usize, bytes: usize, mut random: Random) -> Vec<Look> {
    let mut look = |_| Look {
        bit: 8 * random.below(bytes) + 1 + random.below(7),
        passed: random.below(PASSED) as u32,
        wants_chroma: random.below(CHROMA_IN) == 0,
    };
    let mut looks: Vec<Look> = (0..wanted(blocks)).map(&mut look).collect();
    looks.sort_by_key(|look| look.bit);
    looks
}

impl Look {
    /// The block of the interval from which to go on, and how many are to be passed from there: `found` is the first that begins at or behind the bit, of
    /// `blocks`; it is as many as these where none does.
    pub(super) fn from(&self, found: usize, blocks: usize) -> Option<Range<usize>> {
        let passed = self.passed as usize % blocks.max(1);
        let end = found + passed;
        (blocks > 0).then(|| if end < blocks { found..end } else { 0..end - blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_where_the_data_says() {
        let random = |byte: u8| Random::of(&[byte; 4_000]);
        let some = looks(80_000, 1_000_000, random(1));
        assert_eq!(some.len(), 160);
        assert!(some.is_sorted_by_key(|look| look.bit) && some == looks(80_000, 1_000_000, random(1)));
        assert_ne!(some, looks(80_000, 1_000_000, random(2)));
        assert!(some.iter().all(|look| look.bit % 8 > 0 && look.bit < 8_000_000 && look.passed < 32));
        assert!((20..60).contains(&some.iter().filter(|look| look.wants_chroma).count()));
        assert_eq!((looks(10, 1, random(3)).len(), looks(10, 0, random(3)).len()), (16, 16));
    }

    #[test]
    fn behind_the_last_block_comes_the_first() {
        let look = |passed| Look { bit: 1, passed, wants_chroma: false };
        assert_eq!(look(3).from(5, 10), Some(5..8));
        assert_eq!(look(5).from(5, 10), Some(0..0));
        assert_eq!(look(31).from(10, 10), Some(0..1));
        assert_eq!((look(2).from(0, 1), look(2).from(0, 0)), (Some(0..0), None));
    }
}
