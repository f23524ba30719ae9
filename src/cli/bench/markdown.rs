//! The report for a page of notes.

use std::fmt::Write as _;

use super::report::{Report, Row};
use super::sections::sections;

/// The whole report.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!(
        "# {}\n\n**{}**\n\n{}.\n\n",
        plain(&report.title()),
        plain(&report.verdict()),
        plain(&report.subject())
    );
    table(&mut text, &Row::HEAD, report.rows().map(Row::cells));
    for section in sections(report) {
        let _ = write!(text, "\n## {}\n\n", plain(&section.title));
        let lines = section
            .lines
            .iter()
            .map(|line| [line.name.clone(), format!("{:.3}", line.value), line.about.clone()]);
        if !section.lines.is_empty() {
            table(&mut text, &["", section.unit, ""], lines);
            text.push('\n');
        }
        text += &plain(&section.note);
        text.push('\n');
    }
    text
}

fn table<const N: usize>(text: &mut String, head: &[&str; N], lines: impl Iterator<Item = [String; N]>) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    *text += &line(&head.map(str::to_string));
    *text +=
        &line(&std::array::from_fn::<_, N, _>(|column| if column == 0 { "---" } else { "---:" }.to_string()));
    for cells in lines {
        *text += &line(&cells.map(|cell| plain(&cell)));
    }
}

/// Words without what Markdown reads as marks or ends of cells.
fn plain(words: &str) -> String {
    let mut text = String::new();
    for c in words.chars() {
        if "|*_`<>[]\\#".contains(c) {
            text.push('\\');
        }
        text.push(if c.is_control() { ' ' } else { c });
    }
    text
}
