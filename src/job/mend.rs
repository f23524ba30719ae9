//! The mending of a shard's file: what was read again goes into it, and nothing that was hashed is lost.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::io::Seek as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::hand::{Desk, Open, is_failed, read};
use super::ledger::Entry;
use super::retry::Retried;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::pipeline::Row;

/// How a file is mended.
#[derive(Debug, Clone)]
pub(super) struct Mend {
    /// What the ledger tells of it so far.
    pub(super) before: Entry,
    pub(super) anew: Anew,
    pub(super) codes: Vec<String>,
    /// The archive whose members the records are, if they are.
    pub(super) archive: Option<OsString>,
    /// Other limits than the settings' under which some of its records are made then.
    pub(super) other_limits: Vec<Limits>,
    /// What the retry has come to.
    pub(super) retried: Arc<Mutex<Retried>>,
}

/// What of a file is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anew {
    /// The failed records with the retry's error codes.
    Failed,
    /// All, because its archive could not be read to the end.
    Archive,
    /// All, because it is gone or changed.
    Lost,
}

impl Mend {
    fn retried(&self) -> MutexGuard<'_, Retried> {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells that the failed record `old` failed again: with its own code, that of its archive, or as before where nothing was read of it.
    fn failed_again(&self, old: &Row, codes: &HashMap<OsString, String>) {
        let archive = || self.archive.as_ref().and_then(|archive| codes.get(archive));
        let code = codes.get(&old.key).or_else(archive).cloned();
        let before =
            || old.outcome.as_ref().err().map_or_else(String::new, |failure| failure.code.to_string());
        self.retried().add(1, &BTreeMap::from([(code.unwrap_or_else(before), 1)]));
    }
}

fn hashed(records: u64, failed: &BTreeMap<String, u64>) -> u64 {
    records.saturating_sub(failed.values().sum())
}

impl Desk {
    /// What becomes of a shard's file after `new` was read; `None` where it stays as it is.
    pub(super) fn mended(&self, mend: &Mend, new: Open) -> Result<Option<Open>> {
        match mend.anew {
            Anew::Failed => return self.with_new(mend, &new),
            Anew::Archive if self.lacks(mend, &new)? => {
                let codes = self.codes(&new)?;
                self.each_failed(mend, |old| mend.failed_again(old, &codes))?;
            }
            Anew::Lost if self.is_less(mend, &new)? => {}
            Anew::Archive | Anew::Lost => {
                mend.retried().add(new.tally.records, &new.tally.failed);
                return Ok(Some(new));
            }
        }
        mend.retried().kept += 1;
        Ok(None)
    }

    /// Whether a record that was hashed is not in `new`.
    fn lacks(&self, mend: &Mend, new: &Open) -> Result<bool> {
        let mut hashed = HashSet::new();
        for row in read(&*self.location, &mend.before.file, self.format)? {
            let row = row?;
            if row.outcome.is_ok() {
                hashed.insert(row.key);
            }
        }
        for row in self.rows(new)? {
            let row = row?;
            if row.outcome.is_ok() {
                hashed.remove(&row.key);
            }
        }
        Ok(!hashed.is_empty())
    }

    /// Whether there is a changed file that may still hold more than `new`.
    fn is_less(&self, mend: &Mend, new: &Open) -> Result<bool> {
        let before = hashed(mend.before.records, &mend.before.failed);
        let fewer = hashed(new.tally.records, &new.tally.failed) < before;
        Ok(fewer && self.location.exists(&mend.before.file)?)
    }

    /// The file with its failed records replaced by those in `new`, as far as they are there; `None` where none is.
    fn with_new(&self, mend: &Mend, new: &Open) -> Result<Option<Open>> {
        let codes = self.codes(new)?;
        let mut by_key: HashMap<OsString, VecDeque<Row>> = HashMap::new();
        for row in self.rows(new)? {
            let row = row?;
            by_key.entry(row.key.clone()).or_default().push_back(row);
        }
        let (mut mended, mut replaced) = (Open { spent: new.spent, ..Open::new(self)? }, false);
        for row in read(&*self.location, &mend.before.file, self.format)? {
            let old = row?;
            if !is_failed(&old, &mend.codes) {
                mended.write(&old)?;
                continue;
            }
            let new = by_key.get_mut(&old.key).and_then(VecDeque::pop_front);
            replaced |= new.is_some();
            match &new {
                Some(Row { outcome: Ok(_), .. }) => mend.retried().add(1, &BTreeMap::new()),
                _ => mend.failed_again(&old, &codes),
            }
            mended.write(&new.unwrap_or(old))?;
        }
        mended.sink.finish()?;
        Ok(replaced.then_some(mended))
    }

    fn each_failed(&self, mend: &Mend, tell: impl Fn(&Row)) -> Result<()> {
        for row in read(&*self.location, &mend.before.file, self.format)? {
            let row = row?;
            if is_failed(&row, &mend.codes) {
                tell(&row);
            }
        }
        Ok(())
    }

    /// The error codes of what failed in `new`, by key.
    fn codes(&self, new: &Open) -> Result<HashMap<OsString, String>> {
        let failed = |row: Row| row.outcome.err().map(|failure| (row.key, failure.code.to_string()));
        self.rows(new)?.filter_map(|row| row.map(failed).transpose()).collect()
    }

    /// The rows of a file that is complete and has no name yet.
    fn rows(&self, of: &Open) -> Result<impl Iterator<Item = Result<Row>>> {
        let mut file = of.draft.as_file();
        let again = file.rewind().and_then(|()| file.try_clone());
        self.format.rows(again.map_err(|error| Error::io("cannot read the records", error))?)
    }
}
