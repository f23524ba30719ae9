//! Tar (POSIX ustar and PAX, GNU, star, Solaris, and the old form), from a stream, as GNU tar and bsdtar read it.
//!
//! Archives written one behind another are read as one. Folders, symbolic links and devices are skipped, as in folders on disk. After
//! a damaged header the walk continues at the next one that is whole, and the archive's own record reports the first damage.

use std::io::{self, Read};

use super::{Archive, Step, Stopped, broken};
use crate::error::Error;

mod extended;
mod header;
mod input;
mod sparse;

use extended::{Ahead, Sparse};
use header::{BLOCK, Header};
use input::{Block, Input};
use sparse::{Filled, Map, is_mostly_holes};

/// Longest name or PAX header, in bytes.
const LONGEST: u64 = 1 << 20;

/// Bytes behind an end after which nothing more is looked for.
const PADDING: u64 = 64 << 20;

/// Whether a file's first bytes are a tar's: a header whose checksum is right, or the end marker.
pub(super) fn begins(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk() else { return false };
    let header = Header(*block);
    header.is_zero() || header.checksum_is_right()
}

/// Gives every regular member.
pub(super) fn read(input: impl Read, format: &'static str, archive: &mut Archive<'_>) -> Step {
    let mut tar = Tar { input: Input::new(input), format, ahead: Ahead::default(), wrong: None };
    let walked = tar.walk(archive);
    // What was wrong first says more than where the walk ended for it.
    match (walked, tar.wrong) {
        (Err(Stopped::Unwanted), _) => Err(Stopped::Unwanted),
        (_, Some(wrong)) => Err(wrong.into()),
        (walked, None) => walked,
    }
}

struct Tar<R> {
    input: Input<R>,
    format: &'static str,
    /// What was said of the next member.
    ahead: Ahead,
    /// The first damage that did not end the walk.
    wrong: Option<Error>,
}

/// An entry that may be a member.
struct TarEntry {
    kind: u8,
    /// Bytes of its content in the archive, and of what fills its last block.
    size: u64,
    padding: u64,
    name: Vec<u8>,
}

impl<R: Read> Tar<R> {
    fn walk(&mut self, archive: &mut Archive<'_>) -> Step {
        while let Some(header) = self.header()? {
            let start = self.input.at - BLOCK as u64;
            if !self.describes_next(&header, start)? {
                let ahead = std::mem::take(&mut self.ahead);
                self.entry(&header, start, ahead, archive)?;
            }
        }
        Ok(())
    }

    /// The next header; `None` at the end.
    ///
    /// Behind two blocks of zeros, which are the end marker, another archive is read on, and anything else is no fault. Anything else
    /// between two headers is damage.
    fn header(&mut self) -> Step<Option<Header>> {
        let (start, mut zeros, mut others) = (self.input.at, 0, 0);
        loop {
            let (at, is_behind_end) = (self.input.at, zeros >= 2);
            if is_behind_end && at - start > PADDING {
                return Ok(None);
            }
            let block = match self.input.block() {
                // What follows the end need not be of the same compression.
                Err(error) if is_behind_end && error.kind() == io::ErrorKind::InvalidData => return Ok(None),
                other => other.map_err(|error| self.broken(at, error))?,
            };
            let block = match block {
                Block::Whole(block) => *block,
                Block::End if zeros > 0 => return Ok(None),
                Block::Part if is_behind_end => return Ok(None),
                Block::End => return Err(self.wrong(at, "it ends without an end marker; it was cut off")),
                Block::Part => return Err(self.wrong(at, "it breaks off in a block")),
            };
            if block.is_zero() {
                zeros += 1;
            } else if block.checksum_is_right() {
                if others > 0 {
                    self.tell(at, "a header comes behind bytes that belong to no member");
                }
                return Ok(Some(block));
            } else {
                others += 1;
                if !is_behind_end {
                    self.tell(at, "there should be a header, and its checksum is wrong");
                    self.ahead = Ahead::default();
                }
                // What does not begin as a tar is none, whatever comes in it.
                if at == 0 {
                    return Ok(None);
                }
            }
        }
    }

