//! A zip's bytes, wherever they stand.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use memchr::memmem;

use super::super::RandomAccess;
use crate::pipeline::source::random_access::sought;

/// How a record begins.
pub(super) type Mark = [u8; 4];

/// Bytes that are searched at a time.
const PIECE: u64 = 256 << 10;

/// A file and where in it the next read begins.
pub(super) struct Input {
    file: BufReader<Box<dyn RandomAccess>>,
    at: u64,
    pub(super) length: u64,
}

impl Input {
    pub(super) fn new(mut file: Box<dyn RandomAccess>) -> io::Result<Input> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Input { file: super::super::buffered(file), at: length, length })
    }

    /// The file, to be read from its start.
    pub(super) fn into_file(self) -> io::Result<Box<dyn RandomAccess>> {
        let mut file = self.file.into_inner();
        file.rewind()?;
        Ok(file)
    }

    /// The next read begins at `to`.
    pub(super) fn go(&mut self, to: u64) -> io::Result<()> {
        let by = i64::try_from(i128::from(to) - i128::from(self.at));
        self.file.seek_relative(by.map_err(|_| io::ErrorKind::InvalidInput)?)?;
        self.at = to;
        Ok(())
    }

    /// The bytes at `at`, fewer than `length` at the end.
    pub(super) fn at_most(&mut self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if at < self.length {
            self.go(at)?;
            self.take(length).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// Whether a record begins at `at`.
    pub(super) fn is_at(&mut self, at: u64, mark: Mark) -> io::Result<bool> {
        Ok(self.at_most(at, 4)? == mark)
    }

    /// The first record that begins at `from` or behind it, and where it begins; it ends before `end`.
    pub(super) fn find(&mut self, from: u64, end: u64, marks: &[Mark]) -> io::Result<Option<(u64, Mark)>> {
        let mut start = from;
        // A record that is where it should be needs no large piece.
        let mut length = 4;
        while start + 4 <= end {
            let piece = self.at_most(start, length.min(end - start))?;
            let found = memmem::find_iter(&piece, b"PK").find_map(|at| {
                let mark = *piece.get(at..)?.first_chunk()?;
                marks.contains(&mark).then_some((start + at as u64, mark))
            });
            if found.is_some() || (piece.len() as u64) < 4 {
                return Ok(found);
            }
            start += piece.len() as u64 - 3;
            length = PIECE;
        }
        Ok(None)
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.go(sought(to, self.at, self.length)?)?;
        Ok(self.at)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.file.consume(amount);
        self.at += amount as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::header::{END, LOCAL};
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_stand() {
        for before in [0, 1, 5, PIECE as usize - 3, PIECE as usize, PIECE as usize + 1, 700_000] {
            let bytes = [&vec![b'P'; before][..], &END, b"PK\x03", &LOCAL, b"PK"].concat();
            let length = bytes.len() as u64;
            let mut input = Input::new(Box::new(Cursor::new(bytes))).unwrap();
            let before = before as u64;
            assert_eq!(input.find(0, length, &[LOCAL, END]).unwrap(), Some((before, END)));
            assert_eq!(input.find(0, length, &[LOCAL]).unwrap(), Some((before + 7, LOCAL)));
            assert_eq!(input.find(before + 8, length, &[LOCAL]).unwrap(), None);
            assert_eq!(input.find(0, before + 10, &[LOCAL]).unwrap(), None);
            assert!(input.is_at(before, END).unwrap() && !input.is_at(length - 2, LOCAL).unwrap());
        }
    }
}
