//! The inner loop of the sequential decoder: several streams of one scan side by side.
//!
//! Each look-up needs the one before it, so a single stream waits most of the time. Three streams in one loop
//! fill that time (two were slower: benches/results/2026-11-26-epyc-decoders.md); which table comes next is chosen without a branch. A look-up sees 12 bits and a load brings 57
//! or more, so three look-ups share one load: two take at most 2 × 21, the third needs only its window.
//!
//! In the loop an entry is logged, no more; [`BlockStream::take`] makes blocks of the log afterwards, where nothing waits.
//! (Making them at once took a third more registers than there are.)

use super::bits::load;
use super::block_stream::{BlockStream, Context, LANES};
use super::huffman::WINDOW;
use super::level::wide;
use super::lookup::{ADVANCE, ALL, CARE, END_OF_BLOCK, FULL, START, ends, entry, length};
use super::machine::{Here, Machine, symbol};
use std::hint::select_unpredictable;

/// Look-ups that share a load.
const ROUNDS: usize = 3;
/// Loads that one log lasts for: 1,023 entries, 4 KiB a lane.
const LOADS: usize = 341;

/// The entries that each lane looked up.
#[derive(Debug)]
pub(super) struct Log {
    entries: Box<[[[u32; ROUNDS]; LOADS]; LANES]>,
}

impl Default for Log {
    fn default() -> Log {
        Log { entries: Box::new([[[0; ROUNDS]; LOADS]; LANES]) }
    }
}

/// Moves one to three lanes until one of them needs attention; all must be [clear](BlockStream::is_clear).
pub(super) fn run<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [BlockStream], log: &mut Log) {
    let level = context.level;
    if let Some(lanes) = lanes.first_chunk_mut::<3>() {
        wide(
            level,
            #[inline(always)]
            || run_three::<SLOTS>(context, lanes, log),
        );
    } else if let Some(lanes) = lanes.first_chunk_mut::<2>() {
        wide(
            level,
            #[inline(always)]
            || run_two::<SLOTS>(context, lanes, log),
        );
    } else if let Some(lanes) = lanes.first_chunk_mut::<1>() {
        wide(
            level,
            #[inline(always)]
            || run_one::<SLOTS>(context, lanes, log),
        );
    }
}

/// A lane in registers.
#[derive(Clone, Copy)]
struct Flow {
    /// Where the last load began.
    loaded: usize,
    /// What is left of it, and a one behind it with nothing but zeros below: as many as bits were taken.
    bits: u64,
    /// Coefficients passed in this block, from [`START`], above [`ADVANCE`] bits of zeros.
    k: u32,
    /// The next table's.
    base: u16,
    here: Here,
}

/// The bits of [`Flow::k`] that count: an entry's uppermost is none of them.
const PLACES: u32 = u32::MAX >> 1 & u32::MAX << ADVANCE;

impl Flow {
    #[inline(always)]
    fn of<const SLOTS: usize>(lane: &BlockStream, machine: &Machine) -> Flow {
        let here = machine.here(lane.place);
        let k = lane.k << ADVANCE;
        let base = match lane.k {
            START => machine.place(lane.place).dc,
            _ if SLOTS > 1 && here.keeps(k) => here.value(),
            _ => here.skip(),
        };
        Flow { loaded: lane.position, bits: 1, k, base, here }
    }

    #[inline(always)]
    fn position(&self) -> usize {
        self.loaded + self.bits.trailing_zeros() as usize
    }

    /// Loads at [`position`](Flow::position), given since it is known.
    #[inline(always)]
    fn load(&mut self, data: &[u8], position: usize) {
        (self.loaded, self.bits) = (position, load(data, position) | 1);
    }

    /// One look-up; the entry is returned, and its bits are passed.
    #[inline(always)]
    fn look(&mut self, tables: &[u32; ALL]) -> u32 {
        // A table's base is a multiple of 2¹², and the tables have 2¹⁶ entries: no sum and no check of bounds.
        let entry = tables[usize::from(self.base | (self.bits >> (64 - WINDOW)) as u16)];
        self.bits <<= length(entry);
        // Length and value are added too, below the place, and masked away: they carry nothing, as those bits were zeros.
        self.k = self.k.wrapping_add(entry) & PLACES;
        entry
    }

