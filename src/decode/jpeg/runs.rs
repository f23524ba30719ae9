//! Blocks of a scan as lanes logged them, in order.

use super::block_stream::{BlockStream, LANES};

/// Consecutive blocks of the scan, as one lane logged them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) lane: usize,
    /// Where they start in the lane's log, in blocks.
    pub(super) at: usize,
    /// The total before them, with one slot.
    pub(super) before: i16,
    /// The scan's block that comes first, and how many follow.
    pub(super) block: usize,
    pub(super) blocks: usize,
    /// How many of them come before anything wrong.
    pub(super) sound: usize,
    /// Whether prediction starts anew.
    pub(super) fresh: bool,
    /// Whether data ended in them.
    pub(super) dry: bool,
    /// Whether they stand for an interval that never came.
    pub(super) lost: bool,
}

impl Run {
    /// A run that begins at a block, with nothing in it yet.
    pub(super) fn begin(lane: usize, at: usize, before: i16, block: usize, fresh: bool) -> Run {
        Run { lane, at, before, block, blocks: 0, sound: 0, fresh, dry: false, lost: false }
    }

    /// Ends it behind so many blocks of its lane's log.
    pub(super) fn end(&mut self, lane: &BlockStream, blocks: usize) {
        (self.blocks, self.sound, self.dry) = (blocks, lane.sound(self.at, blocks), lane.is_dry);
    }
}

/// Consecutive runs, in order, and the lanes that they are in.
#[derive(Clone, Copy)]
pub(super) struct Logs<'a> {
    pub(super) runs: &'a [Run],
    pub(super) lanes: &'a [BlockStream; LANES],
}

impl<'a> Logs<'a> {
    /// What a run's lane logged, `SLOTS` a block.
    pub(super) fn of<const SLOTS: usize>(&self, run: &Run) -> &'a [i16] {
        &self.lanes[run.lane].out[run.at * SLOTS..][..run.blocks * SLOTS]
    }
}
