//! `shadegrid job`: how far a backfill is, whether all is there, failed records again, all records in one file.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use shadegrid::job::{self, Again, ListingTime, Retried, Settings, Status, WorkOptions, WorkerStatus};
use shadegrid::pipeline::Stop;
use shadegrid::{Devices, Error, HashOptions, Limits};

use super::bar::columns;
use super::clock;
use super::exit::Exit;
use super::lookups::json;
use super::network::NetworkArguments;
use super::output::{Kind, OutputFormat, Overwrite, Reads, is_seen};
use super::report;
use super::resources::Resources;
use super::tally::{matched_in_words, skipped_in_words};
use super::watching::{Watch, codes};
use super::{bytes, console, interrupt, matches, numbers, places};

/// Look at a backfill: how far it is, whether all is there; retry what failed; merge its files
///
/// Each works on the output of `shadegrid backfill`, also while workers run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(StatusArguments),
    Verify(VerifyArguments),
    Retry(RetryArguments),
    Merge(MergeArguments),
    Report(ReportArguments),
}

/// How far a backfill is: done, running, left, failed by code, rate, time left, workers; reads no records
#[derive(Debug, Args)]
struct StatusArguments {
    /// The output of `backfill`
    #[arg(value_name = "DIR|URL", value_parser = places::path_parser())]
    job: PathBuf,

    /// As one JSON object
    #[arg(long)]
    json: bool,

    /// Show it again every few seconds, until the job is complete
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = numbers::up_to_an_hour)]
    watch: Option<u64>,
}

/// Check that plan, ledger and files agree, and that every input has its record once
///
/// Reads every file of records. Exit codes: 0 all is there, 1 it could not be checked, 2 something does not agree, 3 all that is done
/// agrees, but the job is not finished.
#[derive(Debug, Args)]
struct VerifyArguments {
    /// The output of `backfill`
    #[arg(value_name = "DIR|URL", value_parser = places::path_parser())]
    job: PathBuf,
}

/// Hash failed or lost records again, and put what comes of it into the files of their shards
///
/// Settings are those of the job; with other limits, records that failed for a limit get another chance. Exit codes are those of `backfill`,
/// about what was hashed again.
#[derive(Debug, Args)]
struct RetryArguments {
    /// The output of `backfill`
    #[arg(value_name = "DIR|URL", value_parser = places::path_parser())]
    job: PathBuf,

    /// Only records with these codes, such as io,limit; input has skipped ones too [default: all that failed]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    codes: Vec<String>,

    /// Instead, all records of files that are missing or differ from the ledger; reads every file of records
    #[arg(long, conflicts_with = "codes")]
    lost: bool,

    /// Threads that decode and hash [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// Memory for files and pictures in flight, such as 512M or 2G [default: 256M per thread, at least 1G]
    #[arg(short, long, value_name = "SIZE", value_parser = bytes::memory)]
    memory: Option<u64>,

    /// Longest side that is let through, in pixels [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "N", value_parser = numbers::positive_u32)]
    max_side: Option<u32>,

    /// Most pixels that are let through [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "N", value_parser = numbers::positive)]
    max_pixels: Option<u64>,

    /// Most pixels for each byte of a file, asked of pictures over 12.6 megapixels [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "N", value_parser = numbers::positive)]
    max_pixels_per_byte: Option<u64>,

    /// Largest file that is let through [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    max_file_bytes: Option<u64>,

    /// Most memory that decoding one picture may take [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "SIZE", value_parser = bytes::parse)]
    max_decoder_bytes: Option<u64>,

    /// Most scans of one progressive JPEG [default: the job's, or an earlier retry's]
    #[arg(long, value_name = "N", value_parser = numbers::positive_u32)]
    max_scans: Option<u32>,

    /// No progress bar and no summary
    #[arg(short, long)]
    quiet: bool,

    // Behind all others: what follows would stand under its heading.
    #[command(flatten)]
    network: NetworkArguments,
}

/// Write all records of a finished backfill into one file, in the order of its inputs
#[derive(Debug, Args)]
struct MergeArguments {
    /// The output of `backfill`
    #[arg(value_name = "DIR|URL", value_parser = places::path_parser())]
    job: PathBuf,

    /// The file; a new one is readable by its owner alone
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    overwrite: Overwrite,

    /// How records are written [default: by the ending of FILE, .jsonl, .csv or .parquet; else as the job's]
    #[arg(long, value_enum)]
    format: Option<OutputFormat>,
}

