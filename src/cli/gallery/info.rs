//! `shadegrid gallery info`: how much a gallery holds, and from which lists.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use shadegrid::Error;

use super::super::columns::{self, left};
use super::super::console::{self, printable};
use super::super::exit::Exit;
use super::super::lookups::{glance, json};
use super::super::output::is_seen;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The gallery's file
    #[arg(value_name = "GALLERY")]
    gallery: PathBuf,

    /// How it is written [default: table on a terminal, else json]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// How the description is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    Table,
    /// One JSON object
    Json,
}

impl Arguments {
    fn format(&self) -> Format {
        let by_default = if is_seen(None) { Format::Table } else { Format::Json };
        self.format.or(self.json.then_some(Format::Json)).unwrap_or(by_default)
    }
}

/// What `info` prints.
#[derive(Serialize)]
struct Info {
    entries: u64,
    removed: u64,
    photodna: u64,
    pdq: u64,
    segments: u64,
    bytes: u64,
    sources: Vec<Source>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Column>,
}

/// A further column: how many entries have it, and nothing of what they have.
#[derive(Serialize)]
struct Column {
    name: String,
    entries: u64,
}

#[derive(Serialize)]
struct Source {
    name: String,
    format: String,
    entries: u64,
}

impl Info {
    /// The same for people.
    fn in_words(&self) -> String {
        let mut text = format!("entries   {}", HumanCount(self.entries));
        if self.removed > 0 {
            let _ = write!(text, ", and {} removed ones that take space", HumanCount(self.removed));
        }
        let segments = console::counted(self.segments, "segment", "segments");
        let (photodna, pdq) = (HumanCount(self.photodna), HumanCount(self.pdq));
        let bytes = HumanBytes(self.bytes);
        let _ =
            writeln!(text, "\nfile      {bytes} in {segments}, {photodna} photodna and {pdq} pdq signatures");
        let names: Vec<String> = self.sources.iter().map(|source| printable(&source.name)).collect();
        let wide = columns::width(names.iter().map(String::as_str));
        for (number, (name, Source { format, entries, .. })) in names.iter().zip(&self.sources).enumerate() {
            let title = if number == 0 { "lists" } else { "" };
            let (name, format) = (left(name, wide), printable(format));
            let entries = console::counted(*entries, "entry", "entries");
            let _ = writeln!(text, "{title:<8}  {name}  {format:<12}  {entries}");
        }
        let wide =
            self.columns.iter().map(|column| printable(&column.name).chars().count()).max().unwrap_or(0);
        for (number, Column { name, entries }) in self.columns.iter().enumerate() {
            let title = if number == 0 { "columns" } else { "" };
            let (name, entries) = (printable(name), console::counted(*entries, "entry", "entries"));
            let _ = writeln!(text, "{title:<8}  {name:<wide$}  {entries}");
        }
        text
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let gallery = glance(&arguments.gallery)?;
    let counts = gallery.counts();
    let source = |(name, format, entries)| Source { name, format, entries };
    let column = |(name, entries)| Column { name, entries };
    let info = Info {
        entries: counts.entries,
        removed: counts.removed,
        photodna: counts.photodna,
        pdq: counts.pdq,
        segments: counts.segments,
        bytes: counts.bytes,
        sources: gallery.sources().into_iter().map(source).collect(),
        columns: gallery.columns().into_iter().map(column).collect(),
    };
    console::print(&match arguments.format() {
        Format::Table => info.in_words(),
        Format::Json => json(&info)? + "\n",
    })?;
    Ok(Exit::Done)
}
