//! Distances as they are written: a table for people, CSV, or JSON lines.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use clap::ValueEnum;
use shadegrid::{Algorithm, Error};

use super::pair::Pair;
use crate::cli::columns::{self, left, right};
use crate::cli::console::printable;
use crate::cli::lookups::json;
use crate::cli::output::OutputFormat;

/// How distances are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people
    Table,
    /// One JSON object for each two, a line each
    #[value(alias = "json", alias = "ndjson")]
    Jsonl,
    /// Comma-separated values with a row of names, one row for each distance
    Csv,
}

impl Format {
    /// The format of a file whose name says one, if that is what is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the two contradict each other, and for Parquet.
    pub(super) fn of(named: OutputFormat, asked: Option<Format>, path: &Path) -> Result<Format, Error> {
        let path = path.display();
        let format = match named {
            OutputFormat::Jsonl => Format::Jsonl,
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Parquet => {
                let message = format!("{path}: distances are written as .jsonl or .csv; choose another name");
                return Err(Error::Input(message));
            }
        };
        match asked {
            Some(asked) if asked != format => Err(Error::Input(format!(
                "--format and the name {path} contradict each other; leave --format away, or choose another name"
            ))),
            _ => Ok(format),
        }
    }
}

type To = BufWriter<Box<dyn Write + Send>>;

/// Writes pairs one after another.
pub(super) enum Lines {
    /// The table of one pair.
    One(To),
    /// A line for each pair.
    Many(Table),
    Json(To),
    Csv(Box<csv::Writer<To>>),
}

/// The columns of CSV.
const COLUMNS: [&str; 10] =
    ["a", "b", "algorithm", "metric", "orientation", "distance", "threshold", "within", "face_a", "face_b"];

impl Lines {
    /// Writes what is called so; `asked` is how many there were to be.
    pub(super) fn new<'a>(
        format: Format,
        names: impl Iterator<Item = &'a str>,
        asked: usize,
        to: Box<dyn Write + Send>,
    ) -> Result<Lines, Error> {
        let to = BufWriter::new(to);
        Ok(match format {
            Format::Table if asked == 2 => Lines::One(to),
            Format::Table => Lines::Many(Table::begin(names, to)?),
            Format::Jsonl => Lines::Json(to),
            Format::Csv => {
                let mut rows = csv::Writer::from_writer(to);
                rows.write_record(COLUMNS).map_err(|error| cannot(error.into()))?;
                Lines::Csv(Box::new(rows))
            }
        })
    }

    pub(super) fn write(&mut self, pair: &Pair) -> Result<(), Error> {
        match self {
            Lines::One(to) => to.write_all(pair.table().as_bytes()).map_err(cannot),
            Lines::Many(table) => table.line(pair),
            Lines::Json(to) => writeln!(to, "{}", json(pair)?).map_err(cannot),
            Lines::Csv(rows) => rows_of(pair, rows),
        }
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        match self {
            Lines::One(mut to) | Lines::Json(mut to) => to.flush().map_err(cannot),
            Lines::Many(table) => table.finish(),
            Lines::Csv(mut rows) => rows.flush().map_err(cannot),
        }
    }
}

fn rows_of(pair: &Pair, rows: &mut csv::Writer<To>) -> Result<(), Error> {
    for of in &pair.distances {
        let (distance, threshold, within) =
            (of.distance.to_string(), of.threshold.to_string(), of.within.to_string());
        let [face_a, face_b] =
            of.faces.as_ref().map_or(["", ""], |faces| [faces[0].as_str(), faces[1].as_str()]);
        let fixed = [&pair.a, &pair.b, of.algorithm, of.metric, of.orientation];
        let row = fixed.into_iter().chain([&*distance, &*threshold, &*within, face_a, face_b]);
        rows.write_record(row).map_err(|error| cannot(error.into()))?;
    }
    Ok(())
}

/// A line for each pair, with the least distance of each algorithm; what is within a threshold is named.
pub(super) struct Table {
    to: To,
    /// Of the two names.
    width: usize,
    /// What makes distances say less, each once.
    notes: BTreeSet<String>,
}

/// How wide a distance is: that of photodna may have seven digits.
const NUMBER: usize = 8;

impl Table {
    fn begin<'a>(names: impl Iterator<Item = &'a str>, mut to: To) -> Result<Table, Error> {
        let names: Vec<String> = names.map(printable).collect();
        let width = columns::width(names.iter().map(String::as_str));
        let numbers = Algorithm::ALL.map(|algorithm| right(&algorithm.name().to_uppercase(), NUMBER));
        writeln!(to, "{}  {}  {}  WITHIN", left("A", width), left("B", width), numbers.join("  "))
            .map_err(cannot)?;
        Ok(Table { to, width, notes: BTreeSet::new() })
    }

    fn line(&mut self, pair: &Pair) -> Result<(), Error> {
        let number = |algorithm: Algorithm| {
            let least = pair.least(algorithm.name());
            right(&least.map_or_else(|| "-".to_string(), |of| of.distance.to_string()), NUMBER)
        };
        let within = Algorithm::ALL.map(Algorithm::name);
        let within: Vec<&str> =
            within.into_iter().filter(|name| pair.least(name).is_some_and(|of| of.within)).collect();
        let mut about = vec![if within.is_empty() { "-".to_string() } else { within.join(", ") }];
        if let Some(nearest) = pair.nearest() {
            about.extend((nearest.orientation != "upright").then(|| nearest.orientation.to_string()));
            about.extend(nearest.faces.as_ref().map(|[a, b]| format!("{a}, {b}")));
        }
        let names = [&pair.a, &pair.b].map(|name| left(&printable(name), self.width));
        let numbers = Algorithm::ALL.map(number).join("  ");
        self.notes.extend(pair.notes.iter().cloned());
        writeln!(self.to, "{}  {numbers}  {}", names.join("  "), about.join("; ")).map_err(cannot)
    }

    fn finish(mut self) -> Result<(), Error> {
        for note in &self.notes {
            writeln!(self.to, "note: {}", printable(note)).map_err(cannot)?;
        }
        self.to.flush().map_err(cannot)
    }
}

fn cannot(error: std::io::Error) -> Error {
    Error::io("cannot write the distances", error)
}
