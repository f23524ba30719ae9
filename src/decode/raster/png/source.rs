//! A PNG's bytes, first up to where their checksums hold, then all of them.
//!
//! Rows before the first wrong checksum can be trusted; those behind it are shown, and not trusted. One decoder tells both, since
//! it goes on where its source was at its end and has more now: nothing is decoded twice.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::rc::Rc;

/// Whether the chunks' checksums hold, as far as the picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trusted {
    /// All of them, so that nobody needs to compute them again.
    All,
    /// Not all of them; the decoder is to say what that means.
    Unsure,
    /// Those before this place, where a chunk of the picture's data is wrong.
    Before(usize),
    /// Not one of the picture's data.
    Nothing,
}

/// Which chunks, up to the end of the picture's data, have right checksums (PNG specification, 5.3 and 5.4).
pub(super) fn trusted(bytes: &[u8]) -> Trusted {
    let (mut at, mut trusted, mut data) = (8, Trusted::All, false);
    while let Some(chunk) = Chunk::at(bytes, at) {
        let is_data = chunk.name == b"IDAT";
        if data && !is_data || chunk.name == b"IEND" {
            break;
        }
        match (chunk.is_right, is_data, data) {
            (true, ..) => {}
            // The decoder ends at a wrong header or palette.
            (false, false, _) if chunk.is_critical() => return Trusted::Unsure,
            (false, true, true) => return Trusted::Before(at),
            (false, true, false) => return Trusted::Nothing,
            (false, false, _) => trusted = Trusted::Unsure,
        }
        (at, data) = (chunk.end, is_data);
    }
    trusted
}

/// A chunk that is all there.
struct Chunk<'a> {
    name: &'a [u8],
    is_right: bool,
    end: usize,
}

impl Chunk<'_> {
    /// Whether there is no picture without it (5.4).
    fn is_critical(&self) -> bool {
        self.name[0].is_ascii_uppercase()
    }

    fn at(bytes: &[u8], at: usize) -> Option<Chunk<'_>> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
        let end = at.checked_add(8)?.checked_add(word(at)? as usize)?;
        let stored = word(end)?;
        let is_right = crc32fast::hash(&bytes[at + 4..end]) == stored;
        Some(Chunk { name: &bytes[at + 4..at + 8], is_right, end: end + 4 })
    }
}

/// What the decoder sees of a file.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    File(Range<usize>),
    Added(Vec<u8>),
}

/// Parts at most: chunks of an animation lie together, before the picture's data and behind it.
const MOST: usize = 1024;

/// What the decoder sees of a file that holds more than a picture as the specification has it.
///
/// The default picture needs no chunk of an animation (11.3.6), and must not fail with them. Apple's devices put a chunk before the
/// header and leave the data without zlib's frame, which is added.
fn parts(bytes: &[u8]) -> Vec<Piece> {
    let (mut parts, mut kept, mut at) = (Vec::new(), 0, 8);
    let is_apples = is_apples(bytes);
    let mut frame = [&[0x78, 0x01][..], &[0; 4]].into_iter().map(added_data).filter(|_| is_apples);
    let mut data = false;
    while let Some((name, end)) = extent(bytes, at).filter(|_| parts.len() < MOST) {
        let is_data = name == b"IDAT";
        if is_data != data
            && let Some(added) = frame.next()
        {
            parts.extend([Piece::File(kept..at), Piece::Added(added)]);
            kept = at;
        }
        if matches!(name, b"acTL" | b"fcTL" | b"fdAT" | b"CgBI") {
            if kept < at {
                parts.push(Piece::File(kept..at));
            }
            kept = end;
        }
        (data, at) = (is_data, end);
    }
    parts.push(Piece::File(kept..bytes.len()));
    parts
}

/// Whether the file is one of those that Apple's tools make for its devices: pixels are B, G, R and alpha, colours multiplied with it.
pub(super) fn is_apples(bytes: &[u8]) -> bool {
    bytes.get(12..16) == Some(b"CgBI")
}

/// Name and end of a chunk that is all there.
fn extent(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
    let end = at.checked_add(12)?.checked_add(length as usize)?;
    (end <= bytes.len()).then(|| (&bytes[at + 4..at + 8], end))
}

/// A chunk of the picture's data.
fn added_data(data: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[b"IDAT", data].concat());
    [&(data.len() as u32).to_be_bytes(), &b"IDAT"[..], data, &sum.to_be_bytes()].concat()
}

/// Bytes that end where they cannot be trusted any more, until [`grow`](Growing::grow) shows the rest.
#[derive(Debug, Clone)]
pub(super) struct Growing<'a> {
    bytes: &'a [u8],
    parts: Rc<[Piece]>,
    /// Where reading is: in which part, and how far into it.
    part: usize,
    at: usize,
    /// Shared with the copy that a decoder reads.
    end: Rc<Cell<usize>>,
    trusted: Trusted,
}

