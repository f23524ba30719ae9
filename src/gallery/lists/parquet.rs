//! Parquet: columns named as in CSV, of text, bytes, bytes of fixed length, or lists and groups of these. The position is the row's
//! number from 1.
//!
//! Columns that mean nothing here, and are not to be kept, are not read.

use std::collections::HashSet;
use std::fs::File;

use parquet::basic::Type as Physical;
use parquet::record::Field as Value;
use parquet::record::Row;
use parquet::schema::types::Type;

use super::keeping::Keeping;
use super::names::Field;
use super::opened::Opened;
use super::tree::{Position, Tree};
use super::{Give, damaged, unreadable};
use crate::error::{Error, Result};
use crate::parquet as columns;

/// Deepest nesting that is read.
const DEEPEST: usize = 16;

/// The list as a file to be read anywhere in it.
pub(crate) fn file(list: Opened<'_>) -> Result<File> {
    list.into_file().map_err(unreadable)
}

/// Reads a list, and gives the names of its columns.
pub(super) fn read(list: Opened<'_>, keeping: &Keeping, give: Give<'_>) -> Result<Vec<String>> {
    let reader = columns::open(file(list)?)?;
    let fields = reader.schema().get_fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_string()).collect();
    if !fields.iter().any(|field| holds_signatures(field, 0)) {
        let names = names.join(", ");
        return Err(Error::Input(format!(
            "no column of this Parquet file is called photodna, pdna, pdq or hash; it has {names}"
        )));
    }
    let fixed: HashSet<String> =
        fields.iter().filter(|field| is_fixed(field)).map(|field| field.name().into()).collect();
    let rows = reader.rows(|field| is_wanted(field, keeping).then(|| field.clone()))?;
    let mut tree = Tree::new(give, Position::Of(0), keeping);
    for (position, row) in (1..).zip(rows) {
        let row = row.map_err(|error| match error {
            Error::Corrupt { message, .. } => {
                damaged(format!("row {position} cannot be read ({message}), nor what is behind it"))
            }
            error => error,
        })?;
        tree.position = Position::Of(position);
        take_row(&row, &fixed, &mut tree)?;
        tree.end_of_row(position)?;
    }
    Ok(names)
}

/// A column with a name that means something or is to be kept, or with one of these or a signature somewhere inside.
fn is_wanted(field: &Type, keeping: &Keeping) -> bool {
    let is_named = field.is_primitive() && Field::named(field.name()).is_some();
    is_named || is_kept(field, keeping, 0) || !field.is_primitive() && holds_signatures(field, 0)
}

/// Whether something of a column is to be kept.
fn is_kept(field: &Type, keeping: &Keeping, depth: usize) -> bool {
    let inside =
        || field.is_group() && field.get_fields().iter().any(|inner| is_kept(inner, keeping, depth + 1));
    !keeping.is_nothing() && depth < DEEPEST && (keeping.kept(field.name()).is_some() || inside())
}

/// Whether a column's values are bytes of one length, which are no text whatever they look like.
fn is_fixed(field: &Type) -> bool {
    field.is_primitive() && field.get_physical_type() == Physical::FIXED_LEN_BYTE_ARRAY
}

fn holds_signatures(field: &Type, depth: usize) -> bool {
    let named = Field::named(field.name()).is_some_and(Field::holds_signatures);
    let inside =
        || field.is_group() && field.get_fields().iter().any(|inner| holds_signatures(inner, depth + 1));
    depth < DEEPEST && (named || inside())
}

fn take_row(row: &Row, fixed: &HashSet<String>, tree: &mut Tree<'_>) -> Result<()> {
    tree.begin_object();
    for (name, value) in row.get_column_iter() {
        tree.name(name);
        match value {
            Value::Bytes(bytes) => tree.bytes(bytes.data(), fixed.contains(name))?,
            value => take(value, tree, 0)?,
        }
    }
    tree.end()
}

fn take(value: &Value, tree: &mut Tree<'_>, depth: usize) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::Str(text) => tree.text(text),
        Value::Bytes(bytes) => tree.bytes(bytes.data(), false),
        Value::Group(_) | Value::ListInternal(_) | Value::MapInternal(_) if depth == DEEPEST => Ok(()),
        Value::Group(group) => {
            tree.begin_object();
            for (name, value) in group.get_column_iter() {
                tree.name(name);
                take(value, tree, depth + 1)?;
            }
            tree.end()
        }
        Value::ListInternal(list) => {
            tree.begin_array();
            list.elements().iter().try_for_each(|element| take(element, tree, depth + 1))?;
            tree.end()
        }
        Value::MapInternal(map) => {
            tree.begin_object();
            for (key, value) in map.entries() {
                match key {
                    Value::Str(name) => tree.name(name),
                    other => tree.name(&other.to_string()),
                }
                take(value, tree, depth + 1)?;
            }
            tree.end()
        }
        other => tree.word(&other.to_string()),
    }
}
