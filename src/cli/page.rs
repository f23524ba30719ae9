//! Self-contained pages that read well on paper, on a desk and on a phone: the shell and style that all of them share, and what reports are made of.

use std::fmt::Write as _;
use std::time::SystemTime;

mod charts;

pub(crate) use charts::{Bar, bars, digits, steps};

/// Colours are those of the reader's device, light or dark; paper is white.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--paper:#fff;--card:#f6f8fa;--bar:#2f6f9f;--good:#1a7f37;--warn:#9a6700}\
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9ea7b3;--line:#3d444d;--paper:#0d1117;--card:#161b22;--bar:#5aa2d6;--good:#4ac26b;--warn:#d4a72c}}\
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;max-width:54rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .4rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2.2rem 0 .6rem;overflow-wrap:anywhere}\
.verdict{font-size:1.1rem;color:var(--ink);margin:.4rem 0 1rem;padding:.7rem .9rem;background:var(--card);border-left:.25rem solid var(--bar)}\
.verdict.good{border-color:var(--good)}.verdict.warn{border-color:var(--warn)}\
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem;margin:0;font-size:.875rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600;color:var(--soft)}th:first-child,td:first-child{text-align:left;padding-left:0}th:last-child,td:last-child{padding-right:0}\
td:not(:first-child){white-space:nowrap}.words table{table-layout:fixed}.words th:first-child{width:42%}\
.words td,.words th{text-align:left}.words td,.words td:not(:first-child){overflow-wrap:anywhere;font-size:.875rem;white-space:normal}\
p{color:var(--soft);overflow-wrap:anywhere}a{color:inherit}.note{font-size:.875rem;margin:.4rem 0}code{font-size:.95em}\
svg{display:block;width:100%}svg .bar{fill:var(--bar)}svg .area{fill:var(--bar);fill-opacity:.3;stroke:var(--bar)}\
svg .grid{stroke:var(--line)}svg .range{stroke:var(--ink);stroke-width:2}.time svg *{vector-effect:non-scaling-stroke}\
.bars{display:grid;grid-template-columns:minmax(6rem,15rem) minmax(0,1fr) max-content;gap:0 .8rem;align-items:center;font-size:.9rem}\
.track{position:relative;align-self:stretch;min-height:1.9rem}.track svg{position:absolute;height:100%}.bars .label{overflow-wrap:anywhere;line-height:1.25;padding:.1rem 0}\
.label small{display:block;color:var(--soft);font-size:.8rem}.value{text-align:right;font-variant-numeric:tabular-nums}\
.scale{position:relative;display:block;height:1.4rem;color:var(--soft);font-size:.8rem}.scale i{position:absolute;font-style:normal;transform:translateX(-50%);white-space:nowrap}\
.time .scale i:first-child{transform:none}.time .scale i:last-child{transform:translateX(-100%)}.unit{grid-column:1/-1;color:var(--soft);font-size:.8rem;text-align:right}\
.time{display:grid;grid-template-columns:3.2rem minmax(0,1fr);gap:.2rem .5rem}.time svg{height:10rem}\
.levels{position:relative;color:var(--soft);font-size:.8rem}.levels i{position:absolute;right:0;font-style:normal;transform:translateY(50%);white-space:nowrap}\
@media(max-width:40rem){body{margin:1rem auto}.wide{overflow-x:auto}th,td{padding:.3rem .4rem}td:first-child{min-width:9rem}\
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}\
.bars{grid-template-columns:minmax(0,1fr) max-content}.bars .label{grid-column:1/-1;margin-top:.3rem}.bars .label:empty{display:none}.track{min-height:1.4rem}\
.time .scale i:nth-child(even){display:none}.words tr,.words td{display:block;padding:0;border:0}.words tr:first-child{display:none}\
.words tr{padding:.4rem 0;border-bottom:1px solid var(--line)}.words td:first-child{font-weight:600}}\
@media print{body{margin:0;max-width:none;font-size:11pt}h2{break-after:avoid}svg,tr,.time,.verdict{break-inside:avoid}.bars,.verdict,svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

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

/// How a report begins: its title, what came of it, and what is known of how it was made. `outcome` is the class of the sentence: `good`, `warn`, or
/// nothing.
pub(crate) fn head(title: &str, (sentence, outcome): (&str, &str), facts: &[(&str, String)]) -> String {
    let (title, sentence) = (escaped(title), escaped(sentence));
    let mut head = format!("<h1>{title}</h1><p class=\"verdict {outcome}\">{sentence}</p><dl>");
    for (name, fact) in facts.iter().chain(&made_by()) {
        let _ = write!(head, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(fact));
    }
    let command = escaped(&command());
    head + &format!("<dt>Command</dt><dd><code>{command}</code></dd></dl>")
}

/// When, where and by which version a page is made.
fn made_by() -> [(&'static str, String); 3] {
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let machine = gethostname::gethostname();
    [
        ("Made", now()),
        ("Machine", format!("{} ({system}, {architecture})", machine.to_string_lossy())),
        ("Version", format!("Shadegrid {}", env!("CARGO_PKG_VERSION"))),
    ]
}

/// The time, to the second.
fn now() -> String {
    let when = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    when.replace('T', " at ").replace('Z', " UTC")
}

/// Names in a title: the first few.
pub(crate) fn named(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

/// What made a page: the program, when, on which machine, by which command.
pub(crate) fn origin() -> String {
    format!("{}<p class=\"note\"><code>{}</code></p>", made(), escaped(&command()))
}

/// The same without the command, where that may hold signatures.
pub(crate) fn made() -> String {
    let [(_, when), (_, machine), (_, version)] = made_by();
    format!("<p class=\"note\">{version} · {when} · {}</p>", escaped(&machine))
}

/// The command as it was typed; of URLs without their queries, which may hold what opens them.
fn command() -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    let words = std::env::args_os().enumerate().map(|(place, word)| {
        let word = word.to_string_lossy().into_owned();
        match without_query(&word) {
            _ if place == 0 => "shadegrid".to_string(),
            address if address.len() < word.len() => format!("{address}?…"),
            _ if !word.is_empty() && word.chars().all(plain) => word,
            _ => format!("'{}'", word.replace('\'', "'\\''")),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An address without its query, which may hold what opens it; other words are as they are.
pub(crate) fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((address, _)) if address.contains("://") => address,
        _ => word,
    }
}

/// Text as HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A table; the first cell of a line is its name.
pub(crate) fn table(head: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of("wide", head, lines)
}

/// A table of words, not of numbers.
pub(crate) fn words_table(head: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of("wide words", head, lines)
}

fn table_of(class: &str, head: &[&str], lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = format!("<div class=\"{class}\"><table><tr>");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let made = page("a<b", &table(&["x&y"], [vec!["<script>".to_string()]]));
        assert!(made.contains("<title>a&lt;b</title>") && made.contains("<th>x&amp;y</th>"));
        assert!(!made.contains("<script>"));
    }
}
