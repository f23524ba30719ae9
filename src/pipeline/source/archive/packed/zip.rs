//! Zip: members in the order of the central directory; where that is missing or damaged, those before the break as they stand in the file.
//!
//! Bytes before an archive are skipped, as in self-extracting files; another archive there is read too, behind the last one.

use std::collections::HashMap;
use std::io::{self, Read, Seek};

use super::{Archive, RandomAccess, Step, Stopped, broken};
use crate::error::Error;

mod content;
mod directory;
mod header;
mod input;
mod stream;

use directory::Directory;
use header::{DESCRIPTOR, END, END_64, LOCAL, LOCAL_LENGTH, Member, NOT_SPLIT};
use input::Input;

/// Archives one before another that are read.
const ARCHIVES: usize = 100;

/// Bytes that are compared at a time.
const PIECE: u64 = 64 << 10;

/// Whether a file's first bytes are a zip's.
pub(super) fn begins(start: &[u8]) -> bool {
    [LOCAL, END, END_64, DESCRIPTOR, NOT_SPLIT].iter().any(|mark| start.starts_with(mark))
}

/// A zip that was found by its end.
pub(super) struct Zip {
    input: Input,
    last: Directory,
}

impl Zip {
    /// The zip that stands at the end of a file, whatever stands before it; else the file, to be read from its start.
    pub(super) fn at_end(file: Box<dyn RandomAccess>) -> io::Result<Result<Zip, Box<dyn RandomAccess>>> {
        let mut input = Input::new(file)?;
        let length = input.length;
        match Directory::last(&mut input, 0..length)? {
            Some(Ok(last)) if !last.members.is_empty() => Ok(Ok(Zip { input, last })),
            _ => input.into_file().map(Err),
        }
    }

    /// The whole file.
    pub(super) fn file(&mut self) -> &mut (impl Read + Seek) {
        &mut self.input
    }

    /// Gives every regular member.
    pub(super) fn read(mut self, archive: &mut Archive<'_>) -> Step {
        listed(&self.last.members, &mut self.input, archive)?;
        let before = self.before(archive)?;
        let (end, length) = (self.last.archive.end, self.input.length);
        let behind = match self.input.is_at(end, LOCAL).map_err(cannot)? {
            true => stream::read(&mut self.input, end..length, archive)?,
            false => None,
        };
        before.or(behind).map_or(Ok(()), |wrong| Err(wrong.into()))
    }

    /// Gives the members of the archives before the last one, but for those that it has too, byte for byte; what is wrong with them.
    fn before(&mut self, archive: &mut Archive<'_>) -> Step<Option<Error>> {
        let given: HashMap<&[u8], &Member> =
            self.last.members.iter().map(|member| (member.name.as_slice(), member)).collect();
        let mut end = self.last.archive.start;
        for _ in 0..ARCHIVES {
            if end == 0 {
                return Ok(None);
            }
            let earlier = match Directory::last(&mut self.input, 0..end).map_err(cannot)? {
                Some(Ok(earlier)) => earlier,
                _ if self.input.is_at(0, LOCAL).map_err(cannot)? => {
                    return stream::read(&mut self.input, 0..end, archive);
                }
                found => return Ok(found.and_then(Result::err)),
            };
            let mut others = Vec::new();
            for member in earlier.members {
                let same = given.get(member.name.as_slice());
                if !same.is_some_and(|given| is_same(&member, given, &mut self.input).unwrap_or(false)) {
                    others.push(member);
                }
            }
            listed(&others, &mut self.input, archive)?;
            end = earlier.archive.start;
        }
        let what =
            format!("zip: over {ARCHIVES} archives stand one behind another, and the first are not read");
        Ok(Some(Error::Unsupported(what)))
    }
}

