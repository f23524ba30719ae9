//! Scans of progressive frames (T.81, annex G.2).
//!
//! Of a band that is read, every coefficient's *place* is kept in a 64-bit history a block, because a later refinement
//! reads one bit for each that is not zero; values only of the kept frequencies.
//!
//! What data no encoder writes means is libjpeg's to say. Behind the data there are zeros, for as long as the MCU under way lasts. Bits that no
//! code begins with are a zero, which ends the band. A coefficient behind the last of the band is stored where it falls, behind the last of
//! all in the last. A value keeps 16 bits.

use super::bands::{BandTables, RefineTable};
use super::bits::{BitReader, Interval, LOADED, Stream, extend};
use super::first::{First, Place};
use super::frame::Frame;
use super::huffman::{Code, HuffmanTables};
use super::level::wide;
use super::planes::Stored;
use super::reading::{Band, Reading};
use super::refinement::{PLACES, Refinement};
use super::scan::Scan;
use super::transform::NATURAL;
use super::watched::Watched;
use crate::error::Result;
use fearless_simd::Level;
use std::ops::Range;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

/// One scan to be read.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) frame: &'a Frame,
    pub(super) scan: &'a Scan,
    pub(super) tables: &'a HuffmanTables,
    pub(super) level: Level,
    /// Coefficients stored a block.
    pub(super) slots: usize,
    /// The last coefficient that is kept, for each component.
    pub(super) kept: [u32; 4],
}

/// What came of a scan.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The MCU last begun before data ran out.
    pub(super) last: usize,
    /// Whether a value left 16 bits.
    pub(super) wrapped: bool,
}

/// The codes of a scan's components, where they are read with.
pub(super) type Codes<'a> = [Option<&'a Code>; 4];

impl<'a> Pass<'a> {
    /// Decodes every interval and reports the MCUs that came out whole.
    pub(super) fn decode(
        &self,
        stream: &Stream,
        tables: &mut BandTables,
        stored: &mut [Stored; 4],
        watched: &mut [Watched; 4],
        mut whole: impl FnMut(Range<usize>),
    ) -> Result<Outcome> {
        let codes = self.codes()?;
        if let (Some(code), 1..) = (codes[0], self.scan.first) {
            tables.set(code, self.scan.high > 0, self.scan.low);
        }
        let (mut outcome, mut was_dry) = (Outcome::default(), false);
        for index in 0..stream.intervals() {
            let interval = stream.interval(index);
            if interval.lost && was_dry {
                continue;
            }
            let bits = BitReader::new(&stream.bytes, interval.start, interval.end);
            let mut reading = Reading { bits, wrong: None, last: interval.first, wrapped: false };
            self.interval(&mut reading, &interval, &codes, tables, stored, watched);
            let skipped = interval.skipped || interval.followed && reading.bits.left() > 0;
            let sound = match reading.wrong {
                _ if interval.lost || skipped => 0,
                Some(wrong) => wrong - interval.first,
                None => interval.mcus,
            };
            whole(interval.first..interval.first + sound);
            if !was_dry || reading.last > interval.first {
                outcome.last = reading.last;
            }
            outcome.wrapped |= reading.wrapped;
            was_dry = reading.bits.is_dry();
        }
        Ok(outcome)
    }

