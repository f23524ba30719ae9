//! Matches for tables of others: one row for each picture and entry, as CSV, JSON lines or Parquet. Further columns that galleries have kept are columns of
//! their own behind the others.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::mem;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;
use serde::{Serialize, Serializer};
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
    /// The values of further columns, in the order of their names.
    #[serde(skip)]
    further: Vec<Option<String>>,
}

impl Row {
    fn new(key: &OsStr, of: &Joined<'_>, further: &[Further]) -> Row {
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
            further: further.iter().map(|column| found.columns.get(&column.kept).map(String::from)).collect(),
        }
    }
}

/// A further column of galleries.
#[derive(Debug, Clone)]
pub(super) struct Further {
    /// What it is called in galleries.
    kept: String,
    /// What it is called here, where other columns have names too.
    name: String,
}

impl Further {
    /// Those of these names, each once. A name that another column has, whatever its case, gets `entry_` before it.
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Vec<Further> {
        let mut taken: HashSet<String> = COLUMNS.iter().map(|column| column.name.to_string()).collect();
        let mut all: Vec<Further> = Vec::new();
        for kept in names {
            if all.iter().any(|known| known.kept == kept) {
                continue;
            }
            let mut name = kept.clone();
            while !taken.insert(name.to_lowercase()) {
                name = format!("entry_{name}");
            }
            all.push(Further { kept, name });
        }
        all
    }
}

/// A row as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a Row,
    #[serde(flatten)]
    further: FurtherValues<'a>,
}

/// Further columns that have values.
struct FurtherValues<'a>(&'a [Further], &'a [Option<String>]);

impl Serialize for FurtherValues<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let values =
            self.0.iter().zip(self.1).filter_map(|(column, value)| Some((&column.name, value.as_ref()?)));
        to.collect_map(values)
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

/// Rows, with their columns.
pub(super) struct Rows {
    further: Vec<Further>,
    to: Format,
}

/// Where rows go.
enum Format {
    Lines(BufWriter<To>),
    Csv(Box<csv::Writer<To>>),
    Parquet(Box<Groups>),
}

impl Rows {
    /// Rows with these further columns.
    pub(super) fn new(format: OutputFormat, to: To, further: Vec<Further>) -> Result<Rows, Error> {
        let to = match format {
            OutputFormat::Jsonl => Format::Lines(BufWriter::new(to)),
            OutputFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(to);
                let names = COLUMNS.iter().map(|column| column.name);
                let names = names.chain(further.iter().map(|column| &*column.name));
                writer.write_record(names).map_err(|error| cannot_write(error.into()))?;
                Format::Csv(Box::new(writer))
            }
            OutputFormat::Parquet => Format::Parquet(Box::new(Groups::new(to, &further).map_err(broken)?)),
        };
        Ok(Rows { further, to })
    }

    /// Adds what a picture matched.
    pub(super) fn add(&mut self, key: &OsStr, matches: &[RecordMatch]) -> Result<(), Error> {
        for entry in joined(matches) {
            let row = Row::new(key, &entry, &self.further);
            match &mut self.to {
                Format::Lines(to) => {
                    let line = Line { row: &row, further: FurtherValues(&self.further, &row.further) };
                    writeln!(to, "{}", json(&line)?).map_err(cannot_write)?;
                }
                Format::Csv(to) => {
                    let values = COLUMNS.iter().map(|column| (column.value)(&row).unwrap_or_default());
                    let values =
                        values.chain(row.further.iter().map(|value| value.clone().unwrap_or_default()));
                    to.write_record(values).map_err(|error| cannot_write(error.into()))?;
                }
                Format::Parquet(to) => to.add(row).map_err(broken)?,
            }
        }
        Ok(())
    }

    /// Lets readers see what was added; Parquet is whole at its end only.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        match &mut self.to {
            Format::Lines(to) => to.flush().map_err(cannot_write),
            Format::Csv(to) => to.flush().map_err(cannot_write),
            Format::Parquet(_) => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), Error> {
        match &mut self.to {
            Format::Parquet(to) => to.finish().map_err(broken),
            Format::Lines(_) | Format::Csv(_) => self.flush(),
        }
    }
}

/// Rows of a group in Parquet.
const GROUP: usize = 65_536;

/// Bytes of further columns after which a group ends early.
const GROUP_BYTES: usize = 32 << 20;

/// A Parquet file that is written a group of rows at a time.
pub(super) struct Groups {
    to: SerializedFileWriter<To>,
    rows: Vec<Row>,
    /// Of further columns.
    bytes: usize,
    further: usize,
}

impl Groups {
    fn new(to: To, further: &[Further]) -> Result<Groups, ParquetError> {
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
        let own = parse_message_type(&format!("message matches {{ {columns} }}"))?;
        let mut fields = own.get_fields().to_vec();
        for column in further {
            fields.push(Arc::new(text_field(&column.name)?));
        }
        let schema = Type::group_type_builder("matches").with_fields(fields).build()?;
        let version = KeyValue::new("shadegrid.version".to_string(), env!("CARGO_PKG_VERSION").to_string());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("shadegrid ", env!("CARGO_PKG_VERSION")).to_string())
            .set_key_value_metadata(Some(vec![version]))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
        let to = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Groups { to, rows: Vec::new(), bytes: 0, further: further.len() })
    }

    fn add(&mut self, row: Row) -> Result<(), ParquetError> {
        self.bytes += row.further.iter().flatten().map(String::len).sum::<usize>();
        self.rows.push(row);
        if self.rows.len() < GROUP && self.bytes < GROUP_BYTES { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), ParquetError> {
        let rows = mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.to.next_row_group()?;
        for column in &COLUMNS {
            let values: Vec<Option<String>> = rows.iter().map(column.value).collect();
            match column.kind {
                Kind::Text => put::<ByteArrayType, _>(&mut group, column.required, &values, as_bytes),
                // Parquet's unsigned numbers are the signed ones with the same bits.
                Kind::UInt32 => put::<Int32Type, _>(&mut group, column.required, &values, |text| {
                    text.parse::<u32>().ok().map(u32::cast_signed)
                }),
                Kind::UInt64 => put::<Int64Type, _>(&mut group, column.required, &values, |text| {
                    text.parse::<u64>().ok().map(u64::cast_signed)
                }),
            }?;
        }
        for column in 0..self.further {
            let values: Vec<Option<String>> = rows.iter().map(|row| row.further[column].clone()).collect();
            put::<ByteArrayType, _>(&mut group, false, &values, as_bytes)?;
        }
        group.close().map(drop)
    }

    fn finish(&mut self) -> Result<(), ParquetError> {
        self.write()?;
        self.to.finish()?;
        self.to.inner_mut().flush().map_err(ParquetError::from)
    }
}

/// A column of texts that need not be there; its name may have any letters.
fn text_field(name: &str) -> Result<Type, ParquetError> {
    Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::String))
        .build()
}

#[expect(clippy::unnecessary_wraps, reason = "other types have texts that are no values")]
fn as_bytes(text: &str) -> Option<ByteArray> {
    Some(ByteArray::from(text))
}

fn put<T: DataType, F: Fn(&str) -> Option<T::T>>(
    group: &mut SerializedRowGroupWriter<'_, To>,
    required: bool,
    values: &[Option<String>],
    convert: F,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("more columns than the schema has".to_string());
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().filter_map(|text| convert(text)).collect();
    let mut to = group.next_column()?.ok_or_else(missing)?;
    to.typed::<T>().write_batch(&values, (!required).then_some(&levels[..]), None)?;
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
