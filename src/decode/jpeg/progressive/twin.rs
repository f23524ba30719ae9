//! Scans of progressive frames as T.81 writes them down (F.2.2.3, G.1.2 and G.2): bit by bit, every coefficient kept, no table but the file's own.

use super::super::bits::{Interval, Stream, extend};
use super::super::frame::Frame;
use super::super::scan::Scan;
use super::Outcome;
use std::ops::Range;

/// Every component's stored blocks, coefficients in zigzag order.
pub(super) type Blocks = [Vec<[i16; 64]>; 4];

/// A scan to be read into blocks.
pub(super) struct Plain<'a> {
    pub(super) frame: &'a Frame,
    pub(super) scan: &'a Scan,
    /// BITS and HUFFVAL of the code that all components share.
    pub(super) key: &'a [u8],
    pub(super) blocks: &'a mut Blocks,
}

/// An interval under way.
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
    end: usize,
    mcu: usize,
    wrong: Option<usize>,
    wrapped: bool,
}

impl Bits<'_> {
    fn is_dry(&self) -> bool {
        self.at > self.end
    }

    /// One bit, 0 behind the end.
    fn one(&mut self) -> u32 {
        let bit = if self.at < self.end { self.bytes[self.at / 8] >> (7 - self.at % 8) & 1 } else { 0 };
        self.at += 1;
        bit.into()
    }

    fn take(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |bits, _| bits << 1 | self.one())
    }

    fn note_wrong(&mut self) {
        self.wrong.get_or_insert(self.mcu);
    }

    /// DECODE of F.2.2.3; 0 where no code of 16 bits begins here, which libjpeg finds after 17.
    fn symbol(&mut self, key: &[u8]) -> u8 {
        let (mut code, mut first, mut place) = (0, 0, 16);
        for &count in &key[..16] {
            let count = u32::from(count);
            code = code << 1 | self.one();
            if code < first + count {
                return key[place + (code - first) as usize];
            }
            (first, place) = ((first + count) << 1, place + count as usize);
        }
        self.one();
        self.note_wrong();
        0
    }
}

impl Plain<'_> {
    /// Decodes every interval; which MCUs came out whole.
    pub(super) fn decode(&mut self, stream: &Stream) -> (Outcome, Vec<Range<usize>>) {
        let (mut outcome, mut whole, mut was_dry) = (Outcome::default(), Vec::new(), false);
        for interval in (0..stream.intervals()).map(|index| stream.interval(index)) {
            if interval.lost && was_dry {
                continue;
            }
            let Interval { start, end, first, mcus, .. } = interval;
            let (at, end) = (start * 8, end * 8);
            let mut bits = Bits { bytes: &stream.bytes, at, end, mcu: first, wrong: None, wrapped: false };
            self.interval(&mut bits, first..first + mcus);
            let behind = bits.end.saturating_sub(bits.at) / 8;
            let is_sound = !(interval.lost || interval.skipped || interval.followed && behind > 0);
            let until = bits.wrong.unwrap_or(first + mcus);
            whole.push(first..if is_sound { until } else { first });
            if !was_dry || bits.mcu > first {
                outcome.last = bits.mcu;
            }
            outcome.wrapped |= bits.wrapped;
            was_dry = bits.is_dry();
        }
        (outcome, whole)
    }

    fn interval(&mut self, bits: &mut Bits<'_>, mcus: Range<usize>) {
        let (mut predictions, mut run) = ([0; 4], 0);
        for mcu in mcus {
            if bits.is_dry() {
                return;
            }
            bits.mcu = mcu;
            for (component, block) in self.of_mcu(mcu) {
                let Scan { first, high, low, .. } = *self.scan;
                let block = &mut self.blocks[component][block];
                match (first, high) {
                    (0, 0) => {
                        let size = bits.symbol(self.key).into();
                        predictions[component] += i32::from(extend(bits.take(size), size));
                        let value = predictions[component] << low;
                        (block[0], bits.wrapped) =
                            (value as i16, bits.wrapped | (value != value as i16 as i32));
                    }
                    (0, _) => block[0] |= (bits.one() << low) as i16,
                    (_, 0) => first_of_band(self.scan, self.key, bits, block, &mut run),
                    _ => refinement(self.scan, self.key, bits, block, &mut run),
                }
            }
            if bits.is_dry() {
                bits.note_wrong();
            }
        }
    }

    /// Component and block of an MCU's, in order (A.2).
    fn of_mcu(&self, mcu: usize) -> Vec<(usize, usize)> {
        let (column, row) = (mcu % self.scan.wide, mcu / self.scan.wide);
        let mut of_mcu = Vec::new();
        for part in self.scan.parts() {
            let component = &self.frame.components()[part.component];
            let (across, down) = match self.scan.parts().len() {
                1 => (1, 1),
                _ => (component.across, component.down),
            };
            for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                let block = (row * down + y) * component.stride + column * across + x;
                of_mcu.push((part.component, block));
            }
        }
        of_mcu
    }
}

/// G.1.2.2: one block; `run` is how many more the end-of-band run covers.
fn first_of_band(scan: &Scan, key: &[u8], bits: &mut Bits<'_>, block: &mut [i16; 64], run: &mut u32) {
    if *run > 0 {
        *run -= 1;
        return;
    }
    let mut k = scan.first;
    while k <= scan.last {
        let symbol = bits.symbol(key);
        match (u32::from(symbol >> 4), u32::from(symbol & 15)) {
            (15, 0) => k += 16,
            (more, 0) => {
                *run = (1 << more) - 1 + bits.take(more);
                return;
            }
            (zeros, size) => {
                k = (k + zeros).min(63);
                let value = i32::from(extend(bits.take(size), size)) << scan.low;
                block[k as usize] = value as i16;
                bits.wrapped |= value != i32::from(value as i16);
                k += 1;
            }
        }
    }
}

/// G.1.2.3: the same of a refinement.
fn refinement(scan: &Scan, key: &[u8], bits: &mut Bits<'_>, block: &mut [i16; 64], run: &mut u32) {
    let step = 1i16 << scan.low;
    let correct = |bits: &mut Bits<'_>, value: &mut i16| {
        // A scan that came twice changes nothing.
        if bits.one() == 1 && *value & step == 0 {
            *value = if *value >= 0 { value.wrapping_add(step) } else { value.wrapping_sub(step) };
        }
    };
    let mut k = scan.first as usize;
    let last = scan.last as usize;
    while *run == 0 && k <= last {
        let symbol = bits.symbol(key);
        let (zeros, size) = (u32::from(symbol >> 4), symbol & 15);
        if size == 0 && zeros < 15 {
            *run = (1 << zeros) + bits.take(zeros);
            break;
        }
        if size > 1 {
            bits.note_wrong();
        }
        let value = if size != 0 && bits.one() == 1 { step } else { step.wrapping_neg() };
        let mut passed = 0;
        while k <= last && (block[k] != 0 || passed < zeros) {
            if block[k] == 0 {
                passed += 1;
            } else {
                correct(bits, &mut block[k]);
            }
            k += 1;
        }
        if size != 0 {
            block[k.min(63)] = value;
        }
        k += 1;
    }
    if *run > 0 {
        block
            .iter_mut()
            .take(last + 1)
            .skip(k)
            .filter(|value| **value != 0)
            .for_each(|value| correct(bits, value));
        *run -= 1;
    }
}
