//! `shadegrid match`: pictures or stored signatures looked up in galleries.

use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shadegrid::gallery::Gallery;
use shadegrid::gallery::lists::ListFormat;
use shadegrid::pipeline::{Ended, Lookup, Stop, describe};
use shadegrid::{Devices, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::inputs::InputArguments;
use super::listed::Listed;
use super::lookups::{self, LookupArguments};
use super::output::{Kind, OutputFormat, Overwrite, Own, is_seen};
use super::page::without_query;
use super::pictures::{DecodeArguments, FrameArguments};
use super::progress::{self, Shown};
use super::resources::Resources;
use super::tally::Tally;
use super::verbosity::Verbosity;
use super::{bar, bytes, console, interrupt, numbers, places};

mod joined;
mod matcher;
mod rows;
mod table;

use matcher::{Matcher, To};
use rows::{Further, Rows};
use table::Table;

/// Look pictures or stored signatures up in galleries: all entries within the threshold, none missed
///
/// Pictures are hashed and looked up in one pass; their records are those of `hash`, with what matched in `matches`. Stored signatures (records of
/// `hash`, CSV, Parquet, any list that `gallery build` reads) are streamed, so an archive of any size can be compared with a new list.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A gallery; may be given several times
    #[arg(short, long, value_name = "FILE", required = true)]
    gallery: Vec<PathBuf>,

    /// Pictures, folders, archives, lists and URLs, as `hash` takes them
    #[arg(value_name = "PATH", required_unless_present_any = ["signatures", "files_from"], conflicts_with = "signatures", value_parser = places::path_parser())]
    paths: Vec<PathBuf>,

    /// Look up the signatures of a list instead of pictures: a file, a pipe, a URL, or `-` for standard input
    #[arg(long, value_name = "FILE", value_parser = places::path_parser())]
    signatures: Option<PathBuf>,

    /// Format of --signatures: text, text-quality, csv, jsonl, json, ncmec, parquet, bin-photodna or bin-pdq [default: found out from the file]
    #[arg(long, value_name = "FORMAT", requires = "signatures")]
    list_format: Option<ListFormat>,

    /// Write only the records of what matched
    #[arg(long)]
    only_matches: bool,

    /// Write the records to a file instead of standard output, as `hash` does
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Leave the signatures of the pictures out of their records
    #[arg(long)]
    no_signatures: bool,

    /// One row for each picture and entry that matched, with both distances, in place of records
    ///
    /// As CSV, JSON lines or Parquet, for stored signatures too. What matched nothing, and what failed, has no row; the summary counts it. Further columns
    /// that a gallery has kept are columns of their own.
    #[arg(long, conflicts_with_all = ["only_matches", "no_signatures"])]
    rows: bool,

    /// How matches are written [default: a table on a terminal; else by the ending of FILE, .jsonl, .csv or .parquet; else jsonl]
    ///
    /// `table` has one line for each picture and entry that matched, for people. Stored signatures give a table, JSON lines or --rows.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// Memory for pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// Do not check the galleries' checksums first
    ///
    /// Checking reads the whole file, some gigabytes per second; a damaged gallery could miss matches.
    #[arg(long)]
    no_verify: bool,

    #[command(flatten)]
    verbosity: Verbosity,

    #[command(flatten)]
    lookup: LookupArguments,

    #[command(flatten)]
    devices: DeviceArguments,

    #[command(flatten)]
    input: InputArguments,

    #[command(flatten)]
    decode: DecodeArguments,

    #[command(flatten)]
    frames: FrameArguments,
}

const EXAMPLES: &str = "\
Examples:
  Which pictures of a folder are known:
      shadegrid match --gallery known.gallery photos --only-matches
  Also turned and mirrored:
      shadegrid match --gallery known.gallery photos --orientations all
  For a spreadsheet or a database, a row for each picture and entry:
      shadegrid match --gallery known.gallery photos --rows -o matches.csv
  An archive of signatures against a new list:
      shadegrid gallery build new.gallery new-list.csv
      shadegrid match --gallery new.gallery --signatures archive.jsonl --only-matches

Exit codes:
    0  something matched
    1  wrong usage, or the run could not be carried out
    2  some input failed, and its record says why; or no picture was found under a PATH
    3  nothing matched
  130  interrupted; the records written are whole";

/// How matches are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    #[value(alias = "json", alias = "ndjson")]
    Jsonl,
    /// Comma-separated values with a row of names.
    Csv,
    /// Parquet, compressed with zstd; needs a file.
    Parquet,
    /// One line for each picture and entry that matched.
    Table,
}

