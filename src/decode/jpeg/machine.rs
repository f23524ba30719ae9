//! What a sequential scan's decoders share: the MCU's blocks with their tables, and one symbol read with every check.

use super::bits::extend;
use super::huffman::{Code, NO_CODE};
use super::lookup::{ADVANCE, END_OF_BLOCK, FULL, START, Tables, step};
use std::sync::Arc;

/// Blocks of one MCU at most: four components of 4×4.
const PLACES: usize = 64;

/// One block of the MCU, for one symbol at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct McuBlock {
    pub(super) next: u32,
    /// The last coefficient that is kept, in zigzag order, counted from [`START`].
    pub(super) kept: u32,
    /// The base of the table for the block's first symbol.
    pub(super) dc: u16,
    /// Which of the scan's components.
    pub(super) component: u8,
}

/// One block of the MCU as the inner loop wants it, in one register. From the lowest bits on: the bases of the tables that pass
/// coefficients, read one, and begin the next block, 16 bits each; the next block's place, 6; what is [`kept`](McuBlock::kept), 10.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Here(u64);

impl Here {
    fn new(place: &McuBlock, skip: u16, value: u16, dc_next: u16) -> Here {
        let bases = u64::from(skip) | u64::from(value) << 16 | u64::from(dc_next) << 32;
        Here(bases | u64::from(place.next) << 48 | u64::from(place.kept) << (32 + ADVANCE))
    }

    #[inline(always)]
    pub(super) fn skip(self) -> u16 {
        self.0 as u16
    }

    #[inline(always)]
    pub(super) fn value(self) -> u16 {
        (self.0 >> 16) as u16
    }

    #[inline(always)]
    pub(super) fn dc_next(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// The block behind this one.
    #[inline(always)]
    pub(super) fn next(self) -> u32 {
        (self.0 >> 48) as u32 & (PLACES as u32 - 1)
    }

    /// Whether a coefficient is kept, its place above [`ADVANCE`] bits of zeros.
    #[inline(always)]
    pub(super) fn keeps(self, k: u32) -> bool {
        k <= (self.0 >> 32) as u32
    }
}

/// Everything about a scan that its lanes share.
#[derive(Debug)]
pub(super) struct Machine {
    places: [McuBlock; PLACES],
    /// The same for the inner loop.
    here: [Here; PLACES],
    pub(super) per_mcu: usize,
    /// Places after which the tables repeat: where all components share theirs, every place is like every other. A lane that starts at a guess
    /// can be off by whole blocks of the MCU, and still reads the same from then on if it is off by a multiple of this.
    period: u32,
    codes: Vec<(Arc<Code>, Arc<Code>)>,
}

/// One component of a scan, for the state machine.
#[derive(Debug)]
pub(super) struct CodedComponent {
    pub(super) dc: Arc<Code>,
    pub(super) ac: Arc<Code>,
    /// Blocks in an MCU.
    pub(super) blocks: usize,
    /// The last coefficient that is kept.
    pub(super) kept: u32,
}

impl Default for Machine {
    fn default() -> Machine {
        let (places, here) = ([McuBlock::default(); PLACES], [Here::default(); PLACES]);
        Machine { places, here, per_mcu: 0, period: 1, codes: Vec::new() }
    }
}

impl Machine {
    /// Lays out the MCU, for logs of `slots` a block.
    pub(super) fn set(
        &mut self,
        parts: impl Iterator<Item = CodedComponent>,
        slots: usize,
        tables: &mut Tables,
    ) {
        self.codes.clear();
        self.per_mcu = 0;
        let mut bases = [(0, 0); PLACES];
        for (component, part) in parts.enumerate() {
            let dc = match slots {
                1 => tables.dc_skip(&part.dc, &part.ac),
                _ => tables.dc(&part.dc, &part.ac),
            };
            let skip = if part.kept == 63 { 0 } else { tables.skip(&part.ac) };
            let value = if part.kept == 0 { 0 } else { tables.value(&part.ac) };
            let place = McuBlock { next: 0, kept: part.kept + START, dc, component: component as u8 };
            self.places[self.per_mcu..][..part.blocks].fill(place);
            bases[self.per_mcu..][..part.blocks].fill((skip, value));
            self.per_mcu += part.blocks;
            self.codes.push((part.dc, part.ac));
        }
        for (place, (skip, value)) in bases.into_iter().enumerate().take(self.per_mcu) {
            let next = (place + 1) % self.per_mcu;
            self.places[place].next = next as u32;
            self.here[place] = Here::new(&self.places[place], skip, value, self.places[next].dc);
        }
        let tables = |place: usize| (self.places[place].dc, bases[place], self.places[place].kept);
        let repeats = |&period: &usize| {
            self.per_mcu.is_multiple_of(period)
                && (period..self.per_mcu).all(|place| tables(place) == tables(place - period))
        };
        self.period = (1..=self.per_mcu).find(repeats).unwrap_or(1) as u32;
    }

    /// What decides how the bits of a block at `place` and of all after it are read.
    pub(super) fn state(&self, place: u32) -> u32 {
        place % self.period
    }

    #[inline(always)]
    pub(super) fn place(&self, place: u32) -> &McuBlock {
        &self.places[place as usize & (PLACES - 1)]
    }

    #[inline(always)]
    pub(super) fn here(&self, place: u32) -> Here {
        self.here[place as usize & (PLACES - 1)]
    }

    /// The codes of a block's DC and AC symbols.
    pub(super) fn codes(&self, place: &McuBlock) -> (&Code, &Code) {
        let (dc, ac) = &self.codes[place.component as usize];
        (dc, ac)
    }

    /// The place of a block.
    pub(super) fn number(&self, here: Here) -> u32 {
        (here.next() + self.per_mcu as u32 - 1) % self.per_mcu as u32
    }
}

/// One symbol read by itself.
pub(super) struct Symbol {
    pub(super) length: u32,
    pub(super) advance: u32,
    pub(super) value: i16,
    /// Whether no code begins with these bits.
    pub(super) is_bad: bool,
}

/// Reads the symbol that `bits` begin with, at place `k` of a block.
///
/// As in libjpeg, a coefficient behind the last one lands in the last one, and bits that no code begins with are a zero.
pub(super) fn symbol(machine: &Machine, place: &McuBlock, k: u32, bits: u64) -> Symbol {
    let (dc, ac) = &machine.codes[place.component as usize];
    let code = if k == START { dc } else { ac };
    let (length, symbol) = code.symbol(bits);
    let (mut advance, size) = if k == START { (1, u32::from(symbol & 15)) } else { step(symbol) };
    if advance < END_OF_BLOCK {
        advance = advance.min(FULL - k);
    }
    let bits = (bits << length >> 1 >> (63 - size)) as u32;
    let kept = k + advance <= place.kept + 1;
    let value = if kept { extend(bits, size) } else { 0 };
    Symbol { length: length + size, advance, value, is_bad: length == NO_CODE }
}
