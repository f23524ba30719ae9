//! A worker's own part of the ledger.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{LEDGER, ShardEntry};
use crate::error::Result;
use crate::job::state::checksummed::seal;
use crate::job::state::location::Location;

/// Appends to files that nobody else writes, and knows where each of its lines stands.
#[derive(Debug)]
pub(in crate::job) struct Writer {
    location: Arc<dyn Location>,
    worker: String,
    /// Lines of one file.
    most: usize,
    next: Mutex<Next>,
    /// What was written and not taken into the own ledger.
    written: Mutex<Vec<Written>>,
}

/// Where the next line goes.
#[derive(Debug, Default)]
struct Next {
    /// Its number, of all files.
    line: usize,
    /// Where it begins in its file, in bytes.
    offset: u64,
}

/// A line that was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) entry: ShardEntry,
    /// The file's name in the ledger's folder.
    pub(super) file: String,
    /// Where it begins there, in bytes.
    pub(super) offset: u64,
    /// Bytes without the newline.
    pub(super) length: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    pub(in crate::job) fn new(location: Arc<dyn Location>, worker: &str) -> Writer {
        Writer {
            most: location.appends().max(1),
            location,
            worker: worker.to_string(),
            next: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// Whether a file of the ledger is this worker's.
    pub(super) fn wrote(&self, file: &str) -> bool {
        file.rsplit_once('_').is_some_and(|(worker, _)| worker == self.worker)
    }

    /// Appends a line; it is there after a power cut.
    pub(in crate::job) fn append(&self, entry: &ShardEntry) -> Result<()> {
        let mut next = lock(&self.next);
        let Next { line, offset } = *next;
        let file = format!("{}_{:04}.jsonl", self.worker, line / self.most);
        // After a failure the file may end in a torn line, so what follows goes to the next one.
        *next = Next { line: (line / self.most + 1) * self.most, offset: 0 };
        let text = format!("{}\n", seal(entry)?);
        self.location.append(&format!("{LEDGER}/{file}"), text.as_bytes())?;
        let ends = (line + 1).is_multiple_of(self.most);
        *next = Next { line: line + 1, offset: if ends { 0 } else { offset + text.len() as u64 } };
        lock(&self.written).push(Written { entry: entry.clone(), file, offset, length: text.len() - 1 });
        Ok(())
    }

    /// What was written since this was asked last.
    pub(super) fn take_written(&self) -> Vec<Written> {
        std::mem::take(&mut *lock(&self.written))
    }
}
