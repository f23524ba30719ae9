//! `shadegrid match`: pictures or stored signatures looked up in galleries.

use std::io::BufWriter;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::gallery::Gallery;
use shadegrid::gallery::lists::ListFormat;
use shadegrid::pipeline::{Ended, Lookup, Stop, describe};
use shadegrid::{Devices, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::inputs::InputArguments;
use super::lookups::{self, LookupArguments};
use super::output::{Kind, OutputFormat, Overwrite};
use super::pictures::DecodeArguments;
use super::progress::{self, Shown};
use super::resources::Resources;
use super::{bytes, console, interrupt};

mod matcher;

use matcher::{Matcher, To};

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
    #[arg(value_name = "PATH", required_unless_present_any = ["signatures", "files_from"], conflicts_with = "signatures")]
    paths: Vec<PathBuf>,

    /// Look up the signatures of a list instead of pictures: a file, a pipe, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    signatures: Option<PathBuf>,

    /// Format of --signatures: text, text-quality, csv, jsonl, json, ncmec, parquet, bin-photodna or bin-pdq [default: found out from the file]
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

    /// How records are written; stored signatures give JSON lines alone
    #[arg(long, value_enum, default_value = "jsonl")]
    format: OutputFormat,

    /// Threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Memory for pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::parse)]
    memory: Option<u64>,

    /// Do not check the galleries' checksums first
    ///
    /// Checking reads the whole file, some gigabytes per second; a damaged gallery could miss matches.
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
  Also turned and mirrored:
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
    arguments.format.check(arguments.output.as_deref())?;
    if arguments.signatures.is_some() && arguments.format != OutputFormat::Jsonl {
        let message = "stored signatures give JSON lines alone: leave --format away, or look up pictures";
        return Err(Error::Input(message.to_string()));
    }
    let reads = arguments.input.reads(&arguments.paths).and(&arguments.gallery).and(&arguments.signatures);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Records, &reads)?;
    let threads = lookups::threads(arguments.threads);
    let devices = arguments.devices.for_search(threads)?;
    let galleries = lookups::open(&arguments.gallery, arguments.no_verify)?;
    let galleries: Vec<Gallery> =
        galleries.into_iter().map(|gallery| gallery.on_device(&devices)).collect::<Result<_, _>>()?;
    let (output, to) = target.begin()?;
    let to = match &arguments.signatures {
        Some(_) => To::Signatures(BufWriter::new(to)),
        None => To::Pictures(arguments.format.sink(to, &describe(&arguments.hash_options()))?),
    };
    let lookup = Lookup::new(&galleries, options, threads);
    let mut matcher = Matcher::new(lookup, lookups::names(&arguments.gallery), arguments.only_matches, to);
    let run = match &arguments.signatures {
        Some(path) => matcher.signatures(path, arguments.list_format).map(|()| Ended::Complete),
        None => arguments.pictures(&mut matcher, threads),
    };
    let ended = match run {
        Ok(ended) => ended,
        Err(error) => {
            // Parquet cannot be read without its end.
            if arguments.format != OutputFormat::Parquet {
                output.keep(arguments.quiet);
            }
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
    fn hash_options(&self) -> HashOptions {
        HashOptions::default()
            .algorithms(self.lookup.algorithms())
            .orientations(self.lookup.all_orientations())
            .decode(self.decode.options())
            .faces(self.decode.faces())
    }

    fn pictures(&self, matcher: &mut Matcher<'_>, threads: NonZeroUsize) -> Result<Ended, Error> {
        let hash = self.hash_options();
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

/// What the signatures were looked up on, and why.
fn search_line(devices: &Devices, galleries: &[Gallery]) -> String {
    let place = devices.names().first().map_or("the CPU".to_string(), |name| (*name).to_string());
    let fault = galleries.iter().find_map(Gallery::device_fault);
    let fault = fault.map(|fault| format!("; taken over by the CPU: {fault}")).unwrap_or_default();
    format!("looked up on {place} ({}){fault}", devices.why())
}
