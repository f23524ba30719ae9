//! `shadegrid hash`: files, folders, lists and standard input to one record each.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::pipeline::{Ended, Stop, Summary, describe};
use shadegrid::{Algorithm, Devices, Error, HashOptions, RunOptions};

use super::backend::DeviceArguments;
use super::exit::Exit;
use super::inputs::InputArguments;
use super::output::{Kind, Output, OutputFormat, Overwrite};
use super::pictures::DecodeArguments;
use super::progress::{self, Shown};
use super::resources::Resources;
use super::{bytes, console, interrupt};

/// Hash pictures: one record for every input, in the order of the inputs
///
/// An input is a file, or `-` for one picture on standard input. A folder stands for every regular file
/// below it, sorted by name; what is no picture gives an error record like any other failure. A picture's format is known
/// by its content, never by its name.
///
/// An archive (.tar, .tar.gz, .tgz, .tar.zst, .zip, or .parquet with a column of pictures) stands for its members, called
/// ARCHIVE/MEMBER. A list (.csv, .tsv, or .parquet with a column of paths) stands for what it names. s3://, gs:// and az:// URLs
/// are objects, or everything below a prefix; credentials and endpoints come from the usual environment variables (AWS_…,
/// GOOGLE_…, AZURE_…). http:// and https:// URLs are pictures or archives.
///
/// A record is one line of JSON with the key (a file's path), the size, the signatures and what is needed to judge them, or
/// with an error's code (corrupt, unsupported, limit, input, io) and message. A key that is not UTF-8 is
/// given exactly in `key_bytes`. Signatures are sensitive: keep the records as you keep the pictures.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Pictures, folders, archives, lists and URLs; `-` is one picture on standard input
    #[arg(value_name = "PATH", required_unless_present = "files_from")]
    paths: Vec<PathBuf>,

    /// Write the records to a file instead of standard output
    ///
    /// They go to FILE.XXXXXX.partial, which is renamed when it holds a record for every input: a run that ends early leaves its whole
    /// records there, says so, and leaves an older FILE untouched. A new file is readable by its owner alone, as signatures are sensitive; an
    /// older one leaves its mode and owner to it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// How records are written
    #[arg(long, value_enum, default_value = "jsonl")]
    format: OutputFormat,

    /// Signatures to compute, with commas between: photodna, pdq, pdq-512
    ///
    /// photodna is the PhotoDNA-class signature (144 bytes, base64), pdq is PDQ on the whole picture (256 bits,
    /// hexadecimal), pdq-512 is PDQ after nearest-neighbour reduction to 512×512, the convention of PDQ's C++ tool.
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq")]
    algorithm: Vec<Algorithm>,

    /// Threads that decode and hash [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
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
    input: InputArguments,

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
  Archives, a bucket and a list of URLs into one Parquet file:
      shadegrid hash a.tar b.zip s3://bucket/photos/ urls.csv --format parquet -o signatures.parquet
  PDQ signatures as a table:
      shadegrid hash photos --algorithm pdq --format csv

Exit codes:
    0  every input was hashed
    1  wrong usage, or the run could not be carried out (say, the disk is full)
    2  some input failed; its record says why
  130  interrupted; the records written are whole";

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    arguments.input.check(&arguments.paths)?;
    arguments.format.check(arguments.output.as_deref())?;
    let reads = arguments.input.reads(&arguments.paths);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Records, &reads)?;
    let resources = Resources::new(arguments.threads, arguments.memory);
    let (hash, stop) = (arguments.hash_options(), Stop::default());
    let listing = arguments.input.options(resources, &hash.decode.limits, &stop);
    let listable = || arguments.input.listable(&arguments.paths, &listing);
    let devices = arguments.devices.choose(resources.threads, listable)?;
    let engine = resources.engine(devices, hash)?;
    let (output, to) = target.begin()?;
    interrupt::request(&stop)?;
    let sources = arguments.input.sources(&arguments.paths, &listing);
    let mut sink = arguments.format.sink(to, &describe(engine.options()))?;
    let options = RunOptions::default().fail_fast(arguments.fail_fast).stop(stop);
    let run = if arguments.quiet {
        engine.run_into(sources, &mut *sink, &options)
    } else {
        let count = progress::seen().then(|| arguments.input.count(&arguments.paths, &listing)).flatten();
        engine.run_into(sources, &mut Shown::new(&mut *sink, count), &options)
    };
    match run {
        Ok(summary) => finish(&arguments, output, &summary, engine.devices()),
        Err(error) => {
            // Parquet cannot be read without its end.
            if arguments.format != OutputFormat::Parquet {
                output.keep(arguments.quiet);
            }
            Err(error)
        }
    }
}

/// Names the output and says how it went.
fn finish(
    arguments: &Arguments,
    output: Output,
    summary: &Summary,
    devices: &Devices,
) -> Result<Exit, Error> {
    if !arguments.quiet {
        console::say(progress::summary_line(summary));
        console::say(progress::backend_line(summary, devices));
    }
    match summary.ended {
        Ended::Complete => output.complete()?,
        _ => output.keep(arguments.quiet),
    }
    Ok(match summary.ended {
        Ended::Stopped => Exit::Interrupted,
        _ if summary.failed() > 0 => Exit::SomeFailed,
        _ => Exit::Done,
    })
}

impl Arguments {
    fn hash_options(&self) -> HashOptions {
        HashOptions::default()
            .algorithms(self.algorithm.clone())
            .decode(self.decode.options())
            .faces(self.decode.faces())
    }
}
