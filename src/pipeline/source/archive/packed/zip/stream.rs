//! Members as they stand in a zip, where it has no central directory or a damaged one: it broke off, or only its front is there.
//!
//! A program that writes to a pipe does not know a member's sizes before its end, and writes them behind its content. A deflated member
//! shows its own end; a stored one ends where a descriptor stands whose checksum and sizes are right.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use super::super::{Archive, Step, Stopped, broken};
use super::content::{self, DEFLATED, STORED};
use super::header::{
    CENTRAL, CENTRAL_LENGTH, DESCRIPTOR, END, END_64, END_64_LENGTH, END_LENGTH, LOCAL, LOCATOR,
    LOCATOR_LENGTH, Member, u16_at, u32_at, u64_at,
};
use super::input::{Input, Mark};
use super::take;
use crate::error::Error;

/// What may stand between two members.
const MARKS: [Mark; 6] = [LOCAL, CENTRAL, END, END_64, LOCATOR, DESCRIPTOR];

/// Gives the members that stand in `range`; what is wrong with the archive, `None` where an end record closes it.
pub(super) fn read(input: &mut Input, range: Range<u64>, archive: &mut Archive<'_>) -> Step<Option<Error>> {
    let cut = || Some(Error::corrupt("zip", "there is no central directory at its end; it was cut off"));
    let (mut at, mut wrong, mut is_closed) = (range.start, None, false);
    while let Some((found, mark)) = input.find(at, range.end, &MARKS).map_err(cannot)? {
        if found > at && found > range.start && !is_closed {
            wrong = wrong.or_else(|| Some(damaged(at)));
        }
        let is_end = mark == END && found + END_LENGTH <= range.end;
        is_closed = is_end || (is_closed && mark != LOCAL);
        at = match mark {
            LOCAL => match member(input, found, range.end, archive)? {
                Next::At(next) => next,
                Next::Behind(next) => {
                    wrong = wrong.or_else(|| Some(damaged(found)));
                    next
                }
                Next::None => return Ok(wrong.or_else(cut)),
            },
            mark => found + length(input, found, mark).map_err(cannot)?,
        };
    }
    Ok(if is_closed { wrong } else { wrong.or_else(cut) })
}

fn damaged(at: u64) -> Error {
    Error::corrupt("zip", format!("at byte {at}: there should be a member or the central directory"))
}

fn cannot(error: io::Error) -> Stopped {
    broken("zip", "among its members", error).into()
}

/// Length of a record that is no member.
fn length(input: &mut Input, at: u64, mark: Mark) -> io::Result<u64> {
    let record = input.at_most(at, CENTRAL_LENGTH)?;
    let varies = |field| u64::from(u16_at(&record, field));
    Ok(match mark {
        CENTRAL => CENTRAL_LENGTH + varies(28) + varies(30) + varies(32),
        END => END_LENGTH + varies(20),
        END_64 => END_64_LENGTH,
        LOCATOR => LOCATOR_LENGTH,
        _ => 4,
    })
}

/// Where what comes behind a member is to be looked for.
enum Next {
    At(u64),
    /// Somewhere behind here, since where the member ends is not known.
    Behind(u64),
    /// Nowhere: it breaks off in the member.
    None,
}

fn member(input: &mut Input, at: u64, end: u64, archive: &mut Archive<'_>) -> Step<Next> {
    let Some((mut member, start)) = Member::local(input, at).map_err(cannot)? else { return Ok(Next::None) };
    let behind = match member.is_unsized() {
        false => start.checked_add(member.packed),
        true => match unsized_end(input, &mut member, start..end)? {
            MemberEnd::At(end) => Some(end),
            MemberEnd::Cut => None,
            MemberEnd::Damaged(error) => {
                let next =
                    if content::refusal(&member).is_some() { Next::At(start) } else { Next::Behind(start) };
                if member.is_file && archive.wants(&member.name) {
                    archive.failed(&member.name, error)?;
                }
                return Ok(next);
            }
        },
    };
    // A member that breaks off shows in the record of the archive.
    let Some(behind) = behind.filter(|&behind| behind <= end) else { return Ok(Next::None) };
    take(&member, start, input, archive)?;
    Ok(Next::At(behind))
}

/// Where a member ends whose header does not say.
enum MemberEnd {
    At(u64),
    Cut,
    Damaged(Error),
}

/// Finds the end of a member, its descriptor included, and its sizes.
fn unsized_end(input: &mut Input, member: &mut Member, range: Range<u64>) -> Step<MemberEnd> {
    if let Some(error) = content::refusal(member) {
        return Ok(MemberEnd::Damaged(error));
    }
    match member.method {
        DEFLATED => deflated_end(input, member, range),
        method => {
            debug_assert_eq!(method, STORED);
            Ok(stored_end(input, member, range).map_err(cannot)?.map_or(MemberEnd::Cut, MemberEnd::At))
        }
    }
}

