//! The threads that read, and how many: more where the workers wait for them.
//!
//! One reader is enough for eight workers that decode what it brings. It is not where devices decode, or where each file takes long to come. What tells is
//! whether workers have nothing to do while every reader has: each time that this was so often, one more begins.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::reader::{self, Loader, Taken};
use super::threads::refused;
use crate::error::Result;

/// Readers of a run, at most: what disks and servers answer at a time, and what costs nothing. Few workers may have as many: readers wait for files, which takes no CPU.
pub(super) const MOST_READERS: usize = 16;

/// Sources that find all readers at work and the workers' queue empty, before one more reader begins.
const OFTEN: u32 = 8;

/// The readers of a run.
pub(super) struct Readers {
    loader: Arc<Loader>,
    sender: Sender<Taken>,
    taken: Receiver<Taken>,
    started: usize,
    most: usize,
    waits: u32,
}

impl Readers {
    /// Starts so many; there may become `most` of them.
    pub(super) fn start(count: usize, most: usize, loader: &Arc<Loader>) -> Result<Readers> {
        // One source for each that is there from the start, so that the taker is no further ahead than before where more begin.
        let (sender, taken) = bounded(count);
        let (loader, waits) = (loader.clone(), 0);
        let mut readers = Readers { loader, sender, taken, started: 0, most: most.max(count), waits };
        (0..count).try_for_each(|_| readers.start_one())?;
        Ok(readers)
    }

    fn start_one(&mut self) -> Result<()> {
        let (loader, taken) = (self.loader.clone(), self.taken.clone());
        let thread = thread::Builder::new().name(format!("shadegrid-read-{}", self.started));
        thread.spawn(move || reader::run(&loader, &taken)).map_err(refused)?;
        self.started += 1;
        Ok(())
    }

    /// Gives a reader a source; where all are at work, the source comes back, to be sent by [`sender`](Readers::sender) as soon as one is free.
    pub(super) fn try_send(&mut self, taken: Taken) -> Option<Taken> {
        let taken = match self.sender.try_send(taken) {
            Ok(()) => return None,
            Err(TrySendError::Full(taken) | TrySendError::Disconnected(taken)) => taken,
        };
        if self.loader.jobs.is_empty() && self.started < self.most {
            self.waits += 1;
            if self.waits >= OFTEN {
                self.waits = 0;
                // Where the system has no thread for it, those that are there do.
                let _ = self.start_one();
            }
        }
        Some(taken)
    }

    pub(super) fn sender(&self) -> &Sender<Taken> {
        &self.sender
    }
}
