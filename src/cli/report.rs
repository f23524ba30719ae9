//! A job's report: numbers for machines, and one page for people.

use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration};
use shadegrid::job::{self, Location, Report, SIZE_CLASSES};
use shadegrid::pipeline::Input;
use shadegrid::{Error, Limits};

use super::page::{Bar, bars, escaped, head, named, page, steps, table, without_query, words_table};
use super::tally::{matched_in_words, skipped_in_words};

/// Writes `report.json` and `report.html` next to the records, in place of older ones.
pub(crate) fn write(location: &dyn Location, mut report: Report) -> Result<(), Error> {
    let mut unread = None;
    if !report.failed.is_empty() {
        // That a file of records cannot be read is no reason to have no report.
        match job::examples(location) {
            Ok(examples) => report.examples = examples,
            Err(error) => unread = Some(error.to_string()),
        }
    }
    report.put(location, &job_page(&report, unread.as_deref()))
}

/// The whole page.
fn job_page(report: &Report, unread: Option<&str>) -> String {
    let names: Vec<String> = report.settings.sources().iter().flatten().map(name).collect();
    let title = format!("Shadegrid job: {}", named(&names));
    let outcome = if report.complete && report.failed.is_empty() { "good" } else { "warn" };
    let facts = [("Archive", names.join(", ")), ("Records by", report.settings.engine().to_string())];
    let mut body = head(&title, (&verdict(report), outcome), &facts);
    section(&mut body, "In numbers", &table(&["", ""], totals(report)));
    section(&mut body, "Records per second, over time", &over_time(report, |part| part.records, "Records/s"));
    section(
        &mut body,
        "Megabytes per second, over time",
        &over_time(report, |part| part.bytes / 1e6, "MB/s"),
    );
    section(&mut body, "Failed, by error code", &failed(report));
    if !report.failed.is_empty() {
        body.push_str(
            "<p class=\"note\">Each has a record with its message; <code>shadegrid job retry</code> tries them again.</p>",
        );
    }
    for limits in &report.other_limits {
        body.push_str(&format!("<p class=\"note\">{}</p>", escaped(&retried(limits))));
    }
    examples(&mut body, report, unread);
    section(&mut body, "Formats", &counted(report.census.formats.iter(), "Nothing was hashed."));
    let sizes: Vec<Bar> =
        size_names().zip(report.census.sizes).map(|(name, n)| Bar::new(name, n as f64)).collect();
    section(&mut body, "Sizes, in megapixels", &bars(&sizes, PICTURES, whole));
    section(
        &mut body,
        "How much of them was read",
        &counted(report.census.details.iter(), "Nothing was hashed."),
    );
    section(&mut body, "Flags", &counted(report.census.flags.iter(), "None."));
    let times: Vec<Bar> =
        report.thread_seconds.iter().map(|(what, seconds)| Bar::new(what.clone(), *seconds)).collect();
    section(&mut body, "Where the time went", &bars(&times, "s", |seconds| format!("{seconds:.1} s")));
    body.push_str(
        "<p class=\"note\">Seconds of threads, of all workers together; they run at the same time.</p>",
    );
    section(&mut body, "Workers", &workers(report));
    page(&title, &body)
}

/// What bars of pictures count.
const PICTURES: &str = "pictures";

/// What an argument is called.
fn name(input: &Input) -> String {
    let (Input::Named(name) | Input::List(name)) = input;
    without_query(&name.to_string_lossy()).to_string()
}

/// The first few failed inputs of each code.
fn examples(body: &mut String, report: &Report, unread: Option<&str>) {
    if let Some(why) = unread {
        let why = escaped(why);
        body.push_str(&format!(
            "<p class=\"note\">There are no examples, because records could not be read: {why}</p>"
        ));
    }
    for Bar { label: code, value: count, .. } in sorted(report.failed.iter()) {
        let of_code: Vec<_> = report.examples.iter().filter(|example| example.code == code).collect();
        if of_code.is_empty() {
            continue;
        }
        let (id, title) = (escaped(&anchor(&code)), escaped(&code));
        body.push_str(&format!(
            "<h2 id=\"{id}\">Examples of {title}: {} of {}</h2>",
            of_code.len(),
            HumanCount(count as u64)
        ));
        let lines = of_code.iter().map(|example| vec![example.key.clone(), example.message.clone()]);
        body.push_str(&words_table(&["input", "what happened"], lines));
    }
}

