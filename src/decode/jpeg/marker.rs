//! Markers and marker segments (T.81, annex B).

use crate::error::{Error, Result};
use memchr::memchr;
use std::ops::Range;

pub(in crate::decode) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(in crate::decode) const SOS: u8 = 0xDA;
pub(super) const DQT: u8 = 0xDB;
pub(super) const DNL: u8 = 0xDC;
pub(super) const DRI: u8 = 0xDD;
pub(super) const DHT: u8 = 0xC4;
pub(super) const DAC: u8 = 0xCC;
pub(super) const DHP: u8 = 0xDE;
/// The frame of JPEG-LS (T.87), which no JPEG has.
pub(super) const SOF55: u8 = 0xF7;
pub(super) const APP0: u8 = 0xE0;
pub(super) const APP1: u8 = 0xE1;
pub(super) const APP2: u8 = 0xE2;
pub(super) const APP14: u8 = 0xEE;

/// Whether a marker starts a frame: every SOFn, whatever the process.
pub(in crate::decode) fn is_frame(code: u8) -> bool {
    matches!(code, 0xC0..=0xCF) && !matches!(code, DHT | DAC | 0xC8)
}

/// Whether a marker is RST0..=RST7.
pub(super) fn is_restart(code: u8) -> bool {
    matches!(code, 0xD0..=0xD7)
}

/// Whether a segment follows that says its length: markers that T.81 names, and no others.
fn has_segment(code: u8) -> bool {
    matches!(code, 0xC0..=0xCF | 0xDA..=0xEF | 0xFE) && code != 0xC8
}

/// The next marker at or after `at`: its code and the place behind it. Fill bytes, stuffed bytes
/// and whatever else lies between are skipped.
pub(super) fn next(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += memchr(0xFF, bytes.get(at..)?)? + 1;
        match *bytes.get(at)? {
            0x00 => at += 1,
            0xFF => {}
            code => return Some((code, at + 1)),
        }
    }
}

/// Where entropy-coded data that starts at `at` ends: the place of the `FF` of the first marker that is no
/// restart, or the end of the bytes.
fn end_of_scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some((code, behind)) = next(bytes, at) {
        if !is_restart(code) {
            return behind - 2;
        }
        at = behind;
    }
    bytes.len()
}

/// A marker with its segment, which is empty where none goes with it.
pub(in crate::decode) struct Mark<'a> {
    pub(in crate::decode) code: u8,
    pub(super) segment: Segment<'a>,
    /// Where the segment's parameters lie in the file.
    pub(super) place: Range<usize>,
}

/// The one walk over a file's markers: whoever looks for something in a JPEG looks here. It goes forward only, so that its work is
/// bounded by the file's length.
#[derive(Clone)]
pub(in crate::decode) struct Markers<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the next marker is looked for.
    pub(super) at: usize,
}

impl<'a> Markers<'a> {
    /// Those behind the SOI, which is the file's first marker: like browsers, nothing is searched for inside other data.
    pub(in crate::decode) fn of(bytes: &'a [u8]) -> Result<Markers<'a>> {
        if bytes.starts_with(&[0xFF, SOI]) {
            Ok(Markers { bytes, at: 2 })
        } else {
            Err(corrupt("no start of image"))
        }
    }

    /// The next one; `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where its segment is cut off.
    pub(in crate::decode) fn next(&mut self) -> Result<Option<Mark<'a>>> {
        let Some((code, at)) = next(self.bytes, self.at) else { return Ok(None) };
        self.at = at;
        if !has_segment(code) {
            return Ok(Some(Mark { code, segment: Segment { bytes: &[] }, place: at..at }));
        }
        let (segment, behind) = Segment::at(self.bytes, at)?;
        self.at = behind;
        Ok(Some(Mark { code, segment, place: behind - segment.len()..behind }))
    }

    /// Skips the entropy-coded data behind a scan's header.
    pub(super) fn pass_data(&mut self) {
        self.at = end_of_scan(self.bytes, self.at);
    }
}

/// A marker segment's parameters, read front to back.
#[derive(Clone, Copy)]
pub(in crate::decode) struct Segment<'a> {
    bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The segment whose length field is at `at`, and the place behind it. A length too short for the field
    /// itself is taken for an empty segment's.
    fn at(bytes: &'a [u8], at: usize) -> Result<(Segment<'a>, usize)> {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(&[high, low]) = rest.first_chunk() else { return Err(corrupt("a segment is cut off")) };
        let length = usize::from(u16::from_be_bytes([high, low])).max(2);
        let parameters = rest.get(2..length).ok_or_else(|| corrupt("a segment is cut off"))?;
        Ok((Segment { bytes: parameters }, at + length))
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn starts_with(&self, name: &[u8]) -> bool {
        self.bytes.starts_with(name)
    }

    pub(super) fn get(&self, index: usize) -> Option<u8> {
        self.bytes.get(index).copied()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.bytes.split_at_checked(length).ok_or_else(|| corrupt("a segment is too short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    /// Two four-bit numbers.
    pub(super) fn nibbles(&mut self) -> Result<(u8, u8)> {
        let both = self.u8()?;
        Ok((both >> 4, both & 15))
    }
}

/// A corrupt JPEG, and why.
pub(super) fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt("jpeg", message)
}
