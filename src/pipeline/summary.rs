//! What a run did, in numbers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::record::Record;
use crate::backend::{Backend, Traffic};

/// What a run did, in numbers; counts what was written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Records written.
    pub records: u64,
    /// Of these, those of further frames: see [`Record::frame`].
    pub frames: u64,
    /// Of the hashed ones, those that were known already: see [`Record::is_known`]. Their bytes and pixels are not counted.
    pub known: u64,
    /// Failed ones by [`Error::code`](crate::Error::code).
    pub errors: BTreeMap<&'static str, u64>,
    /// Of the failed ones, those of inputs that were not asked for and are no pictures: [`Record::is_skipped`].
    pub skipped: u64,
    /// Encoded bytes read.
    pub bytes: u64,
    /// Of these, those of hashed pictures.
    pub hashed_bytes: u64,
    /// Pixels of the hashed pictures.
    pub pixels: u64,
    /// Pictures that a GPU computed.
    pub by_devices: u64,
    /// Pictures that were meant for a GPU and computed on the CPU.
    pub fallbacks: u64,
    /// What each device processed.
    pub devices: Vec<Traffic>,
    /// From when the first input was taken to the end.
    pub elapsed: Duration,
    /// How the run came to its end.
    pub ended: Ended,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ended {
    /// Every source has its record.
    #[default]
    Complete,
    /// [`Stop`](super::Stop) was requested before the last source was taken.
    Stopped,
    /// A picture failed under [`RunOptions::fail_fast`](crate::RunOptions::fail_fast).
    FailedFast,
}

impl Summary {
    /// Adds one record that was written.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        // The bytes of a file count once.
        let is_read = record.frame == 0 && !record.is_known;
        let bytes = if is_read { record.bytes.unwrap_or(0) } else { 0 };
        self.frames += u64::from(record.frame > 0);
        self.bytes += bytes;
        self.skipped += u64::from(record.is_skipped());
        match &record.outcome {
            Ok(_) if record.is_known => self.known += 1,
            Ok(hashed) => {
                self.hashed_bytes += bytes;
                self.pixels += u64::from(hashed.width) * u64::from(hashed.height);
                self.by_devices += u64::from(hashed.backend == Backend::Gpu);
                self.fallbacks += u64::from(hashed.fallback.is_some());
            }
            Err(error) => *self.errors.entry(error.code()).or_default() += 1,
        }
    }

    /// Records of hashed pictures.
    pub fn hashed(&self) -> u64 {
        self.records - self.failed()
    }

    /// Records that carry an error.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(super) fn end(&mut self, started: Instant, ended: Ended) {
        self.elapsed = started.elapsed();
        self.ended = ended;
    }
}
