//! Look-up tables of the sequential decoder: several symbols for 12 bits.
//!
//! A coefficient that is not kept need not be read, only passed: an entry then stands for as many whole
//! symbols as have their *codes* within the window (the additional bits of the last may lie behind it).
//! About ten bits are passed a look-up. Windows of 10 bits pass fewer, and of 14 no longer fit the first cache; 11 bits were slower too, as the
//! number of look-ups counts more than the cache. Two values in one entry made the look-ups cheaper, but making blocks of the log then
//! took more than was saved (benches/results/2026-11-26-epyc-decoders.md and 2026-11-25).
//!
//! An entry, lowest bits first: 6 bits of length, 16 bits of value, 9 bits of advance in the block, and whether the value is still to be read
//! ([`late`]). So it is a shift's count as it is, and what is added to a place in the uppermost bits of a word. Entries of consecutive symbols are
//! added as they are: lengths sum to at most 27 of 63, only one of the two has a value, and advances sum to at most 64 + 256 of 511, so no field
//! carries into the next.
//! The decoder's place `k` in the block runs from [`START`], so that one test tells what needs care, `k & CARE ≠ 0`:
//! coefficient 63 was met or passed, where the block is full or the entry saw symbols of the next one, or the entry
//! is [`SLOW`]. An end of block has a bit of its own.

use super::bits::extend;
use super::huffman::{Code, WINDOW, Word};

/// Where a block's place starts.
pub(super) const START: u32 = 64;
/// All 64 coefficients are passed.
pub(super) const FULL: u32 = START + 64;
/// Set in a place that needs care. `64..=127 + 256` has it clear, one step further sets it.
pub(super) const CARE: u32 = 128;
/// Advance of an end of block, added to that of the symbols before it.
pub(super) const END_OF_BLOCK: u32 = 256;
/// The entry where no whole symbol fits the window.
const SLOW: u32 = CARE << ADVANCE;

/// An entry of its three fields.
pub(super) fn entry(length: u32, advance: u32, value: i16) -> u32 {
    length | (u32::from(value as u16) << 6) | (advance << ADVANCE)
}

/// Set in an entry whose value lies behind the window: in place of the value it has the number of its bits. The value is read when blocks are made
/// of the log: in the inner loop that is a branch which the CPU guesses wrong nearly every time.
const LATE: u32 = 1 << 31;

/// Where an entry's advance begins, in bits.
pub(super) const ADVANCE: u32 = 22;

/// Bits that an entry passes.
#[inline(always)]
pub(super) fn length(entry: u32) -> u32 {
    entry & 63
}

/// Coefficients that it passes, and [`END_OF_BLOCK`].
#[inline(always)]
pub(super) fn advance(entry: u32) -> u32 {
    entry >> ADVANCE
}

/// Whether a block ends with it.
#[inline(always)]
pub(super) fn ends(entry: u32) -> bool {
    entry & END_OF_BLOCK << ADVANCE != 0
}

/// How many bits its value has, where these are still to be read, the last of those that it passes.
#[inline(always)]
pub(super) fn late(entry: u32) -> Option<u32> {
    (entry & LATE != 0).then_some(entry >> 6 & 15)
}

/// The value that it read.
#[inline(always)]
pub(super) fn value(entry: u32) -> i16 {
    (entry >> 6) as i16
}

/// Bits that an entry may pass: so a load of 57 bits lasts for two entries and one more window, 2·21 + 12, and three entries, 63 bits, leave
/// the one in place by which `lockstep` counts what was taken.
const LONGEST: u32 = 21;

/// Entries of one table.
pub(super) const ENTRIES: usize = 1 << WINDOW;
/// Tables kept; a scan needs three for each of four components.
const TABLES: usize = 16;
/// Entries of all tables: as many as 16 bits can tell apart, so that an index needs no check.
pub(super) const ALL: usize = TABLES * ENTRIES;

/// What a table is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Dc(u32, u32),
    Value(u32),
    Skip(u32),
    DcSkip(u32, u32),
}

/// Skip entries of two codes for every window of 0 to 12 bits, `1 << bits | window`, with the codes' serials.
type Skips = [(u32, Vec<u32>); 2];

