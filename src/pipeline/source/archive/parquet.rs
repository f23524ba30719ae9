//! Parquet files: rows with a picture in a column, or with paths of pictures.

use std::ffi::OsString;

use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::{Archive, RandomAccess, Step, Stopped};
use crate::decode::{Format, no_pictures};
use crate::error::{Error, Result};
use crate::parquet::{self as columns, Rows, Value, Wanted};

mod choose;
mod chunks;

use choose::bytes_inside;
use chunks::Chunks;

/// Names of columns that name the pictures of their rows.
const KEYS: [&str; 7] = ["key", "__key__", "id", "path", "url", "filename", "file_name"];

/// What a Parquet file holds for us, by its column.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pipeline::source) enum Holds {
    Pictures(String),
    /// The binary column that might have been meant, and holds no pictures.
    Names {
        column: String,
        binary: Option<String>,
    },
}

/// The reader of a file anywhere.
pub(in crate::pipeline::source) type Reader = columns::Reader<Chunks>;

/// A file's reader, and what it holds: the column of this name, or one by its name and content.
///
/// # Errors
///
/// [`Error::Corrupt`] where it is no Parquet file, [`Error::Input`] where it has no such column, [`Error::Io`] where it cannot be read.
pub(in crate::pipeline::source) fn holds(
    file: Box<dyn RandomAccess>,
    column: Option<&str>,
) -> Result<(Reader, Holds)> {
    let reader = columns::open(Chunks::new(file)?)?;
    let holds = choose::choose(&reader, column)?;
    Ok((reader, holds))
}

/// The names in a column of a file; a row that names nothing ends nothing.
pub(in crate::pipeline::source) fn names(
    reader: Reader,
    column: &str,
) -> Result<impl Iterator<Item = Result<OsString>> + Send + 'static> {
    let rows = reader.rows(|field| (field.name() == column).then(|| field.clone()))?;
    let mut ended = false;
    Ok((0u64..).zip(rows).map_while(move |(number, row)| {
        if ended {
            return None;
        }
        ended = row.is_err();
        Some(match row {
            Ok(row) => {
                let name = row.get_column_iter().next().and_then(|(_, value)| text(value));
                name.map(OsString::from)
                    .ok_or_else(|| Error::Input(format!("row {number} of the list names nothing")))
            }
            Err(Error::Corrupt { message, .. }) => {
                Err(Error::corrupt("list", format!("row {number} cannot be read: {message}")))
            }
            Err(error) => Err(error),
        })
    }))
}

/// Pictures up to this length are wanted of a dictionary, in bytes.
fn wanted(longest: u64) -> Wanted {
    Wanted { begins: |head| Format::sniff(head).is_some(), longest }
}

/// Gives the picture of every row. A file of anything else than pictures is no picture: among others in a folder nobody meant it.
pub(super) fn read(file: Box<dyn RandomAccess>, archive: &mut Archive<'_>) -> Step {
    let asked = archive.members.options.column.as_deref();
    let found = holds(file, asked).map_err(|error| match error {
        Error::Input(why) if asked.is_none() => no_pictures(&why),
        error => error,
    });
    let (reader, holds) = found?;
    let Holds::Pictures(column) = holds else {
        return Err(no_pictures("what it names is read where it is an input of its own").into());
    };
    let mut pictures = Pictures::of(reader, &column)?;
    let mut wrong = None;
    for group in 0..pictures.groups.len() {
        match pictures.give(group, archive) {
            Ok(()) => {}
            // The other groups can be read.
            Err(Stopped::Broken(error)) => drop(wrong.get_or_insert(error)),
            Err(Stopped::Unwanted) => return Err(Stopped::Unwanted),
        }
    }
    wrong.or(pictures.names.wrong).map_or(Ok(()), |wrong| Err(wrong.into()))
}

/// The pictures of a file and their names.
struct Pictures {
    reader: Reader,
    /// The column of their bytes.
    column: usize,
    /// Rows of each group.
    groups: Vec<u64>,
    names: Names,
}

impl Pictures {
    fn of(reader: Reader, column: &str) -> Result<Pictures> {
        let fields = reader.schema().get_fields();
        let is_group = fields.iter().any(|field| field.name() == column && bytes_inside(field));
        let path: &[&str] = if is_group { &[column, "bytes"] } else { &[column] };
        let several =
            || Error::Input(format!("the column {column} of the Parquet file holds several values a row"));
        let number = reader.flat_column(path).ok_or_else(several)?;
        let names = Names::of(&reader, column)?;
        Ok(Pictures { groups: reader.group_rows(), reader, column: number, names })
    }

