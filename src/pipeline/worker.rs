//! Decodes and hashes what the readers loaded, each picture while it is in the worker's cache.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use super::budget::{Budget, Reservation};
use super::buffers::Buffers;
use super::need;
use super::record::Record;
use crate::error::{Error, Result};
use crate::hasher::{HashOptions, Hashed, Hasher};
use crate::limits::Limits;

/// An encoded picture on its way to a worker.
pub(super) struct Job<'a> {
    pub(super) index: u64,
    pub(super) key: OsString,
    pub(super) encoded: Vec<u8>,
    pub(super) reserved: Reservation<'a>,
}

/// What a worker does with an encoded picture.
pub(super) trait Work {
    /// Memory that [`hash`](Work::hash) will take, in bytes.
    fn need(&mut self, encoded: &[u8]) -> u64;
    /// Hashes one encoded picture. Buffers may be kept for the next one.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed>;
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
}

/// A worker: its work, and how to make a new one.
pub(super) struct Worker<'a, W, M> {
    work: W,
    make_work: &'a M,
    budget: &'a Budget,
}

impl<'a, W: Work, M: Fn() -> W + Sync> Worker<'a, W, M> {
    pub(super) fn new(make_work: &'a M, budget: &'a Budget) -> Self {
        Worker { work: make_work(), make_work, budget }
    }

    /// Works until the jobs end or nobody wants the records.
    pub(super) fn run(mut self, jobs: &Receiver<Job<'a>>, records: &Sender<Record>, buffers: &Buffers) {
        for job in jobs {
            let outcome = self.hash(&job.encoded);
            let bytes = Some(job.encoded.len() as u64);
            buffers.put(job.encoded);
            drop(job.reserved);
            if records.send(Record { index: job.index, key: job.key, bytes, outcome }).is_err() {
                return;
            }
        }
    }

    /// Hashes within the worker's share where that is enough, with lent memory otherwise.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        let need = self.surviving(|work| Ok(work.need(encoded)))?;
        if need <= self.budget.share {
            return self.surviving(|work| work.hash(encoded));
        }
        let _lent = self.budget.lent.reserve(need);
        self.hash_apart(encoded)
    }

    /// Hashes on a thread of its own, and keeps nothing of it.
    ///
    /// Allocators keep freed memory for the thread that freed it (glibc up to 64 MB each): done on the
    /// workers' own threads, every worker would sit on the memory of its last large picture.
    fn hash_apart(&self, encoded: &[u8]) -> Result<Hashed> {
        let make_work = self.make_work;
        let hash = || surviving(|| make_work().hash(encoded)).unwrap_or_else(Err);
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("shadegrid-hash-large".to_string());
            let spawned = builder.spawn_scoped(scope, hash);
            let thread = spawned.map_err(|error| Error::io("cannot start a thread", error))?;
            thread.join().unwrap_or_else(|panic| Err(panicked(&*panic)))
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

/// Turns a panic, which is a bug in a decoder or here, into an error with the code `corrupt`.
fn surviving<T>(step: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let message = format!("decoding panicked ({text}); this is a bug, please report it with the file");
    Error::corrupt("picture", message)
}
