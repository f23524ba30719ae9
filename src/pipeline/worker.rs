//! Decodes and hashes pictures, each while it is in the thread's cache.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::budget::{Budget, Permits, Reservation};
use super::held::Hold;
use super::kept::Kept;
use super::panics::{self, caught};
use super::task::{Pending, Returned, Route, Task, Travelling};
use super::threads::start;
use super::work::{Decoded, HashWork, MakeWork, Work};
use crate::backend::{Check, Decoding, Done};
use crate::error::{Error, Result};
use crate::hasher::{HashOptions, Hashed};
use crate::picture::{Picture, Planes};

/// What a worker does next.
pub(super) enum Step {
    /// A picture that nobody has looked at yet.
    New(Box<dyn Task>),
    /// One that waited for more than a share of the memory, with that.
    Lent(Pending, Reservation),
    /// One that came back from a device.
    Returned(Box<Returned>),
}

/// How pictures are hashed, and within which memory: what all threads share that hash.
pub(crate) struct Bounded {
    pub(super) make_work: Box<MakeWork>,
    pub(super) loans: Permits,
    /// Bytes that one thread may keep and use without asking.
    pub(super) share: u64,
}

impl fmt::Debug for Bounded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounded { loans, share, make_work: _ } = self;
        formatter.debug_struct("Bounded").field("loans", loans).field("share", share).finish_non_exhaustive()
    }
}

impl Bounded {
    /// For so many threads, which take so many bytes together.
    pub(crate) fn new(threads: NonZeroUsize, memory: u64) -> Bounded {
        let make_work = Box::new(move |options: &HashOptions| {
            let mut options = options.clone();
            options.decode.limits = options.decode.limits.within(memory);
            Box::new(HashWork::new(options)) as Box<_>
        });
        Bounded::with(make_work, threads, memory)
    }

    /// The same with other work.
    pub(crate) fn with(make_work: Box<MakeWork>, threads: NonZeroUsize, memory: u64) -> Bounded {
        let budget = Budget { memory };
        Bounded { make_work, loans: Permits::new(budget.lent()), share: budget.share(threads) }
    }

    /// Hashes a picture on the calling thread, in its own buffers; one that takes more than a share waits for the rest.
    pub(crate) fn hash(&self, kept: &mut Kept, options: &Arc<HashOptions>, encoded: &[u8]) -> Result<Hashed> {
        let need = self.surviving(kept, options, |work| work.memory(encoded))?.worst;
        kept.make_room(options, need, self.share);
        let loan = (need > self.share).then(|| self.loans.reserve(need));
        let outcome = self.surviving(kept, options, |work| work.hash(encoded));
        if loan.is_some() {
            // What the buffers grew to is not this thread's to keep.
            kept.drop(options);
        }
        outcome?
    }

    /// Hashes a picture that is decoded already.
    pub(crate) fn hash_picture(
        &self,
        kept: &mut Kept,
        options: &Arc<HashOptions>,
        picture: &Picture,
    ) -> Result<Hashed> {
        self.surviving(kept, options, |work| work.hash_picture(picture))?
    }

    /// Runs a step of the work; after a panic the work is made anew.
    fn surviving<T>(
        &self,
        kept: &mut Kept,
        options: &Arc<HashOptions>,
        step: impl FnOnce(&mut dyn Work) -> T,
    ) -> Result<T> {
        let work = kept.of(options, &self.make_work);
        surviving(|| step(work)).inspect_err(|_| kept.drop(options))
    }
}

/// One thread's work: what it keeps from picture to picture.
pub(super) struct Worker {
    shared: Arc<Bounded>,
    /// Where pictures go that have their loan.
    lent: Sender<(Pending, Reservation)>,
    kept: Kept,
}

impl Worker {
    pub(super) fn new(shared: Arc<Bounded>, lent: Sender<(Pending, Reservation)>) -> Worker {
        Worker { shared, lent, kept: Kept::default() }
    }

