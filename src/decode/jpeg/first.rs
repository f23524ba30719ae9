//! The first scan of a band (T.81, G.1.2.2): many symbols a look-up, or one with every check.

use super::bands::{FirstTable, KEPT, PASSED};
use super::bits::{extend, load};
use super::huffman::Code;
use super::planes::Stored;
use super::reading::{Band, Reading};
use std::hint::select_unpredictable;

/// Look-ups that share a load.
const ROUNDS: usize = 3;
/// Bits that a load and the look-ups in it may see: in front of it nothing needs a check for the end.
const MARGIN: usize = 64;

/// A place in a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The stored block under way.
    pub(super) block: usize,
    /// Its next coefficient.
    pub(super) k: u32,
}

/// A first scan under way.
pub(super) struct First<'a> {
    pub(super) band: Band,
    pub(super) code: &'a Code,
    /// Made of `code`.
    pub(super) table: &'a FirstTable,
}

impl First<'_> {
    /// Reads on from the beginning of a block, until one begins at or behind `until`, or something needs care: an end-of-band run may lead
    /// beyond. Nothing that it reads is wrong, and data never ends in it.
    #[inline(always)]
    pub(super) fn run<const NATURAL: bool>(
        &self,
        reading: &mut Reading<'_>,
        store: &mut Stored,
        mut block: usize,
        until: usize,
    ) -> Place {
        let Band { first, last, kept, slots, .. } = self.band;
        let (coefficients, history) = (&mut store.coefficients[..], &mut store.history[..]);
        let data = reading.bits.bytes();
        let mut position = reading.bits.position();
        let stop = reading.bits.end();
        let mut k = first;
        let table_at = |k: u32| select_unpredictable(k <= kept, KEPT, PASSED);
        let mut which = table_at(k);
        'run: while position + MARGIN <= stop {
            // A one behind the bits counts how many were taken.
            let mut bits = load(data, position) | 1;
            for _ in 0..ROUNDS {
                let entry = self.table.look(which, bits);
                if k + entry.reach() > last + 1 || block >= until {
                    position += bits.trailing_zeros() as usize;
                    break 'run;
                }
                bits <<= entry.length();
                if let Some(known) = history.get_mut(block) {
                    *known |= entry.places() << k;
                }
                let passed = k + entry.passed();
                // What is not kept, or no coefficient at all, leaves what is there: no branch tells these from the others.
                let (value, at) = (entry.value(), passed.wrapping_sub(1));
                let is_stored = (value != 0) & (at <= kept);
                let at = select_unpredictable(is_stored, at, 0);
                let at = if NATURAL { self.band.slot(at) } else { at as usize };
                if let Some(to) = coefficients.get_mut(block * slots + at) {
                    *to = select_unpredictable(is_stored, value, *to);
                }
                let blocks = entry.blocks() + u32::from(passed == last + 1);
                block += blocks as usize;
                k = select_unpredictable(blocks > 0, first, passed);
                which = table_at(k);
            }
            position += bits.trailing_zeros() as usize;
        }
        reading.bits.set_position(position);
        Place { block, k }
    }

    /// One block from coefficient `k` on; returns how many more blocks its end-of-band run covers.
    #[inline(always)]
    pub(super) fn block(
        &self,
        reading: &mut Reading<'_>,
        mcu: usize,
        store: &mut Stored,
        Place { block, mut k }: Place,
    ) -> u32 {
        let Band { last, low, slots, kept, .. } = self.band;
        let values = &mut store.coefficients[block * slots..][..slots];
        let (mut known, mut cleared) = (0u64, 0u64);
        let mut run_behind = 0;
        while k <= last {
            let (bits, length, symbol) = reading.symbol(self.code, mcu);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            reading.bits.skip(length + size);
            if size == 0 {
                if run < 15 {
                    run_behind = (1 << run) - 1 + reading.bits.take(run);
                    break;
                }
                k += 16;
                continue;
            }
            k = (k + run).min(63);
            let full = i32::from(extend((bits << length >> 1 >> (63 - size)) as u32, size)) << low;
            let value = full as i16;
            if i32::from(value) == full {
                known |= 1 << k;
            } else {
                reading.wrapped = true;
                (known, cleared) = (known | u64::from(value != 0) << k, cleared | u64::from(value == 0) << k);
            }
            if k <= kept {
                values[self.band.slot(k)] = value;
            }
            k += 1;
        }
        if let Some(history) = store.history.get_mut(block) {
            *history = (*history | known) & !cleared;
        }
        run_behind
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::{BitReader, PADDING};
    use super::*;
    use crate::kernel::Bytes;

    /// Reads blocks until data ends, many symbols at a time where `fast` says so: what is stored, where each stop was, how many blocks were read symbol
    /// by symbol.
    fn read(fast: bool, band: Band, code: &Code, data: &[u8], blocks: usize) -> (Stored, usize, usize) {
        let mut table = FirstTable::default();
        table.set(code, band.low);
        let first = First { band, code, table: &table };
        let mut store = Stored::default();
        store.reset(blocks, band.slots, true, true);
        let bits = BitReader::new(data, 0, data.len() - PADDING);
        let mut reading = Reading { bits, wrong: None, last: 0, wrapped: false };
        let (mut at, mut slow) = (0, 0);
        while at < blocks && !reading.bits.is_dry() {
            let mut place = Place { block: at, k: band.first };
            if fast {
                place = match band.slots {
                    64 => first.run::<true>(&mut reading, &mut store, at, blocks),
                    _ => first.run::<false>(&mut reading, &mut store, at, blocks),
                };
                at = place.block;
                if at >= blocks {
                    break;
                }
            }
            at += 1 + first.block(&mut reading, 0, &mut store, place) as usize;
            slow += 1;
        }
        (store, reading.bits.position(), slow)
    }

    #[test]
    fn many_symbols_at_a_time_are_what_one_by_one_are() {
        let mut numbers = Bytes(9);
        let (mut all, mut slow) = (0, 0);
        for case in 0..200 {
            let code = Code::arbitrary(&mut numbers);
            let mut data = numbers.fill(700 + case);
            data.extend([0; PADDING]);
            let (first, last) = [(1, 63), (1, 5), (6, 63), (2, 2)][case % 4];
            let (slots, kept) = [(64, 63), (1, 0), (8, 4), (16, 13), (32, 26)][case % 5];
            let band = Band { first, last, low: [0, 1, 2, 12][case / 20 % 4], slots, kept };
            let blocks = 40 + case;
            let (fast, at, of_fast) = read(true, band, &code, &data, blocks);
            let (plain, expected, of_plain) = read(false, band, &code, &data, blocks);
            assert_eq!((fast.coefficients, fast.history), (plain.coefficients, plain.history), "{band:?}");
            assert_eq!(at, expected, "{band:?}");
            (all, slow) = (all + of_plain, slow + of_fast);
        }
        assert!(slow * 4 < all * 3, "{slow} of {all} blocks read symbol by symbol");
    }
}
