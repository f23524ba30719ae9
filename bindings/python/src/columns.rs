//! Records as Arrow columns, by the library's one table of columns: names, types and values are what Parquet files have.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ListArray, PrimitiveArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use shadegrid::HashOptions;
use shadegrid::pipeline::{
    COLUMNS, Column, ColumnType, FACE_COLUMNS, MATCH_COLUMNS, RecordMatch, StoredRecord, Value, describe,
};

/// Which of a record's columns a batch has.
///
/// `source` is in none: it names the folder or the archive that an input came from, and what a batch is made of comes from no other input. `key` and
/// `key_bytes` are where inputs have names, `matches` where they were looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) keys: bool,
    pub(crate) matches: bool,
}

impl Shape {
    fn columns(self) -> impl Iterator<Item = &'static Column<StoredRecord>> {
        COLUMNS.iter().filter(move |column| match column.name {
            "source" => false,
            "key" | "key_bytes" => self.keys,
            "matches" => self.matches,
            _ => true,
        })
    }

    /// The fields of a batch.
    pub(crate) fn fields(self) -> Vec<FieldRef> {
        self.columns().map(|column| Arc::new(field(column))).collect()
    }

    /// The columns of these records, in the order of [`fields`](Shape::fields).
    pub(crate) fn arrays(self, records: &[StoredRecord]) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns().map(|column| array(column, records)).collect()
    }
}

/// A schema of these fields, with what a Parquet file of these choices says of itself.
pub(crate) fn schema_of(fields: impl Into<Fields>, options: &HashOptions) -> SchemaRef {
    let about: HashMap<String, String> = describe(options).into_iter().collect();
    Arc::new(Schema::new_with_metadata(fields, about))
}

/// The columns of matches.
pub(crate) fn match_fields() -> Vec<FieldRef> {
    MATCH_COLUMNS.iter().map(|column| Arc::new(field(column))).collect()
}

/// The columns of these matches, in the order of [`match_fields`].
pub(crate) fn match_arrays(matches: &[RecordMatch]) -> Result<Vec<ArrayRef>, ArrowError> {
    MATCH_COLUMNS.iter().map(|column| array(column, matches)).collect()
}

fn field<T>(column: &Column<T>) -> Field {
    Field::new(column.name, data_type(column.kind), !column.required)
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::Utf8,
        ColumnType::PhotoDna => DataType::FixedSizeBinary(144),
        ColumnType::Pdq => DataType::FixedSizeBinary(32),
        ColumnType::UInt8 => DataType::UInt8,
        ColumnType::UInt32 => DataType::UInt32,
        ColumnType::UInt64 => DataType::UInt64,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float32 => DataType::Float32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Texts => DataType::List(element(DataType::Utf8)),
        ColumnType::Matches => DataType::List(element(DataType::Struct(members(&MATCH_COLUMNS)))),
        ColumnType::Faces => DataType::List(element(DataType::Struct(members(&FACE_COLUMNS)))),
        // Bytes, and what a later version of the library may add.
        _ => DataType::Binary,
    }
}

/// The element of a list, called as in Parquet files.
fn element(of: DataType) -> FieldRef {
    Arc::new(Field::new("element", of, false))
}

fn members<T>(columns: &[Column<T>]) -> Fields {
    columns.iter().map(field).collect()
}

