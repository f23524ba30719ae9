//! One picture that is asked for, with the choices for it.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Sender;

use super::Owner;
use super::answer::{Answer, Hashing, Lane, Request};
use super::failure::HashError;
use super::times::{Clock, Measured};
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::Task;

/// A picture to be hashed, with the choices for it. Await it, [`wait`](HashRequest::wait) or [`submit`](HashRequest::submit) it.
#[derive(Debug)]
#[must_use = "nothing is hashed before this is awaited, submitted or waited for"]
pub struct HashRequest<'e> {
    owner: &'e Owner,
    bytes: Bytes,
    options: Arc<HashOptions>,
    deadline: Option<Instant>,
    lane: Lane,
}

/// A request, taken apart.
struct Submission<'e> {
    queue: &'e Sender<Box<dyn Task>>,
    request: Box<Request>,
    hashing: Hashing,
    deadline: Option<Instant>,
}

impl<'e> HashRequest<'e> {
    pub(super) fn new(owner: &'e Owner, bytes: Bytes) -> HashRequest<'e> {
        HashRequest { owner, bytes, options: owner.options.clone(), deadline: None, lane: Lane::Interactive }
    }

    /// Other choices than the engine's. Threads keep buffers for the choices that they used last, so share one `Arc` among requests.
    pub fn options(self, options: &Arc<HashOptions>) -> HashRequest<'e> {
        HashRequest { options: options.clone(), ..self }
    }

    /// How long the caller can use the answer, from now on. A picture that no thread has begun with by then is dropped.
    pub fn deadline(self, after: Duration) -> HashRequest<'e> {
        HashRequest { deadline: Instant::now().checked_add(after), ..self }
    }

    /// Which queue it waits in.
    pub fn lane(self, lane: Lane) -> HashRequest<'e> {
        HashRequest { lane, ..self }
    }

    /// What to send, where to, and what to wait for.
    fn submission(self) -> Submission<'e> {
        let HashRequest { owner, bytes, options, deadline, lane } = self;
        let (answer, measured) = (Arc::new(Answer::default()), Measured::default());
        let hashing = Hashing { answer: answer.clone(), measured: measured.clone() };
        let queue = owner.workers.lane(lane == Lane::Interactive);
        Submission {
            queue,
            request: Box::new(Request { bytes, options, deadline, answer, clock: Clock::new(measured) }),
            hashing,
            deadline,
        }
    }

    /// Queues the picture. Never blocks.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] if the lane is full.
    pub fn submit(self) -> Result<Hashing, HashError> {
        let Submission { queue, request, hashing, .. } = self.submission();
        queue.try_send(request).map(|()| hashing).map_err(|_| HashError::Busy)
    }

    /// Blocks until the picture is hashed or its deadline has passed. If the lane is full, it blocks until there is room.
    ///
    /// # Errors
    ///
    /// [`HashError::Picture`] if it has no signatures, [`HashError::DeadlineExceeded`] if the deadline passed first.
    pub fn wait(self) -> Result<Hashed, HashError> {
        let Submission { queue, request, hashing, deadline } = self.submission();
        let is_queued = match deadline {
            Some(deadline) => queue.send_deadline(request, deadline).is_ok(),
            None => queue.send(request).is_ok(),
        };
        if is_queued { hashing.answer.wait(deadline) } else { Err(HashError::DeadlineExceeded) }
    }
}

/// Queues the picture without blocking: if the lane is full, the answer is [`HashError::Busy`].
impl IntoFuture for HashRequest<'_> {
    type Output = Result<Hashed, HashError>;
    type IntoFuture = Hashing;

    fn into_future(self) -> Hashing {
        self.submit().unwrap_or_else(|error| {
            let hashing = Hashing { answer: Arc::default(), measured: Measured::default() };
            hashing.answer.give(Err(error));
            hashing
        })
    }
}
