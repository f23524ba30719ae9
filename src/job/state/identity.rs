//! Who works: one name for each start of the program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A worker: one run of the program on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::job) struct Identity {
    /// Unlike that of every other start, and good for a file's name.
    pub(in crate::job) name: String,
    /// The machine's name.
    pub(in crate::job) host: String,
    /// The process's number on it.
    pub(in crate::job) process: u32,
}

impl Identity {
    /// This process, which starts to work now.
    pub(in crate::job) fn new() -> Identity {
        static STARTS: AtomicU64 = AtomicU64::new(0);
        let host = gethostname::gethostname().to_string_lossy().into_owned();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' };
        let plain_host: String = host.chars().take(60).map(plain).collect();
        let process = std::process::id();
        let started = STARTS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{plain_host}_{process}_{:x}_{started}", now());
        Identity { name, host, process }
    }
}

/// Milliseconds since 1970 by this machine's clock: for people to read, never to decide by.
pub(in crate::job) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}
