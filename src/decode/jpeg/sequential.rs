//! Scans of sequential frames: their data dealt out to lanes, and the lanes' logs handed over in order (T.81, F.2).
//!
//! Restart intervals are dealt out as they are. A scan without any is cut at guessed bytes ([`split`](super::split)). Either goes window by
//! window where blocks are large and whoever takes them is done with them soon: a window's log stays in the cache.

use super::bits::{Interval, Stream};
use super::block_stream::{BlockStream, Context, LANES};
use super::lockstep::{Log, run};
use super::looks::Look;
use super::lookup::Tables;
use super::machine::Machine;
use super::runs::{Logs, Run};
use super::split::{Cursor, Split, Whole};
use fearless_simd::Level;
use std::ops::Range;

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
    lanes: [BlockStream; LANES],
    work: [Work; LANES],
    runs: Vec<Run>,
    /// The scan's MCUs that came out whole, in order.
    whole: Vec<Range<usize>>,
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
            whole: Vec::new(),
        }
    }
}

/// What one lane has to do.
#[derive(Debug, Default, Clone)]
struct Work {
    lane: usize,
    /// Intervals still to do, the one under way first.
    intervals: Range<usize>,
    under_way: Option<(Run, Interval)>,
}

impl Sequential {
    /// Decodes a scan and hands its blocks over in order, those of about `window` bytes of data at a time; returns the MCUs that came
    /// out whole.
    pub(super) fn decode<const SLOTS: usize>(
        &mut self,
        stream: &Stream,
        tables: &Tables,
        window: usize,
        mut take: impl FnMut(Logs<'_>),
    ) -> &[Range<usize>] {
        self.whole.clear();
        let first = stream.interval(0);
        if !first.followed && first.end - first.start >= self.worth_cutting {
            self.decode_cut::<SLOTS>(stream, tables, &first, window, &mut take);
        } else {
            self.decode_intervals::<SLOTS>(stream, tables, window, &mut take);
        }
        &self.whole
    }

    fn decode_cut<const SLOTS: usize>(
        &mut self,
        stream: &Stream,
        tables: &Tables,
        interval: &Interval,
        window: usize,
        take: &mut impl FnMut(Logs<'_>),
    ) {
        let context =
            Context { machine: &self.machine, tables: &tables.flat, data: &stream.bytes, level: self.level };
        let whole = Whole { context, interval, window };
        let mut next = Some(Cursor::start(interval));
        let mut is_sound = true;
        while let Some(from) = next {
            self.runs.clear();
            next = self.split.decode::<SLOTS>(&whole, &from, &mut self.lanes, &mut self.log, &mut self.runs);
            note_whole(&self.runs, self.machine.per_mcu, &mut is_sound, &mut self.whole);
            take(Logs { runs: &self.runs, lanes: &self.lanes });
        }
    }

    fn decode_intervals<const SLOTS: usize>(
        &mut self,
        stream: &Stream,
        tables: &Tables,
        window: usize,
        take: &mut impl FnMut(Logs<'_>),
    ) {
        let context =
            Context { machine: &self.machine, tables: &tables.flat, data: &stream.bytes, level: self.level };
        let (mut done, mut is_dry, mut is_sound) = (0, false, true);
        while done < stream.intervals() {
            let some = done..some_intervals(stream, done, window);
            done = some.end;
            self.runs.clear();
            deal(&mut self.work, stream, some);
            self.lanes.iter_mut().for_each(BlockStream::clear);
            loop {
                for (lane, work) in self.lanes.iter_mut().zip(&mut self.work) {
                    attend::<SLOTS>(lane, work, &context, stream, &mut self.runs);
                }
                let busy = gather(&mut self.work, &mut self.lanes);
                if busy == 0 {
                    break;
                }
                run::<SLOTS>(&context, &mut self.lanes[..busy], &mut self.log);
            }
            restore_order(&mut self.work, &mut self.lanes);
            self.runs.sort_unstable_by_key(|run| run.block);
            // Behind an interval that ended too early, nothing is read of one that never came.
            self.runs.retain(|run| {
                let kept = !(run.lost && is_dry);
                is_dry = run.lost || run.dry;
                kept
            });
            note_whole(&self.runs, self.machine.per_mcu, &mut is_sound, &mut self.whole);
            take(Logs { runs: &self.runs, lanes: &self.lanes });
        }
    }

    /// Has lanes note where blocks begin behind these bits of the next scan.
    pub(super) fn mark(&mut self, looks: &[Look]) {
        self.lanes
            .iter_mut()
            .for_each(|lane| lane.marks.set(looks.iter().map(|look| (look.bit, look.passed))));
    }

    /// Bytes of logs that are held.
    pub(super) fn kept(&self) -> usize {
        self.lanes.iter().map(|lane| lane.out.capacity() * 2).sum()
    }

    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.runs.len()
    }
}

/// Adds the MCUs of runs that came out whole. From the first thing wrong on, nothing is until prediction starts anew.
fn note_whole(runs: &[Run], per_mcu: usize, is_sound: &mut bool, whole: &mut Vec<Range<usize>>) {
    for run in runs {
        *is_sound |= run.fresh;
        if *is_sound {
            let (first, end) = (run.block / per_mcu, (run.block + run.sound) / per_mcu);
            match whole.last_mut() {
                Some(last) if last.end >= first => last.end = last.end.max(end),
                _ => whole.push(first..end),
            }
        }
        *is_sound &= run.sound == run.blocks;
    }
}

/// Intervals dealt out at a time, at most.
const MOST_INTERVALS: usize = 4_096;

/// Bytes of data whose blocks become pixels at a time: what these decode to stays in the second cache.
pub(super) const WINDOW: usize = 48 << 10;

/// Blocks that are logged at a time with that window, at most, of `data` bytes whose restart intervals hold `restart` MCUs (0: there
/// are none) of `per_mcu` blocks. A block takes at least two bits, a last window is up to twice as large, and an interval without data is
/// one MCU.
pub(super) fn most_logged(data: usize, restart: usize, per_mcu: usize) -> u64 {
    let intervals = if restart > 0 { MOST_INTERVALS + restart } else { 1 };
    (8 * WINDOW.min(data) + intervals * per_mcu) as u64
}

/// Where those end that start at `from` and hold about `window` bytes of data.
fn some_intervals(stream: &Stream, from: usize, window: usize) -> usize {
    let until = stream.interval(from).start.saturating_add(window);
    let most = (from + MOST_INTERVALS).min(stream.intervals());
    (from + 1..most).find(|&index| stream.interval(index).start >= until).unwrap_or(most)
}

/// Gives each lane about as many bytes of consecutive intervals.
fn deal(work: &mut [Work; LANES], stream: &Stream, intervals: Range<usize>) {
    let start = stream.interval(intervals.start).start;
    let end = stream.interval(intervals.end - 1).end;
    let mut from = intervals.start;
    for (lane, work) in work.iter_mut().enumerate() {
        let cut = start + (end - start) * (lane + 1) / LANES;
        let until = match lane + 1 {
            LANES => intervals.end,
            _ => (from..intervals.end).find(|&i| stream.interval(i).start >= cut).unwrap_or(intervals.end),
        };
        *work = Work { lane, intervals: from..until, under_way: None };
        from = until;
    }
}

/// Moves the lanes with work to the front and counts them.
fn gather(work: &mut [Work; LANES], lanes: &mut [BlockStream; LANES]) -> usize {
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

fn restore_order(work: &mut [Work; LANES], lanes: &mut [BlockStream; LANES]) {
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
    lane: &mut BlockStream,
    work: &mut Work,
    context: &Context<'_>,
    stream: &Stream,
    runs: &mut Vec<Run>,
) {
    loop {
        if let Some((mut under_way, interval)) = work.under_way {
            if lane.is_clear() {
                return;
            }
            lane.step_out::<SLOTS>(context.machine, context.data);
            under_way.end(lane, lane.out.len() / SLOTS - under_way.at);
            if interval.lost || interval.skipped || interval.followed && lane.is_over {
                under_way.sound = 0;
            }
            runs.push(under_way);
            work.under_way = None;
        }
        let Some(next) = work.intervals.next() else { return };
        let interval = stream.interval(next);
        let mcus = if interval.lost { 1 } else { interval.mcus };
        lane.start(interval.start * 8, interval.end * 8, mcus * context.machine.per_mcu);
        let mut run = Run::begin(
            work.lane,
            lane.out.len() / SLOTS,
            lane.total(),
            interval.first * context.machine.per_mcu,
            true,
        );
        run.lost = interval.lost;
        work.under_way = Some((run, interval));
    }
}
