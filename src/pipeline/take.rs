//! Takes sources from the caller's iterator, one after another, and passes them to the readers.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, select};

use super::counts::Counts;
use super::panics::caught;
use super::reader::{Loader, Taken};
use super::readers::Readers;
use super::source::{Content, Source};
use super::stop::Stop;
use super::waiting::Wanted;
use crate::error::Error;

/// The thread that takes sources.
pub(super) struct Take<'a, I> {
    pub(super) sources: I,
    pub(super) tickets: Receiver<()>,
    pub(super) readers: Readers,
    /// Takes what needs no reading.
    pub(super) loader: Arc<Loader>,
    /// Disconnected when nobody wants anything any more.
    pub(super) hangup: Receiver<()>,
    pub(super) wanted: Wanted,
    pub(super) stop: &'a Stop,
}

impl<I: Iterator<Item = Source>> Take<'_, I> {
    /// Takes until the sources end, a stop is requested or nobody wants the results. The sources are dropped at their end, and never polled again.
    pub(super) fn run(mut self) {
        self.wanted.clone().by_this_thread();
        while self.tickets.recv().is_ok() {
            let Some(taken) = self.next() else { break };
            if self.hand_on(taken).is_break() {
                break;
            }
        }
        let Take { sources, loader, .. } = self;
        if let Err(panic) = caught(move || drop(sources)) {
            fail(&loader.counts, &panic);
        }
    }

    fn next(&mut self) -> Option<Taken> {
        if self.stop.requested() {
            return None;
        }
        let started = Instant::now();
        let counts = &self.loader.counts;
        match caught(|| self.sources.next()) {
            Ok(Some(source)) => {
                counts.first.get_or_init(Instant::now);
                let index = counts.taken.fetch_add(1, Ordering::AcqRel);
                Some(Taken { index, source, started })
            }
            Ok(None) => {
                // If a stop ended the wait for a source, the sources were not at their end.
                counts.exhausted.store(!self.stop.requested(), Ordering::Release);
                None
            }
            Err(panic) => {
                fail(counts, &panic);
                None
            }
        }
    }

    fn hand_on(&mut self, taken: Taken) -> ControlFlow<()> {
        self.loader.counts.reading.fetch_add(1, Ordering::AcqRel);
        // What needs no reading needs no reader.
        if matches!(
            taken.source.content,
            Content::Bytes(..) | Content::Shared(_) | Content::Known(_) | Content::Failed(_) | Content::Fence
        ) {
            return self.loader.load(taken);
        }
        let Some(taken) = self.readers.try_send(taken) else { return ControlFlow::Continue(()) };
        select! {
            send(self.readers.sender(), taken) -> sent => match sent {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
            recv(self.hangup) -> _ => ControlFlow::Break(()),
        }
    }
}

fn fail(counts: &Counts, panic: &str) {
    let error = Error::Input(format!("listing the inputs panicked ({panic}); the records so far are whole"));
    counts.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}