    /// Does one step. A panic outside of decoders costs that step, whose task says so when it is dropped.
    pub(super) fn take(&mut self, step: Step) {
        let _ = caught(|| match step {
            Step::New(task) if task.is_wanted() => self.start(task),
            Step::Lent(pending, loan) if pending.task.is_wanted() => self.hash_large(pending, loan),
            Step::Returned(returned) if returned.payload.pending.task.is_wanted() => self.finish(*returned),
            _ => {}
        });
    }

    fn start(&mut self, task: Box<dyn Task>) {
        let started = Instant::now();
        let need = match self.surviving(&*task, |work, encoded| work.memory(encoded)) {
            Ok(need) => need,
            Err(error) => return task.done(Err(error), started),
        };
        let (pending, share) = (Pending { task, need, asked: started }, self.shared.share);
        if need.first > share {
            return self.ask(pending);
        }
        self.kept.make_room(pending.task.options(), need.first, share);
        let bytes = pending.task.encoded().len() as u64;
        match pending.task.route().cloned().and_then(|route| Some((route.hold(bytes)?, route))) {
            Some((hold, route)) => self.start_through((&route, hold), pending, started),
            None => self.hash(pending, None, started),
        }
    }

    /// Hashes within the worker's share. `fallback` says why what was meant for a device is not done there.
    fn hash(&mut self, pending: Pending, fallback: Option<Arc<str>>, started: Instant) {
        let (need, share) = (pending.need, self.shared.share);
        let hash = |work: &mut dyn Work, encoded: &[u8]| match need.worst <= share {
            true => work.hash(encoded).map(Some),
            false => work.hash_first(encoded),
        };
        let outcome = self.surviving(&*pending.task, hash).unwrap_or_else(Err);
        let outcome = outcome.map(|hashed| hashed.map(|hashed| Hashed { fallback, ..hashed }));
        self.ended(pending, outcome, started);
    }

    /// Has a device do as much as it can and has room for: decode, or sum. A picture that does not fit the worker's share does not go to one: on the way there it has no
    /// reservation but its file's.
    fn start_through(&mut self, (route, hold): (&Route, Hold), mut pending: Pending, started: Instant) {
        let placed = self.surviving(&*pending.task, |work, encoded| {
            let (facts, picture, compressed) = work.compressed(encoded)?;
            Some((facts, picture, route.place(&compressed, work.algorithms())?))
        });
        match placed {
            Ok(None) => {}
            Ok(Some((facts, picture, sending))) => {
                let decoding = self.kept.take_decoding(pending.task.options());
                pending.task.decoded(decoding);
                pending.task.spent(started);
                drop(pending.task.leave_route());
                return sending.commit(picture, Travelling { pending, facts, hold });
            }
            Err(error) => return self.ended(pending, Err(error), started),
        }
        let (need, share) = (pending.need, self.shared.share);
        let decode = |work: &mut dyn Work, encoded: &[u8]| work.decode(encoded, need, share);
        let decoded = self.surviving(&*pending.task, decode).unwrap_or_else(Err);
        // The next picture's time begins anew.
        let decoding = self.kept.take_decoding(pending.task.options());
        pending.task.decoded(decoding);
        let (facts, picture) = match decoded {
            Ok(Decoded::Picture(decoded)) => *decoded,
            Ok(Decoded::Hashed(hashed)) => {
                return self.ended(pending, Ok(hashed.map(|hashed| *hashed)), started);
            }
            Err(error) => return self.ended(pending, Err(error), started),
        };
        // Only a coarse picture may turn out to need every pixel of its file.
        if !matches!(picture.planes, Planes::Coarse { .. }) {
            pending.task.release_encoded();
        }
        pending.task.spent(started);
        drop(pending.task.leave_route());
        let algorithms = self.kept.of(pending.task.options(), &self.shared.make_work).algorithms();
        if let Some(refused) = route.submit(picture, algorithms, Travelling { pending, facts, hold }) {
            self.finish(*refused);
        }
    }

