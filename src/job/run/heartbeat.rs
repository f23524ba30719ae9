//! Heartbeats: a thread of a worker that says again and again that it lives, and how much it has got done.

use std::thread;

use crossbeam_channel::{RecvTimeoutError, bounded};

use super::progress::Progress;
use crate::error::Result;
use crate::job::state::claim::Claims;
use crate::pipeline::start_thread;

/// Does something with heartbeats meanwhile. That a beat fails is no error: at worst another worker does the same work.
pub(in crate::job) fn beating<T>(
    claims: &Claims,
    progress: &Progress,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let (stopped, stop) = bounded::<()>(0);
    thread::scope(|scope| {
        let beat = move || {
            while stop.recv_timeout(claims.pause()) == Err(RecvTimeoutError::Timeout) {
                let _ = claims.beat(progress.steps());
            }
        };
        start_thread(scope, "shadegrid-heartbeat", beat)?;
        let worked = work();
        drop(stopped);
        worked
    })
}
