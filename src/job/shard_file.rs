//! A shard's file, held against what the ledger tells of it.

use std::fs::File;
use std::io::Seek as _;

use super::digest;
use super::ledger::{Entry, Ledger};
use super::location::Location;
use crate::error::{Error, Result};

/// What stands in a shard's place.
pub(super) enum Found {
    /// The file that this line tells of, at its beginning.
    Told(File, Box<Entry>),
    /// Another file.
    Other,
    Gone,
    Unreadable(Error),
}

/// The file of a shard that is done; it is read to its end. The ledger is read on where it does not tell of the file.
pub(super) fn find(location: &dyn Location, ledger: &mut Ledger, shard: u64) -> Result<Found> {
    match look(location, ledger, shard) {
        Found::Told(content, entry) => Ok(Found::Told(content, entry)),
        Found::Unreadable(error) => Ok(Found::Unreadable(error)),
        Found::Other | Found::Gone => {
            // A retry may have replaced the file since the ledger was read.
            ledger.refresh(location)?;
            Ok(look(location, ledger, shard))
        }
    }
}

fn look(location: &dyn Location, ledger: &Ledger, shard: u64) -> Found {
    let Some(done) = ledger.done(shard) else { return Found::Gone };
    let read = || {
        let Some(mut content) = location.open(&done.file)? else { return Ok(Found::Gone) };
        let (sha256, length) = digest::of_file(&content, &done.file)?;
        content.rewind().map_err(|error| Error::io(format!("cannot read {}", done.file), error))?;
        // A retry may have replaced the file and not be done yet.
        let mut lines = std::iter::once(done).chain(ledger.announced(shard));
        let told = lines.find(|entry| entry.sha256 == sha256 && entry.length == length);
        Ok(told.map_or(Found::Other, |entry| Found::Told(content, Box::new(entry.clone()))))
    };
    read().unwrap_or_else(Found::Unreadable)
}
