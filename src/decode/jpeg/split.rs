//! One scan cut in three at guessed bytes, decoded side by side, and joined exactly.
//!
//! Huffman codes find their way: a decoder that starts anywhere is soon at the same bit, in the same block of the MCU, as
//! one that came from the start (median 40 to 450 bits, seldom more than 6,000). Lanes 1 and 2 start at a guess,
//! and a scout notes where their first blocks begin. The lane before runs past the cut until one of its blocks begins
//! at a noted place; from there on both would read the same, so the later one's log continues its own. What
//! the later lane read before that place was guesswork and is dropped. Where no place is met, the lane before goes on
//! alone: slower, and just as exact.

use super::bits::Interval;
use super::block_stream::{BlockStream, Context, LANES};
use super::lockstep::{Log, run};
use super::runs::Run;

/// What the lanes share.
pub(super) struct Whole<'a> {
    pub(super) context: Context<'a>,
    pub(super) interval: &'a Interval,
    /// Bytes that are decoded at a time.
    pub(super) window: usize,
}

impl Whole<'_> {
    /// Blocks of the scan.
    fn blocks(&self) -> usize {
        self.interval.mcus * self.context.machine.per_mcu
    }
}

/// Where the true decoder stands, at the beginning of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    /// In bits of the scan's stream.
    position: usize,
    /// The scan's block that comes next.
    block: usize,
}

impl Cursor {
    /// The beginning of a scan.
    pub(super) fn start(interval: &Interval) -> Cursor {
        Cursor { position: interval.start * 8, block: 0 }
    }
}

/// Bits behind a cut in which a wrong guess shows, and meeting is looked for, at most.
const MOST_GUESSED: usize = 8_192;

/// Bits that a guess is followed symbol by symbol at once; most have met by then.
const NOTED: usize = 512;

/// Where a lane's first blocks began, as far as anybody asked.
#[derive(Debug, Default)]
struct Begins {
    /// Bit, and the state of the machine.
    known: Vec<(usize, u32)>,
    /// Follows the lane symbol by symbol.
    scout: BlockStream,
    /// Where to give up, in bits.
    until: usize,
}

/// The beginnings of lanes 1 and 2, kept for their memory.
#[derive(Debug, Default)]
pub(super) struct Split {
    begins: [Begins; LANES],
}

impl Split {
    /// Decodes a window of the interval into consecutive runs; returns where the next begins, `None` behind the last.
    pub(super) fn decode<const SLOTS: usize>(
        &mut self,
        whole: &Whole<'_>,
        from: &Cursor,
        lanes: &mut [BlockStream; LANES],
        log: &mut Log,
        runs: &mut Vec<Run>,
    ) -> Option<Cursor> {
        let (start, end) = (from.position, whole.interval.end * 8);
        // What would be left for a last small window is taken along.
        let bits = whole.window.saturating_mul(8);
        let until = if (end - start) / 2 < bits { end } else { start + bits };
        let left = whole.blocks() - from.block;
        for (lane, stream) in lanes.iter_mut().enumerate() {
            // Guesswork may take blocks that are none; two bits a block is the least.
            let guessed = if lane > 0 { MOST_GUESSED } else { 0 };
            stream.clear();
            stream.start(start + (until - start) / 8 * lane / LANES * 8, end, left + guessed);
        }
        lanes[0].place = (from.block % whole.context.machine.per_mcu) as u32;
        for lane in 1..LANES {
            let cut = lanes[lane].position;
            guess::<SLOTS>(&mut lanes[lane], whole, until - start, &mut self.begins[lane], log);
            lanes[lane - 1].until = cut;
        }
        // Each lane stops where the next one began, so that the stretch in which they meet is read symbol by symbol.
        lanes[LANES - 1].until = until;
        run_all::<SLOTS>(whole, lanes, log);
        self.join::<SLOTS>(whole, from, until, lanes, log, runs)
    }

