//! Many pictures in memory at once: threads that take the next one, each with buffers of its own, which are kept from call to call.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::failure::PictureError;
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed, Hasher};
use crate::pipeline::{Workers, surviving};

/// Hashes every picture, in their order, on as many threads as there are workers.
pub(super) fn hash<B: AsRef<[u8]> + Sync>(
    (workers, kept): (&Workers, &KeptHashers),
    pictures: &[B],
    options: &Arc<HashOptions>,
) -> Vec<Result<Hashed, PictureError>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut hasher = kept.take();
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(picture) = pictures.get(index) else { break };
            done.push((index, hasher.hash(workers, options, picture.as_ref())));
        }
        kept.put(hasher, workers.count());
        done
    };
    let mut all: Vec<(usize, Result<Hashed, PictureError>)> = thread::scope(|scope| {
        let others = workers.count().get().min(pictures.len()).saturating_sub(1);
        // Where the system refuses a thread, those that are there do its share.
        let running: Vec<_> =
            (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = work();
        let theirs = running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        own.into_iter().chain(theirs).collect()
    });
    all.sort_unstable_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, outcome)| outcome).collect()
}

/// The buffers of one thread, for the options that it met last.
#[derive(Debug, Default)]
struct KeptHasher {
    hasher: Option<(Arc<HashOptions>, Hasher)>,
}

impl KeptHasher {
    /// Hashes one picture; a panic costs the buffers and is the picture's error.
    fn hash(
        &mut self,
        workers: &Workers,
        options: &Arc<HashOptions>,
        bytes: &[u8],
    ) -> Result<Hashed, PictureError> {
        let hashed = surviving(|| self.hash_within(workers, options, bytes)).unwrap_or_else(|error| {
            self.hasher = None;
            Err(error)
        });
        hashed.map_err(|error| PictureError::from(&error))
    }

    fn hash_within(&mut self, workers: &Workers, options: &Arc<HashOptions>, bytes: &[u8]) -> Result<Hashed> {
        if self.hasher.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, options)) {
            let mut own = (**options).clone();
            own.decode.limits = own.decode.limits.within(workers.memory());
            self.hasher = Some((options.clone(), Hasher::new(own)));
        }
        let Some((_, hasher)) = &mut self.hasher else { unreachable!("it was made just now") };
        let (need, share) = (hasher.memory(bytes).worst, workers.share());
        if hasher.kept().saturating_add(need) > share {
            hasher.forget();
        }
        let loan = (need > share).then(|| workers.borrow(need));
        let hashed = hasher.hash(bytes);
        if loan.is_some() {
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
    fn take(&self) -> KeptHasher {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps it, unless there are `most` already: calls that overlap leave no more behind than one.
    fn put(&self, hasher: KeptHasher, most: NonZeroUsize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < most.get() {
            kept.push(hasher);
        }
    }
}
