//! A request to end a run early.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Asks a run to end early, from any thread; clones share the request.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<OnceLock<Instant>>,
    delay: Duration,
    /// What this work is a part of.
    whole: Option<Arc<Stop>>,
}

impl Stop {
    /// Requests the stop. It cannot be taken back.
    pub fn request(&self) {
        let _ = self.asked.set(Instant::now());
    }

    /// Whether a stop was requested, and this one's delay has passed since.
    pub fn requested(&self) -> bool {
        self.asked.get().is_some_and(|asked| asked.elapsed() >= self.delay)
            || self.whole.as_ref().is_some_and(|whole| whole.requested())
    }

    /// The same request for work that may continue for `delay` after it.
    #[must_use]
    pub fn after(&self, delay: Duration) -> Stop {
        let whole = self.whole.as_ref().map(|whole| Arc::new(whole.after(delay)));
        Stop { asked: self.asked.clone(), delay: self.delay.saturating_add(delay), whole }
    }

    /// A request of its own for a part of the work: the part ends with the whole, and the whole goes on where only the part is to end.
    #[must_use]
    pub fn part(&self) -> Stop {
        Stop { whole: Some(Arc::new(self.clone())), ..Stop::default() }
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

    #[test]
    fn a_part_ends_with_the_whole_and_not_the_other_way_round() {
        let whole = Stop::default();
        let (one, other) = (whole.part(), whole.part());
        one.request();
        assert!(one.requested() && one.part().requested() && !other.requested() && !whole.requested());
        let never = other.after(Duration::MAX);
        whole.request();
        assert!(other.requested() && !never.requested());
    }
}
