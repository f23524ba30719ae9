//! The report as one self-contained page that reads well on paper and screen.

use std::fmt::Write as _;

use shadegrid::DeviceSpeed;

use super::report::{Contender, Report, batch, memory, share};

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #d0d7de}\
th:first-child,td:first-child{text-align:left}p{color:#57606a}.note{font-size:.875rem}\
svg{width:100%;height:auto;display:block}svg text{font:13px system-ui,sans-serif;fill:#1b1f24}\
.wrong{color:#b3261e;font-weight:600}@media print{body{margin:0;max-width:none}h2{break-after:avoid}svg{break-inside:avoid}}";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut body =
        format!("<h1>Shadegrid: processor against graphics processor</h1><p>{}</p>", report.subject());
    body.push_str("<h2>Pictures a second, end to end</h2>");
    let rates: Vec<Bar> = report
        .contenders
        .iter()
        .map(|contender| {
            let rate = contender.pictures_a_second();
            Bar { label: contender.name.clone(), value: rate.median, range: Some((rate.least, rate.most)) }
        })
        .collect();
    body.push_str(&chart(&rates, ""));
    body.push_str(&rates_table(report));
    body.push_str(
        "<p class=\"note\">Rates are medians; the thin line is the range of all runs. All contenders hash the same \
         pictures from memory.</p>",
    );
    body.push_str("<h2>Where the time goes: one thread of the processor</h2>");
    body.push_str(&chart(&bars(&report.processor_steps()), " ms"));
    body.push_str("<p class=\"note\">Milliseconds a picture.</p>");
    report.contenders.iter().for_each(|contender| body.push_str(&device(contender)));
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Shadegrid bench</title><style>{STYLE}</style><body>{body}</body></html>\n"
    )
}

/// A device's way, step by step, and what it does alone.
fn device(contender: &Contender) -> String {
    let mut body = String::new();
    let name = escaped(&contender.name);
    if let Some(steps) = contender.device_steps() {
        let (by_devices, hashed) = contender.by_devices();
        let bars = steps.map(|step| Bar {
            label: format!("{} ({})", step.name, step.clock.name()),
            value: step.milliseconds,
            range: None,
        });
        let _ = write!(body, "<h2>Where the time goes: {name}</h2>{}", chart(&bars, " ms"));
        let _ = write!(
            body,
            "<p class=\"note\">Milliseconds a picture, {by_devices} of {hashed} pictures. Decoding and finishing are the \
             processor's, as above.</p>"
        );
    }
    if let Some(speed) = &contender.speed {
        let _ = write!(body, "<h2>Alone: {name}</h2>{}", chart(&bars(&memory(speed)), " GB/s"));
        let _ = write!(body, "<p class=\"note\">{}.</p>{}", escaped(&speed.driver), reduce_table(speed));
    }
    body
}

fn reduce_table(speed: &DeviceSpeed) -> String {
    let timed = || speed.reduce.iter().filter(|reduce| reduce.pixels_per_second > 0.0);
    if timed().next().is_none() {
        return "<p class=\"note\">The device has no clock for its stages.</p>".to_string();
    }
    let mut table =
        "<table><tr><th>pictures already on the device</th><th>gigapixels/s</th><th>GB/s of samples</th>\
                     <th>of its memory's copy</th></tr>"
            .to_string();
    for reduce in timed() {
        let _ = write!(
            table,
            "<tr><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.1} %</td></tr>",
            batch(reduce),
            reduce.pixels_per_second / 1e9,
            reduce.bytes_per_second / 1e9,
            100.0 * share(speed, reduce)
        );
    }
    table + "</table>"
}

fn rates_table(report: &Report) -> String {
    let mut table = "<table><tr><th></th><th>pictures/s</th><th>range</th><th>megapixels/s</th><th>MB/s</th>\
                     <th>records</th></tr>"
        .to_string();
    for contender in &report.contenders {
        let rate = contender.pictures_a_second();
        let equal = match report.differing(contender) {
            0 => "equal".to_string(),
            differing => format!("<span class=\"wrong\">{differing} differ</span>"),
        };
        let _ = write!(
            table,
            "<tr><td>{}</td><td>{:.1}</td><td>{:.1}–{:.1}</td><td>{:.1}</td><td>{:.1}</td><td>{equal}</td></tr>",
            escaped(&contender.name),
            rate.median,
            rate.least,
            rate.most,
            contender.megapixels_a_second().median,
            contender.megabytes_a_second().median,
        );
    }
    table + "</table>"
}

struct Bar {
    label: String,
    value: f64,
    range: Option<(f64, f64)>,
}

fn bars(steps: &[(&str, f64)]) -> Vec<Bar> {
    steps
        .iter()
        .map(|(label, value)| Bar { label: (*label).to_string(), value: *value, range: None })
        .collect()
}

/// Horizontal bars from 0, each with its value.
fn chart(bars: &[Bar], unit: &str) -> String {
    const ROW: usize = 34;
    const LEFT: f64 = 300.0;
    const WIDTH: f64 = 360.0;
    let reach = |bar: &Bar| bar.range.map_or(bar.value, |(_, most)| most);
    let largest = bars.iter().map(reach).fold(f64::MIN_POSITIVE, f64::max);
    let scaled = |value: f64| value / largest * WIDTH;
    let height = ROW * bars.len();
    let mut svg = format!("<svg viewBox=\"0 0 780 {height}\" role=\"img\">");
    for (index, bar) in bars.iter().enumerate() {
        let (y, middle) = (index * ROW + 6, index * ROW + 17);
        let width = scaled(bar.value).max(1.0);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"22\" fill=\"#2f6f9f\"/>",
            LEFT - 10.0,
            middle + 5,
            escaped(&bar.label),
        );
        if let Some((least, most)) = bar.range {
            let (from, to) = (LEFT + scaled(least), LEFT + scaled(most));
            let _ = write!(
                svg,
                "<line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#1b1f24\" \
                 stroke-width=\"2\"/>"
            );
        }
        let end = LEFT + scaled(reach(bar)) + 10.0;
        let digits = if bar.value < 10.0 { 3 } else { 1 };
        let _ = write!(svg, "<text x=\"{end:.1}\" y=\"{}\">{:.digits$}{unit}</text>", middle + 5, bar.value);
    }
    svg + "</svg>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
