//! A file's bytes with a few of them replaced, left out or added, read as one. Nothing large is copied.

use std::borrow::Cow;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// Pieces of a file and what is put between them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces<'a> {
    /// Each with its place.
    pieces: Vec<(u64, Cow<'a, [u8]>)>,
    /// Where reading is, and in which piece.
    at: u64,
    piece: usize,
}

impl<'a> Pieces<'a> {
    /// Pieces one behind the other.
    pub(super) fn new(pieces: Vec<Cow<'a, [u8]>>) -> Pieces<'a> {
        let mut all = Pieces::default();
        for piece in pieces {
            let end = all.length();
            all = all.with(end, piece);
        }
        all
    }

    /// The file as it is.
    pub(super) fn whole(bytes: &'a [u8]) -> Pieces<'a> {
        Pieces::new(vec![bytes.into()])
    }

    /// The same with one more at a place behind the others. Who reads on over a gap meets the end.
    #[must_use]
    pub(super) fn with(mut self, place: u64, piece: Cow<'a, [u8]>) -> Pieces<'a> {
        self.pieces.push((place, piece));
        self
    }

    fn length(&self) -> u64 {
        self.pieces.last().map_or(0, |(place, piece)| place + piece.len() as u64)
    }

    /// What is left of the piece where reading is.
    fn rest(&mut self) -> &[u8] {
        let is_behind = |(place, piece): &(u64, Cow<'_, [u8]>)| place + piece.len() as u64 <= self.at;
        while self.pieces.get(self.piece).is_some_and(is_behind)
            && self.pieces.get(self.piece + 1).is_some_and(|(place, _)| *place <= self.at)
        {
            self.piece += 1;
        }
        let Some((place, piece)) = self.pieces.get(self.piece) else { return &[] };
        let into = self.at.checked_sub(*place).and_then(|into| usize::try_from(into).ok());
        into.and_then(|into| piece.get(into..)).unwrap_or_default()
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.rest().read(to)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl Seek for Pieces<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
        };
        self.at = place.ok_or(io::ErrorKind::InvalidInput)?;
        self.piece = 0;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_read_as_one() {
        let whole: Vec<u8> = (0..20).collect();
        let mut pieces = Pieces::new(vec![
            (&whole[..3]).into(),
            whole[3..10].to_vec().into(),
            (&[][..]).into(),
            (&whole[10..]).into(),
        ]);
        let mut read = Vec::new();
        assert_eq!((pieces.read_to_end(&mut read).unwrap(), &read), (20, &whole));
        for from in [SeekFrom::Start(9), SeekFrom::End(-11), SeekFrom::Current(-11)] {
            pieces.seek(SeekFrom::Start(20)).unwrap();
            assert_eq!(pieces.seek(from).unwrap(), 9);
            assert_eq!(pieces.fill_buf().unwrap(), &[9]);
            assert_eq!(pieces.stream_position().unwrap(), 9);
            pieces.consume(1);
            assert_eq!(pieces.fill_buf().unwrap(), &whole[10..]);
        }
        // Behind the end there is nothing, as with a file.
        pieces.seek(SeekFrom::Start(70)).unwrap();
        assert_eq!((pieces.read(&mut [0; 4]).unwrap(), pieces.stream_position().unwrap()), (0, 70));
        assert!(pieces.seek(SeekFrom::End(-21)).is_err());
        assert_eq!(Pieces::whole(&whole).bytes().count(), 20);
    }

    #[test]
    fn a_gap_is_an_end() {
        let mut pieces = Pieces::whole(b"abc").with(100, b"def"[..].into());
        let mut from = |place| {
            let mut read = Vec::new();
            pieces.seek(SeekFrom::Start(place)).unwrap();
            pieces.read_to_end(&mut read).unwrap();
            read
        };
        for (place, expected) in
            [(1, &b"bc"[..]), (3, b""), (50, b""), (100, b"def"), (102, b"f"), (103, b"")]
        {
            assert_eq!(from(place), expected, "{place}");
        }
    }
}
