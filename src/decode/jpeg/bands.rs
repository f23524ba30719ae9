//! Look-up tables of the AC bands of progressive scans: several symbols for 10 bits (T.81, G.1.2.2 and G.1.2.3).
//!
//! In a first scan, a coefficient that is not kept is passed, but its *place* counts, as later scans send a bit for each one that is not zero. An entry
//! of [`FirstTable`] stands for as many symbols as have their codes within the window, and tells these places; one for a kept coefficient stands for
//! that one, with its value, and the end of the band where it follows. An end-of-band run is part of an entry where its length is within the
//! window as well: then it passes whole blocks, without a branch.
//!
//! In a refinement, bits for known coefficients stand between the symbols, so an entry is one symbol.
//!
//! Windows of 10 bits, not 12: most progressive files bring tables of their own for each scan, small ones too, and entries have 8 bytes.

use super::bits::extend;
use super::huffman::{Code, WINDOW, Word};

/// The tables of the scan under way.
#[derive(Debug, Default)]
pub(super) struct BandTables {
    pub(super) first: FirstTable,
    pub(super) refine: RefineTable,
}

impl BandTables {
    /// Fills the one that a scan of an AC band needs.
    pub(super) fn set(&mut self, code: &Code, refines: bool, low: u32) {
        if refines { self.refine.set(code) } else { self.first.set(code, low) }
    }
}

/// Bits that one look-up sees.
pub(super) const BITS: u32 = 10;
/// Entries of one table.
const ENTRIES: usize = 1 << BITS;
/// Bits that an entry may pass, so that three look-ups share a load: two pass at most 42 of 57, the third sees 10 more, and 63 leave a one in place.
const LONGEST: u32 = 21;
/// Coefficients that an entry may pass: what a symbol passes at most, and places have a bit for each.
const MOST_PASSED: u32 = 16;
/// The reach of an entry where no whole symbol fits the window: beyond every band.
const SLOW: u32 = 127;

/// One look-up in a first scan. From the lowest bits on: length, 6; blocks that end with it, 12; coefficients passed, 7; how far it reaches, 7: so many
/// of the block must be left; places of those that are not zero, 16; value, 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstEntry(u64);

impl FirstEntry {
    const NONE: FirstEntry = FirstEntry((SLOW as u64) << 25);

    /// A coefficient of `length` bits behind `run` zeros.
    fn coefficient(length: u32, run: u32, value: i16) -> FirstEntry {
        FirstEntry::new(length, 0, run + 1, 1 << run, value)
    }

    fn new(length: u32, blocks: u32, passed: u32, places: u32, value: i16) -> FirstEntry {
        // Behind the last coefficient no end of band follows: what looks like one is the next block's.
        let reach = passed + u32::from(blocks > 0);
        FirstEntry(
            u64::from(length)
                | u64::from(blocks) << 6
                | u64::from(passed) << 18
                | u64::from(reach) << 25
                | u64::from(places) << 32
                | u64::from(value as u16) << 48,
        )
    }

    /// This entry and one behind it; this alone where both together are too much.
    fn then(self, next: FirstEntry) -> FirstEntry {
        let (length, passed) = (self.length() + next.length(), self.passed() + next.passed());
        if next == FirstEntry::NONE || passed > MOST_PASSED || length > LONGEST {
            return self;
        }
        let places = self.places() | next.places() << self.passed();
        FirstEntry::new(length, next.blocks(), passed, places as u32, self.value())
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 as u32 & 63
    }

    /// Blocks that end with it: this one, and those that an end-of-band run covers.
    #[inline(always)]
    pub(super) fn blocks(self) -> u32 {
        self.0 as u32 >> 6 & 0xFFF
    }

    #[inline(always)]
    pub(super) fn passed(self) -> u32 {
        self.0 as u32 >> 18 & 127
    }

