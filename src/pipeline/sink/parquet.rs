//! Parquet: columns of fixed types, compressed with zstd. The same records give the same bytes.
//!
//! Records are gathered, and written a group at a time, a column after another in the order of [`COLUMNS`]. A list's values carry levels
//! (Dremel's encoding): 0 for no list, 1 for an empty one, 2 for an element, 3 for a value in it that need not be there; repetition 0 starts
//! a record's list.

use std::io::Write;
use std::mem;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::json_lines::cannot_write;
use super::{Sink, StoredSink};
use crate::error::{Error, Result};
use crate::pipeline::Record;
use crate::pipeline::columns::{
    COLUMNS, Column, ColumnType, FACE_COLUMNS, MATCH_COLUMNS, TEXT_COLUMN, Value,
};
use crate::pipeline::stored::{RecordFace, RecordMatch, StoredRecord, Text};

mod read;

pub(super) use read::read;

/// A sink of this format.
pub(super) fn sink<'a>(
    to: impl Write + Send + 'a,
    about: &[(String, String)],
) -> Result<Box<dyn StoredSink + Send + 'a>> {
    Ok(Box::new(Parquet::new(to, about)?))
}

/// Records of a group; some 10 MB.
const GROUP: usize = 32_768;

/// Matches after which a group ends early: a record may have any number of them.
const GROUP_MATCHES: usize = 4 * GROUP;

/// Bytes of further columns that count as another match.
const MATCH_BYTES: usize = 512;

/// Writes a Parquet file, `photodna` and `pdq` as bytes of fixed length. It is whole after [`Sink::finish`] only.
pub struct Parquet<W: Write + Send> {
    to: SerializedFileWriter<W>,
    records: Vec<StoredRecord>,
    matches: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Starts a file, with `about` in its metadata; see [`describe`](super::describe).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written.
    pub fn new(to: W, about: &[(String, String)]) -> Result<Parquet<W>> {
        let schema = parse_message_type(&schema()).map_err(broken)?;
        let to =
            SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties(about)?)).map_err(broken)?;
        Ok(Parquet { to, records: Vec::new(), matches: 0 })
    }

    /// What it writes to. Complete after [`Sink::finish`].
    ///
    /// # Panics
    ///
    /// If that was not called and the rest cannot be written.
    pub fn into_inner(self) -> W {
        self.to.into_inner().map_err(|error| error.to_string()).expect("what is left is written")
    }

    fn write_group(&mut self) -> Result<()> {
        let records = mem::take(&mut self.records);
        self.matches = 0;
        if records.is_empty() {
            return Ok(());
        }
        let mut columns = Columns { records: &records, to: self.to.next_row_group().map_err(broken)? };
        columns.write().map_err(broken)?;
        columns.to.close().map_err(broken)?;
        Ok(())
    }
}

/// Values that are nearly unique get no dictionary, and signatures no smallest and largest value in the file's metadata.
fn properties(about: &[(String, String)]) -> Result<WriterProperties> {
    let metadata = about.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone())).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("shadegrid ", env!("CARGO_PKG_VERSION")).to_string())
        .set_key_value_metadata(Some(metadata))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(broken)?));
    const SIGNATURES: [&str; 3] = ["photodna", "pdq", "pdq512"];
    let of_face =
        |name: &str| ColumnPath::from(["faces", "list", "element", name].map(String::from).to_vec());
    for unique in ["key", "key_bytes", "strength"].map(ColumnPath::from) {
        properties = properties.set_column_dictionary_enabled(unique, false);
    }
    for signature in SIGNATURES.map(ColumnPath::from).into_iter().chain(SIGNATURES.map(of_face)) {
        properties = properties
            .set_column_dictionary_enabled(signature.clone(), false)
            .set_column_statistics_enabled(signature, EnabledStatistics::None);
    }
    Ok(properties.build())
}

impl<W: Write + Send> std::fmt::Debug for Parquet<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parquet").finish_non_exhaustive()
    }
}