/// The tables of recent scans.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) flat: Box<[u32; ALL]>,
    keys: [Option<Key>; TABLES],
    used: [u64; TABLES],
    clock: u64,
    skips: Skips,
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
    pub(super) fn dc(&mut self, dc: &Code, ac: &Code) -> u16 {
        self.table(Key::Dc(dc.serial, ac.serial), |_, table| {
            fill_values(table, dc.words().map(dc_symbol), ac);
        })
    }

    /// The base of a table that reads one AC coefficient, and the end of block where it follows at once.
    pub(super) fn value(&mut self, code: &Code) -> u16 {
        self.table(Key::Value(code.serial), |_, table| fill_values(table, code.words().map(ac_symbol), code))
    }

    /// The base of a table that passes AC coefficients.
    pub(super) fn skip(&mut self, code: &Code) -> u16 {
        let memo = self.memo(code);
        self.table(Key::Skip(code.serial), |skips, table| {
            for (slot, &entry) in table.iter_mut().zip(&skips[memo].1[ENTRIES..]) {
                *slot = if entry == 0 || length(entry) > LONGEST { SLOW } else { entry };
            }
        })
    }

    /// The base of a table that reads a DC difference and passes the AC coefficients behind it.
    pub(super) fn dc_skip(&mut self, dc: &Code, ac: &Code) -> u16 {
        let memo = self.memo(ac);
        self.table(Key::DcSkip(dc.serial, ac.serial), |skips, table| {
            fill(table, dc.words().map(dc_symbol), |windows, first| {
                let rests = &skips[memo].1[windows.len()..];
                for (slot, rest) in windows.iter_mut().zip(rests) {
                    *slot = if length(first + rest) > LONGEST { first } else { first + rest };
                }
            });
        })
    }

    fn table(&mut self, key: Key, make: impl FnOnce(&Skips, &mut [u32])) -> u16 {
        self.clock += 1;
        let place = self.keys.iter().position(|kept| *kept == Some(key)).unwrap_or_else(|| {
            let oldest = (0..TABLES).min_by_key(|&place| self.used[place]).unwrap_or(0);
            make(&self.skips, &mut self.flat[oldest * ENTRIES..][..ENTRIES]);
            self.keys[oldest] = Some(key);
            oldest
        });
        self.used[place] = self.clock;
        (place * ENTRIES) as u16
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

/// What one word says: its bits, how far it advances, and how many additional bits follow.
type Said = (Word, u32, u32);

fn dc_symbol(word: Word) -> Said {
    (word, 1, word.symbol.into())
}

fn ac_symbol(word: Word) -> Said {
    let (advance, size) = step(word.symbol);
    (word, advance, size)
}

/// Hands over, for every symbol with its additional bits that fits a window, the windows that begin with it, and its entry.
/// There are two to the power of the bits that are left of them, in the order of these.
#[inline(always)]
fn fill(table: &mut [u32], symbols: impl Iterator<Item = Said>, mut set: impl FnMut(&mut [u32], u32)) {
    table.fill(SLOW);
    for (word, advance, size) in symbols {
        let passed = word.length + size;
        if passed > WINDOW {
            continue;
        }
        let windows = table[word.first..].chunks_exact_mut(1 << (WINDOW - passed));
        for (bits, windows) in (0..1 << size).zip(windows) {
            set(windows, entry(passed, advance, extend(bits, size)));
        }
    }
}

/// Entries for one symbol each, with the end of block of `ac` behind it where that is within the window too.
fn fill_values(table: &mut [u32], symbols: impl Iterator<Item = Said> + Clone, ac: &Code) {
    let end = ac.words().find(|word| step(word.symbol).0 == END_OF_BLOCK);
    fill(table, symbols.clone(), |windows, first| {
        windows.fill(first);
        let Some(end) = end.filter(|_| !ends(first)) else { return };
        let (from, count) = (end.first * windows.len() / ENTRIES, windows.len() >> end.length);
        windows[from..][..count].fill(first + entry(end.length, END_OF_BLOCK, 0));
    });
    for (word, advance, size) in
        symbols.filter(|(word, _, size)| (WINDOW + 1..=LONGEST).contains(&(word.length + size)))
    {
        let windows = &mut table[word.first..][..1 << (WINDOW - word.length)];
        windows.fill(entry(word.length + size, advance, size as i16) | LATE);
    }
}

/// Entries that pass as many symbols as begin within a window, for windows of 0 to 12 bits: from narrow to wide, each from its first
/// symbol and the entry of the bits that are left.
fn fill_skips(skips: &mut Vec<u32>, code: &Code) {
    skips.clear();
    skips.resize(2 * ENTRIES, 0);
    for bits in 1..=WINDOW {
        let (narrower, windows) = skips.split_at_mut(1 << bits);
        for word in code.words().take_while(|word| word.length <= bits) {
            let (passed, size) = step(word.symbol);
            let first = entry(word.length + size, passed, 0);
            let windows = &mut windows[word.first >> (WINDOW - bits)..][..1 << (bits - word.length)];
            let left = bits.saturating_sub(word.length + size);
            if left == 0 || ends(first) {
                windows.fill(first);
                continue;
            }
            let rests = &narrower[1 << left..][..1 << left];
            for windows in windows.chunks_exact_mut(1 << left) {
                for (slot, &rest) in windows.iter_mut().zip(rests) {
                    let in_block = passed + (advance(rest) & (END_OF_BLOCK - 1));
                    *slot = if in_block <= 63 { first + rest } else { first };
                }
            }
        }
    }
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
