//! Hash lists as they arrive: one reader per format. All of them stream, hold one record at a time, and report every
//! record that gives no entry.
//!
//! A list is opened once and read from its start to its end, so pipes are lists like any other. Its head says whether it is packed,
//! how its text is stored and what format it has; `opened`, `encoding` and `sniff` see to that, and `fields` makes entries of named
//! values whatever format they stood in.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use super::Entry;
use crate::error::{Error, Result};

mod binary;
pub(crate) mod encoding;
mod fields;
mod import;
mod json;
mod keeping;
mod kept;
pub(crate) mod lines;
mod names;
pub(crate) mod opened;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "lists/parquet_absent.rs"]
pub(crate) mod parquet;
mod reading;
#[cfg(feature = "service")]
pub(crate) mod record;
pub(crate) mod rows;
pub(crate) mod sniff;
mod table;
mod text;
mod tree;
mod value;
pub(crate) mod xml;
#[cfg(feature = "archives")]
mod zip;
#[cfg(not(feature = "archives"))]
#[path = "lists/zip_absent.rs"]
mod zip;
#[cfg(feature = "archives")]
mod zstandard;
#[cfg(not(feature = "archives"))]
#[path = "lists/zstandard_absent.rs"]
mod zstandard;

pub use import::{Import, ImportOptions, LeaveOut, Overrepresented, Report, Unread};
pub use keeping::KeepColumns;

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
    /// JSON documents with records in them: Project VIC (VICS) 1.x and 2.0, ThreatExchange's pages, or an array of objects.
    Json,
    /// NCMEC's hash sharing, version 2.
    Ncmec,
    /// Parquet with columns named as in CSV.
    Parquet,
    /// 144 bytes per signature and nothing else. Never sniffed, because any bytes could be signatures.
    BinaryPhotoDna,
    /// 32 bytes per signature and nothing else. Never sniffed either.
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
#[expect(clippy::large_enum_variant, reason = "items are given one at a time, not kept")]
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
    /// Something of entries that were given cannot be read, such as their quality or a further signature.
    Odd {
        /// As in [`Entry::position`].
        position: u64,
        /// What is wrong; without the record's content.
        reason: String,
    },
    /// A record that cannot be read.
    Bad {
        /// As in [`Entry::position`].
        position: u64,
        /// What is wrong; without the record's content.
        reason: String,
    },
}

/// Where in a list an item stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListPart {
    /// The file in a zip archive; empty where the list is no archive.
    pub member: String,
    /// The format that it is read in.
    pub format: ListFormat,
}

/// Takes the items of a list; its error ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(&ListPart, Item) -> Result<()>;

/// Takes the items of one part.
type Give<'a> = &'a mut dyn FnMut(Item) -> Result<()>;

/// Reads a list, every record of it, in order: a file, a pipe, or standard input for `-`, packed by gzip, zstd or zip or not. The
/// format is found out from the content where it is not named; those of bare signatures have to be named.
///
/// # Errors
///
/// [`Error::Io`] where the system cannot read it. [`Error::Corrupt`] where nothing behind some point can be read, and
/// [`Error::Input`] if it is not a list or gave neither an entry nor a removal; the items before were passed on.
pub fn read(path: &Path, format: Option<ListFormat>, take: Take<'_>) -> Result<()> {
    reading::read(path, format, &keeping::Keeping::default(), take)
}

/// As [`read`], from any reader. What the list would be called, `name`, may say which algorithm's signatures it holds, and that bare ones are
/// packed.
///
/// # Errors
///
/// As for [`read`].
pub fn read_from(
    reader: impl io::Read + Send,
    name: &Path,
    format: Option<ListFormat>,
    take: Take<'_>,
) -> Result<()> {
    reading::read_from(reader, name, format, take)
}

/// Detects a list's format by its first bytes; for a zip archive, that of its first file.
///
/// # Errors
///
/// [`Error::Input`] where it is no list, [`Error::Io`] where the file cannot be read. A pipe cannot be read afterwards.
pub fn sniff(path: &Path) -> Result<ListFormat> {
    reading::sniff(path)
}

/// Reads a list of keys, one per line, stored or compressed like any list; empty lines are skipped.
///
/// # Errors
///
/// [`Error::Io`] and [`Error::Corrupt`] as for [`read`].
pub fn keys(path: &Path, take: &mut dyn FnMut(&str)) -> Result<()> {
    reading::keys(path, take)
}

/// An error about the rest of a list.
fn damaged(message: impl Into<String>) -> Error {
    Error::corrupt("list", message)
}

/// What a failed read says of a list: that it breaks off where what packs or encodes it makes no sense, else the system's error.
fn unreadable(error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | Other | UnexpectedEof if error.raw_os_error().is_none() => {
            damaged(format!("it cannot be read on: {error}"))
        }
        _ => Error::io("cannot read the list", error),
    }
}
