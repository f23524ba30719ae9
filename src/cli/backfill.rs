//! `shadegrid backfill`: an archive of any size, by any number of workers, safe to kill at any instant.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use shadegrid::job::{
    self, Finish, Matching, Metrics, Progress, Settings, Snapshot, Split, WorkOptions, Worked,
};
use shadegrid::pipeline::{
    ExtensionFilter, Input, InputOptions, Item, ItemKind, RecordFormat, Stop, Walk, items,
};
use shadegrid::{Error, HashOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::log::{self, Log};
use super::lookups::LookupArguments;
use super::network::NetworkArguments;
use super::pictures::DecodeArguments;
use super::places::{self, is_url};
use super::report;
use super::resources::Resources;
use super::watching::{self, Watch};
use super::{bytes, console, interrupt, matches, numbers};

/// Hash an archive of any size: resumable, by any number of workers, every picture accounted for
///
/// The inputs are planned into shards; each finished shard is one file of records and one line in a ledger. Start the same command as often as
/// you like, on one machine or on many that share the output: each takes the shards that no other has. Kill it at any
/// instant and start it again: the records come out as if nothing had happened, every input once.
///
/// `shadegrid job status`, `verify`, `retry` and `merge` look at the output, also while workers run.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What to hash, as `hash` takes it: files, folders, archives, stores, lists
    #[arg(value_name = "SOURCE", required_unless_present = "files_from", value_parser = places::parser())]
    sources: Vec<OsString>,

    /// Read further sources from a file, one per line
    #[arg(long, value_name = "FILE", value_parser = places::parser())]
    files_from: Option<OsString>,

    /// Only names that end so, such as jpg,png: files, members of archives, objects
    #[arg(long, value_name = "LIST", default_value = "", hide_default_value = true)]
    only: ExtensionFilter,

    /// The column of lists and Parquet files that holds pictures, paths or URLs [default: one with a usual name]
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Where the plan, the ledger and the records go: a folder, or a prefix of an object store (s3://bucket/prefix, gs://, az://)
    #[arg(short, long, alias = "output", value_name = "DIR|URL", value_parser = places::path_parser())]
    out: PathBuf,

    /// How records are written: jsonl, csv or parquet
    #[arg(long, value_name = "FORMAT", default_value = "parquet")]
    format: RecordFormat,

    /// Pictures of one shard; the first four have at most 1000, 2000, 4000 and 8000, so that hashing begins early
    #[arg(long, value_name = "N", default_value = "10000", value_parser = numbers::positive)]
    shard_size: u64,

    /// Do a fixed part of the shards, such as 3/8: the third of eight, and claim nothing
    ///
    /// Without it workers agree on who does what through the output, and a dead worker's shards are taken over.
    #[arg(long, value_name = "I/N", value_parser = split)]
    worker: Option<Split>,

    /// List the inputs again, and hash what is new since they were listed: other files and objects, and those that were changed
    ///
    /// A file is new where its time or size has changed, an object where its entity tag has. What is planned already stays as it is, also where its input is gone. Without
    /// it a job lists its inputs once.
    #[arg(long)]
    extend: bool,

    /// What is no picture is a failure also where it was found in a folder or an archive; one of the job's settings
    ///
    /// Without it such inputs are skipped: they have their records, are counted, and change no exit code. What is named itself is a failure in any
    /// case, and so is what is called like a picture, or a row of a Parquet file.
    #[arg(long)]
    strict: bool,

    /// Seconds that the current shard may take after a request to end; then it is left to others
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    grace: u64,

    /// Seconds without a sign of life after which another machine's worker counts as dead
    ///
    /// On one machine a dead worker is known at once.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = numbers::positive)]
    expiry: u64,

    /// Seconds in which a worker gets nothing done, although it gives signs of life, after which its shards are taken over
    ///
    /// It may hang, on a file system that does not answer, say. It may also be slow, and goes on then: what is taken over from it is hashed twice.
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = numbers::positive)]
    stall: u64,

    /// Follow symbolic links met in folders
    #[arg(long)]
    follow: bool,

    /// Look pictures up in a gallery too, and add what matched to the records; may be given several times
    #[arg(long = "match", value_name = "GALLERY")]
    galleries: Vec<PathBuf>,

    /// Threads that decode and hash [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// Objects of a store that are fetched at the same time [default: 96 a thread, at most 384]
    #[arg(long, value_name = "N")]
    fetches: Option<NonZeroUsize>,

    /// Serve numbers for Prometheus at http://ADDRESS/metrics, such as 127.0.0.1:9184
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,

    /// What is said on standard error
    #[arg(long, value_enum, value_name = "FORM", default_value = "text", conflicts_with = "quiet")]
    log: Log,

    /// No progress bar and no summary
    #[arg(short, long)]
    quiet: bool,

    // Groups with a heading of their own come last: what follows one would stand under its heading.
    #[command(flatten)]
    lookup: LookupArguments,

    #[command(flatten)]
    devices: DeviceArguments,

    #[command(flatten)]
    network: NetworkArguments,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  An archive on a disk that several machines mount; on each of them:
      shadegrid backfill /archive/photos --out /archive/signatures
  How far it is, and whether all is there:
      shadegrid job status /archive/signatures
      shadegrid job verify /archive/signatures
  What has come to the archive since:
      shadegrid backfill /archive/photos --out /archive/signatures --extend

