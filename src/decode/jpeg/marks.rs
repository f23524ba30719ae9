//! Bits of a scan's data behind which a lane notes where the next block begins.
//!
//! Most of a lane's way is in logs of look-ups, and noting costs nothing where no mark is. Where one is, its log is walked: sums over many entries up to
//! the mark, then entry by entry, and on over the blocks that are passed from there as far as the log goes: that is a tenth of what looking them up again takes.

use super::level::wide;
use super::lookup::{ends, length};
use fearless_simd::Level;

/// Entries that are summed at a time.
const AT_A_TIME: usize = 32;

/// Where the first block begins at or behind a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begin {
    /// Which mark.
    pub(super) mark: u32,
    /// Which of the lane's blocks, at least 1: what begins where the lane does, the lane before has come to as well.
    pub(super) block: u32,
    /// In bits of the scan's stream.
    pub(super) position: usize,
    /// How many of the blocks from there on that the mark wants passed are known to end, and where the last of these does.
    pub(super) ahead: u32,
    pub(super) behind: usize,
}

/// The marks of a scan, and what one lane found behind them.
#[derive(Debug)]
pub(super) struct Marks {
    /// In order, each with the blocks that are passed from the first behind it.
    marks: Vec<(usize, u32)>,
    /// The first behind which no block was found yet, and where it is; [`NONE`] behind the last.
    next: usize,
    at: usize,
    pub(super) begins: Vec<Begin>,
}

/// No bit.
const NONE: usize = usize::MAX;

impl Default for Marks {
    fn default() -> Marks {
        Marks { marks: Vec::new(), next: 0, at: NONE, begins: Vec::new() }
    }
}

impl Marks {
    /// Takes the marks of a scan, and how many blocks are passed from the first behind each.
    pub(super) fn set(&mut self, marks: impl Iterator<Item = (usize, u32)>) {
        self.marks.clear();
        self.marks.extend(marks);
        self.start(0);
    }

    /// Forgets what was found.
    pub(super) fn clear(&mut self) {
        self.begins.clear();
    }

    /// Begins at a bit: marks before it are none of the lane's.
    pub(super) fn start(&mut self, position: usize) {
        self.next = self.marks.partition_point(|&(mark, _)| mark < position);
        self.at = self.marks.get(self.next).map_or(NONE, |&(mark, _)| mark);
    }

    /// Whether the data up to a bit is to be looked at.
    #[inline(always)]
    pub(super) fn is_passed(&self, position: usize) -> bool {
        position >= self.at
    }

    /// Notes that the lane's block `block` begins at a bit, followed by the entries of a log.
    #[cold]
    pub(super) fn begin(&mut self, position: usize, block: usize, entries: &[u32]) {
        while let Some(&(mark, passed)) = self.marks.get(self.next).filter(|(mark, _)| position >= *mark) {
            let (ahead, behind) = pass(entries, position, passed);
            debug_assert_eq!(mark, self.at);
            self.begins.push(Begin { mark: self.next as u32, block: block as u32, position, ahead, behind });
            self.next += 1;
            self.at = self.marks.get(self.next).map_or(NONE, |&(mark, _)| mark);
        }
    }

    /// Walks a log that begins at a bit, in or before the lane's block `block`.
    #[inline(never)]
    pub(super) fn walk(&mut self, level: Level, entries: &[u32], position: usize, block: usize) {
        wide(
            level,
            #[inline(always)]
            || self.walk_wide(entries, position, block),
        );
    }

    #[inline(always)]
    fn walk_wide(&mut self, mut entries: &[u32], mut position: usize, mut block: usize) {
        loop {
            while let Some((some, rest)) = entries.split_first_chunk::<AT_A_TIME>() {
                let (bits, blocks) = sums(some);
                if position + bits >= self.at {
                    break;
                }
                (entries, position, block) = (rest, position + bits, block + blocks as usize);
            }
            loop {
                let Some((&entry, rest)) = entries.split_first() else { return };
                (entries, position) = (rest, position + length(entry) as usize);
                if ends(entry) {
                    block += 1;
                    if self.is_passed(position) {
                        self.begin(position, block, entries);
                        break;
                    }
                }
            }
            if self.at == NONE {
                return;
            }
        }
    }
}

