//! Where a scan's blocks are stored, and their way there (T.81, A.2).
//!
//! A component that is scanned once more is read over what is there, as libjpeg does: its DC values are new, a coefficient that the
//! later scan has as zero stays as it was, and so does a block that the later scan lacks.

use super::frame::Frame;
use super::planes::Stored;
use super::runs::Logs;
use super::scan::Scan;
use std::ops::Range;

/// One component's part of an MCU.
#[derive(Debug, Clone, Copy, Default)]
struct McuComponent {
    component: usize,
    /// Its blocks' places in the MCU.
    first: usize,
    end: usize,
    /// Its blocks across and down.
    across: usize,
    down: usize,
    /// Blocks from one row of the store to the next.
    stride: usize,
    /// Whether an earlier scan brought its blocks.
    again: bool,
}

/// The order of a scan's blocks, and how far it was followed.
pub(super) struct Layout {
    wide: usize,
    per_mcu: usize,
    /// The scan's blocks.
    pub(super) blocks: usize,
    parts: [McuComponent; 4],
    count: usize,
    prediction: [i16; 4],
    /// Blocks that were stored or are known to be missing.
    done: usize,
    /// Whether a DC value left 16 bits; known with more than one slot only.
    pub(super) wrapped: bool,
}

impl Layout {
    /// The order of a scan's blocks; `again` tells which components were scanned before.
    pub(super) fn new(frame: &Frame, scan: &Scan, again: [bool; 4]) -> Layout {
        let mut layout = Layout {
            wide: scan.wide,
            per_mcu: 0,
            blocks: 0,
            parts: Default::default(),
            count: scan.parts().len(),
            prediction: [0; 4],
            done: 0,
            wrapped: false,
        };
        for (to, part) in layout.parts.iter_mut().zip(scan.parts()) {
            let component = &frame.components()[part.component];
            let (across, down) = match scan.alone(frame) {
                Some(_) => (1, 1),
                None => (component.across, component.down),
            };
            let first = layout.per_mcu;
            layout.per_mcu += across * down;
            let (stride, again) = (component.stride, again[part.component]);
            let component = part.component;
            *to = McuComponent { component, first, end: layout.per_mcu, across, down, stride, again };
        }
        layout.blocks = scan.mcus * layout.per_mcu;
        layout
    }

    /// Stores the next blocks, and zeros for those missing before them.
    pub(super) fn store<const SLOTS: usize>(&mut self, logs: Logs<'_>, stored: &mut [Stored; 4]) {
        for run in logs.runs {
            self.blank::<SLOTS>(self.done..run.block, stored);
            self.done = run.block + run.blocks;
            if run.fresh {
                self.prediction = [0; 4];
            }
            self.write::<SLOTS>(run.block, logs.of::<SLOTS>(run), run.before, stored);
        }
    }

    /// Stores zeros for the blocks that did not come.
    pub(super) fn finish<const SLOTS: usize>(&mut self, stored: &mut [Stored; 4]) {
        self.blank::<SLOTS>(self.done..self.blocks, stored);
    }

    fn parts(&self) -> &[McuComponent] {
        &self.parts[..self.count]
    }

    /// The component of the scan's block `block`, and which of its stored blocks that is.
    pub(super) fn place(&self, block: usize) -> (usize, usize) {
        let (part, at) = self.find(block);
        (part.component, at)
    }

    /// The part and the stored block of the scan's block `block`.
    fn find(&self, block: usize) -> (&McuComponent, usize) {
        let (mcu, place) = (block / self.per_mcu, block % self.per_mcu);
        let part = self.parts().iter().find(|part| place < part.end).unwrap_or(&self.parts[0]);
        let (column, row) = ((place - part.first) % part.across, (place - part.first) / part.across);
        let row = mcu / self.wide * part.down + row;
        (part, row * part.stride + mcu % self.wide * part.across + column)
    }

    fn blank<const SLOTS: usize>(&self, blocks: Range<usize>, stored: &mut [Stored; 4]) {
        for block in blocks {
            let (part, at) = self.find(block);
            if !part.again {
                stored[part.component].coefficients[at * SLOTS..][..SLOTS].fill(0);
            }
        }
    }