    /// Whether the last entry needs [`care`](Flow::care).
    #[inline(always)]
    fn is_careful(&self) -> bool {
        self.k & CARE << ADVANCE != 0
    }

    /// Takes an entry back.
    fn untake(&mut self, taken: u32) {
        let position = self.position() - length(taken) as usize;
        (self.loaded, self.bits) = (position, 1);
        self.k = self.k.wrapping_sub(taken & PLACES);
    }

    /// Where a block is full, says so; takes any other entry back and reads one symbol instead. Tells too whether no code
    /// begins here. By value, so that a lane stays in registers elsewhere.
    #[cold]
    #[inline(never)]
    fn care(mut self, taken: u32, context: &Context<'_>) -> (Flow, u32, bool) {
        if self.k == FULL << ADVANCE {
            return (self, taken | END_OF_BLOCK << ADVANCE, false);
        }
        self.untake(taken);
        let Context { machine, data, .. } = *context;
        let place = machine.place(machine.number(self.here));
        let position = self.position();
        let symbol = symbol(machine, place, self.k >> ADVANCE, load(data, position));
        let taken = entry(symbol.length, symbol.advance, symbol.value);
        self.load(data, position + symbol.length as usize);
        self.k = self.k.wrapping_add(taken) & PLACES;
        let full = self.k == FULL << ADVANCE;
        (self, if full { taken | END_OF_BLOCK << ADVANCE } else { taken }, symbol.is_bad)
    }

    /// Chooses the next table, of the next block where this entry ended one.
    #[inline(always)]
    fn turn<const SLOTS: usize>(&mut self, entry: u32, machine: &Machine) {
        // Ends of blocks come at random: a branch would be mispredicted about once a block, so both sides are computed.
        let here = self.here;
        let is_kept = SLOTS > 1 && here.keeps(self.k);
        let within = select_unpredictable(is_kept, here.value(), here.skip());
        let done = ends(entry);
        self.base = select_unpredictable(done, here.dc_next(), within);
        self.here = select_unpredictable(done, machine.here(here.next()), here);
        self.k = select_unpredictable(done, START << ADVANCE, self.k);
    }
}

/// The inner loop for so many lanes, each a variable of its own.
macro_rules! run_lanes {
    ($name:ident, $count:literal, $($flow:ident $position:ident $index:literal),+) => {
        #[inline(always)]
        fn $name<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [BlockStream; $count], log: &mut Log) {
            let Context { machine, tables, data, .. } = *context;
            let stop = lanes.each_ref().map(|lane| lane.stop());
            $(let mut $flow = Flow::of::<SLOTS>(&lanes[$index], machine);)+
            // Full rounds, and lanes of one more; the last of these met bits that no code begins with.
            let (mut rounds, mut more) = (0, 0);
            let entries = &mut *log.entries;
            'lanes: for load in 0..LOADS {
                $(let $position = $flow.position();)+
                if $($position > stop[$index])||+ {
                    break;
                }
                $($flow.load(data, $position);)+
                for round in 0..ROUNDS {
                    $(let mut entry = $flow.look(tables);
                    if $flow.is_careful() {
                        let (flow, instead, is_bad) = $flow.care(entry, context);
                        ($flow, entry) = (flow, instead);
                        if is_bad {
                            entries[$index][load][round] = entry;
                            $flow.turn::<SLOTS>(entry, machine);
                            more = $index + 1;
                            break 'lanes;
                        }
                    }
                    entries[$index][load][round] = entry;
                    $flow.turn::<SLOTS>(entry, machine);)+
                    rounds += 1;
                }
            }
            $(let logged = &entries[$index].as_flattened()[..rounds + usize::from($index < more)];
            lanes[$index].mark::<SLOTS>(context.level, logged, $flow.position());
            lanes[$index].take::<SLOTS>(context, logged, machine.number($flow.here), $index + 1 == more);
            lanes[$index].stop_at($flow.position(), $flow.k >> ADVANCE);)+
        }
    };
}

run_lanes!(run_one, 1, a a_position 0);
run_lanes!(run_two, 2, a a_position 0, b b_position 1);
run_lanes!(run_three, 3, a a_position 0, b b_position 1, c c_position 2);
