//! Records are gathered, looked up many at a time and written in their order.

use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use shadegrid::Error;
use shadegrid::gallery::lists::{self, Item, ListFormat};
use shadegrid::gallery::{Entry, Query};
use shadegrid::pipeline::{
    DeprecatedNames, Lookup, Queries, Record, RecordMatch, Sink, StoredRecord, StoredSink,
};

use super::rows::Rows;
use super::table::Table;
use crate::cli::console;
use crate::cli::lookups::json;

/// Queries looked up at a time: enough for many threads.
const BATCH: usize = 16_384;

/// How much longer than a search what is hashed waits for the next one, unless there is a batch of it: a few at a time are the dearest.
const REST: u32 = 50;

/// Takes records and looks them up, many at a time, in their order.
pub(super) struct Matcher<'a> {
    lookup: Lookup<'a>,
    names: Vec<String>,
    only_matches: bool,
    /// Whether records go without the signatures of their pictures.
    bare: bool,
    waiting: Vec<Waiting>,
    queries: Queries,
    to: To,
    pub(super) totals: Totals,
    /// When the last search ended, and how long it took.
    last: (Instant, Duration),
}

/// Where records go.
pub(super) enum To {
    /// Those of pictures.
    Pictures(Box<dyn StoredSink + Send>),
    /// Those of stored signatures: JSON lines.
    Signatures(BufWriter<Box<dyn Write + Send>>),
    /// Matches alone, for people.
    Table(Table),
    /// Matches alone, for tables of others.
    Rows(Rows),
}

/// What is looked up next.
enum Waiting {
    Picture(Box<StoredRecord>),
    Signature(SignatureRecord),
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    records: u64,
    pub(super) failed: u64,
    /// Stored records that have no signature, of what was no picture or failed when it was hashed.
    without: u64,
    pub(super) matched: u64,
    matches: u64,
}

impl Totals {
    /// How many were looked up. Those that failed are not among pictures, of which another line says it.
    pub(super) fn line(&self, of_pictures: bool) -> String {
        let Totals { records, failed, without, matched, matches } = self;
        let matches = console::counted(*matches, "match", "matches");
        match of_pictures {
            true => format!("{} looked up, {matched} matched ({matches})", records - failed),
            false => {
                let none =
                    if *without > 0 { format!(", {without} without a signature") } else { String::new() };
                let looked_up = records.saturating_sub(*without);
                format!("{looked_up} looked up, {matched} matched ({matches}){none}, {failed} failed")
            }
        }
    }
}

impl<'a> Matcher<'a> {
    /// Looks up by `lookup` in the galleries of these names.
    pub(super) fn new(lookup: Lookup<'a>, names: Vec<String>, to: To) -> Matcher<'a> {
        Matcher {
            lookup,
            names,
            only_matches: false,
            bare: false,
            waiting: Vec::new(),
            queries: Queries::default(),
            to,
            totals: Totals::default(),
            last: (Instant::now(), Duration::ZERO),
        }
    }

    /// The same, writing only what matched, or no signatures.
    pub(super) fn writing(self, only_matches: bool, bare: bool) -> Matcher<'a> {
        Matcher { only_matches, bare, ..self }
    }

