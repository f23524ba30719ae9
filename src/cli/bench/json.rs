//! The report for programs.

use serde_json::{Value, json};
use shadegrid::DeviceSpeed;

use super::decoding::Section;
use super::report::{Contender, Report, Spread, share};

/// The whole report as one object.
pub(super) fn json(report: &Report) -> String {
    let value = json!({
        "cpu": report.cpu,
        "pictures": report.pictures,
        "megabytes": report.megabytes,
        "threads": report.threads,
        "synthetic": report.synthetic,
        "thread_milliseconds_per_picture": object(report.cpu_steps()),
        "contenders": report.contenders.iter().map(|each| contender(report, each)).collect::<Value>(),
    });
    format!("{value:#}\n")
}

fn contender(report: &Report, contender: &Contender) -> Value {
    let steps = contender.device_steps();
    json!({
        "name": contender.name,
        "pictures_per_second": spread(contender.pictures_a_second()),
        "megapixels_per_second": spread(contender.megapixels_a_second()),
        "megabytes_per_second": spread(contender.megabytes_a_second()),
        "differing_records": report.differing(contender),
        "by_device": contender.by_devices().0,
        "device_milliseconds_per_picture": steps.map(|steps| object(steps.map(|s| (s.name, s.milliseconds)))),
        "alone": contender.speed.as_ref().map(alone),
        "decoding": contender.decoding().iter().map(section).collect::<Value>(),
    })
}

fn section(section: &Section) -> Value {
    let line =
        |(name, value, about): &(String, f64, String)| json!({"name": name, "value": value, "about": about});
    json!({
        "title": section.title,
        "unit": section.unit,
        "lines": section.lines.iter().map(line).collect::<Value>(),
    })
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
