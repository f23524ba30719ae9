//! How the records of a job are written.

use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::pipeline::{Csv, JsonLines, Sink};

/// A format of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a row of names.
    Csv,
}

impl RecordFormat {
    /// The end of file names.
    pub fn extension(self) -> &'static str {
        match self {
            RecordFormat::Jsonl => "jsonl",
            RecordFormat::Csv => "csv",
        }
    }

    /// A sink into `file`.
    pub(super) fn sink(self, file: File) -> Result<Box<dyn Sink + Send>> {
        Ok(match self {
            RecordFormat::Jsonl => Box::new(JsonLines::new(file)),
            RecordFormat::Csv => Box::new(Csv::new(file)),
        })
    }
}
