//! The report for a terminal.

use std::fmt::Write as _;

use super::report::{Report, Row};
use super::sections::sections;
use crate::cli::columns::{self, left};
use crate::cli::console::printable;

/// The whole report.
pub(super) fn table(report: &Report) -> String {
    let mut text = format!("{}\n{}\n\n", report.verdict(), report.subject());
    let rows: Vec<[String; 7]> = report.rows().map(Row::cells).collect();
    let widest = columns::width(rows.iter().map(|cells| cells[0].as_str()));
    for cells in [Row::HEAD.map(str::to_string)].iter().chain(&rows) {
        line(&mut text, cells, widest);
    }
    for section in sections(report) {
        let _ = writeln!(text, "\n{}, {}:", section.title, section.unit);
        for line in &section.lines {
            let text_of = format!("  {:<40} {:>9.3}  {}", line.name, line.value, line.about);
            let _ = writeln!(text, "{}", text_of.trim_end());
        }
        let _ = writeln!(text, "  {}", section.note);
    }
    text
}

fn line(text: &mut String, cells: &[String; 7], widest: usize) {
    let [name, rate, range, pixels, bytes, times, records] = cells;
    let name = left(&printable(name), widest);
    let _ = writeln!(text, "{name}  {rate:>10} {range:>17} {pixels:>8} {bytes:>8} {times:>6}  {records}");
}
