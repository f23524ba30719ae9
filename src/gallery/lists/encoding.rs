//! Text in the encodings that lists come in, as UTF-8: UTF-16 as spreadsheets and consoles of Windows write it, and Windows-1252
//! wherever bytes are no UTF-8.
//!
//! Signatures are ASCII in all of them, so a wrong guess about a label costs no entry.

use std::io::{self, Read};

/// How text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8, with Windows-1252 in between.
    Utf8,
    Utf16Little,
    Utf16Big,
}

impl Encoding {
    /// The encoding of what begins so, and the length of its byte-order mark. UTF-16 without a mark shows by its zero bytes.
    pub(crate) fn of(start: &[u8]) -> (Encoding, usize) {
        match start {
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            [0xff, 0xfe, 0, 0, ..] => (Encoding::Utf8, 0),
            [0xff, 0xfe, ..] => (Encoding::Utf16Little, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Big, 2),
            _ => (Encoding::by_zeros(&start[..start.len().min(1024)]), 0),
        }
    }

    /// Of ASCII in UTF-16 every second byte is zero.
    fn by_zeros(start: &[u8]) -> Encoding {
        let (pairs, _) = start.as_chunks::<2>();
        let count = |which: fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| which(pair)).count();
        let (big, little) =
            (count(|pair| pair[0] == 0 && pair[1] != 0), count(|pair| pair[0] != 0 && pair[1] == 0));
        let neither = pairs.len() - big - little;
        if little >= 4 && little > 3 * (neither + big) {
            Encoding::Utf16Little
        } else if big >= 4 && big > 3 * (neither + little) {
            Encoding::Utf16Big
        } else {
            Encoding::Utf8
        }
    }
}

/// Reads text as UTF-8.
pub(crate) struct Utf8<R> {
    inner: R,
    encoding: Encoding,
    /// Bytes that were read; those of a character that is not all there yet are kept.
    raw: Vec<u8>,
    text: Vec<u8>,
    /// How much of `text` was given.
    given: usize,
    ended: bool,
}

/// Bytes read at a time.
const PIECE: usize = 64 << 10;

impl<R: Read> Utf8<R> {
    /// `inner` begins behind the byte-order mark.
    pub(crate) fn new(inner: R, encoding: Encoding) -> Utf8<R> {
        Utf8 { inner, encoding, raw: Vec::new(), text: Vec::new(), given: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.given = 0;
        self.text.clear();
        while self.text.is_empty() && !self.ended {
            let kept = self.raw.len();
            self.raw.resize(kept + PIECE, 0);
            let read = self.inner.read(&mut self.raw[kept..]);
            self.raw.truncate(kept + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(read) => self.ended = read == 0,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let used = match self.encoding {
                Encoding::Utf8 => utf8(&self.raw, self.ended, &mut self.text),
                Encoding::Utf16Little => utf16(&self.raw, self.ended, u16::from_le_bytes, &mut self.text),
                Encoding::Utf16Big => utf16(&self.raw, self.ended, u16::from_be_bytes, &mut self.text),
            };
            self.raw.drain(..used);
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() {
            self.fill()?;
        }
        let length = buffer.len().min(self.text.len() - self.given);
        buffer[..length].copy_from_slice(&self.text[self.given..][..length]);
        self.given += length;
        Ok(length)
    }
}

/// Appends `raw` as text, and says how many bytes of it.
fn utf8(raw: &[u8], ended: bool, text: &mut Vec<u8>) -> usize {
    let mut rest = raw;
    loop {
        match str::from_utf8(rest) {
            Ok(_) => {
                text.extend_from_slice(rest);
                return raw.len();
            }
            Err(error) => {
                let (whole, odd) = rest.split_at(error.valid_up_to());
                text.extend_from_slice(whole);
                if error.error_len().is_none() && !ended {
                    return raw.len() - odd.len();
                }
                let length = error.error_len().unwrap_or(odd.len());
                odd[..length].iter().for_each(|&byte| push(text, windows_1252(byte)));
                rest = &odd[length..];
            }
        }
    }
}

/// As [`utf8`]; a lone surrogate, which Windows allows in names, becomes U+FFFD.
fn utf16(raw: &[u8], ended: bool, unit: fn([u8; 2]) -> u16, text: &mut Vec<u8>) -> usize {
    let (pairs, odd) = raw.as_chunks::<2>();
    let mut end = pairs.len();
    let is_high = |pair: &[u8; 2]| (0xd800..0xdc00).contains(&unit(*pair));
    if !ended && pairs.last().is_some_and(is_high) {
        end -= 1;
    }
    for character in char::decode_utf16(pairs[..end].iter().map(|pair| unit(*pair))) {
        push(text, character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    if ended && !odd.is_empty() {
        push(text, char::REPLACEMENT_CHARACTER);
        return raw.len();
    }
    2 * end
}

fn push(text: &mut Vec<u8>, character: char) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The character of a byte of Windows-1252; its five unused bytes are control characters, as in ISO 8859-1.
fn windows_1252(byte: u8) -> char {
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => UPPER[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every character is parted.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read(bytes: &[u8]) -> String {
        let (encoding, mark) = Encoding::of(bytes);
        let mut all = String::new();
        Utf8::new(&bytes[mark..], encoding).read_to_string(&mut all).unwrap();
        let mut slow = String::new();
        Utf8::new(Slow(&bytes[mark..]), encoding).read_to_string(&mut slow).unwrap();
        assert!(all == slow);
        all
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn each_encoding_gives_the_same_text() {
        let text = "id,photodna\nü€😀,abcdef\n".repeat(9000);
        assert!(read(text.as_bytes()) == text);
        assert!(read(format!("\u{feff}{text}").as_bytes()) == text);
        for (mark, bytes) in
            [("\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("\u{feff}", u16::to_be_bytes)]
        {
            assert!(read(&utf16(&format!("{mark}{text}"), bytes)) == text);
            assert!(read(&utf16(&text, bytes)) == text, "without a mark");
        }
    }

    #[test]
    fn what_is_no_utf8_is_windows_1252() {
        assert_eq!(read(b"M\xfcller, \x80 5, \xe2\x82\xac, \xe2\x82"), "Müller, € 5, €, â‚");
        assert_eq!(read(b"\xff"), "ÿ");
        assert_eq!(read(b""), "");
    }

    #[test]
    fn parted_and_lone_surrogates() {
        let units = [0xfeff, 0x61, 0xd83d, 0x62, 0xd83d];
        let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).chain([0x63]).collect();
        assert_eq!(read(&bytes), "a\u{fffd}b\u{fffd}\u{fffd}");
    }

    #[test]
    fn zeros_alone_make_no_utf16() {
        for bytes in [&[0; 64][..], b"a\0", b"photodna,pdq\nabc\0def,ghi\n", &[1, 0, 0, 1, 1, 0, 0, 1]] {
            assert_eq!(Encoding::of(bytes), (Encoding::Utf8, 0));
        }
    }
}