    fn wrong(&self, at: u64, what: &str) -> Stopped {
        Error::corrupt(self.format, format!("at byte {at}: {what}")).into()
    }

    fn broken(&self, at: u64, error: io::Error) -> Stopped {
        broken(self.format, format!("at byte {at}"), error).into()
    }

    /// Keeps what is wrong, if it is the first.
    fn tell(&mut self, at: u64, what: &str) {
        let format = self.format;
        self.wrong.get_or_insert_with(|| Error::corrupt(format, format!("at byte {at}: {what}")));
    }

    /// Takes an entry that describes the next one; false where it is none.
    fn describes_next(&mut self, header: &Header, start: u64) -> Step<bool> {
        let kind = header.kind();
        // GNU's long name and long link; PAX's header, in Solaris's form too, and the one for all members; Solaris's access list.
        if !matches!(kind, b'L' | b'K' | b'x' | b'X' | b'g' | b'A') {
            return Ok(false);
        }
        let Some(content) = self.description(header, start)? else { return Ok(true) };
        match kind {
            b'L' => self.ahead.take_name(content),
            b'x' | b'X' => {
                if let Err(what) = self.ahead.take_records(&content) {
                    self.tell(start, what);
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// The whole content of an entry that is no member; one that is too long is skipped.
    fn description(&mut self, header: &Header, start: u64) -> Step<Option<Vec<u8>>> {
        let Some(size) = header.size().filter(|size| size.checked_next_multiple_of(BLOCK as u64).is_some())
        else {
            self.tell(start, BEYOND);
            return Ok(None);
        };
        if size > LONGEST {
            self.tell(start, "a name or an extended header is over 1 MiB long");
            self.skip(size.next_multiple_of(BLOCK as u64))?;
            return Ok(None);
        }
        let mut content = vec![0; size as usize];
        self.input.read_exact(&mut content).map_err(|error| self.broken(self.input.at, error))?;
        self.skip(padding(size))?;
        Ok(Some(content))
    }

    fn entry(&mut self, header: &Header, start: u64, ahead: Ahead, archive: &mut Archive<'_>) -> Step {
        let kind = header.kind();
        let size = match (ahead.size, kind) {
            (Some(size), _) => Some(size),
            // A volume's label has nothing but a name; GNU leaves its other fields empty.
            (None, b'V') => Some(0),
            (None, _) => header.size(),
        };
        let Some(size) = size.filter(|size| size.checked_next_multiple_of(BLOCK as u64).is_some()) else {
            self.tell(start, BEYOND);
            return Ok(());
        };
        match kind {
            // Only regular files have content, whatever the header of a link or a device says.
            b'2' | b'3' | b'4' | b'6' => Ok(()),
            b'V' | b'D' => self.skip(size.next_multiple_of(BLOCK as u64)),
            // Some programs wrote how much a folder may hold, and no content.
            b'5' if size == 0 || self.is_header_next()? => Ok(()),
            b'5' => self.skip(size.next_multiple_of(BLOCK as u64)),
            _ => {
                let name = ahead.name.unwrap_or_else(|| header.name());
                let padding = padding(size);
                self.member(TarEntry { kind, size, padding, name }, header, ahead.sparse, archive)
            }
        }
    }

    fn member(
        &mut self,
        mut entry: TarEntry,
        header: &Header,
        sparse: Sparse,
        archive: &mut Archive<'_>,
    ) -> Step {
        let is_sparse = sparse.announced || entry.kind == b'S';
        let filled = if is_sparse { self.sparse(&mut entry, header, sparse)? } else { None };
        // The content of a hard link is another member's, unless it is there again.
        let is_link = entry.kind == b'1' && (entry.size == 0 || self.is_header_next()?);
        if is_link {
            (entry.size, entry.padding) = (0, 0);
        }
        let is_folder_of_old = entry.name.ends_with(b"/");
        let refusal = match entry.kind {
            b'1' if is_link => Some("a hard link; what it links to has a record of its own"),
            b'M' => Some("the rest of a file that began in another volume"),
            _ if is_sparse && filled.is_none() => Some("a sparse file; unpack it to hash it"),
            _ => None,
        };
        if is_folder_of_old || !archive.wants(&entry.name) {
            return self.skip(entry.size + entry.padding);
        }
        match refusal {
            None => self.give(&entry, filled, archive),
            Some(what) => {
                archive.failed(&entry.name, Error::Unsupported(what.to_string()))?;
                self.skip(entry.size + entry.padding)
            }
        }
    }

    /// Gives a member, as it stands or with the holes of a sparse file.
    fn give(&mut self, entry: &TarEntry, filled: Option<(Map, u64)>, archive: &mut Archive<'_>) -> Step {
        let mut content = (&mut self.input).take(entry.size);
        let given = match filled {
            None => archive.member(&entry.name, entry.size, &mut content),
            Some((map, length)) => {
                archive.member(&entry.name, length, &mut Filled::new(&mut content, map, length))
            }
        };
        let left = content.limit();
        given?.map_err(|error| {
            let name = String::from_utf8_lossy(&entry.name);
            let what = format!("at byte {}, in the member {name}", self.input.at);
            Stopped::from(broken(self.format, what, error))
        })?;
        self.skip(left + entry.padding)
    }

    /// A sparse file's map and its length with all holes; `None` where they make no sense, are those of star, or would make much
    /// of little. A map that stands before the content is taken from it.
    fn sparse(&mut self, entry: &mut TarEntry, header: &Header, sparse: Sparse) -> Step<Option<(Map, u64)>> {
        let (map, length) = match () {
            () if entry.kind == b'S' => self.old_map(header)?,
            () if sparse.map_in_content => (self.map_in_content(entry)?, sparse.length),
            () => (Some(sparse.map), sparse.length),
        };
        let whole = |(map, length): &(Map, u64)| {
            map.fits(*length, entry.size) && !is_mostly_holes(*length, entry.size)
        };
        Ok(map.zip(length).filter(whole))
    }

    /// The map in GNU's old header, which continues in blocks of its own.
    fn old_map(&mut self, header: &Header) -> Step<(Option<Map>, Option<u64>)> {
        let Some((fields, mut goes_on, length)) = header.sparse() else { return Ok((None, None)) };
        let mut map = Map::default();
        let mut read = map.take_fields(fields);
        while goes_on {
            let mut block = [0; BLOCK];
            self.input.read_exact(&mut block).map_err(|error| self.broken(self.input.at, error))?;
            read = read.and_then(|()| map.take_fields(&block[..504]));
            goes_on = block[504] != 0;
        }
        Ok((read.map(|()| map), length))
    }

    fn map_in_content(&mut self, entry: &mut TarEntry) -> Step<Option<Map>> {
        let mut content = (&mut self.input).take(entry.size);
        let map = Map::read(&mut content);
        entry.size = content.limit();
        match map {
            Ok(map) => Ok(map),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(self.broken(self.input.at, error)),
        }
    }

    /// Whether the next block is a header or the end rather than content.
    fn is_header_next(&mut self) -> Step<bool> {
        let next = self.input.peek().map_err(|error| broken(self.format, "at a link", error))?;
        Ok(next.first_chunk().is_none_or(|block| {
            let next = Header(*block);
            next.is_zero() || next.checksum_is_right()
        }))
    }

    fn skip(&mut self, bytes: u64) -> Step {
        let skipped = io::copy(&mut (&mut self.input).take(bytes), &mut io::sink());
        let skipped = skipped.map_err(|error| self.broken(self.input.at, error))?;
        if skipped < bytes {
            return Err(self.wrong(self.input.at, "it breaks off in a member"));
        }
        Ok(())
    }
}

const BEYOND: &str = "an entry's size is beyond all bounds";

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}
