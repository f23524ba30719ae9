//! What must not outlive a fork.

use std::mem;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::Python;

/// A value that every process makes for itself: in a child, locks and buffers are as they were at the fork, taken for ever by threads that are not
/// there.
#[derive(Debug, Default)]
pub(crate) struct PerProcess<T>(Mutex<Option<(u32, Arc<T>)>>);

impl<T> PerProcess<T> {
    pub(crate) fn new() -> PerProcess<T> {
        PerProcess(Mutex::new(None))
    }

    /// This process's value. Only who holds the GIL, as who forks does, takes the lock of this one, and never waits meanwhile: so at a fork it is free.
    pub(crate) fn get(&self, _py: Python<'_>, make: impl FnOnce() -> T) -> Arc<T> {
        let own = process::id();
        let mut value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*value {
            Some((of, value)) if *of == own => value.clone(),
            _ => {
                let made = Arc::new(make());
                // The parent's may be half changed: it is left as it is.
                mem::forget(value.replace((own, made.clone())));
                made
            }
        }
    }
}