impl Format {
    /// The same for records; `None` for a table.
    fn of_records(self) -> Option<OutputFormat> {
        match self {
            Format::Jsonl => Some(OutputFormat::Jsonl),
            Format::Csv => Some(OutputFormat::Csv),
            Format::Parquet => Some(OutputFormat::Parquet),
            Format::Table => None,
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let Verbosity { quiet, verbose } = arguments.verbosity;
    let options = arguments.lookup.options()?;
    arguments.input.check(&arguments.paths)?;
    let format = arguments.output_format()?;
    let is_other = format.is_some_and(|format| format != OutputFormat::Jsonl);
    if arguments.signatures.is_some() && is_other && !arguments.rows {
        let message = "stored signatures give a table or JSON lines: choose one of these, add --rows, or look up pictures";
        return Err(Error::Input(message.to_string()));
    }
    let reads = arguments.input.reads(&arguments.paths).and(&arguments.gallery).and(&arguments.signatures);
    let kind = if arguments.rows { Kind::Matches } else { Kind::Records };
    let target = arguments.overwrite.check(arguments.output.as_deref(), kind, &reads)?;
    let threads = lookups::threads(arguments.threads);
    let devices = arguments.devices.for_search()?;
    let galleries = lookups::open(&arguments.gallery, arguments.no_verify)?;
    let galleries: Vec<Gallery> =
        galleries.into_iter().map(|gallery| gallery.on_device(&devices)).collect::<Result<_, _>>()?;
    let further = Further::of(galleries.iter().flat_map(Gallery::column_names));
    let (output, to) = target.begin()?;
    let to = match (format, &arguments.signatures) {
        (None, _) => To::Table(Table::new(to, arguments.table_width(), galleries.len() > 1)),
        (Some(format), _) if arguments.rows => To::Rows(Rows::new(format, to, further)?),
        (Some(_), Some(_)) => To::Signatures(BufWriter::new(to)),
        (Some(format), None) => To::Pictures(format.sink(to, &describe(&arguments.hash_options()))?),
    };
    let lookup = Lookup::new(&galleries, options, threads);
    let mut matcher = Matcher::new(lookup, lookups::names(&arguments.gallery), to)
        .writing(arguments.only_matches, arguments.no_signatures);
    let run = match &arguments.signatures {
        Some(path) => Listed::fetch(path)
            .and_then(|list| {
                matcher.signatures(list.path(), without_query(&path.to_string_lossy()), arguments.list_format)
            })
            .map(|()| None),
        None => arguments.pictures(&mut matcher, format.is_none(), threads).map(Some),
    };
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            // Parquet cannot be read without its end.
            if format != Some(OutputFormat::Parquet) {
                output.keep(quiet);
            }
            return Err(error);
        }
    };
    let totals = matcher.totals;
    if !quiet {
        console::say(totals.line(run.is_some()));
        search_line(&devices, &galleries, verbose).into_iter().for_each(console::say);
        progress::helper_line(verbose).into_iter().for_each(console::say);
    }
    let (ended, has_failures) = match &run {
        Some((ended, tally)) => (*ended, tally.has_failures()),
        None => (Ended::Complete, totals.failed > 0),
    };
    match ended {
        Ended::Complete => output.complete()?,
        _ => output.keep(quiet),
    }
    Ok(match ended {
        Ended::Stopped => Exit::Interrupted,
        _ if has_failures => Exit::SomeFailed,
        _ if totals.matched > 0 => Exit::Done,
        _ => Exit::NothingMatched,
    })
}

impl Arguments {
    fn hash_options(&self) -> HashOptions {
        HashOptions::default()
            .algorithms(self.lookup.algorithms())
            .orientations(self.lookup.all_orientations())
            .decode(self.frames.of(self.decode.options()))
            .faces(self.decode.faces())
            .alpha(self.decode.alpha())
    }

    /// How records are written; `None` for a table.
    fn output_format(&self) -> Result<Option<OutputFormat>, Error> {
        let asked = self.format.map(Format::of_records);
        match asked {
            Some(None) if self.rows => Err(Error::Input(
                "--rows gives csv, jsonl or parquet; --format table has rows anyway".to_string(),
            )),
            Some(None) => Ok(None),
            None if self.output.is_none() && is_seen(None) && !self.rows => Ok(None),
            _ => OutputFormat::choose(asked.flatten(), self.output.as_deref()).map(Some),
        }
    }

    /// How wide a table may be.
    fn table_width(&self) -> Option<usize> {
        is_seen(self.output.as_deref()).then(bar::columns)
    }

    fn pictures(
        &self,
        matcher: &mut Matcher<'_>,
        is_table: bool,
        threads: NonZeroUsize,
    ) -> Result<(Ended, Tally), Error> {
        let hash = self.hash_options();
        let (resources, stop) = (Resources::new(Some(threads), self.memory), Stop::default());
        let own = Own::outputs(&self.output);
        let listing = self.input.options(resources, &hash.decode.limits, (own, &stop));
        let devices = self.devices.choose(|| self.input.listable(&self.paths, &listing))?;
        let engine = resources.engine(devices, hash)?;
        interrupt::request(&stop)?;
        let sources = self.input.sources(&self.paths, &listing);
        let options = RunOptions::default().stop(stop);
        let inputs = self.input.inputs(&self.paths);
        let count = || self.input.count(&self.paths, &listing);
        // A table comes when all is done, and records would be written through the line.
        let is_drawn = !self.verbosity.quiet && bar::seen() && (is_table || !is_seen(self.output.as_deref()));
        let count = is_drawn.then(count).flatten();
        let tally = Tally::new(self.input.strict);
        let mut shown = Shown::new(matcher, &inputs, (is_drawn, count), self.verbosity, tally);
        let summary = engine.run_into(sources, &mut shown, &options)?;
        let tally = shown.end(&summary, &inputs, &self.input.hint());
        if !self.verbosity.quiet {
            console::say(progress::summary_line(&summary, &tally));
            let is_verbose = self.verbosity.verbose;
            progress::backend_line(&summary, engine.devices(), is_verbose).into_iter().for_each(console::say);
        }
        Ok((summary.ended, tally))
    }
}

/// What the signatures were looked up on, and why; also without `-v` where a device failed.
fn search_line(devices: &Devices, galleries: &[Gallery], is_verbose: bool) -> Option<String> {
    let fault = galleries.iter().find_map(Gallery::device_fault);
    if !is_verbose && fault.is_none() {
        return None;
    }
    let names = devices.names().join(" and ");
    let place = if names.is_empty() { "the CPU" } else { &names };
    let verdict: String =
        galleries.iter().filter_map(Gallery::device_verdict).map(|verdict| format!("; {verdict}")).collect();
    let fault = fault.map(|fault| format!("; taken over by the CPU: {fault}")).unwrap_or_default();
    Some(format!("looked up on {place} ({}{verdict}){fault}", devices.why()))
}
