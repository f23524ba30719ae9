//! Many pictures in memory at once. Each thread takes the next picture and has buffers of its own, which are kept from call to call.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::error::Result;
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::{Bounded, Kept};

/// Who hashes: what bounds the memory, the buffers, and how many threads.
pub(super) struct Many<'a> {
    pub(super) bounded: &'a Bounded,
    pub(super) kept: &'a KeptBuffers,
    pub(super) threads: NonZeroUsize,
    pub(super) options: &'a Arc<HashOptions>,
}

/// What a thread did: results by their place.
type Done = Vec<(usize, Result<Hashed>)>;

/// Asked before each picture of the calling thread: whether the call is still wanted.
type GoesOn<'a> = &'a mut dyn FnMut() -> bool;

impl Many<'_> {
    /// Hashes every picture, in their order. The calling thread is one of those that do; it asks `goes_on` before each of its pictures, and where
    /// that says no, all end after the pictures that they have in hand: `None`.
    pub(super) fn hash<B: AsRef<[u8]> + Sync>(
        &self,
        pictures: &[B],
        goes_on: GoesOn<'_>,
    ) -> Option<Vec<Result<Hashed>>> {
        let call = Call { many: self, pictures, next: AtomicUsize::new(0), ended: AtomicBool::new(false) };
        let mut all: Done = thread::scope(|scope| {
            let others = self.threads.get().min(pictures.len()).saturating_sub(1);
            // Where the system refuses a thread, those that are there do its share.
            let start = |_| thread::Builder::new().spawn_scoped(scope, || call.work(&mut || true)).ok();
            let running: Vec<_> = (0..others).map_while(start).collect();
            let own = call.work(goes_on);
            let theirs = running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            own.into_iter().chain(theirs).collect()
        });
        if call.ended.into_inner() {
            return None;
        }
        all.sort_unstable_by_key(|(index, _)| *index);
        Some(all.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

/// What the threads of one call share.
struct Call<'a, B> {
    many: &'a Many<'a>,
    pictures: &'a [B],
    next: AtomicUsize,
    ended: AtomicBool,
}

impl<B: AsRef<[u8]>> Call<'_, B> {
    /// Takes the next picture until there is none, or the call has ended.
    fn work(&self, goes_on: GoesOn<'_>) -> Done {
        let Many { bounded, kept, threads, options } = self.many;
        let mut buffers = kept.take();
        let mut done = Vec::new();
        while !self.ended.load(Ordering::Relaxed) {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(picture) = self.pictures.get(index) else { break };
            if !goes_on() {
                self.ended.store(true, Ordering::Relaxed);
                break;
            }
            done.push((index, bounded.hash(&mut buffers, options, picture.as_ref())));
        }
        kept.put(buffers, *threads);
        done
    }
}

/// The buffers of threads that came and went.
#[derive(Debug, Default)]
pub(super) struct KeptBuffers(Mutex<Vec<Kept>>);

impl KeptBuffers {
    pub(super) fn take(&self) -> Kept {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps them, unless there are `most` already: calls that overlap leave no more behind than one.
    pub(super) fn put(&self, buffers: Kept, most: NonZeroUsize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < most.get() {
            kept.push(buffers);
        }
    }
}
