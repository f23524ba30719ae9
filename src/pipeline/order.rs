//! Records back into the order of their sources.
//!
//! The buffer cannot grow without bound: a reader takes a ticket before it takes a source, there are
//! [`WINDOW`] tickets, and a ticket comes back when its record is written. So a slow picture holds up at
//! most [`WINDOW`] later ones.

use std::collections::VecDeque;

use super::record::Record;

/// Sources that may be between being taken and being written.
pub(super) const WINDOW: usize = 4_096;

/// Records that wait for an earlier one.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// Index of the next record to write, that of the front slot.
    next: u64,
    slots: VecDeque<Option<Record>>,
}

impl Reorder {
    /// Takes a record that is done.
    pub(super) fn put(&mut self, record: Record) {
        let slot = (record.index - self.next) as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(record);
    }

    /// The next record in order, if it is done.
    pub(super) fn pop(&mut self) -> Option<Record> {
        let record = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.next += 1;
        Some(record)
    }
}
