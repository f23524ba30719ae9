//! `shadegrid match`: pictures or stored signatures looked up in galleries.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use shadegrid::gallery::lists::{self, Item, ListFormat};
use shadegrid::gallery::{Entry, Gallery, Query};
use shadegrid::pipeline::{Ended, JsonLines, Lookup, Queries, Record, RowMatch, Sink, Stop};
use shadegrid::{Devices, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::inputs::InputArguments;
use super::lookups::{self, LookupArguments, json};
use super::output::{Kind, Overwrite};
use super::pictures::DecodeArguments;
use super::progress::{self, Shown};
use super::resources::Resources;
use super::{bytes, console, interrupt};

/// Look pictures or stored signatures up in galleries: all entries within the threshold, none missed
///
/// Pictures are hashed and looked up in one pass; their records are those of `hash`, with what matched in `matches`. Stored signatures (records of
/// `hash`, CSV, Parquet, any list that `gallery build` reads) are streamed, so an archive of any size can be held against a new list.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A gallery; may be given several times
    #[arg(short, long, value_name = "FILE", required = true)]
    gallery: Vec<PathBuf>,

    /// Pictures, folders, archives, lists and URLs, as `hash` takes them
    #[arg(value_name = "PATH", required_unless_present_any = ["signatures", "files_from"], conflicts_with = "signatures")]
    paths: Vec<PathBuf>,

    /// Look up the signatures of a list instead of pictures: a file, a pipe, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    signatures: Option<PathBuf>,

    /// Format of --signatures: text, text-quality, csv, jsonl, json, ncmec, parquet, bin-photodna or bin-pdq [default: told from the file]
    #[arg(long, value_name = "FORMAT", requires = "signatures")]
    list_format: Option<ListFormat>,

    /// Write only the records of what matched
    #[arg(long)]
    only_matches: bool,

    /// Write the records to a file instead of standard output, as `hash` does
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Threads [default: one a processor]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Memory for pictures in flight, such as 512M or 2G [default: 256M a thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::parse)]
    memory: Option<u64>,

    /// Do not check the galleries' checksums first
    ///
    /// Checking reads the whole file, some gigabytes a second; a damaged gallery could miss matches.
    #[arg(long)]
    no_verify: bool,

    /// No progress bar and no summary
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    lookup: LookupArguments,

    #[command(flatten)]
    devices: DeviceArguments,

    #[command(flatten)]
    input: InputArguments,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  Which pictures of a folder are known:
      shadegrid match --gallery known.gallery photos --only-matches
  However they lie:
      shadegrid match --gallery known.gallery photos --orientations all
  An archive of signatures against a new list:
      shadegrid gallery build new.gallery new-list.csv
      shadegrid match --gallery new.gallery --signatures archive.jsonl --only-matches

Exit codes:
    0  something matched
    1  wrong usage, or the run could not be carried out
    2  some input failed; its record says why
    3  nothing matched
  130  interrupted; the records written are whole";

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let options = arguments.lookup.options()?;
    arguments.input.check(&arguments.paths)?;
    let reads = arguments.input.reads(&arguments.paths).and(&arguments.gallery).and(&arguments.signatures);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Records, &reads)?;
    let threads = lookups::threads(arguments.threads);
    let devices = arguments.devices.for_search(threads)?;
    let galleries = lookups::open(&arguments.gallery, arguments.no_verify)?;
    let galleries: Vec<Gallery> =
        galleries.into_iter().map(|gallery| gallery.on_device(&devices)).collect::<Result<_, _>>()?;
    let (output, to) = target.begin()?;
    let mut matcher = Matcher {
        lookup: Lookup::new(&galleries, options, threads),
        names: lookups::names(&arguments.gallery),
        only_matches: arguments.only_matches,
        waiting: Vec::new(),
        queries: Queries::default(),
        to: std::io::BufWriter::new(to),
        totals: Totals::default(),
        last: (Instant::now(), Duration::ZERO),
    };
    let run = match &arguments.signatures {
        Some(path) => matcher.signatures(path, arguments.list_format).map(|()| Ended::Complete),
        None => arguments.pictures(&mut matcher, threads),
    };
    let ended = match run {
        Ok(ended) => ended,
        Err(error) => {
            output.keep(arguments.quiet);
            return Err(error);
        }
    };
    let totals = matcher.totals;
    if !arguments.quiet {
        console::say(totals.line());
        console::say(search_line(&devices, &galleries));
    }
    match ended {
        Ended::Complete => output.complete()?,
        _ => output.keep(arguments.quiet),
    }
    Ok(match ended {
        Ended::Stopped => Exit::Interrupted,
        _ if totals.failed > 0 => Exit::SomeFailed,
        _ if totals.matched > 0 => Exit::Done,
        _ => Exit::NothingMatched,
    })
}

