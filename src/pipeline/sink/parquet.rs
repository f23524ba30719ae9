//! Parquet: columns of fixed types, compressed with zstd. The same records give the same bytes.
//!
//! Rows are gathered, and written a group at a time, a column after another in the order of [`SCHEMA`]. A list's values carry levels
//! (Dremel's encoding): 0 for no list, 1 for an empty one, 2 for an element, 3 for a value in it that need not be there; repetition 0 starts
//! a row's list.

use std::fs::File;
use std::io::Write;
use std::mem;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::{Field, Row as Group};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::json_lines::cannot_write;
use super::{RowSink, Rows, Sink, unreadable};
use crate::error::{Error, Result};
use crate::parquet as columns;
use crate::pipeline::Record;
use crate::pipeline::row::{Row, RowFace, RowFailure, RowMatch, RowPicture, Text};
use crate::pipeline::source::name_from_bytes;
use crate::signature::{Pdq, PhotoDna};

/// `key_bytes` is there where the key is not UTF-8.
const SCHEMA: &str = "message shadegrid {
    required binary key (STRING);
    optional binary key_bytes;
    optional binary source (STRING);
    required binary status (STRING);
    optional binary error_code (STRING);
    optional binary error_message (STRING);
    optional binary format (STRING);
    optional int32 width (INTEGER(32,false));
    optional int32 height (INTEGER(32,false));
    optional int64 bytes;
    optional fixed_len_byte_array(144) photodna;
    optional double strength;
    optional fixed_len_byte_array(32) pdq;
    optional int32 quality (INTEGER(8,false));
    optional binary pdq_path (STRING);
    optional fixed_len_byte_array(32) pdq512;
    optional int32 quality512 (INTEGER(8,false));
    optional binary pdq512_path (STRING);
    optional group flags (LIST) { repeated group list { required binary element (STRING); } }
    optional binary detail (STRING);
    optional float decoded;
    optional binary backend (STRING);
    optional binary fallback (STRING);
    optional group matches (LIST) { repeated group list { required group element {
        required binary gallery (STRING);
        required binary key (STRING);
        required binary label (STRING);
        required binary source (STRING);
        required int64 position (INTEGER(64,false));
        required binary algorithm (STRING);
        required int32 distance (INTEGER(32,false));
        required binary orientation (STRING);
        optional binary face (STRING);
    } } }
    optional binary face (STRING);
    optional group faces (LIST) { repeated group list { required group element {
        required binary face (STRING);
        optional fixed_len_byte_array(144) photodna;
        optional double strength;
        optional fixed_len_byte_array(32) pdq;
        optional int32 quality (INTEGER(8,false));
        optional fixed_len_byte_array(32) pdq512;
        optional int32 quality512 (INTEGER(8,false));
    } } }
}";

/// Rows of a group; some 10 MB.
const GROUP: usize = 32_768;

/// Matches after which a group ends early: a row may have any number of them.
const GROUP_MATCHES: usize = 4 * GROUP;

/// Writes a Parquet file, `photodna` and `pdq` as bytes of fixed length. It is whole after [`Sink::finish`] only.
pub struct Parquet<W: Write + Send> {
    to: SerializedFileWriter<W>,
    rows: Vec<Row>,
    matches: usize,
}

impl<W: Write + Send> Parquet<W> {
    /// Starts a file, with `about` in its metadata; see [`describe`](super::describe).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be written.
    pub fn new(to: W, about: &[(String, String)]) -> Result<Parquet<W>> {
        let schema = parse_message_type(SCHEMA).map_err(broken)?;
        let to =
            SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties(about)?)).map_err(broken)?;
        Ok(Parquet { to, rows: Vec::new(), matches: 0 })
    }

    /// What it writes to. Complete after [`Sink::finish`].
    ///
    /// # Panics
    ///
    /// Where that was not called, and what is left cannot be written.
    pub fn into_inner(self) -> W {
        self.to.into_inner().map_err(|error| error.to_string()).expect("what is left is written")
    }

    fn write_group(&mut self) -> Result<()> {
        let rows = mem::take(&mut self.rows);
        self.matches = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns = Columns { rows: &rows, to: self.to.next_row_group().map_err(broken)? };
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
        self.write_row(&record.into())
    }

    fn finish(&mut self) -> Result<()> {
        self.write_group()?;
        self.to.finish().map_err(broken)?;
        self.to.inner_mut().flush().map_err(cannot_write)
    }
}