/// Write report.json and report.html into the output anew, also of a job that is not finished
///
/// A backfill that comes to its end does so by itself.
#[derive(Debug, Args)]
struct ReportArguments {
    /// The output of `backfill`
    #[arg(value_name = "DIR")]
    job: PathBuf,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::Status(arguments) => status(&arguments),
        Command::Verify(arguments) => verify(&arguments),
        Command::Retry(arguments) => retry(&arguments),
        Command::Merge(arguments) => merge(&arguments),
        Command::Report(arguments) => write_report(&arguments.job),
    }
}

fn status(arguments: &StatusArguments) -> Result<Exit, Error> {
    let location = job::at(arguments.job.as_os_str(), false)?;
    let text = |status: &Status| match arguments.json {
        true => Ok(json(&StatusLine::of(status))? + "\n"),
        false => Ok(in_words(status)),
    };
    let Some(seconds) = arguments.watch else {
        return console::print(&text(&job::status(&*location)?)?).map(|()| Exit::Done);
    };
    let (stop, mut screen) = (Stop::default(), Screen::default());
    interrupt::request(&stop)?;
    loop {
        let status = job::status(&*location)?;
        screen.show(&text(&status)?)?;
        let next = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < next && !status.is_complete() && !stop.requested() {
            thread::sleep(PATIENCE);
        }
        match (status.is_complete(), stop.requested()) {
            (true, _) => return Ok(Exit::Done),
            (_, true) => return Ok(Exit::Interrupted),
            _ => {}
        }
    }
}

/// How often a pause is interrupted to look for Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is printed again and again: on a terminal in the same place, elsewhere one behind the other.
#[derive(Default)]
struct Screen {
    /// Lines that are there to be written over.
    lines: usize,
}

impl Screen {
    fn show(&mut self, text: &str) -> Result<(), Error> {
        if !is_seen(None) {
            return console::print(text);
        }
        // Up to the first line, and all below it away. A line that wraps would be more than one.
        let columns = columns();
        let cut: Vec<String> = text.lines().map(|line| line.chars().take(columns).collect()).collect();
        let back = if self.lines > 0 { format!("\u{1b}[{}A\u{1b}[J", self.lines) } else { String::new() };
        self.lines = cut.len();
        console::print(&(back + &cut.join("\n") + "\n"))
    }
}

fn write_report(job: &Path) -> Result<Exit, Error> {
    let location = job::at(job.as_os_str(), false)?;
    report::write(&*location, job::report(&*location)?)?;
    Ok(Exit::Done)
}

/// A status as JSON.
#[derive(Serialize)]
struct StatusLine<'a> {
    planned: bool,
    complete: bool,
    shards: u64,
    done: u64,
    running: u64,
    left: u64,
    records: u64,
    failed: &'a std::collections::BTreeMap<String, u64>,
    skipped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<u64>,
    bytes: u64,
    pixels: u64,
    records_left: u64,
    estimated: bool,
    rate: Option<f64>,
    seconds_left: Option<f64>,
    listed: ListingTime,
    listing_broke: Option<&'a str>,
    workers: Vec<WorkerLine<'a>>,
}

/// A worker as JSON.
#[derive(Serialize)]
struct WorkerLine<'a> {
    name: &'a str,
    seconds_silent: Option<f64>,
    shards: u64,
    records: u64,
    rate: Option<f64>,
}

