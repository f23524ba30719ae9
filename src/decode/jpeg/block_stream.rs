//! One stream of blocks, decoded symbol by symbol or taken from a log of look-ups.

use super::bits::{extend, load, load_until};
use super::lookup::{ALL, END_OF_BLOCK, FULL, START, advance, ends, late, length, value};
use super::machine::{Machine, symbol};
use super::marks::Marks;
use super::transform::NATURAL;
use fearless_simd::Level;
use std::hint::select_unpredictable;

/// Lanes that run side by side.
pub(super) const LANES: usize = 3;

/// The most bits that three symbols can take (3·31: a code of 16 bits and 15 more), doubled: in front of it a load needs no check for the end.
const MARGIN: usize = 192;

/// The part of an entry's advance that counts coefficients.
const PASSED: u32 = END_OF_BLOCK - 1;

/// What every lane of a scan reads from.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) machine: &'a Machine,
    pub(super) tables: &'a [u32; ALL],
    /// The scan's stream, padded.
    pub(super) data: &'a [u8],
    pub(super) level: Level,
}

/// One stream of blocks.
///
/// With `SLOTS` of 1 it logs, for each block, the running total of all DC differences so far, of all components
/// (their differences are the blocks' own); otherwise the block's first coefficients in zigzag order, DC as
/// difference, `SLOTS` a block, whatever is not kept in the last. With 64 slots all are kept, in natural order.
///
/// Data never stops a lane. Bits that no code begins with are a zero, and behind the data there are zeros for as long as the MCU
/// under way lasts; both are noted, by block.
#[derive(Debug)]
pub(super) struct BlockStream {
    /// In bits of the scan's stream.
    pub(super) position: usize,
    /// Where its data ends, in bits.
    pub(super) end: usize,
    /// Where [`run`](super::lockstep::run) stops, in bits, though the data goes on.
    pub(super) until: usize,
    /// Blocks that it may still take.
    pub(super) left: usize,
    /// The block of the MCU that comes next or is under way.
    pub(super) place: u32,
    /// Coefficients passed in this block, from [`START`].
    pub(super) k: u32,
    total: i16,
    /// The block under way.
    partial: [i16; 64],
    /// The blocks behind it.
    pub(super) out: Vec<i16>,
    /// Blocks in `out` with bits that no code begins with, or that data ended in, in order.
    bad: Vec<u32>,
    /// Where blocks begin behind marks.
    pub(super) marks: Marks,
    /// Whether data ended in the block before or under way.
    pub(super) is_dry: bool,
    /// Whether data went on behind the last block that was to be taken.
    pub(super) is_over: bool,
}

impl Default for BlockStream {
    fn default() -> BlockStream {
        BlockStream {
            position: 0,
            end: 0,
            until: 0,
            left: 0,
            place: 0,
            k: START,
            total: 0,
            partial: [0; 64],
            out: Vec::new(),
            bad: Vec::new(),
            marks: Marks::default(),
            is_dry: false,
            is_over: false,
        }
    }
}

impl BlockStream {
    /// Starts at a block's first bit; what was logged stays.
    pub(super) fn start(&mut self, position: usize, end: usize, blocks: usize) {
        (self.position, self.end, self.until, self.left) = (position, end, end, blocks);
        (self.place, self.k, self.is_dry, self.is_over) = (0, START, false, false);
        self.partial = [0; 64];
        self.marks.start(position);
    }

    /// Starts where another lane is, with nothing logged.
    pub(super) fn follow(&mut self, other: &BlockStream) {
        self.start(other.position, other.end, other.left);
        (self.place, self.k) = (other.place, other.k);
        self.clear();
    }