    /// How many coefficients the band must have left for it; beyond every band where there is none.
    #[inline(always)]
    pub(super) fn reach(self) -> u32 {
        self.0 as u32 >> 25
    }

    /// Which of those passed are not zero, by bit.
    #[inline(always)]
    pub(super) fn places(self) -> u64 {
        self.0 >> 32 & 0xFFFF
    }

    /// The value of the last one, 0 where it is not kept.
    #[inline(always)]
    pub(super) fn value(self) -> i16 {
        (self.0 >> 48) as i16
    }
}

/// What a first scan looks up: for coefficients that are kept, and behind these for others.
#[derive(Debug)]
pub(super) struct FirstTable {
    entries: Box<[FirstEntry; 2 * ENTRIES]>,
    /// For every window of 0 to 10 bits, `1 << bits | window`: ends of a band alone, and as many symbols as fit.
    ends: Vec<FirstEntry>,
    skips: Vec<FirstEntry>,
}

/// Which of the two tables.
pub(super) const KEPT: usize = 0;
pub(super) const PASSED: usize = ENTRIES;

impl Default for FirstTable {
    fn default() -> FirstTable {
        FirstTable { entries: Box::new([FirstEntry::NONE; 2 * ENTRIES]), ends: Vec::new(), skips: Vec::new() }
    }
}

impl FirstTable {
    /// Fills it for a code whose values are to be shifted by `low` bits.
    pub(super) fn set(&mut self, code: &Code, low: u32) {
        for memo in [&mut self.ends, &mut self.skips] {
            memo.clear();
            memo.resize(2 * ENTRIES, FirstEntry::NONE);
        }
        for bits in 1..=BITS {
            for word in code.words().take_while(|word| word.length <= bits) {
                set_end(&mut self.ends[1 << bits..][..1 << bits], bits, word);
                set_skips(&mut self.skips, bits, word, low);
            }
        }
        let (kept, passed) = self.entries.split_at_mut(ENTRIES);
        passed.copy_from_slice(&self.skips[ENTRIES..]);
        kept.copy_from_slice(&self.ends[ENTRIES..]);
        for word in code.words().take_while(|word| word.length < BITS) {
            set_values(kept, &self.ends, word, low);
        }
    }

    /// The entry for the uppermost of `bits`.
    #[inline(always)]
    pub(super) fn look(&self, which: usize, bits: u64) -> FirstEntry {
        self.entries[(which | (bits >> (64 - BITS)) as usize) & (2 * ENTRIES - 1)]
    }
}

/// The windows of `bits` bits that begin with a word.
fn windows(all: &mut [FirstEntry], bits: u32, word: Word) -> &mut [FirstEntry] {
    &mut all[word.first >> (WINDOW - bits)..][..1 << (bits - word.length)]
}

/// Blocks of an end-of-band run, by the bits of its symbol.
fn ends_band(word: Word) -> Option<u32> {
    let (run, size) = (u32::from(word.symbol >> 4), word.symbol & 15);
    (size == 0 && run < 15).then_some(run)
}

fn set_end(ends: &mut [FirstEntry], bits: u32, word: Word) {
    let Some(more) = ends_band(word).filter(|more| word.length + more <= bits) else { return };
    let chunks = windows(ends, bits, word).chunks_exact_mut(1 << (bits - word.length - more));
    for (blocks, chunk) in (1 << more..).zip(chunks) {
        chunk.fill(FirstEntry::new(word.length + more, blocks, 0, 0, 0));
    }
}

