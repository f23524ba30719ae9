//! Bytes read ahead of the run, within a bound of their own.
//!
//! Whoever reads ahead takes bytes first. The item that is due next gets its bytes even if the bound is reached, as long as it
//! holds nothing yet: the run waits for it, and everything else waits for the run.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
#[cfg(feature = "store")]
use std::task::{Context, Poll};

/// Bytes that may be held ahead of the run.
#[derive(Debug)]
pub(super) struct Semaphore {
    total: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    /// Number of the item that the run takes next, and what it holds.
    due: u64,
    due_taken: u64,
    closed: bool,
    /// Tasks that wait, by the numbers of their items.
    asking: BTreeMap<u64, Waker>,
    /// Empty buffers that were given back.
    idle: Vec<Vec<u8>>,
    peak: u64,
}

impl State {
    fn must_wait(&self, total: u64, item: u64, bytes: u64) -> bool {
        let next = item == self.due && self.due_taken == 0;
        !self.closed && !next && self.taken.saturating_add(bytes) > total
    }

    /// Wakes the task whose item comes first: once that has its bytes, it wakes the next one.
    fn wake(&mut self) {
        if let Some((_, task)) = self.asking.pop_first() {
            task.wake();
        }
    }
}

/// Empty buffers that are kept for what is read next, and their share of its bytes, which counts on top of them.
const IDLE: usize = 16;
const IDLE_PART: u64 = 8;

/// Bytes taken for something read ahead, given back on drop.
#[derive(Debug)]
pub(in crate::pipeline) struct Permit {
    semaphore: Arc<Semaphore>,
    item: u64,
    bytes: u64,
}

