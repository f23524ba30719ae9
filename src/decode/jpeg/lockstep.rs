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
    dc_next: u32,
    /// Which of the scan's components.
    component: u32,
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
            self.places[place].dc_next = self.places[next].dc;
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

/// Moves one to three lanes until one of them needs attention; all must be [clear](Lane::is_clear).
pub(super) fn run<const SLOTS: usize>(context: &Context<'_>, lanes: &mut [Lane]) {
    let Context { machine, tables, data, level } = *context;
    if let Some(three) = lanes.first_chunk_mut::<3>() {
        wide(level, || run_lanes::<3, SLOTS>(machine, tables, data, three));
    } else if let Some(two) = lanes.first_chunk_mut::<2>() {
        wide(level, || run_lanes::<2, SLOTS>(machine, tables, data, two));
    } else if let Some(one) = lanes.first_chunk_mut::<1>() {
        wide(level, || run_lanes::<1, SLOTS>(machine, tables, data, one));
    }
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

#[inline(always)]
fn run_lanes<const S: usize, const SLOTS: usize>(
    machine: &Machine,
    tables: &[u32; ALL],
    data: &[u8],
    lanes: &mut [Lane; S],
) {
    let mut logs = [[0i16; LOG]; S];
    let mut position: [usize; S] = std::array::from_fn(|s| lanes[s].position);
    let stop: [usize; S] = std::array::from_fn(|s| lanes[s].stop());
    let full: [u32; S] = std::array::from_fn(|s| (lanes[s].left.min(LOG / SLOTS) - 3) as u32);
    let mut place: [u32; S] = std::array::from_fn(|s| lanes[s].place);
    let mut k: [u32; S] = std::array::from_fn(|s| lanes[s].k);
    let mut total: [i16; S] = std::array::from_fn(|s| lanes[s].total);
    let mut base: [u32; S] = std::array::from_fn(|s| base_at::<SLOTS>(machine.place(place[s]), k[s]));
    let mut blocks = [0u32; S];
    if SLOTS > 1 {
        for s in 0..S {
            logs[s][..SLOTS].copy_from_slice(&lanes[s].partial[..SLOTS]);
        }
    }
    'lanes: while (0..S).all(|s| position[s] <= stop[s] && blocks[s] < full[s]) {
        let mut bits: [u64; S] = std::array::from_fn(|s| load(data, position[s]));
        for _ in 0..3 {
            for s in 0..S {
                let entry = tables[(base[s] as usize | (bits[s] >> 52) as usize) & (ALL - 1)];
                let length = entry & 63;
                bits[s] <<= length;
                position[s] += length as usize;
                k[s] += entry >> 6 & 0x3FF;
                let value = (entry >> 16) as i16;
                if SLOTS == 1 {
                    total[s] = total[s].wrapping_add(value);
                    logs[s][blocks[s] as usize & (LOG - 1)] = total[s];
                } else {
                    logs[s][((blocks[s] as usize * SLOTS) | slot::<SLOTS>(k[s])) & (LOG - 1)] = value;
                }
                if k[s] & AGAIN != 0 {
                    k[s] -= entry >> 6 & 0x3FF;
                    position[s] -= length as usize;
                    let here = machine.place(place[s]);
                    match symbol(machine, here, k[s], load(data, position[s])) {
                        Err(fault) => {
                            lanes[s].fault = Some(fault);
                            total[s] = total[s].wrapping_sub(if SLOTS == 1 { value } else { 0 });
                            break 'lanes;
                        }
                        Ok(symbol) => {
                            position[s] += symbol.length as usize;
                            k[s] += symbol.advance;
                            bits[s] = load(data, position[s]);
                            if SLOTS == 1 {
                                total[s] = total[s].wrapping_sub(value).wrapping_add(symbol.value);
                                logs[s][blocks[s] as usize & (LOG - 1)] = total[s];
                            } else {
                                let at = (blocks[s] as usize * SLOTS) | slot::<SLOTS>(k[s]);
                                logs[s][at & (LOG - 1)] = symbol.value;
                            }
                        }
                    }
                }
                let done = k[s] >= DONE;
                let here = machine.place(place[s]);
                let within = base_at::<SLOTS>(here, k[s].max(START + 1));
                base[s] = select_unpredictable(done, here.dc_next, within);
                place[s] = select_unpredictable(done, here.next, place[s]);
                k[s] = select_unpredictable(done, START, k[s]);
                blocks[s] += u32::from(done);
            }
        }
    }
    for s in 0..S {
        let lane = &mut lanes[s];
        let logged = blocks[s] as usize * SLOTS;
        lane.out.extend_from_slice(&logs[s][..logged]);
        if SLOTS > 1 {
            lane.partial[..SLOTS].copy_from_slice(&logs[s][logged..logged + SLOTS]);
        }
        (lane.position, lane.place, lane.k, lane.total) = (position[s], place[s], k[s], total[s]);
        lane.left -= blocks[s] as usize;
    }
}

/// The table for the next look-up of a block whose place is `k`.
#[inline(always)]
fn base_at<const SLOTS: usize>(place: &Place, k: u32) -> u32 {
    if k == START {
        place.dc
    } else if SLOTS == 1 {
        place.skip
    } else {
        select_unpredictable(k > place.kept, place.skip, place.value)
    }
}
