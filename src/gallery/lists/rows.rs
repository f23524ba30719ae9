//! Rows of a table as programs and people write them: RFC 4180, but for quotes that are never closed.
//!
//! A field that begins with a quote ends at the next single one, and may hold line ends. Where a label begins with a quote that
//! is none (inches, a nickname), that rule swallows the rows behind it. So a quoted field that goes past its line counts only if
//! its end looks like one and the lines inside do not look like rows; else the quote is a character like any other.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::lines::{End, Line, Lines, Terminator};

/// Most bytes of a quoted field that goes past its line.
const LONGEST_FIELD: usize = 1 << 20;

/// One row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    text: Vec<u8>,
    fields: Vec<Range<usize>>,
    /// Its first line, from 1.
    pub(crate) line: u64,
    pub(crate) end: End,
}

impl Row {
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn get(&self, column: usize) -> Option<&[u8]> {
        self.fields.get(column).map(|range| &self.text[range.clone()])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().map(|range| &self.text[range.clone()])
    }

    /// Parts a line at every delimiter, whatever its quotes.
    pub(crate) fn split_plain(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        self.text.extend_from_slice(line);
        let mut start = 0;
        for at in memchr_iter(delimiter, line) {
            self.fields.push(start..at);
            start = at + 1;
        }
        self.fields.push(start..line.len());
    }

    /// Parts a line by itself, heeding quotes that are closed in it.
    pub(crate) fn split(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        let mut splitter = Splitter::new(delimiter);
        splitter.take(line, self);
        if splitter.open() {
            return self.split_plain(line, delimiter);
        }
        splitter.finish(self);
    }

    fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }
}

/// Reads rows.
pub(crate) struct Rows<R> {
    lines: Lines<R>,
    line: Line,
    /// For a look at a line by itself.
    alone: Row,
    /// What is between the fields.
    pub(crate) delimiter: u8,
    /// How many fields a row should have; 0 until the first one was read.
    pub(crate) columns: usize,
    /// Whether a line with all columns is a row beyond doubt, and so cannot be part of a field.
    is_row: fn(&[u8], u8) -> bool,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(reader: R, is_row: fn(&[u8], u8) -> bool) -> Rows<R> {
        let lines = Lines::new(reader, Terminator::Either);
        Rows { lines, line: Line::default(), alone: Row::default(), delimiter: b',', columns: 0, is_row }
    }

    /// The line `number` places ahead of the next row.
    pub(crate) fn ahead(&mut self, number: usize) -> io::Result<Option<&Line>> {
        self.lines.ahead(number)
    }

    /// Skips the next line.
    pub(crate) fn skip_line(&mut self) -> io::Result<()> {
        self.lines.next(&mut self.line).map(drop)
    }

    /// Reads the next row that is not empty into `row`; false at the end.
    pub(crate) fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            if !self.lines.next(&mut self.line)? {
                return Ok(false);
            }
            if !self.line.bytes.is_empty() || self.line.end == End::TooLong {
                break;
            }
        }
        (row.line, row.end) = (self.line.number, self.line.end);
        if memchr(b'"', &self.line.bytes).is_none() || !self.quoted(row)? {
            row.split_plain(&self.line.bytes, self.delimiter);
        }
        if self.columns == 0 {
            self.columns = row.len();
        }
        Ok(true)
    }

    /// Parts a line with quotes, and the lines that its last field reaches into; false where the quotes cannot be meant.
    fn quoted(&mut self, row: &mut Row) -> io::Result<bool> {
        let Rows { lines, line, alone, delimiter, columns, is_row } = self;
        let (delimiter, columns) = (*delimiter, *columns);
        row.clear();
        let mut splitter = Splitter::new(delimiter);
        splitter.take(&line.bytes, row);
        if !splitter.open() {
            splitter.finish(row);
            // A field that swallowed a signature, where without its quotes all columns are there.
            let swallows = |field: &[u8]| memchr(delimiter, field).is_some() && is_row(field, delimiter);
            let short = row.len() < columns && count(&line.bytes, delimiter) == columns;
            return Ok(!(short && row.iter().any(swallows)));
        }
        let open_field = &row.text[splitter.start..];
        // Only what has all its columns by itself can have swallowed other rows.
        let first_full = row.len() + count(open_field, delimiter) == columns;
        let mut all_full = first_full && columns > 1;
        let mut further = 0;
        while splitter.open() {
            let Some(next) = lines.ahead(further)? else { return Ok(false) };
            row.text.push(b'\n');
            alone.split(&next.bytes, delimiter);
            let full = alone.len() == columns;
            if first_full && full && is_row(&next.bytes, delimiter)
                || next.end == End::TooLong
                || row.text.len() > LONGEST_FIELD
                || !splitter.take_further(&next.bytes, row)
            {
                return Ok(false);
            }
            row.end = next.end;
            all_full &= full;
            further += 1;
        }
        // Doubled quotes are only written where quotes are meant.
        if all_full && !splitter.doubled {
            row.end = line.end;
            return Ok(false);
        }
        splitter.finish(row);
        let mut passed = Line::default();
        (0..further).try_for_each(|_| lines.next(&mut passed).map(drop))?;
        Ok(true)
    }
}

