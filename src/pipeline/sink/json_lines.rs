//! One JSON object a line.

use std::borrow::Cow;
use std::io::{BufRead, BufWriter, Read as _, Write};

use serde::{Deserialize, Serialize};

use super::{RowSink, Rows, Sink, unreadable};
use crate::error::{Error, Result};
use crate::pipeline::Record;
use crate::pipeline::row::{Row, RowFailure, RowMatch, RowPicture, exact_key, key_of};

/// Writes one JSON object a line.
///
/// A path that is not UTF-8 is written twice: as `path` with U+FFFD for what cannot be read, and as `path_base64`,
/// its exact bytes in base64 (on Windows: its WTF-8). `source` is there where the path does not begin with it, `matches`
/// where the record was looked up.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    to: BufWriter<W>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `to`, which needs no buffer.
    pub fn new(to: W) -> JsonLines<W> {
        JsonLines { to: BufWriter::new(to) }
    }

    /// What it writes to. Complete after [`Sink::finish`].
    pub fn into_inner(self) -> W {
        self.to.into_parts().0
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.write_row(&record.into())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }
}

impl<W: Write> RowSink for JsonLines<W> {
    fn write_row(&mut self, row: &Row) -> Result<()> {
        let line = Line {
            path: row.key.to_string_lossy(),
            path_base64: exact_key(&row.key).map(Cow::Owned),
            source: row.untold_source().map(Cow::Borrowed),
            outcome: match &row.outcome {
                Ok(picture) => Outcome::Ok(Cow::Borrowed(picture)),
                Err(failure) => Outcome::Error(Cow::Borrowed(failure)),
            },
            matches: row.matches.as_deref().map(Cow::Borrowed),
        };
        serde_json::to_writer(&mut self.to, &line).map_err(|error| cannot_write(error.into()))?;
        self.to.write_all(b"\n").map_err(cannot_write)
    }
}

pub(super) fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the records", source)
}

/// The shape of a line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_base64: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, str>>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matches: Option<Cow<'a, [RowMatch]>>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and written by reference")]
enum Outcome<'a> {
    Ok(Cow<'a, RowPicture>),
    Error(Cow<'a, RowFailure>),
}

/// Longest line that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// The rows of finished output; the first line that is none ends them.
pub(super) fn read(mut from: impl BufRead + Send + 'static) -> Rows {
    let mut number = 0u64;
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let mut line = Vec::new();
        number += 1;
        let read = (!ended).then(|| from.by_ref().take(LONGEST).read_until(b'\n', &mut line));
        let row = match read? {
            Ok(0) => return None,
            Ok(_) if line.last() != Some(&b'\n') => Err(unreadable(number, "the line breaks off")),
            Ok(_) => row(&line).map_err(|message| unreadable(number, &message)),
            Err(error) => Err(Error::io("cannot read the records", error)),
        };
        ended = row.is_err();
        Some(row)
    }))
}

fn row(line: &[u8]) -> Result<Row, String> {
    // The parser's words could quote a signature.
    let line: Line<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("the line is no record, from column {}", error.column()))?;
    Ok(Row {
        key: key_of(line.path.into_owned(), line.path_base64.as_deref())?,
        source: line.source.map(Cow::into_owned),
        outcome: match line.outcome {
            Outcome::Ok(picture) => Ok(picture.into_owned()),
            Outcome::Error(failure) => Err(failure.into_owned()),
        },
        matches: line.matches.map(Cow::into_owned),
    })
}
