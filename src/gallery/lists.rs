//! Hash lists as they arrive: one reader a format, all of which stream, hold one record at a time, and tell of every
//! record that gives no entry.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use super::Entry;
use crate::error::{Error, Result};

mod binary;
pub(crate) mod bounded;
mod fields;
mod import;
mod json;
mod parquet;
mod table;
mod text;
mod xml;

pub use import::{Import, ImportOptions, LeaveOut, Report};

/// A list's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListFormat {
    /// One signature a line, key and label behind it; also ThreatExchange's `.pdna` and `.pdq` files.
    Text,
    /// A PDQ signature, its quality and a key a line, as the tools of PDQ's authors write them. Never sniffed, because in
    /// other lists a number in that place is a key, and an entry taken for one of low quality would match nothing.
    TextQuality,
    /// Columns with names, with commas, semicolons or tabs between; also INTERPOL's ICSE export.
    Csv,
    /// One JSON object a line; also our own records.
    JsonLines,
    /// One JSON document with records in it: Project VIC (VICS) 1.x and 2.0, or an array of objects.
    Json,
    /// NCMEC's hash sharing, version 2.
    Ncmec,
    /// Parquet with columns named as in CSV.
    Parquet,
    /// 144 bytes a signature and nothing else.
    BinaryPhotoDna,
    /// 32 bytes a signature and nothing else.
    BinaryPdq,
}

impl ListFormat {
    /// Every format.
    pub const ALL: [ListFormat; 9] = [
        ListFormat::Text,
        ListFormat::TextQuality,
        ListFormat::Csv,
        ListFormat::JsonLines,
        ListFormat::Json,
        ListFormat::Ncmec,
        ListFormat::Parquet,
        ListFormat::BinaryPhotoDna,
        ListFormat::BinaryPdq,
    ];

    /// The name on the command line and in galleries: `text`, `text-quality`, `csv`, `jsonl`, `json`, `ncmec`, `parquet`, `bin-photodna` or `bin-pdq`.
    pub fn name(self) -> &'static str {
        match self {
            ListFormat::Text => "text",
            ListFormat::TextQuality => "text-quality",
            ListFormat::Csv => "csv",
            ListFormat::JsonLines => "jsonl",
            ListFormat::Json => "json",
            ListFormat::Ncmec => "ncmec",
            ListFormat::Parquet => "parquet",
            ListFormat::BinaryPhotoDna => "bin-photodna",
            ListFormat::BinaryPdq => "bin-pdq",
        }
    }
}

impl fmt::Display for ListFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for ListFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<ListFormat> {
        let found = ListFormat::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = ListFormat::ALL.iter().map(|format| format.name()).collect();
            Error::Input(format!("unknown list format {text:?}: the choice is {}", names.join(", ")))
        })
    }
}

/// What one record of a list gave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "items are handed on one at a time, not kept")]
pub enum Item {
    /// A known signature.
    Entry(Entry),
    /// The entry of this key is no longer part of the list.
    Removed {
        /// As in [`Entry::key`].
        key: String,
    },
    /// A record that is whole but holds no signature, only, say, an MD5.
    WithoutSignature {
        /// As in [`Entry::position`].
        position: u64,
    },
    /// A record that cannot be read.
    Bad {
        /// As in [`Entry::position`].
        position: u64,
        /// What is wrong; without the record's content.
        reason: String,
    },
}

/// Takes the items of a list; its error ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(Item) -> Result<()>;

/// Reads a list, every record of it, in order.
///
/// # Errors
///
/// [`Error::Io`] where the file cannot be read, [`Error::Corrupt`] where nothing behind some point can be (the items before it
/// were handed on), [`Error::Input`] where its format cannot be told, and what `take` gives.
pub fn read(path: &Path, format: Option<ListFormat>, take: Take<'_>) -> Result<ListFormat> {
    let format = format.map_or_else(|| sniff(path), Ok)?;
    let open = || {
        File::open(path)
            .map_err(|source| Error::io(format!("cannot read the list {}", path.display()), source))
    };
    match format {
        ListFormat::Text => text::read(open()?, preferred(path), take),
        ListFormat::TextQuality => text::read_with_quality(open()?, take),
        ListFormat::Csv => table::read(open()?, take),
        ListFormat::JsonLines => json::read_lines(open()?, take),
        ListFormat::Json => json::read_document(open()?, take),
        ListFormat::Ncmec => xml::read(open()?, take),
        ListFormat::Parquet => parquet::read(open()?, take),
        ListFormat::BinaryPhotoDna => binary::read::<144>(open()?, take),
        ListFormat::BinaryPdq => binary::read::<32>(open()?, take),
    }?;
    Ok(format)
}

/// The algorithm that a file's name speaks of.
fn preferred(path: &Path) -> Option<crate::Algorithm> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if name.contains("pdna") || name.contains("photodna") {
        Some(crate::Algorithm::PhotoDna)
    } else {
        name.contains("pdq").then_some(crate::Algorithm::Pdq)
    }
}

/// Tells a list's format from its first bytes, and from its length and name where it is binary.
///
/// # Errors
///
/// [`Error::Input`] where it cannot be told, [`Error::Io`] where the file cannot be read.
pub fn sniff(path: &Path) -> Result<ListFormat> {
    let cannot = |source| Error::io(format!("cannot read the list {}", path.display()), source);
    let file = File::open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let mut start = Vec::new();
    BufReader::new(file).take(64 << 10).read_to_end(&mut start).map_err(cannot)?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    if start.starts_with(b"PAR1") {
        return Ok(ListFormat::Parquet);
    }
    let printable = |&byte: &u8| byte >= 0x20 || byte.is_ascii_whitespace();
    if !start.iter().all(printable) || str::from_utf8(start).is_err_and(|e| e.error_len().is_some()) {
        return sniff_binary(path, length);
    }
    let text = start.trim_ascii_start();
    Ok(match text.first() {
        Some(b'<') => ListFormat::Ncmec,
        Some(b'[') => ListFormat::Json,
        Some(b'{') if json::is_lines(text) => ListFormat::JsonLines,
        Some(b'{') => ListFormat::Json,
        _ if table::has_header(text) => ListFormat::Csv,
        _ => ListFormat::Text,
    })
}

fn sniff_binary(path: &Path, length: u64) -> Result<ListFormat> {
    match (length.is_multiple_of(144), length.is_multiple_of(32), preferred(path)) {
        (true, false, _) | (true, true, Some(crate::Algorithm::PhotoDna)) => Ok(ListFormat::BinaryPhotoDna),
        (false, true, _) | (true, true, Some(_)) => Ok(ListFormat::BinaryPdq),
        (true, true, None) => Err(Error::Input(format!(
            "{}: {length} bytes can be signatures of 144 bytes and of 32: name the format, bin-photodna or bin-pdq",
            path.display()
        ))),
        (false, false, _) => Err(Error::Input(format!(
            "{}: not a list in any known format: {length} bytes of binary data are no whole number of signatures",
            path.display()
        ))),
    }
}

/// An error about the rest of a list.
fn damaged(message: impl Into<String>) -> Error {
    Error::corrupt("list", message)
}
