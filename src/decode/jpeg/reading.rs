//! What the scans of a progressive picture share: an interval under way, and the band that an AC scan sends.

use super::bits::BitReader;
use super::huffman::{Code, NO_CODE};
use super::transform::NATURAL;

/// One interval under way.
pub(super) struct Reading<'a> {
    pub(super) bits: BitReader<'a>,
    /// The MCU in which something was wrong first.
    pub(super) wrong: Option<usize>,
    /// The MCU last begun before data ran out.
    pub(super) last: usize,
    /// Whether a value left 16 bits.
    pub(super) wrapped: bool,
}

impl Reading<'_> {
    /// Whether the MCU is to be read.
    #[inline(always)]
    pub(super) fn begin(&mut self, mcu: usize) -> bool {
        if self.bits.is_dry() {
            return false;
        }
        self.last = mcu;
        true
    }

    #[inline(always)]
    pub(super) fn end(&mut self, mcu: usize) {
        if self.bits.is_dry() {
            self.note_wrong(mcu);
        }
    }

    #[cold]
    pub(super) fn note_wrong(&mut self, mcu: usize) {
        self.wrong.get_or_insert(mcu);
    }

    /// The next symbol, its code's bits still ahead, with these.
    #[inline(always)]
    pub(super) fn symbol(&mut self, code: &Code, mcu: usize) -> (u64, u32, u8) {
        let bits = self.bits.peek();
        let (length, symbol) = code.symbol(bits);
        if length == NO_CODE {
            self.note_wrong(mcu);
        }
        (bits, length, symbol)
    }
}

/// What an AC scan sends of one component, and what is kept of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Band {
    /// First and last coefficient.
    pub(super) first: u32,
    pub(super) last: u32,
    /// The bit that is sent.
    pub(super) low: u32,
    /// Coefficients stored a block.
    pub(super) slots: usize,
    /// The last coefficient that is kept.
    pub(super) kept: u32,
}

impl Band {
    /// The same with every coefficient kept.
    pub(super) fn of_everything(self) -> Band {
        Band { slots: 64, kept: 63, ..self }
    }

    /// Where a kept coefficient is stored.
    #[inline(always)]
    pub(super) fn slot(&self, k: u32) -> usize {
        if self.slots == 64 { usize::from(NATURAL[k as usize & 63]) } else { k as usize }
    }
}