Exit codes:
    0  every picture of the job is hashed (with --worker: of this part)
    1  wrong usage, or the run could not be carried out (say, the disk is full, or a folder cannot be listed); start it again to go on
    2  all is done, but some input failed, and its record says why; or no picture was found
  130  asked to end (Ctrl-C, SIGTERM); start it again to go on";

/// `3/8`.
fn split(text: &str) -> Result<Split, String> {
    let wrong = || format!("{text:?} is not of the form 3/8, from 1/8 to 8/8");
    let (part, of) = text.split_once('/').ok_or_else(wrong)?;
    let (part, of): (u64, u64) = (part.parse().map_err(|_| wrong())?, of.parse().map_err(|_| wrong())?);
    if part == 0 || part > of { Err(wrong()) } else { Ok(Split { part: part - 1, of }) }
}

fn work(arguments: Arguments) -> Result<Exit, Error> {
    arguments.check_standard_input()?;
    arguments.check_out()?;
    let mut options = arguments.options()?;
    interrupt::request(&options.stop)?;
    if arguments.extend || !arguments.is_begun()? {
        arguments.check_sources(&options.stop)?;
    }
    let settings = arguments.settings();
    let (settings, matching) = arguments.matched(settings, options.engine.threads())?;
    options.matching = matching;
    let _metrics = arguments.serve_metrics(&options.progress)?;
    let location = job::at(arguments.out.as_os_str(), true)?;
    let watch = arguments.watch(&options.progress);
    let worked = job::work(location.clone(), &settings, &options);
    drop(watch);
    let Worked { finish, failed, report } = worked.map_err(|error| resumable(error, &arguments.out))?;
    arguments.say_ended(&options.progress.snapshot(), finish);
    let is_empty = finish == Finish::Complete && report.complete && report.records == report.skipped;
    if is_empty && arguments.log == Log::Text && !arguments.quiet {
        console::say(match report.records {
            0 => "shadegrid: no input was found: the job has no records",
            _ => "shadegrid: no picture was found",
        });
    }
    if report.complete {
        report::write(&*location, report)?;
    }
    Ok(match finish {
        Finish::Stopped => Exit::Interrupted,
        Finish::Complete if failed > 0 || is_empty => Exit::SomeFailed,
        Finish::Complete => Exit::Done,
    })
}

/// Runs the subcommand, with an error that ends it said in the form that was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let log = arguments.log;
    work(arguments).or_else(|error| match log {
        Log::Text => Err(error),
        Log::Json => {
            log::failed(&error);
            Ok(Exit::Failed)
        }
    })
}

/// The path without links and `..`, of which the last parts need not exist yet.
fn canonical(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let real = path.ancestors().find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    let (above, real) = real?;
    Some(real.join(path.strip_prefix(above).ok()?))
}

/// Opens an input, and what it is a list of as far as its first entry; pipes and the like are left alone, which can be read only once.
fn open(source: &OsStr, input: Input, options: &InputOptions) -> io::Result<()> {
    if !is_url(source) {
        let metadata = fs::metadata(source)?;
        if metadata.is_dir() && matches!(input, Input::Named(_)) {
            return fs::read_dir(source)?.next().transpose().map(drop);
        }
        if !metadata.is_file() && !metadata.is_dir() {
            return Ok(());
        }
        File::open(source)?;
    }
    match items([input], options).next() {
        Some(Item { kind: ItemKind::Broken(why), .. }) => Err(io::Error::other(why)),
        _ => Ok(()),
    }
}

/// Says of an error of the output that nothing is lost.
fn resumable(error: Error, out: &Path) -> Error {
    match error {
        Error::Io { context, source } => {
            let rest = format!("finished shards in {} are kept, and the same command goes on", out.display());
            Error::Io { context: format!("{context} ({rest})"), source }
        }
        other => other,
    }
}

impl Arguments {
    /// Whoever resumes a job must be able to read its inputs again.
    fn check_standard_input(&self) -> Result<(), Error> {
        match self.sources.iter().chain(&self.files_from).any(|source| source == "-") {
            true => {
                Err(Error::Input("a job cannot read standard input: it could not be resumed".to_string()))
            }
            false => Ok(()),
        }
    }

