//! The report as one self-contained page that reads well on paper and screen.

use super::report::{Report, Row};
use super::section::Line;
use super::sections::sections;
use crate::cli::page::{self, Bar, digits, escaped, table};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let outcome = match (report.agree(), report.pays()) {
        (false, _) => "warn",
        (true, true) => "good",
        (true, false) => "",
    };
    let title = report.title();
    let archive =
        if report.is_synthetic() { "made-up pictures".to_string() } else { report.inputs.join(", ") };
    let facts = [("Archive", archive), ("Measured", report.subject())];
    let mut body = page::head(&title, (&report.verdict(), outcome), &facts);
    body.push_str("<h2>Pictures per second, end to end</h2>");
    let bar = |row: Row| {
        let range = Some((row.rate.least, row.rate.most));
        Bar { range, ..Bar::new(row.label, row.rate.median) }
    };
    let rates: Vec<Bar> = report.rows().map(bar).collect();
    body.push_str(&page::bars(&rates, "pictures/s", digits));
    body.push_str(&table(&Row::HEAD, report.rows().map(|row| row.cells().to_vec())));
    body.push_str(
        "<p class=\"note\">Rates are medians; the thin line is the range of all runs, and “times” is next to the first line. All contenders hash the \
         same pictures from memory. Software devices compute on the CPU itself.</p>",
    );
    for section in sections(report) {
        body.push_str(&format!("<h2>{}</h2>", escaped(&section.title)));
        if !section.lines.is_empty() {
            let bars: Vec<Bar> = section.lines.iter().map(of_line).collect();
            body.push_str(&page::bars(&bars, section.unit, digits));
        }
        body.push_str(&format!("<p class=\"note\">{}</p>", escaped(&section.note)));
    }
    page::page(&title, &body)
}

fn of_line(line: &Line) -> Bar {
    Bar { about: line.about.clone(), ..Bar::new(line.name.clone(), line.value) }
}