impl<W: Write + Send> Sink for Parquet<W> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.write_stored(&record.into())
    }

    fn finish(&mut self) -> Result<()> {
        self.write_group()?;
        self.to.finish().map_err(broken)?;
        self.to.inner_mut().flush().map_err(cannot_write)
    }
}

impl<W: Write + Send> StoredSink for Parquet<W> {
    fn write_stored(&mut self, record: &StoredRecord) -> Result<()> {
        let further = |found: &RecordMatch| 1 + found.columns.bytes() / MATCH_BYTES;
        self.matches += record.matches.iter().flatten().map(further).sum::<usize>();
        self.records.push(record.clone());
        if self.records.len() < GROUP && self.matches < GROUP_MATCHES { Ok(()) } else { self.write_group() }
    }
}

/// The system's error where there is one, so that a full disk is reported as such.
fn broken(error: ParquetError) -> Error {
    let error = match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    };
    cannot_write(error)
}

/// The schema, from the tables of columns.
fn schema() -> String {
    let columns: String = COLUMNS.iter().map(declared).collect();
    format!("message shadegrid {{ {columns} }}")
}

fn declared<T>(column: &Column<T>) -> String {
    let &Column { name, kind, required, .. } = column;
    let list = |element: String| format!("group {name} (LIST) {{ repeated group list {{ {element} }} }}");
    let group = |members: String| format!("required group element {{ {members} }}");
    let of_type = match kind {
        ColumnType::Text => format!("binary {name} (STRING);"),
        ColumnType::Bytes => format!("binary {name};"),
        ColumnType::PhotoDna => format!("fixed_len_byte_array(144) {name};"),
        ColumnType::Pdq => format!("fixed_len_byte_array(32) {name};"),
        ColumnType::UInt8 => format!("int32 {name} (INTEGER(8,false));"),
        ColumnType::UInt32 => format!("int32 {name} (INTEGER(32,false));"),
        ColumnType::UInt64 => format!("int64 {name} (INTEGER(64,false));"),
        ColumnType::Int64 => format!("int64 {name};"),
        ColumnType::Float32 => format!("float {name};"),
        ColumnType::Float64 => format!("double {name};"),
        ColumnType::Texts => list(declared(&TEXT_COLUMN)),
        ColumnType::Matches => list(group(MATCH_COLUMNS.iter().map(declared).collect())),
        ColumnType::Faces => list(group(FACE_COLUMNS.iter().map(declared).collect())),
    };
    format!("{} {of_type} ", if required { "required" } else { "optional" })
}

/// The columns of one group.
struct Columns<'a, 'b, W: Write + Send> {
    records: &'a [StoredRecord],
    to: SerializedRowGroupWriter<'b, W>,
}

type Wrote = Result<(), ParquetError>;

/// How values lie in a column: see the head of this file. `None` where every record has one.
#[derive(Default)]
struct Levels {
    definition: Option<Vec<i16>>,
    repetition: Option<Vec<i16>>,
}

