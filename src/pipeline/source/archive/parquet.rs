//! Parquet files: rows with a picture in a column, or with paths of pictures.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::{Archive, Place, Step, place};
use crate::error::{Error, Result};

/// Names of columns that hold pictures, of several binary ones.
const PICTURES: [&str; 8] = ["image", "bytes", "content", "jpg", "jpeg", "png", "webp", "data"];

/// Names of columns that hold paths or URLs.
const NAMES: [&str; 10] =
    ["path", "url", "key", "uri", "file", "filename", "file_name", "location", "src", "image_url"];

/// Names of columns that name the pictures beside them.
const KEYS: [&str; 7] = ["key", "__key__", "id", "path", "url", "filename", "file_name"];

/// Rows that are held at a time.
const ROWS: usize = 8;

/// What a Parquet file holds for us, by its column.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pipeline::source) enum Holds {
    Pictures(String),
    Names(String),
}

/// The reader of a file anywhere.
pub(in crate::pipeline::source) type Reader = SerializedFileReader<Chunks>;

/// A file's reader, and what it holds: the column of this name, or one with a usual name.
///
/// # Errors
///
/// [`Error::Corrupt`] where it is no Parquet file, [`Error::Input`] where it has no such column, [`Error::Io`] where it cannot be read.
pub(in crate::pipeline::source) fn holds(
    file: Box<dyn Place>,
    column: Option<&str>,
) -> Result<(Reader, Holds)> {
    let chunks = Chunks::new(file)?;
    let opened = catch_unwind(AssertUnwindSafe(|| SerializedFileReader::new(chunks)));
    let opened =
        opened.unwrap_or_else(|_| Err(ParquetError::General("its footer makes no sense".to_string())));
    let reader = opened.map_err(|error| wrong("cannot be opened", &error))?;
    let schema = reader.metadata().file_metadata().schema();
    let holds = choose(schema, column).ok_or_else(|| {
        let columns: Vec<&str> = schema.get_fields().iter().map(|field| field.name()).collect();
        let columns = columns.join(", ");
        Error::Input(match column {
            Some(column) => format!("the Parquet file has no column {column} of pictures or names; it has {columns}"),
            None => format!("which column of the Parquet file holds pictures or names? Say so with --column; it has {columns}"),
        })
    })?;
    Ok((reader, holds))
}

/// The rows of a file, with these columns only.
pub(in crate::pipeline::source) fn rows(reader: Reader, columns: &[&str]) -> Result<Rows> {
    let schema = reader.metadata().file_metadata().schema();
    let fields =
        schema.get_fields().iter().filter(|field| columns.contains(&field.name())).cloned().collect();
    let projection = Type::group_type_builder(schema.name()).with_fields(fields).build();
    let projection = projection.map_err(|error| wrong("has an odd schema", &error))?;
    let rows = RowIter::from_file_into(Box::new(reader))
        .project(Some(projection))
        .map_err(|error| wrong("has an odd schema", &error))?;
    Ok(Rows(rows.with_batch_size(ROWS)))
}

