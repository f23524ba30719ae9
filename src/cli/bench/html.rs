//! The report as one self-contained page that reads well on paper and screen.

use std::fmt::Write as _;

use super::report::Report;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}\
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #d0d7de}\
th:first-child,td:first-child{text-align:left}p{color:#57606a}\
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
    body.push_str("<h2>Where the time goes: one thread of the processor</h2>");
    body.push_str(&chart(&bars(&report.processor_steps()), " ms"));
    for contender in &report.contenders {
        let Some(steps) = contender.device_steps() else { continue };
        let (by_devices, hashed) = contender.by_devices();
        let _ = write!(body, "<h2>Where the time goes: {}</h2>", escaped(&contender.name));
        let _ = write!(
            body,
            "<p>{by_devices} of {hashed} pictures; the first four by the device's own clock. Batches overlap, so the last \
             holds waiting too.</p>"
        );
        body.push_str(&chart(&bars(&steps), " ms"));
        if let Some((upload, reduce)) = contender.bandwidths() {
            let _ = write!(body, "<p>Upload {upload:.2} GB/s, reduce {reduce:.2} GB/s of samples.</p>");
        }
    }
    body.push_str(
        "<p>Times are milliseconds a picture. Rates are medians; the thin line is the range of all runs.</p>",
    );
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Shadegrid bench</title><style>{STYLE}</style><body>{body}</body></html>\n"
    )
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
    const LEFT: f64 = 270.0;
    const WIDTH: f64 = 400.0;
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
