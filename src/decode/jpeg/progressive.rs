//! Scans of progressive frames (T.81, annex G.2).
//!
//! Of a band that is read, every coefficient's *place* is kept in a 64-bit history a block, because a later refinement
//! reads one bit for each that is not zero; values only of the kept frequencies.
//!
//! What data no encoder writes means is libjpeg's to say. Behind the data there are zeros, for as long as the MCU under way lasts. Bits that no
//! code begins with are a zero, which ends the band. A coefficient behind the last of the band is stored where it falls, behind the last of
//! all in the last. A value keeps 16 bits.

use super::bits::{BitReader, Interval, Stream, extend};
use super::frame::Frame;
use super::huffman::{Code, HuffmanTables, NO_CODE};
use super::level::wide;
use super::planes::Stored;
use super::scan::Scan;
use super::transform::NATURAL;
use crate::error::Result;
use fearless_simd::Level;
use std::ops::Range;

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

/// One interval under way.
struct Reading<'a> {
    bits: BitReader<'a>,
    /// The MCU in which something was wrong first.
    wrong: Option<usize>,
    /// The MCU last begun before data ran out.
    last: usize,
    wrapped: bool,
}

impl Reading<'_> {
    /// Whether the MCU is to be read.
    #[inline(always)]
    fn begin(&mut self, mcu: usize) -> bool {
        if self.bits.is_dry() {
            return false;
        }
        self.last = mcu;
        true
    }

    #[inline(always)]
    fn end(&mut self, mcu: usize) {
        if self.bits.is_dry() {
            self.note_wrong(mcu);
        }
    }

    #[cold]
    fn note_wrong(&mut self, mcu: usize) {
        self.wrong.get_or_insert(mcu);
    }

    /// The next symbol, its code's bits still ahead, with these.
    #[inline(always)]
    fn symbol(&mut self, code: &Code, mcu: usize) -> (u64, u32, u8) {
        let bits = self.bits.peek();
        let (length, symbol) = code.symbol(bits);
        if length == NO_CODE {
            self.note_wrong(mcu);
        }
        (bits, length, symbol)
    }
}

/// The codes of a scan's components, where they are read with.
pub(super) type Codes<'a> = [Option<&'a Code>; 4];

