//! All records of a finished job in one file.

use std::fs::File;

use super::ledger::Ledger;
use super::location::Location;
use super::plan::Plan;
use super::records::records_file;
use super::settings::Settings;
use super::shard_file::{self, Found};
use crate::error::{Error, Result};
use crate::pipeline::{RecordFormat, describe};

/// Writes all records of the job in `location` into `to`, in the order of the plan, in `format` or that of the job; how many there are. They are on
/// the disk then.
///
/// # Errors
///
/// [`Error::Input`] where the job is not finished, or a file is not what the ledger tells of; [`Error::Io`]. What is in `to` is then to be
/// thrown away.
pub fn merge(location: &dyn Location, to: File, format: Option<RecordFormat>) -> Result<u64> {
    let settings = Settings::read(location)?;
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    ledger.refresh(location)?;
    plan.refresh(location)?;
    let shards = plan.shards().len() as u64;
    let done = (0..shards).filter(|shard| ledger.done(*shard).is_some()).count() as u64;
    if !plan.is_complete() || done < shards {
        let message =
            format!("the job in {} is not finished: {done} of {shards} shards are done", location.place());
        return Err(Error::Input(message));
    }
    let own = settings.format()?;
    let cannot = |error| Error::io("cannot write the records", error);
    let written = to.try_clone().map_err(cannot)?;
    let mut sink = format.unwrap_or(own).sink(to, &describe(&settings.hash()?))?;
    let mut records = 0;
    for shard in 0..shards {
        let file = records_file(shard, own);
        for row in own.records(content(location, &mut ledger, shard, &file)?)? {
            sink.write_stored(&row.map_err(|error| Error::Input(format!("{file}: {error}")))?)?;
            records += 1;
        }
    }
    sink.finish()?;
    // Whoever gives the file its name next must not be left with a name alone after a power cut.
    written.sync_all().map_err(cannot)?;
    Ok(records)
}

/// A shard's file, which is what the ledger tells of.
fn content(location: &dyn Location, ledger: &mut Ledger, shard: u64, file: &str) -> Result<File> {
    let what = match shard_file::find(location, ledger, shard)? {
        Found::Told(content, _) => return Ok(content),
        Found::Unreadable(error) => return Err(error),
        Found::Gone => "is gone",
        Found::Other => "is not the file that the ledger tells of",
    };
    let message =
        format!("{file} {what}; `shadegrid job verify` says what else is wrong, and how to mend it");
    Err(Error::Input(message))
}
