//! Records back into the order of their sources.
//!
//! The buffer cannot grow without bound: a reader takes a ticket before it takes a source, there are
//! [`WINDOW`] tickets, and a ticket comes back when its record is written. So a slow picture holds up at
//! most [`WINDOW`] later ones. A record with further frames takes the tickets of as many sources as it has frames, as far
//! as there are any, so that the frames that wait are bounded too.

use std::collections::VecDeque;

use super::record::Record;

/// Sources that may be between being taken and being written.
pub(super) const WINDOW: usize = 4_096;

/// One source that is done.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "fences are rare, and a box for every record costs more")]
pub(super) enum Arrival {
    Record(Record),
    /// A record that was written before its turn.
    Written {
        index: u64,
        places: usize,
    },
    /// The source was a fence, which has a place in the order and no record.
    Fence {
        index: u64,
        tag: u64,
    },
}

impl Arrival {
    fn index(&self) -> u64 {
        match self {
            Arrival::Record(record) => record.index,
            Arrival::Written { index, .. } | Arrival::Fence { index, .. } => *index,
        }
    }

    /// Places in the window that it takes besides its own.
    pub(super) fn places(&self) -> usize {
        match self {
            Arrival::Record(record) => record.places,
            Arrival::Written { places, .. } => *places,
            Arrival::Fence { .. } => 0,
        }
    }
}

/// What waits for an earlier one.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// Index of the next to write, that of the front slot.
    next: u64,
    slots: VecDeque<Option<Arrival>>,
}

impl Reorder {
    /// Takes what is done.
    pub(super) fn put(&mut self, arrival: Arrival) {
        let slot = (arrival.index() - self.next) as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(arrival);
    }

    /// The next in order, if it is done.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        let arrival = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.next += 1;
        Some(arrival)
    }
}
