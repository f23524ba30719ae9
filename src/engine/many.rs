//! Many pictures in memory at once. Each thread takes the next picture and has buffers of its own, which are kept from call to call.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::failure::PictureError;
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::{Kept, Workers};

/// Hashes every picture, in their order, on as many threads as there are workers.
pub(super) fn hash<B: AsRef<[u8]> + Sync>(
    (workers, kept): (&Workers, &KeptBuffers),
    pictures: &[B],
    options: &Arc<HashOptions>,
) -> Vec<Result<Hashed, PictureError>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffers = kept.take();
        let mut done = Vec::new();
        loop {
            // Only the number matters: the pictures were there before the threads.
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(picture) = pictures.get(index) else { break };
            let outcome = workers.hash(&mut buffers, options, picture.as_ref());
            done.push((index, outcome.map_err(|error| PictureError::from(&error))));
        }
        kept.put(buffers, workers.count());
        done
    };
    let mut all: Vec<(usize, Result<Hashed, PictureError>)> = thread::scope(|scope| {
        let others = workers.count().get().min(pictures.len()).saturating_sub(1);
        // If the system refuses a thread, the others do its share.
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

/// The buffers of threads that came and went.
#[derive(Debug, Default)]
pub(super) struct KeptBuffers(Mutex<Vec<Kept>>);

impl KeptBuffers {
    fn take(&self) -> Kept {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps them, unless there are `most` already: calls that overlap leave no more behind than one.
    fn put(&self, buffers: Kept, most: NonZeroUsize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < most.get() {
            kept.push(buffers);
        }
    }
}
