//! Self-contained pages that read well on paper and screen: a shell, and the few charts that reports are made of.

use std::fmt::Write as _;
use std::time::SystemTime;

/// Colours are those of the reader's device, light or dark; paper is white.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--paper:#fff;--card:#f6f8fa;--bar:#2f6f9f;--good:#1a7f37;--warn:#9a6700}\
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9ea7b3;--line:#3d444d;--paper:#0d1117;--card:#161b22;--bar:#5aa2d6;--good:#4ac26b;--warn:#d4a72c}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}\
h1{font-size:1.5rem;margin-bottom:.2rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line)}\
th:first-child,td:first-child{text-align:left}p{color:var(--soft);overflow-wrap:anywhere}a{color:inherit}.note{font-size:.875rem}\
svg{width:100%;height:auto;display:block}svg text{font:13px system-ui,sans-serif;fill:var(--ink)}\
svg .bar{fill:var(--bar)}svg .area{fill:var(--bar);fill-opacity:.25;stroke:var(--bar)}svg .axis{stroke:var(--ink)}\
@media(max-width:40rem){body{margin:1rem auto}.wide{overflow-x:auto}th,td{padding:.3rem}}\
@media print{body{margin:0;max-width:none}h2{break-after:avoid}svg{break-inside:avoid}}";

/// A whole page around `body`, which is HTML.
pub(crate) fn page(title: &str, body: &str) -> String {
    styled(title, "", body)
}

/// The same with rules of its own for what stands in it alone.
pub(crate) fn styled(title: &str, style: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}{style}</style><body>{body}</body></html>\n"
    )
}

/// What made a page: the program, when, on which machine, by which command.
pub(crate) fn origin() -> String {
    format!("{}<p class=\"note\"><code>{}</code></p>", made(), escaped(&command()))
}

/// The same without the command, where that may hold signatures.
pub(crate) fn made() -> String {
    let when = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let when = when.replace('T', " at ").replace('Z', " UTC");
    let machine = gethostname::gethostname();
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!(
        "<p class=\"note\">Shadegrid {} · {when} · {} ({system}, {architecture})</p>",
        env!("CARGO_PKG_VERSION"),
        escaped(&machine.to_string_lossy()),
    )
}

