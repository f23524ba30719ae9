//! The columns of stored records: the one table that the formats are made from.
//!
//! A column has a name, a type, and a function that finds its value in a record. Parquet's schema and values follow
//! [`COLUMNS`] in their order; CSV takes the same columns in its own order; JSON lines have the same names.

use std::borrow::Cow;

use super::stored::{RecordFace, RecordMatch, RecordPicture, StoredRecord, Text, key_bytes};
use crate::signature::{Pdq, PhotoDna};

/// One column of `T`, which is a record, or an element of a list in one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Column<T: 'static> {
    /// Its name in every format.
    pub name: &'static str,
    /// The type of its values.
    pub kind: ColumnType,
    /// Whether every `T` has a value.
    pub required: bool,
    value: fn(&T) -> Option<Value<'_>>,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// Bytes of any length.
    Bytes,
    /// 144 bytes; as text, base64.
    PhotoDna,
    /// 32 bytes; as text, hexadecimal digits.
    Pdq,
    /// An unsigned number of 8 bits.
    UInt8,
    /// An unsigned number of 32 bits.
    UInt32,
    /// An unsigned number of 64 bits.
    UInt64,
    /// A signed number of 64 bits.
    Int64,
    /// A float of 32 bits.
    Float32,
    /// A float of 64 bits.
    Float64,
    /// A list of texts.
    Texts,
    /// A list of structs: [`MATCH_COLUMNS`].
    Matches,
    /// A list of structs: [`FACE_COLUMNS`].
    Faces,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Of [`ColumnType::Text`].
    Text(Cow<'a, str>),
    /// Of [`ColumnType::Bytes`].
    Bytes(&'a [u8]),
    /// Of [`ColumnType::PhotoDna`].
    PhotoDna(&'a PhotoDna),
    /// Of [`ColumnType::Pdq`].
    Pdq(&'a Pdq),
    /// Of all integers.
    Integer(u64),
    /// Of [`ColumnType::Float32`].
    Float32(f32),
    /// Of [`ColumnType::Float64`].
    Float64(f64),
    /// Of [`ColumnType::Texts`].
    Texts(&'a [Text]),
    /// Of [`ColumnType::Matches`].
    Matches(&'a [RecordMatch]),
    /// Of [`ColumnType::Faces`].
    Faces(&'a [RecordFace]),
}

impl<T> Column<T> {
    /// The column's value in `of`.
    pub fn value<'a>(&self, of: &'a T) -> Option<Value<'a>> {
        (self.value)(of)
    }

    const fn required(name: &'static str, kind: ColumnType, value: fn(&T) -> Option<Value<'_>>) -> Column<T> {
        Column { name, kind, required: true, value }
    }

    const fn optional(name: &'static str, kind: ColumnType, value: fn(&T) -> Option<Value<'_>>) -> Column<T> {
        Column { name, kind, required: false, value }
    }
}

/// The columns of a record.
pub static COLUMNS: [Column<StoredRecord>; 26] = {
    use ColumnType as Is;
    [
        Column::required("key", Is::Text, |r| Some(Value::Text(r.key.to_string_lossy()))),
        // The exact key, where it is not UTF-8.
        Column::optional("key_bytes", Is::Bytes, |r| key_bytes(&r.key).map(Value::Bytes)),
        Column::optional("source", Is::Text, |r| text(r.source.as_deref())),
        Column::required("status", Is::Text, |r| text(Some(if r.outcome.is_ok() { "ok" } else { "error" }))),
        Column::optional("error_code", Is::Text, |r| text(r.error().map(|error| &*error.code))),
        Column::optional("error_message", Is::Text, |r| text(r.error().map(|error| &*error.message))),
        Column::optional("format", Is::Text, |r| word(r, |picture| picture.format.as_ref())),
        Column::optional("width", Is::UInt32, |r| integer(r.picture().map(|picture| picture.width))),
        Column::optional("height", Is::UInt32, |r| integer(r.picture().map(|picture| picture.height))),
        Column::optional("bytes", Is::Int64, |r| integer(r.picture()?.bytes)),
        Column::optional("photodna", Is::PhotoDna, |r| r.picture()?.photodna.as_ref().map(Value::PhotoDna)),
        Column::optional("strength", Is::Float64, |r| r.picture()?.strength.map(Value::Float64)),
        Column::optional("pdq", Is::Pdq, |r| r.picture()?.pdq.as_ref().map(Value::Pdq)),
        Column::optional("quality", Is::UInt8, |r| integer(r.picture()?.quality)),
        Column::optional("pdq_path", Is::Text, |r| word(r, |picture| picture.pdq_path.as_ref())),
        Column::optional("pdq512", Is::Pdq, |r| r.picture()?.pdq512.as_ref().map(Value::Pdq)),
        Column::optional("quality512", Is::UInt8, |r| integer(r.picture()?.quality512)),
        Column::optional("pdq512_path", Is::Text, |r| word(r, |picture| picture.pdq512_path.as_ref())),
        Column::optional("flags", Is::Texts, |r| r.picture().map(|picture| Value::Texts(&picture.flags))),
        Column::optional("detail", Is::Text, |r| word(r, |picture| Some(&picture.detail))),
        Column::optional("decoded", Is::Float32, |r| r.picture()?.decoded.map(Value::Float32)),
        Column::optional("backend", Is::Text, |r| word(r, |picture| Some(&picture.backend))),
        Column::optional("fallback", Is::Text, |r| text(r.picture()?.fallback.as_deref())),
        Column::optional("matches", Is::Matches, |r| r.matches.as_deref().map(Value::Matches)),
        Column::optional("face", Is::Text, |r| word(r, |picture| picture.face.as_ref())),
        // A record without further faces has no list.
        Column::optional("faces", Is::Faces, |r| {
            Some(&*r.picture()?.faces).filter(|faces| !faces.is_empty()).map(Value::Faces)
        }),
    ]
};

/// The columns of a match.
pub static MATCH_COLUMNS: [Column<RecordMatch>; 10] = {
    use ColumnType as Is;
    [
        Column::required("gallery", Is::Text, |m| text(Some(&m.gallery))),
        Column::required("key", Is::Text, |m| text(Some(&m.key))),
        Column::required("label", Is::Text, |m| text(Some(&m.label))),
        Column::required("source", Is::Text, |m| text(Some(&m.source))),
        Column::required("position", Is::UInt64, |m| integer(Some(m.position))),
        Column::required("algorithm", Is::Text, |m| text(Some(&m.algorithm))),
        Column::required("distance", Is::UInt32, |m| integer(Some(m.distance))),
        Column::required("orientation", Is::Text, |m| text(Some(&m.orientation))),
        Column::optional("face", Is::Text, |m| text(m.face.as_deref())),
        // JSON, as each list has others.
        Column::optional("columns", Is::Text, |m| {
            (!m.columns.is_empty()).then(|| Value::Text(Cow::Owned(m.columns.to_json())))
        }),
    ]
};

/// The columns of a further face.
pub static FACE_COLUMNS: [Column<RecordFace>; 7] = {
    use ColumnType as Is;
    [
        Column::required("face", Is::Text, |f| text(Some(&f.face))),
        Column::optional("photodna", Is::PhotoDna, |f| f.photodna.as_ref().map(Value::PhotoDna)),
        Column::optional("strength", Is::Float64, |f| f.strength.map(Value::Float64)),
        Column::optional("pdq", Is::Pdq, |f| f.pdq.as_ref().map(Value::Pdq)),
        Column::optional("quality", Is::UInt8, |f| integer(f.quality)),
        Column::optional("pdq512", Is::Pdq, |f| f.pdq512.as_ref().map(Value::Pdq)),
        Column::optional("quality512", Is::UInt8, |f| integer(f.quality512)),
    ]
};

/// The one column of a text in a list.
#[cfg(feature = "parquet")]
pub(super) static TEXT_COLUMN: Column<Text> =
    Column::required("element", ColumnType::Text, |element| text(Some(element)));

/// What 0.1.0 called some columns in CSV and JSON lines; files with these names are read for good.
pub(super) const OLD_NAMES: [(&str, &str); 4] =
    [("path", "key"), ("path_base64", "key_bytes"), ("code", "error_code"), ("message", "error_message")];

/// What a column is called now.
pub(super) fn current_name(name: &str) -> &str {
    OLD_NAMES.iter().find(|(old, _)| *old == name).map_or(name, |(_, current)| current)
}

fn text(value: Option<&str>) -> Option<Value<'_>> {
    value.map(|text| Value::Text(Cow::Borrowed(text)))
}

fn word(record: &StoredRecord, value: impl Fn(&RecordPicture) -> Option<&Text>) -> Option<Value<'_>> {
    text(record.picture().and_then(value).map(|word| &**word))
}

fn integer(value: Option<impl Into<u64>>) -> Option<Value<'static>> {
    value.map(|number| Value::Integer(number.into()))
}