impl Semaphore {
    pub(super) fn new(total: u64) -> Arc<Semaphore> {
        Arc::new(Semaphore { total, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Takes `bytes` for the item of this number, waiting for them; `None` when nobody wants it any more.
    pub(super) fn take(self: &Arc<Semaphore>, item: u64, bytes: u64) -> Option<Permit> {
        let must_wait = |state: &mut State| state.must_wait(self.total, item, bytes);
        let state = self.changed.wait_while(self.lock(), must_wait).unwrap_or_else(PoisonError::into_inner);
        self.grant(state, item, bytes)
    }

    /// The same for a task, which is woken when it may retry.
    #[cfg(feature = "store")]
    pub(super) fn poll_take(
        self: &Arc<Semaphore>,
        item: u64,
        bytes: u64,
        context: &Context<'_>,
    ) -> Poll<Option<Permit>> {
        let mut state = self.lock();
        if state.must_wait(self.total, item, bytes) {
            state.asking.insert(item, context.waker().clone());
            return Poll::Pending;
        }
        // One task at a time is woken, and wakes the next once it has its bytes: so they go in the order of the items.
        state.wake();
        Poll::Ready(self.grant(state, item, bytes))
    }

    fn grant(
        self: &Arc<Semaphore>,
        mut state: MutexGuard<'_, State>,
        item: u64,
        bytes: u64,
    ) -> Option<Permit> {
        if state.closed {
            return None;
        }
        state.taken += bytes;
        state.peak = state.peak.max(state.taken);
        if item == state.due {
            state.due_taken += bytes;
        }
        Some(Permit { semaphore: self.clone(), item, bytes })
    }

    /// An empty buffer for so many bytes, a used one where there is one.
    #[cfg(feature = "store")]
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let idle = self.lock().idle.pop();
        idle.filter(|idle| idle.capacity() >= length).unwrap_or_else(|| Vec::with_capacity(length))
    }

    /// The run takes the next item from now on. Bytes that this item holds already count as none: it may take one permit more.
    pub(super) fn turn(&self) {
        let mut state = self.lock();
        state.due += 1;
        state.due_taken = 0;
        self.changed.notify_all();
        state.wake();
    }

    /// Nobody wants anything any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        state.wake();
    }

    /// The most that was ever taken at once.
    #[cfg(test)]
    pub(super) fn peak(&self) -> u64 {
        self.lock().peak
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Gives the bytes back, and an empty buffer in place of the one that they were taken for.
    pub(in crate::pipeline) fn give_back(self, buffer: Vec<u8>) {
        let mut state = self.semaphore.lock();
        let bytes: usize = state.idle.iter().map(Vec::capacity).sum();
        let fits = (bytes + buffer.capacity()) as u64 <= self.semaphore.total / IDLE_PART;
        if fits && state.idle.len() < IDLE && buffer.capacity() > 0 {
            state.idle.push(buffer);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.semaphore.lock();
        state.taken -= self.bytes;
        if self.item == state.due {
            state.due_taken = state.due_taken.saturating_sub(self.bytes);
        }
        self.semaphore.changed.notify_all();
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_bound_holds_but_for_what_is_due() {
        let semaphore = Semaphore::new(100);
        let (first, second) = (semaphore.take(0, 80), semaphore.take(1, 20));
        let late = thread::spawn({
            let semaphore = semaphore.clone();
            move || semaphore.take(2, 50).map(|permit| permit.bytes)
        });
        thread::sleep(Duration::from_millis(30));
        assert!(!late.is_finished(), "50 more than 100 were let through");
        semaphore.turn();
        drop(first);
        assert_eq!(late.join().unwrap(), Some(50));
        drop(second);
        semaphore.turn();
        let due = semaphore.take(2, 1_000);
        assert_eq!(due.as_ref().map(|permit| permit.bytes), Some(1_000), "what is due waited for itself");
        assert_eq!(semaphore.peak(), 1_000);
        drop(due);
        let waiting = thread::spawn({
            let semaphore = semaphore.clone();
            move || {
                let held = semaphore.take(2, 100);
                (held.is_some(), semaphore.take(5, 1).is_some())
            }
        });
        thread::sleep(Duration::from_millis(30));
        semaphore.close();
        assert_eq!(waiting.join().unwrap(), (true, false));
    }

    /// A task that counts how often it was woken.
    #[cfg(feature = "store")]
    #[derive(Default)]
    struct Task(std::sync::atomic::AtomicUsize);

    #[cfg(feature = "store")]
    impl std::task::Wake for Task {
        fn wake(self: Arc<Task>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[cfg(feature = "store")]
    #[test]
    fn buffers_are_used_again_within_a_bound() {
        let semaphore = Semaphore::new(8_000);
        let give = |capacity| semaphore.take(0, 1).unwrap().give_back(Vec::with_capacity(capacity));
        [600, 0, 500, 400].into_iter().for_each(give);
        assert_eq!(semaphore.lock().idle.iter().map(Vec::capacity).collect::<Vec<_>>(), [600, 400]);
        assert_eq!([500, 500, 500].map(|length| semaphore.buffer(length).capacity()), [500, 600, 500]);
        (0..100).for_each(|_| give(1));
        let state = semaphore.lock();
        assert_eq!((state.idle.len(), state.taken), (IDLE, 0));
    }

    #[cfg(feature = "store")]
    #[test]
    fn tasks_are_woken_in_the_order_of_their_items() {
        let semaphore = Semaphore::new(100);
        let tasks: [Arc<Task>; 4] = Default::default();
        let poll = |item: usize, bytes| {
            let waker = tasks[item].clone().into();
            semaphore.poll_take(item as u64, bytes, &Context::from_waker(&waker))
        };
        let woken = || tasks.each_ref().map(|task| task.0.load(std::sync::atomic::Ordering::Relaxed));
        let Poll::Ready(Some(all)) = poll(0, 100) else { panic!("nothing was taken") };
        assert!([3, 1, 2].into_iter().all(|item| poll(item, 50).is_pending()));
        assert_eq!(woken(), [0; 4]);
        drop(all);
        assert_eq!(woken(), [0, 1, 0, 0]);
        let Poll::Ready(Some(_first)) = poll(1, 50) else { panic!("bytes were there") };
        assert_eq!(woken(), [0, 1, 1, 0], "whoever is served wakes the next one");
        let Poll::Ready(Some(_second)) = poll(2, 50) else { panic!("bytes were there") };
        assert!(poll(3, 50).is_pending());
        (0..3).for_each(|_| semaphore.turn());
        assert!(matches!(poll(3, 50), Poll::Ready(Some(_))), "what is due waits");
    }
}
