//! One JSON object per line.

use std::borrow::Cow;
use std::io::{BufRead, BufWriter, Read as _, Write};

use serde::{Deserialize, Serialize};

use super::{Sink, StoredRecords, StoredSink, unreadable};
use crate::error::{Error, Result};
use crate::pipeline::Record;
use crate::pipeline::stored::{
    RecordError, RecordMatch, RecordPicture, StoredRecord, key_bytes, key_of, key_text,
};

/// Writes one JSON object per line.
///
/// A key that is not UTF-8 is written twice: as `key` with U+FFFD for what cannot be read, and as `key_bytes`,
/// its exact bytes in base64 (on Windows: its WTF-8). `source` is written if the key does not begin with it, `matches`
/// if the record was looked up. The [`DeprecatedNames`] come last.
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
        self.write_stored(&record.into())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }
}

impl<W: Write> StoredSink for JsonLines<W> {
    fn write_stored(&mut self, record: &StoredRecord) -> Result<()> {
        serde_json::to_writer(&mut self.to, &Line::of(record)).map_err(|error| cannot_write(error.into()))?;
        self.to.write_all(b"\n").map_err(cannot_write)
    }
}

pub(super) fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the records", source)
}

/// What 0.1.0 called some members of a record. They stand at the end of every object that this version writes, with the same values, and
/// are no longer written from 0.3 on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeprecatedNames<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Cow<'a, str>>,
}

impl<'a> DeprecatedNames<'a> {
    /// Those of a record that has no key.
    pub fn of_error(code: &'a str, message: &'a str) -> DeprecatedNames<'a> {
        DeprecatedNames {
            code: Some(code.into()),
            message: Some(message.into()),
            ..DeprecatedNames::default()
        }
    }

    /// Those of what a line says by the current names.
    fn of(key: &Cow<'a, str>, key_bytes: Option<&Cow<'a, str>>, error: Option<&'a RecordError>) -> Self {
        let names =
            error.map(|error| DeprecatedNames::of_error(&error.code, &error.message)).unwrap_or_default();
        DeprecatedNames { path: Some(key.clone()), path_base64: key_bytes.cloned(), ..names }
    }
}

/// The shape of a line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_bytes: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Cow<'a, str>>,
    #[serde(flatten)]
    outcome: Outcome<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matches: Option<Cow<'a, [RecordMatch]>>,
    #[serde(flatten)]
    deprecated: DeprecatedNames<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and written by reference")]
enum Outcome<'a> {
    Ok(Cow<'a, RecordPicture>),
    Error {
        #[serde(default)]
        error_code: Option<Cow<'a, str>>,
        #[serde(default)]
        error_message: Option<Cow<'a, str>>,
    },
}

impl<'a> Line<'a> {
    fn of(record: &'a StoredRecord) -> Line<'a> {
        let key = record.key.to_string_lossy();
        let key_bytes = key_bytes(&record.key).map(|bytes| Cow::Owned(key_text(bytes)));
        Line {
            deprecated: DeprecatedNames::of(&key, key_bytes.as_ref(), record.error()),
            key: Some(key),
            key_bytes,
            source: record.unrepeated_source().map(Cow::Borrowed),
            outcome: match &record.outcome {
                Ok(picture) => Outcome::Ok(Cow::Borrowed(picture)),
                Err(RecordError { code, message }) => Outcome::Error {
                    error_code: Some(Cow::Borrowed(code)),
                    error_message: Some(Cow::Borrowed(message)),
                },
            },
            matches: record.matches.as_deref().map(Cow::Borrowed),
        }
    }

    /// The record, by the current names or, where these are missing, by those of 0.1.0.
    fn record(self) -> Result<StoredRecord, String> {
        let Line { key, key_bytes, source, outcome, matches, deprecated } = self;
        let key = key.or(deprecated.path).ok_or("the key is missing")?;
        Ok(StoredRecord {
            key: key_of(key.into_owned(), key_bytes.or(deprecated.path_base64).as_deref())?,
            source: source.map(Cow::into_owned),
            outcome: match outcome {
                Outcome::Ok(picture) => Ok(picture.into_owned()),
                Outcome::Error { error_code, error_message } => Err(RecordError {
                    code: error_code.or(deprecated.code).ok_or("the error has no code")?.into_owned().into(),
                    message: error_message.or(deprecated.message).unwrap_or_default().into_owned(),
                }),
            },
            matches: matches.map(Cow::into_owned),
        })
    }
}

/// Longest line that is read, in bytes.
const LONGEST: u64 = 64 << 20;

/// The records of finished output; the first line that is none ends them.
pub(super) fn read(mut from: impl BufRead + Send + 'static) -> StoredRecords {
    let mut number = 0u64;
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let mut line = Vec::new();
        number += 1;
        let read = (!ended).then(|| from.by_ref().take(LONGEST).read_until(b'\n', &mut line));
        let record = match read? {
            Ok(0) => return None,
            Ok(_) if line.last() != Some(&b'\n') => Err(unreadable(number, "the line breaks off")),
            Ok(_) => record(&line).map_err(|message| unreadable(number, &message)),
            Err(error) => Err(Error::io("cannot read the records", error)),
        };
        ended = record.is_err();
        Some(record)
    }))
}

fn record(line: &[u8]) -> Result<StoredRecord, String> {
    // The parser's words could quote a signature.
    let line: Line<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("the line is no record, from column {}", error.column()))?;
    line.record()
}
