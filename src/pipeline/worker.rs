//! Decodes and hashes what the readers loaded, each picture while it is in the worker's cache.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, never, select};

use super::buffers::Buffers;
use super::lane::{Lane, Returned, Travelling};
use super::loans::{Asking, Loans};
use super::order::Arrival;
use super::panics::{self, caught};
use super::record::Record;
use super::task::Job;
use super::threads::start;
use crate::decode::Memory;
use crate::error::{Error, Result};
use crate::hasher::{Facts, HashOptions, Hashed, Hasher};
use crate::picture::Planes;

/// What a worker does with an encoded picture.
pub(super) trait Work {
    /// Memory that [`hash`](Work::hash) will take.
    fn memory(&mut self, encoded: &[u8]) -> Memory;

    /// Hashes one encoded picture. Buffers may be kept for the next one.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed>;

    /// The same within [`Memory::first`]; `None` where that does not do.
    fn hash_first(&mut self, encoded: &[u8]) -> Result<Option<Hashed>> {
        self.hash(encoded).map(Some)
    }

    /// Gives up buffers that were kept, where they and what is needed now are together more than `most`.
    fn make_room(&mut self, _need: u64, _most: u64) {}

    /// Hashes one encoded picture within `most` bytes, or sends it on its way through a device. Without an own way, [`hash`](Work::hash).
    fn start(&mut self, job: Job, _lane: &Lane<'_>, _most: u64, _buffers: &Buffers) -> Started {
        let outcome = self.hash(&job.encoded).map(Some);
        Started::Done(Box::new((job, outcome)))
    }

    /// Finishes a picture that came back from a device; `None` where every pixel of it is needed.
    fn finish(&mut self, returned: Returned) -> (Job, Result<Option<Hashed>>) {
        let job = returned.payload.job;
        let name = job.ticket.name.key.display();
        let message = format!("{name} came back from a device and was sent to none");
        (job, Err(Error::Device(message)))
    }
}

/// What became of a picture that was meant for a device.
pub(super) enum Started {
    /// It is hashed or failed, or (`None`) needs more memory.
    Done(Box<(Job, Result<Option<Hashed>>)>),
    Travelling,
}

/// The work of every run: [`Hasher::hash`].
pub(super) struct HashWork {
    hasher: Hasher,
}

impl HashWork {
    pub(super) fn new(options: HashOptions) -> HashWork {
        HashWork { hasher: Hasher::new(options) }
    }
}

impl Work for HashWork {
    fn memory(&mut self, encoded: &[u8]) -> Memory {
        self.hasher.memory(encoded)
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        self.hasher.hash(encoded)
    }

    fn hash_first(&mut self, encoded: &[u8]) -> Result<Option<Hashed>> {
        self.hasher.hash_first(encoded)
    }

    fn make_room(&mut self, need: u64, most: u64) {
        self.hasher.make_room(need, most);
    }

    fn start(&mut self, mut job: Job, lane: &Lane<'_>, most: u64, buffers: &Buffers) -> Started {
        let started = Instant::now();
        let decoded = match job.need.worst <= most {
            true => self.hasher.decode(&job.encoded).map(Some),
            false => self.hasher.decode_first(&job.encoded),
        };
        let (facts, picture) = match decoded {
            Ok(Some(decoded)) if self.hasher.shows_more(&decoded) => {
                let fits = job.need.worst <= most;
                let outcome = fits.then(|| self.hasher.hash_decoded(decoded, &job.encoded)).transpose();
                return Started::Done(Box::new((job, outcome)));
            }
            Ok(Some(decoded)) => Facts::of(decoded),
            Ok(None) => return Started::Done(Box::new((job, Ok(None)))),
            Err(error) => return Started::Done(Box::new((job, Err(error)))),
        };
        if !matches!(picture.planes, Planes::Coarse { .. }) {
            job.let_go(buffers);
        }
        job.ticket.times.hash += started.elapsed();
        match lane.submit(picture, self.hasher.algorithms(), Travelling { job, facts }) {
            None => Started::Travelling,
            Some(refused) => {
                let (job, outcome) = self.finish(*refused);
                Started::Done(Box::new((job, outcome)))
            }
        }
    }

