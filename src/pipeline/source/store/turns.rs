//! Who may fetch: so many at once, in the order in which they asked.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many fetches at once.
#[derive(Debug)]
pub(super) struct Turns(Arc<Semaphore>);

/// A turn to come; `None` never comes, since turns are not ended.
pub(super) type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

impl Turns {
    pub(super) fn new(at_once: usize) -> Turns {
        Turns(Arc::new(Semaphore::new(at_once.max(1))))
    }

    /// Asks for a turn, which comes after those that were asked for before.
    ///
    /// Tasks run in any order. If each asked by itself, late ones could take all turns and hold them while they wait for bytes that only the first one
    /// could give back, which waits for a turn. The semaphore keeps the order in which it was first looked at, so that happens here.
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
        // Who does not want it any more is passed over.
        drop((c, d));
        assert!(e.now_or_never().is_some());
    }
}
