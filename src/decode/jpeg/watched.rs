//! Blocks of a progressive picture that are read to the last coefficient.

use super::planes::Stored;

/// Blocks of a component of which every coefficient is kept, whatever is kept of the others.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Which of the stored blocks, in order.
    pub(super) blocks: Vec<usize>,
    /// What is known of them so far, but for their DC values.
    pub(super) stored: Stored,
    /// The one that is next or under way.
    pub(super) at: usize,
}

impl Watched {
    /// Begins with `blocks`, in any order, none of them beyond those that hold picture: not every scan comes by the others.
    pub(super) fn begin(&mut self, blocks: impl Iterator<Item = usize>) {
        self.blocks.clear();
        self.blocks.extend(blocks);
        self.blocks.sort_unstable();
        self.blocks.dedup();
        self.stored.reset(self.blocks.len(), 64, true, true);
    }

    /// The first one at or behind `block`; a block that there is not where none is.
    pub(super) fn from(&mut self, block: usize) -> usize {
        self.at = self.blocks.partition_point(|watched| *watched < block);
        self.blocks.get(self.at).copied().unwrap_or(usize::MAX)
    }
}