    fn finish(&mut self, returned: Returned) -> (Job, Result<Option<Hashed>>) {
        let Travelling { job, facts } = returned.payload;
        let hashed = self.hasher.finish(facts, returned.picture, returned.sums);
        (job, Ok(hashed))
    }
}

/// Where a worker's jobs come from.
pub(super) struct Inbox<'a> {
    jobs: Receiver<Job>,
    lane: Lane<'a>,
    loans: &'a Loans<Job>,
    granted: Receiver<(Job, u64)>,
    /// Disconnected when nobody wants the records any more.
    hangup: Receiver<()>,
    /// Gone when this worker asks for nothing more.
    asking: Option<Arc<Asking<'a, Job>>>,
}

enum Task {
    New(Job),
    Granted(Job, u64),
    Returned(Box<Returned>),
}

impl<'a> Inbox<'a> {
    pub(super) fn new(
        jobs: Receiver<Job>,
        lane: Lane<'a>,
        loans: &'a Loans<Job>,
        asking: Arc<Asking<'a, Job>>,
        hangup: Receiver<()>,
    ) -> Inbox<'a> {
        Inbox { jobs, lane, loans, granted: loans.granted().clone(), hangup, asking: Some(asking) }
    }

    /// Whether nobody wants the records any more.
    fn is_over(&self) -> bool {
        self.hangup.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// What to do next: first what holds memory, what came back and what was granted; `None` when there is nothing to come.
    fn next(&mut self) -> Option<Task> {
        loop {
            if self.is_over() {
                return None;
            }
            if let Ok(returned) = self.lane.returned().try_recv() {
                return Some(Task::Returned(Box::new(returned)));
            }
            if let Ok((job, bytes)) = self.granted.try_recv() {
                return Some(Task::Granted(job, bytes));
            }
            select! {
                recv(self.jobs) -> job => match job {
                    Ok(job) => return Some(Task::New(job)),
                    Err(_) => self.end_jobs(),
                },
                recv(self.lane.returned()) -> returned => match returned {
                    Ok(returned) => return Some(Task::Returned(Box::new(returned))),
                    Err(_) => self.asking = None,
                },
                recv(self.granted) -> granted => match granted {
                    Ok((job, bytes)) => return Some(Task::Granted(job, bytes)),
                    Err(_) => return None,
                },
                recv(self.hangup) -> _ => return None,
            }
            if self.asking.is_none() {
                self.lane.forget();
            }
        }
    }

    /// After the last job nothing is sent to a device; what comes back from there may still ask for memory.
    fn end_jobs(&mut self) {
        self.jobs = never();
        if self.lane.is_open() {
            self.lane.close();
        } else {
            self.asking = None;
        }
    }

    fn ask(&self, mut job: Job) {
        job.asked = Some(Instant::now());
        let bytes = job.need.worst;
        if let Some(asking) = &self.asking {
            asking.ask(job, bytes);
        }
    }
}

/// A worker: its work, and how to make a new one.
pub(super) struct Worker<'a, W, M> {
    work: W,
    make_work: &'a M,
    /// Bytes that it may keep and use without asking.
    share: u64,
}

impl<'a, W: Work, M: Fn() -> W + Sync> Worker<'a, W, M> {
    pub(super) fn new(make_work: &'a M, share: u64) -> Self {
        Worker { work: make_work(), make_work, share }
    }

    /// Works until nothing is to come, or nobody wants the records.
    pub(super) fn run(mut self, mut inbox: Inbox<'_>, records: &Sender<Arrival>, buffers: &Buffers) {
        while let Some(task) = inbox.next() {
            let record = match task {
                Task::New(job) => self.start(job, &inbox, buffers),
                Task::Returned(returned) => self.finish(*returned, &inbox, buffers),
                Task::Granted(job, bytes) => Some(self.hash_large(job, bytes, &inbox, buffers)),
            };
            if record.is_some_and(|record| records.send(Arrival::Record(record)).is_err()) {
                return;
            }
        }
    }

