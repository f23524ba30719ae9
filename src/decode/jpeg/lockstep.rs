//! The inner loop of the sequential decoder: several streams of one scan side by side.
//!
//! Each look-up needs the one before it, so a single stream waits most of the time. Three streams in one loop
//! fill that time; which table comes next is chosen without a branch. A look-up sees 12 bits and a load brings 57
//! or more, so three look-ups share one load: two take at most 2 × 22, the third needs only its window.
//!
//! A stream is a [`Lane`]. [`run`] moves all lanes until one of them needs attention: near its end, nearly out of
//! blocks, its log full, or faulty. [`Lane::step`] moves one lane by one symbol with every check.

use super::bits::load;
use super::huffman::Code;
use super::level::wide;
use super::lookup::{AGAIN, ALL, DONE, END_OF_BLOCK, START, Tables, step};
use fearless_simd::Level;
use std::hint::select_unpredictable;
use std::sync::Arc;

/// Blocks of one MCU at most: four components of 4×4.
const PLACES: usize = 64;
/// Samples of a log.
const LOG: usize = 2048;
/// The most bits that three steps can take, doubled.
const MARGIN: usize = 192;

/// One block of the MCU: its tables' bases and what follows it.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    dc: u32,
    value: u32,
    skip: u32,
    /// The last coefficient that is kept, in zigzag order, counted from [`START`].
    kept: u32,
    next: u32,
    /// Which of the scan's components.
    component: u32,
    /// What the inner loop needs of it, in one word.
    word: Word,
}

/// From the lowest bits: the bases of the tables for kept coefficients, for others and for the next block, 16 bits each,
/// the next place and the last coefficient that is kept, 8 bits each.
type Word = u64;

fn word(place: &Place, dc_next: u32) -> Word {
    [(place.value, 0), (place.skip, 16), (dc_next, 32), (place.next, 48), (place.kept, 56)]
        .into_iter()
        .fold(0, |word, (field, shift)| word | u64::from(field) << shift)
}

/// Everything about a scan that its lanes share.
#[derive(Debug)]
pub(super) struct Machine {
    places: [Place; PLACES],
    pub(super) per_mcu: usize,
    /// Places after which the tables repeat: where all components share theirs, every place is like every other.
    period: u32,
    codes: Vec<(Arc<Code>, Arc<Code>)>,
}

/// One component of a scan, for [`Machine::new`].
#[derive(Debug)]
pub(super) struct Part {
    pub(super) dc: Arc<Code>,
    pub(super) ac: Arc<Code>,
    /// Blocks in an MCU.
    pub(super) blocks: usize,
    /// The last coefficient that is kept.
    pub(super) kept: u32,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { places: [Place::default(); PLACES], per_mcu: 0, period: 1, codes: Vec::new() }
    }
}

impl Machine {
    /// Lays out the MCU, for logs of `slots` a block.
    pub(super) fn set(&mut self, parts: impl Iterator<Item = Part>, slots: usize, tables: &mut Tables) {
        self.codes.clear();
        self.per_mcu = 0;
        for (component, part) in parts.enumerate() {
            let place = Place {
                dc: if slots == 1 { tables.dc_skip(&part.dc, &part.ac) } else { tables.dc(&part.dc) },
                value: if part.kept == 0 { 0 } else { tables.value(&part.ac) },
                skip: if part.kept == 63 { 0 } else { tables.skip(&part.ac) },
                kept: part.kept + START,
                component: component as u32,
                ..Place::default()
            };
            self.places[self.per_mcu..][..part.blocks].fill(place);
            self.per_mcu += part.blocks;
            self.codes.push((part.dc, part.ac));
        }
        for place in 0..self.per_mcu {
            let next = (place + 1) % self.per_mcu;
            self.places[place].next = next as u32;
            self.places[place].word = word(&self.places[place], self.places[next].dc);
        }
        let tables = |place: &Place| (place.dc, place.value, place.skip, place.kept);
        let places = &self.places[..self.per_mcu];
        let repeats = |&period: &usize| {
            self.per_mcu.is_multiple_of(period)
                && (period..places.len()).all(|at| tables(&places[at]) == tables(&places[at - period]))
        };
        self.period = (1..=self.per_mcu).find(repeats).unwrap_or(1) as u32;
    }

    /// What decides how the bits of a block at `place` and of all after it are read.
    pub(super) fn state(&self, place: u32) -> u32 {
        place % self.period
    }

    #[inline(always)]
    fn place(&self, place: u32) -> &Place {
        &self.places[place as usize & (PLACES - 1)]
    }
}

/// What is wrong with a stretch of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends within a block.
    Ended,
    /// Bits that no code begins with.
    NoCode,
    /// A run past coefficient 63.
    Overrun,
}

