//! Where the time of a picture went.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Where the time of a picture went that an [`Engine`](super::Engine) was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashTimes {
    /// In its lane, and for memory.
    pub waited: Duration,
    /// In decoders.
    pub decoding: Duration,
    /// In all else that a thread did for it: its file's headers, sums, signatures.
    pub hashing: Duration,
}

/// What a request and whoever waits for it share.
pub(super) type Measured = Arc<OnceLock<HashTimes>>;

/// Counts the time of one request.
#[derive(Debug)]
pub(super) struct Clock {
    asked: Instant,
    worked: Duration,
    decoding: Duration,
    for_memory: Duration,
    measured: Measured,
}

impl Clock {
    /// Begins to count.
    pub(super) fn new(measured: Measured) -> Clock {
        let none = Duration::ZERO;
        Clock { asked: Instant::now(), worked: none, decoding: none, for_memory: none, measured }
    }

    /// A thread was at it since `started`.
    pub(super) fn worked(&mut self, started: Instant) {
        self.worked += started.elapsed();
    }

    /// So much of that went into decoding.
    pub(super) fn decoded(&mut self, took: Duration) {
        self.decoding += took;
    }

    /// So much of it went into waiting for memory.
    pub(super) fn waited(&mut self, took: Duration) {
        self.for_memory += took;
    }

    /// Says what was counted.
    pub(super) fn stop(&mut self) {
        let worked = self.worked.saturating_sub(self.for_memory);
        let times = HashTimes {
            waited: self.asked.elapsed().saturating_sub(worked),
            decoding: self.decoding,
            hashing: worked.saturating_sub(self.decoding),
        };
        // Only the first outcome counts, as with answers.
        let _ = self.measured.set(times);
    }
}
