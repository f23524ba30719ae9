//! One CSV row per record, after a row of names.

use std::io::{Read, Write};
use std::str::FromStr;

use csv::StringRecord;

use super::json_lines::cannot_write;
use super::{Sink, StoredRecords, StoredSink, unreadable};
use crate::error::{Error, Result};
use crate::pipeline::Record;
use crate::pipeline::columns::{COLUMNS, Column, Value, current_name};
use crate::pipeline::stored::{RecordError, RecordPicture, StoredRecord, Text, key_of, key_text};

/// The order of the columns, always all of them; what a record lacks is empty. It is that of 0.1.0, since tables are also read by
/// position: new columns go to the end.
const ORDER: [&str; COLUMNS.len()] = [
    "key",
    "key_bytes",
    "status",
    "error_code",
    "error_message",
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
    "source",
    "matches",
    "face",
    "faces",
];

/// Columns of records that were written before there were faces.
const OLDER: usize = 24;

/// Writes comma-separated values (RFC 4180, lines ended by a newline), a row of names first; the columns are those of the
/// JSON lines, with a blank between several flags, and the matches and faces as JSON.
pub struct Csv<W: Write> {
    to: csv::Writer<W>,
    columns: Vec<&'static Column<StoredRecord>>,
    named: bool,
}

impl<W: Write> Csv<W> {
    /// Writes to `to`, which needs no buffer.
    pub fn new(to: W) -> Csv<W> {
        let column = |name| COLUMNS.iter().find(|column| column.name == name);
        let columns = ORDER.into_iter().filter_map(column).collect();
        Csv { to: csv::Writer::from_writer(to), columns, named: false }
    }

    /// What it writes to. Complete after [`Sink::finish`].
    ///
    /// # Panics
    ///
    /// If that was not called and the rest cannot be written.
    pub fn into_inner(self) -> W {
        self.to.into_inner().map_err(|error| error.to_string()).expect("what is left is written")
    }

    fn line<T: AsRef<[u8]>>(&mut self, line: impl IntoIterator<Item = T>) -> Result<()> {
        self.to.write_record(line).map_err(|error| cannot_write(error.into()))
    }

    fn name_columns(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.named, true) {
            self.line(ORDER)?;
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
        self.write_stored(&record.into())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }

    fn finish(&mut self) -> Result<()> {
        self.name_columns()?;
        self.flush()
    }
}

impl<W: Write> StoredSink for Csv<W> {
    fn write_stored(&mut self, record: &StoredRecord) -> Result<()> {
        self.name_columns()?;
        let cell = |column: &&Column<StoredRecord>| match column.name {
            // As in JSON lines.
            "source" => Ok(record.unrepeated_source().unwrap_or_default().to_string()),
            _ => column.value(record).map_or_else(|| Ok(String::new()), text),
        };
        let line: Vec<String> = self.columns.iter().map(cell).collect::<Result<_>>()?;
        self.line(line)
    }
}

fn text(value: Value<'_>) -> Result<String> {
    let json = match value {
        Value::Text(text) => return Ok(text.into_owned()),
        Value::Bytes(bytes) => return Ok(key_text(bytes)),
        Value::PhotoDna(signature) => return Ok(signature.to_string()),
        Value::Pdq(signature) => return Ok(signature.to_string()),
        Value::Integer(number) => return Ok(number.to_string()),
        Value::Float32(number) => return Ok(number.to_string()),
        Value::Float64(number) => return Ok(number.to_string()),
        Value::Texts(texts) => return Ok(texts.join(" ")),
        Value::Matches(matches) => serde_json::to_string(matches),
        Value::Faces(faces) => serde_json::to_string(faces),
    };
    json.map_err(|error| cannot_write(error.into()))
}

/// The records of finished output; the first that is none ends them.
pub(super) fn read(from: impl Read + Send + 'static) -> StoredRecords {
    let mut lines = csv::Reader::from_reader(from);
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let record = if ended { None } else { next(&mut lines).transpose() };
        ended = !matches!(record, Some(Ok(_)));
        record
    }))
}

fn next(lines: &mut csv::Reader<impl Read>) -> Result<Option<StoredRecord>> {
    let number = lines.position().line();
    let broken = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::io("cannot read the records", error),
        _ => unreadable(number, "the table cannot be read on"),
    };
    let names = lines.headers().map_err(broken)?;
    let of = |columns: &[&str]| names.iter().map(current_name).eq(columns.iter().copied());
    if !of(&ORDER) && !of(&ORDER[..OLDER]) {
        return Err(unreadable(number, "the columns are not those of records"));
    }
    let mut line = StringRecord::new();
    if !lines.read_record(&mut line).map_err(broken)? {
        return Ok(None);
    }
    Cells(&line).record().map(Some).map_err(|message| unreadable(number, &message))
}

/// The cells of one record.
struct Cells<'a>(&'a StringRecord);

impl Cells<'_> {
    /// A cell with something in it.
    fn get(&self, name: &str) -> Option<&str> {
        let index = ORDER.iter().position(|column| *column == name)?;
        self.0.get(index).filter(|cell| !cell.is_empty())
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        // The value is left out of the message: it may be a signature.
        self.get(name).map(|cell| cell.parse().map_err(|_| format!("{name} cannot be read"))).transpose()
    }

    fn needed<T: FromStr>(&self, name: &str) -> Result<T, String> {
        self.parsed(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn word(&self, name: &str) -> Option<Text> {
        self.get(name).map(|word| word.to_string().into())
    }

    fn json<T: for<'de> serde::Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, String> {
        let read = |json| serde_json::from_str(json).map_err(|_| format!("the {name} cannot be read"));
        self.get(name).map(read).transpose()
    }

    fn record(&self) -> Result<StoredRecord, String> {
        let text = |name| self.get(name).unwrap_or_default().to_string();
        Ok(StoredRecord {
            key: key_of(text("key"), self.get("key_bytes"))?,
            source: self.parsed("source")?,
            outcome: match self.get("status") {
                Some("ok") => Ok(self.picture()?),
                Some("error") => {
                    Err(RecordError { code: text("error_code").into(), message: text("error_message") })
                }
                _ => return Err("the status is neither ok nor error".to_string()),
            },
            matches: self.json("matches")?,
        })
    }

    fn picture(&self) -> Result<RecordPicture, String> {
        let flags = self.get("flags").unwrap_or_default().split_whitespace();
        Ok(RecordPicture {
            format: self.word("format"),
            width: self.needed("width")?,
            height: self.needed("height")?,
            bytes: self.parsed("bytes")?,
            detail: self.needed::<String>("detail")?.into(),
            decoded: self.parsed("decoded")?,
            backend: self.needed::<String>("backend")?.into(),
            fallback: self.parsed("fallback")?,
            photodna: self.parsed("photodna")?,
            strength: self.parsed("strength")?,
            pdq: self.parsed("pdq")?,
            quality: self.parsed("quality")?,
            pdq_path: self.word("pdq_path"),
            pdq512: self.parsed("pdq512")?,
            quality512: self.parsed("quality512")?,
            pdq512_path: self.word("pdq512_path"),
            flags: flags.map(|flag| flag.to_string().into()).collect(),
            face: self.word("face"),
            faces: self.json("faces")?.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_its_place() {
        let mut names = COLUMNS.each_ref().map(|column| column.name);
        let mut order = ORDER;
        names.sort_unstable();
        order.sort_unstable();
        assert_eq!(names, order);
    }
}
