//! Files of records: their names, what is in them, and whether the ledger accounts for them.

use std::ffi::OsString;
use std::fs::File;
use std::io::Seek as _;

use super::digest;
use super::ledger::{Ledger, ShardEntry, State, Writer};
use super::location::Location;
use super::plan::{self, ShardKind};
use super::tally::errors;
use crate::error::{Error, Result};
use crate::pipeline::{Item, RecordFormat, StoredRecord};

/// The file of a shard's records.
pub(in crate::job) fn records_file(shard: u64, format: RecordFormat) -> String {
    format!("records/{}.{format}", plan::name(shard))
}

/// Writes the last line for a file that was announced and is there; whether there was an announcement of this very content.
pub(in crate::job) fn account_for(
    location: &dyn Location,
    ledger: &Ledger,
    writer: &Writer,
    shard: u64,
    file: &str,
) -> Result<bool> {
    let Some(content) = location.open(file)? else { return Ok(false) };
    let (sha256, length) = digest::of_file(&content, file)?;
    let same = |entry: &&ShardEntry| entry.sha256 == sha256 && entry.length == length;
    let Some(announced) = ledger.announced(shard).iter().find(same) else { return Ok(false) };
    writer.append(&ShardEntry { state: State::Done, ..announced.clone() })?;
    Ok(true)
}

/// Accounts for a shard's file that another worker made visible first.
pub(in crate::job) fn settle(location: &dyn Location, writer: &Writer, shard: u64, file: &str) -> Result<()> {
    let mut ledger = Ledger::default();
    ledger.refresh(location)?;
    if ledger.is_done(shard) || account_for(location, &ledger, writer, shard, file)? {
        return Ok(());
    }
    Err(Error::Input(format!(
        "{file} in {} appeared while it was being made, and no worker of this job announced it; move it away and start again",
        location.place()
    )))
}

/// Which records are hashed again.
#[derive(Debug, Clone)]
pub(in crate::job) struct Chosen {
    /// Those with these error codes, skipped ones too; where there are none, all that failed.
    pub(in crate::job) codes: Vec<String>,
    /// Whether what is no picture failed wherever it was found.
    pub(in crate::job) strict: bool,
}

impl Chosen {
    /// Whether a record with a known source is one of them.
    pub(in crate::job) fn has(&self, record: &StoredRecord) -> bool {
        record.error().is_some_and(|failure| match &self.codes[..] {
            [] => !self.skips(record),
            codes => codes.iter().any(|code| *code == failure.code),
        })
    }

    /// Whether a shard has any.
    pub(in crate::job) fn has_any(&self, entry: &ShardEntry) -> bool {
        match &self.codes[..] {
            [] => !entry.failed.is_empty(),
            codes => codes.iter().any(|code| errors(&entry.failed, entry.skipped).contains_key(code)),
        }
    }

    /// Whether a record with a known source counts as skipped.
    pub(in crate::job) fn skips(&self, record: &StoredRecord) -> bool {
        !self.strict && record.is_skipped()
    }
}

/// The argument that each record of a shard's file came from, which JSON lines and CSV leave out where the key begins with it.
#[derive(Debug, Clone)]
pub(in crate::job) struct Arguments {
    of: Vec<OsString>,
    /// Whether all came from the first.
    is_archive: bool,
}

impl Arguments {
    /// Those of a shard with these items.
    pub(in crate::job) fn of(items: &[Item], kind: ShardKind) -> Arguments {
        let is_archive = kind == ShardKind::Archive;
        let items = if is_archive { &items[..items.len().min(1)] } else { items };
        Arguments { of: items.iter().map(|item| item.source.clone()).collect(), is_archive }
    }

    /// Gives the record at `place` of the file its source, if it failed and has none: only then does it matter.
    pub(in crate::job) fn name(&self, place: usize, record: &mut StoredRecord) {
        if record.source.is_none() && record.outcome.is_err() {
            let argument = self.of.get(if self.is_archive { 0 } else { place });
            record.source = argument.map(|argument| argument.to_string_lossy().into_owned());
        }
    }
}

/// The records of a file of records.
pub(in crate::job) fn read(
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
    let records = format.records(content)?;
    Ok(records.map(move |record| record.map_err(|error| Error::Input(format!("{named}: {error}")))))
}

/// The same, each failed one with its source.
pub(in crate::job) fn read_named(
    location: &dyn Location,
    file: &str,
    format: RecordFormat,
    arguments: &Arguments,
) -> Result<impl Iterator<Item = Result<StoredRecord>>> {
    let named = |(place, record): (usize, Result<StoredRecord>)| {
        record.map(|mut record| {
            arguments.name(place, &mut record);
            record
        })
    };
    Ok(read(location, file, format)?.enumerate().map(named))
}

/// What stands in a shard's place.
pub(in crate::job) enum ShardFile {
    /// The file of this ledger line, at its beginning.
    Intact(File, Box<ShardEntry>),
    /// A file with another checksum or length.
    Mismatch,
    Missing,
    Unreadable(Error),
}

/// The file of a shard that is `done`; it is read to its end. Where it matches no line of the ledger, the ledger is read on.
pub(in crate::job) fn find(
    location: &dyn Location,
    ledger: &mut Ledger,
    done: &ShardEntry,
) -> Result<ShardFile> {
    match look(location, ledger, done) {
        ShardFile::Intact(content, entry) => Ok(ShardFile::Intact(content, entry)),
        ShardFile::Unreadable(error) => Ok(ShardFile::Unreadable(error)),
        ShardFile::Mismatch | ShardFile::Missing => {
            // A retry may have replaced the file since the ledger was read.
            ledger.refresh(location)?;
            let newest = ledger.entry(location, done.shard)?;
            Ok(look(location, ledger, newest.as_ref().unwrap_or(done)))
        }
    }
}

fn look(location: &dyn Location, ledger: &Ledger, done: &ShardEntry) -> ShardFile {
    let read = || {
        let Some(mut content) = location.open(&done.file)? else { return Ok(ShardFile::Missing) };
        let (sha256, length) = digest::of_file(&content, &done.file)?;
        content.rewind().map_err(|error| Error::io(format!("cannot read {}", done.file), error))?;
        // A retry may have replaced the file and not be done yet.
        let mut lines = std::iter::once(done).chain(ledger.announced(done.shard));
        let line = lines.find(|entry| entry.sha256 == sha256 && entry.length == length);
        Ok(line.map_or(ShardFile::Mismatch, |entry| ShardFile::Intact(content, Box::new(entry.clone()))))
    };
    read().unwrap_or_else(ShardFile::Unreadable)
}
