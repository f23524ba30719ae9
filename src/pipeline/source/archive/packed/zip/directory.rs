//! A zip's central directory: found from the end, read whole.

use std::io;
use std::ops::Range;

use super::header::{
    CENTRAL, END, END_64, END_64_LENGTH, END_LENGTH, LOCAL, LOCATOR, LOCATOR_LENGTH, Member, u16_at, u32_at,
    u64_at,
};
use super::input::Input;
use crate::error::Error;

/// How far from the end the end record is looked for: behind it stand a comment of up to 65,535 bytes, and what was put behind the zip.
const TAIL: u64 = 80 << 10;

/// End records there that are looked at: an own one may stand in a comment.
const ENDS: usize = 64;

/// A central directory.
#[derive(Debug)]
pub(super) struct Directory {
    /// Its members, in its order; with the places of their local headers in the file.
    pub(super) members: Vec<Member>,
    /// Where the archive begins, and where it ends with its comment.
    pub(super) archive: Range<u64>,
}

/// What an end record says.
struct End {
    entries: u64,
    length: u64,
    offset: u64,
    /// Where the record of 64 bits begins, or the usual one.
    at: u64,
    is_64: bool,
    is_split: bool,
}

impl Directory {
    /// The last directory that ends within `range`; an error where it is there and damaged.
    pub(super) fn last(input: &mut Input, range: Range<u64>) -> io::Result<Option<Result<Directory, Error>>> {
        let start = range.end.saturating_sub(TAIL).max(range.start);
        let tail = input.at_most(start, range.end - start)?;
        for at in memchr::memmem::rfind_iter(&tail, &END).take(ENDS) {
            let record = &tail[at..];
            if (record.len() as u64) < END_LENGTH {
                continue;
            }
            let at = start + at as u64;
            let end = End::read(input, record, at, &range)?;
            if end.is_split {
                let what = "zip: a part of an archive that was split; join the parts";
                return Ok(Some(Err(Error::Unsupported(what.to_string()))));
            }
            let Some(from) = end.start(input, &range)? else { continue };
            let behind = at + END_LENGTH + u64::from(u16_at(record, 20));
            return Directory::read(input, &end, from, behind.min(range.end)).map(Some);
        }
        Ok(None)
    }

    fn read(input: &mut Input, end: &End, from: u64, behind: u64) -> io::Result<Result<Directory, Error>> {
        let bytes = input.at_most(from, end.at - from)?;
        let (mut members, mut at) = (Vec::new(), 0);
        while let Some((member, length)) = Member::central(&bytes[at..]) {
            members.push(member);
            at += length;
        }
        let found = members.len() as u64;
        // Before 64 bits, programs wrote what 16 hold of the number.
        let as_announced = if end.is_64 { found } else { found & 0xffff };
        if as_announced != end.entries {
            let announced = end.entries;
            let what =
                format!("its central directory should have {announced} entries and {found} can be read");
            return Ok(Err(Error::corrupt("zip", what)));
        }
        let start = Directory::archive_start(input, &members, from, end.offset)?;
        for member in &mut members {
            // An offset that leads out of the file leads to no header.
            member.at = member.at.saturating_add(start);
        }
        Ok(Ok(Directory { members, archive: start..behind }))
    }

    /// Where offsets count from: as far before the directory as it says, but from the file's start where the first member is there.
    fn archive_start(input: &mut Input, members: &[Member], from: u64, offset: u64) -> io::Result<u64> {
        let start = from.saturating_sub(offset);
        match members.first() {
            Some(first) if !input.is_at(start.saturating_add(first.at), LOCAL)? => {
                Ok(if input.is_at(first.at, LOCAL)? { 0 } else { start })
            }
            _ => Ok(start),
        }
    }
}

impl End {
    /// The end record at `at`, by its counterpart of 64 bits where there is one.
    fn read(input: &mut Input, record: &[u8], at: u64, range: &Range<u64>) -> io::Result<End> {
        let end = End {
            entries: u16_at(record, 10).into(),
            length: u32_at(record, 12).into(),
            offset: u32_at(record, 16).into(),
            at,
            is_64: false,
            is_split: u16_at(record, 4) != u16_at(record, 6),
        };
        let Some(locator) = at.checked_sub(LOCATOR_LENGTH).filter(|&locator| locator >= range.start) else {
            return Ok(end);
        };
        let end_locator = input.at_most(locator, LOCATOR_LENGTH)?;
        if !end_locator.starts_with(&LOCATOR) {
            return Ok(end);
        }
        // Where bytes stand before the archive, the record is behind where it should be: just before its locator.
        let places = [Some(u64_at(&end_locator, 8)), locator.checked_sub(END_64_LENGTH)];
        for place in places.into_iter().flatten().filter(|place| range.contains(place)) {
            let record = input.at_most(place, END_64_LENGTH)?;
            if record.starts_with(&END_64) && record.len() as u64 == END_64_LENGTH {
                return Ok(End {
                    entries: u64_at(&record, 32),
                    length: u64_at(&record, 40),
                    offset: u64_at(&record, 48),
                    at: place,
                    is_64: true,
                    is_split: u32_at(&record, 16) != u32_at(&record, 20),
                });
            }
        }
        Ok(end)
    }

    /// Where the directory begins: before the record, or where the record says.
    fn start(&self, input: &mut Input, range: &Range<u64>) -> io::Result<Option<u64>> {
        if self.entries == 0 && self.length == 0 {
            return Ok(Some(self.at));
        }
        let places = [self.at.checked_sub(self.length), range.start.checked_add(self.offset)];
        for place in places.into_iter().flatten().filter(|place| (range.start..self.at).contains(place)) {
            if input.is_at(place, CENTRAL)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}
