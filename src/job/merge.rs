//! All records of a finished job in one file.

use std::fs::File;

use super::hand::read;
use super::ledger::Ledger;
use super::location::Location;
use super::plan::Plan;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::pipeline::{RecordFormat, describe};

/// Writes all records of the job in `location` into `to`, in the order of the plan, in `format` or that of the job; how many there are.
///
/// # Errors
///
/// [`Error::Input`] where the job is not finished or a file cannot be read; [`Error::Io`].
pub fn merge(location: &dyn Location, to: File, format: Option<RecordFormat>) -> Result<u64> {
    let settings = Settings::read(location)?;
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    ledger.refresh(location)?;
    plan.refresh(location)?;
    let (done, shards) = (ledger.all_done(), plan.shards().len());
    if !plan.is_complete() || done.len() < shards {
        let message = format!(
            "the job in {} is not finished: {} of {shards} shards are done",
            location.place(),
            done.len()
        );
        return Err(Error::Input(message));
    }
    let own = settings.format()?;
    let mut sink = format.unwrap_or(own).sink(to, &describe(&settings.hash()?))?;
    let mut records = 0;
    for entry in done.values() {
        for row in read(location, &entry.file, own)? {
            sink.write_row(&row?)?;
            records += 1;
        }
    }
    sink.finish()?;
    Ok(records)
}
