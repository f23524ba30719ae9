//! CSV with a row of names.

use std::io::{BufReader, Read};

use csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator};

use super::bounded::{Bounded, without_mark};
use super::fields::{Field, Fields};
use super::{Item, Take, damaged};
use crate::error::{Error, Result};

/// Whether the first line names a column that can hold signatures.
pub(super) fn has_header(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let names =
        |name: &str| matches!(Field::named(name), Some(Field::PhotoDna | Field::Pdq | Field::Signature));
    // A line of plain text may begin with an algorithm's name, but then a signature follows.
    let short = line.split([',', ';', '\t']).all(|name| name.trim().len() < 64);
    short && line.split([',', ';', '\t']).any(names)
}

/// The commonest delimiter of the first line.
fn delimiter(line: &[u8]) -> u8 {
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|&byte| (count(byte), byte == b',')).unwrap_or(b',')
}

/// Reads a table.
pub(super) fn read(reader: impl Read, take: Take<'_>) -> Result<()> {
    let cannot = |source| Error::io("cannot read the list", source);
    let (reader, allowance) = Bounded::new(reader);
    let mut reader = without_mark(BufReader::with_capacity(1 << 18, reader)).map_err(cannot)?;
    let delimiter = delimiter(std::io::BufRead::fill_buf(&mut reader).map_err(cannot)?);
    let mut rows = ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .terminator(Terminator::CRLF)
        .from_reader(reader);
    let columns: Vec<Option<Field>> = rows.headers().map_err(csv_error)?.iter().map(Field::named).collect();
    if !columns.iter().flatten().any(|f| matches!(f, Field::PhotoDna | Field::Pdq | Field::Signature)) {
        return Err(Error::Input(
            "no column of the table is called photodna, pdna, pdq or hash, so there are no signatures".into(),
        ));
    }
    let mut row = StringRecord::new();
    loop {
        allowance.renew();
        let position = rows.position().line();
        match rows.read_record(&mut row) {
            Ok(false) => return Ok(()),
            Ok(true) if row.len() > columns.len() => {
                let reason = format!("{} fields where the table has {} columns", row.len(), columns.len());
                take(Item::Bad { position, reason })?;
            }
            Ok(true) => {
                let mut fields = Fields::default();
                for (value, field) in row.iter().zip(&columns) {
                    if let Some(field) = field {
                        fields.set(*field, value);
                    }
                }
                take(fields.item(position))?;
            }
            Err(error) if matches!(error.kind(), ErrorKind::Utf8 { .. }) => {
                take(Item::Bad { position, reason: "the row is no UTF-8".into() })?;
            }
            Err(error) => return Err(csv_error(error)),
        }
    }
}

fn csv_error(error: csv::Error) -> Error {
    match error.into_kind() {
        ErrorKind::Io(source) => Error::io("cannot read the list", source),
        _ => damaged("the table cannot be read on"),
    }
}
