//! What a file of records holds, in numbers, from its rows alone.

use std::collections::BTreeMap;

use super::digest::Keys;
use crate::pipeline::Row;

/// Counts rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) formats: BTreeMap<String, u64>,
    pub(super) bytes: u64,
    pub(super) pixels: u64,
    pub(super) keys: Keys,
}

impl Tally {
    pub(super) fn add(&mut self, row: &Row) {
        self.records += 1;
        self.keys.add(&row.key);
        match &row.outcome {
            Ok(picture) => {
                count(&mut self.formats, picture.format.as_deref().unwrap_or("pixels"));
                self.bytes += picture.bytes.unwrap_or(0);
                self.pixels += u64::from(picture.width) * u64::from(picture.height);
            }
            Err(failure) => count(&mut self.failed, &failure.code),
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_string(), 1)),
    }
}