/// Where the examples of a code are.
fn anchor(code: &str) -> String {
    format!("failed-{code}")
}

/// How many failed by each code, with links to examples.
fn failed(report: &Report) -> String {
    let has_examples = |code: &str| report.examples.iter().any(|example| example.code == code);
    let link = |bar: Bar| Bar { link: has_examples(&bar.label).then(|| anchor(&bar.label)), ..bar };
    let all: Vec<Bar> = sorted(report.failed.iter()).into_iter().map(link).collect();
    if all.is_empty() { "<p>Nothing failed.</p>".to_string() } else { bars(&all, "inputs", whole) }
}

fn section(body: &mut String, title: &str, content: &str) {
    body.push_str("<h2>");
    body.push_str(title);
    body.push_str("</h2>");
    body.push_str(content);
}

/// What came of it, in one sentence.
fn verdict(report: &Report) -> String {
    let failed: u64 = report.failed.values().sum();
    let count = |number: u64| HumanCount(number).to_string();
    let of = match (report.complete, failed) {
        (false, _) => format!(
            "Not finished: {} of {} shards are done, with ",
            count(report.shards_done),
            count(report.shards)
        ),
        (true, 0) => "Every input has its record: ".to_string(),
        (true, _) => "Every input has its record, and some failed: ".to_string(),
    };
    format!(
        "{of}{} pictures hashed{}, {} failed{}, in {}.",
        count(hashed(report)),
        matched_in_words(report.settings.what_is_matched().map(|_| report.census.matched)),
        count(failed),
        skipped_in_words(report.skipped),
        duration(report.seconds())
    )
}

fn hashed(report: &Report) -> u64 {
    let failed: u64 = report.failed.values().sum();
    report.records.saturating_sub(failed).saturating_sub(report.skipped)
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
    let looks_up = report.settings.what_is_matched().is_some();
    let failed: u64 = report.failed.values().sum();
    let hashed = hashed(report);
    let seconds = report.seconds().max(1e-3);
    let count = |number: u64| HumanCount(number).to_string();
    let line = |name: &str, value: String| vec![name.to_string(), value];
    let matched = looks_up.then(|| line("With a match", count(report.census.matched)));
    let first = [
        line("Inputs with a record", count(report.records)),
        line("Hashed", count(hashed)),
        line("Failed", count(failed)),
        line("Skipped, no pictures", count(report.skipped)),
    ];
    let rest = [
        line("Shards", format!("{} of {}", count(report.shards_done), count(report.shards))),
        line("Read", HumanBytes(report.bytes).to_string()),
        line("Written", HumanBytes(report.written).to_string()),
        line("From first to last", duration(seconds)),
        line("Hashed per second", format!("{:.1}", hashed as f64 / seconds)),
        line("Megapixels per second", format!("{:.1}", report.pixels as f64 / 1e6 / seconds)),
    ];
    first.into_iter().chain(matched).chain(rest).collect()
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    HumanDuration(Duration::from_secs_f64(seconds)).to_string()
}

fn over_time(report: &Report, value: impl Fn(&shadegrid::job::TimeSlice) -> f64, unit: &str) -> String {
    let values: Vec<f64> = report.over_time.iter().map(value).collect();
    steps(&values, report.seconds(), unit)
}

fn counted<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>, none: &str) -> String {
    let all = sorted(counts);
    if all.is_empty() { format!("<p>{none}</p>") } else { bars(&all, PICTURES, whole) }
}

/// Bars of counts, the longest first.
fn sorted<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> Vec<Bar> {
    let mut all: Vec<Bar> = counts.map(|(name, count)| Bar::new(name.clone(), *count as f64)).collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    all
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
