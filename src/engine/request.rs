//! One picture that is asked for, and the answer that will come.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::failure::HashError;
use super::work::Shared;
use crate::hasher::{HashOptions, Hashed};

/// Which pictures go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lane {
    /// Somebody waits for this one.
    #[default]
    Interactive,
    /// One of many, that can wait.
    Bulk,
}

/// A picture to be hashed, with the choices for it. Await it, [`wait`](HashRequest::wait) or [`submit`](HashRequest::submit) it.
#[derive(Debug)]
#[must_use = "nothing is hashed before this is awaited, submitted or waited for"]
pub struct HashRequest<'e> {
    shared: &'e Arc<Shared>,
    bytes: Bytes,
    options: Arc<HashOptions>,
    deadline: Option<Instant>,
    lane: Lane,
}

impl<'e> HashRequest<'e> {
    pub(super) fn new(shared: &'e Arc<Shared>, bytes: Bytes) -> HashRequest<'e> {
        HashRequest {
            shared,
            bytes,
            options: shared.options.clone(),
            deadline: None,
            lane: Lane::Interactive,
        }
    }

    /// Other choices than the engine's. Threads keep their buffers for the choices that they met last: share one `Arc` among requests.
    pub fn options(self, options: &Arc<HashOptions>) -> HashRequest<'e> {
        HashRequest { options: options.clone(), ..self }
    }

    /// How long the answer is of use from now on. A picture that no thread began with by then is dropped.
    pub fn deadline(self, after: Duration) -> HashRequest<'e> {
        HashRequest { deadline: Instant::now().checked_add(after), ..self }
    }

    /// Which queue it waits in.
    pub fn lane(self, lane: Lane) -> HashRequest<'e> {
        HashRequest { lane, ..self }
    }

    fn parts(self) -> (&'e Arc<Shared>, Request, Hashing, Lane, Option<Instant>) {
        let HashRequest { shared, bytes, options, deadline, lane } = self;
        let answer = Arc::new(Answer::default());
        let hashing = Hashing { answer: answer.clone() };
        (shared, Request { bytes, options, deadline, answer }, hashing, lane, deadline)
    }

    /// Queues the picture, without waiting for a place.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] where the lane is full.
    pub fn submit(self) -> Result<Hashing, HashError> {
        let (shared, request, hashing, lane, _) = self.parts();
        if shared.queue.offer(request, lane) { Ok(hashing) } else { Err(HashError::Busy) }
    }

    /// Blocks until the picture is hashed or its deadline has passed; where the lane is full, for a place first.
    ///
    /// # Errors
    ///
    /// [`HashError::Picture`] where it has no signatures, [`HashError::DeadlineExceeded`].
    pub fn wait(self) -> Result<Hashed, HashError> {
        let (shared, request, hashing, lane, deadline) = self.parts();
        if shared.queue.push(request, lane, deadline) {
            hashing.answer.wait(deadline)
        } else {
            Err(HashError::DeadlineExceeded)
        }
    }
}

/// Queues the picture, without waiting for a place: where the lane is full the answer is [`HashError::Busy`].
impl IntoFuture for HashRequest<'_> {
    type Output = Result<Hashed, HashError>;
    type IntoFuture = Hashing;

    fn into_future(self) -> Hashing {
        self.submit().unwrap_or_else(|error| {
            let hashing = Hashing { answer: Arc::default() };
            hashing.answer.give(Err(error));
            hashing
        })
    }
}

/// The signatures to come: a future that needs no runtime. Dropping it cancels what no thread has begun with.
#[derive(Debug)]
#[must_use = "dropping it cancels the request"]
pub struct Hashing {
    answer: Arc<Answer>,
}

impl Hashing {
    /// Blocks until the picture is hashed.
    ///
    /// # Errors
    ///
    /// Those of [`HashRequest::wait`].
    pub fn wait(self) -> Result<Hashed, HashError> {
        self.answer.wait(None)
    }
}

impl Future for Hashing {
    type Output = Result<Hashed, HashError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.answer.lock();
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.answer.lock().is_abandoned = true;
    }
}

/// A picture in a queue.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: Bytes,
    pub(super) options: Arc<HashOptions>,
    deadline: Option<Instant>,
    answer: Arc<Answer>,
}

impl Request {
    /// Whether it is still to be hashed; says so to whoever waits where it is too late.
    pub(super) fn is_wanted(&self) -> bool {
        if self.answer.lock().is_abandoned {
            return false;
        }
        let is_late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if is_late {
            self.answer.give(Err(HashError::DeadlineExceeded));
        }
        !is_late
    }

    pub(super) fn answer(self, outcome: Result<Hashed, HashError>) {
        self.answer.give(outcome);
    }
}

/// What the one who asks and the one who hashes share.
#[derive(Debug, Default)]
struct Answer {
    state: Mutex<State>,
    given: Condvar,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Result<Hashed, HashError>>,
    waker: Option<Waker>,
    is_abandoned: bool,
}

impl Answer {
    fn give(&self, outcome: Result<Hashed, HashError>) {
        let mut state = self.lock();
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        self.given.notify_all();
        // Outside of the lock: a waker may poll at once.
        waker.into_iter().for_each(Waker::wake);
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<Hashed, HashError> {
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
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
