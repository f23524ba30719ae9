//! One scan cut in three at guessed bytes, decoded side by side, and joined exactly.
//!
//! Huffman codes find their way: a decoder that starts anywhere is soon at the same bit, in the same block of the MCU, as
//! one that came from the start (median 40 to 450 bits, seldom more than 6,000). Lanes 1 and 2 start at a guess
//! and note where each of their first blocks began. The lane before runs past the cut until one of its blocks begins
//! at a noted place; from there on both would read the same, so the later one's log continues its own. What
//! the later lane read before that place was guesswork and is dropped. Where no place is met, the lane before goes on
//! alone: slower, and just as exact.

use super::lane::Lane;
use super::lockstep::{Context, run};
use super::scan::Interval;
use super::sequential::{LANES, Run};

/// What the lanes share.
pub(super) struct Whole<'a> {
    pub(super) context: Context<'a>,
    pub(super) interval: &'a Interval,
}

/// Where a lane's first blocks began: bit, and the state of the machine.
type Begins = Vec<(usize, u32)>;

/// Bits behind a cut in which block beginnings are noted, at most.
const MOST_NOTED: usize = 8_192;

/// The notes of lanes 1 and 2, kept for their memory.
#[derive(Debug, Default)]
pub(super) struct Split {
    begins: [Begins; LANES],
}

impl Split {
    /// Decodes the interval into consecutive runs.
    pub(super) fn decode<const SLOTS: usize>(
        &mut self,
        whole: &Whole<'_>,
        lanes: &mut [Lane; LANES],
        runs: &mut Vec<Run>,
    ) {
        let (start, end) = (whole.interval.start, whole.interval.end);
        let blocks = whole.interval.mcus * whole.context.machine.per_mcu;
        let cuts: [usize; LANES] = std::array::from_fn(|lane| (start + (end - start) * lane / LANES) * 8);
        for (index, (lane, cut)) in lanes.iter_mut().zip(cuts).enumerate() {
            // Guesswork may take blocks that are none; two bits a block is the least.
            let guessed = if index > 0 { MOST_NOTED } else { 0 };
            lane.start(cut, end * 8, blocks + guessed);
        }
        for lane in 1..LANES {
            note::<SLOTS>(&mut lanes[lane], whole, &mut self.begins[lane]);
            lanes[lane - 1].until = cuts[lane];
        }
        run_all::<SLOTS>(whole, lanes);
        self.join::<SLOTS>(whole, lanes, runs, blocks);
    }

    /// Follows the true decoder from lane to lane.
    fn join<const SLOTS: usize>(
        &self,
        whole: &Whole<'_>,
        lanes: &mut [Lane; LANES],
        runs: &mut Vec<Run>,
        blocks: usize,
    ) {
        let mut lane = 0;
        let mut run = Run { lane, at: 0, before: 0, block: 0, blocks: 0, fresh: true };
        for next in 1..LANES {
            let left = blocks - run.block;
            let Some(met) = meet::<SLOTS>(&mut lanes[lane], whole, &self.begins[next]) else { continue };
            run.blocks = (lanes[lane].out.len() / SLOTS - run.at).min(left);
            runs.push(run);
            let before = if met > 0 { lanes[next].out[met * SLOTS - 1] } else { 0 };
            run = Run { lane: next, at: met, before, block: run.block + run.blocks, blocks: 0, fresh: false };
            lane = next;
        }
        finish::<SLOTS>(&mut lanes[lane], whole);
        let total = (run.block + lanes[lane].out.len() / SLOTS - run.at).min(blocks);
        run.blocks = (total - total % whole.context.machine.per_mcu).saturating_sub(run.block);
        runs.push(run);
    }
}

/// Moves a lane from its guess on and notes where blocks begin; after a fault it guesses anew.
fn note<const SLOTS: usize>(lane: &mut Lane, whole: &Whole<'_>, begins: &mut Begins) {
    let bits = (whole.interval.end - whole.interval.start) * 8;
    let until = lane.position + (bits / 64).clamp(512, MOST_NOTED);
    let left = lane.left;
    begins.clear();
    while lane.position < until && lane.left > 0 {
        if lane.is_between() {
            begins.push((lane.position, whole.context.machine.state(lane.place)));
        }
        if lane.step::<SLOTS>(whole.context.machine, whole.context.data).is_err() {
            begins.clear();
            lane.clear();
            lane.start(lane.position + 1, lane.end, left);
        }
    }
}

/// Runs every lane as far as it goes clear, as many at a time as there are.
fn run_all<const SLOTS: usize>(whole: &Whole<'_>, lanes: &mut [Lane; LANES]) {
    let mut order: [usize; LANES] = std::array::from_fn(|lane| lane);
    loop {
        let mut clear = 0;
        for index in 0..LANES {
            if lanes[index].is_clear() {
                lanes.swap(clear, index);
                order.swap(clear, index);
                clear += 1;
            }
        }
        if clear == 0 {
            break;
        }
        run::<SLOTS>(&whole.context, &mut lanes[..clear]);
    }
    for lane in 0..LANES {
        while order[lane] != lane {
            let home = order[lane];
            lanes.swap(lane, home);
            order.swap(lane, home);
        }
    }
}

/// Moves a lane until one of its blocks begins where one of `begins` does; which one that is.
/// `None` where it breaks off or ends before, or has passed them all.
fn meet<const SLOTS: usize>(lane: &mut Lane, whole: &Whole<'_>, begins: &Begins) -> Option<usize> {
    let (first, last) = (begins.first()?.0, begins.last()?.0);
    lane.until = first;
    while lane.is_clear() {
        run::<SLOTS>(&whole.context, std::slice::from_mut(lane));
    }
    while lane.fault.is_none() && lane.left > 0 && lane.position <= last {
        if lane.is_between() {
            let here = (lane.position, whole.context.machine.state(lane.place));
            if let Ok(met) = begins.binary_search_by_key(&here.0, |begin| begin.0)
                && begins[met] == here
            {
                return Some(met);
            }
        }
        lane.fault = lane.step::<SLOTS>(whole.context.machine, whole.context.data).err();
    }
    None
}

/// Moves a lane to the end of the data.
fn finish<const SLOTS: usize>(lane: &mut Lane, whole: &Whole<'_>) {
    lane.until = lane.end;
    while lane.is_clear() {
        run::<SLOTS>(&whole.context, std::slice::from_mut(lane));
    }
    while lane.left > 0 && lane.fault.is_none() {
        lane.fault = lane.step::<SLOTS>(whole.context.machine, whole.context.data).err();
    }
}
