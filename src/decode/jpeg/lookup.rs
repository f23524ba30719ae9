//! Look-up tables of the sequential decoder: several symbols for 12 bits.
//!
//! A coefficient that is not kept need not be read, only passed: an entry then stands for as many whole
//! symbols as have their *codes* within the window (the additional bits of the last may lie behind it).
//! About ten bits are passed a look-up. Windows of 10 bits pass fewer, and of 14 no longer fit the first cache.
//!
//! An entry, lowest bits first: 10 bits of advance in the block, 6 bits of length, 16 bits of value.
//! The decoder's place `k` in the block runs from [`START`], so that one test tells what needs care, `k & CARE ≠ 0`:
//! coefficient 63 was met or passed, where the block is full or the entry saw symbols of the next one, or the entry
//! is [`SLOW`]. An end of block has a bit of its own.

use super::bits::extend;
use super::huffman::{Code, WINDOW};

/// Where a block's place starts.
pub(super) const START: u32 = 64;
/// All 64 coefficients are passed.
pub(super) const FULL: u32 = START + 64;
/// Set in a place that needs care. `64..=127 + 256` has it clear, one step further sets it.
pub(super) const CARE: u32 = 128;
/// Advance of an end of block, beside that of the symbols before it.
pub(super) const END_OF_BLOCK: u32 = 256;
/// The entry where no whole symbol fits the window.
const SLOW: u32 = CARE;

/// An entry of its three fields.
pub(super) fn entry(length: u32, advance: u32, value: i16) -> u32 {
    advance | (length << 10) | (u32::from(value as u16) << 16)
}

fn length(entry: u32) -> u32 {
    entry >> 10 & 63
}

/// Bits that an entry may pass, so that a load of 57 bits lasts for two entries and one more window.
/// No symbol of an 8-bit file takes more.
const LONGEST: u32 = 22;

/// Entries of one table.
pub(super) const ENTRIES: usize = 1 << WINDOW;
/// Tables kept; a scan needs three for each of four components.
const TABLES: usize = 16;
/// Entries of all tables: a power of two, so that a masked index needs no check.
pub(super) const ALL: usize = TABLES * ENTRIES;

/// What a table is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Dc(u32, u32),
    Value(u32),
    Skip(u32),
    DcSkip(u32, u32),
}

/// The tables of recent scans.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) flat: Box<[u32; ALL]>,
    keys: [Option<Key>; TABLES],
    used: [u64; TABLES],
    clock: u64,
    /// Skip entries for every window of 0 to 12 bits, `1 << bits | window`, and their code's serial.
    skips: [(u32, Vec<u32>); 2],
}

impl Default for Tables {
    fn default() -> Tables {
        Tables {
            flat: Box::new([0; ALL]),
            keys: [None; TABLES],
            used: [0; TABLES],
            clock: 0,
            skips: [(0, Vec::new()), (0, Vec::new())],
        }
    }
}

impl Tables {
    /// The base of a table that reads a DC difference, and the end of block where it follows at once.
    pub(super) fn dc(&mut self, dc: &Code, ac: &Code) -> u32 {
        self.table(Key::Dc(dc.serial, ac.serial), |_, window| with_end(dc_entry(dc, window), ac, window))
    }

    /// The base of a table that reads one AC coefficient, and the end of block where it follows at once.
    pub(super) fn value(&mut self, code: &Code) -> u32 {
        self.table(Key::Value(code.serial), |_, window| with_end(value_entry(code, window), code, window))
    }

    /// The base of a table that passes AC coefficients.
    pub(super) fn skip(&mut self, code: &Code) -> u32 {
        let memo = self.memo(code);
        self.table(Key::Skip(code.serial), |skips, window| {
            let entry = skips[memo].1[ENTRIES | window];
            if entry == 0 || length(entry) > LONGEST { SLOW } else { entry }
        })
    }