    /// The codes of the scan's components.
    pub(super) fn codes(&self) -> Result<Codes<'a>> {
        let mut codes = [None; 4];
        for (code, part) in codes.iter_mut().zip(self.scan.parts()) {
            *code = match (self.scan.first, self.scan.high) {
                (0, 0) => Some(&**self.tables.dc(part.dc)?),
                (0, _) => None,
                _ => Some(&**self.tables.ac(part.ac)?),
            };
        }
        Ok(codes)
    }

    /// Reads one interval. Each kind of scan is a function by itself, so that its loop has the registers alone; counting bits is one instruction
    /// where the level has it.
    fn interval(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        codes: &Codes<'_>,
        tables: &BandTables,
        stored: &mut [Stored; 4],
        watched: &mut [Watched; 4],
    ) {
        let component = self.scan.parts()[0].component;
        match (self.scan.first, self.scan.high, codes[0]) {
            (0, 0, _) => wide(
                self.level,
                #[inline(always)]
                || self.dc_first(reading, interval, codes, stored),
            ),
            (0, ..) => wide(
                self.level,
                #[inline(always)]
                || self.dc_refine(reading, interval, stored),
            ),
            (_, 0, Some(code)) => {
                let (store, watched) = (&mut stored[component], &mut watched[component]);
                let first = First { band: self.band(), code, table: &tables.first };
                wide(
                    self.level,
                    #[inline(always)]
                    || self.ac_first(reading, interval, &first, store, watched),
                );
            }
            (_, _, Some(code)) => {
                let (store, watched) = (&mut stored[component], &mut watched[component]);
                let tables = (code, &tables.refine);
                let level = self.level;
                match self.slots {
                    1 => wide(
                        level,
                        #[inline(always)]
                        || self.ac_refine::<1>(reading, interval, tables, store, watched),
                    ),
                    64 => wide(
                        level,
                        #[inline(always)]
                        || self.ac_refine::<64>(reading, interval, tables, store, watched),
                    ),
                    _ => wide(
                        level,
                        #[inline(always)]
                        || self.ac_refine::<0>(reading, interval, tables, store, watched),
                    ),
                }
            }
            (_, _, None) => {}
        }
    }

    /// Visits the blocks of `interval` MCU by MCU for as long as there is data: reading, MCU, part, component, block.
    #[inline(always)]
    fn dc_blocks(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        mut visit: impl FnMut(&mut Reading<'_>, usize, usize, usize, usize),
    ) {
        let (mut spots, mut count) = ([Spot::default(); MOST_SPOTS], 0);
        let (mut column, row) = (interval.first % self.scan.wide, interval.first / self.scan.wide);
        let alone = self.scan.parts().len() == 1;
        for (index, part) in self.scan.parts().iter().enumerate() {
            let component = &self.frame.components()[part.component];
            let (across, down) = if alone { (1, 1) } else { (component.across, component.down) };
            let turn = component.stride * down - self.scan.wide * across;
            for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                let block = (row * down + y) * component.stride + column * across + x;
                spots[count] = Spot { part: index, component: part.component, block, across, turn };
                count += 1;
            }
        }
        for mcu in interval.first..interval.first + interval.mcus {
            if !reading.begin(mcu) {
                return;
            }
            column += 1;
            let ends_row = column == self.scan.wide;
            column = if ends_row { 0 } else { column };
            for spot in &mut spots[..count] {
                visit(reading, mcu, spot.part, spot.component, spot.block);
                spot.block += spot.across + if ends_row { spot.turn } else { 0 };
            }
            reading.end(mcu);
        }
    }

    #[inline(always)]
    fn dc_first(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        codes: &Codes<'_>,
        stored: &mut [Stored; 4],
    ) {
        let mut prediction = [0i32; 4];
        self.dc_blocks(
            reading,
            interval,
            #[inline(always)]
            |reading, mcu, part, component, block| {
                let Some(code) = codes[part] else { return };
                let (bits, length, size) = reading.symbol(code, mcu);
                let size = u32::from(size & 15);
                reading.bits.skip(length + size);
                let difference = extend((bits << length >> 1 >> (63 - size)) as u32, size);
                prediction[part] = prediction[part].wrapping_add(difference.into());
                let value = prediction[part].wrapping_shl(self.scan.low);
                reading.wrapped |= value != i32::from(value as i16);
                stored[component].coefficients[block * self.slots] = value as i16;
            },
        );
    }

    #[inline(always)]
    fn dc_refine(&self, reading: &mut Reading<'_>, interval: &Interval, stored: &mut [Stored; 4]) {
        // What is left of a load.
        let (mut bits, mut left) = (0, 0);
        self.dc_blocks(
            reading,
            interval,
            #[inline(always)]
            |reading, _, _, component, block| {
                if left == 0 {
                    (bits, left) = (reading.bits.peek(), LOADED);
                }
                let bit = (bits >> 63) as i16;
                (bits, left) = (bits << 1, left - 1);
                reading.bits.skip(1);
                stored[component].coefficients[block * self.slots] |= bit << self.scan.low;
            },
        );
    }

    /// The stored blocks of an interval in the scan's order: AC scans are never interleaved.
    #[inline(always)]
    fn places(&self, interval: &Interval) -> Places {
        let component = &self.frame.components()[self.scan.parts()[0].component];
        let (row, column) = (interval.first / self.scan.wide, interval.first % self.scan.wide);
        Places {
            block: row * component.stride + column,
            column,
            wide: self.scan.wide,
            stride: component.stride,
        }
    }

    #[inline(always)]
    fn ac_first(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        first: &First<'_>,
        store: &mut Stored,
        watched: &mut Watched,
    ) {
        let mut places = self.places(interval);
        let mut next = watched.from(places.block);
        let (mut mcu, end) = (interval.first, interval.first + interval.mcus);
        while mcu < end && reading.begin(mcu) {
            // An end-of-band run may have gone beyond the one that was next.
            if places.block > next {
                next = watched.from(places.block);
            }
            let mut from = Place { block: places.block, k: first.band.first };
            let until = places.block + places.left().min(end - mcu).min(next - places.block);
            if until > places.block {
                from = if first.band.slots == 64 {
                    first.run::<true>(reading, store, places.block, until)
                } else {
                    first.run::<false>(reading, store, places.block, until)
                };
                let passed = from.block - places.block;
                (mcu, reading.last) = (mcu + passed, (mcu + passed).min(end - 1));
                places.advance(passed);
                if from.k == first.band.first && passed > 0 {
                    reading.last = (mcu - 1).min(end - 1);
                    continue;
                }
            }
            let run = if places.block == next {
                let run = self.ac_first_watched(reading, first, mcu, watched);
                self.copy(watched, store);
                run
            } else {
                first.block(reading, mcu, store, Place { block: places.block, ..from })
            } as usize;
            reading.end(mcu);
            if !reading.bits.is_dry() {
                reading.last = (mcu + run).min(end - 1);
            }
            mcu += 1 + run;
            places.advance(1 + run);
        }
    }

    /// `SLOTS` is how many there are, 0 for any other number than 1 and 64.
    #[inline(always)]
    fn ac_refine<const SLOTS: usize>(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        (code, table): (&Code, &RefineTable),
        store: &mut Stored,
        watched: &mut Watched,
    ) {
        let band = self.band();
        let mut places = self.places(interval);
        let mut next = watched.from(places.block);
        let (mut run, mut zeros) = (0, [0; PLACES]);
        for mcu in interval.first..interval.first + interval.mcus {
            if !reading.begin(mcu) {
                return;
            }
            run = if places.block == next {
                let run = self.ac_refine_watched(reading, code, mcu, watched, run);
                self.copy(watched, store);
                next = watched.from(places.block + 1);
                run
            } else {
                let block = Refinement::new(band, store, places.block);
                block.next::<SLOTS>(reading, mcu, (code, table), &mut zeros, run)
            };
            reading.end(mcu);
            places.advance(1);
        }
    }

    /// What an AC scan sends.
    fn band(&self) -> Band {
        let Scan { first, last, low, .. } = *self.scan;
        let kept = self.kept[self.scan.parts()[0].component];
        Band { first, last, low, slots: self.slots, kept }
    }

    #[cold]
    fn ac_first_watched(
        &self,
        reading: &mut Reading<'_>,
        first: &First<'_>,
        mcu: usize,
        watched: &mut Watched,
    ) -> u32 {
        let first = First { band: first.band.of_everything(), ..*first };
        first.block(reading, mcu, &mut watched.stored, Place { block: watched.at, k: first.band.first })
    }

    #[cold]
    fn ac_refine_watched(
        &self,
        reading: &mut Reading<'_>,
        code: &Code,
        mcu: usize,
        watched: &mut Watched,
        run: u32,
    ) -> u32 {
        let band = self.band().of_everything();
        Refinement::new(band, &mut watched.stored, watched.at).next_by_symbol(reading, mcu, code, run)
    }

    /// Keeps of the watched block under way what is kept of every block.
    #[cold]
    fn copy(&self, watched: &Watched, store: &mut Stored) {
        let Watched { blocks, stored, at } = watched;
        let band = self.band();
        let (block, from) = (blocks[*at], &stored.coefficients[at * 64..][..64]);
        let to = &mut store.coefficients[block * band.slots..][..band.slots];
        // Not to the band's last: a broken run leads beyond.
        for k in band.first..=band.kept {
            to[band.slot(k)] = from[usize::from(NATURAL[k as usize])];
        }
        if let (Some(to), Some(from)) = (store.history.get_mut(block), stored.history.get(*at)) {
            *to = *from;
        }
    }
}

/// One block of an MCU, where it is stored.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    /// Which of the scan's components, and of the frame's.
    part: usize,
    component: usize,
    block: usize,
    /// Blocks to the next MCU, and besides to the next row of them.
    across: usize,
    turn: usize,
}

/// Blocks of one MCU at most: four components of 4×4.
const MOST_SPOTS: usize = 64;

/// Where the blocks of a component alone are stored, one after another.
struct Places {
    block: usize,
    column: usize,
    wide: usize,
    stride: usize,
}

impl Places {
    /// Blocks from here on that are stored without a gap, at least.
    #[inline(always)]
    fn left(&self) -> usize {
        if self.stride == self.wide { usize::MAX } else { self.wide - self.column }
    }

    #[inline(always)]
    fn advance(&mut self, blocks: usize) {
        (self.block, self.column) = (self.block + blocks, self.column + blocks);
        while self.column >= self.wide {
            self.column -= self.wide;
            self.block += self.stride - self.wide;
        }
    }
}
