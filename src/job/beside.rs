//! Two waits at once: what does not need each other's answer is asked for at the same time.

use std::thread;

use crate::pipeline::Beside;

/// Does both at the same time, or one after the other where there is no thread for it.
pub(super) fn beside<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let one = Beside::begin(scope, one);
        let other = other();
        (one.join(), other)
    })
}

/// At most so many at once.
const MOST: usize = 16;

/// Does the same for each of `things`, many at the same time; what came of it, in their order.
pub(super) fn each<T: Send, R: Send>(
    things: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let (mut things, work) = (things.into_iter(), &work);
    let mut done = Vec::new();
    loop {
        let together: Vec<T> = things.by_ref().take(MOST).collect();
        if together.is_empty() {
            return done;
        }
        thread::scope(|scope| {
            let running: Vec<_> =
                together.into_iter().map(|thing| Beside::begin(scope, move || work(thing))).collect();
            done.extend(running.into_iter().map(Beside::join));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_each_is_in_order() {
        assert_eq!(beside(|| 1, || "b"), (1, "b"));
        assert_eq!(each(0..100, |n| n * n), (0..100).map(|n| n * n).collect::<Vec<_>>());
    }
}
