//! What a file of records holds, in numbers, from its records alone.

use std::collections::BTreeMap;

use super::census::Census;
use super::digest::Keys;
use crate::pipeline::StoredRecord;

/// Counts records.
#[derive(Debug, Clone, Default)]
pub(in crate::job) struct Tally {
    /// Whether what is no picture failed wherever it was found.
    strict: bool,
    pub(in crate::job) records: u64,
    /// Failed ones, by error code.
    pub(in crate::job) failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub(in crate::job) skipped: u64,
    pub(in crate::job) bytes: u64,
    pub(in crate::job) pixels: u64,
    pub(in crate::job) census: Census,
    pub(in crate::job) keys: Keys,
}

/// Every record without signatures by its error code, of failed ones and skipped ones.
pub(in crate::job) fn errors(failed: &BTreeMap<String, u64>, skipped: u64) -> BTreeMap<String, u64> {
    let mut errors = failed.clone();
    if skipped > 0 {
        *errors.entry(NO_PICTURE.to_string()).or_default() += skipped;
    }
    errors
}

/// The code of what is no picture.
pub(in crate::job) const NO_PICTURE: &str = "input";

impl Tally {
    pub(in crate::job) fn new(strict: bool) -> Tally {
        Tally { strict, ..Tally::default() }
    }

    /// Records with signatures.
    pub(in crate::job) fn hashed(&self) -> u64 {
        self.records - self.skipped - self.failed.values().sum::<u64>()
    }

    pub(in crate::job) fn add(&mut self, record: &StoredRecord) {
        self.records += 1;
        self.keys.add(&record.key);
        self.census.add(record);
        match &record.outcome {
            Ok(picture) => {
                self.bytes += picture.bytes.unwrap_or(0);
                self.pixels += u64::from(picture.width) * u64::from(picture.height);
            }
            Err(_) if !self.strict && record.is_skipped() => self.skipped += 1,
            Err(failure) => match self.failed.get_mut(&*failure.code) {
                Some(count) => *count += 1,
                None => drop(self.failed.insert(failure.code.to_string(), 1)),
            },
        }
    }
}
