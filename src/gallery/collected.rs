//! The entries of one segment to be, column by column.

use std::collections::HashMap;

use super::columns::collected::CollectedColumns;
use super::entry::Entry;
use super::known::Identity;
use super::segment::{FLAT, RECORD, UNKNOWN_QUALITY};
use super::storage::{u32_at, u64_at};
use crate::signature::{Pdq, PhotoDna};

/// Columns of entries in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) photodna: Vec<[u8; 144]>,
    /// The entry of each, ascending.
    pub(super) photodna_entries: Vec<u32>,
    pub(super) pdq: Vec<[u8; 32]>,
    /// The entry of each, ascending, in little-endian bytes.
    pub(super) pdq_entries: Vec<u8>,
    /// As [`RECORD`] says.
    pub(super) records: Vec<u8>,
    pub(super) keys: Vec<u8>,
    pub(super) labels: Vec<String>,
    label_numbers: HashMap<String, u32>,
    pub(super) columns: CollectedColumns,
}

impl Collected {
    pub(super) fn entries(&self) -> usize {
        self.records.len() / RECORD
    }

    fn label(&mut self, label: &str) -> u32 {
        if let Some(&number) = self.label_numbers.get(label) {
            return number;
        }
        let number = self.labels.len() as u32;
        self.labels.push(label.to_owned());
        self.label_numbers.insert(label.to_owned(), number);
        number
    }

    pub(super) fn add(&mut self, source: u16, entry: &Entry) {
        let number = self.entries() as u32;
        self.keys.extend(entry.key.as_bytes());
        self.records.extend((self.keys.len() as u64).to_le_bytes());
        self.records.extend(entry.position.to_le_bytes());
        self.records.extend([0; 4]);
        self.records.extend(source.to_le_bytes());
        self.records.extend([0; 2]);
        self.revise(number as usize, entry);
        if let Some(signature) = entry.photodna {
            self.photodna.push(signature.0);
            self.photodna_entries.push(number);
        }
        if let Some(signature) = entry.pdq {
            self.pdq.push(signature.0);
            self.pdq_entries.extend(number.to_le_bytes());
        }
    }

    /// Writes down what is known of an entry, without its signatures.
    pub(super) fn revise(&mut self, index: usize, entry: &Entry) {
        let label = self.label(&entry.label);
        let record = &mut self.records[RECORD * index..][..RECORD];
        record[16..20].copy_from_slice(&label.to_le_bytes());
        record[22] = if entry.flat { FLAT } else { 0 };
        record[23] = entry.quality.map_or(UNKNOWN_QUALITY, |quality| quality.min(100));
        self.columns.set(index, &entry.columns);
    }

    fn record(&self, index: usize) -> &[u8] {
        &self.records[RECORD * index..][..RECORD]
    }

    pub(super) fn source(&self, index: usize) -> u16 {
        let record = self.record(index);
        u16::from_le_bytes([record[20], record[21]])
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| u64_at(self.record(before), 0));
        &self.keys[start as usize..u64_at(self.record(index), 0) as usize]
    }

    pub(super) fn identity(&self, index: usize) -> Identity<'_> {
        let number = index as u32;
        let photodna = self.photodna_entries.binary_search(&number).ok();
        let pdq_entries = self.pdq_entries.as_chunks::<4>().0;
        let pdq = pdq_entries.binary_search_by_key(&number, |bytes| u32::from_le_bytes(*bytes)).ok();
        Identity {
            source: self.source(index),
            key: self.key(index),
            photodna: photodna.map(|row| PhotoDna(self.photodna[row])),
            pdq: pdq.map(|row| Pdq(self.pdq[row])),
        }
    }

    /// The entry as it was added.
    pub(super) fn entry(&self, index: usize) -> Entry {
        let (record, identity) = (self.record(index), self.identity(index));
        Entry {
            key: String::from_utf8_lossy(identity.key).into_owned(),
            label: self.labels[u32_at(record, 16) as usize].clone(),
            position: u64_at(record, 8),
            flat: record[22] & FLAT != 0,
            quality: Some(record[23]).filter(|&quality| quality != UNKNOWN_QUALITY),
            photodna: identity.photodna,
            pdq: identity.pdq,
            columns: self.columns.get(index),
        }
    }

    /// These entries only.
    pub(super) fn only(&self, indices: &[usize]) -> Collected {
        let mut kept = Collected::default();
        kept.columns.announce(self.columns.names());
        indices.iter().for_each(|&index| kept.add(self.source(index), &self.entry(index)));
        kept
    }
}
