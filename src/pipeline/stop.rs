//! A request to end a run early.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Asks a run to end early, from any thread; clones share the request.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<OnceLock<Instant>>,
    delay: Duration,
}

impl Stop {
    /// Requests the stop. It cannot be taken back.
    pub fn request(&self) {
        let _ = self.asked.set(Instant::now());
    }

    /// Whether a stop was requested, and this one's delay has passed since.
    pub fn requested(&self) -> bool {
        self.asked.get().is_some_and(|asked| asked.elapsed() >= self.delay)
    }

    /// The same request for work that may continue for `delay` after it.
    #[must_use]
    pub fn after(&self, delay: Duration) -> Stop {
        Stop { asked: self.asked.clone(), delay: self.delay + delay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delayed_request_is_heard_later() {
        let stop = Stop::default();
        let (soon, never) = (stop.after(Duration::from_millis(20)), stop.after(Duration::MAX));
        assert!(!stop.requested() && !soon.requested());
        stop.request();
        assert!(stop.requested() && !never.requested());
        std::thread::sleep(Duration::from_millis(25));
        assert!(soon.requested() && !never.requested());
    }
}
