//! The byte budget: who may take memory, in which order, so that nobody waits for ever.
//!
//! Two semaphores of bytes, `files` and [`loans`](super::loans), and a standing share per worker that neither counts:
//!
//! | part | of the budget | held |
//! | --- | --- | --- |
//! | idle buffers of encoded files | 1/8 | between files, see `buffers.rs` |
//! | `files`: encoded files | 1/8 | from before a file is read until nobody needs it: hashed, or back from a device |
//! | shares: decoded pictures, and what a decoder keeps | 3/8, divided by the workers | always |
//! | loans: decoded pictures over a share | 3/8 | from before decoding until hashed |
//!
//! No circle of waiting is possible: who holds a loan waits for nobody (but the writer, who waits for no permit),
//! and a file that waits for a loan holds no worker. Within a semaphore requests are served in the order in which they
//! came, so that a large one is not passed for ever by small ones; one larger than all of it is served
//! when nothing else is held.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The parts of the budget.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) files: Permits,
    /// Bytes that are lent to pictures over a share.
    pub(super) lent: u64,
    /// Bytes that one worker may keep and use without asking.
    pub(super) share: u64,
    /// Bytes of idle buffers.
    pub(super) idle: u64,
}

impl Budget {
    /// Divides `memory` bytes among `workers`.
    pub(super) fn new(memory: u64, workers: usize) -> Budget {
        let eighth = memory / 8;
        Budget {
            files: Permits::new(eighth),
            lent: 3 * eighth,
            share: 3 * eighth / workers as u64,
            idle: eighth,
        }
    }
}

/// Lends bytes up to a total, first come, first served. Clones lend the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    next_ticket: u64,
    served: u64,
    peak: u64,
    closed: bool,
}

/// Bytes taken from a [`Permits`], given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    permits: Permits,
    bytes: u64,
}

impl Permits {
    pub(crate) fn new(total: u64) -> Permits {
        Permits(Arc::new(Shared { total, state: Mutex::default(), changed: Condvar::new() }))
    }

    /// Takes `bytes`, waiting until they are free; where they are more than the whole total, until nothing is taken.
    pub(crate) fn reserve(&self, bytes: u64) -> Reservation {
        let mut state = self.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let must_wait = |state: &mut State| {
            let fits = state.taken == 0 || state.taken.saturating_add(bytes) <= self.0.total;
            !state.closed && (state.served != ticket || !fits)
        };
        state = self.0.changed.wait_while(state, must_wait).unwrap_or_else(PoisonError::into_inner);
        state.served += 1;
        state.taken += bytes;
        state.peak = state.peak.max(state.taken);
        self.0.changed.notify_all();
        Reservation { permits: self.clone(), bytes }
    }

    /// Nobody waits any more: the run is over, and who still asks does so in vain.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    /// The most that was ever taken at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> u64 {
        self.lock().peak
    }

    /// The numbers stay true whatever panicked while they were locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Gives back all but `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.permits.lock().taken -= surplus;
        self.permits.0.changed.notify_all();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn never_more_than_the_total_but_one_alone() {
        let ledger = Permits::new(100);
        let served = AtomicU64::new(0);
        thread::scope(|scope| {
            for number in 0..8u64 {
                let (ledger, served) = (&ledger, &served);
                scope.spawn(move || {
                    for turn in 0..200 {
                        let bytes = [3, 40, 99, 100, 7][((number + turn) % 5) as usize];
                        let _held = ledger.reserve(bytes);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1_600);
        assert!((99..=100).contains(&ledger.peak()), "{}", ledger.peak());
        drop(ledger.reserve(1_000));
        assert_eq!(ledger.peak(), 1_000);
        assert_eq!(ledger.lock().taken, 0);
    }

    #[test]
    fn a_large_request_is_not_passed_by_small_ones() {
        let ledger = Permits::new(100);
        let small = ledger.reserve(1);
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for (ticket, bytes) in [(1, 1_000), (2, 1)] {
                while ledger.lock().next_ticket != ticket {
                    thread::yield_now();
                }
                let (ledger, order) = (&ledger, &order);
                scope.spawn(move || {
                    let _held = ledger.reserve(bytes);
                    order.lock().unwrap().push(bytes);
                });
            }
            while ledger.lock().next_ticket != 3 {
                thread::yield_now();
            }
            assert!(order.lock().unwrap().is_empty(), "the small one passed");
            drop(small);
        });
        assert_eq!(order.into_inner().unwrap(), [1_000, 1]);
    }

    #[test]
    fn nobody_waits_for_a_closed_ledger() {
        let ledger = Permits::new(10);
        let held = ledger.reserve(10);
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| ledger.reserve(5))).collect();
            while ledger.lock().next_ticket != 4 {
                thread::yield_now();
            }
            assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
            ledger.close();
        });
        drop(held);
        assert_eq!(ledger.lock().taken, 0);
    }

    #[test]
    fn what_is_given_back_early_is_free() {
        let ledger = Permits::new(10);
        let mut held = ledger.reserve(50);
        held.shrink_to(4);
        held.shrink_to(9);
        let other = ledger.reserve(6);
        assert_eq!(ledger.lock().taken, 10);
        drop((held, other));
        assert_eq!(ledger.lock().taken, 0);
    }
}
