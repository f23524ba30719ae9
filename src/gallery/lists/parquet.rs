//! Parquet: columns named as in CSV, of text, bytes or bytes of fixed length. The position is the row's number from 0.
//!
//! Columns that mean nothing here, and nested ones, are not read.

use std::fs::File;
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as Value;
use parquet::schema::types::Type;

use super::fields::{Field, Fields};
use super::{Item, Take, damaged};
use crate::error::{Error, Result};

/// Reads a file.
pub(super) fn read(file: File, take: Take<'_>) -> Result<()> {
    let reader = SerializedFileReader::new(file)
        .map_err(|error| damaged(format!("this Parquet file cannot be opened: {error}")))?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted: Vec<Arc<Type>> = schema
        .get_fields()
        .iter()
        .filter(|field| field.is_primitive() && Field::named(field.name()).is_some())
        .cloned()
        .collect();
    let signature = |field: &Arc<Type>| {
        matches!(Field::named(field.name()), Some(Field::PhotoDna | Field::Pdq | Field::Signature))
    };
    if !wanted.iter().any(signature) {
        return Err(Error::Input(
            "no column of this Parquet file is called photodna, pdna, pdq or hash".into(),
        ));
    }
    let columns: Vec<Field> = wanted.iter().filter_map(|field| Field::named(field.name())).collect();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(wanted)
        .build()
        .map_err(|error| damaged(format!("this Parquet file has an odd schema: {error}")))?;
    let rows = reader
        .get_row_iter(Some(projection))
        .map_err(|error| damaged(format!("this Parquet file cannot be read: {error}")))?;
    for (position, row) in (0..).zip(rows) {
        let row = row.map_err(|error| {
            damaged(format!("row {position} cannot be read ({error}), nor what is behind it"))
        })?;
        let mut fields = Fields::default();
        for ((_, value), field) in row.get_column_iter().zip(&columns) {
            match value {
                Value::Null => {}
                Value::Str(text) => fields.set(*field, text),
                Value::Bytes(bytes) => fields.set_bytes(*field, bytes.data()),
                other => fields.set(*field, &other.to_string()),
            }
        }
        let item: Item = fields.item(position);
        take(item)?;
    }
    Ok(())
}
