//! What a sequential scan's decoders share: the MCU's blocks with their tables, and one symbol read with every check.

use super::bits::extend;
use super::huffman::Code;
use super::lookup::{END_OF_BLOCK, FULL, START, Tables, step};
use std::sync::Arc;

/// Blocks of one MCU at most: four components of 4×4.
const PLACES: usize = 64;
/// One block of the MCU: its tables' bases and what follows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) dc: u32,
    pub(super) value: u32,
    pub(super) skip: u32,
    /// The base of the next block's first table.
    pub(super) dc_next: u32,
    pub(super) next: u32,
    /// The last coefficient that is kept, in zigzag order, counted from [`START`].
    pub(super) kept: u32,
    /// Which of the scan's components.
    component: u32,
    /// Makes a place 32 bytes, so that finding one takes a shift.
    _spare: u32,
}

/// Everything about a scan that its lanes share.
#[derive(Debug)]
pub(super) struct Machine {
    places: [Place; PLACES],
    pub(super) per_mcu: usize,
    /// Places after which the tables repeat: where all components share theirs, every place is like every other.
    period: u32,
    codes: Vec<(Arc<Code>, Arc<Code>)>,
}

/// One component of a scan, for the state machine.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) dc: Arc<Code>,
    pub(super) ac: Arc<Code>,
    /// Blocks in an MCU.
    pub(super) blocks: usize,
    /// The last coefficient that is kept.
    pub(super) kept: u32,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { places: [Place::default(); PLACES], per_mcu: 0, period: 1, codes: Vec::new() }
    }
}

impl Machine {
    /// Lays out the MCU, for logs of `slots` a block.
    pub(super) fn set(&mut self, parts: impl Iterator<Item = Part>, slots: usize, tables: &mut Tables) {
        self.codes.clear();
        self.per_mcu = 0;
        for (component, part) in parts.enumerate() {
            let place = Place {
                dc: if slots == 1 {
                    tables.dc_skip(&part.dc, &part.ac)
                } else {
                    tables.dc(&part.dc, &part.ac)
                },
                value: if part.kept == 0 { 0 } else { tables.value(&part.ac) },
                skip: if part.kept == 63 { 0 } else { tables.skip(&part.ac) },
                kept: part.kept + START,
                component: component as u32,
                ..Place::default()
            };
            self.places[self.per_mcu..][..part.blocks].fill(place);
            self.per_mcu += part.blocks;
            self.codes.push((part.dc, part.ac));
        }
        for place in 0..self.per_mcu {
            let next = (place + 1) % self.per_mcu;
            self.places[place].next = next as u32;
            self.places[place].dc_next = self.places[next].dc;
        }
        let tables = |place: &Place| (place.dc, place.value, place.skip, place.kept);
        let places = &self.places[..self.per_mcu];
        let repeats = |&period: &usize| {
            self.per_mcu.is_multiple_of(period)
                && (period..places.len()).all(|at| tables(&places[at]) == tables(&places[at - period]))
        };
        self.period = (1..=self.per_mcu).find(repeats).unwrap_or(1) as u32;
    }

    /// What decides how the bits of a block at `place` and of all after it are read.
    pub(super) fn state(&self, place: u32) -> u32 {
        place % self.period
    }

    #[inline(always)]
    pub(super) fn place(&self, place: u32) -> &Place {
        &self.places[place as usize & (PLACES - 1)]
    }
}

/// What is wrong with a stretch of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends within a block.
    Ended,
    /// Bits that no code begins with.
    NoCode,
    /// A run past coefficient 63.
    Overrun,
}

/// One symbol read by itself.
pub(super) struct Symbol {
    pub(super) length: u32,
    pub(super) advance: u32,
    pub(super) value: i16,
}

/// Reads the symbol that `bits` begin with, at place `k` of a block.
pub(super) fn symbol(machine: &Machine, place: &Place, k: u32, bits: u64) -> Result<Symbol, Fault> {
    let (dc, ac) = &machine.codes[place.component as usize];
    let code = if k == START { dc } else { ac };
    let (length, symbol) = code.symbol(bits).ok_or(Fault::NoCode)?;
    let (advance, size) = if k == START { (1, u32::from(symbol & 15)) } else { step(symbol) };
    if advance < END_OF_BLOCK && k + advance > FULL {
        return Err(Fault::Overrun);
    }
    let bits = (bits << length >> 1 >> (63 - size)) as u32;
    let kept = k + advance <= place.kept + 1;
    let value = if kept { extend(bits, size) } else { 0 };
    Ok(Symbol { length: length + size, advance, value })
}
