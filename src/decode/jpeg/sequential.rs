//! Scans of sequential frames: their data dealt out to lanes, and the lanes' logs put in place (T.81, F.2).
//!
//! Restart intervals are dealt out as they are. A scan without any is cut at guessed bytes ([`split`](super::split)).

use super::bits::Stream;
use super::frame::Frame;
use super::lockstep::{Lane, Machine, run};
use super::lookup::{ALL, Tables};
use super::planes::Stored;
use super::scan::{Interval, Scan};
use super::split::{Split, Whole};
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
const WORTH_CUTTING: usize = 24 << 10;

/// Decodes scans; keeps its buffers between them.
#[derive(Debug)]
pub(super) struct Sequential {
    /// Bytes from which a scan without restart intervals is cut.
    pub(super) worth_cutting: usize,
    split: Split,
    pub(super) machine: Machine,
    lanes: [Lane; LANES],
    work: [Work; LANES],
    runs: Vec<Run>,
}

impl Default for Sequential {
    fn default() -> Sequential {
        Sequential {
            worth_cutting: WORTH_CUTTING,
            split: Split::default(),
            machine: Machine::default(),
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
        if let [interval] = intervals
            && interval.end - interval.start >= self.worth_cutting
        {
            let all = Whole { machine: &self.machine, flat: &tables.flat, data: &stream.bytes, interval };
            self.split.decode::<SLOTS>(&all, &mut self.lanes, &mut self.runs);
            return;
        }
        self.deal(intervals);
        loop {
            for (lane, work) in self.lanes.iter_mut().zip(&mut self.work) {
                attend::<SLOTS>(lane, work, &self.machine, stream, intervals, &mut self.runs);
            }
            let busy = self.gather();
            let (machine, data, flat) = (&self.machine, &stream.bytes[..], &tables.flat);
            if busy == 0 {
                break;
            }
            run_some::<SLOTS>(machine, flat, data, &mut self.lanes[..busy]);
        }
        self.restore_order();
        self.runs.sort_unstable_by_key(|run| run.block);
    }

    /// Gives each lane about as many bytes of consecutive intervals.
    fn deal(&mut self, intervals: &[Interval]) {
        let (start, end) = match (intervals.first(), intervals.last()) {
            (Some(first), Some(last)) => (first.start, last.end),
            _ => (0, 0),
        };
        let mut from = 0;
        for (lane, work) in self.work.iter_mut().enumerate() {
            let cut = start + (end - start) * (lane + 1) / LANES;
            let until = if lane + 1 == LANES {
                intervals.len()
            } else {
                intervals.partition_point(|interval| interval.start < cut)
            };
            let until = until.max(from);
            *work = Work { lane, intervals: from..until, under_way: None };
            from = until;
        }
    }

    /// Moves the lanes with work to the front and counts them.
    fn gather(&mut self) -> usize {
        let mut busy = 0;
        for index in 0..LANES {
            if self.work[index].under_way.is_some() {
                self.work.swap(busy, index);
                self.lanes.swap(busy, index);
                busy += 1;
            }
        }
        busy
    }

    fn restore_order(&mut self) {
        for index in 0..LANES {
            while self.work[index].lane != index {
                let home = self.work[index].lane;
                self.work.swap(index, home);
                self.lanes.swap(index, home);
            }
        }
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

    /// Puts the logs into the components' stores.
    pub(super) fn assemble<const SLOTS: usize>(&self, frame: &Frame, scan: &Scan, stored: &mut [Stored; 4]) {
        let layout = Layout::new(frame, scan);
        let mut prediction = [0i16; 4];
        for run in &self.runs {
            if run.fresh {
                prediction = [0; 4];
            }
            let log = &self.lanes[run.lane].out[run.at * SLOTS..][..run.blocks * SLOTS];
            layout.write::<SLOTS>(run, log, &mut prediction, stored);
        }
    }
}

/// Moves one to three lanes until one of them needs attention.
pub(super) fn run_some<const SLOTS: usize>(
    machine: &Machine,
    flat: &[u32; ALL],
    data: &[u8],
    lanes: &mut [Lane],
) {
    if let Some(three) = lanes.first_chunk_mut::<3>() {
        run::<3, SLOTS>(machine, flat, data, three);
    } else if let Some(two) = lanes.first_chunk_mut::<2>() {
        run::<2, SLOTS>(machine, flat, data, two);
    } else if let Some(one) = lanes.first_chunk_mut::<1>() {
        run::<1, SLOTS>(machine, flat, data, one);
    }
}

/// Ends what a lane cannot run through and starts its next interval, until it has a clear way or no work.
fn attend<const SLOTS: usize>(
    lane: &mut Lane,
    work: &mut Work,
    machine: &Machine,
    stream: &Stream,
    intervals: &[Interval],
    runs: &mut Vec<Run>,
) {
    loop {
        if let Some(mut under_way) = work.under_way {
            if lane.is_clear() {
                return;
            }
            while lane.left > 0 && lane.fault.is_none() {
                lane.fault = lane.step::<SLOTS>(machine, &stream.bytes).err();
            }
            let blocks = lane.out.len() / SLOTS - under_way.at;
            under_way.blocks = blocks - blocks % machine.per_mcu;
            runs.push(under_way);
            work.under_way = None;
        }
        let Some(next) = work.intervals.next() else { return };
        let interval = &intervals[next];
        lane.start(interval.start * 8, interval.end * 8, interval.mcus * machine.per_mcu);
        work.under_way = Some(Run {
            lane: work.lane,
            at: lane.out.len() / SLOTS,
            before: lane.total(),
            block: interval.first * machine.per_mcu,
            blocks: 0,
            fresh: true,
        });
    }
}

/// Where one block of an MCU is stored.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    component: usize,
    column: usize,
    row: usize,
    /// Blocks of an MCU across and down.
    across: usize,
    down: usize,
    /// Blocks from one row of the store to the next.
    stride: usize,
}

/// Where a scan's blocks are stored.
struct Layout {
    wide: usize,
    per_mcu: usize,
    places: [Spot; 64],
}

impl Layout {
    fn new(frame: &Frame, scan: &Scan) -> Layout {
        let mut places = [Spot::default(); 64];
        let mut per_mcu = 0;
        for part in scan.parts() {
            let component = &frame.components()[part.component];
            let (across, down) =
                if scan.parts().len() == 1 { (1, 1) } else { (component.across, component.down) };
            for index in 0..across * down {
                places[per_mcu] = Spot {
                    component: part.component,
                    column: index % across,
                    row: index / across,
                    across,
                    down,
                    stride: component.stride,
                };
                per_mcu += 1;
            }
        }
        Layout { wide: scan.wide, per_mcu, places }
    }

    fn write<const SLOTS: usize>(
        &self,
        run: &Run,
        log: &[i16],
        prediction: &mut [i16; 4],
        stored: &mut [Stored; 4],
    ) {
        let (mcu, mut place) = (run.block / self.per_mcu, run.block % self.per_mcu);
        let (mut column, mut row) = (mcu % self.wide, mcu / self.wide);
        let mut before = run.before;
        for block in log.chunks_exact(SLOTS) {
            let spot = &self.places[place & 63];
            let difference = if SLOTS == 1 { block[0].wrapping_sub(before) } else { block[0] };
            before = block[0];
            let dc = &mut prediction[spot.component & 3];
            *dc = dc.wrapping_add(difference);
            let at = (row * spot.down + spot.row) * spot.stride + column * spot.across + spot.column;
            let to = &mut stored[spot.component & 3].coefficients[at * SLOTS..][..SLOTS];
            to.copy_from_slice(block);
            to[0] = *dc;
            place += 1;
            if place == self.per_mcu {
                place = 0;
                column += 1;
                if column == self.wide {
                    (column, row) = (0, row + 1);
                }
            }
        }
    }
}