    /// Looks up a list that is called by its name.
    pub(super) fn signatures(
        &mut self,
        path: &std::path::Path,
        name: &str,
        format: Option<ListFormat>,
    ) -> Result<(), Error> {
        let outcome = lists::read(path, format, &mut |_, item| {
            let is_ok = !matches!(item, Item::Bad { .. });
            let (record, query) = match item {
                Item::Entry(entry) => (SignatureRecord::of(&entry), query_of_entry(&entry)),
                Item::WithoutSignature { position } => {
                    // Whatever was wrong with it was said by whoever made the list.
                    self.totals.without += 1;
                    (SignatureRecord::failed(position, "the record has no signature".to_string()), None)
                }
                Item::Bad { position, reason } => (SignatureRecord::failed(position, reason), None),
                Item::Odd { position, reason } => {
                    console::say(format_args!("shadegrid: {name}: {position}: {reason}"));
                    self.totals.failed += 1;
                    return Ok(());
                }
                _ => return Ok(()),
            };
            self.queries.push_query(query.clone());
            self.put(Waiting::Signature(record), is_ok)
        });
        self.end()?;
        match outcome {
            Err(error @ (Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_))) => {
                console::say(format_args!("shadegrid: {name}: {error}"));
                self.totals.failed += 1;
                Ok(())
            }
            other => other,
        }
    }

    /// Takes a record, whose queries are there already.
    fn put(&mut self, record: Waiting, is_ok: bool) -> Result<(), Error> {
        self.totals.records += 1;
        self.totals.failed += u64::from(!is_ok);
        self.waiting.push(record);
        if self.waiting.len() < BATCH { Ok(()) } else { self.search() }
    }

    /// Looks up what waits, and writes it.
    fn search(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        let found = self.lookup.matches(&std::mem::take(&mut self.queries), &self.names)?;
        for (record, matches) in std::mem::take(&mut self.waiting).into_iter().zip(found) {
            self.write_one(record, matches)?;
        }
        self.last = (Instant::now(), start.elapsed());
        match &mut self.to {
            To::Pictures(sink) => sink.flush(),
            To::Signatures(lines) => lines.flush().map_err(cannot_write),
            To::Table(_) => Ok(()),
            To::Rows(rows) => rows.flush(),
        }
    }

    /// Looks up and writes the rest.
    fn end(&mut self) -> Result<(), Error> {
        self.search()?;
        match &mut self.to {
            To::Pictures(sink) => sink.finish(),
            To::Signatures(_) => Ok(()),
            To::Table(table) => table.finish(),
            To::Rows(rows) => rows.finish(),
        }
    }

    fn write_one(&mut self, record: Waiting, matches: Vec<RecordMatch>) -> Result<(), Error> {
        self.totals.matched += u64::from(!matches.is_empty());
        self.totals.matches += matches.len() as u64;
        if self.only_matches && matches.is_empty() {
            return Ok(());
        }
        match (record, &mut self.to) {
            (Waiting::Picture(mut record), To::Pictures(sink)) => {
                record.matches = Some(matches);
                if self.bare {
                    leave_signatures_out(&mut record);
                }
                sink.write_stored(&record)
            }
            (Waiting::Picture(record), To::Table(table)) => {
                table.add(&record.key.to_string_lossy(), &matches)
            }
            (Waiting::Signature(record), To::Table(table)) => {
                table.add(record.key.as_deref().unwrap_or_default(), &matches)
            }
            (Waiting::Picture(record), To::Rows(rows)) => rows.add(&record.key, &matches),
            (Waiting::Signature(record), To::Rows(rows)) => {
                rows.add(record.key.as_deref().unwrap_or_default().as_ref(), &matches)
            }
            (Waiting::Signature(record), To::Signatures(lines)) => {
                writeln!(lines, "{}", json(&record.line(&matches))?).map_err(cannot_write)
            }
            _ => Err(Error::Input("pictures and stored signatures are not looked up in one run".to_string())),
        }
    }
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the records", source)
}

impl Sink for Matcher<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.queries.push(record);
        self.put(Waiting::Picture(Box::new(record.into())), record.outcome.is_ok())
    }

    /// Called whenever the next picture is not ready: then what waits is looked up, unless the last search took so
    /// long that searching would hold the pictures up.
    fn flush(&mut self) -> Result<(), Error> {
        if self.last.0.elapsed() > REST * self.last.1 { self.search() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.end()
    }
}

/// Signatures are sensitive, and who only wants to know what matched needs none.
fn leave_signatures_out(record: &mut StoredRecord) {
    let Ok(picture) = &mut record.outcome else { return };
    (picture.photodna, picture.pdq, picture.pdq512) = (None, None, None);
    for face in &mut picture.faces {
        (face.photodna, face.pdq, face.pdq512) = (None, None, None);
    }
}

fn query_of_entry(entry: &Entry) -> Option<Query> {
    Some(Query::default().photodna(entry.photodna).pdq(entry.pdq).flat(entry.flat).quality(entry.quality))
}

/// The record of a stored signature, without what it matched.
struct SignatureRecord {
    key: Option<String>,
    label: String,
    position: u64,
    /// Why it cannot be looked up.
    error: Option<String>,
}

/// Its line.
#[derive(Serialize)]
struct SignatureLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    position: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    matches: &'a [RecordMatch],
    #[serde(flatten)]
    deprecated: DeprecatedNames<'a>,
}

/// The code of a signature that cannot be looked up.
const FAILED: &str = "input";

impl SignatureRecord {
    fn of(entry: &Entry) -> SignatureRecord {
        SignatureRecord {
            key: Some(entry.key.clone()),
            label: entry.label.clone(),
            position: entry.position,
            error: None,
        }
    }

    fn failed(position: u64, message: String) -> SignatureRecord {
        SignatureRecord { key: None, label: String::new(), position, error: Some(message) }
    }

    fn line<'a>(&'a self, matches: &'a [RecordMatch]) -> SignatureLine<'a> {
        let error = self.error.as_deref();
        SignatureLine {
            key: self.key.as_deref(),
            label: &self.label,
            position: self.position,
            status: if error.is_some() { "error" } else { "ok" },
            error_code: error.map(|_| FAILED),
            error_message: error,
            matches,
            deprecated: error.map(|message| DeprecatedNames::of_error(FAILED, message)).unwrap_or_default(),
        }
    }
}
