//! A job's report: numbers for machines, and one page for people.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use shadegrid::job::{Location, Report, SIZE_CLASSES};
use shadegrid::{Error, Limits};

use super::page::{Bar, bars, escaped, origin, page, steps, table};

/// Writes `report.json` and `report.html` next to the records, in place of older ones.
pub(crate) fn write(location: &dyn Location, report: &Report) -> Result<(), Error> {
    report.put(location, &job_page(report))
}

/// The whole page.
fn job_page(report: &Report) -> String {
    let mut body = format!(
        "<h1>Shadegrid: an archive's signatures</h1><p>{}</p>{}",
        escaped(&subject(report)),
        origin()
    );
    body.push_str(&table(&["", ""], totals(report)));
    section(&mut body, "Records per second, over time", &over_time(report, |part| part.records, "records/s"));
    section(
        &mut body,
        "Megabytes per second, over time",
        &over_time(report, |part| part.bytes / 1e6, "MB/s"),
    );
    section(&mut body, "Failed, by error code", &counted(report.failed.iter(), "Nothing failed."));
    if !report.failed.is_empty() {
        body.push_str(
            "<p class=\"note\">Each has a record with its message; <code>shadegrid job retry</code> tries them again.</p>",
        );
    }
    for limits in &report.other_limits {
        body.push_str(&format!("<p class=\"note\">{}</p>", escaped(&retried(limits))));
    }
    section(&mut body, "Formats", &counted(report.census.formats.iter(), "Nothing was hashed."));
    let sizes: Vec<Bar> =
        size_names().zip(report.census.sizes).map(|(name, n)| Bar::new(name, n as f64)).collect();
    section(&mut body, "Sizes, in megapixels", &bars(&sizes, whole));
    section(
        &mut body,
        "How much of them was read",
        &counted(report.census.details.iter(), "Nothing was hashed."),
    );
    section(&mut body, "Flags", &counted(report.census.flags.iter(), "None."));
    let times: Vec<Bar> =
        report.thread_seconds.iter().map(|(what, seconds)| Bar::new(what.clone(), *seconds)).collect();
    section(&mut body, "Where the time went", &bars(&times, |seconds| format!("{seconds:.1} s")));
    body.push_str(
        "<p class=\"note\">Seconds of threads, of all workers together; they run at the same time.</p>",
    );
    section(&mut body, "Workers", &workers(report));
    page("Shadegrid job", &body)
}

fn section(body: &mut String, title: &str, content: &str) {
    body.push_str("<h2>");
    body.push_str(title);
    body.push_str("</h2>");
    body.push_str(content);
}

fn subject(report: &Report) -> String {
    let how_far = if report.complete {
        "Every input has its record.".to_string()
    } else {
        format!("Not finished: {} of {} shards are done.", report.shards_done, report.shards)
    };
    format!("{how_far} Computed by {}.", report.settings.engine())
}

/// That a retry had other limits than the job.
fn retried(limits: &Limits) -> String {
    let Limits {
        max_side,
        max_pixels,
        max_pixels_per_byte,
        max_file_bytes,
        max_decoder_bytes,
        max_scans,
        ..
    } = limits;
    format!(
        "A retry let through sides up to {max_side}, {max_pixels} pixels and {max_pixels_per_byte} for each byte, files of {max_file_bytes} bytes, {max_decoder_bytes} bytes for \
         decoding, {max_scans} scans."
    )
}

fn totals(report: &Report) -> Vec<Vec<String>> {
    let failed: u64 = report.failed.values().sum();
    let seconds = report.seconds().max(1e-3);
    let count = |number: u64| HumanCount(number).to_string();
    let line = |name: &str, value: String| vec![name.to_string(), value];
    vec![
        line("Inputs with a record", count(report.records)),
        line("Hashed", count(report.records - failed.min(report.records))),
        line("Failed", count(failed)),
        line("With a match", count(report.census.matched)),
        line("Shards", format!("{} of {}", count(report.shards_done), count(report.shards))),
        line("Read", HumanBytes(report.bytes).to_string()),
        line("Written", HumanBytes(report.written).to_string()),
        line("From first to last", duration(seconds)),
        line("Hashed per second", format!("{:.1}", report.records.saturating_sub(failed) as f64 / seconds)),
        line("Megapixels per second", format!("{:.1}", report.pixels as f64 / 1e6 / seconds)),
    ]
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    HumanDuration(Duration::from_secs_f64(seconds)).to_string()
}

fn over_time(report: &Report, value: impl Fn(&shadegrid::job::TimeSlice) -> f64, unit: &str) -> String {
    let values: Vec<f64> = report.over_time.iter().map(value).collect();
    steps(&values, &duration(report.seconds()), unit)
}

fn counted<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>, none: &str) -> String {
    let mut all: Vec<Bar> = counts.map(|(name, count)| Bar::new(name.clone(), *count as f64)).collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    if all.is_empty() { format!("<p>{none}</p>") } else { bars(&all, whole) }
}

fn whole(number: f64) -> String {
    HumanCount(number as u64).to_string()
}

/// `under 0.1`, `0.1 to 0.5` and so on.
fn size_names() -> impl Iterator<Item = String> {
    let megapixels = |pixels: u64| pixels as f64 / 1e6;
    let first = format!("under {}", megapixels(SIZE_CLASSES[0]));
    let middle = SIZE_CLASSES
        .windows(2)
        .map(move |ends| format!("{} to {}", megapixels(ends[0]), megapixels(ends[1])));
    let last = format!("{} and more", megapixels(SIZE_CLASSES[SIZE_CLASSES.len() - 1]));
    [first].into_iter().chain(middle).chain([last])
}

fn workers(report: &Report) -> String {
    let head = ["", "shards", "records", "records/s", "MB/s", "time"];
    let lines = report.workers.iter().map(|(name, share)| {
        let seconds = share.seconds.max(1e-3);
        vec![
            name.clone(),
            HumanCount(share.shards).to_string(),
            HumanCount(share.records).to_string(),
            format!("{:.1}", share.records as f64 / seconds),
            format!("{:.1}", share.bytes as f64 / 1e6 / seconds),
            duration(share.seconds),
        ]
    });
    table(&head, lines)
}
