//! Matches for tables of others: one row for each picture and entry, as CSV, JSON lines or Parquet.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::Serialize;
use shadegrid::Error;
use shadegrid::pipeline::RecordMatch;

use super::joined::{Joined, joined};
use crate::cli::lookups::json;
use crate::cli::output::OutputFormat;

/// One row. The names of its fields are those of the columns.
#[derive(Debug, Serialize)]
struct Row {
    /// The picture, or the key of a stored signature.
    key: String,
    /// The exact key in base64, where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_bytes: Option<String>,
    gallery: String,
    entry: String,
    label: String,
    source: String,
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    photodna_distance: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdq_distance: Option<u32>,
    orientation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<String>,
}

impl Row {
    fn new(key: &OsStr, of: &Joined<'_>) -> Row {
        let &Joined { found, photodna, pdq } = of;
        let exact = key.to_str().is_none().then(|| BASE64.encode(key.as_encoded_bytes()));
        Row {
            key: key.to_string_lossy().into_owned(),
            key_bytes: exact,
            gallery: found.gallery.clone(),
            entry: found.key.clone(),
            label: found.label.clone(),
            source: found.source.clone(),
            position: found.position,
            photodna_distance: photodna,
            pdq_distance: pdq,
            orientation: found.orientation.to_string(),
            face: found.face.as_ref().map(ToString::to_string),
        }
    }
}

/// A column: its name, whether every row has a value, and the value as text.
struct Column {
    name: &'static str,
    kind: Kind,
    required: bool,
    value: fn(&Row) -> Option<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    UInt32,
    UInt64,
}

/// The columns, in the order of CSV and Parquet.
const COLUMNS: [Column; 11] = {
    const fn column(
        name: &'static str,
        kind: Kind,
        required: bool,
        value: fn(&Row) -> Option<String>,
    ) -> Column {
        Column { name, kind, required, value }
    }
    [
        column("key", Kind::Text, true, |row| Some(row.key.clone())),
        column("key_bytes", Kind::Text, false, |row| row.key_bytes.clone()),
        column("gallery", Kind::Text, true, |row| Some(row.gallery.clone())),
        column("entry", Kind::Text, true, |row| Some(row.entry.clone())),
        column("label", Kind::Text, true, |row| Some(row.label.clone())),
        column("source", Kind::Text, true, |row| Some(row.source.clone())),
        column("position", Kind::UInt64, true, |row| Some(row.position.to_string())),
        column("photodna_distance", Kind::UInt32, false, |row| row.photodna_distance.map(|d| d.to_string())),
        column("pdq_distance", Kind::UInt32, false, |row| row.pdq_distance.map(|d| d.to_string())),
        column("orientation", Kind::Text, true, |row| Some(row.orientation.clone())),
        column("face", Kind::Text, false, |row| row.face.clone()),
    ]
};

type To = Box<dyn Write + Send>;

/// Where rows go.
pub(super) enum Rows {
    Lines(BufWriter<To>),
    Csv(Box<csv::Writer<To>>),
    Parquet(Box<Groups>),
}

impl Rows {
    pub(super) fn new(format: OutputFormat, to: To) -> Result<Rows, Error> {
        Ok(match format {
            OutputFormat::Jsonl => Rows::Lines(BufWriter::new(to)),
            OutputFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(to);
                writer
                    .write_record(COLUMNS.map(|column| column.name))
                    .map_err(|error| cannot_write(error.into()))?;
                Rows::Csv(Box::new(writer))
            }
            OutputFormat::Parquet => Rows::Parquet(Box::new(Groups::new(to).map_err(broken)?)),
        })
    }

    /// Adds what a picture matched.
    pub(super) fn add(&mut self, key: &OsStr, matches: &[RecordMatch]) -> Result<(), Error> {
        for row in joined(matches).iter().map(|entry| Row::new(key, entry)) {
            match self {
                Rows::Lines(to) => writeln!(to, "{}", json(&row)?).map_err(cannot_write)?,
                Rows::Csv(to) => {
                    let values = COLUMNS.iter().map(|column| (column.value)(&row).unwrap_or_default());
                    to.write_record(values).map_err(|error| cannot_write(error.into()))?;
                }
                Rows::Parquet(to) => to.add(row).map_err(broken)?,
            }
        }
        Ok(())
    }

    /// Lets readers see what was added; Parquet is whole at its end only.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        match self {
            Rows::Lines(to) => to.flush().map_err(cannot_write),
            Rows::Csv(to) => to.flush().map_err(cannot_write),
            Rows::Parquet(_) => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        match self {
            Rows::Parquet(to) => to.finish().map_err(broken),
            Rows::Lines(_) | Rows::Csv(_) => self.flush(),
        }
    }
}

/// Rows of a group in Parquet.
const GROUP: usize = 65_536;

/// A Parquet file that is written a group of rows at a time.
pub(super) struct Groups {
    to: SerializedFileWriter<To>,
    rows: Vec<Row>,
}

impl Groups {
    fn new(to: To) -> Result<Groups, ParquetError> {
        let declared = |column: &Column| {
            let kind = match column.kind {
                Kind::Text => ("binary", "(STRING)"),
                Kind::UInt32 => ("int32", "(INTEGER(32,false))"),
                Kind::UInt64 => ("int64", "(INTEGER(64,false))"),
            };
            let need = if column.required { "required" } else { "optional" };
            format!("{need} {} {} {};", kind.0, column.name, kind.1)
        };
        let columns: String = COLUMNS.iter().map(declared).collect();
        let schema = parse_message_type(&format!("message matches {{ {columns} }}"))?;
        let version = KeyValue::new("shadegrid.version".to_string(), env!("CARGO_PKG_VERSION").to_string());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("shadegrid ", env!("CARGO_PKG_VERSION")).to_string())
            .set_key_value_metadata(Some(vec![version]))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
        let to = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Groups { to, rows: Vec::new() })
    }

    fn add(&mut self, row: Row) -> Result<(), ParquetError> {
        self.rows.push(row);
        if self.rows.len() < GROUP { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let rows = mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.to.next_row_group()?;
        for column in &COLUMNS {
            let values: Vec<Option<String>> = rows.iter().map(column.value).collect();
            match column.kind {
                Kind::Text => {
                    put::<ByteArrayType, _>(&mut group, column, &values, |text| Some(ByteArray::from(text)))
                }
                // Parquet's unsigned numbers are the signed ones with the same bits.
                Kind::UInt32 => put::<Int32Type, _>(&mut group, column, &values, |text| {
                    text.parse::<u32>().ok().map(u32::cast_signed)
                }),
                Kind::UInt64 => put::<Int64Type, _>(&mut group, column, &values, |text| {
                    text.parse::<u64>().ok().map(u64::cast_signed)
                }),
            }?;
        }
        group.close().map(drop)
    }

    fn finish(&mut self) -> Result<(), ParquetError> {
        self.write()?;
        self.to.finish()?;
        self.to.inner_mut().flush().map_err(ParquetError::from)
    }
}

fn put<T: DataType, F: Fn(&str) -> Option<T::T>>(
    group: &mut SerializedRowGroupWriter<'_, To>,
    column: &Column,
    values: &[Option<String>],
    convert: F,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("more columns than the schema has".to_string());
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().filter_map(|text| convert(text)).collect();
    let mut to = group.next_column()?.ok_or_else(missing)?;
    to.typed::<T>().write_batch(&values, (!column.required).then_some(&levels[..]), None)?;
    to.close()
}

/// The system's error where there is one, so that a full disk is reported as such.
fn broken(error: ParquetError) -> Error {
    cannot_write(match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    })
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the rows", source)
}
