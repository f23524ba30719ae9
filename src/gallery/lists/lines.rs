//! Lines of a list, with as many of them read ahead as a look takes.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memchr2};

/// Most bytes of a line or record that are held.
pub(crate) const LARGEST_RECORD: usize = 16 << 20;

/// What ended a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    /// A terminator.
    #[default]
    Terminated,
    /// The list's end: what is broken here may have been cut off.
    Last,
    /// [`LARGEST_RECORD`]; the rest of the line was skipped.
    TooLong,
}

/// One line, without its terminator.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    /// From 1.
    pub(crate) number: u64,
    pub(crate) end: End,
}

/// Which bytes end a line; a carriage return before a newline always belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminator {
    Newline,
    /// Newlines and lone carriage returns, as in tables of old Macintosh programs.
    Either,
}

impl Terminator {
    /// The terminator of the lines of plain text: carriage returns only where there is nothing else.
    pub(crate) fn of_text(start: &[u8]) -> Terminator {
        let returns =
            memchr(b'\n', start).is_none() && memchr(b'\r', start).is_some_and(|at| at + 1 < start.len());
        if returns { Terminator::Either } else { Terminator::Newline }
    }
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    terminator: Terminator,
    /// Lines that were read ahead.
    ahead: VecDeque<Line>,
    /// Lines read so far, those ahead counted.
    read: u64,
    /// Whether a newline that comes next belongs to the line before.
    after_return: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R, terminator: Terminator) -> Lines<R> {
        let reader = BufReader::with_capacity(1 << 18, reader);
        Lines { reader, terminator, ahead: VecDeque::new(), read: 0, after_return: false }
    }

    /// Reads the next line into `line`; false at the end.
    pub(crate) fn next(&mut self, line: &mut Line) -> io::Result<bool> {
        match self.ahead.pop_front() {
            Some(next) => {
                *line = next;
                Ok(true)
            }
            None => self.read_line(line),
        }
    }

    /// The line `number` places ahead of the next one, 0 being the next one itself.
    pub(crate) fn ahead(&mut self, number: usize) -> io::Result<Option<&Line>> {
        while self.ahead.len() <= number {
            let mut line = Line::default();
            if !self.read_line(&mut line)? {
                return Ok(None);
            }
            self.ahead.push_back(line);
        }
        Ok(self.ahead.get(number))
    }

    fn read_line(&mut self, line: &mut Line) -> io::Result<bool> {
        line.bytes.clear();
        line.end = End::Last;
        let mut too_long = false;
        let mut any = false;
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            if std::mem::take(&mut self.after_return) && buffer[0] == b'\n' {
                self.reader.consume(1);
                continue;
            }
            any = true;
            let found = match self.terminator {
                Terminator::Newline => memchr(b'\n', buffer),
                Terminator::Either => memchr2(b'\n', b'\r', buffer),
            };
            let length = found.unwrap_or(buffer.len());
            too_long |= line.bytes.len() + length > LARGEST_RECORD;
            if !too_long {
                line.bytes.extend_from_slice(&buffer[..length]);
            }
            self.after_return = found.is_some_and(|at| buffer[at] == b'\r');
            self.reader.consume(length + usize::from(found.is_some()));
            if found.is_some() {
                line.end = End::Terminated;
                break;
            }
        }
        if line.bytes.last() == Some(&b'\r') {
            line.bytes.pop();
        }
        if too_long {
            line.bytes.clear();
            line.end = End::TooLong;
        }
        self.read += u64::from(any);
        line.number = self.read;
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], terminator: Terminator) -> Vec<(u64, String, End)> {
        let mut lines = Lines::new(text, terminator);
        let mut line = Line::default();
        let mut all = Vec::new();
        while lines.next(&mut line).unwrap() {
            all.push((line.number, String::from_utf8(line.bytes.clone()).unwrap(), line.end));
        }
        all
    }

    fn expected(lines: &[&str], last: End) -> Vec<(u64, String, End)> {
        let end = |at: usize| if at + 1 == lines.len() { last } else { End::Terminated };
        lines.iter().enumerate().map(|(at, line)| (at as u64 + 1, (*line).into(), end(at))).collect()
    }

    #[test]
    fn every_terminator_ends_a_line_once() {
        use Terminator::{Either, Newline};
        assert_eq!(lines(b"a\n\r\nb\r\n", Newline), expected(&["a", "", "b"], End::Terminated));
        assert_eq!(lines(b"a\rb\r\n\n\rc", Either), expected(&["a", "b", "", "", "c"], End::Last));
        assert_eq!(lines(b"a\rb", Newline), expected(&["a\rb"], End::Last));
        assert_eq!(lines(b"", Newline), []);
        assert_eq!(Terminator::of_text(b"a\rb"), Either);
        assert_eq!(Terminator::of_text(b"a\r\nb"), Newline);
        assert_eq!(Terminator::of_text(b"a\r"), Newline);
    }

    #[test]
    fn a_line_without_end_is_passed_over_and_the_next_is_read() {
        let text = [vec![b'x'; LARGEST_RECORD + 1], b"\nnext".to_vec()].concat();
        assert_eq!(
            lines(&text, Terminator::Newline)[..],
            [(1, String::new(), End::TooLong), (2, "next".into(), End::Last)]
        );
    }

    #[test]
    fn lines_ahead_come_again() {
        let mut lines = Lines::new(&b"a\nb\nc"[..], Terminator::Newline);
        assert_eq!(lines.ahead(1).unwrap().unwrap().bytes, b"b");
        assert!(lines.ahead(3).unwrap().is_none());
        let mut line = Line::default();
        let mut all = Vec::new();
        while lines.next(&mut line).unwrap() {
            all.push((line.number, line.bytes.clone()));
        }
        assert_eq!(all, [(1, b"a".to_vec()), (2, b"b".to_vec()), (3, b"c".to_vec())]);
    }
}
