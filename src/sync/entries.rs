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

/// Bytes of a key or a label.
pub(crate) const LONGEST_TEXT: usize = 4 << 10;

/// Entries of one key.
const MOST_ENTRIES: usize = 1024;

impl Record {
    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let of = |entry: &Entry| size_of::<Entry>() + entry.key.len() + entry.label.len();
        size_of::<Record>() + self.key.len() + self.entries.iter().map(of).sum::<usize>()
    }
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
            Item::Entry(entry) if entry.label.len() > LONGEST_TEXT || self.entries.len() == MOST_ENTRIES => {
                self.bad += 1;
            }
            Item::Entry(mut entry) => {
                self.says_something = true;
                if suspicion(&entry).is_some() {
                    self.left_out += 1;
                } else {
                    // All get the record's own in the end.
                    entry.key = String::new();
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
        if !says_something || key.is_empty() || key.len() > LONGEST_TEXT {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Pdq;

    fn entry(number: u16, label: usize) -> Item {
        let bits: [u8; 32] =
            std::array::from_fn(|at| if at % 2 == 0 { 0x0f } else { number.to_le_bytes()[at / 2 % 2] });
        Item::Entry(Entry::default().label("x".repeat(label)).pdq(Some(Pdq(bits))))
    }

    #[test]
    fn texts_and_entries_without_end_are_bad() {
        for (key, label, bad) in
            [(LONGEST_TEXT, LONGEST_TEXT, 0), (LONGEST_TEXT + 1, 1, 1), (1, LONGEST_TEXT + 1, 1), (0, 1, 1)]
        {
            let mut reading = Reading::default();
            reading.take(entry(0x0f0f, label));
            let (found, record) = reading.end("k".repeat(key), None);
            assert_eq!((found, record.is_none()), (bad, bad > 0), "{key} {label}");
        }
        let mut reading = Reading::default();
        (0..2000).for_each(|_| reading.take(entry(0x0f0f, 1)));
        let (bad, record) = reading.end("k".into(), None);
        assert_eq!((bad, record.unwrap().entries.len()), (2000 - MOST_ENTRIES as u64, MOST_ENTRIES));
    }
}
