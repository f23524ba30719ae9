//! Sparse files: content without its holes, and a map that says where it belongs (GNU tar, "Storing Sparse Files").

use std::io::{self, Read};

use super::header::number;

/// How much longer than its content a sparse file may be that is unpacked: pictures have few holes, and a hole costs its sender nothing.
const MOST_HOLES: u64 = 16;
/// Holes of this length are unpacked always, in bytes.
const FEW_HOLES: u64 = 1 << 20;

/// Longest map that stands before the content, in blocks of 512 bytes: 8 MiB.
const LONGEST_MAP: u64 = 16_384;

/// Which bytes of the file are there: offset and length of each piece, in their order.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(u64, u64)>);

impl Map {
    pub(super) fn push(&mut self, offset: u64, length: u64) {
        self.0.push((offset, length));
    }

    /// Pairs of numbers with commas between all of them, as in version 0.1.
    pub(super) fn from_decimals(text: &[u8]) -> Option<Map> {
        let numbers = str::from_utf8(text).ok()?.split(',').map(|number| number.parse().ok());
        let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
        let (pairs, []) = numbers.as_chunks::<2>() else { return None };
        Some(Map(pairs.iter().map(|&[offset, length]| (offset, length)).collect()))
    }

    /// Takes pairs of fields of 12 bytes each, up to an empty one, as in the old form.
    pub(super) fn take_fields(&mut self, fields: &[u8]) -> Option<()> {
        let pairs = fields.as_chunks::<24>().0.iter().take_while(|pair| pair[0] != 0);
        for pair in pairs {
            self.push(number(&pair[..12])?, number(&pair[12..])?);
        }
        Some(())
    }

    /// Reads the map that stands before the content in version 1.0: how many pairs, then a number a line, filled up to whole blocks.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Map>> {
        let (mut blocks, mut map, mut next) = (0, Map::default(), Vec::new());
        let (mut pairs, mut digits) = (None, Some(0u64));
        while blocks < LONGEST_MAP {
            let mut block = [0; 512];
            from.read_exact(&mut block)?;
            blocks += 1;
            for byte in block {
                if byte != b'\n' {
                    let digit = (byte as char).to_digit(10).map(u64::from);
                    digits = digits
                        .zip(digit)
                        .and_then(|(number, digit)| number.checked_mul(10)?.checked_add(digit));
                    continue;
                }
                let Some(number) = digits.replace(0) else { return Ok(None) };
                match pairs {
                    None => pairs = Some(number),
                    Some(_) => next.push(number),
                }
                if let [offset, length] = next[..] {
                    map.push(offset, length);
                    next.clear();
                }
                if pairs == Some(map.0.len() as u64) {
                    return Ok(Some(map));
                }
            }
        }
        Ok(None)
    }

    /// Whether the pieces come one behind another within `length` bytes and together are `content` bytes long.
    pub(super) fn fits(&self, length: u64, content: u64) -> bool {
        let mut end = Some(0);
        for &(offset, length) in &self.0 {
            end = end.filter(|&end| end <= offset).and_then(|_| offset.checked_add(length));
        }
        let sum = self.0.iter().try_fold(0u64, |sum, (_, length)| sum.checked_add(*length));
        end.is_some_and(|end| end <= length) && sum == Some(content)
    }
}

/// Whether holes are so large, against the content, that the file is no picture and not unpacked.
pub(super) fn is_mostly_holes(length: u64, content: u64) -> bool {
    length > content.saturating_mul(MOST_HOLES).saturating_add(FEW_HOLES)
}

/// The file with its holes, as zeros.
pub(super) struct Filled<R> {
    content: R,
    pieces: std::vec::IntoIter<(u64, u64)>,
    /// Bytes of the hole and of the piece behind it that are still to come.
    hole: u64,
    piece: u64,
    at: u64,
    length: u64,
}

impl<R: Read> Filled<R> {
    /// A file of `length` bytes.
    pub(super) fn new(content: R, map: Map, length: u64) -> Filled<R> {
        Filled { content, pieces: map.0.into_iter(), hole: 0, piece: 0, at: 0, length }
    }

    fn next_piece(&mut self) {
        let (offset, length) = self.pieces.next().unwrap_or((self.length, 0));
        (self.hole, self.piece) = (offset.saturating_sub(self.at), length);
    }
}

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.hole == 0 && self.piece == 0 && self.at < self.length {
            self.next_piece();
        }
        let wanted = if self.hole > 0 { self.hole } else { self.piece }.min(into.len() as u64) as usize;
        if self.hole > 0 {
            into[..wanted].fill(0);
            self.hole -= wanted as u64;
            self.at += wanted as u64;
            return Ok(wanted);
        }
        let read = self.content.read(&mut into[..wanted])?;
        self.piece -= read as u64;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pieces: &[(u64, u64)]) -> Map {
        Map(pieces.to_vec())
    }

    #[test]
    fn a_map_fits_where_its_pieces_do() {
        assert!(map(&[(0, 3), (5, 2), (9, 0)]).fits(9, 5));
        assert!(map(&[]).fits(100, 0));
        for wrong in [&[(0, 3), (2, 2)][..], &[(5, 1), (0, 4)], &[(8, 5)], &[(0, 4)], &[(u64::MAX, 5)]] {
            assert!(!map(wrong).fits(9, 5), "{wrong:?}");
        }
    }

    #[test]
    fn holes_are_zeros() {
        let filled = |pieces: &[(u64, u64)], length| {
            let mut all = Vec::new();
            Filled::new(&b"abcde"[..], map(pieces), length).read_to_end(&mut all).unwrap();
            all
        };
        assert_eq!(filled(&[(1, 2), (3, 0), (4, 3)], 9), b"\0ab\0cde\0\0");
        assert_eq!(filled(&[(0, 5)], 5), b"abcde");
        assert_eq!(filled(&[], 3), b"\0\0\0");
    }

    #[test]
    fn maps_are_read_in_every_form() {
        assert_eq!(Map::from_decimals(b"0,3,5,2").unwrap().0, [(0, 3), (5, 2)]);
        assert!(Map::from_decimals(b"0,3,5").is_none() && Map::from_decimals(b"0,x").is_none());
        let mut lines = b"2\n0\n3\n5\n2\n".to_vec();
        lines.resize(512, 0);
        lines.extend(b"abcde");
        let mut from = lines.as_slice();
        let read = Map::read(&mut from).unwrap().unwrap();
        assert_eq!((read.0, from), (vec![(0, 3), (5, 2)], &b"abcde"[..]));
        assert!(Map::read(&mut &[b'x'; 512][..]).is_err() && Map::read(&mut &b"2\nx\n"[..]).is_err());
        lines[2] = b'x';
        assert!(Map::read(&mut lines.as_slice()).unwrap().is_none());
    }
}
