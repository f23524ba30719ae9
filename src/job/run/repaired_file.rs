//! The repair of a shard's file: what was read again goes into it, and nothing that was hashed is lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::io::Seek as _;

use super::repair::{Anew, Repair};
use super::shard_writer::{Open, ShardContext};
use crate::error::{Error, Result};
use crate::job::state::records::{read, read_named};
use crate::pipeline::{RecordError, StoredRecord};

impl ShardContext {
    /// What becomes of a shard's file after `new` was read; `None` where it stays as it is.
    pub(in crate::job) fn repaired(&self, repair: &Repair, new: Open) -> Result<Option<Open>> {
        match repair.anew {
            Anew::Failed => return self.with_new(repair, &new),
            Anew::Archive if self.lacks(repair, &new)? => {
                let errors = self.errors(&new)?;
                self.each_chosen(repair, |old| repair.count_kept(old, &errors))?;
            }
            Anew::Lost if self.is_less(repair, &new)? => {}
            Anew::Archive | Anew::Lost => {
                repair.retried().add(&new.tally);
                return Ok(Some(new));
            }
        }
        repair.retried().kept += 1;
        Ok(None)
    }

    /// Whether a record that was hashed is not in `new`.
    fn lacks(&self, repair: &Repair, new: &Open) -> Result<bool> {
        let mut hashed = HashSet::new();
        for record in read(&*self.location, &repair.before.file, self.format)? {
            let record = record?;
            if record.outcome.is_ok() {
                hashed.insert(record.key);
            }
        }
        for record in self.records(new)? {
            let record = record?;
            if record.outcome.is_ok() {
                hashed.remove(&record.key);
            }
        }
        Ok(!hashed.is_empty())
    }

    /// Whether there is a changed file that may still hold more than `new`.
    fn is_less(&self, repair: &Repair, new: &Open) -> Result<bool> {
        let fewer = new.tally.hashed() < repair.before.hashed();
        Ok(fewer && self.location.exists(&repair.before.file)?)
    }

    /// The file with the chosen records replaced by those in `new`, as far as they are there; `None` where none is.
    fn with_new(&self, repair: &Repair, new: &Open) -> Result<Option<Open>> {
        let errors = self.errors(new)?;
        let mut by_key: HashMap<OsString, VecDeque<StoredRecord>> = HashMap::new();
        for record in self.records(new)? {
            let record = record?;
            by_key.entry(record.key.clone()).or_default().push_back(record);
        }
        let (mut repaired, mut replaced) = (Open { spent: new.spent, ..Open::new(self)? }, false);
        for record in read_named(&*self.location, &repair.before.file, self.format, &repair.arguments)? {
            let old = record?;
            if !repair.chosen.has(&old) {
                repaired.write(&old)?;
                continue;
            }
            let Some(new) = by_key.get_mut(&old.key).and_then(VecDeque::pop_front) else {
                repair.count_kept(&old, &errors);
                repaired.write(&old)?;
                continue;
            };
            replaced = true;
            let new = StoredRecord { source: old.source, ..new };
            repair.count(&new);
            repaired.write(&new)?;
        }
        repaired.sink.finish()?;
        Ok(replaced.then_some(repaired))
    }

    fn each_chosen(&self, repair: &Repair, each: impl Fn(&StoredRecord)) -> Result<()> {
        for record in read_named(&*self.location, &repair.before.file, self.format, &repair.arguments)? {
            let record = record?;
            if repair.chosen.has(&record) {
                each(&record);
            }
        }
        Ok(())
    }

    /// Why there are no signatures in `new`, by key.
    fn errors(&self, new: &Open) -> Result<HashMap<OsString, RecordError>> {
        let failed = |record: StoredRecord| record.outcome.err().map(|failure| (record.key, failure));
        self.records(new)?.filter_map(|record| record.map(failed).transpose()).collect()
    }

    /// The records of a file that is complete and has no name yet.
    fn records(&self, of: &Open) -> Result<impl Iterator<Item = Result<StoredRecord>>> {
        let mut file = of.draft.as_file();
        let again = file.rewind().and_then(|()| file.try_clone());
        self.format.records(again.map_err(|error| Error::io("cannot read the records", error))?)
    }
}
