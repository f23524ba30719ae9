//! The report as one self-contained page that reads well on paper and screen.

use std::fmt::Write as _;

use shadegrid::DeviceSpeed;

use super::report::{Contender, Report, batch, memory, share};
use crate::cli::page::{self, Bar, escaped, table};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut body = format!(
        "<h1>Shadegrid: CPU against GPU</h1><p><b>{}</b></p><p>{}</p>{}",
        escaped(&report.verdict()),
        escaped(&report.subject()),
        page::origin(),
    );
    body.push_str("<h2>Pictures per second, end to end</h2>");
    let rates: Vec<Bar> = report
        .contenders
        .iter()
        .map(|contender| {
            let rate = contender.pictures_a_second();
            Bar { label: contender.name.clone(), value: rate.median, range: Some((rate.least, rate.most)) }
        })
        .collect();
    body.push_str(&page::bars(&rates, |rate| format!("{rate:.1}")));
    body.push_str(&rates_table(report));
    body.push_str(
        "<p class=\"note\">Rates are medians; the thin line is the range of all runs. All contenders hash the same \
         pictures from memory.</p>",
    );
    body.push_str("<h2>Where the time goes: one thread of the CPU</h2>");
    body.push_str(&page::bars(&bars(&report.cpu_steps()), milliseconds));
    body.push_str("<p class=\"note\">Milliseconds a picture.</p>");
    report.contenders.iter().for_each(|contender| body.push_str(&device(contender)));
    page::page("Shadegrid bench", &body)
}

/// A device's way, step by step, and what it does alone.
fn device(contender: &Contender) -> String {
    let mut body = String::new();
    let name = escaped(&contender.name);
    if let Some(steps) = contender.device_steps() {
        let (by_devices, hashed) = contender.by_devices();
        let bars =
            steps.map(|step| Bar::new(format!("{} ({})", step.name, step.clock.name()), step.milliseconds));
        let _ = write!(body, "<h2>Where the time goes: {name}</h2>{}", page::bars(&bars, milliseconds));
        let _ = write!(
            body,
            "<p class=\"note\">Milliseconds a picture, {by_devices} of {hashed} pictures. Finishing is the cpu's, as above, and decoding of \
             what the device does not read.</p>"
        );
    }
    if let Some(speed) = &contender.speed {
        let _ = write!(
            body,
            "<h2>Alone: {name}</h2>{}",
            page::bars(&bars(&memory(speed)), |rate| format!("{} GB/s", digits(rate)))
        );
        let _ = write!(body, "<p class=\"note\">{}.</p>{}", escaped(&speed.driver), reduce_table(speed));
    }
    for section in contender.decoding() {
        let bars: Vec<Bar> =
            section.lines.iter().map(|(name, value, _)| Bar::new(name.clone(), *value)).collect();
        let of_unit = |value: f64| format!("{} {}", digits(value), section.unit);
        let _ = write!(body, "<h2>{}</h2>{}", escaped(&section.title), page::bars(&bars, of_unit));
        let lines = section
            .lines
            .iter()
            .map(|(name, value, about)| vec![name.clone(), digits(*value), about.clone()]);
        body.push_str(&table(&["", section.unit, ""], lines));
    }
    body
}

fn reduce_table(speed: &DeviceSpeed) -> String {
    let timed = || speed.reduce.iter().filter(|reduce| reduce.pixels_per_second > 0.0);
    if timed().next().is_none() {
        return "<p class=\"note\">The device has no clock for its stages.</p>".to_string();
    }
    let head = ["pictures already on the device", "gigapixels/s", "GB/s of samples", "of its memory's copy"];
    let lines = timed().map(|reduce| {
        vec![
            batch(reduce),
            format!("{:.2}", reduce.pixels_per_second / 1e9),
            format!("{:.2}", reduce.bytes_per_second / 1e9),
            format!("{:.1} %", 100.0 * share(speed, reduce)),
        ]
    });
    table(&head, lines)
}

fn rates_table(report: &Report) -> String {
    let head = ["", "pictures/s", "range", "megapixels/s", "MB/s", "records"];
    let lines = report.contenders.iter().map(|contender| {
        let rate = contender.pictures_a_second();
        let equal = match report.differing(contender) {
            0 => "equal".to_string(),
            differing => format!("NOT EQUAL: {differing} differ"),
        };
        vec![
            contender.name.clone(),
            format!("{:.1}", rate.median),
            format!("{:.1}–{:.1}", rate.least, rate.most),
            format!("{:.1}", contender.megapixels_a_second().median),
            format!("{:.1}", contender.megabytes_a_second().median),
            equal,
        ]
    });
    table(&head, lines)
}

fn bars(steps: &[(&str, f64)]) -> Vec<Bar> {
    steps.iter().map(|(label, value)| Bar::new(*label, *value)).collect()
}

fn milliseconds(time: f64) -> String {
    format!("{} ms", digits(time))
}

fn digits(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}
