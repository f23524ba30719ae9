//! How many sources a run has taken, and what became of them.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::error::Error;

/// What is known of the sources; shared by all threads of a run.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Sources taken.
    pub(super) taken: AtomicU64,
    /// When the first one was.
    pub(super) first: OnceLock<Instant>,
    /// Of these, how many are being read, or wait for that or for the memory that it takes.
    pub(super) reading: AtomicU64,
    /// Of these, how many no record comes of, because a stop ended the wait for them.
    pub(super) given_up: AtomicU64,
    /// Set when the sources came to their end by themselves.
    pub(super) exhausted: AtomicBool,
    /// What ended them before, where it was no stop.
    pub(super) failure: Mutex<Option<Error>>,
}

impl Counts {
    /// What ended the sources before their end, if something did.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