    /// Stores a log of blocks that starts at the scan's block `block`: with one slot, running totals of all DC
    /// differences, `before` the one before; otherwise coefficients, DC as difference.
    fn write<const SLOTS: usize>(
        &mut self,
        block: usize,
        log: &[i16],
        before: i16,
        stored: &mut [Stored; 4],
    ) {
        let blocks = log.len() / SLOTS;
        let head = (block.next_multiple_of(self.per_mcu) - block).min(blocks);
        let mcus = (blocks - head) / self.per_mcu;
        let tail = head + mcus * self.per_mcu;
        let total = |at: usize| if at == 0 { before } else { log[at * SLOTS - 1] };
        self.write_blocks::<SLOTS>(block, &log[..head * SLOTS], before, stored);
        let first = (block + head) / self.per_mcu;
        let whole = &log[head * SLOTS..tail * SLOTS];
        for index in 0..self.count {
            let part = self.parts[index];
            let store = &mut stored[part.component].coefficients;
            let dc = self.prediction[part.component];
            self.prediction[part.component] = match (SLOTS, part.across) {
                (1, 1) => self.write_totals::<1>(&part, first, whole, total(head), dc, store),
                (1, 2) => self.write_totals::<2>(&part, first, whole, total(head), dc, store),
                (1, _) => self.write_totals::<0>(&part, first, whole, total(head), dc, store),
                _ => self.write_mcus::<SLOTS>(&part, first, whole, dc, store),
            };
        }
        self.write_blocks::<SLOTS>(block + tail, &log[tail * SLOTS..], total(tail), stored);
    }

    /// Blocks of an MCU that was cut.
    fn write_blocks<const SLOTS: usize>(
        &mut self,
        first: usize,
        log: &[i16],
        mut before: i16,
        stored: &mut [Stored; 4],
    ) {
        for (index, block) in log.chunks_exact(SLOTS).enumerate() {
            let (&McuComponent { component, again, .. }, at) = self.find(first + index);
            let difference = if SLOTS == 1 { block[0].wrapping_sub(before) } else { block[0] };
            before = block[0];
            let (dc, wrapped) = self.prediction[component].overflowing_add(difference);
            self.prediction[component] = dc;
            self.wrapped |= SLOTS > 1 && wrapped;
            write_block(&mut stored[component].coefficients[at * SLOTS..][..SLOTS], block, dc, again);
        }
    }

    /// One component's blocks of whole MCUs from running totals; returns its last DC. `ACROSS` is how many blocks of an MCU lie
    /// side by side, 0 where the compiler need not know.
    fn write_totals<const ACROSS: usize>(
        &self,
        part: &McuComponent,
        first: usize,
        log: &[i16],
        mut before: i16,
        mut dc: i16,
        store: &mut [i16],
    ) -> i16 {
        let across = if ACROSS > 0 { ACROSS } else { part.across };
        let (mut column, mut row) = (first % self.wide, first / self.wide);
        let mut log = log;
        while !log.is_empty() {
            let mcus = (self.wide - column).min(log.len() / self.per_mcu);
            let (line, rest) = log.split_at(mcus * self.per_mcu);
            let lines = &mut store[row * part.down * part.stride..][..part.down * part.stride];
            for (index, mcu) in line.chunks_exact(self.per_mcu).enumerate() {
                // The log has totals over all components. Less the total in front of this component's blocks they are sums of its own
                // differences; wrapping is exact modulo 2¹⁶, so totals may leave 16 bits where DC values do not.
                let offset = dc.wrapping_sub(if part.first == 0 { before } else { mcu[part.first - 1] });
                let own = &mcu[part.first..part.end];
                let at = (column + index) * across;
                for (y, totals) in own.chunks_exact(across).enumerate() {
                    let to = &mut lines[y * part.stride + at..][..across];
                    for (to, total) in to.iter_mut().zip(totals) {
                        *to = offset.wrapping_add(*total);
                    }
                }
                dc = offset.wrapping_add(own[own.len() - 1]);
                before = mcu[self.per_mcu - 1];
            }
            (column, row, log) = (0, row + 1, rest);
        }
        dc
    }

    /// One component's blocks of whole MCUs from coefficients; returns its last DC.
    fn write_mcus<const SLOTS: usize>(
        &mut self,
        part: &McuComponent,
        first: usize,
        log: &[i16],
        mut dc: i16,
        store: &mut [i16],
    ) -> i16 {
        let (mut column, mut row) = (first % self.wide, first / self.wide);
        for mcu in log.chunks_exact(self.per_mcu * SLOTS) {
            let own = mcu[part.first * SLOTS..part.end * SLOTS].chunks_exact(part.across * SLOTS);
            for (y, blocks) in own.enumerate() {
                let at = (row * part.down + y) * part.stride + column * part.across;
                let to = store[at * SLOTS..][..part.across * SLOTS].chunks_exact_mut(SLOTS);
                for (to, block) in to.zip(blocks.chunks_exact(SLOTS)) {
                    let (sum, wrapped) = dc.overflowing_add(block[0]);
                    (dc, self.wrapped) = (sum, self.wrapped | wrapped);
                    write_block(to, block, dc, part.again);
                }
            }
            column += 1;
            if column == self.wide {
                (column, row) = (0, row + 1);
            }
        }
        dc
    }
}

/// One block of a log, with its DC value, over what `to` holds where that counts.
#[inline(always)]
fn write_block(to: &mut [i16], block: &[i16], dc: i16, again: bool) {
    if again {
        let changed = to.iter_mut().zip(block).filter(|(_, new)| **new != 0);
        changed.for_each(|(to, new)| *to = *new);
    } else {
        to.copy_from_slice(block);
    }
    to[0] = dc;
}
