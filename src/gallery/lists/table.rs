//! CSV with a row of names, which may stand behind comments, a title or a line `sep=;`. The position is the row's line.
//!
//! Tables that were put one behind the other have further rows of names; each holds for the rows behind it. Where a table has no names, a
//! signature is what has its form.

use std::io::Read;
use std::sync::Arc;

use super::fields::Fields;
use super::keeping::Keeping;
use super::lines::End;
use super::names::Field;
use super::opened::Opened;
use super::rows::{Row, Rows, delimiter_of, separator_line};
use super::{Give, Item, damaged, unreadable, value};
use crate::error::Result;

/// Lines among which the row of names is looked for.
const FIRST_LINES: usize = 32;

/// Whether one of the first lines names a column that can hold signatures, and no signature stands before it.
pub(super) fn has_header(start: &[u8]) -> bool {
    let lines = start.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.filter(|line| !line.is_empty()).take(FIRST_LINES);
    let mut delimiter = None;
    for line in lines {
        delimiter = separator_line(line).or(delimiter);
        if Header::of_line(line, delimiter).is_some() {
            return true;
        }
        if holds_signature(line, delimiter_of(line)) {
            return false;
        }
    }
    false
}

/// Whether a field of a line is a signature by its form.
fn holds_signature(line: &[u8], delimiter: u8) -> bool {
    let bare = |field: &[u8]| {
        let field = field.trim_ascii();
        let field = field.strip_prefix(b"\"").unwrap_or(field);
        value::is_certain(field.strip_suffix(b"\"").unwrap_or(field))
    };
    line.split(|&byte| byte == delimiter).any(bare)
}

/// What the columns of a table hold.
#[derive(Default)]
struct Header {
    /// Empty where the table has no names.
    columns: Vec<Option<Field>>,
    names: Vec<String>,
    /// What columns are kept as, if they are; empty where none is.
    kept: Vec<Option<Arc<str>>>,
    delimiter: u8,
}

impl Header {
    /// The names in a line, which may be a comment, where one of them is that of a column for signatures.
    fn of_line(line: &[u8], delimiter: Option<u8>) -> Option<Header> {
        let (line, fewest) = line.strip_prefix(b"#").map_or((line, 1), |line| (line, 2));
        let delimiter = delimiter.unwrap_or_else(|| delimiter_of(line));
        let mut row = Row::default();
        row.split(line, delimiter);
        Header::of_row(&row, delimiter).filter(|header| header.columns.len() >= fewest)
    }

    /// Where no name is that of a column for signatures, two that mean something else are enough.
    fn of_row(row: &Row, delimiter: u8) -> Option<Header> {
        let names: Vec<String> =
            row.iter().map(|name| String::from_utf8_lossy(name).trim().to_string()).collect();
        let columns: Vec<Option<Field>> = names.iter().map(|name| Field::named(name)).collect();
        // A line of plain text may begin with an algorithm's name, but then a signature follows.
        let short = names.iter().all(|name| name.len() < 64);
        let holds = columns.iter().flatten().any(|field| field.holds_signatures());
        (short && (holds || columns.iter().flatten().count() > 1)).then_some(Header {
            columns,
            names,
            kept: Vec::new(),
            delimiter,
        })
    }

    /// Looks for the names among the first lines, and skips what stands before them. Where there are none, the first line
    /// is the first row.
    fn find(rows: &mut Rows<impl Read>) -> Result<Header> {
        let mut delimiter = None;
        for number in 0..FIRST_LINES {
            let Some(line) = rows.ahead(number).map_err(unreadable)? else { break };
            delimiter = separator_line(&line.bytes).or(delimiter);
            if let Some(header) = Header::of_line(&line.bytes, delimiter) {
                (0..=number).try_for_each(|_| rows.skip_line()).map_err(unreadable)?;
                return Ok(header);
            }
        }
        let first = rows.ahead(0).map_err(unreadable)?.map(|line| delimiter_of(&line.bytes));
        Ok(Header { delimiter: delimiter.or(first).unwrap_or(b','), ..Header::default() })
    }

    /// The same, keeping further columns.
    fn keeping(self, keeping: &Keeping) -> Header {
        let kept = || self.names.iter().map(|name| keeping.kept(name)).collect();
        Header { kept: if keeping.is_nothing() { Vec::new() } else { kept() }, ..self }
    }

