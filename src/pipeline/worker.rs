//! Decodes and hashes what the readers loaded, each picture while it is in the worker's cache.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Receiver, Sender};

use super::budget::{Budget, Reservation};
use super::buffers::Buffers;
use super::need;
use super::record::Record;
use crate::error::{Error, Result};
use crate::hasher::{HashOptions, Hashed, Hasher};

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
    /// Hashes one encoded picture.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed>;
    /// Drops every buffer that is kept between pictures, and whatever state a panic left.
    fn reset(&mut self);
}

/// The work of every run: [`Hasher::hash`].
pub(super) struct HashWork {
    options: HashOptions,
    hasher: Hasher,
}

impl HashWork {
    pub(super) fn new(options: HashOptions) -> HashWork {
        HashWork { hasher: Hasher::new(options.clone()), options }
    }
}

impl Work for HashWork {
    fn need(&mut self, encoded: &[u8]) -> u64 {
        need::decode_bytes(encoded, &self.options.decode.limits)
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        self.hasher.hash(encoded)
    }

    fn reset(&mut self) {
        self.hasher = Hasher::new(self.options.clone());
    }
}

/// Works until the jobs end or nobody wants the records.
pub(super) fn run<'a>(
    mut work: impl Work,
    jobs: &Receiver<Job<'a>>,
    records: &Sender<Record>,
    budget: &'a Budget,
    buffers: &Buffers,
) {
    for job in jobs {
        let outcome = within_budget(&mut work, &job.encoded, budget);
        let bytes = Some(job.encoded.len() as u64);
        buffers.put(job.encoded);
        drop(job.reserved);
        if records.send(Record { index: job.index, key: job.key, bytes, outcome }).is_err() {
            return;
        }
    }
}

/// Hashes within the worker's share where that is enough, with lent memory otherwise.
fn within_budget(work: &mut impl Work, encoded: &[u8], budget: &Budget) -> Result<Hashed> {
    let need = surviving(work, |work| Ok(work.need(encoded)))?;
    if need <= budget.share {
        return surviving(work, |work| work.hash(encoded));
    }
    let _lent = budget.lent.reserve(need);
    let outcome = surviving(work, |work| work.hash(encoded));
    work.reset();
    outcome
}

/// Runs a step of the work; a panic, which is a bug in a decoder or here, becomes an error with code `corrupt`.
fn surviving<W: Work, T>(work: &mut W, step: impl FnOnce(&mut W) -> Result<T>) -> Result<T> {
    let caught = catch_unwind(AssertUnwindSafe(|| step(work)));
    caught.unwrap_or_else(|panic| {
        work.reset();
        Err(Error::corrupt("picture", panic_message(&*panic)))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    format!("decoding panicked ({text}); this is a bug, please report it with the file")
}
