//! Files of records: their names, what is in them, and whether the ledger accounts for them.

use super::digest;
use super::ledger::{Entry, Ledger, State, Writer};
use super::location::Location;
use super::plan;
use crate::error::{Error, Result};
use crate::pipeline::{RecordFormat, StoredRecord};

/// The file of a shard's records.
pub(super) fn records_file(shard: u64, format: RecordFormat) -> String {
    format!("records/{}.{format}", plan::name(shard))
}

/// Writes the last line for a file that was announced and is there; whether there was an announcement of this very content.
pub(super) fn account_for(
    location: &dyn Location,
    ledger: &Ledger,
    writer: &Writer,
    shard: u64,
    file: &str,
) -> Result<bool> {
    let Some(content) = location.open(file)? else { return Ok(false) };
    let (sha256, length) = digest::of_file(&content, file)?;
    let same = |entry: &&Entry| entry.sha256 == sha256 && entry.length == length;
    let Some(announced) = ledger.announced(shard).iter().find(same) else { return Ok(false) };
    writer.append(&Entry { state: State::Done, ..announced.clone() })?;
    Ok(true)
}

/// Accounts for a shard's file that another worker made visible first.
pub(super) fn settle(location: &dyn Location, writer: &Writer, shard: u64, file: &str) -> Result<()> {
    let mut ledger = Ledger::default();
    ledger.refresh(location)?;
    if ledger.done(shard).is_some() || account_for(location, &ledger, writer, shard, file)? {
        return Ok(());
    }
    Err(Error::Input(format!(
        "{file} in {} appeared while it was being made, and no worker of this job announced it; move it away and start again",
        location.place()
    )))
}

/// Whether a record failed with one of these codes; any, where there are none.
pub(super) fn is_failed(row: &StoredRecord, codes: &[String]) -> bool {
    row.outcome
        .as_ref()
        .is_err_and(|failure| codes.is_empty() || codes.iter().any(|code| *code == failure.code))
}

/// The rows of a file of records.
pub(super) fn read(
    location: &dyn Location,
    file: &str,
    format: RecordFormat,
) -> Result<impl Iterator<Item = Result<StoredRecord>>> {
    let content = location.open(file)?.ok_or_else(|| {
        Error::Input(format!(
            "{file} is gone from {}; `shadegrid job verify` says what else is",
            location.place()
        ))
    })?;
    let named = file.to_string();
    let rows = format.records(content)?;
    Ok(rows.map(move |row| row.map_err(|error| Error::Input(format!("{named}: {error}")))))
}