/// One stream of blocks on its way.
///
/// With `SLOTS` of 1 it logs, for each block, the running total of all DC differences so far, of all components
/// (their differences are the blocks' own); otherwise the block's first coefficients in zigzag order, DC as
/// difference, `SLOTS` a block, whatever is not kept in the last.
#[derive(Debug)]
pub(super) struct Lane {
    /// In bits of the scan's stream.
    pub(super) position: usize,
    /// Where its data ends, in bits.
    pub(super) end: usize,
    /// Where [`run`] stops, in bits, though the data goes on.
    pub(super) until: usize,
    /// Blocks that it may still take.
    pub(super) left: usize,
    /// The block of the MCU that comes next or is under way.
    pub(super) place: u32,
    /// Coefficients passed in this block, from [`START`].
    k: u32,
    total: i16,
    /// The block under way.
    partial: [i16; 64],
    /// The blocks behind it.
    pub(super) out: Vec<i16>,
    pub(super) fault: Option<Fault>,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane {
            position: 0,
            end: 0,
            until: 0,
            left: 0,
            place: 0,
            k: START,
            total: 0,
            partial: [0; 64],
            out: Vec::new(),
            fault: None,
        }
    }
}

impl Lane {
    /// Starts at a block's first bit; what was logged stays.
    pub(super) fn start(&mut self, position: usize, end: usize, blocks: usize) {
        (self.position, self.end, self.until, self.left) = (position, end, end, blocks);
        (self.place, self.k, self.fault) = (0, START, None);
        self.partial = [0; 64];
    }

    /// Forgets everything that was logged.
    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.total = 0;
    }

    /// Whether [`run`] can take it a good way.
    pub(super) fn is_clear(&self) -> bool {
        self.fault.is_none() && self.left > 3 && self.position <= self.stop()
    }

    fn stop(&self) -> usize {
        self.until.min(self.end.saturating_sub(MARGIN))
    }

    /// Whether the next bit begins a block.
    pub(super) fn is_between(&self) -> bool {
        self.k == START
    }

    /// The running total, with one slot.
    pub(super) fn total(&self) -> i16 {
        self.total
    }

    /// Reads one symbol with every check; on a fault the lane stays before it.
    #[inline(never)]
    pub(super) fn step<const SLOTS: usize>(&mut self, machine: &Machine, data: &[u8]) -> Result<(), Fault> {
        let place = machine.place(self.place);
        let symbol = symbol(machine, place, self.k, load(data, self.position))?;
        if self.position + symbol.length as usize > self.end {
            return Err(Fault::Ended);
        }
        self.position += symbol.length as usize;
        self.k += symbol.advance;
        if SLOTS > 1 {
            self.partial[slot::<SLOTS>(self.k)] = symbol.value;
        }
        self.total = self.total.wrapping_add(if SLOTS == 1 { symbol.value } else { 0 });
        if self.k >= DONE {
            self.close::<SLOTS>(place.next);
        }
        Ok(())
    }

    fn close<const SLOTS: usize>(&mut self, next: u32) {
        if SLOTS == 1 {
            self.out.push(self.total);
        } else {
            self.out.extend_from_slice(&self.partial[..SLOTS]);
            self.partial[..SLOTS].fill(0);
        }
        (self.k, self.place, self.left) = (START, next, self.left - 1);
    }
}

/// Where the value of a step that led to `k` goes.
#[inline(always)]
fn slot<const SLOTS: usize>(k: u32) -> usize {
    (k as usize - START as usize - 1).min(SLOTS - 1)
}

/// One symbol read by itself.
struct Symbol {
    length: u32,
    advance: u32,
    value: i16,
}

#[inline(never)]
fn symbol(machine: &Machine, place: &Place, k: u32, bits: u64) -> Result<Symbol, Fault> {
    let (dc, ac) = &machine.codes[place.component as usize];
    let code = if k == START { dc } else { ac };
    let (length, symbol) = code.symbol(bits).ok_or(Fault::NoCode)?;
    let (advance, size) = if k == START { (1, u32::from(symbol & 15)) } else { step(symbol) };
    if advance < END_OF_BLOCK && k + advance > DONE {
        return Err(Fault::Overrun);
    }
    let bits = (bits << length >> 1 >> (63 - size)) as u32;
    let kept = k + advance <= place.kept + 1;
    let value = if kept { super::bits::extend(bits, size) } else { 0 };
    Ok(Symbol { length: length + size, advance, value })
}

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
    position: usize,
    word: Word,
    k: u32,
    base: u32,
    place: u32,
    blocks: u32,
    total: i16,
}

/// What a lane logs in one run.
type Log = [i16; LOG];

impl Flow {
    #[inline(always)]
    fn load<const SLOTS: usize>(lane: &Lane, machine: &Machine, log: &mut Log) -> Flow {
        let here = machine.place(lane.place);
        let base = if lane.k == START { here.dc } else { base::<SLOTS>(here.word, lane.k) };
        if SLOTS > 1 {
            log[..SLOTS].copy_from_slice(&lane.partial[..SLOTS]);
        }
        let (position, k, place, total) = (lane.position, lane.k, lane.place, lane.total);
        Flow { bits: 0, position, word: here.word, k, base, place, blocks: 0, total }
    }