impl<'a> Pass<'a> {
    /// Decodes every interval and reports the MCUs that came out whole.
    pub(super) fn decode(
        &self,
        stream: &Stream,
        stored: &mut [Stored; 4],
        watched: &mut [Watched; 4],
        mut whole: impl FnMut(Range<usize>),
    ) -> Result<Outcome> {
        let codes = self.codes()?;
        let (mut outcome, mut was_dry) = (Outcome::default(), false);
        for index in 0..stream.intervals() {
            let interval = stream.interval(index);
            if interval.lost && was_dry {
                continue;
            }
            let bits = BitReader::new(&stream.bytes, interval.start, interval.end);
            let mut reading = Reading { bits, wrong: None, last: interval.first, wrapped: false };
            // Counting bits is one instruction where the level has it.
            wide(
                self.level,
                #[inline(always)]
                || self.interval(&mut reading, &interval, &codes, stored, watched),
            );
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

    #[inline(always)]
    fn interval(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        codes: &Codes<'_>,
        stored: &mut [Stored; 4],
        watched: &mut [Watched; 4],
    ) {
        let component = self.scan.parts()[0].component;
        let watched = &mut watched[component];
        match (self.scan.first, self.scan.high, codes[0]) {
            (0, 0, _) => self.dc_first(reading, interval, codes, stored),
            (0, ..) => self.dc_refine(reading, interval, stored),
            (_, 0, Some(code)) => self.ac_first(reading, interval, code, &mut stored[component], watched),
            (_, _, Some(code)) => self.ac_refine(reading, interval, code, &mut stored[component], watched),
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
        let alone = self.scan.parts().len() == 1;
        let (mut column, mut row) = (interval.first % self.scan.wide, interval.first / self.scan.wide);
        for mcu in interval.first..interval.first + interval.mcus {
            if !reading.begin(mcu) {
                return;
            }
            for (index, part) in self.scan.parts().iter().enumerate() {
                let component = &self.frame.components()[part.component];
                let (across, down) = if alone { (1, 1) } else { (component.across, component.down) };
                for y in row * down..(row + 1) * down {
                    let first = y * component.stride + column * across;
                    for block in first..first + across {
                        visit(reading, mcu, index, part.component, block);
                    }
                }
            }
            reading.end(mcu);
            column += 1;
            if column == self.scan.wide {
                (column, row) = (0, row + 1);
            }
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
        self.dc_blocks(
            reading,
            interval,
            #[inline(always)]
            |reading, _, _, component, block| {
                let bit = reading.bits.take(1) as i16;
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
        code: &Code,
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
            let run = if places.block == next {
                let run = self.ac_first_watched(reading, code, mcu, watched);
                self.copy(watched, store);
                run
            } else {
                self.ac_first_block(reading, code, mcu, store, places.block)
            } as usize;
            reading.end(mcu);
            if !reading.bits.is_dry() {
                reading.last = (mcu + run).min(end - 1);
            }
            mcu += 1 + run;
            places.advance(1 + run);
        }
    }

    /// One block; returns how many more blocks its end-of-band run covers.
    #[inline(always)]
    fn ac_first_block(
        &self,
        reading: &mut Reading<'_>,
        code: &Code,
        mcu: usize,
        store: &mut Stored,
        block: usize,
    ) -> u32 {
        let kept = self.kept[self.scan.parts()[0].component];
        let values = &mut store.coefficients[block * self.slots..][..self.slots];
        let mut k = self.scan.first;
        let (mut known, mut cleared) = (0u64, 0u64);
        let mut run_behind = 0;
        while k <= self.scan.last {
            let (bits, length, symbol) = reading.symbol(code, mcu);
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
            let full = i32::from(extend((bits << length >> 1 >> (63 - size)) as u32, size)) << self.scan.low;
            let value = full as i16;
            if i32::from(value) == full {
                known |= 1 << k;
            } else {
                reading.wrapped = true;
                (known, cleared) = (known | u64::from(value != 0) << k, cleared | u64::from(value == 0) << k);
            }
            if k <= kept {
                values[self.slot(k)] = value;
            }
            k += 1;
        }
        if let Some(history) = store.history.get_mut(block) {
            *history = (*history | known) & !cleared;
        }
        run_behind
    }

    /// Where a kept coefficient is stored.
    #[inline(always)]
    fn slot(&self, k: u32) -> usize {
        if self.slots == 64 { usize::from(NATURAL[k as usize & 63]) } else { k as usize }
    }

    #[inline(always)]
    fn ac_refine(
        &self,
        reading: &mut Reading<'_>,
        interval: &Interval,
        code: &Code,
        store: &mut Stored,
        watched: &mut Watched,
    ) {
        let mut places = self.places(interval);
        let mut next = watched.from(places.block);
        let mut run = 0;
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
                Refinement::new(self, store, places.block).next(reading, mcu, code, run)
            };
            reading.end(mcu);
            places.advance(1);
        }
    }

    /// The same scan with every coefficient kept.
    fn of_everything(&self) -> Pass<'_> {
        Pass { slots: 64, kept: [63; 4], ..*self }
    }

    #[cold]
    fn ac_first_watched(
        &self,
        reading: &mut Reading<'_>,
        code: &Code,
        mcu: usize,
        watched: &mut Watched,
    ) -> u32 {
        self.of_everything().ac_first_block(reading, code, mcu, &mut watched.stored, watched.at)
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
        let everything = self.of_everything();
        Refinement::new(&everything, &mut watched.stored, watched.at).next(reading, mcu, code, run)
    }

    /// Keeps of the watched block under way what is kept of every block.
    #[cold]
    fn copy(&self, watched: &Watched, store: &mut Stored) {
        let Watched { blocks, stored, at } = watched;
        let (block, from) = (blocks[*at], &stored.coefficients[at * 64..][..64]);
        let to = &mut store.coefficients[block * self.slots..][..self.slots];
        for k in self.scan.first..=self.kept[self.scan.parts()[0].component].min(self.scan.last) {
            to[self.slot(k)] = from[usize::from(NATURAL[k as usize])];
        }
        if let (Some(to), Some(from)) = (store.history.get_mut(block), stored.history.get(*at)) {
            *to = *from;
        }
    }
}

/// Blocks of a component of which every coefficient is kept, whatever is kept of the others.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Which of the stored blocks, in order.
    pub(super) blocks: Vec<usize>,
    /// What is known of them so far, but for their DC values.
    pub(super) stored: Stored,
    /// The one that is next or under way.
    at: usize,
}

impl Watched {
    /// Begins with `blocks`, in any order.
    pub(super) fn begin(&mut self, blocks: impl Iterator<Item = usize>) {
        self.blocks.clear();
        self.blocks.extend(blocks);
        self.blocks.sort_unstable();
        self.blocks.dedup();
        self.stored.reset(self.blocks.len(), 64, true, true);
    }