impl<W: Write + Send> RowSink for Parquet<W> {
    fn write_row(&mut self, row: &Row) -> Result<()> {
        self.matches += row.matches.as_ref().map_or(0, Vec::len);
        self.rows.push(row.clone());
        if self.rows.len() < GROUP && self.matches < GROUP_MATCHES { Ok(()) } else { self.write_group() }
    }
}

/// The system's error where there is one, so that a full disk is told as such.
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

/// The columns of one group.
struct Columns<'a, 'b, W: Write + Send> {
    rows: &'a [Row],
    to: SerializedRowGroupWriter<'b, W>,
}

type Wrote = Result<(), ParquetError>;

impl<'a, W: Write + Send> Columns<'a, '_, W> {
    /// All of them, in the order of the schema.
    fn write(&mut self) -> Wrote {
        let key: Vec<ByteArray> =
            self.rows.iter().map(|row| row.key.to_string_lossy().as_ref().into()).collect();
        self.put::<ByteArrayType>(&key, None, None)?;
        self.optional::<ByteArrayType>(|row| {
            let bytes = row.key.as_encoded_bytes();
            std::str::from_utf8(bytes).is_err().then(|| bytes.into())
        })?;
        self.text(|row| row.source.as_deref())?;
        let status = |row: &Row| ByteArray::from(if row.outcome.is_ok() { "ok" } else { "error" });
        let status: Vec<ByteArray> = self.rows.iter().map(status).collect();
        self.put::<ByteArrayType>(&status, None, None)?;
        self.text(|row| row.outcome.as_ref().err().map(|failure| &*failure.code))?;
        self.text(|row| row.outcome.as_ref().err().map(|failure| &*failure.message))?;
        self.word(|picture| picture.format.as_deref())?;
        self.picture::<Int32Type>(|picture| Some(picture.width as i32))?;
        self.picture::<Int32Type>(|picture| Some(picture.height as i32))?;
        self.picture::<Int64Type>(|picture| picture.bytes.map(|bytes| bytes as i64))?;
        self.signature(|picture| picture.photodna.as_ref().map(|signature| &signature.0[..]))?;
        self.picture::<DoubleType>(|picture| picture.strength)?;
        self.signature(|picture| picture.pdq.as_ref().map(|signature| &signature.0[..]))?;
        self.picture::<Int32Type>(|picture| picture.quality.map(i32::from))?;
        self.word(|picture| picture.pdq_path.as_deref())?;
        self.signature(|picture| picture.pdq512.as_ref().map(|signature| &signature.0[..]))?;
        self.picture::<Int32Type>(|picture| picture.quality512.map(i32::from))?;
        self.word(|picture| picture.pdq512_path.as_deref())?;
        let flags = |row: &'a Row| row.outcome.as_ref().ok().map(|picture| &picture.flags[..]);
        self.list::<ByteArrayType, Text>(flags, false, |flag| Some((&**flag).into()))?;
        self.word(|picture| Some(&picture.detail))?;
        self.picture::<FloatType>(|picture| picture.decoded)?;
        self.word(|picture| Some(&picture.backend))?;
        self.word(|picture| picture.fallback.as_deref())?;
        self.matches(|told| &told.gallery)?;
        self.matches(|told| &told.key)?;
        self.matches(|told| &told.label)?;
        self.matches(|told| &told.source)?;
        self.list::<Int64Type, RowMatch>(
            |row| row.matches.as_deref(),
            false,
            |told| Some(told.position as i64),
        )?;
        self.matches(|told| &told.algorithm)?;
        self.list::<Int32Type, RowMatch>(
            |row| row.matches.as_deref(),
            false,
            |told| Some(told.distance as i32),
        )?;
        self.matches(|told| &told.orientation)?;
        self.list::<ByteArrayType, RowMatch>(
            |row| row.matches.as_deref(),
            true,
            |told| told.face.as_deref().map(ByteArray::from),
        )?;
        self.word(|picture| picture.face.as_deref())?;
        self.faces::<ByteArrayType>(false, |face| Some((&*face.face).into()))?;
        let fixed = |bytes: &[u8]| FixedLenByteArray::from(bytes.to_vec());
        self.faces::<FixedLenByteArrayType>(true, |face| face.photodna.as_ref().map(|s| fixed(&s.0)))?;
        self.faces::<DoubleType>(true, |face| face.strength)?;
        self.faces::<FixedLenByteArrayType>(true, |face| face.pdq.as_ref().map(|s| fixed(&s.0)))?;
        self.faces::<Int32Type>(true, |face| face.quality.map(i32::from))?;
        self.faces::<FixedLenByteArrayType>(true, |face| face.pdq512.as_ref().map(|s| fixed(&s.0)))?;
        self.faces::<Int32Type>(true, |face| face.quality512.map(i32::from))
    }

    fn text(&mut self, value: impl Fn(&Row) -> Option<&str>) -> Wrote {
        self.optional::<ByteArrayType>(|row| value(row).map(ByteArray::from))
    }

    fn word(&mut self, value: impl Fn(&RowPicture) -> Option<&str>) -> Wrote {
        self.picture::<ByteArrayType>(|picture| value(picture).map(ByteArray::from))
    }

    fn signature(&mut self, value: impl Fn(&RowPicture) -> Option<&[u8]>) -> Wrote {
        let fixed = |bytes: &[u8]| FixedLenByteArray::from(bytes.to_vec());
        self.picture::<FixedLenByteArrayType>(|picture| value(picture).map(fixed))
    }

    fn picture<T: DataType>(&mut self, value: impl Fn(&RowPicture) -> Option<T::T>) -> Wrote {
        self.optional::<T>(|row| row.outcome.as_ref().ok().and_then(&value))
    }

    fn optional<T: DataType>(&mut self, value: impl Fn(&Row) -> Option<T::T>) -> Wrote {
        let values: Vec<Option<T::T>> = self.rows.iter().map(value).collect();
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        self.put::<T>(&values, Some(&levels), None)
    }

    fn matches(&mut self, value: impl Fn(&RowMatch) -> &str) -> Wrote {
        self.list::<ByteArrayType, RowMatch>(
            |row| row.matches.as_deref(),
            false,
            |told| Some(value(told).into()),
        )
    }

    /// A member of every face; a record that has none has no list.
    fn faces<T: DataType>(&mut self, optional: bool, value: impl Fn(&RowFace) -> Option<T::T>) -> Wrote {
        let faces = |row: &'a Row| row.outcome.as_ref().ok().map(|picture| &picture.faces[..]);
        self.list::<T, RowFace>(|row| faces(row).filter(|faces| !faces.is_empty()), optional, value)
    }

    fn list<T: DataType, E: 'a>(
        &mut self,
        list: impl Fn(&'a Row) -> Option<&'a [E]>,
        optional: bool,
        value: impl Fn(&E) -> Option<T::T>,
    ) -> Wrote {
        let (mut values, mut levels, mut repeats) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.rows {
            let elements = list(row);
            if elements.is_none_or(<[E]>::is_empty) {
                levels.push(i16::from(elements.is_some()));
                repeats.push(0);
            }
            for (number, element) in elements.unwrap_or_default().iter().enumerate() {
                let value = value(element);
                levels.push(2 + i16::from(optional && value.is_some()));
                values.extend(value);
                repeats.push(i16::from(number > 0));
            }
        }
        self.put::<T>(&values, Some(&levels), Some(&repeats))
    }

    fn put<T: DataType>(
        &mut self,
        values: &[T::T],
        levels: Option<&[i16]>,
        repeats: Option<&[i16]>,
    ) -> Wrote {
        let missing = || ParquetError::General("more columns than the schema has".to_string());
        let mut column = self.to.next_column()?.ok_or_else(missing)?;
        column.typed::<T>().write_batch(values, levels, repeats)?;
        column.close()
    }
}

