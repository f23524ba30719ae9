//! Scans of sequential frames: intervals dealt out to lanes, and their logs put in place (T.81, F.2).

use super::bits::Stream;
use super::frame::Frame;
use super::lockstep::{Lane, Machine, run};
use super::lookup::Tables;
use super::planes::Stored;
use super::scan::{Interval, Scan};
use std::ops::Range;

/// Lanes that run side by side.
const LANES: usize = 3;

/// Consecutive blocks of the scan, as one lane logged them.
#[derive(Debug, Clone, Copy)]
struct Run {
    lane: usize,
    /// Where they start in the lane's log, in blocks.
    at: usize,
    /// The total before them, with one slot.
    before: i16,
    /// The scan's block that comes first, and how many follow.
    block: usize,
    blocks: usize,
    /// Whether prediction starts anew.
    fresh: bool,
}

/// Decodes scans; keeps its buffers between them.
#[derive(Debug, Default)]
pub(super) struct Sequential {
    pub(super) machine: Machine,
    lanes: [Lane; LANES],
    work: [Work; LANES],
    runs: Vec<Run>,
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
        self.deal(intervals);
        loop {
            for (lane, work) in self.lanes.iter_mut().zip(&mut self.work) {
                attend::<SLOTS>(lane, work, &self.machine, stream, intervals, &mut self.runs);
            }
            let busy = self.gather();
            let (machine, data, flat) = (&self.machine, &stream.bytes[..], &tables.flat);
            match busy {
                0 => break,
                1 => run_first::<1, SLOTS>(&mut self.lanes, machine, flat, data),
                2 => run_first::<2, SLOTS>(&mut self.lanes, machine, flat, data),
                _ => run::<LANES, SLOTS>(machine, flat, data, &mut self.lanes),
            }
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

fn run_first<const S: usize, const SLOTS: usize>(
    lanes: &mut [Lane],
    machine: &Machine,
    flat: &[u32; super::lookup::ALL],
    data: &[u8],
) {
    if let Some(first) = lanes.first_chunk_mut::<S>() {
        run::<S, SLOTS>(machine, flat, data, first);
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
