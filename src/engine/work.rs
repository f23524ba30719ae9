//! What a thread of an engine does: one picture after another, within the memory that all threads share.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::failure::PictureError;
use super::queue::Queue;
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed, Hasher};
use crate::pipeline::{Permits, surviving};

/// What the threads of an engine share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) threads: NonZeroUsize,
    pub(super) memory: u64,
    pub(super) options: Arc<HashOptions>,
    /// Bytes for pictures that take more than a thread's share.
    permits: Permits,
    /// Bytes that a thread may take without asking, and keep.
    share: u64,
    pub(super) kept: KeptHashers,
}

impl Shared {
    pub(super) fn new(threads: NonZeroUsize, memory: u64, queue: Queue, options: HashOptions) -> Shared {
        // Half for the threads of the queue and of one call of `hash_many`, half for larger pictures.
        let share = memory / 4 / threads.get() as u64;
        let (permits, options) = (Permits::new(memory / 2), Arc::new(options));
        Shared { queue, threads, memory, options, permits, share, kept: KeptHashers::default() }
    }
}

/// The buffers of one thread, for the choices that it met last.
#[derive(Debug, Default)]
pub(super) struct KeptHasher {
    hasher: Option<(Arc<HashOptions>, Hasher)>,
}

impl KeptHasher {
    /// Serves the queue to its end.
    pub(super) fn serve(mut self, shared: &Shared) {
        while let Some(request) = shared.queue.pop() {
            if request.is_wanted() {
                let outcome = self.hash(shared, &request.options, &request.bytes);
                request.answer(outcome.map_err(Into::into));
            }
        }
    }

    /// Hashes one picture; a panic costs the buffers and is the picture's error.
    pub(super) fn hash(
        &mut self,
        shared: &Shared,
        options: &Arc<HashOptions>,
        bytes: &[u8],
    ) -> Result<Hashed, PictureError> {
        let hashed = surviving(|| self.hash_within(shared, options, bytes)).unwrap_or_else(|error| {
            self.hasher = None;
            Err(error)
        });
        hashed.map_err(|error| PictureError::from(&error))
    }

    fn hash_within(&mut self, shared: &Shared, options: &Arc<HashOptions>, bytes: &[u8]) -> Result<Hashed> {
        if self.hasher.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, options)) {
            let mut own = (**options).clone();
            own.decode.limits = own.decode.limits.within(shared.memory);
            self.hasher = Some((options.clone(), Hasher::new(own)));
        }
        let Some((_, hasher)) = &mut self.hasher else { unreachable!("it was made just now") };
        let need = hasher.memory(bytes).worst;
        hasher.make_room(need, shared.share);
        let permit = (need > shared.share).then(|| shared.permits.reserve(need));
        let hashed = hasher.hash(bytes);
        if permit.is_some() {
            // What it grew to is not this thread's to keep.
            self.hasher = None;
        }
        hashed
    }
}

/// Those of threads that came and went.
#[derive(Debug, Default)]
pub(super) struct KeptHashers(Mutex<Vec<KeptHasher>>);

impl KeptHashers {
    pub(super) fn take(&self) -> KeptHasher {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps it, unless there are `most` already: calls that overlap leave no more behind than one.
    pub(super) fn put(&self, hasher: KeptHasher, most: usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < most {
            kept.push(hasher);
        }
    }
}
