//! Decodes and hashes what the readers loaded, each picture while it is in the worker's cache.

use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, never, select};

use super::budget::{Budget, Reservation};
use super::buffers::Buffers;
use super::lane::{Lane, Returned, Ticket, Travelling};
use super::need;
use super::panics::{self, caught};
use super::record::{Name, Record, Times};
use super::threads::start;
use crate::error::{Error, Result};
use crate::hasher::{Facts, HashOptions, Hashed, Hasher};
use crate::limits::Limits;
use crate::picture::Planes;

/// An encoded picture on its way to a worker.
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) name: Name,
    pub(super) encoded: Vec<u8>,
    pub(super) reserved: Reservation,
    pub(super) times: Times,
}

/// What a worker does with an encoded picture.
pub(super) trait Work {
    /// Memory that [`hash`](Work::hash) will take, in bytes.
    fn need(&mut self, encoded: &[u8]) -> u64;
    /// Hashes one encoded picture. Buffers may be kept for the next one.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed>;

    /// Hashes one encoded picture, or sends it on its way through a device: `None`. Without an own way, [`hash`](Work::hash).
    fn start(&mut self, encoded: &[u8], _ticket: Ticket, _lane: &Lane<'_>) -> Option<Result<Hashed>> {
        Some(self.hash(encoded))
    }

    /// Finishes a picture that came back from a device.
    fn finish(&mut self, returned: Returned) -> Result<Hashed> {
        let key = returned.payload.ticket.name.key;
        Err(Error::Device(format!("{} came back from a device and was sent to none", key.display())))
    }
}

/// The work of every run: [`Hasher::hash`].
pub(super) struct HashWork {
    limits: Limits,
    hasher: Hasher,
}

impl HashWork {
    pub(super) fn new(options: HashOptions) -> HashWork {
        HashWork { limits: options.decode.limits.clone(), hasher: Hasher::new(options) }
    }
}

impl Work for HashWork {
    fn need(&mut self, encoded: &[u8]) -> u64 {
        need::decode_bytes(encoded, &self.limits)
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        self.hasher.hash(encoded)
    }

    fn start(&mut self, encoded: &[u8], mut ticket: Ticket, lane: &Lane<'_>) -> Option<Result<Hashed>> {
        let started = Instant::now();
        let decoded = match self.hasher.decode(encoded) {
            Ok(decoded) => decoded,
            Err(error) => return Some(Err(error)),
        };
        let (facts, picture) = Facts::of(decoded);
        let encoded = matches!(picture.planes, Planes::Coarse { .. }).then(|| encoded.to_vec());
        ticket.times.hash += started.elapsed();
        let travelling = Travelling { ticket, facts, encoded };
        let refused = lane.submit(picture, self.hasher.algorithms(), travelling)?;
        Some(self.finish(*refused))
    }

    fn finish(&mut self, returned: Returned) -> Result<Hashed> {
        let Travelling { facts, encoded, .. } = returned.payload;
        self.hasher.finish(facts, returned.picture, returned.sums, encoded.as_deref())
    }
}

/// A worker: its work, and how to make a new one.
pub(super) struct Worker<'a, W, M> {
    work: W,
    make_work: &'a M,
    budget: &'a Budget,
    /// Disconnected when nobody wants the records any more.
    hangup: Receiver<()>,
}

impl<'a, W: Work, M: Fn() -> W + Sync> Worker<'a, W, M> {
    pub(super) fn new(make_work: &'a M, budget: &'a Budget, hangup: Receiver<()>) -> Self {
        Worker { work: make_work(), make_work, budget, hangup }
    }

    /// Works until the jobs end and nothing is on its way through a device, or nobody wants the records.
    pub(super) fn run(
        mut self,
        mut jobs: Receiver<Job>,
        records: &Sender<Record>,
        buffers: &Buffers,
        mut lane: Lane<'_>,
    ) {
        while let Some(task) = next(&mut jobs, &mut lane, &self.hangup) {
            if self.is_over() {
                return;
            }
            let record = match task {
                Task::New(job) => self.start(job, buffers, &lane),
                Task::Returned(returned) => Some(self.finish(*returned)),
            };
            if record.is_some_and(|record| records.send(record).is_err()) {
                return;
            }
        }
    }

