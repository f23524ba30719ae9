//! The report for programs.

use serde_json::{Value, json};
use shadegrid::DeviceSpeed;

use super::report::{Contender, Report, Spread, share};
use super::section::{Line, Section};
use super::sections::sections;

/// The whole report as one object.
pub(super) fn json(report: &Report) -> String {
    let threads: usize = report.contenders.iter().map(|contender| contender.threads).max().unwrap_or(1);
    let value = json!({
        "bench": concat!("shadegrid ", env!("CARGO_PKG_VERSION")),
        "verdict": report.verdict(),
        "cpu": report.cpu,
        "inputs": report.inputs,
        "pictures": report.files,
        "hashed": report.steps.pictures,
        "unread": report.unread,
        "megabytes": report.megabytes,
        "algorithms": report.algorithms,
        "detail": report.detail,
        "runs": report.runs,
        "threads": threads,
        "synthetic": report.is_synthetic(),
        "sections": sections(report).iter().map(section).collect::<Value>(),
        "thread_milliseconds_per_picture": object(report.cpu_steps()),
        "contenders": report.contenders.iter().map(|each| contender(report, each)).collect::<Value>(),
    });
    format!("{value:#}\n")
}

fn contender(report: &Report, contender: &Contender) -> Value {
    let steps = contender.device_steps();
    json!({
        "name": contender.name,
        "threads": contender.threads,
        "device": contender.is_device,
        "software": contender.is_software,
        "times_the_first": contender.times(&report.contenders[0]),
        "pictures_per_second": spread(contender.pictures_a_second()),
        "megapixels_per_second": spread(contender.megapixels_a_second()),
        "megabytes_per_second": spread(contender.megabytes_a_second()),
        "differing_records": report.differing(contender),
        "by_device": contender.by_devices().0,
        "device_milliseconds_per_picture": steps.map(|steps| object(steps.map(|s| (s.name, s.milliseconds)))),
        "alone": contender.speed.as_ref().map(alone),
    })
}

fn section(section: &Section) -> Value {
    let line = |line: &Line| json!({ "name": line.name, "value": line.value, "about": line.about });
    let lines = section.lines.iter().map(line).collect::<Value>();
    json!({ "title": section.title, "unit": section.unit, "lines": lines, "note": section.note })
}

fn alone(speed: &DeviceSpeed) -> Value {
    let reduce = speed.reduce.iter().map(|reduce| {
        json!({
            "width": reduce.width,
            "height": reduce.height,
            "pictures": reduce.pictures,
            "gigapixels_per_second": reduce.pixels_per_second / 1e9,
            "gigabytes_per_second": reduce.bytes_per_second / 1e9,
            "share_of_device_copy": share(speed, reduce),
        })
    });
    json!({
        "driver": speed.driver,
        "device_copy_gigabytes_per_second": speed.copy / 1e9,
        "upload_gigabytes_per_second": speed.upload / 1e9,
        "readback_gigabytes_per_second": speed.readback / 1e9,
        "staging_gigabytes_per_second": speed.fill / 1e9,
        "plain_copy_gigabytes_per_second": speed.plain_copy / 1e9,
        "reduce": reduce.collect::<Value>(),
    })
}

fn spread(spread: Spread) -> Value {
    json!({"median": spread.median, "least": spread.least, "most": spread.most})
}

fn object<'a>(steps: impl IntoIterator<Item = (&'a str, f64)>) -> Value {
    steps.into_iter().map(|(step, time)| (step.to_string(), json!(time))).collect()
}