fn set_skips(skips: &mut [FirstEntry], bits: u32, word: Word, low: u32) {
    let (narrower, all) = skips.split_at_mut(1 << bits);
    let (run, size) = (u32::from(word.symbol >> 4), u32::from(word.symbol & 15));
    if ends_band(word).is_some() {
        return set_end(&mut all[..1 << bits], bits, word);
    }
    if size + low > 15 {
        return;
    }
    let first = match size {
        0 => FirstEntry::new(word.length, 0, 16, 0, 0),
        _ => FirstEntry::new(word.length + size, 0, run + 1, 1 << run, 0),
    };
    if first.length() > LONGEST {
        return;
    }
    let left = bits.saturating_sub(word.length + size);
    let to = windows(&mut all[..1 << bits], bits, word);
    if left == 0 {
        to.fill(first);
        return;
    }
    let rests = &narrower[1 << left..][..1 << left];
    for chunk in to.chunks_exact_mut(1 << left) {
        for (slot, &rest) in chunk.iter_mut().zip(rests) {
            *slot = first.then(rest);
        }
    }
}

/// Entries with the values of one symbol, where they have 16 bits.
fn set_values(kept: &mut [FirstEntry], ends: &[FirstEntry], word: Word, low: u32) {
    let (run, size) = (u32::from(word.symbol >> 4), u32::from(word.symbol & 15));
    let length = word.length + size;
    if size == 0 || size + low > 15 || length > BITS {
        return;
    }
    let left = BITS - length;
    let rests = &ends[1 << left..][..1 << left];
    for (bits, chunk) in (0..1 << size).zip(windows(kept, BITS, word).chunks_exact_mut(1 << left)) {
        let first = FirstEntry::coefficient(length, run, extend(bits, size) << low);
        for (slot, &rest) in chunk.iter_mut().zip(rests) {
            *slot = first.then(rest);
        }
    }
}

/// One symbol of a refinement. From the lowest bits on: length with the sign's bit, 8; run, 8, with [`RefineEntry::END`]; the sign, 16.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RefineEntry(u32);

impl RefineEntry {
    /// Set in the run of an end of band.
    const END: u32 = 1 << 15;

    fn end(length: u32, run: u32) -> RefineEntry {
        RefineEntry(length | run << 8 | RefineEntry::END)
    }

    fn coefficient(length: u32, run: u32, sign: i16) -> RefineEntry {
        RefineEntry(length | run << 8 | u32::from(sign as u16) << 16)
    }

    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 & 0xFF
    }

    /// Zeros in front of a coefficient, or the bits that an end-of-band run's length has.
    #[inline(always)]
    pub(super) fn run(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// Whether it is a new coefficient.
    #[inline(always)]
    pub(super) fn is_coefficient(self) -> bool {
        self.0 > 0xFFFF
    }

    /// Whether it ends the band.
    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 & RefineEntry::END != 0
    }

    /// 1 or −1 for a coefficient.
    #[inline(always)]
    pub(super) fn sign(self) -> i16 {
        (self.0 >> 16) as i16
    }
}

/// What a refinement looks up.
#[derive(Debug)]
pub(super) struct RefineTable(Box<[RefineEntry; ENTRIES]>);

impl Default for RefineTable {
    fn default() -> RefineTable {
        RefineTable(Box::new([RefineEntry::default(); ENTRIES]))
    }
}

impl RefineTable {
    pub(super) fn set(&mut self, code: &Code) {
        self.0.fill(RefineEntry::default());
        for word in code.words().take_while(|word| word.length < BITS) {
            let (run, size) = (u32::from(word.symbol >> 4), word.symbol & 15);
            let to = &mut self.0[word.first >> (WINDOW - BITS)..][..1 << (BITS - word.length)];
            match (run, size) {
                // Sixteen zeros are rare in what is refined.
                (15, 0) => {}
                (_, 0) => to.fill(RefineEntry::end(word.length, run)),
                (_, 1) => {
                    let (negative, positive) = to.split_at_mut(1 << (BITS - word.length - 1));
                    let length = word.length + 1;
                    negative.fill(RefineEntry::coefficient(length, run, -1));
                    positive.fill(RefineEntry::coefficient(length, run, 1));
                }
                // A broken symbol.
                _ => {}
            }
        }
    }