    /// What a job writes must not become its input.
    fn check_out(&self) -> Result<(), Error> {
        let (url, out) = (self.out.to_string_lossy(), canonical(&self.out));
        let holds = |source: &&OsString| {
            let prefix = format!("{}/", source.to_string_lossy().trim_end_matches('/'));
            let is_below = is_url(source) && format!("{url}/").starts_with(&prefix);
            let folder = fs::canonicalize(source).is_ok_and(|source| {
                source.is_dir() && out.as_ref().is_some_and(|out| out.starts_with(source))
            });
            is_below || folder
        };
        match self.sources.iter().find(holds) {
            Some(source) => Err(Error::Input(format!(
                "--out {} lies in the source {}; choose a place outside of what is hashed",
                self.out.display(),
                source.display()
            ))),
            None => Ok(()),
        }
    }

    /// Whether there is a job to resume.
    fn is_begun(&self) -> Result<bool, Error> {
        let exists = is_url(&self.out) || self.out.exists();
        Ok(exists && Settings::are_in(&*job::at(self.out.as_os_str(), false)?)?)
    }

    /// A job lists its inputs once: what cannot be opened when it does, such as a folder that is not mounted yet, would be no part of it for ever.
    fn check_sources(&self, stop: &Stop) -> Result<(), Error> {
        let options = self.input().stop(stop.clone());
        for (source, input) in self.sources.iter().chain(&self.files_from).zip(self.inputs()) {
            let why = match open(source, input, &options) {
                Ok(()) => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => "is not there".to_string(),
                Err(error) => format!("cannot be opened: {error}"),
            };
            let once = "a job lists its inputs once, so begin it when they can be read";
            return Err(Error::Input(format!("{} {why}; {once}", source.display())));
        }
        Ok(())
    }

    fn serve_metrics(&self, progress: &Arc<Progress>) -> Result<Option<Metrics>, Error> {
        self.metrics.as_ref().map(|address| Metrics::serve(address, progress.clone())).transpose()
    }

    /// Says what happens while it does; the bar goes with what is returned.
    fn watch(&self, progress: &Arc<Progress>) -> Option<Watch> {
        match self.log {
            Log::Text => (!self.quiet).then(|| Watch::new(progress.clone(), self.extend)),
            Log::Json => {
                log::started(&self.out.to_string_lossy());
                progress.listen(log::event);
                None
            }
        }
    }

    fn say_ended(&self, now: &Snapshot, finish: Finish) {
        match self.log {
            Log::Text if self.quiet => {}
            Log::Text => console::say(watching::summary(now, finish)),
            Log::Json => log::ended(now, finish),
        }
    }

    fn options(&self) -> Result<WorkOptions, Error> {
        let resources = Resources::new(self.threads, self.memory);
        let devices = self.devices.choose(|| None::<std::iter::Empty<()>>)?;
        let engine = resources.engine(devices, HashOptions::default())?;
        Ok(WorkOptions {
            read_ahead: resources.read_ahead_of_two(self.fetches),
            network: self.network.network(),
            grace: Duration::from_secs(self.grace),
            expiry: Duration::from_secs(self.expiry),
            stall: Duration::from_secs(self.stall),
            split: self.worker,
            extend: self.extend,
            ..WorkOptions::new(engine)
        })
    }

    fn matched(
        &self,
        settings: Settings,
        threads: NonZeroUsize,
    ) -> Result<(Settings, Option<Arc<Matching>>), Error> {
        if self.galleries.is_empty() {
            return Ok((settings, None));
        }
        matches::with(settings, &self.galleries, self.lookup.options()?, threads)
    }

    /// How inputs are listed.
    fn input(&self) -> InputOptions {
        InputOptions::default()
            .walk(Walk::default().follow_links(self.follow))
            .extensions(self.only.clone())
            .column(self.column.clone())
    }

    /// What is listed, in the order of the arguments.
    fn inputs(&self) -> Vec<Input> {
        let named = self.sources.iter().cloned().map(Input::Named);
        named.chain(self.files_from.iter().cloned().map(Input::List)).collect()
    }

    fn settings(&self) -> Settings {
        let hash = HashOptions::default()
            .algorithms(self.lookup.algorithms())
            .orientations(!self.galleries.is_empty() && self.lookup.all_orientations())
            .decode(self.decode.options())
            .faces(self.decode.faces())
            .alpha(self.decode.alpha());
        Settings::new(&self.inputs(), &self.input(), self.shard_size, self.format, &hash).strict(self.strict)
    }
}