    #[inline(always)]
    fn store<const SLOTS: usize>(&self, lane: &mut Lane, log: &Log) {
        let logged = self.blocks as usize * SLOTS;
        lane.out.extend_from_slice(&log[..logged]);
        if SLOTS > 1 {
            lane.partial[..SLOTS].copy_from_slice(&log[logged..logged + SLOTS]);
        }
        (lane.position, lane.place, lane.k, lane.total) = (self.position, self.place, self.k, self.total);
        lane.left -= self.blocks as usize;
    }

    /// One look-up: the entry's length, advance and value are taken. Returns the entry.
    #[inline(always)]
    fn look<const SLOTS: usize>(&mut self, tables: &[u32; ALL], log: &mut Log) -> u32 {
        let entry = tables[(self.base as usize | (self.bits >> 52) as usize) & (ALL - 1)];
        let length = entry & 63;
        self.bits <<= length;
        self.position += length as usize;
        self.k += entry >> 6 & 0x3FF;
        self.value::<SLOTS>((entry >> 16) as i16, log);
        entry
    }

    #[inline(always)]
    fn value<const SLOTS: usize>(&mut self, value: i16, log: &mut Log) {
        if SLOTS == 1 {
            self.total = self.total.wrapping_add(value);
            log[self.blocks as usize & (LOG - 1)] = self.total;
        } else {
            log[((self.blocks as usize * SLOTS) | slot::<SLOTS>(self.k)) & (LOG - 1)] = value;
        }
    }

    /// Takes an entry back and reads one symbol instead. By value, so that a lane stays in registers elsewhere.
    #[cold]
    #[inline(never)]
    fn again<const SLOTS: usize>(
        mut self,
        entry: u32,
        context: &Context<'_>,
        log: &mut Log,
    ) -> (Flow, Option<Fault>) {
        self.k -= entry >> 6 & 0x3FF;
        self.position -= (entry & 63) as usize;
        if SLOTS == 1 {
            self.total = self.total.wrapping_sub((entry >> 16) as i16);
        }
        let here = context.machine.place(self.place);
        match symbol(context.machine, here, self.k, load(context.data, self.position)) {
            Err(fault) => (self, Some(fault)),
            Ok(symbol) => {
                self.position += symbol.length as usize;
                self.k += symbol.advance;
                self.bits = load(context.data, self.position);
                self.value::<SLOTS>(symbol.value, log);
                (self, None)
            }
        }
    }

    /// Chooses the next table, of the next block where this one is done.
    #[inline(always)]
    fn turn<const SLOTS: usize>(&mut self, machine: &Machine) {
        let done = self.k >= DONE;
        self.base = base::<SLOTS>(self.word, self.k);
        self.place = select_unpredictable(done, (self.word >> 48) as u32 & 0xFF, self.place);
        self.word = machine.place(self.place).word;
        self.k = select_unpredictable(done, START, self.k);
        self.blocks += u32::from(done);
    }
}

/// The base of the table for the look-up after one that led to `k`.
#[inline(always)]
fn base<const SLOTS: usize>(word: Word, k: u32) -> u32 {
    let past = if SLOTS == 1 { 1 } else { u32::from(k > (word >> 56) as u32) };
    (word >> ((past + u32::from(k >= DONE)) * 16)) as u32 & 0xFFFF
}

/// The inner loop for so many lanes, each a variable of its own.
macro_rules! run_lanes {
    ($name:ident, $count:literal, $($flow:ident $log:ident $at:literal),+) => {
        #[inline(always)]
        fn $name<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [Lane; $count]) {
            let Context { machine, tables, data, .. } = *context;
            let stop = lanes.each_ref().map(Lane::stop);
            let full = lanes.each_ref().map(|lane| (lane.left.min(LOG / SLOTS) - 3) as u32);
            $(let mut $log: Log = [0; LOG];
            let mut $flow = Flow::load::<SLOTS>(&lanes[$at], machine, &mut $log);)+
            'lanes: while $($flow.position <= stop[$at] && $flow.blocks < full[$at])&&+ {
                $($flow.bits = load(data, $flow.position);)+
                for _ in 0..3 {
                    $(let entry = $flow.look::<SLOTS>(tables, &mut $log);
                    if $flow.k & AGAIN != 0 {
                        let (flow, fault) = $flow.again::<SLOTS>(entry, context, &mut $log);
                        $flow = flow;
                        if fault.is_some() {
                            lanes[$at].fault = fault;
                            break 'lanes;
                        }
                    }
                    $flow.turn::<SLOTS>(machine);)+
                }
            }
            $($flow.store::<SLOTS>(&mut lanes[$at], &$log);)+
        }
    };
}

run_lanes!(run_one, 1, a a_log 0);
run_lanes!(run_two, 2, a a_log 0, b b_log 1);
run_lanes!(run_three, 3, a a_log 0, b b_log 1, c c_log 2);