/// Fields of a line, whatever its quotes.
fn count(line: &[u8], delimiter: u8) -> usize {
    memchr_iter(delimiter, line).count() + 1
}

/// Where in a row a [`Splitter`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Behind the quote that ended a quoted field.
    Closed,
}

/// Parts rows with quotes, line by line.
struct Splitter {
    delimiter: u8,
    at: At,
    start: usize,
    /// Whether there was a doubled quote in a further line.
    doubled: bool,
}

impl Splitter {
    fn new(delimiter: u8) -> Splitter {
        Splitter { delimiter, at: At::FieldStart, start: 0, doubled: false }
    }

    /// Whether a quoted field goes past the line.
    fn open(&self) -> bool {
        self.at == At::Quoted
    }

    fn end_field(&mut self, row: &mut Row) {
        row.fields.push(self.start..row.text.len());
        self.start = row.text.len();
        self.at = At::FieldStart;
    }

    fn finish(mut self, row: &mut Row) {
        self.end_field(row);
    }

    /// Takes a line that begins a row. What follows a quoted field up to the delimiter belongs to it.
    fn take(&mut self, line: &[u8], row: &mut Row) {
        let mut bytes = line.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match (self.at, byte) {
                (At::FieldStart, b'"') => self.at = At::Quoted,
                (At::Quoted, b'"') if bytes.next_if_eq(&b'"').is_some() => row.text.push(b'"'),
                (At::Quoted, b'"') => self.at = At::Closed,
                (At::FieldStart | At::Plain | At::Closed, _) if byte == self.delimiter => self.end_field(row),
                (at, _) => {
                    row.text.push(byte);
                    if at == At::FieldStart {
                        self.at = At::Plain;
                    }
                }
            }
        }
    }

    /// Takes a line that begins inside a quoted field; false where the quote that would end it cannot be meant so, because neither a delimiter
    /// nor the line's end follows.
    fn take_further(&mut self, line: &[u8], row: &mut Row) -> bool {
        let mut from = 0;
        while let Some(at) = memchr(b'"', &line[from..]).map(|at| from + at) {
            row.text.extend_from_slice(&line[from..at]);
            match line.get(at + 1) {
                Some(b'"') => {
                    self.doubled = true;
                    row.text.push(b'"');
                }
                None => {
                    self.at = At::Closed;
                    return true;
                }
                Some(&next) if next == self.delimiter => {
                    self.at = At::Closed;
                    self.take(&line[at + 1..], row);
                    return true;
                }
                Some(_) => return false,
            }
            from = at + 2;
        }
        row.text.extend_from_slice(&line[from..]);
        true
    }
}

/// The delimiter that a line has most of: a comma, a semicolon, a tab, or where it has none of these a bar.
pub(crate) fn delimiter_of(line: &[u8]) -> u8 {
    let count = |delimiter: u8| memchr_iter(delimiter, line).count();
    let most = [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',');
    if count(most) == 0 && count(b'|') > 0 { b'|' } else { most }
}