fn deflated_end(input: &mut Input, member: &mut Member, range: Range<u64>) -> Step<MemberEnd> {
    input.go(range.start).map_err(cannot)?;
    let measured = match content::measure(input.take(range.end - range.start)) {
        Ok(measured) => measured,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(MemberEnd::Cut),
        Err(error) => match broken("zip", "the member", error) {
            error @ Error::Corrupt { .. } => return Ok(MemberEnd::Damaged(error)),
            error => return Err(error.into()),
        },
    };
    (member.size, member.packed, member.crc) = (measured.size, measured.packed, measured.crc);
    let end = range.start + measured.packed;
    let behind = input.at_most(end, LONGEST_DESCRIPTOR.min(range.end - end)).map_err(cannot)?;
    match descriptor(&behind, member.crc, member.packed, member.size) {
        Some(length) => Ok(MemberEnd::At(end + length)),
        // The content is whole by its own end; only what says so again is cut.
        None if behind.len() < SHORTEST_DESCRIPTOR => Ok(MemberEnd::At(range.end)),
        None => Ok(MemberEnd::Damaged(Error::corrupt("zip", "the member: its checksum is wrong"))),
    }
}

/// Descriptors have a mark or not, and sizes of 32 or 64 bits (APPNOTE, 4.3.9).
const LONGEST_DESCRIPTOR: u64 = 24;
const SHORTEST_DESCRIPTOR: usize = 12;

/// Length of the descriptor at the start of `bytes` that has these values.
fn descriptor(bytes: &[u8], crc: u32, packed: u64, size: u64) -> Option<u64> {
    [0, 4].into_iter().find_map(|mark| {
        let fields = bytes.get(mark..).filter(|_| mark == 0 || bytes.starts_with(&DESCRIPTOR))?;
        let as_64 = fields.len() >= 20 && (u64_at(fields, 4), u64_at(fields, 12)) == (packed, size);
        let as_32 =
            fields.len() >= 12 && (u32_at(fields, 4), u32_at(fields, 8)) == (packed as u32, size as u32);
        let length = if as_64 { 20 } else { 12 };
        ((as_64 || as_32) && u32_at(fields, 0) == crc).then_some((mark + length) as u64)
    })
}

/// Looks for the end of a stored member: where a descriptor stands, or one without a mark before the next record.
fn stored_end(input: &mut Input, member: &mut Member, range: Range<u64>) -> io::Result<Option<u64>> {
    const ENDS: [Mark; 4] = [DESCRIPTOR, LOCAL, CENTRAL, END];
    let mut sums = Sums { sum: crc32fast::Hasher::new(), at: range.start, start: range.start };
    let mut from = range.start;
    while let Some((found, mark)) = input.find(from, range.end, &ENDS)? {
        // How long the descriptor before the record would be.
        let lengths: &[u64] = if mark == DESCRIPTOR { &[0] } else { &[20, 12] };
        for length in lengths {
            let Some(end) = found.checked_sub(*length).filter(|&end| end >= range.start) else { continue };
            let crc = sums.up_to(end, input)?;
            let size = end - range.start;
            let behind = input.at_most(end, LONGEST_DESCRIPTOR.min(range.end - end))?;
            let descriptor = descriptor(&behind, crc, size, size);
            if let Some(found) = descriptor.filter(|&found| mark == DESCRIPTOR || found == *length) {
                (member.size, member.packed, member.crc) = (size, size, crc);
                return Ok(Some(end + found));
            }
        }
        from = found + 1;
    }
    Ok(None)
}

/// The checksum of a member's bytes up to places that come one behind another.
struct Sums {
    sum: crc32fast::Hasher,
    at: u64,
    start: u64,
}

impl Sums {
    /// The checksum up to `end`. Places may lie up to a descriptor's length before the last one, so the sum itself stays behind.
    fn up_to(&mut self, end: u64, input: &mut Input) -> io::Result<u32> {
        let kept = end.saturating_sub(LONGEST_DESCRIPTOR).max(self.start);
        if kept > self.at {
            add(&mut self.sum, self.at..kept, input)?;
            self.at = kept;
        }
        let mut sum = self.sum.clone();
        add(&mut sum, self.at..end, input)?;
        Ok(sum.finalize())
    }
}

fn add(sum: &mut crc32fast::Hasher, range: Range<u64>, input: &mut Input) -> io::Result<()> {
    input.go(range.start)?;
    let mut left = input.take(range.end - range.start);
    loop {
        let bytes = left.fill_buf()?;
        let length = bytes.len();
        sum.update(bytes);
        left.consume(length);
        if length == 0 {
            return Ok(());
        }
    }
}