    /// The entry for the uppermost of `bits`; of neither kind where a symbol is to be read by itself.
    #[inline(always)]
    pub(super) fn look(&self, bits: u64) -> RefineEntry {
        self.0[(bits >> (64 - BITS)) as usize & (ENTRIES - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::huffman::NO_CODE;
    use super::*;
    use crate::kernel::Bytes;

    /// Reads symbol by symbol what an entry stands for; how many symbols that are.
    fn replay(entry: FirstEntry, which: usize, code: &Code, low: u32, bits: u64) -> usize {
        let (mut at, mut passed, mut blocks, mut places, mut value, mut symbols) = (0, 0, 0, 0u64, 0, 0);
        while at < entry.length() {
            assert_eq!(blocks, 0, "nothing follows an end of band");
            let bits = bits << at;
            let (length, symbol) = code.symbol(bits);
            assert_ne!(length, NO_CODE);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            let rest = |count: u32| (bits << length >> 1 >> (63 - count)) as u32;
            match (run, size) {
                (15, 0) => passed += 16,
                (_, 0) => blocks = (1 << run) + rest(run),
                _ => {
                    passed += run + 1;
                    (places, value) = (places | 1 << (passed - 1), extend(rest(size), size) << low);
                }
            }
            at += length + if size == 0 && run < 15 { run } else { size };
            symbols += 1;
        }
        assert_eq!(at, entry.length());
        assert_eq!((entry.passed(), entry.blocks(), entry.places()), (passed, blocks, places));
        assert_eq!(entry.reach(), passed + u32::from(blocks > 0));
        assert_eq!(entry.value(), if which == KEPT { value } else { 0 });
        assert!(which == PASSED || places.count_ones() < 2);
        symbols
    }

    #[test]
    fn an_entry_of_a_first_scan_is_what_its_symbols_say() {
        let (mut numbers, mut table) = (Bytes(5), FirstTable::default());
        let mut of = [[0; 8]; 2];
        for low in [0, 1, 2, 13].repeat(6) {
            let code = Code::arbitrary(&mut numbers);
            table.set(&code, low);
            for _ in 0..4_000 {
                let bits = numbers.next();
                for (which, of) in [KEPT, PASSED].into_iter().zip(&mut of) {
                    let entry = table.look(which, bits);
                    let symbols =
                        if entry.reach() == SLOW { 0 } else { replay(entry, which, &code, low, bits) };
                    of[symbols] += 1;
                }
            }
        }
        // Most look-ups find something, many of them more than one symbol.
        assert!(of[0][0] < 40_000 && of[0][1] > 20_000 && of[0][2] > 2_000, "{of:?}");
        assert!(of[1][0] < 30_000 && of[1][2..].iter().sum::<usize>() > 20_000, "{of:?}");
    }

    #[test]
    fn an_entry_of_a_refinement_is_what_its_symbol_says() {
        let (mut numbers, mut table, mut found) = (Bytes(6), RefineTable::default(), 0);
        for _ in 0..20 {
            let code = Code::arbitrary(&mut numbers);
            table.set(&code);
            for _ in 0..2_000 {
                let bits = numbers.next();
                let (entry, (length, symbol)) = (table.look(bits), code.symbol(bits));
                let (run, size) = (u32::from(symbol >> 4), symbol & 15);
                if entry.is_coefficient() {
                    assert_eq!((entry.run(), entry.length(), size), (run, length + 1, 1));
                    assert_eq!(entry.sign(), if bits << length >> 63 == 1 { 1 } else { -1 });
                } else if entry.is_end() {
                    assert_eq!((entry.run(), entry.length(), size), (run, length, 0));
                    assert!(run < 15);
                } else {
                    assert!(length >= BITS || size > 1 || (run, size) == (15, 0));
                }
                found += usize::from(entry.is_coefficient() || entry.is_end());
            }
        }
        assert!(found > 15_000, "{found}");
    }
}
