//! Memory lent to pictures larger than a worker's share. Who waits for it holds no worker: what else comes is hashed beside it.
//!
//! A worker that meets such a picture hands it in with what it needs, and goes on with the next one. When the memory is free, some worker gets
//! picture and memory together; meanwhile every other goes on. They are served in the order in which they came; one
//! larger than all that is lent is served when nothing is.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};

/// Lends bytes up to a total to jobs of the type `J`.
#[derive(Debug)]
pub(super) struct Loans<J> {
    total: u64,
    state: Mutex<State<J>>,
    granted: Receiver<(J, u64)>,
}

#[derive(Debug)]
struct State<J> {
    taken: u64,
    waiting: VecDeque<(J, u64)>,
    /// Gone when nothing waits and nobody will ask.
    grants: Option<Sender<(J, u64)>>,
    closed: bool,
    peak: u64,
}

/// Lent bytes, given back on drop.
#[derive(Debug)]
pub(super) struct Loan<'a, J> {
    loans: &'a Loans<J>,
    bytes: u64,
}

/// Whoever may ask. When the last one is gone, nothing will be granted but what waits already.
#[derive(Debug)]
pub(super) struct Asking<'a, J>(&'a Loans<J>);

impl<J> Loans<J> {
    pub(super) fn new(total: u64) -> Loans<J> {
        let (grants, granted) = unbounded();
        let (grants, waiting) = (Some(grants), VecDeque::new());
        Loans {
            total,
            state: Mutex::new(State { taken: 0, waiting, grants, closed: false, peak: 0 }),
            granted,
        }
    }

    /// The right to ask, to be shared by all who may.
    pub(super) fn asking(&self) -> Asking<'_, J> {
        Asking(self)
    }

    /// Jobs whose bytes are theirs: to be [held](Loans::hold) by whoever takes them. It ends when nothing is to come.
    pub(super) fn granted(&self) -> &Receiver<(J, u64)> {
        &self.granted
    }

    /// The bytes of a job that was granted.
    pub(super) fn hold(&self, bytes: u64) -> Loan<'_, J> {
        Loan { loans: self, bytes }
    }

    /// The most that was ever lent at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> u64 {
        self.lock().peak
    }

    /// Grants what fits, in order.
    fn grant(&self, mut state: MutexGuard<'_, State<J>>) {
        while let Some((job, bytes)) = state.next(self.total) {
            state.taken = state.taken.saturating_add(bytes);
            state.peak = state.peak.max(state.taken);
            if let Some(grants) = &state.grants {
                let _ = grants.send((job, bytes));
            }
        }
        if state.closed && state.waiting.is_empty() {
            state.grants = None;
        }
    }

    /// What is locked stays true whatever panicked meanwhile.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    /// The first that waits, if it fits.
    fn next(&mut self, total: u64) -> Option<(J, u64)> {
        let bytes = self.waiting.front()?.1;
        let fits = self.taken == 0 || self.taken.saturating_add(bytes) <= total;
        if fits { self.waiting.pop_front() } else { None }
    }
}

impl<J> Asking<'_, J> {
    /// Hands a job in that needs so many bytes.
    pub(super) fn ask(&self, job: J, bytes: u64) {
        let mut state = self.0.lock();
        state.waiting.push_back((job, bytes));
        self.0.grant(state);
    }
}

impl<J> Drop for Asking<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        self.0.grant(state);
    }
}

impl<J> Drop for Loan<'_, J> {
    fn drop(&mut self) {
        let mut state = self.loans.lock();
        state.taken = state.taken.saturating_sub(self.bytes);
        self.loans.grant(state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn never_more_than_the_total_but_one_alone() {
        let loans = Loans::new(100);
        let asking = loans.asking();
        for number in 0..800u64 {
            asking.ask(number, [3, 40, 99, 100, 7, 1_000][number as usize % 6]);
        }
        drop(asking);
        let (using, done, peak) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let Ok((_, bytes)) = loans.granted().recv() {
                        let loan = loans.hold(bytes);
                        let now = using.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        assert!(now <= 100 || now == 1_000, "{now} at once");
                        peak.fetch_max(now, Ordering::SeqCst);
                        using.fetch_sub(bytes, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                        drop(loan);
                    }
                });
            }
        });
        assert_eq!((done.into_inner(), peak.into_inner(), loans.peak()), (800, 1_000, 1_000));
        assert_eq!(loans.lock().taken, 0);
    }

    #[test]
    fn a_large_request_is_not_passed_by_small_ones() {
        let loans = Loans::new(100);
        let asking = loans.asking();
        for (job, bytes) in [("small", 1), ("large", 1_000), ("later", 1)] {
            asking.ask(job, bytes);
        }
        let next = || loans.granted().try_recv().ok();
        assert_eq!((next(), next()), (Some(("small", 1)), None));
        drop(loans.hold(1));
        assert_eq!((next(), next()), (Some(("large", 1_000)), None), "the later one passed");
        drop(loans.hold(1_000));
        assert_eq!(next(), Some(("later", 1)));
    }

    #[test]
    fn it_ends_when_nobody_asks_and_nothing_waits() {
        let loans = Loans::new(10);
        let (first, second) = (Arc::new(loans.asking()), ());
        let other = first.clone();
        first.ask(1, 10);
        first.ask(2, 10);
        drop(first);
        assert_eq!((loans.granted().recv(), second), (Ok((1, 10)), ()));
        assert!(loans.granted().try_recv().is_err_and(|error| error.is_empty()), "somebody may ask");
        drop(other);
        assert!(loans.granted().try_recv().is_err_and(|error| error.is_empty()), "one waits");
        drop(loans.hold(10));
        assert_eq!(loans.granted().recv(), Ok((2, 10)));
        assert!(loans.granted().recv().is_err());
    }
}
