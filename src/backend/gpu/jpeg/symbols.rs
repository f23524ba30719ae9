//! Symbols and blocks read one after the other, by the codes themselves: what the twins of the stages read with.

use super::descriptors::Picture;
use super::tables::DONE;
use crate::kernel::Bytes;

/// One symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    /// Bits of its code and of its value.
    pub(super) code: u32,
    pub(super) size: u32,
    /// Coefficients that it passes, or [`DONE`].
    pub(super) advance: u32,
    pub(super) value: i32,
}

/// A pair of codes by BITS and HUFFVAL.
#[derive(Debug, Clone)]
pub(super) struct Symbols {
    dc: Vec<u8>,
    ac: Vec<u8>,
}

impl Symbols {
    pub(super) fn new(dc: &[u8], ac: &[u8]) -> Symbols {
        Symbols { dc: dc.to_vec(), ac: ac.to_vec() }
    }

    /// The symbol that 32 bits begin with; `None` where no code does (T.81, F.2.2.3).
    pub(super) fn at(&self, ahead: u32, is_dc: bool) -> Option<Symbol> {
        let key = if is_dc { &self.dc } else { &self.ac };
        let (mut first, mut before) = (0u32, 16usize);
        for code in 1..=16 {
            let (bits, count) = (ahead >> (32 - code), u32::from(key[code as usize - 1]));
            if bits < first + count {
                let symbol = u32::from(key[before + (bits - first) as usize]);
                let (run, size) = if is_dc { (0, symbol & 15) } else { (symbol >> 4, symbol & 15) };
                let advance = match (is_dc, run, size) {
                    (false, 15, 0) => 16,
                    (false, _, 0) => DONE,
                    _ => run + 1,
                };
                let raw = (u64::from(ahead) << (32 + code) >> 1 >> (63 - size)) as i32;
                let value = if size > 0 && raw < 1 << (size - 1) { raw - ((1 << size) - 1) } else { raw };
                return Some(Symbol { code, size, advance, value });
            }
            before += count as usize;
            first = (first + count) << 1;
        }
        None
    }
}

/// A picture's codes and the data that it lies in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) picture: &'a Picture,
    pub(super) pairs: &'a [Symbols],
    pub(super) stream: &'a [u32],
}

/// Blocks one after the other.
#[derive(Debug, Clone)]
pub(super) struct Blocks<'a> {
    source: Source<'a>,
    /// The next bit, and the next block's place in the MCU, modulo `places`.
    pub(super) bit: u32,
    pub(super) place: u32,
    places: u32,
}

/// Bits that no code begins with, or a run past coefficient 63.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault;

impl<'a> Blocks<'a> {
    pub(super) fn at(source: Source<'a>, bit: u32, place: u32, places: u32) -> Blocks<'a> {
        Blocks { source, bit, place, places }
    }

    fn ahead(&self) -> u32 {
        let at = (self.bit / 32) as usize;
        let two = u64::from(self.source.stream[at]) << 32 | u64::from(self.source.stream[at + 1]);
        (two << (self.bit % 32) >> 32) as u32
    }

    /// Reads a block; `seen` gets coefficient and value of every symbol, DC as difference. What runs past coefficient 63 ends there where
    /// `clamps` is set. At a fault, `bit` is where its symbol begins.
    pub(super) fn next(&mut self, clamps: bool, mut seen: impl FnMut(u32, i32)) -> Result<(), Fault> {
        let pair = self.source.picture.pairs >> (2 * self.place) & 3;
        let mut passed = 0;
        while passed < 64 {
            let symbol = self.source.pairs[pair as usize].at(self.ahead(), passed == 0).ok_or(Fault)?;
            let is_end = symbol.advance == DONE;
            if !is_end && passed + symbol.advance > 64 && !clamps {
                return Err(Fault);
            }
            self.bit += symbol.code + symbol.size;
            if is_end {
                break;
            }
            passed = (passed + symbol.advance).min(64);
            seen(passed - 1, symbol.value);
        }
        self.place = (self.place + 1) % self.places;
        Ok(())
    }
}

/// A code of random lengths, which may leave bits that no code begins with; DC sizes up to 11, AC symbols of any kind.
pub(super) fn code(numbers: &mut Bytes, is_dc: bool) -> Vec<u8> {
    let mut key = vec![0; 16];
    let most = if is_dc { 16 } else { 200 };
    // Halves of what is left, or all but a little of it, at each length.
    let (mut left, mut count) = (1u32, 0);
    for (length, symbols) in key.iter_mut().enumerate() {
        left *= 2;
        let some = (numbers.next() % u64::from(left)) as u32;
        let some = if length < 3 { some.min(1) } else { some.min(left - 1) }.min(most - count);
        *symbols = some as u8;
        (left, count) = (left - some, count + some);
    }
    let kind = numbers.next() % 3;
    key.extend((0..count).map(|index| match (is_dc, kind) {
        (true, _) => (index % 12) as u8,
        (_, 0) => numbers.next() as u8,
        _ => [0x01, 0x00, 0x02, 0x11, 0xF0, 0x21, 0x03, 0x31][(numbers.next() % 8) as usize],
    }));
    key
}
