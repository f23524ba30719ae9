//! Look-up tables for the shaders: several symbols for a few bits.
//!
//! As in [`decode::jpeg`](crate::decode::jpeg)'s own tables an entry passes as many whole symbols as have their *codes* within the window, and the
//! additional bits of the last may lie behind it; but windows are narrower, since two pairs of codes have to fit into a workgroup's memory, and
//! entries have no value: a lane in lockstep with 31 others has cycles to cut it out of the bits, and the others need none.
//! `shaders/jpeg/bits.wgsl` says what an entry looks like.
//!
//! Codes that the window does not hold are found in a *second table* that the entry names, as wide as the longest code that begins like that. A
//! search by length would make every lane wait for the one that has to search.
//!
//! A pair of codes has four tables, in this order: DC and the AC symbols behind it; AC symbols; DC, and an end of block where it follows at
//! once; one AC symbol, and the same. Then come the second tables.

use super::descriptors::LONGER;

/// Advance of an end of block.
pub(super) const DONE: u32 = 256;
/// Advance of an entry that names a second table.
const CARE: u32 = 128;
/// Bits that an entry passes at most: one look-up shifts by fewer than 32.
const LONGEST: u32 = 31;
/// Where an entry's fields begin.
const CODE: u32 = 5;
const SIZE: u32 = 10;
const ADVANCE: u32 = 23;

/// An entry: bits that it passes, coefficients, the first code's length and its value's size.
fn entry(length: u32, advance: u32, code: u32, size: u32) -> u32 {
    length | code << CODE | size << SIZE | advance << ADVANCE
}

fn length(entry: u32) -> u32 {
    entry & LONGEST
}

fn advance(entry: u32) -> u32 {
    entry >> ADVANCE
}

/// Words of one pair's tables for windows of `window` bits.
pub(super) fn pair_words(window: u32) -> usize {
    (4 << window) + LONGER
}

/// One symbol and the bits that stand for it.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// Of 16 bits, the first that begin with its code.
    first: u32,
    /// Of its code, in bits.
    length: u32,
    /// What its entry says.
    entry: u32,
}

/// The words of a code known by BITS and HUFFVAL, short ones first: consecutive numbers (T.81, C.2). `said` gives advance and size.
fn words(key: &[u8], said: fn(u8) -> (u32, u32)) -> Vec<Word> {
    let (counts, symbols) = key.split_at(16);
    let lengths = (1..=16).zip(counts).flat_map(|(length, &count)| (0..count).map(move |_| length));
    let mut first = 0;
    let word = |(length, &symbol): (u32, &u8)| {
        let (advance, size) = said(symbol);
        let word = Word { first, length, entry: entry(length + size, advance, length, size) };
        first += 1 << (16 - length);
        word
    };
    lengths.zip(symbols).map(word).collect()
}

fn dc(symbol: u8) -> (u32, u32) {
    (1, u32::from(symbol & 15))
}

fn ac(symbol: u8) -> (u32, u32) {
    match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
        (15, 0) => (16, 0),
        (_, 0) => (DONE, 0),
        (run, size) => (run + 1, size),
    }
}

/// The tables of one pair for windows of `window` bits, of codes that readers take (not overfull, DC sizes up to 15); `None` where the second tables
/// have no room.
pub(super) fn pair([dc_key, ac_key]: [&[u8]; 2], window: u32) -> Option<Vec<u32>> {
    let (dc_words, ac_words) = (words(dc_key, dc), words(ac_key, ac));
    let entries = 1usize << window;
    let skips = skips(&ac_words, window);
    let mut tables = vec![0; pair_words(window)];
    let (four, longer) = tables.split_at_mut(4 * entries);
    let mut rows = four.chunks_exact_mut(entries);
    let mut next = || rows.next().unwrap_or_default();
    let (dc_skip, skip, dc_alone, alone) = (next(), next(), next(), next());
    fill(dc_skip, &dc_words, window, |left, windows, first| {
        for (slot, &rest) in windows.iter_mut().zip(&skips[1 << left..]) {
            *slot = joined(first, rest);
        }
    });
    for (slot, &entry) in skip.iter_mut().zip(&skips[entries..]) {
        // The first symbol's value is of no use where it is passed.
        *slot = length(entry) | advance(entry) << ADVANCE;
    }
    let ends: Vec<Word> = ac_words.iter().copied().filter(|word| advance(word.entry) == DONE).collect();
    for (table, words) in [(&mut *dc_alone, &dc_words), (&mut *alone, &ac_words)] {
        fill(table, words, window, |left, windows, first| {
            windows.fill(first);
            for end in ends.iter().filter(|end| advance(first) < DONE && end.length <= left) {
                let from = (end.first >> (16 - left)) as usize;
                windows[from..][..1 << (left - end.length)].fill(joined(first, end.entry));
            }
        });
    }
    // One word of zeros: bits that no code begins with.
    let mut used = 1;
    for (words, tables) in [(&dc_words, [dc_skip, dc_alone]), (&ac_words, [skip, alone])] {
        name_longer(words, window, 4 * entries, tables, longer, &mut used)?;
    }
    Some(tables)
}

/// Two entries one after the other; the first alone where they pass too many bits, or coefficients of more than a block.
fn joined(first: u32, rest: u32) -> u32 {
    let in_block = advance(first) + advance(rest) % DONE;
    let fits = length(first) + length(rest) <= LONGEST && in_block <= 63;
    if fits { first + (length(rest) | advance(rest) << ADVANCE) } else { first }
}