    /// Forgets everything that was logged.
    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.bad.clear();
        self.marks.clear();
        self.total = 0;
    }

    /// Whether [`run`](super::lockstep::run) can take it a good way.
    pub(super) fn is_clear(&self) -> bool {
        self.left > 0 && self.position <= self.stop()
    }

    /// The last position from which [`run`](super::lockstep::run) goes on.
    #[inline(always)]
    pub(super) fn stop(&self) -> usize {
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

    /// Reads one symbol with every check.
    #[inline(never)]
    pub(super) fn step<const SLOTS: usize>(&mut self, machine: &Machine, data: &[u8]) {
        let place = machine.place(self.place);
        let symbol = symbol(machine, place, self.k, load_until(data, self.position, self.end));
        self.position += symbol.length as usize;
        let is_dry = self.position > self.end;
        if symbol.is_bad || is_dry && !self.is_dry {
            self.note_bad(self.out.len() / SLOTS);
        }
        self.is_dry = is_dry;
        self.k += symbol.advance;
        if SLOTS > 1 && symbol.advance < END_OF_BLOCK {
            self.partial[slot::<SLOTS>(self.k)] = symbol.value;
        }
        self.total = self.total.wrapping_add(if SLOTS == 1 { symbol.value } else { 0 });
        if is_done(self.k) {
            self.close::<SLOTS>(place.next);
        }
    }

    /// Steps on to the end of its blocks, or of the MCU that data ends in.
    pub(super) fn step_out<const SLOTS: usize>(&mut self, machine: &Machine, data: &[u8]) {
        while self.left > 0
            && !(self.is_dry && self.is_between() && self.left.is_multiple_of(machine.per_mcu))
        {
            self.step::<SLOTS>(machine, data);
        }
        self.is_over |= self.left == 0 && self.end.saturating_sub(self.position) >= 8;
    }

    fn note_bad(&mut self, block: usize) {
        if self.bad.last() != Some(&(block as u32)) {
            self.bad.push(block as u32);
        }
    }

    /// Whether anything was bad since it was cleared.
    pub(super) fn has_bad(&self) -> bool {
        !self.bad.is_empty()
    }

    /// Of the blocks of its log from `at` on, how many come before the first bad one; `blocks` without any.
    pub(super) fn sound(&self, at: usize, blocks: usize) -> usize {
        let first = self.bad.get(self.bad.partition_point(|&block| (block as usize) < at));
        first.map_or(blocks, |&block| (block as usize - at).min(blocks))
    }

    /// Takes what was looked up: makes blocks of the entries. `place` is where the last of them led.
    ///
    /// An interval of data may hold more than its blocks; what follows the last is dropped. `is_bad` tells that the last entry stands
    /// for bits that no code begins with.
    #[inline(always)]
    pub(super) fn take<const SLOTS: usize>(
        &mut self,
        context: &Context<'_>,
        entries: &[u32],
        place: u32,
        is_bad: bool,
    ) {
        let before = self.out.len();
        if SLOTS == 1 {
            self.take_totals(entries);
        } else {
            self.take_blocks::<SLOTS>(context, entries);
        }
        let blocks = (self.out.len() - before) / SLOTS;
        if is_bad {
            self.note_bad(
                self.out.len() / SLOTS - usize::from(entries.last().is_some_and(|&entry| ends(entry))),
            );
        }
        if blocks > self.left {
            self.out.truncate(before + self.left * SLOTS);
            self.is_over = true;
        }
        self.left = self.left.saturating_sub(blocks);
        self.place = place;
    }

    #[inline(always)]
    fn take_totals(&mut self, entries: &[u32]) {
        let (mut total, mut blocks) = (self.total, self.out.len());
        self.out.resize(blocks + entries.len(), 0);
        let out = &mut self.out[..];
        for &entry in entries {
            total = total.wrapping_add(value(entry));
            if let Some(to) = out.get_mut(blocks) {
                *to = total;
            }
            blocks += usize::from(ends(entry));
        }
        self.out.truncate(blocks);
        self.total = total;
    }

    #[inline(always)]
    fn take_blocks<const SLOTS: usize>(&mut self, context: &Context<'_>, entries: &[u32]) {
        let blocks: u32 = entries.iter().map(|&entry| u32::from(ends(entry))).sum();
        let start = self.out.len();
        self.out.extend_from_slice(&self.partial[..SLOTS]);
        self.out.resize(start + (blocks as usize + 1) * SLOTS, 0);
        let out = &mut self.out[start..];
        let (mut k, mut block) = (self.k, 0);
        let mut position = self.position;
        for &entry in entries {
            k += advance(entry) & PASSED;
            position += length(entry) as usize;
            let value = match late(entry) {
                None => value(entry),
                Some(size) => {
                    let place = (self.place as usize + block / SLOTS) % context.machine.per_mcu;
                    late_value(context, position, size, k, place as u32)
                }
            };
            // An end of block alone passes nothing: its zero must not take the last value's place. Slots begin as zeros and have one value at
            // most, the last one what is not kept, so `|=` stores without asking which entry it is.
            if let Some(to) = out.get_mut(block + slot::<SLOTS>(k)) {
                *to |= value;
            }
            let done = ends(entry);
            block += if done { SLOTS } else { 0 };
            k = select_unpredictable(done, START, k);
        }
        let complete = start + blocks as usize * SLOTS;
        self.partial[..SLOTS].copy_from_slice(&self.out[complete..]);
        self.out.truncate(complete);
    }

    /// Notes where blocks begin in entries that led to bit `position`, before they are taken.
    #[inline(always)]
    pub(super) fn mark<const SLOTS: usize>(&mut self, level: Level, entries: &[u32], position: usize) {
        if self.marks.is_passed(position) {
            self.marks.walk(level, entries, self.position, self.out.len() / SLOTS);
        }
    }

    /// Where the entries that were taken led.
    #[inline(always)]
    pub(super) fn stop_at(&mut self, position: usize, k: u32) {
        (self.position, self.k) = (position, k);
    }

    fn close<const SLOTS: usize>(&mut self, next: u32) {
        if SLOTS == 1 {
            self.out.push(self.total);
        } else {
            self.out.extend_from_slice(&self.partial[..SLOTS]);
            self.partial[..SLOTS].fill(0);
        }
        (self.k, self.place, self.left) = (START, next, self.left - 1);
        if self.marks.is_passed(self.position) {
            self.marks.begin(self.position, self.out.len() / SLOTS, &[]);
        }
    }
}

/// The value of an entry that left it to be read: the last `size` bits before bit `position`. 0 where it is not kept, for an entry that led to `k`
/// in the block at `place` of the MCU.
#[cold]
#[inline(never)]
fn late_value(context: &Context<'_>, position: usize, size: u32, k: u32, place: u32) -> i16 {
    let bits = load(context.data, position - size as usize) >> (64 - size);
    if k <= context.machine.place(place).kept + 1 { extend(bits as u32, size) } else { 0 }
}

/// Whether the step that led to `k` ended the block.
fn is_done(k: u32) -> bool {
    k & END_OF_BLOCK != 0 || k == FULL
}

/// Where the value of a step that led to `k` goes.
#[inline(always)]
fn slot<const SLOTS: usize>(k: u32) -> usize {
    let slot = (k - START - 1) as usize;
    let slot = select_unpredictable(slot < SLOTS - 1, slot, SLOTS - 1);
    if SLOTS == 64 { usize::from(NATURAL[slot]) } else { slot }
}
