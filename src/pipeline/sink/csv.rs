//! One CSV row a record, after a row of names.

use std::io::Write;

use super::Sink;
use super::json_lines::{cannot_write, exact_key};
use crate::error::Result;
use crate::hasher::{Hashed, PdqHash};
use crate::pipeline::Record;

/// The columns, always all of them; what a record lacks is empty.
const COLUMNS: [&str; 22] = [
    "path",
    "path_base64",
    "status",
    "code",
    "message",
    "format",
    "width",
    "height",
    "bytes",
    "detail",
    "decoded",
    "backend",
    "fallback",
    "photodna",
    "strength",
    "pdq",
    "quality",
    "pdq_path",
    "pdq512",
    "quality512",
    "pdq512_path",
    "flags",
];

/// Writes comma-separated values (RFC 4180, lines ended by a newline), a row of names first; the columns are those of the
/// JSON lines, with a blank between several flags.
pub struct Csv<W: Write> {
    to: csv::Writer<W>,
    named: bool,
}

impl<W: Write> Csv<W> {
    /// Writes to `to`, which needs no buffer.
    pub fn new(to: W) -> Csv<W> {
        Csv { to: csv::Writer::from_writer(to), named: false }
    }

    /// What it writes to. Complete after [`Sink::finish`].
    ///
    /// # Panics
    ///
    /// Where that was not called, and what is left cannot be written.
    pub fn into_inner(self) -> W {
        self.to.into_inner().map_err(|error| error.to_string()).expect("what is left is written")
    }

    fn row<T: AsRef<[u8]>>(&mut self, row: impl IntoIterator<Item = T>) -> Result<()> {
        self.to.write_record(row).map_err(|error| cannot_write(error.into()))
    }

    fn name_columns(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.named, true) {
            self.row(COLUMNS)?;
        }
        Ok(())
    }
}

impl<W: Write> std::fmt::Debug for Csv<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Csv").finish_non_exhaustive()
    }
}

impl<W: Write> Sink for Csv<W> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.name_columns()?;
        self.row(row(record))
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }

    fn finish(&mut self) -> Result<()> {
        self.name_columns()?;
        self.flush()
    }
}

fn row(record: &Record) -> [String; COLUMNS.len()] {
    let mut row = [const { String::new() }; COLUMNS.len()];
    row[0] = record.key.to_string_lossy().into_owned();
    row[1] = exact_key(record).unwrap_or_default();
    match &record.outcome {
        Ok(hashed) => {
            row[2] = "ok".to_string();
            row[8] = text(record.bytes);
            fill(&mut row, hashed);
        }
        Err(error) => {
            row[2] = "error".to_string();
            row[3] = error.code().to_string();
            row[4] = error.to_string();
        }
    }
    row
}

fn fill(row: &mut [String; COLUMNS.len()], hashed: &Hashed) {
    row[5] = text(hashed.format);
    row[6] = hashed.width.to_string();
    row[7] = hashed.height.to_string();
    row[9] = hashed.detail.to_string();
    row[10] = text(hashed.whole);
    row[11] = hashed.backend.name().to_string();
    row[12] = text(hashed.fallback.as_deref());
    row[13] = text(hashed.photodna.map(|hash| hash.signature));
    row[14] = text(hashed.photodna.map(|hash| hash.strength));
    fill_pdq(&mut row[15..18], hashed.pdq.as_ref());
    fill_pdq(&mut row[18..21], hashed.pdq512.as_ref());
    row[21] = hashed.flags().map(crate::Flag::name).collect::<Vec<_>>().join(" ");
}

fn fill_pdq(row: &mut [String], hash: Option<&PdqHash>) {
    if let Some(hash) = hash {
        row[0] = hash.signature.to_string();
        row[1] = hash.quality.to_string();
        row[2] = hash.path.name().to_string();
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