/// Sets the windows that begin with each word whose code they hold: `set` gets the bits that are left behind its value, the windows, one for each
/// value of these bits, and the word's entry.
fn fill(table: &mut [u32], words: &[Word], window: u32, mut set: impl FnMut(u32, &mut [u32], u32)) {
    for word in words.iter().take_while(|word| word.length <= window) {
        let windows = &mut table[(word.first >> (16 - window)) as usize..][..1 << (window - word.length)];
        let left = window.saturating_sub(length(word.entry));
        for windows in windows.chunks_exact_mut(1 << left) {
            set(left, windows, word.entry);
        }
    }
}

/// Entries that pass as many AC symbols as begin within a window, for windows of 0 to `window` bits, `1 << bits | value`: from narrow to wide, each
/// from its first symbol and the entry of the bits that are left. 0 where no whole code is within.
fn skips(words: &[Word], window: u32) -> Vec<u32> {
    let mut skips = vec![0; 2 << window];
    for bits in 1..=window {
        let (narrower, table) = skips.split_at_mut(1 << bits);
        fill(&mut table[..1 << bits], words, bits, |left, windows, first| {
            if advance(first) >= DONE {
                windows.fill(first);
                return;
            }
            for (slot, &rest) in windows.iter_mut().zip(&narrower[1 << left..]) {
                *slot = joined(first, rest);
            }
        });
    }
    skips
}

/// Has the windows that hold no whole code name second tables, which are put into `longer` from `used` on; `behind` is how far that is from
/// the pair's first word. `None` where there is no room.
fn name_longer(
    words: &[Word],
    window: u32,
    behind: usize,
    mut tables: [&mut [u32]; 2],
    longer: &mut [u32],
    used: &mut usize,
) -> Option<()> {
    let names = |further: u32, at: usize| further << 5 | ((behind + at) as u32) << 9 | CARE << ADVANCE;
    for table in &mut tables {
        table.iter_mut().filter(|entry| **entry == 0).for_each(|entry| *entry = names(0, 0));
    }
    let long = words.partition_point(|word| word.length <= window);
    let prefix = |word: &Word| word.first >> (16 - window);
    for group in words[long..].chunk_by(|one, other| prefix(one) == prefix(other)) {
        // Short codes come first.
        let further = group.last().map_or(0, |word| word.length) - window;
        let second = longer.get_mut(*used..*used + (1 << further))?;
        for word in group {
            let first = (word.first << window & 0xFFFF) >> (16 - further);
            second[first as usize..][..1 << (window + further - word.length)].fill(word.entry);
        }
        for table in &mut tables {
            table[prefix(&group[0]) as usize] = names(further, *used);
        }
        *used += 1 << further;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::symbols::{Symbols, code};
    use super::*;
    use crate::kernel::Bytes;

    #[test]
    fn entries_are_the_symbols_of_their_windows() {
        let mut numbers = Bytes(31);
        let (mut compared, mut longest, mut without) = (0, 0, 0);
        for round in 0..60 {
            let window = 7 + round % 4;
            let keys = [code(&mut numbers, true), code(&mut numbers, false)];
            let Some(tables) = pair([&keys[0], &keys[1]], window) else {
                without += 1;
                continue;
            };
            let symbols = Symbols::new(&keys[0], &keys[1]);
            for bits in (0..1u32 << 16).step_by(1 + (round as usize % 3)) {
                let ahead = bits << 16 | 0x5A5A;
                for (table, is_dc) in [(0, true), (1, false), (2, true), (3, false)] {
                    let mut entry = tables[(table << window) + (bits >> (16 - window)) as usize];
                    let one = symbols.at(ahead, is_dc);
                    if length(entry) == 0 {
                        // Named: one symbol, whose code is longer than the window, or none.
                        assert_eq!(advance(entry), CARE);
                        let further = entry >> 5 & 15;
                        let at = (entry >> 9 & 0x3FFF) + (((ahead << window) >> 1) >> (31 - further));
                        entry = tables[at as usize];
                        let expected = one.filter(|one| one.code > window);
                        assert_eq!(
                            entry,
                            expected.map_or(0, |one| super::entry(
                                one.code + one.size,
                                one.advance,
                                one.code,
                                one.size
                            ))
                        );
                        continue;
                    }
                    // As many symbols as it passes, one after the other.
                    let (mut passed, mut coefficients, mut is_dc_next, mut count) = (0, 0, is_dc, 0);
                    while passed < length(entry) {
                        let next =
                            symbols.at(ahead << passed, is_dc_next).expect("a code begins within the window");
                        assert!(passed + next.code <= window);
                        (passed, coefficients) =
                            (passed + next.code + next.size, coefficients + next.advance);
                        (is_dc_next, count) = (false, count + 1);
                    }
                    assert_eq!((passed, coefficients), (length(entry), advance(entry)), "table {table}");
                    assert!(
                        coefficients % DONE <= 64
                            && (table < 2 || count == 1 || coefficients >= DONE && count == 2)
                    );
                    if table != 1 {
                        let one = one.expect("as above");
                        assert_eq!(
                            (entry >> 5 & 31, entry >> 10 & 15),
                            (one.code, one.size),
                            "table {table}"
                        );
                    }
                    longest = longest.max(passed);
                    compared += 1;
                }
            }
        }
        assert!(compared > 3_000_000 && longest >= 25 && without < 30, "{compared} {longest} {without}");
    }
}
