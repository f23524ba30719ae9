//! `shadegrid hash`: files, folders, lists and standard input to one record each.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::pipeline::{Ended, Stop, Summary, describe};
use shadegrid::{Algorithm, Devices, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::cache::{self, CacheArguments};
use super::exit::Exit;
use super::inputs::InputArguments;
use super::output::{Kind, Output, OutputFormat, Overwrite, Own, is_seen};
use super::pictures::{DecodeArguments, FrameArguments};
use super::progress::{self, Shown};
use super::resources::Resources;
use super::skipping::SkipArguments;
use super::tally::Tally;
use super::verbosity::Verbosity;
use super::{bar, bytes, console, interrupt, numbers, places};

/// Hash pictures: one record for every input, in the order of the inputs
///
/// An input is a file, or `-` for one picture on standard input. A folder stands for every regular file
/// below it, sorted by name; what is no picture there has an error record too, but is skipped in the counts and changes no exit code. A picture's
/// format is known by its content, never by its name.
///
/// An archive (.tar, .tar.gz, .tgz, .tar.zst, .zip, or .parquet with a column of pictures) stands for its members, called
/// ARCHIVE/MEMBER. A list (.csv, .tsv, or .parquet with a column of paths) stands for what it names. s3://, gs:// and az:// URLs
/// are objects, or everything below a prefix; credentials and endpoints come from the usual environment variables (AWS_…,
/// GOOGLE_…, AZURE_…). http:// and https:// URLs are pictures or archives.
///
/// A record is one line of JSON with the key (a file's path), the size, the signatures and what is needed to judge them, or
/// with an error's code (corrupt, unsupported, limit, input, io) and message. With --frames an input may have further records. A key that is not UTF-8 is
/// given exactly in `key_bytes`. Signatures are sensitive: keep the records as you keep the pictures.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Pictures, folders, archives, lists and URLs; `-` is one picture on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from", value_parser = places::path_parser())]
    paths: Vec<PathBuf>,

    /// Write the records to a file instead of standard output (`-`)
    ///
    /// They go to FILE.XXXXXX.partial, which is renamed when it holds a record for every input: a run that ends early leaves its whole
    /// records there, says so, and leaves an older FILE untouched. A new file is readable by its owner alone, as signatures are sensitive; an
    /// older one leaves its mode and owner to it.
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// How records are written [default: by the ending of FILE, .jsonl, .csv or .parquet; else jsonl]
    #[arg(long, value_enum)]
    format: Option<OutputFormat>,

    /// Signatures to compute, with commas between: photodna, pdq, pdq-512
    ///
    /// photodna is the PhotoDNA-class signature (144 bytes, base64), pdq is PDQ on the whole picture (256 bits,
    /// hexadecimal), pdq-512 is PDQ after nearest-neighbour reduction to 512×512, the convention of PDQ's C++ tool.
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq")]
    algorithm: Vec<Algorithm>,

    /// Threads that decode and hash [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    ///
    /// A picture that needs more than three eighths of it is decoded while no other large one is; only such a one
    /// takes the total past this.
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// Stop at the first input that fails
    #[arg(long)]
    fail_fast: bool,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    skip: SkipArguments,

    #[command(flatten)]
    verbosity: Verbosity,

    // Groups with a heading of their own come last: what follows one would stand under its heading.
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
  Hash a folder into a file, with a progress bar:
      shadegrid hash photos -o photos.jsonl
  Only the JPEGs of a folder, whatever their names hold:
      find photos -name '*.jpg' -print0 | shadegrid hash --files-from - -0
  One picture from a download:
      curl -s https://example.org/a.png | shadegrid hash -
  Archives, a bucket and a list of URLs into one Parquet file:
      shadegrid hash a.tar b.zip s3://bucket/photos/ urls.csv -o signatures.parquet
  Once more, reading only what has changed since:
      shadegrid hash photos --cache photos.cache -o photos.jsonl
  Every frame of animations and every page:
      shadegrid hash photos --frames all -o photos.jsonl
  PDQ signatures as a table:
      shadegrid hash photos --algorithm pdq --format csv

Exit codes:
    0  every picture was hashed
    1  wrong usage, or the run could not be carried out (say, the disk is full)
    2  some input failed, and its record says why; or no picture was found under a PATH
  130  interrupted; the records written are whole";

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    arguments.input.check(&arguments.paths)?;
    arguments.skip.check(arguments.frames.is_first())?;
    let format = OutputFormat::choose(arguments.format, arguments.output.as_deref())?;
    let reads = arguments.skip.reads(arguments.input.reads(&arguments.paths));
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Records, &reads)?;
    let resources = Resources::new(arguments.threads, arguments.memory);
    let (hash, stop) = (arguments.hash_options(), Stop::default());
    let own = Own::outputs(&arguments.output).and_cache(arguments.cache.path());
    let listing = arguments.input.options(resources, &hash.decode.limits, (own, &stop));
    let listable = || arguments.input.listable(&arguments.paths, &listing);
    let devices = arguments.devices.choose(listable)?;
    let engine = resources.engine(devices, hash)?;
    let (cache, skipping) =
        (arguments.cache.open(&engine, &reads)?, arguments.skip.read(&arguments.algorithm)?);
    let (output, to) = target.begin()?;
    interrupt::request(&stop)?;
    let sources = skipping.sources(arguments.input.sources(&arguments.paths, &listing));
    let mut sink = format.sink(to, &describe(engine.options()))?;
    let options =
        RunOptions::default().fail_fast(arguments.fail_fast).skips(!arguments.input.strict).stop(stop);
    let (inputs, is_strict) = (arguments.input.inputs(&arguments.paths), arguments.input.strict);
    let count = || arguments.input.count(&arguments.paths, &listing);
    // Records on a terminal would be written through the line.
    let is_drawn = !arguments.verbosity.quiet && bar::seen() && !is_seen(arguments.output.as_deref());
    let progress = (is_drawn, is_drawn.then(count).flatten());
    let mut shown = Shown::new(&mut *sink, &inputs, progress, arguments.verbosity, Tally::new(is_strict));
    match cache::run(&engine, cache, sources, &mut shown, &options) {
        Ok(summary) => {
            let tally = shown.end_with(&summary, &skipping.skipped(), &inputs, &arguments.input.hint());
            finish(&arguments, output, (&summary, &tally), engine.devices())
        }
        Err(error) => {
            // Parquet cannot be read without its end.
            if format != OutputFormat::Parquet {
                output.keep(arguments.verbosity.quiet);
            }
            Err(error)
        }
    }
}

/// Names the output and says how it went.
fn finish(
    arguments: &Arguments,
    output: Output,
    (summary, tally): (&Summary, &Tally),
    devices: &Devices,
) -> Result<Exit, Error> {
    let Verbosity { quiet, verbose } = arguments.verbosity;
    if !quiet {
        console::say(progress::summary_line(summary, tally));
        progress::backend_line(summary, devices, verbose).into_iter().for_each(console::say);
        progress::helper_line(verbose).into_iter().for_each(console::say);
    }
    match summary.ended {
        Ended::Complete => output.complete()?,
        _ => output.keep(quiet),
    }
    Ok(match summary.ended {
        Ended::Stopped => Exit::Interrupted,
        _ if tally.has_failures() => Exit::SomeFailed,
        _ => Exit::Done,
    })
}

impl Arguments {
    fn hash_options(&self) -> HashOptions {
        HashOptions::default()
            .algorithms(self.algorithm.clone())
            .decode(self.frames.of(self.decode.options()))
            .faces(self.decode.faces())
            .alpha(self.decode.alpha())
    }
}
