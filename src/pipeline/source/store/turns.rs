//! Permits to fetch: a fixed number at once, first come, first served.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fixed number of permits.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// A permit to come; never `None`, since the semaphore is never closed.
pub(super) type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

impl Turns {
    pub(super) fn new(at_once: usize) -> Turns {
        Turns(Arc::new(Semaphore::new(at_once.max(1))))
    }

    /// Asks for a permit, which comes after those that were asked for before.
    ///
    /// Tasks run in any order. If each asked for itself, late ones could take all permits and hold them while they wait for bytes that only the first
    /// item could give back, which would be waiting for a permit. The semaphore keeps the order in which its futures were first polled, so they are
    /// polled here, in the order of the items.
    pub(super) fn ask(&self) -> Turn {
        let mut turn: Turn = Box::pin(self.0.clone().acquire_owned().map(Result::ok));
        match turn.as_mut().now_or_never() {
            Some(permit) => Box::pin(std::future::ready(permit)),
            None => turn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_the_order_of_asking_and_not_of_polling() {
        let turns = Turns::new(2);
        let [a, b, c, d, e] = std::array::from_fn(|_| turns.ask());
        let (mut c, mut d, mut e) = (c, d, e);
        assert!(e.as_mut().now_or_never().is_none() && d.as_mut().now_or_never().is_none());
        assert!(c.as_mut().now_or_never().is_none(), "two are out");
        let (a, b) = (a.now_or_never(), b.now_or_never());
        assert!(a.is_some() && b.is_some(), "the first two have none");
        drop(b);
        assert!(e.as_mut().now_or_never().is_none() && d.as_mut().now_or_never().is_none());
        let c = c.now_or_never();
        assert!(c.is_some());
        // A permit that nobody wants any more is skipped.
        drop((c, d));
        assert!(e.now_or_never().is_some());
    }
}
