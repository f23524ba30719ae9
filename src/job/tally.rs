//! What a file of records holds, in numbers, from its rows alone.

use std::collections::BTreeMap;

use super::census::Census;
use super::digest::Keys;
use crate::pipeline::StoredRecord;

/// Counts rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) bytes: u64,
    pub(super) pixels: u64,
    pub(super) census: Census,
    pub(super) keys: Keys,
}

impl Tally {
    pub(super) fn add(&mut self, row: &StoredRecord) {
        self.records += 1;
        self.keys.add(&row.key);
        self.census.add(row);
        match &row.outcome {
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
