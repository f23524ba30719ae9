//! One block of a refinement scan (T.81, G.1.2.3).

use super::bands::RefineTable;
use super::bits::{BitReader, LOADED, load};
use super::huffman::Code;
use super::planes::Stored;
use super::reading::{Band, Reading};
use std::hint::select_unpredictable;

/// A block under way.
///
/// Every coefficient that is not zero yet takes one bit, so passing those that are not kept is a matter of counting.
pub(super) struct Refinement<'a> {
    band: Band,
    /// Which coefficients are known not to be zero.
    history: &'a mut u64,
    values: &'a mut [i16],
    /// Those whose values are kept, by bit.
    kept: u64,
    k: u32,
}

/// Bits `from..until`, of which `until` may be 64.
#[inline(always)]
fn bits(from: u32, until: u32) -> u64 {
    below(until) & !below(from)
}

/// A value further from zero by `step`, which is one bit or none.
#[inline(always)]
fn corrected(value: i16, step: i16) -> i16 {
    // As libjpeg: a bit that is set already, by a scan that came twice, is not added again.
    let step = if value & step == 0 { step } else { 0 };
    if value >= 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) }
}

/// Bits below `k`, which may be 64.
#[inline(always)]
fn below(k: u32) -> u64 {
    if k < 64 { (1 << k) - 1 } else { u64::MAX }
}