    /// Takes the values of a row.
    fn take(&self, row: &Row, fields: &mut Fields) {
        fields.clear();
        for (value, field) in row.iter().zip(&self.columns) {
            match (field, str::from_utf8(value)) {
                (Some(field), Ok(value)) => fields.set(*field, value),
                (Some(_), Err(_)) => fields.fault("a field is no UTF-8".into()),
                // A name in another language, say.
                (None, Ok(value)) if self.last_signature().is_none() && value::photodna(value).is_some() => {
                    fields.set(Field::PhotoDna, value);
                }
                (None, _) => {}
            }
        }
        for (value, name) in row.iter().zip(&self.kept) {
            match (name, str::from_utf8(value)) {
                (Some(name), Ok(value)) => fields.further.keep(name, value),
                (Some(_), Err(_)) => {
                    fields.further.fault("a further column is no UTF-8 and is not kept".into());
                }
                (None, _) => {}
            }
        }
        fields.place();
        let further = row.iter().skip(self.columns.len());
        if further.filter(|value| !value.trim_ascii().is_empty()).count() == 0 {
            return;
        }
        if fields.is_odd() {
            fields.clear();
            by_form(row, None, fields);
        }
        if !self.columns.is_empty() {
            fields.fault(format!("{} fields where the table has {} columns", row.len(), self.columns.len()));
        }
    }

    /// Whether the last row of a list looks cut off: it does not reach the last column of signatures, or ends in it and is odd, or
    /// empty where the row before was not.
    fn is_cut(&self, row: &Row, odd: bool, before: bool) -> bool {
        let Some(last) = self.last_signature().filter(|_| row.end == End::Last) else { return false };
        row.len() <= last || row.len() == last + 1 && (odd || before && !self.is_full(row))
    }

    /// Whether a row has something in the last column of signatures.
    fn is_full(&self, row: &Row) -> bool {
        self.last_signature()
            .and_then(|last| row.get(last))
            .is_some_and(|value| !value.trim_ascii().is_empty())
    }

    /// The last column for signatures.
    fn last_signature(&self) -> Option<usize> {
        self.columns.iter().rposition(|field| field.is_some_and(Field::holds_signatures))
    }
}

/// Takes from a row what is a signature by its form, of one kind where that is given, the first other field as key and the next as
/// label. Whether there is a signature.
pub(super) fn by_form(row: &Row, wanted: Option<Field>, fields: &mut Fields) -> bool {
    let mut others = [Field::Key(0), Field::Label(0)].into_iter();
    let mut found = false;
    for value in row.iter() {
        let Ok(value) = str::from_utf8(value) else { continue };
        let field = match (value::photodna(value), value::pdq(value)) {
            (Some(_), _) => Some(Field::PhotoDna),
            (None, Some(_)) => Some(Field::Pdq),
            (None, None) => None,
        };
        let field = field.filter(|field| wanted.is_none_or(|wanted| wanted == *field));
        found |= field.is_some();
        if let Some(field) = field.or_else(|| others.next()) {
            fields.set(field, value);
        }
    }
    found
}

/// Reads a table, and gives the names of its columns.
pub(super) fn read(list: Opened<'_>, keeping: &Keeping, give: Give<'_>) -> Result<Vec<String>> {
    let mut rows = Rows::new(list, holds_signature);
    let mut header = Header::find(&mut rows)?.keeping(keeping);
    (rows.delimiter, rows.columns) = (header.delimiter, header.columns.len());
    let (mut row, mut fields, mut full) = (Row::default(), Fields::default(), false);
    while rows.next(&mut row).map_err(unreadable)? {
        let position = row.line;
        if row.end == End::TooLong {
            give(Item::Bad { position, reason: "the row is longer than 16 MiB".into() })?;
            continue;
        }
        header.take(&row, &mut fields);
        if fields.is_odd() {
            if row.get(0).is_some_and(|first| first.starts_with(b"#")) && row.len() < header.columns.len() {
                continue;
            }
            if let Some(next) = Header::of_row(&row, header.delimiter) {
                rows.columns = next.columns.len();
                header = next.keeping(keeping);
                continue;
            }
        }
        let odd = fields.is_odd();
        fields.tell(position, give)?;
        let before = std::mem::replace(&mut full, header.is_full(&row));
        if header.is_cut(&row, odd, before) {
            return Err(damaged(format!("it ends in the middle of the row at line {position}")));
        }
    }
    Ok(header.names)
}
