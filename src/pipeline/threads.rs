//! Threads that the system may refuse: then there is an error, or the caller does the work itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::error::{Error, Result};

/// Starts a thread.
///
/// # Errors
///
/// [`Error::Io`] where the system refuses it.
pub(crate) fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: impl Into<String>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name(name.into()).spawn_scoped(scope, work).map_err(refused)
}

/// That the system refused a thread.
pub(crate) fn refused(error: std::io::Error) -> Error {
    Error::io("cannot start a thread; ask for fewer threads, or raise the limit on processes", error)
}

/// Work that another thread does, or that is done already because there was no thread for it.
pub(crate) enum Concurrent<'scope, T> {
    Running(ScopedJoinHandle<'scope, T>),
    Done(T),
}

impl<'scope, T: Send + 'scope> Concurrent<'scope, T> {
    /// Begins the work on a thread of its own; does it here where there is none.
    pub(crate) fn begin<F>(scope: &'scope Scope<'scope, '_>, work: F) -> Concurrent<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
    {
        // A thread that is refused takes what it was to do with it.
        let work = Arc::new(Mutex::new(Some(work)));
        let take = |work: &Mutex<Option<F>>| work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let of_thread = work.clone();
        let taken = move || take(&of_thread).map(|work| work());
        match Builder::new().spawn_scoped(scope, move || taken().expect("nobody else takes it")) {
            Ok(running) => Concurrent::Running(running),
            Err(_) => Concurrent::Done(take(&work).expect("no thread has taken it")()),
        }
    }

    /// The result. A panic continues here.
    pub(crate) fn join(self) -> T {
        match self {
            Concurrent::Running(running) => {
                running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            Concurrent::Done(done) => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_with_a_thread_or_without() {
        let name = || std::thread::current().id();
        std::thread::scope(|scope| {
            let work = Concurrent::begin(scope, name);
            assert!(matches!(work, Concurrent::Running(_)));
            assert_ne!(work.join(), name());
        });
        assert_eq!(Concurrent::Done(3).join(), 3);
    }
}
