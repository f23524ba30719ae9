//! What a page says of each key, through the readings that every list has.

use super::date;
use crate::error::Result;
use crate::gallery::lists::Item;
use crate::gallery::lists::record::record;
use crate::gallery::{Entry, suspicion};

/// The state of a key at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: String,
    /// When the exchange says that it was changed last, in seconds since 1970.
    pub(crate) time: Option<u64>,
    /// What it is now; nothing where it was taken back, or holds no signature.
    pub(crate) entries: Vec<Entry>,
    /// Entries that came from no picture, as it seems, or would match too much; they are left out.
    pub(crate) left_out: u64,
}

/// What was read of one record.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    entries: Vec<Entry>,
    left_out: u64,
    bad: u64,
    says_something: bool,
}

impl Reading {
    /// Takes an item of the record.
    pub(crate) fn take(&mut self, item: Item) {
        match item {
            Item::Entry(entry) => {
                self.says_something = true;
                if suspicion(&entry).is_some() {
                    self.left_out += 1;
                } else {
                    self.entries.push(entry);
                }
            }
            Item::Removed { .. } | Item::WithoutSignature { .. } => self.says_something = true,
            Item::Odd { .. } | Item::Bad { .. } => self.bad += 1,
        }
    }

    /// Reads named values, as in a list.
    pub(crate) fn of(values: &[(&str, &str)]) -> Result<Reading> {
        let mut reading = Reading::default();
        record(values, 0, &mut |item| {
            reading.take(item);
            Ok(())
        })?;
        Ok(reading)
    }

    /// What cannot be read, and the state of the key. A record that cannot be read says nothing of its key, so what is there stays.
    pub(crate) fn end(self, key: String, time: Option<u64>) -> (u64, Option<Record>) {
        let Reading { mut entries, left_out, bad, says_something } = self;
        if !says_something || key.is_empty() {
            return (bad.max(1), None);
        }
        // What is to come would outlast all that the list says later: such an addition has no time, and such a removal is of now.
        let time = match time {
            Some(time) if date::is_ahead(time) => entries.is_empty().then(date::now),
            time => time,
        };
        for entry in &mut entries {
            entry.key.clone_from(&key);
            entry.position = time.unwrap_or(0);
        }
        (bad, Some(Record { key, time, entries, left_out }))
    }
}
