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

/// Does work that is in no hurry on a thread of its own, which takes what others leave of the CPUs where the system lets it, and waits for it. A panic
/// continues here.
#[cfg(feature = "service")]
pub(crate) fn unhurried<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let caller = std::thread::current().id();
    let work = move || {
        // Where the thread was refused, the caller's keeps its priority.
        if std::thread::current().id() != caller {
            lower_priority();
        }
        work()
    };
    std::thread::scope(|scope| Concurrent::begin(scope, work).join())
}

/// How much less this thread gets than others, in steps of the system: a tenth of what each other one gets that wants a CPU too, and all that they leave.
#[cfg(all(feature = "service", target_os = "linux"))]
const LESS: i32 = 10;

/// Lets other threads go before this one. Linux has a priority for each thread; elsewhere it is the process's, and stays.
#[cfg(feature = "service")]
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // Where it is refused, the work is done all the same.
    let _ = rustix::process::nice(LESS);
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
    #[cfg(all(feature = "service", target_os = "linux"))]
    #[test]
    fn what_is_in_no_hurry_leaves_the_cpus_to_others() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let own = priority();
        assert_eq!(unhurried(priority), (own + LESS).min(19));
        assert_eq!(priority(), own);
    }
}
