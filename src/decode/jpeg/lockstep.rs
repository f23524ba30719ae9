//! The inner loop of the sequential decoder: several streams of one scan side by side.
//!
//! Each look-up needs the one before it, so a single stream waits most of the time. Three streams in one loop
//! fill that time; which table comes next is chosen without a branch. A look-up sees 12 bits and a load brings 57
//! or more, so three look-ups share one load: two take at most 2 × 22, the third needs only its window.
//!
//! In the loop an entry is logged, no more; [`Lane::take`] makes blocks of the log afterwards, where nothing waits.
//! (Making them at once took a third more registers than there are.)

use super::bits::load;
use super::lane::Lane;
use super::level::wide;
use super::lookup::{ALL, CARE, END_OF_BLOCK, FULL, START, entry};
use super::machine::{Fault, Machine, symbol};
use fearless_simd::Level;
use std::hint::select_unpredictable;

/// Entries of a log: rounds of three look-ups.
const LOG: usize = 1024;

/// What every lane of a scan reads from.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) machine: &'a Machine,
    pub(super) tables: &'a [u32; ALL],
    /// The scan's stream, padded.
    pub(super) data: &'a [u8],
    pub(super) level: Level,
}

/// Moves one to three lanes until one of them needs attention; all must be [clear](Lane::is_clear).
pub(super) fn run<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [Lane]) {
    let level = context.level;
    if let Some(lanes) = lanes.first_chunk_mut::<3>() {
        wide(
            level,
            #[inline(always)]
            || run_three::<SLOTS>(context, lanes),
        );
    } else if let Some(lanes) = lanes.first_chunk_mut::<2>() {
        wide(
            level,
            #[inline(always)]
            || run_two::<SLOTS>(context, lanes),
        );
    } else if let Some(lanes) = lanes.first_chunk_mut::<1>() {
        wide(
            level,
            #[inline(always)]
            || run_one::<SLOTS>(context, lanes),
        );
    }
}

/// A lane in registers.
#[derive(Clone, Copy)]
struct Flow {
    bits: u64,
    /// The position in bits, above the place in the block, [`PLACE`] bits: what an entry's low half adds to.
    at: u64,
    base: u32,
    place: u32,
}

/// Bits of a place in a block, and of an entry's advance.
const PLACE: u32 = 10;
/// All of them.
const PLACES: u64 = (1 << PLACE) - 1;

impl Flow {
    #[inline(always)]
    fn load<const SLOTS: usize>(lane: &Lane, machine: &Machine) -> Flow {
        let here = machine.place(lane.place);
        let base = match lane.k {
            START => here.dc,
            k if SLOTS > 1 && k <= here.kept => here.value,
            _ => here.skip,
        };
        Flow { bits: 0, at: (lane.position as u64) << PLACE | u64::from(lane.k), base, place: lane.place }
    }

    /// One look-up; the entry is returned, and its bits are passed.
    #[inline(always)]
    fn look(&mut self, tables: &[u32; ALL]) -> u32 {
        let entry = tables[(self.base as usize | (self.bits >> 52) as usize) & (ALL - 1)];
        self.bits <<= entry >> PLACE & 63;
        self.at += u64::from(entry & 0xFFFF);
        entry
    }

    /// Where a block is full, says so; takes any other entry back and reads one symbol instead.
    /// By value, so that a lane stays in registers elsewhere.
    #[cold]
    #[inline(never)]
    fn care(mut self, taken: u32, context: &Context<'_>) -> Result<(Flow, u32), Fault> {
        if self.at & PLACES == u64::from(FULL) {
            return Ok((self, taken | END_OF_BLOCK));
        }
        self.at -= u64::from(taken & 0xFFFF);
        let here = context.machine.place(self.place);
        let data = context.data;
        let symbol = symbol(context.machine, here, (self.at & PLACES) as u32, load(data, self.position()))?;
        let taken = entry(symbol.length, symbol.advance, symbol.value);
        self.at += u64::from(taken & 0xFFFF);
        self.bits = load(data, self.position());
        let full = self.at & PLACES == u64::from(FULL);
        Ok((self, if full { taken | END_OF_BLOCK } else { taken }))
    }

    /// Chooses the next table, of the next block where this entry ended one.
    #[inline(always)]
    fn turn<const SLOTS: usize>(&mut self, entry: u32, machine: &Machine) {
        let here = machine.place(self.place);
        let done = entry & END_OF_BLOCK != 0;
        let within = if SLOTS == 1 {
            here.skip
        } else {
            select_unpredictable(self.at & PLACES > u64::from(here.kept), here.skip, here.value)
        };
        self.base = select_unpredictable(done, here.dc_next, within);
        self.place = select_unpredictable(done, here.next, self.place);
        let restarted = self.at & !PLACES | u64::from(START);
        self.at = select_unpredictable(done, restarted, self.at);
    }

    #[inline(always)]
    fn position(&self) -> usize {
        (self.at >> PLACE) as usize
    }
}

/// The inner loop for so many lanes, each a variable of its own.
macro_rules! run_lanes {
    ($name:ident, $count:literal, $($flow:ident $log:ident $index:literal),+) => {
        #[inline(always)]
        fn $name<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [Lane; $count]) {
            let Context { machine, tables, data, .. } = *context;
            let stop = lanes.each_ref().map(|lane| (lane.stop() as u64) << PLACE | PLACES);
            $(let mut $log = [0u32; LOG];
            let mut $flow = Flow::load::<SLOTS>(&lanes[$index], machine);)+
            let mut count = 0;
            // Lanes before this one have logged one entry more.
            let mut ahead = 0;
            'lanes: while $($flow.at <= stop[$index])&&+ && count + 3 <= LOG {
                $($flow.bits = load(data, $flow.position());)+
                for _ in 0..3 {
                    $(let mut entry = $flow.look(tables);
                    if $flow.at & u64::from(CARE) != 0 {
                        match $flow.care(entry, context) {
                            Ok((flow, instead)) => ($flow, entry) = (flow, instead),
                            Err(fault) => {
                                $flow.at -= u64::from(entry & 0xFFFF);
                                lanes[$index].fault = Some(fault);
                                ahead = $index;
                                break 'lanes;
                            }
                        }
                    }
                    $log[count & (LOG - 1)] = entry;
                    $flow.turn::<SLOTS>(entry, machine);)+
                    count += 1;
                }
            }
            $(let logged = &$log[..count + usize::from($index < ahead)];
            lanes[$index].take::<SLOTS>(logged, $flow.place);
            lanes[$index].move_to($flow.position(), ($flow.at & PLACES) as u32);)+
        }
    };
}

run_lanes!(run_one, 1, a a_log 0);
run_lanes!(run_two, 2, a a_log 0, b b_log 1);
run_lanes!(run_three, 3, a a_log 0, b b_log 1, c c_log 2);
