//! Names of requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names requests: time, process and number.
#[derive(Debug)]
pub(crate) struct Ids {
    process: u32,
    next: AtomicU64,
}

impl Default for Ids {
    fn default() -> Ids {
        Ids { process: RandomState::new().hash_one(0) as u32, next: AtomicU64::new(0) }
    }
}

impl Ids {
    /// A name that no other request has.
    pub(crate) fn next(&self) -> String {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let number = self.next.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff_ffff;
        format!("{:012x}{:08x}{number:012x}", time & 0xffff_ffff_ffff, self.process)
    }
}
