//! One source of a run, as a task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::budget::Reservation;
use super::buffers::Buffers;
use super::encoded::Encoded;
use super::order::Arrival;
use super::record::{Name, Record, Times};
use super::task::{Route, Task, Travelling, dropped};
use super::trial::Trial;
use crate::backend::Backend;
use crate::backend::gpu::Ring;
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed};

/// What the tasks of one run share.
#[derive(Debug)]
pub(super) struct RunTasks {
    pub(super) options: Arc<HashOptions>,
    pub(super) buffers: Buffers,
    /// Set when nobody wants the records any more.
    pub(super) is_over: AtomicBool,
    /// Tickets that no source has.
    pub(super) tickets: Receiver<()>,
    /// Of devices that nobody asked for: whether they help, and what they are. A reader that never returns must not hold them open.
    pub(super) trial: Option<(Trial, Weak<[Ring<Travelling>]>)>,
}

impl RunTasks {
    /// Counts a picture that is hashed.
    fn count(&self, bytes: u64, outcome: &Result<Hashed>) {
        let (Some((trial, rings)), Ok(hashed)) = (&self.trial, outcome) else { return };
        let waiting = || rings.upgrade().map_or(0, |rings| rings.iter().map(Ring::waiting).sum());
        trial.count(Instant::now(), bytes, hashed.backend == Backend::Gpu, waiting);
    }

    /// Takes the places of so many sources in the window, as far as they are free.
    pub(super) fn take_places(&self, wanted: usize) -> usize {
        (0..wanted).take_while(|_| self.tickets.try_recv().is_ok()).count()
    }
}

/// One source of a run, in flight between its reader and its record.
#[derive(Debug)]
pub(super) struct SourceTask {
    run: Arc<RunTasks>,
    /// Gone with the record.
    pending: Option<(Sender<Arrival>, Ticket)>,
    encoded: Encoded,
    reserved: Reservation,
    route: Option<Route>,
    has_devices: bool,
}

/// What a record needs to know of its source.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) index: u64,
    pub(super) name: Name,
    /// Length of the encoded picture.
    pub(super) bytes: u64,
    pub(super) times: Times,
}

impl SourceTask {
    pub(super) fn new(
        (run, records, route): (Arc<RunTasks>, Sender<Arrival>, Option<Route>),
        ticket: Ticket,
        (encoded, reserved): (Encoded, Reservation),
    ) -> SourceTask {
        let has_devices = route.is_some();
        SourceTask { run, pending: Some((records, ticket)), encoded, reserved, route, has_devices }
    }

    fn finish(&mut self, outcome: Result<Hashed>, started: Instant) {
        let Some((records, Ticket { index, name, bytes, mut times })) = self.pending.take() else { return };
        self.release_encoded();
        times.hash += started.elapsed();
        self.run.count(bytes, &outcome);
        let places = self.run.take_places(outcome.as_ref().map_or(0, |hashed| hashed.frames.len()));
        let record = Record { places, ..Record::new(index, name, Some(bytes), outcome).timed(times) };
        // Nobody takes it where the run is over.
        let _ = records.send(Arrival::Record(record));
    }
}

impl Task for SourceTask {
    fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    fn options(&self) -> &Arc<HashOptions> {
        &self.run.options
    }

    fn is_wanted(&self) -> bool {
        // A stale answer costs one picture hashed for nobody.
        !self.run.is_over.load(Ordering::Relaxed)
    }

    fn route(&self) -> Option<&Route> {
        let is_open = self.run.trial.as_ref().is_none_or(|(trial, _)| trial.is_open());
        self.route.as_ref().filter(|_| is_open)
    }

    fn leave_route(&mut self) -> Option<Route> {
        self.route.take()
    }

    fn has_devices(&self) -> bool {
        self.has_devices
    }

    fn release_encoded(&mut self) {
        self.encoded.release().into_iter().for_each(|buffer| self.run.buffers.put(buffer));
        self.reserved.shrink_to(0);
    }

    fn spent(&mut self, started: Instant) {
        if let Some((_, ticket)) = &mut self.pending {
            ticket.times.hash += started.elapsed();
        }
    }

    fn done(mut self: Box<Self>, outcome: Result<Hashed>, started: Instant) {
        self.finish(outcome, started);
    }
}

impl Drop for SourceTask {
    fn drop(&mut self) {
        if self.is_wanted() {
            self.finish(Err(dropped()), Instant::now());
        }
    }
}
