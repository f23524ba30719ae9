//! What goes from the readers to the workers.

use std::time::Instant;

use super::budget::Reservation;
use super::buffers::Buffers;
use super::record::{Name, Record, Times};
use crate::decode::Memory;
use crate::error::Result;
use crate::hasher::Hashed;

/// What a record needs to know of its source.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) index: u64,
    pub(super) name: Name,
    pub(super) bytes: u64,
    pub(super) times: Times,
}

impl Ticket {
    /// The record of what came of it in the time since `started`, on top of what was spent before.
    pub(super) fn record(mut self, outcome: Result<Hashed>, started: Instant) -> Record {
        self.times.hash += started.elapsed();
        Record::new(self.index, self.name, Some(self.bytes), outcome).timed(self.times)
    }
}

/// An encoded picture on its way to a record.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) encoded: Vec<u8>,
    pub(super) reserved: Reservation,
    /// Memory that it will take.
    pub(super) need: Memory,
    /// Since when it waits for more than a worker's share.
    pub(super) asked: Option<Instant>,
}

impl Job {
    pub(super) fn new(ticket: Ticket, encoded: Vec<u8>, reserved: Reservation) -> Job {
        Job { ticket, encoded, reserved, need: Memory { first: 0, worst: 0 }, asked: None }
    }

    pub(super) fn record(mut self, outcome: Result<Hashed>, started: Instant, buffers: &Buffers) -> Record {
        self.let_go(buffers);
        self.ticket.record(outcome, started)
    }

    /// Gives the file up, where nobody needs it any more.
    pub(super) fn let_go(&mut self, buffers: &Buffers) {
        buffers.put(std::mem::take(&mut self.encoded));
        self.reserved.shrink_to(0);
    }
}
