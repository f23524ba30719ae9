//! The byte budget: who may take memory, in which order, so that nobody waits for ever.
//!
//! Two semaphores of bytes, `files` and `loans`, and a standing share per worker that neither counts:
//!
//! | part | of the budget | whose | held |
//! | --- | --- | --- | --- |
//! | idle buffers of encoded files | 1/8 | each run's | between files, see `buffers.rs` |
//! | `files`: encoded files | 1/8 | each run's | from before a file is read until nobody needs it: hashed, or back from a device |
//! | shares: decoded pictures, and what a decoder keeps | 3/8, divided by the workers | the workers' | always |
//! | `loans`: decoded pictures over a share | 3/8 | the workers' | from before decoding until hashed |
//!
//! No circle of waiting is possible: whoever holds a loan waits for nobody, and a picture that waits for a loan holds no worker. When
//! the bytes are there, some worker gets picture and loan together. Within a semaphore requests are served in the order in which they
//! came, so that small ones do not overtake a large one for ever; one larger than all of it is served when nothing else is held.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::bounded;

/// The parts of a budget of `memory` bytes: for encoded files, for idle buffers, and for decoded pictures as shares and as loans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) memory: u64,
}

impl Budget {
    pub(super) fn files(self) -> u64 {
        self.memory / 8
    }

    /// Bytes of idle buffers.
    pub(super) fn idle(self) -> u64 {
        self.memory / 8
    }

    /// Bytes that are lent to pictures over a share.
    pub(super) fn lent(self) -> u64 {
        3 * (self.memory / 8)
    }

    /// Bytes that one of so many workers may keep and use without asking.
    pub(super) fn share(self, workers: NonZeroUsize) -> u64 {
        3 * (self.memory / 8) / workers.get() as u64
    }
}

/// A semaphore of bytes, first come, first served. Clones lend the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: u64,
    waiting: VecDeque<Waiting>,
    closed: bool,
    peak: u64,
}

/// Whoever waits for bytes, and what is to be done once they are there.
struct Waiting {
    bytes: u64,
    then: Then,
}

type Then = Box<dyn FnOnce(Reservation) + Send>;

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let State { taken, waiting, closed, peak } = self;
        write!(formatter, "{taken} bytes taken, {} wait, peak {peak}, closed: {closed}", waiting.len())
    }
}

/// Bytes taken from a [`Permits`], given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    permits: Permits,
    bytes: u64,
}

impl Permits {
    pub(crate) fn new(total: u64) -> Permits {
        Permits(Arc::new(Shared { total, state: Mutex::default() }))
    }

    /// Takes `bytes` and calls `then` with them: at once if they are free, otherwise later, on the thread that gives back the last bytes
    /// needed. A request for more than the total is served when nothing is taken.
    pub(crate) fn ask(&self, bytes: u64, then: impl FnOnce(Reservation) + Send + 'static) {
        match self.try_reserve(bytes) {
            Some(reservation) => then(reservation),
            None => {
                self.lock().waiting.push_back(Waiting { bytes, then: Box::new(then) });
                // The bytes may have come back between the two locks, and whoever gave them back saw nobody waiting.
                self.grant();
            }
        }
    }

    /// Takes `bytes`, blocking until they are there.
    pub(crate) fn reserve(&self, bytes: u64) -> Reservation {
        self.try_reserve(bytes).unwrap_or_else(|| {
            let (sender, granted) = bounded(1);
            self.ask(bytes, move |reservation| drop(sender.send(reservation)));
            granted.recv().unwrap_or_else(|_| Reservation { permits: self.clone(), bytes: 0 })
        })
    }

    /// Takes `bytes` where nobody waits and they are free.
    fn try_reserve(&self, bytes: u64) -> Option<Reservation> {
        let mut state = self.lock();
        // Those who wait go first, even if a smaller request would fit.
        let is_free = state.waiting.is_empty() && state.fits(bytes, self.0.total);
        is_free.then(|| {
            state.take(bytes);
            Reservation { permits: self.clone(), bytes }
        })
    }

    /// Serves everybody at once from now on: the run is over, and nobody uses the bytes.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.grant();
    }

    /// Serves those who wait, in their order, while there are bytes.
    fn grant(&self) {
        // One at a time and without the lock: `then` may give bytes back itself, and so come here again.
        while let Some((then, reservation)) = self.next() {
            then(reservation);
        }
    }

    fn next(&self) -> Option<(Then, Reservation)> {
        let mut state = self.lock();
        let bytes = state.waiting.front()?.bytes;
        if !state.fits(bytes, self.0.total) {
            return None;
        }
        let Waiting { bytes, then } = state.waiting.pop_front()?;
        state.take(bytes);
        Some((then, Reservation { permits: self.clone(), bytes }))
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

impl State {
    fn fits(&self, bytes: u64, total: u64) -> bool {
        // A request over the total fits when nothing is taken: it must be served some time.
        self.closed || self.taken == 0 || self.taken.saturating_add(bytes) <= total
    }

    fn take(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_add(bytes);
        self.peak = self.peak.max(self.taken);
    }
}

impl Reservation {
    /// Gives back all but `bytes`.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        let surplus = self.bytes.saturating_sub(bytes);
        if surplus == 0 {
            return;
        }
        self.bytes -= surplus;
        let mut state = self.permits.lock();
        state.taken = state.taken.saturating_sub(surplus);
        drop(state);
        self.permits.grant();
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
        let permits = Permits::new(100);
        let served = AtomicU64::new(0);
        thread::scope(|scope| {
            for number in 0..8u64 {
                let (permits, served) = (&permits, &served);
                scope.spawn(move || {
                    for turn in 0..200 {
                        let bytes = [3, 40, 99, 100, 7][((number + turn) % 5) as usize];
                        let _held = permits.reserve(bytes);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1_600);
        assert!((99..=100).contains(&permits.peak()), "{}", permits.peak());
        drop(permits.reserve(1_000));
        assert_eq!(permits.peak(), 1_000);
        assert_eq!(permits.lock().taken, 0);
    }

    #[test]
    fn a_large_request_is_not_passed_by_small_ones() {
        let permits = Permits::new(100);
        let (sender, granted) = crossbeam_channel::unbounded();
        for (name, bytes) in [("small", 1), ("large", 1_000), ("later", 1)] {
            let sender = sender.clone();
            permits.ask(bytes, move |held| sender.send((name, held)).unwrap());
        }
        for expected in ["small", "large", "later"] {
            let (name, held) = granted.try_recv().unwrap();
            assert_eq!(name, expected);
            assert!(granted.is_empty(), "one passed {name}");
            drop(held);
        }
        assert_eq!(permits.lock().taken, 0);
    }

    #[test]
    fn nobody_waits_for_a_closed_permits() {
        let permits = Permits::new(10);
        let held = permits.reserve(10);
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| permits.reserve(5))).collect();
            while permits.lock().waiting.len() != 3 {
                thread::yield_now();
            }
            assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
            permits.close();
        });
        drop(held);
        assert_eq!(permits.lock().taken, 0);
    }

    #[test]
    fn what_is_given_back_early_is_free() {
        let permits = Permits::new(10);
        let mut held = permits.reserve(50);
        held.shrink_to(4);
        held.shrink_to(9);
        let other = permits.reserve(6);
        assert_eq!(permits.lock().taken, 10);
        drop((held, other));
        assert_eq!(permits.lock().taken, 0);
    }
}
