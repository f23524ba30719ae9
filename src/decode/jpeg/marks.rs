//! Bits of a scan's data behind which a lane notes where the next block begins.
//!
//! Most of a lane's way is in logs of look-ups, and noting costs nothing where no mark is. Where one is, its log is walked: sums over many entries up to
//! the mark, then entry by entry.

use super::lookup::{ends, length};

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
}

/// The marks of a scan, and what one lane found behind them.
#[derive(Debug)]
pub(super) struct Marks {
    /// In order.
    marks: Vec<usize>,
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
    /// Takes the marks of a scan.
    pub(super) fn set(&mut self, marks: impl Iterator<Item = usize>) {
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
        self.next = self.marks.partition_point(|&mark| mark < position);
        self.at = self.marks.get(self.next).copied().unwrap_or(NONE);
    }

    /// Whether the data up to a bit is to be looked at.
    #[inline(always)]
    pub(super) fn is_passed(&self, position: usize) -> bool {
        position >= self.at
    }

    /// Notes that the lane's block `block` begins at a bit.
    #[cold]
    pub(super) fn begin(&mut self, position: usize, block: usize) {
        while position >= self.at {
            self.begins.push(Begin { mark: self.next as u32, block: block as u32, position });
            self.next += 1;
            self.at = self.marks.get(self.next).copied().unwrap_or(NONE);
        }
    }

    /// Walks a log that begins at a bit, in or before the lane's block `block`.
    #[inline(never)]
    pub(super) fn walk(&mut self, mut entries: &[u32], mut position: usize, mut block: usize) {
        loop {
            while let Some((some, rest)) = entries.split_first_chunk::<AT_A_TIME>() {
                let bits: u32 = some.iter().map(|&entry| length(entry)).sum();
                if position + bits as usize >= self.at {
                    break;
                }
                let blocks = some.iter().map(|&entry| u32::from(ends(entry))).sum::<u32>() as usize;
                (entries, position, block) = (rest, position + bits as usize, block + blocks);
            }
            loop {
                let Some((&entry, rest)) = entries.split_first() else { return };
                (entries, position) = (rest, position + length(entry) as usize);
                if ends(entry) {
                    block += 1;
                    if self.is_passed(position) {
                        self.begin(position, block);
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

#[cfg(test)]
mod tests {
    use super::super::lookup::{END_OF_BLOCK, entry};
    use super::*;

    #[test]
    fn logs_are_walked_to_the_first_block_behind_each_mark() {
        // Every third entry of seven bits ends a block.
        let entries: Vec<u32> =
            (0..300).map(|n| entry(7, if n % 3 == 2 { END_OF_BLOCK } else { 1 }, 0)).collect();
        for first in [0, 1, 40, 299, 300] {
            let mut marks = Marks::default();
            marks.set([50, 1001, 1003, 1100, 1121, 2_100, 2_101].into_iter());
            let (one, two) = entries.split_at(first);
            marks.walk(one, 0, 0);
            marks.walk(two, 7 * first, first / 3);
            let found: Vec<(u32, u32, usize)> =
                marks.begins.iter().map(|b| (b.mark, b.block, b.position)).collect();
            let expected = [(0, 3), (1, 48), (2, 48), (3, 53), (4, 54), (5, 100)];
            assert_eq!(found, expected.map(|(mark, block)| (mark, block, 21 * block as usize)));
            marks.start(2_101);
            assert!(!marks.is_passed(2_100) && marks.is_passed(2_101));
            marks.start(2_102);
            assert!(!marks.is_passed(usize::MAX - 1));
        }
    }
}