/// Rows one after another; where the crate panics over a broken file, that is an error too.
pub(in crate::pipeline::source) struct Rows(RowIter<'static>);

impl Iterator for Rows {
    type Item = Result<Row, ParquetError>;

    fn next(&mut self) -> Option<Result<Row, ParquetError>> {
        let next = catch_unwind(AssertUnwindSafe(|| self.0.next()));
        next.unwrap_or_else(|_| Some(Err(ParquetError::General("its pages make no sense".to_string()))))
    }
}

fn wrong(what: &str, error: &ParquetError) -> Error {
    match system_error(error) {
        Some(error) => Error::io(format!("the Parquet file {what}"), error),
        None => Error::corrupt("parquet", format!("the file {what}: {error}")),
    }
}

/// The error of the system, or of a store, that reading met; it says nothing of what the file holds.
fn system_error(error: &ParquetError) -> Option<io::Error> {
    let ParquetError::External(inner) = error else { return None };
    let error = inner.downcast_ref::<io::Error>()?;
    let of_system = error.raw_os_error().is_some() || place::is_ours(error);
    of_system.then(|| io::Error::new(error.kind(), error.to_string()))
}

fn choose(schema: &Type, column: Option<&str>) -> Option<Holds> {
    let fields = schema.get_fields();
    let pictures = || fields.iter().filter(|field| is_binary(field) || bytes_inside(field));
    let is = |name: &str, names: &[&str]| names.iter().any(|usual| usual.eq_ignore_ascii_case(name));
    if let Some(column) = column {
        let column = column.strip_suffix(".bytes").unwrap_or(column);
        if let Some(field) = pictures().find(|field| field.name() == column) {
            return Some(Holds::Pictures(field.name().to_string()));
        }
        let field = fields.iter().find(|field| is_text(field) && field.name() == column)?;
        return Some(Holds::Names(field.name().to_string()));
    }
    let usual =
        PICTURES.iter().find_map(|name| pictures().find(|field| field.name().eq_ignore_ascii_case(name)));
    let only = || pictures().next().filter(|_| pictures().count() == 1);
    if let Some(field) = usual.or_else(only) {
        return Some(Holds::Pictures(field.name().to_string()));
    }
    let names = fields.iter().find(|field| is_text(field) && is(field.name(), &NAMES))?;
    Some(Holds::Names(names.name().to_string()))
}

fn is_bytes(field: &Type) -> bool {
    field.is_primitive() && field.get_physical_type() == Physical::BYTE_ARRAY
}

fn is_text(field: &Type) -> bool {
    let info = field.get_basic_info();
    is_bytes(field)
        && (info.converted_type() == ConvertedType::UTF8
            || info.logical_type_ref() == Some(&LogicalType::String))
}

fn is_binary(field: &Type) -> bool {
    is_bytes(field) && field.get_basic_info().converted_type() == ConvertedType::NONE && !is_text(field)
}

/// A group with `bytes` in it, as Hugging Face's data sets have.
fn bytes_inside(field: &Type) -> bool {
    field.is_group() && field.get_fields().iter().any(|inner| inner.name() == "bytes" && is_bytes(inner))
}

/// Gives the picture of every row.
pub(super) fn read(file: Box<dyn Place>, archive: &mut Archive<'_>) -> Step {
    let (reader, holds) = holds(file, archive.members.options.column.as_deref())?;
    let Holds::Pictures(column) = holds else {
        let what = "a Parquet file of names, not of pictures: give it as an argument of its own or with --files-from";
        return Err(Error::Input(what.to_string()).into());
    };
    let schema = reader.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let key = KEYS
        .iter()
        .find(|name| fields.iter().any(|f| f.name() == **name && f.name() != column && f.is_primitive()));
    let columns: Vec<&str> = [Some(column.as_str()), key.copied()].into_iter().flatten().collect();
    for (number, row) in rows(reader, &columns)?.enumerate() {
        let row =
            row.map_err(|error| Error::corrupt("parquet", format!("row {number} cannot be read: {error}")))?;
        let value =
            |name: &str| row.get_column_iter().find(|(column, _)| *column == name).map(|(_, value)| value);
        let picture = value(&column);
        let name = key.and_then(|key| value(key)).and_then(text).or_else(|| picture.and_then(path_inside));
        let name = name.unwrap_or_else(|| number.to_string()).into_bytes();
        if !archive.members.options.only.lets_key(&super::name_from_bytes(name.clone())) {
            continue;
        }
        match picture.and_then(bytes_of) {
            Some(bytes) => drop(archive.member(&name, bytes.len() as u64, &mut &bytes[..])?),
            None => archive.failed(&name, Error::Input("the row holds no picture".to_string()))?,
        }
    }
    Ok(())
}

fn bytes_of(value: &Field) -> Option<&[u8]> {
    match value {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Str(text) => Some(text.as_bytes()),
        Field::Group(group) => inside(group, "bytes").and_then(bytes_of),
        _ => None,
    }
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
pub(in crate::pipeline::source) fn text(value: &Field) -> Option<String> {
    let text = match value {
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Int(_) | Field::Long(_) | Field::UInt(_) | Field::ULong(_) => value.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A file as the crate `parquet` reads one: pieces from anywhere.
#[derive(Clone)]
pub(in crate::pipeline::source) struct Chunks {
    file: Arc<Mutex<Box<dyn Place>>>,
    length: u64,
}

impl Chunks {
    fn new(mut file: Box<dyn Place>) -> Result<Chunks> {
        let length =
            file.seek(SeekFrom::End(0)).map_err(|error| Error::io("cannot read the Parquet file", error))?;
        Ok(Chunks { file: Arc::new(Mutex::new(file)), length })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<BufReader<From>, ParquetError> {
        Ok(BufReader::with_capacity(64 << 10, From { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let left = self.length.saturating_sub(start);
        if length as u64 > left {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end")));
        }
        let mut bytes = vec![0; length];
        From { file: self.clone(), at: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads on from a place of its own.
pub(in crate::pipeline::source) struct From {
    file: Chunks,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}
