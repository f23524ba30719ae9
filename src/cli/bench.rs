//! `shadegrid bench`: the CPU against each GPU, on the same pictures, with checked results.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use shadegrid::pipeline::{JsonLines, Source, Summary, Walk, expand};
use shadegrid::{BackendChoice, Devices, Engine, Error, HashOptions, Hasher, RunOptions, devices};

use super::exit::Exit;
use super::output::{Kind, Overwrite, Reads, Target};
use super::resources::Resources;
use super::{console, numbers};
use report::{Contender, Report, Steps};

mod decoding;
mod html;
mod json;
mod report;
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
    /// Pictures and folders to hash
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Make baseline JPEGs up instead, such as 1280x800@85, with commas between: width, height and quality
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "paths")]
    synthetic: Vec<synthetic::Size>,

    /// Runs that count, for each contender
    #[arg(short, long, value_name = "N", default_value = "5")]
    runs: NonZeroUsize,

    /// Threads that decode and hash [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// GPUs to compare, by number or part of the name [default: all that are trusted]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,

    /// Write JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Write a page with charts to a file, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,
}

const EXAMPLES: &str = "\
Examples:
  Does a GPU pay on these pictures?
      shadegrid bench photos --html bench.html
  And without pictures, on JPEGs that it decodes?
      shadegrid bench --synthetic 640x400@80,1280x1024@80,4000x3000@90

Exit codes:
    0  everything was measured, and all signatures agree
    1  wrong usage, nothing to measure, or signatures that differ";

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let page = arguments.page()?;
    let started = Instant::now();
    let pictures = arguments.pictures()?;
    let read = started.elapsed();
    let resources = Resources::new(arguments.threads, None);
    let engine = |devices| resources.engine(devices, HashOptions::default());
    let steps = steps(&pictures, read)?;
    let mut contenders = vec![measure(arguments, &pictures, "cpu", &engine(Devices::default())?)?];
    for device in arguments.devices() {
        let devices = Devices::choose(BackendChoice::Gpu, std::slice::from_ref(&device), resources.threads)?;
        let name = devices.names().join(" and ");
        let (speed, decoding) = (devices.speeds()?.pop(), decoding::measure(&devices, &pictures)?);
        contenders.push(Contender {
            speed,
            decoding,
            ..measure(arguments, &pictures, &name, &engine(devices)?)?
        });
    }
    let report = Report::new(&pictures, steps, contenders, resources.threads, arguments.paths.is_empty());
    console::print(&if arguments.json { json::json(&report) } else { table::table(&report) })?;
    if let Some(page) = page {
        page.write(&html::page(&report))?;
    }
    if report.agree() {
        return Ok(Exit::Done);
    }
    Err(Error::Device(
        "the contenders' signatures differ: do not use the devices named in the table".to_string(),
    ))
}

impl Arguments {
    /// Where the page goes.
    fn page(&self) -> Result<Option<Target>, Error> {
        let Some(path) = &self.html else { return Ok(None) };
        self.overwrite.check(Some(path), Kind::Page, &Reads::of(&self.paths)).map(Some)
    }

    /// Everything in memory: what disks do is not what is compared.
    fn pictures(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        if !self.synthetic.is_empty() {
            return Ok(self.synthetic.iter().flat_map(synthetic::Size::jpegs).collect());
        }
        if self.paths.is_empty() {
            return Ok(synthetic::pictures());
        }
        let sources = expand(self.paths.iter().cloned().map(Ok), Walk::default());
        let pictures: Vec<(String, Vec<u8>)> = sources
            .filter_map(|source| {
                let path = PathBuf::from(source.key());
                fs::read(&path).ok().map(|bytes| (path.display().to_string(), bytes))
            })
            .collect();
        if pictures.is_empty() {
            return Err(Error::Input("there is no file to measure".to_string()));
        }
        Ok(pictures)
    }

    /// The devices to compare, as `--device` names them.
    fn devices(&self) -> Vec<String> {
        if !self.device.is_empty() {
            return self.device.clone();
        }
        let trusted = devices().into_iter().filter(|device| device.refused.is_none());
        trusted.map(|device| device.number.to_string()).collect()
    }
}

/// What each step costs one thread of the CPU, over all pictures.
fn steps(pictures: &[(String, Vec<u8>)], read: Duration) -> Result<Steps, Error> {
    let mut hasher = Hasher::new(HashOptions::default());
    let mut steps = Steps { read, ..Steps::default() };
    for (_, bytes) in pictures {
        let Ok((_, [decode, sums, finish])) = hasher.hash_timed(bytes) else { continue };
        steps.decode += decode;
        steps.sums += sums;
        steps.finish += finish;
        steps.pictures += 1;
    }
    if steps.pictures == 0 {
        return Err(Error::Input("none of the files is a picture that can be hashed".to_string()));
    }
    Ok(steps)
}

/// One run that does not count, then those that do.
fn measure(
    arguments: &Arguments,
    pictures: &[(String, Vec<u8>)],
    name: &str,
    engine: &Engine,
) -> Result<Contender, Error> {
    let (records, _) = once(pictures, engine)?;
    let mut contender = Contender { name: name.to_string(), records, steady: true, ..Contender::default() };
    for _ in 0..arguments.runs.get() {
        let (records, summary) = once(pictures, engine)?;
        contender.steady &= records == contender.records;
        contender.add(summary);
    }
    Ok(contender)
}

/// The records without what says where they were computed, and the summary.
fn once(pictures: &[(String, Vec<u8>)], engine: &Engine) -> Result<(Vec<String>, Summary), Error> {
    let sources = pictures.iter().map(|(name, bytes)| Source::bytes(name, bytes.clone()));
    let mut lines = JsonLines::new(Vec::new());
    let summary = engine.run_into(sources, &mut lines, &RunOptions::default())?;
    let lines = String::from_utf8_lossy(&lines.into_inner()).into_owned();
    Ok((lines.lines().map(report::comparable).collect(), summary))
}