fn array<T>(column: &Column<T>, rows: &[T]) -> Result<ArrayRef, ArrowError> {
    let values = || rows.iter().map(|row| column.value(row));
    Ok(match column.kind {
        ColumnType::Text => {
            let mut builder = StringBuilder::with_capacity(rows.len(), rows.len() * 8);
            values().for_each(|value| match value {
                Some(Value::Text(text)) => builder.append_value(text),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
        ColumnType::PhotoDna => fixed(
            144,
            rows.len(),
            values().map(|value| match value {
                Some(Value::PhotoDna(signature)) => Some(&signature.0[..]),
                _ => None,
            }),
        )?,
        ColumnType::Pdq => fixed(
            32,
            rows.len(),
            values().map(|value| match value {
                Some(Value::Pdq(signature)) => Some(&signature.0[..]),
                _ => None,
            }),
        )?,
        ColumnType::UInt8 => integers::<UInt8Type, T>(column, rows, |value| value as u8),
        ColumnType::UInt32 => integers::<UInt32Type, T>(column, rows, |value| value as u32),
        ColumnType::UInt64 => integers::<UInt64Type, T>(column, rows, |value| value),
        ColumnType::Int64 => integers::<Int64Type, T>(column, rows, |value| value as i64),
        ColumnType::Float32 => {
            Arc::new(PrimitiveArray::<Float32Type>::from_iter(values().map(|value| match value {
                Some(Value::Float32(number)) => Some(number),
                _ => None,
            })))
        }
        ColumnType::Float64 => {
            Arc::new(PrimitiveArray::<Float64Type>::from_iter(values().map(|value| match value {
                Some(Value::Float64(number)) => Some(number),
                _ => None,
            })))
        }
        ColumnType::Texts => list(
            values().map(|value| match value {
                Some(Value::Texts(texts)) => Some(texts),
                _ => None,
            }),
            |texts| {
                let mut builder = StringBuilder::new();
                texts.iter().for_each(|text| builder.append_value(text));
                Ok((DataType::Utf8, Arc::new(builder.finish())))
            },
        )?,
        ColumnType::Matches => list(
            values().map(|value| match value {
                Some(Value::Matches(matches)) => Some(matches),
                _ => None,
            }),
            |matches| structs(&MATCH_COLUMNS, matches),
        )?,
        ColumnType::Faces => list(
            values().map(|value| match value {
                Some(Value::Faces(faces)) => Some(faces),
                _ => None,
            }),
            |faces| structs(&FACE_COLUMNS, faces),
        )?,
        _ => {
            let mut builder = BinaryBuilder::new();
            values().for_each(|value| match value {
                Some(Value::Bytes(bytes)) => builder.append_value(bytes),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
    })
}

fn fixed<'a>(
    width: i32,
    rows: usize,
    values: impl Iterator<Item = Option<&'a [u8]>>,
) -> Result<ArrayRef, ArrowError> {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(rows, width);
    for value in values {
        match value {
            Some(bytes) => builder.append_value(bytes)?,
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn integers<P: ArrowPrimitiveType, T>(
    column: &Column<T>,
    rows: &[T],
    convert: impl Fn(u64) -> P::Native,
) -> ArrayRef {
    let value = |row| match column.value(row) {
        Some(Value::Integer(number)) => Some(convert(number)),
        _ => None,
    };
    Arc::new(PrimitiveArray::<P>::from_iter(rows.iter().map(value)))
}

/// An array of lists, whose elements `elements` makes an array of.
fn list<'a, E: Clone + 'a>(
    lists: impl Iterator<Item = Option<&'a [E]>>,
    elements: impl FnOnce(&[E]) -> Result<(DataType, ArrayRef), ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let lists: Vec<Option<&[E]>> = lists.collect();
    let all: Vec<E> = lists.iter().flatten().flat_map(|list| list.iter().cloned()).collect();
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, <[E]>::len)));
    let nulls: NullBuffer = lists.iter().map(Option::is_some).collect();
    let (of, values) = elements(&all)?;
    Ok(Arc::new(ListArray::try_new(element(of), offsets, values, Some(nulls))?))
}

fn structs<T>(columns: &[Column<T>], rows: &[T]) -> Result<(DataType, ArrayRef), ArrowError> {
    let fields = members(columns);
    let arrays = columns.iter().map(|column| array(column, rows)).collect::<Result<Vec<_>, _>>()?;
    let made = StructArray::try_new_with_length(fields.clone(), arrays, None, rows.len())?;
    Ok((DataType::Struct(fields), Arc::new(made)))
}
