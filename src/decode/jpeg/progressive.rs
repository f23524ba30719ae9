//! Scans of progressive frames (T.81, annex G.2).
//!
//! Of a band that is read, every coefficient's *place* is kept in a 64-bit history a block, because a later refinement
//! reads one bit for each that is not zero; values only of the kept frequencies.

use super::bits::{BitReader, Stream, extend};
use super::frame::Frame;
use super::huffman::{Code, HuffmanTables};
use super::level::wide;
use super::machine::Fault;
use super::marker::corrupt;
use super::planes::Stored;
use super::scan::{Interval, Scan};
use crate::error::Result;
use fearless_simd::Level;
use std::ops::Range;

/// One scan under way.
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

impl Pass<'_> {
    /// Decodes every interval and reports the MCUs that came out whole.
    pub(super) fn decode(
        &self,
        stream: &Stream,
        intervals: &[Interval],
        stored: &mut [Stored; 4],
        mut whole: impl FnMut(Range<usize>),
    ) -> Result<()> {
        let dc = self.dc_codes()?;
        let ac = if self.scan.first > 0 { Some(self.ac_code()?) } else { None };
        for interval in intervals {
            let mut reader = BitReader::new(&stream.bytes, interval.start, interval.end);
            // Counting bits is one instruction where the level has it.
            let mcus = wide(
                self.level,
                #[inline(always)]
                || self.interval(&mut reader, interval, &dc, ac, stored),
            );
            whole(interval.first..interval.first + mcus);
        }
        Ok(())
    }

    /// Decodes one interval; returns its MCUs that came out whole.
    #[inline(always)]
    fn interval(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        dc: &[Option<&Code>; 4],
        ac: Option<&Code>,
        stored: &mut [Stored; 4],
    ) -> usize {
        match (ac, self.scan.high) {
            (None, 0) => self.dc_first(reader, interval, dc, stored),
            (None, _) => self.dc_refine(reader, interval, stored),
            (Some(code), 0) => self.ac_first(reader, interval, code, self.store(stored)),
            (Some(code), _) => self.ac_refine(reader, interval, code, self.store(stored)),
        }
    }

    /// The coefficients of a scan of one component.
    fn store<'s>(&self, stored: &'s mut [Stored; 4]) -> &'s mut Stored {
        &mut stored[self.scan.parts()[0].component]
    }

    fn dc_codes(&self) -> Result<[Option<&Code>; 4]> {
        let mut codes = [None; 4];
        if self.scan.first == 0 && self.scan.high == 0 {
            for (code, part) in codes.iter_mut().zip(self.scan.parts()) {
                *code = self.tables.dc[part.dc].as_deref();
                if !code.is_some_and(Code::fits_dc) {
                    return Err(corrupt("a scan's DC Huffman table is missing or out of range"));
                }
            }
        }
        Ok(codes)
    }

    fn ac_code(&self) -> Result<&Code> {
        let place = self.scan.parts()[0].ac;
        self.tables.ac[place].as_deref().ok_or_else(|| corrupt("a scan's AC Huffman table is missing"))
    }

    /// Visits the blocks of `interval` MCU by MCU while `visit` takes them: reader, part, component, block.
    /// Returns the MCUs taken whole.
    #[inline(always)]
    fn dc_blocks(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        mut visit: impl FnMut(&mut BitReader<'_>, usize, usize, usize) -> Result<(), Fault>,
    ) -> usize {
        let alone = self.scan.parts().len() == 1;
        let (mut column, mut row) = (interval.first % self.scan.wide, interval.first / self.scan.wide);
        for mcu in 0..interval.mcus {
            for (index, part) in self.scan.parts().iter().enumerate() {
                let component = &self.frame.components()[part.component];
                let (across, down) = if alone { (1, 1) } else { (component.across, component.down) };
                for y in row * down..(row + 1) * down {
                    let first = y * component.stride + column * across;
                    for block in first..first + across {
                        if visit(reader, index, part.component, block).is_err() || reader.ended() {
                            return mcu;
                        }
                    }
                }
            }
            column += 1;
            if column == self.scan.wide {
                (column, row) = (0, row + 1);
            }
        }
        interval.mcus
    }

    #[inline(always)]
    fn dc_first(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        codes: &[Option<&Code>; 4],
        stored: &mut [Stored; 4],
    ) -> usize {
        let mut prediction = [0i16; 4];
        self.dc_blocks(
            reader,
            interval,
            #[inline(always)]
            |reader, part, component, block| {
                let bits = reader.peek();
                let code = codes[part].ok_or(Fault::NoCode)?;
                let (length, size) = code.symbol(bits).ok_or(Fault::NoCode)?;
                let size = u32::from(size & 15);
                let difference = extend((bits << length >> 1 >> (63 - size)) as u32, size);
                reader.position += (length + size) as usize;
                prediction[part] = prediction[part].wrapping_add(difference);
                if !reader.ended() {
                    stored[component].coefficients[block * self.slots] = prediction[part] << self.scan.low;
                }
                Ok(())
            },
        )
    }

    #[inline(always)]
    fn dc_refine(&self, reader: &mut BitReader<'_>, interval: &Interval, stored: &mut [Stored; 4]) -> usize {
        self.dc_blocks(
            reader,
            interval,
            #[inline(always)]
            |reader, _, component, block| {
                let bit = reader.take(1) as i16;
                if !reader.ended() {
                    stored[component].coefficients[block * self.slots] |= bit << self.scan.low;
                }
                Ok(())
            },
        )
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
        reader: &mut BitReader<'_>,
        interval: &Interval,
        code: &Code,
        store: &mut Stored,
    ) -> usize {
        let mut places = self.places(interval);
        let mut index = 0;
        while index < interval.mcus {
            match self.ac_first_block(reader, code, store, places.block) {
                Ok(run) if !reader.ended() => {
                    index += 1 + run as usize;
                    places.advance(1 + run as usize);
                }
                _ => return index,
            }
        }
        interval.mcus
    }

    /// One block; returns how many more blocks its end-of-band run covers.
    #[inline(always)]
    fn ac_first_block(
        &self,
        reader: &mut BitReader<'_>,
        code: &Code,
        store: &mut Stored,
        block: usize,
    ) -> Result<u32, Fault> {
        let kept = self.kept[self.scan.parts()[0].component];
        let values = &mut store.coefficients[block * self.slots..][..self.slots];
        let mut k = self.scan.first;
        let mut history = 0;
        let mut run_behind = 0;
        while k <= self.scan.last {
            let bits = reader.peek();
            let (length, symbol) = code.symbol(bits).ok_or(Fault::NoCode)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            reader.position += (length + size) as usize;
            if size == 0 {
                if run < 15 {
                    run_behind = (1 << run) - 1 + reader.take(run);
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            if k > self.scan.last {
                return Err(Fault::Overrun);
            }
            history |= 1 << k;
            if k <= kept {
                values[k as usize] =
                    extend((bits << length >> 1 >> (63 - size)) as u32, size) << self.scan.low;
            }
            k += 1;
        }
        store.note(block, history);
        Ok(run_behind)
    }

    #[inline(always)]
    fn ac_refine(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        code: &Code,
        store: &mut Stored,
    ) -> usize {
        let mut places = self.places(interval);
        let mut run = 0;
        for index in 0..interval.mcus {
            let mut refinement = Refinement::new(self, store, places.block);
            let done = if run > 0 {
                run -= 1;
                refinement.correct(reader, self.scan.last + 1);
                Ok(None)
            } else {
                refinement.block(reader, code)
            };
            match done {
                Ok(_) if reader.ended() => return index,
                Ok(Some(more)) => run = more,
                Ok(None) => {}
                Err(_) => return index,
            }
            places.advance(1);
        }
        interval.mcus
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
    /// Which coefficients are known not to be zero.
    history: &'a mut u64,
    values: &'a mut [i16],
    /// Those whose values are kept, by bit.
    kept: u64,
    k: u32,
    last: u32,
    low: u32,
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
    fn new(pass: &Pass<'_>, store: &'a mut Stored, block: usize) -> Refinement<'a> {
        let kept = bits(0, pass.kept[pass.scan.parts()[0].component] + 1);
        let values = &mut store.coefficients[block * pass.slots..][..pass.slots];
        let history = &mut store.history[block];
        Refinement { history, values, kept, k: pass.scan.first, last: pass.scan.last, low: pass.scan.low }
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
            reader.position += count as usize;
        }
        reader.position += passed as usize;
        self.k = until;
    }

    #[inline(always)]
    fn correct_one(&mut self, k: u32, bit: u64) {
        let value = &mut self.values[k as usize];
        let step = (bit as i16) << self.low;
        if *value & step == 0 {
            *value = if *value >= 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) };
        }
    }

    /// The place of the zero behind `zeros` others, or the place behind the band.
    #[inline(always)]
    fn zero_behind(&self, zeros: u32) -> u32 {
        let mut open = !*self.history & bits(self.k, self.last + 1);
        for _ in 0..zeros {
            open &= open.wrapping_sub(1);
        }
        open.trailing_zeros().min(self.last + 1)
    }

    /// Reads the block; returns the blocks that an end-of-band run covers behind it.
    #[inline(always)]
    fn block(&mut self, reader: &mut BitReader<'_>, code: &Code) -> Result<Option<u32>, Fault> {
        while self.k <= self.last {
            let (length, symbol) = code.symbol(reader.peek()).ok_or(Fault::NoCode)?;
            reader.position += length as usize;
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && run < 15 {
                let more = (1 << run) - 1 + reader.take(run);
                self.correct(reader, self.last + 1);
                return Ok(Some(more));
            }
            let positive = size != 0 && reader.take(1) == 1;
            self.correct(reader, self.zero_behind(run));
            if reader.ended() {
                return Err(Fault::Ended);
            }
            if size != 0 {
                if self.k > self.last {
                    return Err(Fault::Overrun);
                }
                *self.history |= 1 << self.k;
                if self.kept >> self.k & 1 == 1 {
                    let step = 1i16 << self.low;
                    self.values[self.k as usize] = if positive { step } else { step.wrapping_neg() };
                }
            }
            self.k += 1;
        }
        Ok(None)
    }
}
