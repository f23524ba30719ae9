//! A picture in a queue, and the answer that the caller of any work will get.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::failure::{HashError, PictureError};
use super::times::{Clock, HashTimes, Measured};
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::{Task, dropped};

/// Which queue a picture waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// For pictures that somebody waits for: they go first, eight for one of the others.
    #[default]
    Interactive,
    /// For pictures that can wait.
    Bulk,
}

/// The signatures to come: a future that needs no runtime. Dropping it cancels the request unless a thread has begun with it.
#[derive(Debug)]
#[must_use = "dropping it cancels the request"]
pub struct Hashing {
    pub(super) answer: Arc<Answer<Hashed>>,
    pub(super) measured: Measured,
}

impl Hashing {
    /// Blocks until the picture is hashed.
    ///
    /// # Errors
    ///
    /// Those of [`HashRequest::wait`](super::HashRequest::wait).
    pub fn wait(self) -> Result<Hashed, HashError> {
        self.answer.wait(None)
    }

    /// Where the time went, once there is an outcome; `None` where no thread began with the picture.
    pub fn times(&self) -> Option<HashTimes> {
        self.measured.get().copied()
    }
}

impl Future for Hashing {
    type Output = Result<Hashed, HashError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll(context)
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.answer.abandon();
    }
}

/// A picture in a queue. If it is dropped without an outcome, the answer is an error that says so.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: Bytes,
    pub(super) options: Arc<HashOptions>,
    pub(super) deadline: Option<Instant>,
    pub(super) answer: Arc<Answer<Hashed>>,
    pub(super) clock: Clock,
}

impl Task for Request {
    fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    fn options(&self) -> &Arc<HashOptions> {
        &self.options
    }

    fn is_wanted(&self) -> bool {
        self.answer.is_wanted(self.deadline)
    }

    fn spent(&mut self, started: Instant) {
        self.clock.worked(started);
    }

    fn decoded(&mut self, took: Duration) {
        self.clock.decoded(took);
    }

    fn waited(&mut self, took: Duration) {
        self.clock.waited(took);
    }

    fn done(mut self: Box<Self>, outcome: crate::error::Result<Hashed>, started: Instant) {
        self.clock.worked(started);
        self.clock.stop();
        self.answer.give(outcome.map_err(|error| PictureError::from(&error).into()));
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.answer.give(Err(PictureError::from(&dropped()).into()));
    }
}

/// What the caller and the thread that does the work share.
#[derive(Debug)]
pub(super) struct Answer<T> {
    state: Mutex<State<T>>,
    given: Condvar,
}

#[derive(Debug)]
struct State<T> {
    outcome: Option<Result<T, HashError>>,
    waker: Option<Waker>,
    is_given: bool,
    is_abandoned: bool,
}

impl<T> Default for Answer<T> {
    fn default() -> Answer<T> {
        let state = State { outcome: None, waker: None, is_given: false, is_abandoned: false };
        Answer { state: Mutex::new(state), given: Condvar::new() }
    }
}

impl<T> Answer<T> {
    /// The outcome, or a promise to wake whoever asks.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<T, HashError>> {
        // The waker is left under the lock that `give` takes, so that no outcome falls between looking and leaving it.
        let mut state = self.lock();
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Says that nobody waits any more.
    pub(super) fn abandon(&self) {
        self.lock().is_abandoned = true;
    }

    /// Whether the work is still to be done. If it is too late, whoever waits gets the error at once.
    pub(super) fn is_wanted(&self, deadline: Option<Instant>) -> bool {
        if self.lock().is_abandoned {
            return false;
        }
        let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
        if is_late {
            self.give(Err(HashError::DeadlineExceeded));
        }
        !is_late
    }

    /// Gives the outcome to whoever waits. Only the first call counts.
    pub(super) fn give(&self, outcome: Result<T, HashError>) {
        let mut state = self.lock();
        // Not `outcome.is_some()`: that is empty again once it was taken.
        if std::mem::replace(&mut state.is_given, true) {
            return;
        }
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        self.given.notify_all();
        // Outside of the lock: a waker may poll at once.
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) fn wait(&self, deadline: Option<Instant>) -> Result<T, HashError> {
        let mut state = self.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            state = match deadline {
                None => self.given.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(HashError::DeadlineExceeded);
                    }
                    self.given.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Nothing that holds the lock panics.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
