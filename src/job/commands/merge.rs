//! All records of a finished job in one file.

use std::fs::File;

use crate::error::{Error, Result};
use crate::job::state::ledger::{Ledger, ShardEntry};
use crate::job::state::location::Location;
use crate::job::state::plan::Plan;
use crate::job::state::records::{self, ShardFile, records_file};
use crate::job::state::settings::Settings;
use crate::pipeline::{RecordFormat, describe};

/// Writes all records of the job in `location` into `to`, in the order of the plan, in `format` or that of the job; how many there are. They are on
/// the disk then.
///
/// # Errors
///
/// [`Error::Input`] where the job is not finished, or a file is not the one in the ledger; [`Error::Io`]. What is in `to` is then to be
/// thrown away.
pub fn merge(location: &dyn Location, to: File, format: Option<RecordFormat>) -> Result<u64> {
    let settings = Settings::read(location)?;
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    ledger.refresh(location)?;
    plan.refresh(location)?;
    let shards = plan.shards().len() as u64;
    let done = (0..shards).filter(|shard| ledger.is_done(*shard)).count() as u64;
    if !plan.is_complete() || done < shards {
        let message =
            format!("the job in {} is not finished: {done} of {shards} shards are done", location.place());
        return Err(Error::Input(message));
    }
    let own = settings.format()?;
    let cannot = |error| Error::io("cannot write the records", error);
    let written = to.try_clone().map_err(cannot)?;
    let mut sink = format.unwrap_or(own).sink(to, &describe(&settings.hash()?))?;
    let (mut records, mut next) = (0, 0);
    while next < shards {
        let some = ledger.some(location, next)?;
        for done in some.iter().filter(|done| done.shard < shards) {
            let file = records_file(done.shard, own);
            for record in own.records(content(location, &mut ledger, done, &file)?)? {
                sink.write_stored(&record.map_err(|error| Error::Input(format!("{file}: {error}")))?)?;
                records += 1;
            }
        }
        next = some.last().map_or(shards, |done| done.shard + 1);
    }
    sink.finish()?;
    // Whoever gives the file its name next must not be left with a name alone after a power cut.
    written.sync_all().map_err(cannot)?;
    Ok(records)
}

/// A shard's file, which is the one in the ledger.
fn content(location: &dyn Location, ledger: &mut Ledger, done: &ShardEntry, file: &str) -> Result<File> {
    let what = match records::find(location, ledger, done)? {
        ShardFile::Intact(content, _) => return Ok(content),
        ShardFile::Unreadable(error) => return Err(error),
        ShardFile::Missing => "is gone",
        ShardFile::Mismatch => "is not the file in the ledger",
    };
    let message =
        format!("{file} {what}; `shadegrid job verify` says what else is wrong, and how to repair it");
    Err(Error::Input(message))
}
