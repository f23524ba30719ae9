//! Several things at once: an object store answers after tens of milliseconds, so what does not need another's answer is asked for at the same time.
//!
//! Threads make it quick, and none is needed for it: where the system gives no thread, whoever asked does everything itself.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use super::threads::{Concurrent, start};

/// Does both at the same time, or one after the other where there is no thread for it.
pub(crate) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let one = Concurrent::begin(scope, one);
        let other = other();
        (one.join(), other)
    })
}

/// A thread's result; its panic continues here.
pub(crate) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// At most so many at once.
const MOST: usize = 16;

/// Does the same for each of `things`, many at the same time, and gives the results in their order.
pub(crate) fn each<T: Send, R: Send>(
    things: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let things: Vec<T> = things.into_iter().collect();
    let helpers = things.len().min(MOST).saturating_sub(1);
    let things = Mutex::new(things.into_iter().enumerate());
    let next = || things.lock().unwrap_or_else(PoisonError::into_inner).next();
    let some = || std::iter::from_fn(next).map(|(at, thing)| (at, work(thing))).collect::<Vec<_>>();
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> =
            (0..helpers).map_while(|_| start(scope, "shadegrid-concurrent", some).ok()).collect();
        let own = some();
        helpers.into_iter().flat_map(joined).chain(own).collect::<Vec<_>>()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, done)| done).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_each_is_in_order() {
        assert_eq!(both(|| 1, || "b"), (1, "b"));
        assert_eq!(each(0..100, |n| n * n), (0..100).map(|n| n * n).collect::<Vec<_>>());
        assert_eq!(each([7], |n| n + 1), [8]);
        assert_eq!(each([0; 0], |n| n), [0; 0]);
    }
}
