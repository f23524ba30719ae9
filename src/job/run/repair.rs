//! How a shard's file is repaired.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::retried::Retried;
use crate::job::state::ledger::ShardEntry;
use crate::limits::Limits;
use crate::pipeline::StoredRecord;

/// How a file is repaired.
#[derive(Debug, Clone)]
pub(in crate::job) struct Repair {
    /// What the ledger says of it so far.
    pub(in crate::job) before: ShardEntry,
    pub(in crate::job) anew: Anew,
    pub(in crate::job) codes: Vec<String>,
    /// The archive whose members the records are, if they are.
    pub(in crate::job) archive: Option<OsString>,
    /// Other limits than the settings' under which some of its records are made then.
    pub(in crate::job) other_limits: Vec<Limits>,
    /// What the retry has come to.
    pub(in crate::job) retried: Arc<Mutex<Retried>>,
}

/// What of a file is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) enum Anew {
    /// The failed records with the retry's error codes.
    Failed,
    /// All, because its archive could not be read to the end.
    Archive,
    /// All, because it is gone or changed.
    Lost,
}

impl Repair {
    pub(in crate::job) fn retried(&self) -> MutexGuard<'_, Retried> {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the failed record `old` as failed again: with its own code, that of its archive, or as before where nothing was read of it.
    pub(in crate::job) fn failed_again(&self, old: &StoredRecord, codes: &HashMap<OsString, String>) {
        let archive = || self.archive.as_ref().and_then(|archive| codes.get(archive));
        let code = codes.get(&old.key).or_else(archive).cloned();
        let before =
            || old.outcome.as_ref().err().map_or_else(String::new, |failure| failure.code.to_string());
        self.retried().add(1, &BTreeMap::from([(code.unwrap_or_else(before), 1)]));
    }
}
