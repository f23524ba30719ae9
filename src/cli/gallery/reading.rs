//! What is seen while lists are read: which one, how much of it so far, and for how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::HumanCount;

use crate::cli::bar::{self, Bar, fitted};
use crate::cli::console::printable;

/// A line about the list that is read, until it is dropped.
pub(super) struct Reading {
    bar: Bar,
    records: Arc<AtomicU64>,
    now: Arc<Mutex<Now>>,
}

/// The list, since when, and how many records came before it.
struct Now {
    list: String,
    since: Instant,
    before: u64,
}

impl Reading {
    pub(super) fn new(is_quiet: bool) -> Reading {
        let records = Arc::new(AtomicU64::new(0));
        let now = Arc::new(Mutex::new(Now { list: String::new(), since: Instant::now(), before: 0 }));
        let (counted, shown) = (records.clone(), now.clone());
        let line = move |columns| {
            shown
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .line(counted.load(Ordering::Relaxed), columns)
        };
        let bar = if is_quiet || !bar::seen() { Bar::hidden() } else { Bar::new(line) };
        Reading { bar, records, now }
    }

    /// The count of records, for who reads them.
    pub(super) fn records(&self) -> Arc<AtomicU64> {
        self.records.clone()
    }

    /// The next list begins.
    pub(super) fn begin(&self, list: &str) {
        let before = self.records.load(Ordering::Relaxed);
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) =
            Now { list: printable(list), since: Instant::now(), before };
    }

    /// Prints while the line is away.
    pub(super) fn suspend(&self, act: impl FnOnce()) {
        self.bar.suspend(act);
    }
}

impl Now {
    fn line(&self, records: u64, columns: usize) -> String {
        let (elapsed, here) = (self.since.elapsed(), records - self.before);
        let rate = here as f64 / elapsed.as_secs_f64().max(1e-3);
        let list = if self.list == "-" { "standard input" } else { &self.list };
        let parts = [
            (1, format!("reading {list}")),
            (0, format!("{} records", HumanCount(here))),
            (3, if here > 0 { format!("{} per second", HumanCount(rate as u64)) } else { String::new() }),
            (2, bar::clock(elapsed)),
        ];
        fitted(parts, columns)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.bar.clear();
    }
}
