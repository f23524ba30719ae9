//! `shadegrid devices`: the GPUs of this machine, and which can be trusted.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use shadegrid::{DeviceReport, Error, devices};

use super::console::{self, printable};
use super::exit::Exit;

/// List the GPUs of this machine, each tried on a small set of pictures
///
/// A device that does not compute what the CPU does, bit for bit, is refused, and the stage that differs is named.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Write JSON: one array of objects
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  What can --device name here?
      shadegrid devices

Exit codes:
    0  the list was written, also where it is empty
    1  wrong usage, or the list could not be written";

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let started = Instant::now();
    let reports = devices();
    let looking = started.elapsed().saturating_sub(reports.iter().map(|report| report.startup).sum());
    let text = if arguments.json { in_json(&reports) } else { in_words(&reports, looking) };
    console::print(&text)?;
    Ok(Exit::Done)
}

fn in_words(reports: &[DeviceReport], looking: Duration) -> String {
    let looking = format!("found in {:.0} ms", milliseconds(looking));
    if reports.is_empty() {
        return format!("no GPU found; the CPU does everything ({looking})\n");
    }
    reports.iter().map(describe).chain([format!("{looking}\n")]).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn describe(report: &DeviceReport) -> String {
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let verdict = match &report.refused {
        None => "trusted: every stage gives the CPU's numbers".to_string(),
        Some(reason) => format!("refused: {}", printable(reason)),
    };
    let clock = if report.timestamps { "stages can be timed" } else { "no clock" };
    format!(
        "{} {}\n  kind     {}, {}\n  driver   {}\n  limits   buffer {}, binding {}, batch {}; {clock}\n  start    {:.0} ms\n  verdict  {verdict}\n",
        report.number,
        printable(&report.name),
        report.kind,
        report.interface,
        printable(&report.driver),
        mebibytes(report.max_buffer),
        mebibytes(report.max_binding),
        mebibytes(report.batch_bytes),
        milliseconds(report.startup),
    )
}

fn in_json(reports: &[DeviceReport]) -> String {
    let object = |report: &DeviceReport| {
        json!({
            "number": report.number,
            "name": report.name,
            "kind": report.kind,
            "interface": report.interface,
            "driver": report.driver,
            "max_buffer": report.max_buffer,
            "max_binding": report.max_binding,
            "batch_bytes": report.batch_bytes,
            "timestamps": report.timestamps,
            "startup_milliseconds": milliseconds(report.startup),
            "trusted": report.refused.is_none(),
            "refused": report.refused,
        })
    };
    format!("{:#}\n", reports.iter().map(object).collect::<serde_json::Value>())
}
