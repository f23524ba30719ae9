//! Scans of progressive frames (T.81, annex G.2).
//!
//! Of a band that is read, every coefficient's *place* is kept in a 64-bit history a block, because a later refinement
//! reads one bit for each that is not zero; values only of the kept frequencies.

use super::bits::{BitReader, Stream, extend};
use super::frame::Frame;
use super::huffman::{Code, HuffmanTables};
use super::machine::Fault;
use super::marker::corrupt;
use super::planes::Stored;
use super::scan::{Interval, Scan};
use crate::error::Result;
use std::ops::Range;

/// One scan under way.
pub(super) struct Pass<'a> {
    pub(super) frame: &'a Frame,
    pub(super) scan: &'a Scan,
    pub(super) tables: &'a HuffmanTables,
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
            let store = &mut stored[self.scan.parts()[0].component];
            let mcus = match (ac, self.scan.high) {
                (None, 0) => self.dc_first(&mut reader, interval, &dc, stored),
                (None, _) => self.dc_refine(&mut reader, interval, stored),
                (Some(code), 0) => self.ac_first(&mut reader, interval, code, store),
                (Some(code), _) => self.ac_refine(&mut reader, interval, code, store),
            };
            whole(interval.first..interval.first + mcus);
        }
        Ok(())
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
    fn dc_blocks(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        mut visit: impl FnMut(&mut BitReader<'_>, usize, usize, usize) -> Result<(), Fault>,
    ) -> usize {
        for mcu in 0..interval.mcus {
            let (column, row) =
                ((interval.first + mcu) % self.scan.wide, (interval.first + mcu) / self.scan.wide);
            for (index, part) in self.scan.parts().iter().enumerate() {
                let component = &self.frame.components()[part.component];
                let (across, down) =
                    if self.scan.parts().len() == 1 { (1, 1) } else { (component.across, component.down) };
                for y in row * down..(row + 1) * down {
                    for x in column * across..(column + 1) * across {
                        let block = y * component.stride + x;
                        if visit(reader, index, part.component, block).is_err() || reader.ended() {
                            return mcu;
                        }
                    }
                }
            }
        }
        interval.mcus
    }

    fn dc_first(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        codes: &[Option<&Code>; 4],
        stored: &mut [Stored; 4],
    ) -> usize {
        let mut prediction = [0i16; 4];
        self.dc_blocks(reader, interval, |reader, part, component, block| {
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
        })
    }

    fn dc_refine(&self, reader: &mut BitReader<'_>, interval: &Interval, stored: &mut [Stored; 4]) -> usize {
        self.dc_blocks(reader, interval, |reader, _, component, block| {
            let bit = reader.take(1) as i16;
            if !reader.ended() {
                stored[component].coefficients[block * self.slots] |= bit << self.scan.low;
            }
            Ok(())
        })
    }

    /// The stored block of a scan's block: AC scans are never interleaved.
    fn block(&self, index: usize) -> usize {
        let component = &self.frame.components()[self.scan.parts()[0].component];
        index / self.scan.wide * component.stride + index % self.scan.wide
    }

    fn ac_first(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        code: &Code,
        store: &mut Stored,
    ) -> usize {
        let mut index = 0;
        while index < interval.mcus {
            let block = self.block(interval.first + index);
            match self.ac_first_block(reader, code, store, block) {
                Ok(run) if !reader.ended() => index += 1 + run as usize,
                _ => return index,
            }
        }
        interval.mcus
    }

    /// One block; returns how many more blocks its end-of-band run covers.
    fn ac_first_block(
        &self,
        reader: &mut BitReader<'_>,
        code: &Code,
        store: &mut Stored,
        block: usize,
    ) -> Result<u32, Fault> {
        let kept = self.kept[self.scan.parts()[0].component];
        let mut k = self.scan.first;
        while k <= self.scan.last {
            let bits = reader.peek();
            let (length, symbol) = code.symbol(bits).ok_or(Fault::NoCode)?;
            reader.position += length as usize;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => return Ok((1 << run) - 1 + reader.take(run)),
                _ => {
                    k += run;
                    if k > self.scan.last {
                        return Err(Fault::Overrun);
                    }
                    let value = extend((bits << length >> 1 >> (63 - size)) as u32, size);
                    reader.position += size as usize;
                    store.note(block, k);
                    if k <= kept {
                        store.coefficients[block * self.slots + k as usize] = value << self.scan.low;
                    }
                    k += 1;
                }
            }
        }
        Ok(0)
    }

    fn ac_refine(
        &self,
        reader: &mut BitReader<'_>,
        interval: &Interval,
        code: &Code,
        store: &mut Stored,
    ) -> usize {
        let mut run = 0;
        for index in 0..interval.mcus {
            let block = self.block(interval.first + index);
            let mut refinement = Refinement::new(self, store, block);
            let done = if run > 0 {
                run -= 1;
                refinement.correct(reader, self.scan.last + 1, 64);
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
        }
        interval.mcus
    }
}

/// One block's AC refinement (T.81, G.1.2.3).
struct Refinement<'a> {
    /// Which coefficients are not zero yet known.
    history: &'a mut u64,
    values: &'a mut [i16],
    kept: u32,
    k: u32,
    last: u32,
    low: u32,
}

impl<'a> Refinement<'a> {
    fn new(pass: &Pass<'_>, store: &'a mut Stored, block: usize) -> Refinement<'a> {
        let kept = pass.kept[pass.scan.parts()[0].component];
        let values = &mut store.coefficients[block * pass.slots..][..pass.slots];
        let history = &mut store.history[block];
        Refinement { history, values, kept, k: pass.scan.first, last: pass.scan.last, low: pass.scan.low }
    }

    /// Reads correction bits for the coefficients that are not zero, up to `until` or the zero behind `zeros` others.
    fn correct(&mut self, reader: &mut BitReader<'_>, until: u32, mut zeros: u32) {
        while self.k < until {
            if *self.history >> self.k & 1 == 0 {
                if zeros == 0 {
                    return;
                }
                zeros -= 1;
            } else {
                self.correct_one(reader.take(1));
            }
            self.k += 1;
        }
    }

    fn correct_one(&mut self, bit: u32) {
        if self.k <= self.kept && bit == 1 {
            let value = &mut self.values[self.k as usize];
            let step = 1i16 << self.low;
            if *value & step == 0 {
                *value = if *value >= 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) };
            }
        }
    }

    /// Reads the block; returns the blocks that an end-of-band run covers behind it.
    fn block(&mut self, reader: &mut BitReader<'_>, code: &Code) -> Result<Option<u32>, Fault> {
        while self.k <= self.last {
            let (length, symbol) = code.symbol(reader.peek()).ok_or(Fault::NoCode)?;
            reader.position += length as usize;
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && run < 15 {
                let more = (1 << run) - 1 + reader.take(run);
                self.correct(reader, self.last + 1, 64);
                return Ok(Some(more));
            }
            let positive = size != 0 && reader.take(1) == 1;
            self.correct(reader, self.last + 1, run);
            if reader.ended() {
                return Err(Fault::Ended);
            }
            if size != 0 {
                if self.k > self.last {
                    return Err(Fault::Overrun);
                }
                *self.history |= 1 << self.k;
                if self.k <= self.kept {
                    let step = 1i16 << self.low;
                    self.values[self.k as usize] = if positive { step } else { step.wrapping_neg() };
                }
            }
            self.k += 1;
        }
        Ok(None)
    }
}
