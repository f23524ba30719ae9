//! Requests that wait for a thread: two lanes, of which the interactive one goes first.

use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};

use super::answer::{Lane, Request};

/// Two bounded lanes.
#[derive(Debug)]
pub(super) struct Queue {
    /// Gone when nothing more is taken.
    senders: Mutex<Option<[Sender<Request>; 2]>>,
    interactive: Receiver<Request>,
    bulk: Receiver<Request>,
}

impl Queue {
    pub(super) fn new(most: usize) -> Queue {
        let ((first, interactive), (second, bulk)) = (bounded(most), bounded(most));
        Queue { senders: Mutex::new(Some([first, second])), interactive, bulk }
    }

    /// Nothing more is taken; what waits is still given out.
    pub(super) fn close(&self) {
        *self.senders.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn sender(&self, lane: Lane) -> Option<Sender<Request>> {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        senders.as_ref().map(|senders| senders[lane as usize].clone())
    }

    /// Whether there was a place for a request.
    pub(super) fn offer(&self, request: Request, lane: Lane) -> bool {
        self.sender(lane).is_some_and(|sender| match sender.try_send(request) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        })
    }

    /// Waits for a place, at most until `deadline`; whether there was one.
    pub(super) fn push(&self, request: Request, lane: Lane, deadline: Option<std::time::Instant>) -> bool {
        self.sender(lane).is_some_and(|sender| match deadline {
            Some(deadline) => sender.send_deadline(request, deadline).is_ok(),
            None => sender.send(request).is_ok(),
        })
    }

    /// The next request, interactive ones first; `None` at the end of all.
    pub(super) fn pop(&self) -> Option<Request> {
        if let Ok(request) = self.interactive.try_recv() {
            return Some(request);
        }
        select! {
            recv(self.interactive) -> request => request.or_else(|_| self.bulk.recv()).ok(),
            recv(self.bulk) -> request => request.or_else(|_| self.interactive.recv()).ok(),
        }
    }
}
