//! Where records go, and how they are read again: one file per format.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::pipeline::{Record, StoredRecord};

mod csv;
mod description;
mod json_lines;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "sink/parquet_absent.rs"]
mod parquet;

pub use csv::Csv;
pub use description::describe;
pub use json_lines::{DeprecatedNames, JsonLines};
#[cfg(feature = "parquet")]
pub use parquet::Parquet;

/// Takes the records of a run, in order.
///
/// Every method's errors end the run.
pub trait Sink {
    /// Takes one record.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn write(&mut self, record: &Record) -> Result<()>;

    /// The same, for whoever keeps records.
    ///
    /// # Errors
    ///
    /// Those of [`write`](Sink::write).
    fn take(&mut self, record: Record) -> Result<()> {
        self.write(&record)
    }

    /// Called with a [fence](crate::pipeline::Source::fence)'s number once the records of all sources before it were taken; does nothing by default.
    ///
    /// # Errors
    ///
    /// If what the fence ends cannot be written.
    fn fence(&mut self, _tag: u64) -> Result<()> {
        Ok(())
    }

    /// Passes on what was written so far; called whenever the run is about to wait for the next record.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Called once, after the last record.
    ///
    /// # Errors
    ///
    /// If the rest cannot be written.
    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

/// A sink that writes records as they are stored, too: the same bytes for a record and for its stored form.
pub trait StoredSink: Sink {
    /// Takes one record.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    fn write_stored(&mut self, record: &StoredRecord) -> Result<()>;
}

/// Records one after another. The first that cannot be read is the last.
pub type StoredRecords = Box<dyn Iterator<Item = Result<StoredRecord>> + Send>;

/// How records are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordFormat {
    /// One JSON object per line.
    JsonLines,
    /// Comma-separated values with a row of names.
    Csv,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl RecordFormat {
    /// Every format.
    pub const ALL: [RecordFormat; 3] = [RecordFormat::JsonLines, RecordFormat::Csv, RecordFormat::Parquet];

    /// The name on the command line, which is the usual ending of such files: `jsonl`, `csv` or `parquet`.
    pub fn name(self) -> &'static str {
        match self {
            RecordFormat::JsonLines => "jsonl",
            RecordFormat::Csv => "csv",
            RecordFormat::Parquet => "parquet",
        }
    }

    /// A sink of this format; `about` goes into a Parquet file's metadata, see [`describe`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the start of a Parquet file cannot be written, [`Error::Unsupported`] if this build has no Parquet.
    pub fn sink<'a>(
        self,
        to: impl Write + Send + 'a,
        about: &[(String, String)],
    ) -> Result<Box<dyn StoredSink + Send + 'a>> {
        Ok(match self {
            RecordFormat::JsonLines => Box::new(JsonLines::new(to)),
            RecordFormat::Csv => Box::new(Csv::new(to)),
            RecordFormat::Parquet => parquet::sink(to, about)?,
        })
    }

    /// The records of a file in this format.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be opened, [`Error::Corrupt`] if it is not a Parquet file, [`Error::Unsupported`] if this build has no Parquet.
    pub fn read(self, path: &Path) -> Result<StoredRecords> {
        let cannot = |error| Error::io(format!("cannot read the records in {}", path.display()), error);
        self.records(File::open(path).map_err(cannot)?)
    }

    /// The records of an open file in this format.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is not a Parquet file, [`Error::Unsupported`] if this build has no Parquet.
    pub fn records(self, file: File) -> Result<StoredRecords> {
        Ok(match self {
            RecordFormat::JsonLines => json_lines::read(BufReader::new(file)),
            RecordFormat::Csv => csv::read(file),
            RecordFormat::Parquet => parquet::read(file)?,
        })
    }
}

impl fmt::Display for RecordFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for RecordFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<RecordFormat> {
        let found = RecordFormat::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| {
            Error::Input(format!("unknown format of records {text:?}: the choice is jsonl, csv or parquet"))
        })
    }
}

/// An error about a record of finished output; `number` is its line, or its place from 1.
fn unreadable(number: u64, message: &str) -> Error {
    Error::corrupt("records", format!("at {number}: {message}"))
}