    fn finish(&mut self, returned: Returned) {
        let started = Instant::now();
        let Done { picture, payload: Travelling { pending, facts, hold }, sums, decoding } = returned;
        drop(hold);
        // Judged as carefully as files are: what a device says may be wrong. One that cannot be judged is read.
        let wants_pixels = |check: Check| surviving(|| check.wants_pixels()).unwrap_or(true);
        if let Decoding::Device(check) = decoding
            && (sums.is_err() || check.is_some_and(wants_pixels))
        {
            // The device did not read it, or every pixel is to be read.
            self.kept.make_room(pending.task.options(), pending.need.first, self.shared.share);
            return self.hash(pending, sums.err().flatten(), started);
        }
        let finish = |work: &mut dyn Work, _: &[u8]| work.finish(facts, picture, sums);
        let outcome = match self.surviving(&*pending.task, finish) {
            Ok(None) if pending.need.worst <= self.shared.share => self
                .surviving(&*pending.task, |work, encoded| work.hash(encoded))
                .unwrap_or_else(Err)
                .map(Some),
            outcome => outcome,
        };
        self.ended(pending, outcome, started);
    }

    /// Hashes with lent memory.
    fn hash_large(&mut self, pending: Pending, loan: Reservation) {
        let Pending { mut task, asked, .. } = pending;
        task.waited(asked.elapsed());
        let (mut outcome, decoding) = self.hash_apart(&*task);
        drop(loan);
        task.decoded(decoding);
        if let (Ok(hashed), true) = (&mut outcome, task.has_devices()) {
            hashed.fallback = Some("larger than a thread's share of the memory".into());
        }
        task.done(outcome, asked);
    }

    /// Hashes on a thread of its own, and keeps nothing of it.
    ///
    /// Allocators keep freed memory for the thread that freed it (glibc up to 64 MB each): done on the
    /// workers' own threads, every worker would sit on the memory of its last large picture.
    fn hash_apart(&self, task: &dyn Task) -> (Result<Hashed>, Duration) {
        let (make_work, options, encoded) = (&self.shared.make_work, &**task.options(), task.encoded());
        let hash = move || {
            surviving(|| {
                let mut work = make_work(options);
                (work.hash(encoded), work.take_decoding())
            })
        };
        let failed = |error| (Err(error), Duration::ZERO);
        thread::scope(|scope| match start(scope, "shadegrid-hash-large", hash) {
            Ok(thread) => {
                let joined = thread.join();
                let outcome = joined.unwrap_or_else(|panic| Err(panicked(&panics::message(&*panic))));
                outcome.unwrap_or_else(failed)
            }
            Err(error) => failed(error),
        })
    }

    /// Gives the outcome to the task. Without one the picture needs more memory, and waits for it.
    fn ended(&mut self, mut pending: Pending, outcome: Result<Option<Hashed>>, started: Instant) {
        let decoding = self.kept.take_decoding(pending.task.options());
        pending.task.decoded(decoding);
        match outcome.transpose() {
            Some(outcome) => pending.task.done(outcome, started),
            None => {
                pending.task.spent(started);
                self.ask(pending);
            }
        }
    }

    /// Waits for more than a share, without a thread.
    fn ask(&self, mut pending: Pending) {
        // What waits for memory is sent to no device, and must not keep one open.
        drop(pending.task.leave_route());
        pending.asked = Instant::now();
        let lent = self.lent.clone();
        self.shared.loans.ask(pending.need.worst, move |loan| drop(lent.send((pending, loan))));
    }

    /// Runs a step of the work; after a panic the work is made anew.
    fn surviving<T>(&mut self, task: &dyn Task, step: impl FnOnce(&mut dyn Work, &[u8]) -> T) -> Result<T> {
        self.shared.surviving(&mut self.kept, task.options(), |work| step(work, task.encoded()))
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
