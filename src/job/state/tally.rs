//! What a file of records holds, in numbers, from its records alone.

use std::collections::BTreeMap;

use super::census::Census;
use super::digest::Keys;
use crate::pipeline::StoredRecord;

/// Counts records.
#[derive(Debug, Clone, Default)]
pub(in crate::job) struct Tally {
    pub(in crate::job) records: u64,
    pub(in crate::job) failed: BTreeMap<String, u64>,
    pub(in crate::job) bytes: u64,
    pub(in crate::job) pixels: u64,
    pub(in crate::job) census: Census,
    pub(in crate::job) keys: Keys,
}

impl Tally {
    pub(in crate::job) fn add(&mut self, record: &StoredRecord) {
        self.records += 1;
        self.keys.add(&record.key);
        self.census.add(record);
        match &record.outcome {
            Ok(picture) => {
                self.bytes += picture.bytes.unwrap_or(0);
                self.pixels += u64::from(picture.width) * u64::from(picture.height);
            }
            Err(failure) => match self.failed.get_mut(&*failure.code) {
                Some(count) => *count += 1,
                None => drop(self.failed.insert(failure.code.to_string(), 1)),
            },
        }
    }
}
