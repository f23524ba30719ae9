//! One CSV row a record, after a row of names.

use std::io::{Read, Write};
use std::str::FromStr;

use csv::StringRecord;

use super::json_lines::cannot_write;
use super::{RowSink, Rows, Sink, unreadable};
use crate::error::{Error, Result};
use crate::pipeline::Record;
use crate::pipeline::row::{Row, RowFailure, RowPicture, Text, exact_key, key_of};

/// The columns, always all of them; what a record lacks is empty.
const COLUMNS: [&str; 26] = [
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

    fn line<T: AsRef<[u8]>>(&mut self, line: impl IntoIterator<Item = T>) -> Result<()> {
        self.to.write_record(line).map_err(|error| cannot_write(error.into()))
    }

    fn name_columns(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.named, true) {
            self.line(COLUMNS)?;
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
        self.write_row(&record.into())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush().map_err(cannot_write)
    }

    fn finish(&mut self) -> Result<()> {
        self.name_columns()?;
        self.flush()
    }
}

impl<W: Write> RowSink for Csv<W> {
    fn write_row(&mut self, row: &Row) -> Result<()> {
        self.name_columns()?;
        self.line(line(row)?)
    }
}

fn line(row: &Row) -> Result<[String; COLUMNS.len()]> {
    let mut line = [const { String::new() }; COLUMNS.len()];
    line[0] = row.key.to_string_lossy().into_owned();
    line[1] = exact_key(&row.key).unwrap_or_default();
    match &row.outcome {
        Ok(picture) => {
            line[2] = "ok".to_string();
            fill(&mut line, picture)?;
        }
        Err(RowFailure { code, message }) => {
            line[2] = "error".to_string();
            line[3] = code.to_string();
            line[4].clone_from(message);
        }
    }
    line[22] = text(row.untold_source());
    if let Some(matches) = &row.matches {
        line[23] = serde_json::to_string(matches).map_err(|error| cannot_write(error.into()))?;
    }
    Ok(line)
}

fn fill(line: &mut [String; COLUMNS.len()], picture: &RowPicture) -> Result<()> {
    line[5] = text(picture.format.as_ref());
    line[6] = picture.width.to_string();
    line[7] = picture.height.to_string();
    line[8] = text(picture.bytes);
    line[9] = picture.detail.to_string();
    line[10] = text(picture.decoded);
    line[11] = picture.backend.to_string();
    line[12] = text(picture.fallback.as_ref());
    line[13] = text(picture.photodna);
    line[14] = text(picture.strength);
    line[15] = text(picture.pdq);
    line[16] = text(picture.quality);
    line[17] = text(picture.pdq_path.as_ref());
    line[18] = text(picture.pdq512);
    line[19] = text(picture.quality512);
    line[20] = text(picture.pdq512_path.as_ref());
    line[21] = picture.flags.join(" ");
    line[24] = text(picture.face.as_ref());
    if !picture.faces.is_empty() {
        line[25] = serde_json::to_string(&picture.faces).map_err(|error| cannot_write(error.into()))?;
    }
    Ok(())
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The rows of finished output; the first that is none ends them.
pub(super) fn read(from: impl Read + Send + 'static) -> Rows {
    let mut lines = csv::Reader::from_reader(from);
    let mut ended = false;
    Box::new(std::iter::from_fn(move || {
        let row = if ended { None } else { next(&mut lines).transpose() };
        ended = !matches!(row, Some(Ok(_)));
        row
    }))
}

fn next(lines: &mut csv::Reader<impl Read>) -> Result<Option<Row>> {
    let number = lines.position().line();
    let broken = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::io("cannot read the records", error),
        _ => unreadable(number, "the table cannot be read on"),
    };
    let names = lines.headers().map_err(broken)?;
    if names != COLUMNS.as_slice() && *names != COLUMNS[..OLDER] {
        return Err(unreadable(number, "the columns are not those of records"));
    }
    let mut line = StringRecord::new();
    if !lines.read_record(&mut line).map_err(broken)? {
        return Ok(None);
    }
    row(&line).map(Some).map_err(|message| unreadable(number, &message))
}

fn row(line: &StringRecord) -> Result<Row, String> {
    let exact = Some(&line[1]).filter(|exact| !exact.is_empty());
    let outcome = match &line[2] {
        "ok" => Ok(picture(line)?),
        "error" => Err(RowFailure { code: line[3].to_string().into(), message: line[4].to_string() }),
        _ => return Err("the status is neither ok nor error".to_string()),
    };
    let matches = (!line[23].is_empty()).then(|| serde_json::from_str(&line[23]));
    Ok(Row {
        key: key_of(line[0].to_string(), exact)?,
        source: parsed(line, 22)?,
        outcome,
        matches: matches.transpose().map_err(|_| "the matches cannot be read")?,
    })
}

fn picture(line: &StringRecord) -> Result<RowPicture, String> {
    let lacks = |index: usize| format!("{} is missing", COLUMNS[index]);
    let word = |index| parsed::<String>(line, index).map(|word| word.map(Text::from));
    Ok(RowPicture {
        format: word(5)?,
        width: parsed(line, 6)?.ok_or_else(|| lacks(6))?,
        height: parsed(line, 7)?.ok_or_else(|| lacks(7))?,
        bytes: parsed(line, 8)?,
        detail: word(9)?.ok_or_else(|| lacks(9))?,
        decoded: parsed(line, 10)?,
        backend: word(11)?.ok_or_else(|| lacks(11))?,
        fallback: parsed(line, 12)?,
        photodna: parsed(line, 13)?,
        strength: parsed(line, 14)?,
        pdq: parsed(line, 15)?,
        quality: parsed(line, 16)?,
        pdq_path: word(17)?,
        pdq512: parsed(line, 18)?,
        quality512: parsed(line, 19)?,
        pdq512_path: word(20)?,
        flags: line[21].split_whitespace().map(|flag| flag.to_string().into()).collect(),
        face: line.get(24).filter(|face| !face.is_empty()).map(|face| face.to_string().into()),
        faces: match line.get(25).filter(|faces| !faces.is_empty()) {
            Some(faces) => serde_json::from_str(faces).map_err(|_| "the faces cannot be read")?,
            None => Vec::new(),
        },
    })
}

fn parsed<T: FromStr>(line: &StringRecord, index: usize) -> Result<Option<T>, String> {
    let value = Some(&line[index]).filter(|value| !value.is_empty());
    // The value is not told: it may be a signature.
    value.map(|value| value.parse().map_err(|_| format!("{} cannot be read", COLUMNS[index]))).transpose()
}
