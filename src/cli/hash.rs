//! `shadegrid hash`: files, folders, lists and standard input to one record each.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::iter;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::pipeline::{
    self, DetachedReader, Ended, PipelineOptions, Sink, Source, Stop, Summary, Walk, count_ahead, expand,
    names,
};
use shadegrid::{Algorithm, Error, HashOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::output::{Output, OutputFormat};
use super::pictures::DecodeArguments;
use super::progress::{self, Shown};
use super::{bytes, console, interrupt};

/// Hash pictures: one record for every input, in the order of the inputs
///
/// An input is a file, or `-` for one picture on standard input. A folder stands for every regular file
/// below it, sorted by name; what is no picture gives an error record like any other failure. A picture's format is known
/// by its content, never by its name.
///
/// A record is one line of JSON with the path, the size, the signatures and what is needed to judge them, or
/// with an error's code (corrupt, unsupported, limit, input, io) and message. A path that is not UTF-8 is
/// given exactly in `path_base64`. Signatures are sensitive: keep the records as you keep the pictures.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Files and folders to hash; `-` is one picture on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,

    /// Read further paths from a file, one a line; `-` is standard input
    ///
    /// They come after the paths that are named. Every byte up to the newline belongs to the path. In a list `-` is a
    /// file of that name.
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,

    /// Paths in --files-from end with a zero byte, not a newline, as `find -print0` writes them
    #[arg(short = '0', long, requires = "files_from")]
    null: bool,

    /// Follow symbolic links met in folders
    ///
    /// A link that leads back to a folder above it gives an error record. Paths that are named are always followed.
    #[arg(long)]
    follow: bool,

    /// Write the records to a file instead of standard output
    ///
    /// They go to FILE.partial, which is renamed when it holds a record for every input: a run that ends
    /// early leaves its whole records there and an older FILE untouched.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How records are written
    #[arg(long, value_enum, default_value = "jsonl")]
    format: OutputFormat,

    /// Signatures to compute, with commas between: photodna, pdq, pdq-512
    ///
    /// photodna is the PhotoDNA-class signature (144 bytes, base64), pdq is PDQ on the whole picture (256 bits,
    /// hexadecimal), pdq-512 is PDQ after nearest-neighbour reduction to 512×512, the convention of PDQ's C++ tool.
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq")]
    algorithm: Vec<Algorithm>,

    /// Threads that decode and hash [default: one a processor]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M a thread, at least 1G]
    ///
    /// A picture that needs more than three eighths of it is decoded while no other large one is; only such a one
    /// takes the total past this.
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::parse)]
    memory: Option<u64>,

    #[command(flatten)]
    devices: DeviceArguments,

    /// Stop at the first input that fails
    #[arg(long)]
    fail_fast: bool,

    /// No progress bar and no summary
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  Hash a folder into a file, with a progress bar:
      shadegrid hash photos -o photos.jsonl
  Only the JPEGs of a folder, whatever their names hold:
      find photos -name '*.jpg' -print0 | shadegrid hash --files-from - -0
  One picture from a download:
      curl -s https://example.org/a.png | shadegrid hash -
  PDQ signatures as a table:
      shadegrid hash photos --algorithm pdq --format csv

Exit codes:
    0  every input was hashed
    1  wrong usage, or the run could not be carried out (say, the disk is full)
    2  some input failed; its record says why
  130  interrupted; the records written are whole";

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    arguments.check_standard_input()?;
    let options = arguments.options()?;
    interrupt::request(&options.stop);
    let sources = arguments.sources(&options.stop)?;
    let (output, to) = Output::open(arguments.output.as_deref())?;
    let mut sink = arguments.format.sink(to);
    let summary = if arguments.quiet {
        pipeline::run(sources, &mut *sink, &options)?
    } else {
        run_shown(&arguments, sources, &mut *sink, &options)?
    };
    finish(&arguments, output, &summary, &options)
}

