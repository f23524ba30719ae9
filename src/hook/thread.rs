//! A thread that delivers events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::event::HookEvent;
use super::sender::{HookNext, HookSender};
use crate::error::{Error, Result};
use crate::pipeline::Stop;

/// How often new events are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// The thread. Dropped, it ends: a post that is under way is given up, and made again by the next one.
#[derive(Debug)]
pub struct HookThread {
    stop: Stop,
    is_draining: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HookSender {
    /// Delivers events on a thread of its own, those too that are kept meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the system has no thread left.
    pub fn start(self) -> Result<HookThread> {
        let stop = Stop::default();
        let is_draining = Arc::new(AtomicBool::new(false));
        let (sender, draining) = (self.stop(stop.clone()), is_draining.clone());
        let work = {
            let stop = stop.clone();
            move || deliver(sender, &stop, &draining)
        };
        let thread = Builder::new().name("shadegrid-hooks".into()).spawn(work);
        let thread =
            thread.map_err(|error| Error::io("cannot start the thread that delivers events", error))?;
        Ok(HookThread { stop, is_draining, thread: Some(thread) })
    }
}

impl HookThread {
    /// Ends it once nothing is due any more: each event was delivered, or tried and is due later.
    pub fn drain(mut self) {
        self.is_draining.store(true, Ordering::Release);
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for HookThread {
    fn drop(&mut self) {
        self.stop.request();
        self.join();
    }
}

fn deliver(mut sender: HookSender, stop: &Stop, is_draining: &AtomicBool) {
    let mut trouble = None;
    while !stop.requested() {
        // Looked at before the queue is: what was kept before the request is seen.
        let draining = is_draining.load(Ordering::Acquire);
        let next = catch_unwind(AssertUnwindSafe(|| sender.step())).unwrap_or_else(|_| Err(bug()));
        let why = next.as_ref().err().map(ToString::to_string);
        if let Some(why) = why.clone().filter(|why| trouble.as_ref() != Some(why)) {
            sender.say(&HookEvent::Alarm { id: String::new(), kind: "", why });
        }
        trouble = why;
        match next {
            Ok(HookNext::Now) => {}
            _ if draining => break,
            Ok(HookNext::Wait(pause)) => sender.rest(pause.min(LOOK)),
            Ok(HookNext::Idle) => sender.rest(LOOK),
            Err(_) => sender.rest(sender.pause()),
        }
    }
}

fn bug() -> Error {
    Error::Input("this is a bug, please report it: the thread that delivers events panicked".into())
}
