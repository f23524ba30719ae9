//! Records back into the order of their sources.
//!
//! The buffer cannot grow without bound: a reader takes a ticket before it takes a source, and there are [`IN_FLIGHT`] tickets. A ticket comes back when its
//! record is written; or before that, when its record comes and those that wait for an earlier one take less than so many bytes. So a slow picture holds
//! up the others by how much memory their records take, and not by how many they are: devices finish 100,000 in the second that one picture may take.
//! A record with further frames takes the tickets of as many sources as it has frames, as far as there are any, until it is written, so that the frames that
//! wait are bounded too.

use std::collections::VecDeque;

use super::record::Record;

/// Sources that may be in flight, which are those that are taken and not done.
pub(super) const IN_FLIGHT: usize = 4_096;

/// Bytes of records that may wait for an earlier one, at most, and which part of the memory.
const MOST_HELD: u64 = 16 << 20;
const PART_HELD: u64 = 64;

/// What the message of an error takes, about.
const MESSAGE: usize = 256;

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
#[derive(Debug)]
struct Waiting {
    arrival: Arrival,
    bytes: u64,
    /// Whether its ticket is given back already.
    is_ahead: bool,
}

/// All that wait, in their order.
#[derive(Debug)]
pub(super) struct Reorder {
    /// Index of the next to write, that of the front slot.
    next: u64,
    slots: VecDeque<Option<Waiting>>,
    /// Bytes that wait, and how many may.
    held: u64,
    most: u64,
}

impl Reorder {
    /// For a run that has so many bytes of memory.
    pub(super) fn new(memory: u64) -> Reorder {
        let most = MOST_HELD.min(memory / PART_HELD);
        Reorder { next: 0, slots: VecDeque::new(), held: 0, most }
    }

    /// Takes what is done. Whether its ticket is to be given back now.
    pub(super) fn put(&mut self, arrival: Arrival) -> bool {
        let slot = (arrival.index() - self.next) as usize;
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        let bytes = bytes(&arrival);
        let is_ahead = slot > 0 && self.held + bytes <= self.most;
        self.held += bytes;
        self.slots[slot] = Some(Waiting { arrival, bytes, is_ahead });
        is_ahead
    }

    /// The next in order, if it is done, and whether its ticket is to be given back now.
    pub(super) fn pop(&mut self) -> Option<(Arrival, bool)> {
        let Waiting { arrival, bytes, is_ahead } = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.next += 1;
        self.held -= bytes;
        Some((arrival, !is_ahead))
    }
}

/// Bytes that something takes while it waits, about.
fn bytes(arrival: &Arrival) -> u64 {
    let more = match arrival {
        Arrival::Record(record) => {
            record.key.len() + record.outcome.as_ref().map_or(MESSAGE, |hashed| hashed.apart())
        }
        Arrival::Written { .. } | Arrival::Fence { .. } => 0,
    };
    (size_of::<Option<Waiting>>() + more) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_gives_its_ticket_back_up_to_so_many_bytes() {
        let each = size_of::<Option<Waiting>>() as u64;
        let mut waiting = Reorder::new(PART_HELD * 10 * each);
        assert!(waiting.pop().is_none());
        // The first is not done.
        let ahead: Vec<bool> =
            (1..=20).map(|index| waiting.put(Arrival::Written { index, places: 0 })).collect();
        assert!(ahead[..10].iter().all(|&ahead| ahead) && !ahead[10..].iter().any(|&ahead| ahead));
        assert!(waiting.pop().is_none());
        assert!(!waiting.put(Arrival::Fence { index: 0, tag: 7 }), "it does not wait");
        let mut given = 0;
        for index in 0..=20 {
            let (arrival, is_given) = waiting.pop().unwrap();
            assert_eq!(arrival.index(), index);
            given += usize::from(is_given);
        }
        assert_eq!((given, waiting.held), (11, 0));
        assert!(waiting.put(Arrival::Written { index: 25, places: 0 }), "what was written makes room");
        assert_eq!(Reorder::new(u64::MAX).most, MOST_HELD);
    }
}