    /// Follows the true decoder from lane to lane.
    fn join<const SLOTS: usize>(
        &mut self,
        whole: &Whole<'_>,
        from: &Cursor,
        until: usize,
        lanes: &mut [BlockStream; LANES],
        log: &mut Log,
        runs: &mut Vec<Run>,
    ) -> Option<Cursor> {
        let blocks = whole.blocks();
        let mut run = Run::begin(0, 0, 0, from.block, from.block == 0);
        for next in 1..LANES {
            let lane = &mut lanes[run.lane];
            let Some(met) = meet::<SLOTS>(lane, whole, &mut self.begins[next], log) else { continue };
            run.end(lane, (lane.out.len() / SLOTS - run.at).min(blocks - run.block));
            runs.push(run);
            let before = if met > 0 { lanes[next].out[met * SLOTS - 1] } else { 0 };
            run = Run::begin(next, met, before, run.block + run.blocks, false);
        }
        let lane = &mut lanes[run.lane];
        lane.left = blocks - run.block - (lane.out.len() / SLOTS - run.at).min(blocks - run.block);
        finish::<SLOTS>(lane, whole, until, log);
        run.end(lane, (lane.out.len() / SLOTS - run.at).min(blocks - run.block));
        runs.push(run);
        let block = run.block + run.blocks;
        (block < blocks && !lane.is_dry).then_some(Cursor { position: lane.position, block })
    }
}

impl Begins {
    /// Starts where a lane does.
    fn start(&mut self, lane: &BlockStream) {
        self.known.clear();
        self.scout.follow(lane);
    }

    /// Follows the lane past bit `position`; whether it came so far.
    fn follow(&mut self, whole: &Whole<'_>, position: usize) -> bool {
        let scout = &mut self.scout;
        while scout.position <= position && scout.left > 0 {
            if scout.is_between() {
                self.known.push((scout.position, whole.context.machine.state(scout.place)));
            }
            scout.step::<1>(whole.context.machine, whole.context.data);
            if scout.has_bad() {
                return false;
            }
        }
        scout.position > position
    }

    /// Which block begins where, and as, `lane`'s next does.
    fn find(&self, whole: &Whole<'_>, lane: &BlockStream) -> Option<usize> {
        let here = (lane.position, whole.context.machine.state(lane.place));
        let found = self.known.binary_search_by_key(&here.0, |begin| begin.0).ok()?;
        (lane.is_between() && self.known[found] == here).then_some(found)
    }
}

/// Moves a lane from its guess on, so far that a wrong one has most likely shown; behind bits that no code begins with it guesses anew.
fn guess<const SLOTS: usize>(
    lane: &mut BlockStream,
    whole: &Whole<'_>,
    bits: usize,
    begins: &mut Begins,
    log: &mut Log,
) {
    let (until, left) = (lane.position + (bits / 64).clamp(NOTED, MOST_GUESSED), lane.left);
    begins.until = until;
    loop {
        begins.start(lane);
        let fault = if begins.follow(whole, (lane.position + NOTED).min(until)) {
            lane.until = until;
            while lane.is_clear() && !lane.has_bad() {
                run::<SLOTS>(&whole.context, std::slice::from_mut(lane), log);
            }
            lane.has_bad().then_some(lane.position)
        } else {
            Some(begins.scout.position)
        };
        let Some(fault) = fault.filter(|&fault| fault < until) else { break };
        lane.clear();
        lane.start(fault + 1, lane.end, left);
    }
    lane.until = lane.end;
}

/// Runs every lane as far as it goes clear, as many at a time as there are.
fn run_all<const SLOTS: usize>(whole: &Whole<'_>, lanes: &mut [BlockStream; LANES], log: &mut Log) {
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
        run::<SLOTS>(&whole.context, &mut lanes[..clear], log);
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
/// `None` where it breaks off or ends before, or has gone too far.
fn meet<const SLOTS: usize>(
    lane: &mut BlockStream,
    whole: &Whole<'_>,
    begins: &mut Begins,
    log: &mut Log,
) -> Option<usize> {
    lane.until = begins.known.first()?.0;
    while lane.is_clear() {
        run::<SLOTS>(&whole.context, std::slice::from_mut(lane), log);
    }
    while !lane.is_dry && lane.left > 0 && lane.position <= begins.until {
        let followed = begins.follow(whole, lane.position);
        let found = begins.find(whole, lane);
        if found.is_some() || !followed {
            return found;
        }
        lane.step::<SLOTS>(whole.context.machine, whole.context.data);
    }
    None
}

/// Moves a lane to the first block that begins at bit `until` or behind it, or to the end of the data.
fn finish<const SLOTS: usize>(lane: &mut BlockStream, whole: &Whole<'_>, until: usize, log: &mut Log) {
    lane.until = until;
    while lane.is_clear() {
        run::<SLOTS>(&whole.context, std::slice::from_mut(lane), log);
    }
    let (machine, data) = (whole.context.machine, whole.context.data);
    if until == lane.end {
        lane.step_out::<SLOTS>(machine, data);
    }
    while lane.left > 0 && !lane.is_dry && !(lane.is_between() && lane.position >= until) {
        lane.step::<SLOTS>(machine, data);
    }
}