/// A sink of this format.
pub(super) fn sink<'a>(
    to: impl Write + Send + 'a,
    about: &[(String, String)],
) -> Result<Box<dyn RowSink + Send + 'a>> {
    Ok(Box::new(Parquet::new(to, about)?))
}

/// The rows of finished output; the first that cannot be read ends them.
pub(super) fn read(file: File) -> Result<Rows> {
    let rows = columns::open(file)?.all_rows();
    let mut ended = false;
    let rows = (1..).zip(rows).map_while(move |(number, group)| {
        let row = match group {
            Ok(group) => row(&group).map_err(|message| unreadable(number, &message)),
            Err(Error::Corrupt { message, .. }) => Err(unreadable(number, &message)),
            Err(error) => Err(error),
        };
        let last = mem::replace(&mut ended, row.is_err());
        (!last).then_some(row)
    });
    Ok(Box::new(rows))
}

/// Named values of a row, as far as they are there.
struct Values<'a>(&'a Group);

impl<'a> Values<'a> {
    fn get(&self, name: &str) -> Option<&'a Field> {
        let found = self.0.get_column_iter().find(|(column, _)| *column == name);
        found.map(|(_, value)| value).filter(|value| !matches!(value, Field::Null))
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.get(name)? {
            Field::Str(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn word(&self, name: &str) -> Option<Text> {
        self.text(name).map(Text::from)
    }

    fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        match self.get(name)? {
            Field::Bytes(bytes) => Some(bytes.data()),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> Option<u64> {
        match *self.get(name)? {
            Field::UByte(number) => Some(number.into()),
            Field::UInt(number) => Some(number.into()),
            Field::ULong(number) => Some(number),
            Field::Long(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    fn small(&self, name: &str) -> Option<u8> {
        self.number(name).and_then(|number| u8::try_from(number).ok())
    }

    fn double(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Field::Double(number) => Some(*number),
            _ => None,
        }
    }

    fn elements(&self, name: &str) -> Option<&'a [Field]> {
        match self.get(name)? {
            Field::ListInternal(list) => Some(list.elements()),
            _ => None,
        }
    }
}

fn row(group: &Group) -> Result<Row, String> {
    let values = Values(group);
    let readable = values.text("key").ok_or("the key is missing")?;
    let matches = values.elements("matches").map(|told| told.iter().map(told_match).collect());
    Ok(Row {
        key: values
            .bytes("key_bytes")
            .map_or_else(|| readable.into(), |bytes| name_from_bytes(bytes.to_vec())),
        source: values.text("source"),
        outcome: match values.text("status").as_deref() {
            Some("ok") => Ok(picture(&values)?),
            Some("error") => Err(RowFailure {
                code: values.word("error_code").ok_or("the error has no code")?,
                message: values.text("error_message").unwrap_or_default(),
            }),
            _ => return Err("the status is neither ok nor error".to_string()),
        },
        matches: matches.transpose()?,
    })
}

fn picture(values: &Values<'_>) -> Result<RowPicture, String> {
    let side = |name: &str| {
        let side = values.number(name).and_then(|side| u32::try_from(side).ok());
        side.ok_or_else(|| format!("{name} is missing"))
    };
    let small = |name: &str| values.small(name);
    let pdq = |name: &str| values.bytes(name).and_then(|bytes| bytes.try_into().ok()).map(Pdq);
    let decoded = values.get("decoded").and_then(|value| match value {
        Field::Float(share) => Some(*share),
        _ => None,
    });
    let flags = values.elements("flags").unwrap_or_default().iter().filter_map(|flag| match flag {
        Field::Str(flag) => Some(flag.clone().into()),
        _ => None,
    });
    Ok(RowPicture {
        format: values.word("format"),
        width: side("width")?,
        height: side("height")?,
        bytes: values.number("bytes"),
        detail: values.word("detail").ok_or("the detail is missing")?,
        decoded,
        backend: values.word("backend").ok_or("the backend is missing")?,
        fallback: values.text("fallback"),
        photodna: values.bytes("photodna").and_then(|bytes| bytes.try_into().ok()).map(PhotoDna),
        strength: values.double("strength"),
        pdq: pdq("pdq"),
        quality: small("quality"),
        pdq_path: values.word("pdq_path"),
        pdq512: pdq("pdq512"),
        quality512: small("quality512"),
        pdq512_path: values.word("pdq512_path"),
        flags: flags.collect(),
        face: values.word("face"),
        faces: values.elements("faces").unwrap_or_default().iter().map(face).collect::<Result<_, _>>()?,
    })
}

fn face(field: &Field) -> Result<RowFace, String> {
    let Field::Group(group) = field else { return Err("a face is no group of values".to_string()) };
    let values = Values(group);
    let pdq = |name: &str| values.bytes(name).and_then(|bytes| bytes.try_into().ok()).map(Pdq);
    Ok(RowFace {
        face: values.word("face").ok_or("a face has no name")?,
        photodna: values.bytes("photodna").and_then(|bytes| bytes.try_into().ok()).map(PhotoDna),
        strength: values.double("strength"),
        pdq: pdq("pdq"),
        quality: values.small("quality"),
        pdq512: pdq("pdq512"),
        quality512: values.small("quality512"),
    })
}

fn told_match(field: &Field) -> Result<RowMatch, String> {
    let Field::Group(group) = field else { return Err("a match is no group of values".to_string()) };
    let values = Values(group);
    let text = |name: &str| values.text(name).ok_or_else(|| format!("a match has no {name}"));
    let number = |name: &str| values.number(name).ok_or_else(|| format!("a match has no {name}"));
    Ok(RowMatch {
        gallery: text("gallery")?,
        key: text("key")?,
        label: text("label")?,
        source: text("source")?,
        position: number("position")?,
        algorithm: text("algorithm")?.into(),
        distance: u32::try_from(number("distance")?).map_err(|_| "a distance is too large")?,
        orientation: text("orientation")?.into(),
        face: values.word("face"),
    })
}
