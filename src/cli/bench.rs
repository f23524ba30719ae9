//! `shadegrid bench`: the CPU against each GPU, on the same pictures, with checked results.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use shadegrid::pipeline::Input;
use shadegrid::{Algorithm, Error, HashOptions};

use super::exit::Exit;
use super::inputs::InputArguments;
use super::output::{Kind, Overwrite, Target};
use super::page::without_query;
use super::pictures::DecodeArguments;
use super::{bytes, console, numbers, places};
use format::Format;
use progress::Progress;
use report::Report;

mod csv;
mod decoding;
mod format;
mod html;
mod json;
mod markdown;
mod measure;
mod progress;
mod reading;
mod report;
mod section;
mod sections;
mod synthetic;
mod table;

/// Compare the CPU with each GPU on the same pictures
///
/// The pictures are read into memory first, then hashed by each contender in turn, several times over after a run that does not
/// count: the table gives the median and the range. The signatures of all runs must be the same. Without a path the
/// pictures are made up: photograph-like bitmaps of 0.3, 1, 2 and 12 megapixels. Each device's memory and its largest stage are
/// measured alone too.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Pictures to hash, as `hash` takes them: files, folders, archives, stores, lists
    #[arg(value_name = "PATH", value_parser = places::path_parser())]
    paths: Vec<PathBuf>,

    /// Make baseline JPEGs up instead, such as 1280x800@85, with commas between: width, height and quality
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with_all = ["paths", "files_from"])]
    synthetic: Vec<synthetic::Size>,

    /// Runs that count, for each contender
    #[arg(short, long, value_name = "N", default_value = "5")]
    runs: NonZeroUsize,

    /// Threads that decode and hash; several numbers, such as 1,2,4, are compared [default: one per CPU]
    #[arg(short = 'j', long, value_name = "LIST", value_delimiter = ',', value_parser = numbers::threads)]
    threads: Vec<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// Signatures to compute, with commas between: photodna, pdq, pdq-512
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', default_value = "photodna,pdq")]
    algorithm: Vec<Algorithm>,

    /// GPUs to compare, by number or part of the name [default: all that are trusted]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,

    /// Write the report to a file instead of standard output (`-`)
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// How the report is written [default: by the ending of FILE, .csv, .md, .json or .html; else table]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write a page with charts to a file, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// No progress, and no summary next to a file
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    overwrite: Overwrite,

    #[command(flatten)]
    input: InputArguments,

    #[command(flatten)]
    decode: DecodeArguments,
}

const EXAMPLES: &str = "\
Examples:
  Does a GPU pay on these pictures?
      shadegrid bench photos --html bench.html
  What do more threads bring, and what does reading every pixel cost?
      shadegrid bench photos.tar --threads 1,2,4 -o threads.md
      shadegrid bench photos.tar --threads 1,2,4 --detail full -o full.md

  And without pictures, on JPEGs that a GPU decodes?
      shadegrid bench --synthetic 640x400@80,1280x1024@80,4000x3000@90

Exit codes:
    0  everything was measured, and all signatures agree
    1  wrong usage, nothing to measure, or signatures that differ";

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    arguments.input.check(&arguments.paths)?;
    let format = Format::choose(arguments.asked(), arguments.output.as_deref())?;
    let (target, page) = arguments.targets(format)?;
    let is_seen = !arguments.quiet;
    let progress = Progress::new(is_seen);
    let pictures = reading::pictures(arguments, &progress)?;
    let (steps, contenders) = measure::all(arguments, &pictures, &progress)?;
    drop(progress);
    let report = Report::new(arguments, &pictures, steps, contenders);
    let is_file = matches!(target, Target::File(_));
    target.write(&format.text(&report))?;
    if let Some(page) = page {
        page.write(&html::page(&report))?;
    }
    if is_file && is_seen {
        console::say(report.verdict());
    }
    if report.agree() {
        return Ok(Exit::Done);
    }
    Err(Error::Device(
        "the contenders' signatures differ: do not use the devices named in the table".to_string(),
    ))
}

impl Arguments {
    /// The format that was asked for by name.
    fn asked(&self) -> Option<Format> {
        self.format.or(self.json.then_some(Format::Json))
    }

    /// Where the report goes, and the page.
    fn targets(&self, format: Format) -> Result<(Target, Option<Target>), Error> {
        let reads = self.input.reads(&self.paths);
        let kind = if format == Format::Html { Kind::Page } else { Kind::Measurements };
        let target = self.overwrite.check(self.output.as_deref(), kind, &reads)?;
        let page = self.html.as_deref().map(|path| self.overwrite.check(Some(path), Kind::Page, &reads));
        Ok((target, page.transpose()?))
    }

    /// Whether the pictures are made up.
    fn is_synthetic(&self) -> bool {
        self.paths.is_empty() && !self.input.has_list()
    }

    /// What the pictures come from, as it may be shown.
    fn names(&self) -> Vec<String> {
        let inputs = self.input.inputs(&self.paths);
        let name = |input: &Input| match input {
            Input::Named(name) | Input::List(name) => without_query(&name.to_string_lossy()).to_string(),
        };
        inputs.iter().map(name).collect()
    }

    /// Numbers of threads that are compared, each once, the smallest first.
    fn threads(&self) -> Vec<Option<NonZeroUsize>> {
        let mut threads: Vec<_> = self.threads.iter().copied().map(Some).collect();
        threads.sort_unstable();
        threads.dedup();
        if threads.is_empty() { vec![None] } else { threads }
    }

    fn hash_options(&self) -> HashOptions {
        HashOptions::default()
            .algorithms(self.algorithm.clone())
            .decode(self.decode.options())
            .faces(self.decode.faces())
            .alpha(self.decode.alpha())
    }
}