/// Gives every regular member of a file that begins as a zip.
pub(super) fn read(file: Box<dyn RandomAccess>, archive: &mut Archive<'_>) -> Step {
    let mut input = Input::new(file).map_err(cannot)?;
    let all = 0..input.length;
    match Directory::last(&mut input, all.clone()).map_err(cannot)? {
        Some(Ok(last)) => Zip { input, last }.read(archive),
        Some(Err(wrong)) => {
            stream::read(&mut input, all, archive)?;
            Err(wrong.into())
        }
        None => stream::read(&mut input, all, archive)?.map_or(Ok(()), |wrong| Err(wrong.into())),
    }
}

fn cannot(error: io::Error) -> Stopped {
    broken("zip", "at its central directory", error).into()
}

/// Gives the members that a central directory lists.
fn listed(members: &[Member], input: &mut Input, archive: &mut Archive<'_>) -> Step {
    for (member, shares) in members.iter().zip(sharing(members)) {
        if !member.is_file || !archive.wants(&member.name) {
            continue;
        }
        // A few bytes that many members share would be unpacked as often.
        let wrong = match Member::local(input, member.at).map_err(cannot)? {
            _ if shares => "the member: another one has the same bytes",
            None => "the member: where the central directory says, it does not begin",
            Some((_, start)) => {
                take(member, start, input, archive)?;
                continue;
            }
        };
        archive.failed(&member.name, Error::corrupt("zip", wrong))?;
    }
    Ok(())
}

/// Gives one member, whose content begins at `start`; what is wrong with it does not end the archive.
fn take(member: &Member, start: u64, input: &mut Input, archive: &mut Archive<'_>) -> Step {
    if !member.is_file || !archive.wants(&member.name) {
        return Ok(());
    }
    if let Some(error) = content::refusal(member) {
        return archive.failed(&member.name, error);
    }
    input.go(start).map_err(cannot)?;
    match archive.member(&member.name, member.size, &mut content::unpacked(member, input))? {
        Ok(()) => Ok(()),
        Err(error) => archive.failed(&member.name, broken("zip", "the member", error)),
    }
}

/// Which members have bytes that another one has too: those that reach beyond where another begins, and the later ones of several at one place.
fn sharing(members: &[Member]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| members[index].at);
    let mut shares = vec![false; members.len()];
    let mut next = u64::MAX;
    for (position, &index) in order.iter().enumerate().rev() {
        let begins = members[index].at;
        let end = begins.saturating_add(LOCAL_LENGTH).saturating_add(members[index].packed);
        let before = position.checked_sub(1).map(|before| members[order[before]].at);
        shares[index] = end > next || before == Some(begins);
        if before != Some(begins) {
            next = begins;
        }
    }
    shares
}

/// Whether two members are the same, their bytes included.
fn is_same(one: &Member, other: &Member, input: &mut Input) -> io::Result<bool> {
    let of = |member: &Member| (member.crc, member.packed, member.size, member.method);
    if of(one) != of(other) {
        return Ok(false);
    }
    let starts = (Member::local(input, one.at)?, Member::local(input, other.at)?);
    let (Some((_, mut one_at)), Some((_, mut other_at))) = starts else { return Ok(false) };
    let end = one_at + one.packed;
    while one_at < end {
        let length = (end - one_at).min(PIECE);
        if input.at_most(one_at, length)? != input.at_most(other_at, length)? {
            return Ok(false);
        }
        (one_at, other_at) = (one_at + length, other_at + length);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_share_bytes_have_names_of_their_own() {
        let sharing = |places: &[(u64, u64)]| {
            let member = |&(at, packed): &(u64, u64)| Member { at, packed, ..Member::default() };
            super::sharing(&places.iter().map(member).collect::<Vec<_>>())
        };
        assert_eq!(sharing(&[(100, 20), (0, 70), (150, 0)]), [false; 3]);
        assert_eq!(sharing(&[(100, 21), (0, 71), (150, 0)]), [true, true, false]);
        assert_eq!(sharing(&[(0, 10), (0, 10), (40, 5), (0, 99)]), [false, true, false, true]);
        assert_eq!(sharing(&[(0, 11), (0, 11), (40, 5)]), [true, true, false]);
        assert_eq!(sharing(&[(1000, u64::MAX), (5, u64::MAX)]), [false, true]);
    }
}
