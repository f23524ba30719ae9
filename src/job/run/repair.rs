//! How a shard's file is repaired.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::retried::Retried;
use crate::job::state::ledger::ShardEntry;
use crate::job::state::records::{Arguments, Chosen};
use crate::limits::Limits;
use crate::pipeline::{RecordError, StoredRecord};

/// How a file is repaired.
#[derive(Debug, Clone)]
pub(in crate::job) struct Repair {
    /// What the ledger says of it so far.
    pub(in crate::job) before: ShardEntry,
    pub(in crate::job) anew: Anew,
    pub(in crate::job) chosen: Chosen,
    /// Where its records came from.
    pub(in crate::job) arguments: Arguments,
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
    /// The records that the retry chose.
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

    /// Counts a record that was read again, or that stays because nothing was.
    pub(in crate::job) fn count(&self, new: &StoredRecord) {
        let mut retried = self.retried();
        match &new.outcome {
            Err(failure) if !self.chosen.skips(new) => retried.add_failed(failure.code.to_string()),
            outcome => {
                retried.records += 1;
                retried.skipped += u64::from(outcome.is_err());
            }
        }
    }

    /// Counts the record `old`, which stays: with its own error of now, that of its archive, or as before where nothing was read of it.
    pub(in crate::job) fn count_kept(&self, old: &StoredRecord, errors: &HashMap<OsString, RecordError>) {
        let archive = || self.archive.as_ref().and_then(|archive| errors.get(archive));
        match errors.get(&old.key).or_else(archive) {
            Some(error) => self.count(&StoredRecord { outcome: Err(error.clone()), ..old.clone() }),
            None => self.count(old),
        }
    }
}