impl<'a, W: Write + Send> Columns<'a, '_, W> {
    /// All of them, in the order of the schema.
    fn write(&mut self) -> Wrote {
        COLUMNS.iter().try_for_each(|column| self.column(column))
    }

    fn column(&mut self, column: &Column<StoredRecord>) -> Wrote {
        let values = self.records.iter().map(|record| column.value(record));
        match column.kind {
            ColumnType::Texts => {
                let lists: Vec<Option<&[Text]>> = values
                    .map(|value| match value {
                        Some(Value::Texts(list)) => Some(list),
                        _ => None,
                    })
                    .collect();
                self.member(&lists, &TEXT_COLUMN)
            }
            ColumnType::Matches => {
                let lists: Vec<Option<&[RecordMatch]>> = values
                    .map(|value| match value {
                        Some(Value::Matches(list)) => Some(list),
                        _ => None,
                    })
                    .collect();
                MATCH_COLUMNS.iter().try_for_each(|member| self.member(&lists, member))
            }
            ColumnType::Faces => {
                let lists: Vec<Option<&[RecordFace]>> = values
                    .map(|value| match value {
                        Some(Value::Faces(list)) => Some(list),
                        _ => None,
                    })
                    .collect();
                FACE_COLUMNS.iter().try_for_each(|member| self.member(&lists, member))
            }
            kind => {
                let values: Vec<Option<Value<'_>>> = values.collect();
                let definition = (!column.required)
                    .then(|| values.iter().map(|value| i16::from(value.is_some())).collect());
                let values: Vec<Value<'_>> = values.into_iter().flatten().collect();
                self.put(kind, &values, &Levels { definition, repetition: None })
            }
        }
    }

    /// One member of the elements of a list.
    fn member<E>(&mut self, lists: &[Option<&'a [E]>], member: &Column<E>) -> Wrote {
        let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
        for &list in lists {
            if list.is_none_or(<[E]>::is_empty) {
                definition.push(i16::from(list.is_some()));
                repetition.push(0);
            }
            for (number, element) in list.unwrap_or_default().iter().enumerate() {
                let value = member.value(element);
                definition.push(2 + i16::from(!member.required && value.is_some()));
                values.extend(value);
                repetition.push(i16::from(number > 0));
            }
        }
        let levels = Levels { definition: Some(definition), repetition: Some(repetition) };
        self.put(member.kind, &values, &levels)
    }

    fn put(&mut self, kind: ColumnType, values: &[Value<'_>], levels: &Levels) -> Wrote {
        match kind {
            ColumnType::Text | ColumnType::Bytes => {
                self.put_as::<ByteArrayType>(values, levels, |value| match value {
                    Value::Text(text) => Some(text.as_ref().into()),
                    Value::Bytes(bytes) => Some((*bytes).into()),
                    _ => None,
                })
            }
            ColumnType::PhotoDna | ColumnType::Pdq => {
                self.put_as::<FixedLenByteArrayType>(values, levels, |value| match value {
                    Value::PhotoDna(signature) => Some(signature.0.to_vec().into()),
                    Value::Pdq(signature) => Some(signature.0.to_vec().into()),
                    _ => None,
                })
            }
            // Parquet's unsigned numbers are the signed ones with the same bits.
            ColumnType::UInt8 | ColumnType::UInt32 => {
                self.put_as::<Int32Type>(values, levels, |value| integer(value).map(|number| number as i32))
            }
            ColumnType::UInt64 | ColumnType::Int64 => {
                self.put_as::<Int64Type>(values, levels, |value| integer(value).map(|number| number as i64))
            }
            ColumnType::Float32 => self.put_as::<FloatType>(values, levels, |value| match value {
                Value::Float32(number) => Some(*number),
                _ => None,
            }),
            ColumnType::Float64 => self.put_as::<DoubleType>(values, levels, |value| match value {
                Value::Float64(number) => Some(*number),
                _ => None,
            }),
            ColumnType::Texts | ColumnType::Matches | ColumnType::Faces => Err(mismatch()),
        }
    }

    fn put_as<T: DataType>(
        &mut self,
        values: &[Value<'_>],
        levels: &Levels,
        convert: impl Fn(&Value<'_>) -> Option<T::T>,
    ) -> Wrote {
        let values: Vec<T::T> = values.iter().map(convert).collect::<Option<_>>().ok_or_else(mismatch)?;
        let missing = || ParquetError::General("more columns than the schema has".to_string());
        let mut column = self.to.next_column()?.ok_or_else(missing)?;
        let Levels { definition, repetition } = levels;
        column.typed::<T>().write_batch(&values, definition.as_deref(), repetition.as_deref())?;
        column.close()
    }
}

fn integer(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

fn mismatch() -> ParquetError {
    ParquetError::General("a value is not of its column's type".to_string())
}