    /// A record, unless the picture is on its way through a device or waits for more than the worker's share.
    fn start(&mut self, mut job: Job, inbox: &Inbox<'_>, buffers: &Buffers) -> Option<Record> {
        let started = Instant::now();
        job.need = match self.surviving(|work| work.memory(&job.encoded)) {
            Ok(need) => need,
            Err(error) => return Some(job.record(Err(error), started, buffers)),
        };
        let need = job.need;
        if need.first > self.share {
            inbox.ask(job);
            return None;
        }
        let share = self.share;
        let _ = self.surviving(|work| work.make_room(need.first, share));
        if inbox.lane.is_open() {
            return self.start_through(job, started, inbox, buffers);
        }
        let outcome = match need.worst <= share {
            true => self.surviving(|work| work.hash(&job.encoded).map(Some)),
            false => self.surviving(|work| work.hash_first(&job.encoded)),
        };
        ended(job, outcome.unwrap_or_else(Err), started, inbox, buffers)
    }

    /// What does not fit the worker's share does not go to a device: what travels has no reservation but its file's.
    fn start_through(
        &mut self,
        job: Job,
        started: Instant,
        inbox: &Inbox<'_>,
        buffers: &Buffers,
    ) -> Option<Record> {
        let share = self.share;
        let ticket = job.ticket.clone();
        match self.surviving(|work| work.start(job, &inbox.lane, share, buffers)) {
            Ok(Started::Travelling) => None,
            Ok(Started::Done(done)) => {
                let (job, outcome) = *done;
                ended(job, outcome, started, inbox, buffers)
            }
            Err(error) => Some(ticket.record(Err(error), started)),
        }
    }

    fn finish(&mut self, returned: Returned, inbox: &Inbox<'_>, buffers: &Buffers) -> Option<Record> {
        let started = Instant::now();
        let ticket = returned.payload.job.ticket.clone();
        match self.surviving(|work| work.finish(returned)) {
            Ok((job, Ok(None))) if job.need.worst <= self.share => {
                let outcome = self.surviving(|work| work.hash(&job.encoded)).unwrap_or_else(Err);
                Some(job.record(outcome, started, buffers))
            }
            Ok((job, outcome)) => ended(job, outcome, started, inbox, buffers),
            Err(error) => Some(ticket.record(Err(error), started)),
        }
    }

    /// Hashes with lent memory.
    fn hash_large(&mut self, mut job: Job, bytes: u64, inbox: &Inbox<'_>, buffers: &Buffers) -> Record {
        let loan = inbox.loans.hold(bytes);
        let started = job.asked.take().unwrap_or_else(Instant::now);
        let mut outcome = self.hash_apart(&job.encoded);
        drop(loan);
        if let (Ok(hashed), true) = (&mut outcome, inbox.lane.exists()) {
            hashed.fallback = Some("larger than a thread's share of the memory".into());
        }
        job.record(outcome, started, buffers)
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
    fn surviving<T>(&mut self, step: impl FnOnce(&mut W) -> T) -> Result<T> {
        surviving(|| step(&mut self.work)).inspect_err(|_| self.work = (self.make_work)())
    }
}

/// The record of an outcome; `None` where there is none, and the job asks for more memory.
fn ended(
    mut job: Job,
    outcome: Result<Option<Hashed>>,
    started: Instant,
    inbox: &Inbox<'_>,
    buffers: &Buffers,
) -> Option<Record> {
    match outcome.transpose() {
        Some(outcome) => Some(job.record(outcome, started, buffers)),
        None => {
            job.ticket.times.hash += started.elapsed();
            inbox.ask(job);
            None
        }
    }
}

/// Turns a panic, which is a bug in a decoder or here, into an error with the code `corrupt`.
pub(crate) fn surviving<T>(step: impl FnOnce() -> T) -> Result<T> {
    caught(step).map_err(|panic| panicked(&panic))
}

fn panicked(panic: &str) -> Error {
    let message = format!("decoding panicked ({panic}); this is a bug, please report it with the file");
    Error::corrupt("picture", message)
}