    /// The first one at or behind `block`; a block that there is not where none is.
    fn from(&mut self, block: usize) -> usize {
        self.at = self.blocks.partition_point(|watched| *watched < block);
        self.blocks.get(self.at).copied().unwrap_or(usize::MAX)
    }
}

/// Where the blocks of a component alone are stored, one after another.
struct Places {
    block: usize,
    column: usize,
    wide: usize,
    stride: usize,
}

impl Places {
    #[inline(always)]
    fn advance(&mut self, blocks: usize) {
        (self.block, self.column) = (self.block + blocks, self.column + blocks);
        while self.column >= self.wide {
            self.column -= self.wide;
            self.block += self.stride - self.wide;
        }
    }
}

/// One block's AC refinement (T.81, G.1.2.3).
///
/// Every coefficient that is not zero yet takes one bit, so passing those that are not kept is a matter of counting.
struct Refinement<'a> {
    pass: &'a Pass<'a>,
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
    let below = |k: u32| if k < 64 { (1 << k) - 1 } else { u64::MAX };
    below(until) & !below(from)
}

/// Correction bits that one load is sure to hold.
const LOADED: u32 = 56;

impl<'a> Refinement<'a> {
    #[inline(always)]
    fn new(pass: &'a Pass<'a>, store: &'a mut Stored, block: usize) -> Refinement<'a> {
        let kept = bits(0, pass.kept[pass.scan.parts()[0].component] + 1);
        let values = &mut store.coefficients[block * pass.slots..][..pass.slots];
        Refinement { pass, history: &mut store.history[block], values, kept, k: pass.scan.first }
    }

    /// Reads correction bits for the coefficients before `until` that are not zero.
    #[inline(always)]
    fn correct(&mut self, reader: &mut BitReader<'_>, until: u32) {
        let known = *self.history & bits(self.k, until);
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
        self.k = until;
    }

    #[inline(always)]
    fn correct_one(&mut self, k: u32, bit: u64) {
        let value = &mut self.values[self.pass.slot(k)];
        let step = (bit as i16) << self.pass.scan.low;
        // As libjpeg: a bit that is set already, by a scan that came twice, is not added again.
        if *value & step == 0 {
            *value = if *value >= 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) };
        }
    }

    /// The place of the zero behind `zeros` others, or the place behind the band.
    #[inline(always)]
    fn zero_behind(&self, zeros: u32) -> u32 {
        let end = self.pass.scan.last + 1;
        let mut open = !*self.history & bits(self.k, end);
        for _ in 0..zeros {
            // Clears the lowest bit that is set: the next zero.
            open &= open.wrapping_sub(1);
        }
        open.trailing_zeros().min(end)
    }

    /// Reads the next block, of which `run` behind the last one are in an end-of-band run; returns how many then are.
    #[inline(always)]
    fn next(mut self, reading: &mut Reading<'_>, mcu: usize, code: &Code, run: u32) -> u32 {
        if run == 0 {
            return self.block(reading, mcu, code);
        }
        self.correct(&mut reading.bits, self.pass.scan.last + 1);
        run - 1
    }

    /// Reads the block; returns the blocks that an end-of-band run covers behind it.
    #[inline(always)]
    fn block(&mut self, reading: &mut Reading<'_>, mcu: usize, code: &Code) -> u32 {
        while self.k <= self.pass.scan.last {
            let (_, length, symbol) = reading.symbol(code, mcu);
            reading.bits.skip(length);
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && run < 15 {
                let more = (1 << run) - 1 + reading.bits.take(run);
                self.correct(&mut reading.bits, self.pass.scan.last + 1);
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
            let step = 1i16 << self.pass.scan.low;
            self.values[self.pass.slot(k)] = if positive { step } else { step.wrapping_neg() };
        }
    }
}