/// Bits of some entries, and blocks that end with them.
#[inline(always)]
fn sums(some: &[u32; AT_A_TIME]) -> (usize, u32) {
    let bits: u32 = some.iter().map(|&entry| length(entry)).sum();
    (bits as usize, some.iter().map(|&entry| u32::from(ends(entry))).sum())
}

/// How many of so many blocks from a bit on end in these entries, and where the last of them does.
fn pass(entries: &[u32], position: usize, passed: u32) -> (u32, usize) {
    let (mut here, mut before) = ((entries, position, passed), (entries, position, passed));
    while let Some((some, rest)) = here.0.split_first_chunk::<AT_A_TIME>() {
        let (bits, blocks) = sums(some);
        if blocks >= here.2 {
            break;
        }
        // Where the log ends before another block does, the last one is among these.
        before = if blocks > 0 { here } else { before };
        here = (rest, here.1 + bits, here.2 - blocks);
    }
    let one_by_one = |(entries, mut position, mut left): (&[u32], usize, u32)| {
        let mut behind = None;
        for &entry in entries {
            if left == 0 {
                break;
            }
            position += length(entry) as usize;
            if ends(entry) {
                left -= 1;
                behind = Some(position);
            }
        }
        behind.map(|behind| (passed - left, behind))
    };
    one_by_one(here).or_else(|| one_by_one(before)).unwrap_or((0, position))
}

#[cfg(test)]
mod tests {
    use super::super::lookup::{END_OF_BLOCK, entry};
    use super::*;

    #[test]
    fn blocks_are_passed_as_far_as_a_log_goes() {
        // Ends of blocks in their places, and long ways without any.
        for apart in [1, 3, 31, 32, 33, 100] {
            for count in [0, 1, 31, 32, 33, 64, 65, 250] {
                let is_end = |n: usize| n % apart == apart - 1;
                let entries: Vec<u32> =
                    (0..count).map(|n| entry(5, if is_end(n) { END_OF_BLOCK } else { 1 }, 0)).collect();
                for passed in [0, 1, 2, 7, 31] {
                    let blocks = (count / apart).min(passed);
                    let expected = (blocks as u32, 9 + 5 * apart * blocks);
                    assert_eq!(pass(&entries, 9, passed as u32), expected, "{apart} {count} {passed}");
                }
            }
        }
    }

    #[test]
    fn logs_are_walked_to_the_first_block_behind_each_mark() {
        // Every third entry of seven bits ends a block.
        let entries: Vec<u32> =
            (0..300).map(|n| entry(7, if n % 3 == 2 { END_OF_BLOCK } else { 1 }, 0)).collect();
        for first in [0, 1, 40, 299, 300] {
            let mut marks = Marks::default();
            marks.set([50, 1001, 1003, 1100, 1121, 2_100, 2_101].into_iter().zip([9, 0, 5, 31, 60, 1, 1]));
            let (one, two) = entries.split_at(first);
            marks.walk(Level::new(), one, 0, 0);
            marks.walk(Level::new(), two, 7 * first, first / 3);
            let found: Vec<(u32, u32, usize)> =
                marks.begins.iter().map(|b| (b.mark, b.block, b.position)).collect();
            let expected = [(0, 3), (1, 48), (2, 48), (3, 53), (4, 54), (5, 100)];
            assert_eq!(found, expected.map(|(mark, block)| (mark, block, 21 * block as usize)));
            // As far as the log goes in which the block begins.
            let ahead: Vec<u32> = marks.begins.iter().map(|begin| begin.ahead).collect();
            assert_eq!(ahead, [9, 0, 5, 31, if first == 299 { 45 } else { 46 }, 0]);
            assert!(marks.begins.iter().all(|b| b.behind == 21 * (b.block + b.ahead) as usize));
            marks.start(2_101);
            assert!(!marks.is_passed(2_100) && marks.is_passed(2_101));
            marks.start(2_102);
            assert!(!marks.is_passed(usize::MAX - 1));
        }
    }
}