fn run_shown(
    arguments: &Arguments,
    sources: impl Iterator<Item = Source> + Send,
    sink: &mut dyn Sink,
    options: &PipelineOptions,
) -> Result<Summary, Error> {
    let count = arguments.countable().filter(|_| progress::seen()).map(count_ahead);
    pipeline::run(sources, &mut Shown::new(sink, count), options)
}

/// Names the output and says how it went.
fn finish(
    arguments: &Arguments,
    output: Output,
    summary: &Summary,
    options: &PipelineOptions,
) -> Result<Exit, Error> {
    if !arguments.quiet {
        console::say(progress::summary_line(summary));
        console::say(progress::backend_line(summary, &options.devices));
    }
    match (summary.ended, output.partial()) {
        (Ended::Complete, _) => output.complete()?,
        (_, Some(partial)) if !arguments.quiet => {
            console::say(format_args!("ended early; the records so far are in {}", partial.display()));
        }
        _ => {}
    }
    Ok(match summary.ended {
        Ended::Stopped => Exit::Interrupted,
        _ if summary.failed() > 0 => Exit::SomeFailed,
        _ => Exit::Done,
    })
}

impl Arguments {
    fn check_standard_input(&self) -> Result<(), Error> {
        let readers = self.paths.iter().chain(&self.files_from).filter(|path| path.as_os_str() == "-");
        if readers.count() > 1 {
            return Err(Error::Input(
                "`-` is given twice, but standard input can be read only once".to_string(),
            ));
        }
        Ok(())
    }

    fn options(&self) -> Result<PipelineOptions, Error> {
        let defaults = PipelineOptions::default();
        let threads = self.threads.unwrap_or(defaults.threads);
        Ok(PipelineOptions {
            hash: HashOptions {
                algorithms: self.algorithm.clone(),
                decode: self.decode.options(),
                ..HashOptions::default()
            },
            threads,
            memory: self.memory.unwrap_or(PipelineOptions::default_memory(threads)),
            devices: self.devices.choose(threads, || self.countable())?,
            fail_fast: self.fail_fast,
            ..defaults
        })
    }

    /// The named inputs, then those of the list.
    fn sources(&self, stop: &Stop) -> Result<impl Iterator<Item = Source> + Send + use<>, Error> {
        let (walk, stop_named) = (self.walk(), stop.clone());
        let named = self.paths.clone().into_iter().flat_map(move |path| named(path, walk, &stop_named));
        let list = self.open_list(stop)?.map(|list| self.listed(list));
        Ok(named.chain(list.into_iter().flatten()))
    }

    /// The same inputs once more, for counting; `None` where some can be read only once.
    fn countable(&self) -> Option<impl Iterator<Item = Source> + Send + use<>> {
        let list_once = self.files_from.iter().any(|list| list.as_os_str() == "-" || !list.is_file());
        let once = list_once || self.paths.iter().any(|path| path.as_os_str() == "-");
        (!once).then(|| self.sources(&Stop::default()).ok()).flatten()
    }

    fn open_list(&self, stop: &Stop) -> Result<Option<Box<dyn Read + Send>>, Error> {
        let Some(list) = &self.files_from else { return Ok(None) };
        if list.as_os_str() == "-" {
            return Ok(Some(Box::new(DetachedReader::new(io::stdin(), stop.clone()))));
        }
        let context = || format!("cannot read the list {}", list.display());
        let file = File::open(list).map_err(|error| Error::io(context(), error))?;
        Ok(Some(Box::new(file)))
    }

    fn listed(&self, list: Box<dyn Read + Send>) -> impl Iterator<Item = Source> + Send + use<> {
        let separator = if self.null { 0 } else { b'\n' };
        expand(names(BufReader::new(list), separator), self.walk())
    }

    fn walk(&self) -> Walk {
        Walk { follow_links: self.follow }
    }
}

/// What one argument stands for.
fn named(path: PathBuf, walk: Walk, stop: &Stop) -> Box<dyn Iterator<Item = Source> + Send> {
    if path.as_os_str() == "-" {
        let stdin = DetachedReader::new(io::stdin(), stop.clone());
        return Box::new(iter::once(Source::stream("-", stdin)));
    }
    Box::new(expand([Ok(path)], walk))
}