impl Arguments {
    fn pictures(&self, matcher: &mut Matcher<'_>, threads: NonZeroUsize) -> Result<Ended, Error> {
        let hash = HashOptions {
            algorithms: self.lookup.algorithms(),
            orientations: self.lookup.all_orientations(),
            decode: self.decode.options(),
            faces: self.decode.faces(),
        };
        let (resources, stop) = (Resources::new(Some(threads), self.memory), Stop::default());
        let listing = self.input.options(resources, &hash.decode.limits, &stop);
        let devices = self.devices.choose(threads, || self.input.listable(&self.paths, &listing))?;
        let engine = resources.engine(devices, hash)?;
        interrupt::request(&stop)?;
        let sources = self.input.sources(&self.paths, &listing);
        let options = RunOptions::default().stop(stop);
        if self.quiet {
            return Ok(engine.run_into(sources, matcher, &options)?.ended);
        }
        let count = progress::seen().then(|| self.input.count(&self.paths, &listing)).flatten();
        let summary = engine.run_into(sources, &mut Shown::new(matcher, count), &options)?;
        console::say(progress::summary_line(&summary));
        Ok(summary.ended)
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    records: u64,
    failed: u64,
    matched: u64,
    matches: u64,
}

impl Totals {
    fn line(&self) -> String {
        let Totals { records, failed, matched, matches } = self;
        format!("{records} looked up, {matched} matched ({matches} matches), {failed} failed")
    }
}

/// What the signatures were looked up on, and why.
fn search_line(devices: &Devices, galleries: &[Gallery]) -> String {
    let place = devices.names().first().map_or("the processor".to_string(), |name| (*name).to_string());
    let fault = galleries.iter().find_map(Gallery::device_fault);
    let fault = fault.map(|fault| format!("; taken over by the processor: {fault}")).unwrap_or_default();
    format!("looked up on {place} ({}){fault}", devices.why())
}

/// Queries looked up at a time: enough for many threads.
const BATCH: usize = 16_384;

/// How much longer than a search what is hashed waits for the next one, unless there is a batch of it: a few at a time are the dearest.
const REST: u32 = 50;

/// Takes records and looks them up, many at a time, in their order.
struct Matcher<'a> {
    lookup: Lookup<'a>,
    names: Vec<String>,
    only_matches: bool,
    /// Records as JSON without the closing brace, and their queries.
    waiting: Vec<String>,
    queries: Queries,
    to: std::io::BufWriter<Box<dyn Write + Send>>,
    totals: Totals,
    /// When the last search ended, and how long it took.
    last: (Instant, Duration),
}

impl Matcher<'_> {
    /// Looks up a list.
    fn signatures(&mut self, path: &std::path::Path, format: Option<ListFormat>) -> Result<(), Error> {
        let outcome = lists::read(path, format, &mut |_, item| {
            let (line, query) = match item {
                Item::Entry(entry) => (json(&SignatureLine::new(&entry))?, query_of_entry(&entry)),
                Item::WithoutSignature { position } => {
                    (json(&Failed::new(position, "the record has no signature"))?, None)
                }
                Item::Bad { position, reason } => (json(&Failed::new(position, &reason))?, None),
                Item::Odd { position, reason } => {
                    console::say(format_args!("shadegrid: {}: {position}: {reason}", path.display()));
                    self.totals.failed += 1;
                    return Ok(());
                }
                _ => return Ok(()),
            };
            self.queries.push_query(query.clone());
            self.put(line, query.is_some())
        });
        self.search()?;
        match outcome {
            Err(error @ (Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_))) => {
                console::say(format_args!("shadegrid: {}: {error}", path.display()));
                self.totals.failed += 1;
                Ok(())
            }
            other => other,
        }
    }

    /// Takes a record, whose queries are there already.
    fn put(&mut self, mut line: String, is_ok: bool) -> Result<(), Error> {
        self.totals.records += 1;
        self.totals.failed += u64::from(!is_ok);
        // `matches` becomes the object's last member.
        line.truncate(line.trim_end().strip_suffix('}').map_or(line.len(), str::len));
        self.waiting.push(line);
        if self.waiting.len() < BATCH { Ok(()) } else { self.search() }
    }

    /// Looks up what waits, and writes it.
    fn search(&mut self) -> Result<(), Error> {
        let start = Instant::now();
        let found = self.lookup.matches(&std::mem::take(&mut self.queries), &self.names)?;
        for (line, matches) in std::mem::take(&mut self.waiting).iter().zip(found) {
            self.write(line, &matches)?;
        }
        self.last = (Instant::now(), start.elapsed());
        self.to.flush().map_err(cannot_write)
    }

    fn write(&mut self, line: &str, matches: &[RowMatch]) -> Result<(), Error> {
        self.totals.matched += u64::from(!matches.is_empty());
        self.totals.matches += matches.len() as u64;
        if self.only_matches && matches.is_empty() {
            return Ok(());
        }
        writeln!(self.to, "{line},\"matches\":{}}}", json(&matches)?).map_err(cannot_write)
    }
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the records", source)
}

impl Sink for Matcher<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let mut line = JsonLines::new(Vec::new());
        line.write(record)?;
        line.finish()?;
        let line = String::from_utf8_lossy(&line.into_inner()).into_owned();
        self.queries.push(record);
        self.put(line, record.outcome.is_ok())
    }

    /// Called whenever the next picture is not ready: then what waits is looked up, unless the last search took so
    /// long that searching would hold the pictures up.
    fn flush(&mut self) -> Result<(), Error> {
        if self.last.0.elapsed() > REST * self.last.1 { self.search() } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.search()
    }
}

fn query_of_entry(entry: &Entry) -> Option<Query> {
    Some(Query {
        photodna: entry.photodna,
        pdq: entry.pdq,
        pdq_orientations: None,
        flat: entry.flat,
        quality: entry.quality,
    })
}

/// The record of a stored signature.
#[derive(Serialize)]
struct SignatureLine<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    position: u64,
    status: &'static str,
}

impl<'a> SignatureLine<'a> {
    fn new(entry: &'a Entry) -> SignatureLine<'a> {
        SignatureLine { key: &entry.key, label: &entry.label, position: entry.position, status: "ok" }
    }
}

/// The record of a stored signature that cannot be looked up.
#[derive(Serialize)]
struct Failed<'a> {
    position: u64,
    status: &'static str,
    code: &'static str,
    message: &'a str,
}

impl<'a> Failed<'a> {
    fn new(position: u64, message: &'a str) -> Failed<'a> {
        Failed { position, status: "error", code: "input", message }
    }
}
