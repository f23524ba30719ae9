//! Many pictures in memory at once: threads that take the next one, each with buffers of its own, which are kept from call to call.

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

impl Many<'_> {
    /// Hashes every picture, in their order. The calling thread is one of those that do; it asks `goes_on` before each of its pictures, and where
    /// that says no, all end after the pictures that they have in hand: `None`.
    pub(super) fn hash<B: AsRef<[u8]> + Sync>(
        &self,
        pictures: &[B],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<Result<Hashed>>> {
        let (next, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = |goes_on: &mut dyn FnMut() -> bool| {
            let mut buffers = self.kept.take();
            let mut done = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(picture) = pictures.get(index) else { break };
                if !goes_on() {
                    ended.store(true, Ordering::Relaxed);
                    break;
                }
                done.push((index, self.bounded.hash(&mut buffers, self.options, picture.as_ref())));
            }
            self.kept.put(buffers, self.threads);
            done
        };
        let all = self.on_threads(pictures.len(), &work, goes_on);
        (!ended.into_inner()).then_some(all)
    }

    /// What all threads did of so many pictures, in their order.
    fn on_threads(
        &self,
        pictures: usize,
        work: &(dyn Fn(&mut dyn FnMut() -> bool) -> Vec<(usize, Result<Hashed>)> + Sync),
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Vec<Result<Hashed>> {
        let mut all = thread::scope(|scope| {
            let others = self.threads.get().min(pictures).saturating_sub(1);
            // Where the system refuses a thread, those that are there do its share.
            let start = |_| thread::Builder::new().spawn_scoped(scope, || work(&mut || true)).ok();
            let running: Vec<_> = (0..others).map_while(start).collect();
            let own = work(goes_on);
            let theirs = running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            own.into_iter().chain(theirs).collect::<Vec<_>>()
        });
        all.sort_unstable_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, outcome)| outcome).collect()
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