/// The command as it was typed; of URLs without their queries, which may hold what opens them.
fn command() -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    let words = std::env::args_os().enumerate().map(|(place, word)| {
        let word = word.to_string_lossy().into_owned();
        match word.split_once('?') {
            _ if place == 0 => "shadegrid".to_string(),
            Some((address, _)) if address.contains("://") => format!("{address}?…"),
            _ if !word.is_empty() && word.chars().all(plain) => word,
            _ => format!("'{}'", word.replace('\'', "'\\''")),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Text as HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A table; the first cell of a line is its name.
pub(crate) fn table(head: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = "<div class=\"wide\"><table><tr>".to_string();
    head.iter().for_each(|cell| {
        let _ = write!(table, "<th>{}</th>", escaped(cell));
    });
    for line in lines {
        table.push_str("</tr><tr>");
        line.iter().for_each(|cell| {
            let _ = write!(table, "<td>{}</td>", escaped(cell));
        });
    }
    table + "</tr></table></div>"
}

/// One bar of [`bars`].
pub(crate) struct Bar {
    /// What it stands for.
    pub(crate) label: String,
    /// Its length.
    pub(crate) value: f64,
    /// Least and largest, drawn as a thin line.
    pub(crate) range: Option<(f64, f64)>,
}

impl Bar {
    /// A bar without a range.
    pub(crate) fn new(label: impl Into<String>, value: f64) -> Bar {
        Bar { label: label.into(), value, range: None }
    }
}

/// Horizontal bars from 0, each with its value as `shown`.
pub(crate) fn bars(bars: &[Bar], shown: impl Fn(f64) -> String) -> String {
    const ROW: usize = 34;
    const LEFT: f64 = 300.0;
    const WIDTH: f64 = 360.0;
    let reach = |bar: &Bar| bar.range.map_or(bar.value, |(_, most)| most);
    let largest = bars.iter().map(reach).fold(f64::MIN_POSITIVE, f64::max);
    let scaled = |value: f64| value / largest * WIDTH;
    let mut svg = format!("<svg viewBox=\"0 0 780 {}\" role=\"img\">", ROW * bars.len());
    for (index, bar) in bars.iter().enumerate() {
        let (y, middle) = (index * ROW + 6, index * ROW + 17);
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"22\"/>",
            LEFT - 10.0,
            middle + 5,
            escaped(&bar.label),
            scaled(bar.value).max(1.0),
        );
        if let Some((least, most)) = bar.range {
            let (from, to) = (LEFT + scaled(least), LEFT + scaled(most));
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke-width=\"2\"/>"
            );
        }
        let (end, value) = (LEFT + scaled(reach(bar)) + 10.0, escaped(&shown(bar.value)));
        let _ = write!(svg, "<text x=\"{end:.1}\" y=\"{}\">{value}</text>", middle + 5);
    }
    svg + "</svg>"
}

/// Values over time as steps from 0: `values[i]` holds from `i` to `i + 1` of as many equal parts of `span`, a text such as `3 h`.
pub(crate) fn steps(values: &[f64], span: &str, unit: &str) -> String {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 12.0;
    const WIDTH: f64 = 690.0;
    const HEIGHT: f64 = 160.0;
    let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let bottom = TOP + HEIGHT;
    let mut line = format!("M{LEFT} {bottom}");
    for (index, value) in values.iter().enumerate() {
        let at = |index: usize| LEFT + WIDTH * index as f64 / values.len().max(1) as f64;
        let y = bottom - HEIGHT * value / largest;
        let _ = write!(line, "L{:.1} {y:.1}L{:.1} {y:.1}", at(index), at(index + 1));
    }
    let _ = write!(line, "L{:.1} {bottom}Z", LEFT + WIDTH);
    format!(
        "<svg viewBox=\"0 0 780 200\" role=\"img\"><path class=\"area\" d=\"{line}\"/>\
         <line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <text x=\"{label}\" y=\"{y}\" text-anchor=\"end\">{largest:.0}</text>\
         <text x=\"{label}\" y=\"{bottom}\" text-anchor=\"end\">0</text><text x=\"{LEFT}\" y=\"194\">start</text>\
         <text x=\"{right}\" y=\"194\" text-anchor=\"end\">{span}</text>\
         <text x=\"{unit_at}\" y=\"{y}\">{unit}</text></svg>",
        right = LEFT + WIDTH,
        label = LEFT - 8.0,
        y = TOP + 10.0,
        unit_at = LEFT + 6.0,
        span = escaped(span),
        unit = escaped(unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let made = page("a<b", &table(&["x&y"], [vec!["<script>".to_string()]]));
        assert!(made.contains("<title>a&lt;b</title>") && made.contains("<th>x&amp;y</th>"));
        assert!(!made.contains("<script>"));
    }

    #[test]
    fn charts_hold_their_values_also_where_all_are_zero() {
        let seconds = |value: f64| format!("{value:.1} s");
        let (one, two) = (Bar::new("one", 1.0), Bar { range: Some((1.0, 4.0)), ..Bar::new("two", 2.0) });
        let chart = bars(&[one, two], seconds);
        for part in ["width=\"90.0\"", "width=\"180.0\"", "x2=\"660.0\"", ">2.0 s<"] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        assert!(steps(&[0.0, 3.0], "2 h", "a second").contains(">3</text>"));
        for empty in
            [bars(&[Bar::new("none", 0.0)], seconds), steps(&[], "0 s", ""), steps(&[0.0], "0 s", "")]
        {
            assert!(!empty.contains("NaN") && !empty.contains("inf"), "{empty}");
        }
    }
}
