//! Parquet: columns named as in CSV, of text, bytes or bytes of fixed length. The position is the row's number from 0.
//!
//! Columns that mean nothing here, and nested ones, are not read.

use std::fs::File;

use parquet::record::Field as Value;
use parquet::schema::types::Type;

use super::fields::{Field, Fields};
use super::{Item, Take, damaged};
use crate::error::{Error, Result};
use crate::parquet as columns;

/// Reads a file.
pub(super) fn read(file: File, take: Take<'_>) -> Result<()> {
    let reader = columns::open(file)?;
    let wanted = |field: &Type| field.is_primitive() && Field::named(field.name()).is_some();
    let named = reader.schema().get_fields().iter().filter(|field| wanted(field));
    let columns: Vec<Field> = named.filter_map(|field| Field::named(field.name())).collect();
    if !columns.iter().any(|field| matches!(field, Field::PhotoDna | Field::Pdq | Field::Signature)) {
        return Err(Error::Input(
            "no column of this Parquet file is called photodna, pdna, pdq or hash".into(),
        ));
    }
    let rows = reader.rows(|field| wanted(field).then(|| field.clone()))?;
    for (position, row) in (0..).zip(rows) {
        let row = row.map_err(|error| match error {
            Error::Corrupt { message, .. } => {
                damaged(format!("row {position} cannot be read ({message}), nor what is behind it"))
            }
            error => error,
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
