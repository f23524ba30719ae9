//! Whether anybody still wants what a thread waits for.
//!
//! A thread that waits for something slow (a silent list, a stream, an object) looks at [`is_over`] from time to time. The wait is over once a stop
//! was requested, or once the [`Taker`] that it works for is gone, as when a run ended early. The taker is kept in a variable of the thread, so that
//! code between the two, such as adapters of iterators, need not pass it on.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::stop::Stop;

thread_local! {
    static TAKER: RefCell<Option<Wanted>> = const { RefCell::new(None) };
}

/// The one for whom threads wait. When it is dropped, they stop waiting.
#[derive(Debug, Default)]
pub(super) struct Taker(Wanted);

/// A taker as those see it who work for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Taker {
    /// For a thread that works for this taker.
    pub(super) fn wanted(&self) -> Wanted {
        self.0.clone()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

impl Wanted {
    /// From now on this thread works for the taker.
    pub(super) fn by_this_thread(self) {
        TAKER.set(Some(self));
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether nobody wants what this thread waits for.
pub(super) fn is_over(stop: &Stop) -> bool {
    stop.requested() || TAKER.with_borrow(|taker| taker.as_ref().is_some_and(Wanted::is_over))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_its_own_taker_or_a_stop() {
        let (own, other, stop) = (Taker::default(), Taker::default(), Stop::default());
        own.wanted().by_this_thread();
        drop(other);
        assert!(!is_over(&stop));
        std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| is_over(&stop));
            drop(own);
            assert!(!elsewhere.join().unwrap(), "another thread works for nobody");
        });
        assert!(is_over(&stop));
        TAKER.set(None);
        assert!(!is_over(&stop));
        stop.request();
        assert!(is_over(&stop));
    }
}
