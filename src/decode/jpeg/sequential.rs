//! Scans of sequential frames: their data dealt out to lanes, and the lanes' logs put in place (T.81, F.2).
//!
//! Restart intervals are dealt out as they are. A scan without any is cut at guessed bytes ([`split`](super::split)).

use super::bits::Stream;
use super::frame::Frame;
use super::lane::Lane;
use super::layout::Layout;
use super::lockstep::{Context, Log, run};
use super::lookup::Tables;
use super::machine::Machine;
use super::planes::Stored;
use super::scan::{Interval, Scan};
use super::split::{Split, Whole};
use fearless_simd::Level;
use std::ops::Range;

/// Lanes that run side by side.
pub(super) const LANES: usize = 3;

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
    /// Whether prediction starts anew.
    pub(super) fresh: bool,
}

/// Bytes of a scan from which cutting it pays.
const WORTH_CUTTING: usize = 10 << 10;

/// Decodes scans; keeps its buffers between them.
#[derive(Debug)]
pub(super) struct Sequential {
    /// Bytes from which a scan without restart intervals is cut.
    pub(super) worth_cutting: usize,
    level: Level,
    split: Split,
    pub(super) machine: Machine,
    log: Log,
    lanes: [Lane; LANES],
    work: [Work; LANES],
    runs: Vec<Run>,
}

impl Default for Sequential {
    fn default() -> Sequential {
        Sequential {
            worth_cutting: WORTH_CUTTING,
            level: Level::new(),
            split: Split::default(),
            machine: Machine::default(),
            log: Log::default(),
            lanes: Default::default(),
            work: Default::default(),
            runs: Vec::new(),
        }
    }
}

/// What one lane has to do.
#[derive(Debug, Default, Clone)]
struct Work {
    lane: usize,
    /// Intervals still to do, the one under way first.
    intervals: Range<usize>,
    under_way: Option<Run>,
}

impl Sequential {
    /// Decodes every interval; [`Sequential::whole`] tells what came of it.
    pub(super) fn decode<const SLOTS: usize>(
        &mut self,
        stream: &Stream,
        intervals: &[Interval],
        tables: &Tables,
    ) {
        self.runs.clear();
        self.lanes.iter_mut().for_each(Lane::clear);
        let (machine, tables, data) = (&self.machine, &*tables.flat, &stream.bytes[..]);
        let context = Context { machine, tables, data, level: self.level };
        if let [interval] = intervals
            && interval.end - interval.start >= self.worth_cutting
        {
            let whole = Whole { context, interval };
            self.split.decode::<SLOTS>(&whole, &mut self.lanes, &mut self.log, &mut self.runs);
            return;
        }
        deal(&mut self.work, intervals);
        loop {
            for (lane, work) in self.lanes.iter_mut().zip(&mut self.work) {
                attend::<SLOTS>(lane, work, &context, intervals, &mut self.runs);
            }
            let busy = gather(&mut self.work, &mut self.lanes);
            if busy == 0 {
                break;
            }
            run::<SLOTS>(&context, &mut self.lanes[..busy], &mut self.log);
        }
        restore_order(&mut self.work, &mut self.lanes);
        self.runs.sort_unstable_by_key(|run| run.block);
    }

    /// Bytes of logs that are held.
    pub(super) fn kept(&self) -> usize {
        self.lanes.iter().map(|lane| lane.out.capacity() * 2).sum()
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.runs.len()
    }

    /// The MCUs that came out whole, in order.
    pub(super) fn whole(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let per_mcu = self.machine.per_mcu;
        self.runs.iter().map(move |run| run.block / per_mcu..(run.block + run.blocks) / per_mcu)
    }

    /// Puts the logs into the components' stores, and zeros where none came.
    pub(super) fn assemble<const SLOTS: usize>(&self, frame: &Frame, scan: &Scan, stored: &mut [Stored; 4]) {
        let layout = Layout::new(frame, scan);
        let mut prediction = [0i16; 4];
        let mut done = 0;
        for run in &self.runs {
            layout.blank::<SLOTS>(done..run.block, stored);
            done = run.block + run.blocks;
            if run.fresh {
                prediction = [0; 4];
            }
            let log = &self.lanes[run.lane].out[run.at * SLOTS..][..run.blocks * SLOTS];
            layout.write::<SLOTS>(run.block, log, run.before, &mut prediction, stored);
        }
        layout.blank::<SLOTS>(done..scan.mcus * layout.per_mcu, stored);
    }
}

/// Gives each lane about as many bytes of consecutive intervals.
fn deal(work: &mut [Work; LANES], intervals: &[Interval]) {
    let (start, end) = match (intervals.first(), intervals.last()) {
        (Some(first), Some(last)) => (first.start, last.end),
        _ => (0, 0),
    };
    let mut from = 0;
    for (lane, work) in work.iter_mut().enumerate() {
        let cut = start + (end - start) * (lane + 1) / LANES;
        let until = match lane + 1 {
            LANES => intervals.len(),
            _ => intervals.partition_point(|interval| interval.start < cut),
        };
        *work = Work { lane, intervals: from..until, under_way: None };
        from = until;
    }
}

/// Moves the lanes with work to the front and counts them.
fn gather(work: &mut [Work; LANES], lanes: &mut [Lane; LANES]) -> usize {
    let mut busy = 0;
    for index in 0..LANES {
        if work[index].under_way.is_some() {
            work.swap(busy, index);
            lanes.swap(busy, index);
            busy += 1;
        }
    }
    busy
}

fn restore_order(work: &mut [Work; LANES], lanes: &mut [Lane; LANES]) {
    for index in 0..LANES {
        while work[index].lane != index {
            let home = work[index].lane;
            work.swap(index, home);
            lanes.swap(index, home);
        }
    }
}

/// Ends what a lane cannot run through and starts its next interval, until it has a clear way or no work.
fn attend<const SLOTS: usize>(
    lane: &mut Lane,
    work: &mut Work,
    context: &Context<'_>,
    intervals: &[Interval],
    runs: &mut Vec<Run>,
) {
    loop {
        if let Some(mut under_way) = work.under_way {
            if lane.is_clear() {
                return;
            }
            while lane.left > 0 && lane.fault.is_none() {
                lane.fault = lane.step::<SLOTS>(context.machine, context.data).err();
            }
            let blocks = lane.out.len() / SLOTS - under_way.at;
            under_way.blocks = blocks - blocks % context.machine.per_mcu;
            runs.push(under_way);
            work.under_way = None;
        }
        let Some(next) = work.intervals.next() else { return };
        let interval = &intervals[next];
        lane.start(interval.start * 8, interval.end * 8, interval.mcus * context.machine.per_mcu);
        work.under_way = Some(Run {
            lane: work.lane,
            at: lane.out.len() / SLOTS,
            before: lane.total(),
            block: interval.first * context.machine.per_mcu,
            blocks: 0,
            fresh: true,
        });
    }
}
