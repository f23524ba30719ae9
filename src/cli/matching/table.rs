//! Matches for people: one line for each picture and entry, nearest first within a picture, in columns as wide as the terminal allows.

use std::io::Write;

use shadegrid::Error;
use shadegrid::pipeline::RecordMatch;

use super::joined::{Joined, joined};
use crate::cli::columns::{self, cut, left, letters, right, shortened};
use crate::cli::console::printable;

/// Rows that are kept for their widths to be known. After these the widths stay as they are.
const KEPT: usize = 10_000;

/// The least that a name is cut to.
const NARROWEST: usize = 8;

const HEAD: [&str; COLUMNS] =
    ["PICTURE", "ENTRY", "LABEL", "LIST", "GALLERY", "PHOTODNA", "PDQ", "TURNED", "FACE", "COLUMNS"];
const COLUMNS: usize = 10;

/// Columns that are laid to the right.
const NUMBERS: [usize; 2] = [5, 6];

/// Columns that may be cut.
const NAMES: [usize; 6] = [0, 1, 2, 3, 4, FURTHER];

/// The column of further columns, whose beginning says more than its end; of other names it is the end.
const FURTHER: usize = 9;

type Row = [String; COLUMNS];

/// Where rows are laid out.
pub(super) struct Table {
    to: Box<dyn Write + Send>,
    /// The terminal's; `None` where the table goes elsewhere, and nothing is cut.
    width: Option<usize>,
    rows: Vec<Row>,
    /// Of the columns, once they are known.
    widths: Option<[usize; COLUMNS]>,
    /// Whether galleries are named: where there are several.
    galleries: bool,
}

impl Table {
    pub(super) fn new(to: Box<dyn Write + Send>, width: Option<usize>, galleries: bool) -> Table {
        Table { to, width, rows: Vec::new(), widths: None, galleries }
    }

    /// Adds what a picture matched.
    pub(super) fn add(&mut self, picture: &str, matches: &[RecordMatch]) -> Result<(), Error> {
        self.rows.extend(rows(picture, matches, self.galleries));
        if self.rows.len() >= KEPT { self.lay() } else { Ok(()) }
    }

    /// Writes the rows that are kept.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.lay()
    }

    fn lay(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let head = HEAD.map(String::from);
        let is_first = self.widths.is_none();
        let widths = *self.widths.get_or_insert_with(|| widths(&rows, self.width));
        let mut text = String::new();
        for row in is_first.then_some(&head).into_iter().chain(&rows) {
            text += line(row, &widths, self.width.is_some()).trim_end();
            text.push('\n');
        }
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        written.map_err(|error| Error::io("cannot write the table", error))
    }
}

/// The rows of one picture, one for each entry.
fn rows(picture: &str, matches: &[RecordMatch], galleries: bool) -> Vec<Row> {
    let shown = |distance: Option<u32>| distance.map_or_else(|| "-".to_string(), |number| number.to_string());
    let row = |Joined { found, photodna, pdq }: Joined<'_>| {
        let turned = if found.orientation == "upright" { "" } else { &found.orientation };
        let gallery = if galleries { found.gallery.as_str() } else { "" };
        let names = [picture, &found.key, &found.label, &found.source, gallery].map(printable);
        let [picture, key, label, source, gallery] = names;
        let face = found.face.as_deref().unwrap_or_default().to_string();
        let further = found.columns.iter().map(|(name, value)| format!("{name}={value}"));
        let further = printable(&further.collect::<Vec<_>>().join(", "));
        [picture, key, label, source, gallery, shown(photodna), shown(pdq), turned.to_string(), face, further]
    };
    joined(matches).into_iter().map(row).collect()
}

/// As wide as what is in them; a column without anything is left out. Where that is too wide for the terminal, the widest names are cut.
fn widths(rows: &[Row], available: Option<usize>) -> [usize; COLUMNS] {
    let mut widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = || rows.iter().map(|row| row[column].as_str());
        let widest = match available {
            // What is too wide is cut.
            Some(available) => cells().map(letters).max().unwrap_or(0).min(available),
            None => columns::width(cells()),
        };
        if cells().all(str::is_empty) { 0 } else { widest.max(HEAD[column].len()) }
    });
    let whole = |widths: &[usize; COLUMNS]| {
        let used = widths.iter().filter(|width| **width > 0);
        used.clone().sum::<usize>() + 2 * used.count().saturating_sub(1)
    };
    while available.is_some_and(|available| whole(&widths) > available) {
        let Some(widest) = NAMES.into_iter().max_by_key(|column| widths[*column]) else { break };
        if widths[widest] <= NARROWEST {
            break;
        }
        widths[widest] -= 1;
    }
    widths
}

fn line(row: &Row, widths: &[usize; COLUMNS], cuts: bool) -> String {
    let cell = |(column, text): (usize, &String)| {
        let width = widths[column];
        let text = match (cuts, column) {
            (false, _) => text.clone(),
            (true, FURTHER) => shortened(text, width),
            (true, _) => cut(text, width),
        };
        if NUMBERS.contains(&column) { right(&text, width) } else { left(&text, width) }
    };
    let cells = row.iter().enumerate().filter(|(column, _)| widths[*column] > 0).map(cell);
    cells.collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, algorithm: &'static str, distance: u32) -> RecordMatch {
        let text = format!(
            r#"{{"gallery":"g","key":"{key}","label":"","source":"list.csv","position":1,"algorithm":"{algorithm}","distance":{distance},"orientation":"upright"}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_entry_is_one_row_with_both_distances() {
        let matches = [
            found("a", "photodna", 72),
            found("a", "pdq", 6),
            found("b", "pdq", 20),
            found("a", "photodna", 9),
        ];
        let rows = rows("p.jpg", &matches, false);
        let distances: Vec<_> = rows.iter().map(|row| (&*row[1], &*row[5], &*row[6])).collect();
        assert_eq!(distances, [("a", "9", "6"), ("b", "-", "20")]);
    }

    #[test]
    fn records_of_one_picture_by_each_algorithm_are_one_row() {
        let at = |mut found: RecordMatch, position| {
            found.position = position;
            found
        };
        let matches = [
            at(found("a", "photodna", 72), 1),
            at(found("b", "photodna", 80), 2),
            at(found("a", "pdq", 6), 3),
            at(found("", "photodna", 9), 4),
            at(found("", "pdq", 2), 5),
            at(found("a", "pdq", 7), 6),
        ];
        let rows = rows("p.jpg", &matches, false);
        let distances: Vec<_> = rows.iter().map(|row| (&*row[1], &*row[5], &*row[6])).collect();
        assert_eq!(
            distances,
            [("a", "72", "6"), ("b", "80", "-"), ("", "9", "-"), ("", "-", "2"), ("a", "-", "7")]
        );
    }

    #[test]
    fn a_table_is_as_wide_as_the_terminal_at_most() {
        let long = "folder/".repeat(30) + "a.jpg";
        let rows = rows(&long, &[found("entry-of-the-list", "pdq", 3)], false);
        for available in 60..=200 {
            let line = line(&rows[0], &widths(&rows, Some(available)), true);
            assert!(letters(&line) <= available && line.starts_with('…'), "{available}: {line}");
        }
        let line = line(&rows[0], &widths(&rows, None), false);
        assert!(line.starts_with("folder/folder/") && line.ends_with("list.csv         -    3"), "{line}");
    }
}