    fn give(&mut self, group: usize, archive: &mut Archive<'_>) -> Step {
        let (start, count) = (self.groups[..group].iter().sum::<u64>(), self.groups[group]);
        self.names.go(start);
        let wanted = wanted(archive.members.options.limits.max_file_bytes);
        let mut values = self.reader.values(group, self.column, wanted)?;
        for row in start..start + count {
            let name = self.names.of_row(row);
            let cannot = |error: Error| match error {
                Error::Corrupt { format, message } => {
                    Error::corrupt(format, format!("row {row} cannot be read: {message}"))
                }
                error => error,
            };
            let value = values.next().map_err(cannot)?;
            let is_wanted = archive.members.options.extensions.lets_key(&key(&name));
            match value {
                None => {
                    return Err(
                        cannot(Error::corrupt("parquet", "its group has fewer values than rows")).into()
                    );
                }
                Some(_) if !is_wanted => {}
                Some(Value::Absent) => {
                    archive.failed(&name, Error::Input("the row holds no picture".to_string()))?;
                }
                Some(Value::Bytes(length, mut content)) => archive
                    .member(&name, length, &mut content)?
                    .map_err(|error| cannot(super::broken("parquet", "its page", error)))?,
            }
        }
        Ok(())
    }
}

fn key(name: &[u8]) -> OsString {
    super::name_from_bytes(name.to_vec())
}

/// Names of rows: of a column, of the group that has the picture, or their numbers.
struct Names {
    rows: Option<Rows>,
    key: Option<&'static str>,
    group: String,
    /// The row that comes next.
    next: u64,
    /// Why there are no names from some row on.
    wrong: Option<Error>,
}

impl Names {
    fn of(reader: &Reader, column: &str) -> Result<Names> {
        let fields = reader.schema().get_fields();
        let key = KEYS.into_iter().find(|name| {
            fields.iter().any(|field| field.name() == *name && field.name() != column && field.is_primitive())
        });
        let names = |field: &Type| match field.name() {
            name if Some(name) == key => Some(field.clone()),
            name if name == column => only_path(field),
            _ => None,
        };
        let rows =
            if fields.iter().any(|field| names(field).is_some()) { Some(reader.rows(names)?) } else { None };
        Ok(Names { rows, key, group: column.to_string(), next: 0, wrong: None })
    }

    /// The next row asked for is this one.
    fn go(&mut self, row: u64) {
        while self.next < row && self.rows.is_some() {
            self.take();
        }
        self.next = row;
    }

    fn of_row(&mut self, row: u64) -> Vec<u8> {
        self.go(row);
        let names = self.take();
        let value = |name: &str| names.as_ref().and_then(|row| inside(row, name));
        let key = self.key.and_then(value).and_then(text);
        let name = key.or_else(|| value(&self.group).and_then(path_inside));
        name.unwrap_or_else(|| row.to_string()).into_bytes()
    }

    fn take(&mut self) -> Option<Row> {
        self.next += 1;
        match self.rows.as_mut()?.next() {
            Some(Ok(row)) => Some(row),
            Some(Err(error)) => {
                self.wrong = Some(error);
                self.rows = None;
                None
            }
            None => None,
        }
    }
}

/// A group with its path alone.
fn only_path(field: &Type) -> Option<Type> {
    if !field.is_group() {
        return None;
    }
    let path = field.get_fields().iter().find(|inner| inner.name() == "path" && inner.is_primitive())?;
    let group = Type::group_type_builder(field.name()).with_repetition(field.get_basic_info().repetition());
    group.with_fields(vec![path.clone()]).build().ok()
}

/// A group's own name for its picture.
fn path_inside(value: &Field) -> Option<String> {
    match value {
        Field::Group(group) => inside(group, "path").and_then(text),
        _ => None,
    }
}

fn inside<'a>(group: &'a Row, name: &str) -> Option<&'a Field> {
    group.get_column_iter().find(|(column, _)| *column == name).map(|(_, value)| value)
}

/// A name as text; empty ones count as not there.
fn text(value: &Field) -> Option<String> {
    let text = match value {
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Int(_) | Field::Long(_) | Field::UInt(_) | Field::ULong(_) => value.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}