impl<'a> Growing<'a> {
    pub(super) fn new(bytes: &'a [u8], trusted: Trusted) -> Growing<'a> {
        let end = if let Trusted::Before(end) = trusted { end } else { bytes.len() };
        Growing { bytes, parts: parts(bytes).into(), part: 0, at: 0, end: Rc::new(Cell::new(end)), trusted }
    }

    pub(super) fn trusted(&self) -> Trusted {
        self.trusted
    }

    /// Whether [`is_apples`] says so of the file.
    pub(super) fn is_apples(&self) -> bool {
        is_apples(self.bytes)
    }

    /// The same bytes from their start, growing with these.
    pub(super) fn again(&self) -> Growing<'a> {
        Growing { part: 0, at: 0, ..self.clone() }
    }

    /// Shows the rest; false where all was shown already.
    pub(super) fn grow(&self) -> bool {
        self.end.replace(self.bytes.len()) < self.bytes.len()
    }

    fn rest(&mut self) -> &[u8] {
        while self.parts.get(self.part).is_some_and(|part| self.at >= part.length()) {
            (self.part, self.at) = (self.part + 1, 0);
        }
        match self.parts.get(self.part) {
            Some(Piece::File(range)) => {
                self.bytes.get(range.start + self.at..range.end.min(self.end.get())).unwrap_or_default()
            }
            Some(Piece::Added(added)) => &added[self.at..],
            None => &[],
        }
    }
}

impl Piece {
    fn length(&self) -> usize {
        match self {
            Piece::File(range) => range.len(),
            Piece::Added(added) => added.len(),
        }
    }
}

impl Read for Growing<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.rest().read(to)?;
        self.at += read;
        Ok(read)
    }
}

impl BufRead for Growing<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

/// The decoder asks for it by its type alone.
impl Seek for Growing<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], bool)]) -> Vec<u8> {
        let mut file = vec![0; 8];
        for (name, is_right) in chunks {
            file.extend(3u32.to_be_bytes());
            let start = file.len();
            file.extend_from_slice(&name[..]);
            file.extend(b"abc");
            let sum = crc32fast::hash(&file[start..]);
            file.extend((if *is_right { sum } else { !sum }).to_be_bytes());
        }
        file
    }

    #[test]
    fn only_what_the_picture_needs_is_asked() {
        let (header, data, text, end) = (b"IHDR", b"IDAT", b"tEXt", b"IEND");
        for (chunks, expected) in [
            (&[(header, true), (text, true), (data, true), (data, true), (end, true)][..], Trusted::All),
            (&[(header, true), (text, false), (data, true), (end, true)], Trusted::Unsure),
            (&[(header, true), (data, true), (text, false), (end, true)], Trusted::All),
            (&[(header, true), (data, true), (end, false), (header, false)], Trusted::All),
            (&[(header, false), (data, true)], Trusted::Unsure),
            (&[(header, false), (data, false)], Trusted::Unsure),
            (&[(header, false), (data, true), (data, false)], Trusted::Unsure),
            (&[(header, true), (data, false), (data, true)], Trusted::Nothing),
            (&[(header, true), (data, true), (data, false)], Trusted::Before(8 + 2 * 15)),
            (&[(header, true), (text, false), (data, true), (data, false)], Trusted::Before(8 + 3 * 15)),
            (&[], Trusted::All),
        ] {
            assert_eq!(trusted(&file(chunks)), expected, "{chunks:?}");
        }
        // A chunk that is cut has no checksum yet.
        let cut = file(&[(header, true), (data, false)]);
        assert_eq!(trusted(&cut[..cut.len() - 1]), Trusted::All);
    }

    #[test]
    fn the_rest_comes_when_it_is_asked_for() {
        let bytes: Vec<u8> = (0..100).collect();
        let growing = Growing::new(&bytes, Trusted::Before(40));
        let mut reader = growing.again();
        let mut read = Vec::new();
        assert_eq!((reader.read_to_end(&mut read).unwrap(), reader.fill_buf().unwrap().len()), (40, 0));
        assert!(growing.grow() && !growing.grow());
        assert_eq!(reader.read_to_end(&mut read).unwrap(), 60);
        assert_eq!(read, bytes);
    }

    #[test]
    fn the_decoder_sees_the_picture_alone() {
        let (header, data, end) = ((b"IHDR", true), (b"IDAT", true), (b"IEND", true));
        let (control, frame, more) = ((b"acTL", true), (b"fcTL", true), (b"fdAT", true));
        let seen = |bytes: &[u8]| {
            let mut read = Vec::new();
            Growing::new(bytes, Trusted::All).read_to_end(&mut read).unwrap();
            read
        };
        let plain = file(&[header, data, data, end]);
        assert_eq!(parts(&plain), [Piece::File(0..plain.len())]);
        assert_eq!(seen(&plain), plain);
        let animated = file(&[header, control, frame, data, data, frame, more, more, end]);
        assert_eq!(seen(&animated), plain);
        // A chunk that is cut is left alone.
        assert_eq!(
            seen(&animated[..animated.len() - 16]),
            [&plain[..plain.len() - 15], &animated[113..127]].concat()
        );
        let framed =
            [&file(&[header])[..], &added_data(&[0x78, 1]), &file(&[data, data])[8..], &added_data(&[0; 4])];
        let apples = file(&[(b"CgBI", true), header, data, data, end]);
        assert_eq!(seen(&apples), [&framed.concat()[..], &file(&[end])[8..]].concat());
    }
}