    /// A record, unless the picture is on its way through a device.
    fn start(&mut self, job: Job, buffers: &Buffers, lane: &Lane<'_>) -> Option<Record> {
        let bytes = job.encoded.len() as u64;
        let ticket = Ticket { index: job.index, name: job.name, bytes, times: job.times };
        let started = Instant::now();
        let outcome = match lane.is_open() {
            true => self.start_through(&job.encoded, ticket.clone(), lane),
            false => Some(self.hash(&job.encoded)),
        };
        buffers.put(job.encoded);
        drop(job.reserved);
        outcome.map(|outcome| ticket.record(outcome, started))
    }

    /// Only what fits the worker's share goes to a device: what travels has no reservation.
    fn start_through(&mut self, encoded: &[u8], ticket: Ticket, lane: &Lane<'_>) -> Option<Result<Hashed>> {
        match self.surviving(|work| Ok(work.need(encoded))) {
            Ok(need) if need <= self.budget.share => {
                self.surviving(|work| Ok(work.start(encoded, ticket, lane))).unwrap_or_else(|e| Some(Err(e)))
            }
            Ok(_) => Some(self.hash(encoded).map(|hashed| Hashed {
                fallback: Some("larger than a thread's share of the memory".into()),
                ..hashed
            })),
            Err(error) => Some(Err(error)),
        }
    }

    fn finish(&mut self, returned: Returned) -> Record {
        let (ticket, started) = (returned.payload.ticket.clone(), Instant::now());
        ticket.record(self.surviving(|work| work.finish(returned)), started)
    }

    /// Hashes within the worker's share where that is enough, with lent memory otherwise.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        let need = self.surviving(|work| Ok(work.need(encoded)))?;
        if need <= self.budget.share {
            return self.surviving(|work| work.hash(encoded));
        }
        let _lent = self.budget.lent.reserve(need);
        // Large pictures take long.
        if self.is_over() {
            return Err(Error::Input("the run is over".to_string()));
        }
        self.hash_apart(encoded)
    }

    fn is_over(&self) -> bool {
        self.hangup.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Hashes on a thread of its own, and keeps nothing of it.
    ///
    /// Allocators keep freed memory for the thread that freed it (glibc up to 64 MB each): done on the
    /// workers' own threads, every worker would sit on the memory of its last large picture.
    fn hash_apart(&self, encoded: &[u8]) -> Result<Hashed> {
        let make_work = self.make_work;
        let hash = || surviving(|| make_work().hash(encoded)).unwrap_or_else(Err);
        thread::scope(|scope| {
            let thread = start(scope, "shadegrid-hash-large", hash)?;
            thread.join().unwrap_or_else(|panic| Err(panicked(&panics::message(&*panic))))
        })
    }

    /// Runs a step of the work; after a panic the work is made anew.
    fn surviving<T>(&mut self, step: impl FnOnce(&mut W) -> Result<T>) -> Result<T> {
        surviving(|| step(&mut self.work)).unwrap_or_else(|error| {
            self.work = (self.make_work)();
            Err(error)
        })
    }
}

impl Ticket {
    /// The record of what came of it in the time since `started`, beside what was spent before.
    fn record(mut self, outcome: Result<Hashed>, started: Instant) -> Record {
        self.times.hash += started.elapsed();
        Record::new(self.index, self.name, Some(self.bytes), outcome).timed(self.times)
    }
}

enum Task {
    New(Job),
    Returned(Box<Returned>),
}

/// What to do next: first what came back, since it holds memory; `None` when there is nothing to come.
fn next(jobs: &mut Receiver<Job>, lane: &mut Lane<'_>, hangup: &Receiver<()>) -> Option<Task> {
    loop {
        if let Ok(returned) = lane.returned().try_recv() {
            return Some(Task::Returned(Box::new(returned)));
        }
        select! {
            recv(jobs) -> job => match job {
                Ok(job) => return Some(Task::New(job)),
                Err(_) if !lane.is_open() => return None,
                Err(_) => {
                    lane.close();
                    *jobs = never();
                }
            },
            recv(lane.returned()) -> returned => match returned {
                Ok(returned) => return Some(Task::Returned(Box::new(returned))),
                Err(_) => return None,
            },
            recv(hangup) -> _ => return None,
        }
    }
}

/// Turns a panic, which is a bug in a decoder or here, into an error with the code `corrupt`.
fn surviving<T>(step: impl FnOnce() -> T) -> Result<T> {
    caught(step).map_err(|panic| panicked(&panic))
}

fn panicked(panic: &str) -> Error {
    let message = format!("decoding panicked ({panic}); this is a bug, please report it with the file");
    Error::corrupt("picture", message)
}
