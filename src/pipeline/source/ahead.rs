//! Bytes read ahead of the run, within a bound of their own.
//!
//! Whoever reads ahead takes bytes first. What is due next is let through even where the bound is reached, as long as it
//! holds nothing yet: the run waits for it, and all else waits for the run.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that may be held ahead of the run.
#[derive(Debug)]
pub(super) struct Shelf {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    /// Number of the item that the run takes next, and what it holds.
    due: u64,
    due_taken: u64,
    closed: bool,
    peak: u64,
}

/// Bytes taken for something read ahead, given back on drop.
#[derive(Debug)]
pub(in crate::pipeline) struct Lease {
    shelf: Arc<Shelf>,
    item: u64,
    bytes: u64,
}

impl Shelf {
    pub(super) fn new(total: u64) -> Arc<Shelf> {
        Arc::new(Shelf { total, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Takes `bytes` for the item of this number, waiting for them; `None` when nobody wants it any more.
    pub(super) fn take(self: &Arc<Shelf>, item: u64, bytes: u64) -> Option<Lease> {
        let must_wait = |state: &mut State| {
            let next = item == state.due && state.due_taken == 0;
            !state.closed && !next && state.taken.saturating_add(bytes) > self.total
        };
        let mut state =
            self.changed.wait_while(self.lock(), must_wait).unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return None;
        }
        state.taken += bytes;
        state.peak = state.peak.max(state.taken);
        if item == state.due {
            state.due_taken += bytes;
        }
        Some(Lease { shelf: self.clone(), item, bytes })
    }

    /// The run takes the next item from now on. What that holds already is counted as nothing: it may take one more.
    pub(super) fn turn(&self) {
        let mut state = self.lock();
        state.due += 1;
        state.due_taken = 0;
        self.changed.notify_all();
    }

    /// Nobody wants anything any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The most that was ever taken at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> u64 {
        self.lock().peak
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shelf.lock();
        state.taken -= self.bytes;
        if self.item == state.due {
            state.due_taken = state.due_taken.saturating_sub(self.bytes);
        }
        self.shelf.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bound_holds_but_for_what_is_due() {
        let shelf = Shelf::new(100);
        let (first, second) = (shelf.take(0, 80), shelf.take(1, 20));
        let late = thread::spawn({
            let shelf = shelf.clone();
            move || shelf.take(2, 50).map(|lease| lease.bytes)
        });
        thread::sleep(Duration::from_millis(30));
        assert!(!late.is_finished(), "50 more than 100 were let through");
        shelf.turn();
        drop(first);
        assert_eq!(late.join().unwrap(), Some(50));
        drop(second);
        shelf.turn();
        let due = shelf.take(2, 1_000);
        assert_eq!(due.as_ref().map(|lease| lease.bytes), Some(1_000), "what is due waited for itself");
        assert_eq!(shelf.peak(), 1_000);
        drop(due);
        let waiting = thread::spawn({
            let shelf = shelf.clone();
            move || {
                let held = shelf.take(2, 100);
                (held.is_some(), shelf.take(5, 1).is_some())
            }
        });
        thread::sleep(Duration::from_millis(30));
        shelf.close();
        assert_eq!(waiting.join().unwrap(), (true, false));
    }
}
