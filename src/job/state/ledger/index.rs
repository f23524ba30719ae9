//! Where the newest line of each shard that is done stands: all that a worker keeps of a done shard, 24 bytes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// A line of the ledger that says that a shard is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins in its file, in bytes.
    pub(super) offset: u64,
    /// The file, by its number among those that were met.
    pub(super) file: u32,
    /// Bytes without the newline. No line is empty, so that an `Option` takes no more.
    pub(super) length: NonZeroU32,
    /// The generation that it is about.
    pub(super) generation: u32,
}

/// Shards of one page. Shards are done roughly in their order, so that pages are full; and a line about a shard far beyond costs one page.
const PAGE: u64 = 64;

type Page = Box<[Option<Line>; PAGE as usize]>;

/// The newest line of each shard that is done.
#[derive(Debug, Default)]
pub(super) struct Index {
    pages: BTreeMap<u64, Page>,
    count: u64,
}

impl Index {
    /// The line of a shard.
    pub(super) fn get(&self, shard: u64) -> Option<Line> {
        self.pages.get(&(shard / PAGE)).and_then(|page| page[(shard % PAGE) as usize])
    }

    /// Takes a line for the newest, unless one of its generation or a later one is known.
    pub(super) fn add(&mut self, shard: u64, line: Line) {
        let page = self.pages.entry(shard / PAGE).or_insert_with(|| Box::new([None; PAGE as usize]));
        let known = &mut page[(shard % PAGE) as usize];
        match known {
            Some(known) if known.generation >= line.generation => return,
            Some(_) => {}
            None => self.count += 1,
        }
        *known = Some(line);
    }

    /// How many shards are done.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The shards from `first` on that are done, in order, with their lines.
    pub(super) fn from(&self, first: u64) -> impl Iterator<Item = (u64, Line)> {
        let pages = self.pages.range(first / PAGE..);
        let lines = pages.flat_map(|(number, page)| {
            let shards = (number * PAGE..).zip(page.iter());
            shards.filter_map(|(shard, line)| line.map(|line| (shard, line)))
        });
        lines.skip_while(move |(shard, _)| *shard < first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_line_of_each_shard_is_kept_in_order() {
        assert_eq!(size_of::<Option<Line>>(), 24);
        let line = |generation, offset| Line { offset, file: 7, length: NonZeroU32::MIN, generation };
        let mut index = Index::default();
        let far = 1 << 47;
        for shard in [far, 64, 3, 63, 130, 3] {
            index.add(shard, line(0, shard));
        }
        index.add(63, line(2, 1));
        index.add(63, line(1, 2));
        assert_eq!((index.count(), index.get(4), index.get(far + 1)), (5, None, None));
        assert_eq!(index.get(63), Some(line(2, 1)));
        let shards = |first| index.from(first).map(|(shard, _)| shard).collect::<Vec<_>>();
        assert_eq!(shards(0), [3, 63, 64, 130, far]);
        assert_eq!([shards(64), shards(131), shards(far + 1)], [vec![64, 130, far], vec![far], vec![]]);
    }
}