/// Where the ones of a byte are, one behind the other.
static ONES: [[u8; 8]; 256] = {
    let mut all = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                all[byte][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    all
};

/// Room for the places of a word's ones, and what is written behind them: an index of 7 bits needs no check.
pub(super) const PLACES: usize = 128 + BEHIND;

/// No place: so far behind all that no load lasts for what lies between.
const NOWHERE: u8 = 255;
/// As often it stands behind the ones: a run may be that long.
const BEHIND: usize = 16;

/// Writes where the ones of a word are, in order, and [`NOWHERE`] behind them. One look at them for each zero that a run ends at is all that a
/// symbol waits for; clearing the lowest ones in turn takes as many wrong guesses as there are lengths of runs.
#[inline(always)]
fn ones(word: u64, places: &mut [u8; PLACES]) {
    let mut count = 0;
    for (byte, ones) in word.to_le_bytes().into_iter().enumerate() {
        let of_byte = u64::from_le_bytes(ONES[usize::from(ones)]) + 0x0808_0808_0808_0808 * byte as u64;
        places[count & 127..][..8].copy_from_slice(&of_byte.to_le_bytes());
        count += ones.count_ones() as usize;
    }
    places[count & 127..][..BEHIND].fill(NOWHERE);
}

/// Bits that a block takes at most, of symbols in the table: 63 new coefficients of 10 and an end, or bits for 63 known ones.
const MARGIN: usize = 832;

impl<'a> Refinement<'a> {
    #[inline(always)]
    pub(super) fn new(band: Band, store: &'a mut Stored, block: usize) -> Refinement<'a> {
        let values = &mut store.coefficients[block * band.slots..][..band.slots];
        Refinement {
            band,
            history: &mut store.history[block],
            values,
            kept: bits(0, band.kept + 1),
            k: band.first,
        }
    }

    /// Reads correction bits for the coefficients before `until` that are not zero.
    #[inline(always)]
    fn correct(&mut self, reader: &mut BitReader<'_>, until: u32) {
        let known = *self.history & bits(self.k, until);
        self.k = until;
        if known == 0 {
            return;
        }
        let mut kept = known & self.kept;
        let passed = (known ^ kept).count_ones();
        while kept != 0 {
            let mut bits = reader.peek();
            let count = kept.count_ones().min(LOADED);
            for _ in 0..count {
                self.correct_one(kept.trailing_zeros(), bits >> 63);
                (kept, bits) = (kept & (kept - 1), bits << 1);
            }
            reader.skip(count);
        }
        reader.skip(passed);
    }

    #[inline(always)]
    fn correct_one(&mut self, k: u32, bit: u64) {
        let value = &mut self.values[self.band.slot(k)];
        *value = corrected(*value, (bit as i16) << self.band.low);
    }

    /// The place of the zero behind `zeros` others, or the place behind the band.
    #[inline(always)]
    fn zero_behind(&self, zeros: u32) -> u32 {
        let end = self.band.last + 1;
        let mut open = !*self.history & bits(self.k, end);
        for _ in 0..zeros {
            // Clears the lowest bit that is set: the next zero.
            open &= open.wrapping_sub(1);
        }
        open.trailing_zeros().min(end)
    }

    /// Reads the next block, of which `run` behind the last one are in an end-of-band run; returns how many then are. The table is made of
    /// the code; `zeros` is room. `SLOTS` is how many there are, 0 for any other number than 1 and 64.
    #[inline(always)]
    pub(super) fn next<const SLOTS: usize>(
        mut self,
        reading: &mut Reading<'_>,
        mcu: usize,
        (code, table): (&Code, &RefineTable),
        zeros: &mut [u8; PLACES],
        run: u32,
    ) -> u32 {
        if run == 0
            && reading.bits.position() + MARGIN <= reading.bits.end()
            && let Some(run) = self.quick::<SLOTS>(&mut reading.bits, table, zeros)
        {
            return run;
        }
        self.next_by_symbol(reading, mcu, code, run)
    }

    /// The same with every check.
    #[inline(always)]
    pub(super) fn next_by_symbol(
        mut self,
        reading: &mut Reading<'_>,
        mcu: usize,
        code: &Code,
        run: u32,
    ) -> u32 {
        if run == 0 {
            return self.block(reading, mcu, code);
        }
        self.correct(&mut reading.bits, self.band.last + 1);
        run - 1
    }

    /// Reads a block as far as its symbols are in the table; `None` where one is not, which comes next then.
    ///
    /// Symbols and known coefficients' bits take turns, so each look-up waits for the one before. All else is gathered and stored without a
    /// branch meanwhile: the known coefficients' bits, of which the first are for kept values, are added at the end.
    #[inline(always)]
    fn quick<const SLOTS: usize>(
        &mut self,
        reader: &mut BitReader<'_>,
        table: &RefineTable,
        zeros: &mut [u8; PLACES],
    ) -> Option<u32> {
        let Band { first, last, .. } = self.band;
        let (data, end, step) = (reader.bytes(), last + 1, 1i16 << self.band.low);
        let mut history = *self.history;
        let known = history & bits(first, end);
        ones(!history & bits(first, end), zeros);
        // Zeros of the band behind, and how much further the next coefficient is: all in front of the band, and the known ones that are behind.
        let (mut before, mut further) = (0, first);
        // What is left of a load, and how many of its bits were taken.
        let (mut position, mut ahead, mut taken) = (reader.position(), load(data, reader.position()), 0);
        let mut corrections = 0u64;
        let run = loop {
            let entry = table.look(ahead);
            let (length, run, behind) = (entry.length(), entry.run(), ahead << entry.length());
            if entry.is_coefficient() {
                // The coefficients before it are zeros, as many as it says, and known ones.
                let place = before + run;
                let until = u32::from(zeros[place as usize & 127]);
                let passed = until - place - further;
                let all = taken + length + passed;
                if all <= LOADED {
                    corrections = corrections << passed | behind >> 1 >> (63 - passed);
                    if SLOTS != 1 {
                        // What is not kept goes to the last slot, where nothing is.
                        let slot = self.slot::<SLOTS>(until);
                        self.values[slot] = entry.sign().wrapping_mul(step);
                    }
                    history |= 1 << until;
                    (ahead, taken) = (behind << passed, all);
                    (before, further) = (place + 1, further + passed);
                    if until >= last {
                        break Some(0);
                    }
                    continue;
                }
            } else {
                let passed = known.count_ones() + first - further;
                let all = taken + length + run + passed;
                if entry.is_end() && all <= LOADED {
                    corrections = corrections << passed | behind << run >> 1 >> (63 - passed);
                    (taken, further) = (all, further + passed);
                    break Some((1 << run) - 1 + (behind >> 1 >> (63 - run)) as u32);
                }
            }
            // The load does not last for the entry, or ends in its code. Of a whole load, it is none.
            if taken == 0 {
                break None;
            }
            position += taken as usize;
            (ahead, taken) = (load(data, position), 0);
        };
        if SLOTS != 1 {
            self.add::<SLOTS>(known & self.kept, corrections, further - first, step);
        }
        *self.history = history;
        self.k = before + further;
        reader.set_position(position + taken as usize);
        run
    }

    /// Where a value is stored; the last slot where it is not kept.
    #[inline(always)]
    fn slot<const SLOTS: usize>(&self, k: u32) -> usize {
        let last = self.values.len() - 1;
        if SLOTS == 64 {
            self.band.slot(k)
        } else {
            select_unpredictable(k <= self.band.kept, k as usize, last)
        }
    }

    /// Adds correction bits to the first `count` known coefficients, of which these are `kept`; the last one's is the lowest.
    #[inline(always)]
    fn add<const SLOTS: usize>(&mut self, mut kept: u64, corrections: u64, count: u32, step: i16) {
        let mut left = count;
        while kept != 0 && left > 0 {
            left -= 1;
            let slot = self.slot::<SLOTS>(kept.trailing_zeros());
            let value = &mut self.values[slot];
            *value = corrected(*value, (corrections >> left & 1) as i16 * step);
            kept &= kept - 1;
        }
    }

    /// Reads the block symbol by symbol; returns the blocks that an end-of-band run covers behind it.
    #[inline(never)]
    fn block(&mut self, reading: &mut Reading<'_>, mcu: usize, code: &Code) -> u32 {
        while self.k <= self.band.last {
            let (_, length, symbol) = reading.symbol(code, mcu);
            reading.bits.skip(length);
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && run < 15 {
                let more = (1 << run) - 1 + reading.bits.take(run);
                self.correct(&mut reading.bits, self.band.last + 1);
                return more;
            }
            // A new coefficient has one bit; another size is a broken symbol, taken for 1.
            if size > 1 {
                reading.note_wrong(mcu);
            }
            let positive = size != 0 && reading.bits.take(1) == 1;
            self.correct(&mut reading.bits, self.zero_behind(run));
            if size != 0 {
                self.set(self.k.min(63), positive);
            }
            self.k += 1;
        }
        0
    }

    /// Stores a coefficient that is no longer zero.
    #[inline(always)]
    fn set(&mut self, k: u32, positive: bool) {
        *self.history |= 1 << k;
        if self.kept >> k & 1 == 1 {
            let step = 1i16 << self.band.low;
            self.values[self.band.slot(k)] = if positive { step } else { step.wrapping_neg() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::PADDING;
    use super::*;
    use crate::kernel::Bytes;

    #[test]
    fn places_of_ones() {
        let (mut numbers, mut places) = (Bytes(2), [0; PLACES]);
        let some = (0..500).map(|_| numbers.next() & numbers.next());
        for word in [0, 1, u64::MAX, 1 << 63].into_iter().chain(some.collect::<Vec<_>>()) {
            let expected: Vec<u8> = (0..64).filter(|bit| word >> bit & 1 == 1).chain([NOWHERE; 16]).collect();
            ones(word, &mut places);
            assert_eq!(&places[..expected.len()], expected, "{word:x}");
        }
    }

    #[test]
    fn a_block_by_tables_is_one_by_symbols() {
        let (mut numbers, mut zeros, mut table) = (Bytes(4), [0; PLACES], RefineTable::default());
        for case in 0..4_000 {
            let code = Code::arbitrary(&mut numbers);
            table.set(&code);
            let mut data = numbers.fill(200);
            data.extend([0; PADDING]);
            let (first, last) = [(1, 63), (1, 5), (6, 63), (2, 2)][case % 4];
            let (slots, kept) = [(64, 63), (1, 0), (8, 4), (16, 13), (32, 26)][case % 5];
            let band = Band { first, last, low: [0, 1, 12][case % 3], slots, kept };
            // Few known coefficients, or many; and values that have the bit already.
            let known = (0..case % 3).fold(u64::MAX << 1, |known, _| known & numbers.next());
            let mut store = Stored { coefficients: vec![0; slots], history: vec![known] };
            for k in (0..=kept).filter(|k| known >> k & 1 == 1) {
                store.coefficients[band.slot(k)] = ((numbers.next() % 64) as i16 - 32) << band.low.min(9);
            }
            let mut read = |by_table: bool| {
                let mut store = store.clone();
                let bits = BitReader::new(&data, 0, data.len() - PADDING);
                let mut reading = Reading { bits, wrong: None, last: 0, wrapped: false };
                let block = Refinement::new(band, &mut store, 0);
                let codes = (&code, &table);
                let run = match (by_table, slots) {
                    (false, _) => block.next_by_symbol(&mut reading, 0, &code, 0),
                    (true, 1) => block.next::<1>(&mut reading, 0, codes, &mut zeros, 0),
                    (true, 64) => block.next::<64>(&mut reading, 0, codes, &mut zeros, 0),
                    (true, _) => block.next::<0>(&mut reading, 0, codes, &mut zeros, 0),
                };
                store.coefficients.truncate(slots - usize::from(slots > 1 && slots < 64));
                (run, reading.bits.position(), reading.wrong, store.coefficients, store.history)
            };
            assert_eq!(read(true), read(false), "{band:?} {known:x}");
        }
    }
}