impl<'a> WorkerLine<'a> {
    fn of(worker: &'a WorkerStatus) -> WorkerLine<'a> {
        WorkerLine {
            name: &worker.name,
            seconds_silent: worker.silent.map(|silent| silent.as_secs_f64()),
            shards: worker.share.shards,
            records: worker.share.records,
            rate: worker.rate(),
        }
    }
}

impl<'a> StatusLine<'a> {
    fn of(status: &'a Status) -> StatusLine<'a> {
        StatusLine {
            planned: status.planned,
            complete: status.is_complete(),
            shards: status.shards,
            done: status.done,
            running: status.claimed,
            left: status.left(),
            records: status.records,
            failed: &status.failed,
            skipped: status.skipped,
            matched: status.matched,
            bytes: status.bytes,
            pixels: status.pixels,
            records_left: status.records_left,
            estimated: status.estimated,
            rate: status.rate,
            seconds_left: status.time_left.map(|left| left.as_secs_f64()),
            listed: status.listed,
            listing_broke: status.listing_broke.as_deref(),
            workers: status.workers.iter().map(WorkerLine::of).collect(),
        }
    }
}

fn in_words(status: &Status) -> String {
    let left = status.left();
    let listing = match (status.planned, &status.listing_broke) {
        (true, _) => "",
        (false, None) => " planned so far; the inputs are still being listed",
        (false, Some(_)) => " planned so far; the listing of the inputs broke off",
    };
    let mut text = format!(
        "shards   {} done, {} running, {left} left, of {}{listing}\n",
        status.done, status.claimed, status.shards,
    );
    if let Some(why) = &status.listing_broke {
        let _ = writeln!(text, "inputs   {}", console::printable(&goes_on(why)));
    } else if let Some(from) = status.listed.from {
        let _ = writeln!(text, "inputs   listed {}", clock::on(from));
    }
    let failed = status.failed.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let hashed = status.records.saturating_sub(failed).saturating_sub(status.skipped);
    let _ = write!(text, "records  {hashed} hashed, {failed} failed");
    if failed > 0 {
        let _ = write!(text, " ({})", codes(&status.failed));
    }
    text += &skipped_in_words(status.skipped);
    text += &matched_in_words(status.matched);
    let about = if status.estimated { "about " } else { "" };
    let _ = writeln!(text, ", {about}{} left", status.records_left);
    if let Some(rate) = status.rate {
        let _ = write!(text, "rate     {rate:.1} records/s");
        if let Some(left) = status.time_left.filter(|_| !status.is_complete()) {
            let _ = write!(text, ", {about}{} left", HumanDuration(left));
        }
        text.push('\n');
    }
    for (number, worker) in status.workers.iter().enumerate() {
        let _ =
            writeln!(text, "{:<7}  {}", if number == 0 { "workers" } else { "" }, worker_in_words(worker));
    }
    if status.workers.is_empty() && status.claimed == 0 && !status.is_complete() {
        text.push_str("workers  none; the same `shadegrid backfill` command resumes the job\n");
    }
    if status.damaged_lines > 0 {
        let _ =
            writeln!(text, "ledger   {} damaged lines; their shards are done again", status.damaged_lines);
    }
    text
}

/// `archive-3, process 4711: seen 12 seconds ago, 103.2 records/s, 98,304 records in 12 shards`: what matters first, since a narrow terminal cuts the end.
fn worker_in_words(worker: &WorkerStatus) -> String {
    let WorkerStatus { name, silent, share, .. } = worker;
    let mut parts = name.split('_');
    let text = match (parts.next(), parts.next()) {
        (Some(host), Some(process)) => format!("{host}, process {process}: "),
        _ => format!("{name}: "),
    };
    let mut text = console::printable(&text);
    match silent {
        Some(silent) => drop(write!(text, "seen {} ago", HumanDuration(*silent))),
        None => text.push_str("seen"),
    }
    match worker.rate() {
        Some(rate) => {
            let shards = console::counted(share.shards, "shard", "shards");
            let _ = write!(text, ", {rate:.1} records/s, {} records in {shards}", HumanCount(share.records));
        }
        None => text.push_str(", at its first shard"),
    }
    text
}

/// That a listing broke off, and what to do.
fn goes_on(why: &str) -> String {
    format!("{why}; the same `shadegrid backfill` command or `shadegrid job retry` resumes the listing")
}

fn verify(arguments: &VerifyArguments) -> Result<Exit, Error> {
    let verdict = job::verify(&*job::at(arguments.job.as_os_str(), false)?)?;
    let failed: u64 = verdict.failed.values().sum();
    let mut text = format!(
        "{} of {} shards are done: {} records, {} hashed, {failed} failed",
        verdict.done,
        verdict.shards,
        verdict.records,
        verdict.records.saturating_sub(failed).saturating_sub(verdict.skipped)
    );
    if failed > 0 {
        let _ = write!(text, " ({})", codes(&verdict.failed));
    }
    text += &skipped_in_words(verdict.skipped);
    text.push('\n');
    for fault in &verdict.faults {
        let _ = writeln!(text, "{}", console::printable(&fault.to_string()));
    }
    let more = verdict.fault_count - verdict.faults.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    let (exit, word) = match (verdict.fault_count, verdict.is_complete()) {
        (0, true) => (Exit::Done, "plan, ledger and files agree; every input has its record, once"),
        (0, false) => (Exit::Unfinished, "not finished; what is done agrees with plan and ledger"),
        _ => (Exit::SomeFailed, "plan, ledger and files do not agree"),
    };
    let _ = writeln!(text, "{word}");
    if let Some(why) = &verdict.listing_broke {
        let why = console::printable(&goes_on(why));
        let _ = writeln!(text, "the inputs are not listed to their end: {why}");
    }
    if verdict.planned_twice > 0 {
        let _ = writeln!(
            text,
            "{} inputs are planned more than once, and have a record for each time",
            verdict.planned_twice
        );
    }
    if verdict.other_limits {
        let _ = writeln!(
            text,
            "retries made some records under other limits than the job's; `shadegrid job report` says which"
        );
    }
    console::print(&text)?;
    Ok(exit)
}

fn retry(arguments: &RetryArguments) -> Result<Exit, Error> {
    let known = ["corrupt", "unsupported", "limit", "input", "device", "io"];
    if let Some(unknown) = arguments.codes.iter().find(|code| !known.contains(&code.as_str())) {
        return Err(Error::Input(format!("unknown code {unknown:?}: the choice is {}", known.join(", "))));
    }
    let location = job::at(arguments.job.as_os_str(), false)?;
    let settings = Settings::read(&*location)?;
    let mut hash = settings.hash()?;
    hash.decode.limits = job::limits_so_far(&*location)?;
    arguments.raise(&mut hash.decode.limits);
    let resources = Resources::new(arguments.threads, arguments.memory);
    let engine = resources.engine(Devices::default(), HashOptions::default())?;
    let options = WorkOptions {
        read_ahead: resources.read_ahead_of_two(None),
        network: arguments.network.network(),
        matching: matches::of(&settings, resources.threads)?,
        ..WorkOptions::new(engine)
    };
    interrupt::request(&options.stop)?;
    let watch = (!arguments.quiet).then(|| Watch::new(options.progress.clone(), false));
    let again = if arguments.lost { Again::Lost } else { Again::Failed(arguments.codes.clone()) };
    let retried = job::retry(location.clone(), &again, &hash, &options);
    drop(watch);
    let retried = retried?;
    let report = job::report(&*location)?;
    if report.complete {
        report::write(&*location, report)?;
    }
    if !arguments.quiet {
        console::say(retried_in_words(&retried));
    }
    Ok(match (options.stop.requested(), retried.is_success()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Done,
        (false, false) => Exit::SomeFailed,
    })
}

fn retried_in_words(retried: &Retried) -> String {
    let failed: u64 = retried.failed.values().sum();
    let hashed = retried.records.saturating_sub(failed).saturating_sub(retried.skipped);
    let mut line = format!("{hashed} of {} are hashed now", retried.records);
    if failed > 0 {
        let _ = write!(line, ", {failed} failed again ({})", codes(&retried.failed));
    }
    line += &skipped_in_words(retried.skipped);
    if retried.passed_over > 0 {
        let _ = write!(
            line,
            "; claimed by other workers: {}",
            console::counted(retried.passed_over, "shard", "shards")
        );
    }
    if retried.kept > 0 {
        let _ = write!(
            line,
            "; left as before, because what was read again lacks records that were hashed: {}",
            console::counted(retried.kept, "file", "files")
        );
    }
    if let Some(further) = retried.further {
        let _ = write!(
            line,
            "; the inputs are listed to their end now, which gave {} further records, {} of them failed{}",
            further.records,
            further.failed,
            skipped_in_words(further.skipped)
        );
    }
    if retried.lost > 0 {
        let _ = write!(
            line,
            "; missing, or different from the ledger: {}, which `shadegrid job retry --lost` hashes again",
            console::counted(retried.lost, "file", "files")
        );
    }
    line
}

impl RetryArguments {
    fn raise(&self, limits: &mut Limits) {
        limits.max_side = self.max_side.unwrap_or(limits.max_side);
        limits.max_pixels = self.max_pixels.unwrap_or(limits.max_pixels);
        limits.max_pixels_per_byte = self.max_pixels_per_byte.unwrap_or(limits.max_pixels_per_byte);
        limits.max_file_bytes = self.max_file_bytes.unwrap_or(limits.max_file_bytes);
        limits.max_decoder_bytes = self.max_decoder_bytes.unwrap_or(limits.max_decoder_bytes);
        limits.max_scans = self.max_scans.unwrap_or(limits.max_scans);
    }
}

fn merge(arguments: &MergeArguments) -> Result<Exit, Error> {
    let location = job::at(arguments.job.as_os_str(), false)?;
    // Among the files of the job the output would be taken for one of them.
    let reads = Reads::of([&arguments.job]);
    let format = OutputFormat::asked(arguments.format, Some(&arguments.output))?.map(Into::into);
    let place = arguments.overwrite.check_file(&arguments.output, Kind::Records, &reads)?;
    let (output, to) = place.begin()?;
    let records = job::merge(&*location, to, format)?;
    output.complete()?;
    console::say(format_args!(
        "{} in {}",
        console::counted(records, "record", "records"),
        arguments.output.display()
    ));
    Ok(Exit::Done)
}