    /// The base of a table that reads a DC difference and passes the AC coefficients behind it.
    pub(super) fn dc_skip(&mut self, dc: &Code, ac: &Code) -> u32 {
        let memo = self.memo(ac);
        self.table(Key::DcSkip(dc.serial, ac.serial), |skips, window| {
            let entry = dc_entry(dc, window);
            if entry == SLOW {
                return SLOW;
            }
            let left = WINDOW - length(entry);
            let both = entry + skips[memo].1[1 << left | window & ((1 << left) - 1)];
            if length(both) > LONGEST { entry } else { both }
        })
    }

    fn table(&mut self, key: Key, make: impl Fn(&[(u32, Vec<u32>); 2], usize) -> u32) -> u32 {
        self.clock += 1;
        let place = self.keys.iter().position(|kept| *kept == Some(key)).unwrap_or_else(|| {
            let oldest = (0..TABLES).min_by_key(|&place| self.used[place]).unwrap_or(0);
            let table = &mut self.flat[oldest * ENTRIES..][..ENTRIES];
            table.iter_mut().enumerate().for_each(|(window, slot)| *slot = make(&self.skips, window));
            self.keys[oldest] = Some(key);
            oldest
        });
        self.used[place] = self.clock;
        (place * ENTRIES) as u32
    }

    /// Which of `skips` holds this code's, built where neither does.
    fn memo(&mut self, code: &Code) -> usize {
        if let Some(found) = self.skips.iter().position(|(serial, _)| *serial == code.serial) {
            return found;
        }
        self.skips.swap(0, 1);
        let (serial, skips) = &mut self.skips[0];
        *serial = code.serial;
        fill_skips(skips, code);
        0
    }
}

fn dc_entry(code: &Code, window: usize) -> u32 {
    match code.short(window) {
        Some((length, size)) if length + u32::from(size) <= WINDOW => {
            let size = u32::from(size);
            entry(length + size, 1, value(window, length, size))
        }
        _ => SLOW,
    }
}

fn value_entry(code: &Code, window: usize) -> u32 {
    let Some((length, symbol)) = code.short(window) else { return SLOW };
    let (advance, size) = step(symbol);
    if length + size > WINDOW {
        return SLOW;
    }
    entry(length + size, advance, value(window, length, size))
}

/// An entry for the window's first symbol, with the end of block behind it where that is within the window too.
fn with_end(first: u32, code: &Code, window: usize) -> u32 {
    if first == SLOW || first & END_OF_BLOCK != 0 {
        return first;
    }
    let passed = length(first);
    match code.short(window << passed & (ENTRIES - 1)) {
        Some((length, symbol)) if passed + length <= WINDOW && step(symbol) == (END_OF_BLOCK, 0) => {
            first + entry(length, END_OF_BLOCK, 0)
        }
        _ => first,
    }
}

/// The value of the `size` bits behind the first `length` of a window.
fn value(window: usize, length: u32, size: u32) -> i16 {
    extend(window as u32 >> (WINDOW - length - size) & ((1 << size) - 1), size)
}

/// What an AC symbol does: how far it advances, and how many additional bits follow.
#[inline(always)]
pub(super) fn step(symbol: u8) -> (u32, u32) {
    let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
    match (run, size) {
        (15, 0) => (16, 0),
        (_, 0) => (END_OF_BLOCK, 0),
        _ => (run + 1, size),
    }
}

/// Windows from narrow to wide, each entry from its first symbol and the entry of the bits that are left.
fn fill_skips(skips: &mut Vec<u32>, code: &Code) {
    skips.clear();
    skips.resize(2 * ENTRIES, 0);
    for bits in 1..=WINDOW {
        for window in 0..1usize << bits {
            let Some((length, symbol)) = code.short(window << (WINDOW - bits)) else { continue };
            if length > bits {
                continue;
            }
            let (advance, size) = step(symbol);
            let entry = entry(length + size, advance, 0);
            let left = bits.saturating_sub(length + size);
            let rest = skips[1 << left | window & ((1 << left) - 1)];
            let together = entry + rest;
            let in_block = advance + (rest & 0x3FF) % END_OF_BLOCK;
            let whole = left > 0 && advance < END_OF_BLOCK && in_block <= 63;
            skips[1 << bits | window] = if whole { together } else { entry };
        }
    }
}
