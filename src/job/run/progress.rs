//! How far a job is, in numbers that any thread may read while it runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::job::state::ledger::ShardEntry;
use crate::pipeline::Record;

/// Failed inputs that are events.
pub const FAILURES: u64 = 4;

/// Something that a worker did, when it happened.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Event {
    /// The worker resumes a job that was begun before.
    Resumed {
        /// Whether its inputs were listed to their end.
        listed: bool,
        /// When that listing began, in milliseconds since 1970 by the clock of whoever listed, where it is known.
        from: Option<u64>,
    },
    /// An input failed: the first [`FAILURES`] of a worker, since all are in the records.
    InputFailed {
        /// How many have failed with this one.
        number: u64,
        /// The input, with U+FFFD for what is not UTF-8.
        key: String,
        /// The error's code.
        code: &'static str,
        /// What happened.
        message: String,
    },
    /// A shard is finished.
    ShardDone {
        /// Its number.
        shard: u64,
        /// The file of its records.
        file: String,
        /// Records in it.
        records: u64,
        /// Failed ones, by error code.
        failed: BTreeMap<String, u64>,
        /// Those of inputs that were not asked for and are no pictures.
        skipped: u64,
        /// Encoded bytes read for it.
        bytes: u64,
        /// From its first picture to its last, in seconds.
        seconds: f64,
    },
}

impl Event {
    /// The name of what happened: `resumed`, `input_failed` or `shard_done`.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Resumed { .. } => "resumed",
            Event::InputFailed { .. } => "input_failed",
            Event::ShardDone { .. } => "shard_done",
        }
    }
}

/// What is called at events.
struct Listener(Box<dyn Fn(&Event) + Send + Sync>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Listener")
    }
}

/// Counters of one worker, and what it knows of the job.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    records: AtomicU64,
    bytes: AtomicU64,
    pixels: AtomicU64,
    failed: Mutex<BTreeMap<&'static str, u64>>,
    skipped: AtomicU64,
    /// Whether what is no picture failed wherever it was found.
    strict: AtomicBool,
    shards: AtomicU64,
    /// Whether anything is looked up, and pictures of finished shards with a match.
    looks_up: AtomicBool,
    matched: AtomicU64,
    /// The worker's name, once it has one.
    worker: OnceLock<String>,
    job_shards: AtomicU64,
    job_done: AtomicU64,
    planned: AtomicBool,
    /// Everything that got done, so that it changes as long as the worker does not hang.
    steps: AtomicU64,
    listener: OnceLock<Listener>,
}

/// What a [`Progress`] said at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Since the worker started.
    pub elapsed: Duration,
    /// Records that the worker wrote.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<&'static str, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub skipped: u64,
    /// Encoded bytes that it read.
    pub bytes: u64,
    /// Pixels of the pictures that it hashed.
    pub pixels: u64,
    /// Shards that it finished.
    pub shards: u64,
    /// Pictures with at least one match in the shards that it finished; `None` where nothing is looked up.
    pub matched: Option<u64>,
    /// The worker's name in the job; empty before it takes part.
    pub worker: String,
    /// Shards of the job that are planned.
    pub job_shards: u64,
    /// Shards of the job that are done, by any worker.
    pub job_done: u64,
    /// Whether the plan is complete, and `job_shards` final.
    pub planned: bool,
}

impl Snapshot {
    /// Failed records of all codes.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Records with signatures.
    pub fn hashed(&self) -> u64 {
        self.records.saturating_sub(self.failures()).saturating_sub(self.skipped)
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            started: Instant::now(),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            pixels: AtomicU64::new(0),
            failed: Mutex::default(),
            skipped: AtomicU64::new(0),
            strict: AtomicBool::new(false),
            shards: AtomicU64::new(0),
            looks_up: AtomicBool::new(false),
            matched: AtomicU64::new(0),
            worker: OnceLock::new(),
            job_shards: AtomicU64::new(0),
            job_done: AtomicU64::new(0),
            planned: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            listener: OnceLock::new(),
        }
    }
}

impl Progress {
    /// Calls `listener` at every event, on whichever thread it happens; the first listener is the only one.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        let _ = self.listener.set(Listener(Box::new(listener)));
    }

    /// The numbers now.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            elapsed: self.started.elapsed(),
            records: read(&self.records),
            failed: self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            skipped: read(&self.skipped),
            bytes: read(&self.bytes),
            pixels: read(&self.pixels),
            shards: read(&self.shards),
            matched: self.looks_up.load(Ordering::Relaxed).then(|| read(&self.matched)),
            worker: self.worker.get().cloned().unwrap_or_default(),
            job_shards: read(&self.job_shards),
            job_done: read(&self.job_done),
            planned: self.planned.load(Ordering::Relaxed),
        }
    }

    /// Whether what is no picture failed wherever it was found.
    pub(in crate::job) fn count_strictly(&self, strict: bool) {
        self.strict.store(strict, Ordering::Relaxed);
    }

    /// Whose numbers they are, and whether it looks pictures up.
    pub(in crate::job) fn begin(&self, worker: &str, looks_up: bool) {
        // A retry in the same process has the same counters, and the name that they began with.
        let _ = self.worker.set(worker.to_string());
        self.looks_up.store(looks_up, Ordering::Relaxed);
    }

    /// Something got done: an input listed, opened or written, a file finished.
    pub(in crate::job) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::job) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(in crate::job) fn add(&self, record: &Record) {
        self.step();
        self.records.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(record.bytes.unwrap_or(0), Ordering::Relaxed);
        match &record.outcome {
            Ok(hashed) => {
                let pixels = u64::from(hashed.width) * u64::from(hashed.height);
                self.pixels.fetch_add(pixels, Ordering::Relaxed);
            }
            Err(_) if record.is_skipped() && !self.strict.load(Ordering::Relaxed) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                *failed.entry(error.code()).or_default() += 1;
                let number = failed.values().sum();
                drop(failed);
                if number <= FAILURES {
                    let key = record.key.to_string_lossy().into_owned();
                    let (code, message) = (error.code(), error.to_string());
                    self.notify(&Event::InputFailed { number, key, code, message });
                }
            }
        }
    }

    pub(in crate::job) fn finished_shard(&self, entry: &ShardEntry) {
        self.step();
        self.shards.fetch_add(1, Ordering::Relaxed);
        self.matched.fetch_add(entry.census.matched, Ordering::Relaxed);
        self.notify(&Event::ShardDone {
            shard: entry.shard,
            file: entry.file.clone(),
            records: entry.records,
            failed: entry.failed.clone(),
            skipped: entry.skipped,
            bytes: entry.bytes,
            seconds: entry.seconds,
        });
    }

    pub(in crate::job) fn notify(&self, event: &Event) {
        if let Some(Listener(listener)) = self.listener.get() {
            listener(event);
        }
    }

    #[cfg(test)]
    pub(in crate::job) fn failed_for_tests(&self, code: &'static str, times: u64) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(code, times);
    }

    pub(in crate::job) fn saw_job(&self, shards: u64, done: u64, planned: bool) {
        self.job_shards.store(shards, Ordering::Relaxed);
        self.job_done.store(done, Ordering::Relaxed);
        self.planned.store(planned, Ordering::Relaxed);
    }
}