/// The delimiter that a line `sep=;` names, as Excel heeds it.
pub(crate) fn separator_line(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, columns: usize) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::new(text.as_bytes(), |line, _| line.starts_with(b"ROW"));
        rows.columns = columns;
        let mut row = Row::default();
        let mut all = Vec::new();
        while rows.next(&mut row).unwrap() {
            let fields = row.iter().map(|field| String::from_utf8(field.to_vec()).unwrap());
            all.push((row.line, fields.collect()));
        }
        all
    }

    fn split(text: &str) -> Vec<Vec<String>> {
        rows(text, 0).into_iter().map(|(_, fields)| fields).collect()
    }

    /// Without odd quotes a table reads as the reference does.
    #[test]
    fn whole_tables_read_as_the_csv_crate_reads_them() {
        let pieces =
            ["a", "b c", "\"q\"", "\"x,y\"", "\"\"\"\"", "\"l1\nl2\"", "", "1", "\"\"", "x\"y", "\"a\" b"];
        let mut number = 7u32;
        let mut cases = 0;
        for rows in 1..60 {
            let mut text = String::new();
            for _ in 0..rows {
                let mut fields = Vec::new();
                for _ in 0..3 {
                    number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    fields.push(pieces[(number >> 16) as usize % pieces.len()]);
                }
                text += &fields.join(",");
                text += ["\n", "\r\n", "\r"][(number >> 8) as usize % 3];
            }
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                reader.records().map(|row| row.unwrap().iter().map(String::from).collect()).collect();
            assert_eq!(split(&text), expected, "{text:?}");
            cases += expected.len();
        }
        assert!(cases > 1500, "{cases}");
    }

    fn owned(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn a_quote_that_is_never_closed_swallows_nothing() {
        let text = "path,title\na,\"sunset\nb,t\nc,t\n";
        assert_eq!(split(text), owned(&[&["path", "title"], &["a", "\"sunset"], &["b", "t"], &["c", "t"]]));
        // Two such: the second would end the first, but for what follows it.
        let text = "path,title\na,\"sunset\nb,t\nc,\"boat\nd,t\n";
        assert_eq!(split(text).len(), 5);
        // The second ends its line.
        let text = "path,title\na,\"sunset\nb,t\nc,boat\"\nd,t\n";
        assert_eq!(split(text).len(), 5);
        // One column.
        assert_eq!(
            split("path\n\"a.jpg\nb.jpg\nc\"d.jpg\n"),
            owned(&[&["path"], &["\"a.jpg"], &["b.jpg"], &["c\"d.jpg"]])
        );
        // What is a row beyond doubt is none of a field's lines.
        assert_eq!(split("x,y\n1,\"a\nROW,b\nc\"\n").len(), 4);
        assert_eq!(split("x,y\n1,\"a\nROW\nc\"\n").len(), 2);
        assert_eq!(split("x,y\n\"a\nROW\",b\n").len(), 2);
        // A quote at both ends of one row.
        let text = "id,a,b,label\n1,\"ROW,2,3\"\n2,x,y,z\n3,\"x,y\"\n";
        assert_eq!(split(text)[1], ["1", "\"ROW", "2", "3\""]);
        assert_eq!(split(text)[3], ["3", "x,y"]);
    }

    #[test]
    fn a_field_of_several_lines_stays_one() {
        for text in ["path,title\na,\"sun\nset\"\nb,t\n", "path,title\na,\"x, y\nz, \"\"w\"\"\nend\"\nb,t\n"]
        {
            let all = rows(text, 0);
            assert_eq!(all.len(), 3, "{all:?}");
            assert_eq!(all[2].1, ["b", "t"]);
            assert_eq!(all[2].0, text.lines().count() as u64);
        }
        assert_eq!(split("path\n\"a\nb.jpg\"\nc\n")[1], ["a\nb.jpg"]);
        assert_eq!(split("p,t,u\n\"a\nb\",\"c\nd\",e\n")[1], ["a\nb", "c\nd", "e"]);
    }

    #[test]
    fn delimiters_are_recognised() {
        assert_eq!(
            [b"a;b,c;d".as_slice(), b"a\tb", b"a|b", b"a"].map(delimiter_of),
            [b';', b'\t', b'|', b',']
        );
        assert_eq!(separator_line(b"sep=;"), Some(b';'));
        assert_eq!(separator_line(b"\"SEP=,\""), Some(b','));
        assert_eq!(separator_line(b"sep"), None);
    }
}
