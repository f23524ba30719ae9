//! Tar (POSIX ustar and PAX, GNU, and the old form), from a stream.
//!
//! The blocks are walked here and their fields read by the crate `tar`, whose own walk holds names of any length in memory. Archives
//! written one behind another are read as one. Folders, symbolic links and devices are passed over, as in folders on disk.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::{Archive, Step, broken};
use crate::error::Error;

/// Length of a block.
const BLOCK: u64 = 512;

/// Longest name or PAX header, in bytes.
const LONGEST: u64 = 1 << 20;

/// Zeros behind an end after which nothing more is looked for.
const PADDING: u64 = 64 << 20;

/// Whether a file's first bytes are a tar's: a header whose checksum is right, or the end marker.
pub(super) fn begins(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<512>() else { return false };
    checksum_is_right(block) || start.iter().all(|&byte| byte == 0)
}

/// The sum of a header's bytes, its own field as blanks; some old programs summed signed bytes.
fn checksum_is_right(block: &[u8; 512]) -> bool {
    let Ok(told) = Header::from_byte_slice(block).cksum() else { return false };
    let bytes = || block[..148].iter().chain(&block[156..]);
    let unsigned: u32 = bytes().map(|&byte| u32::from(byte)).sum();
    let signed: i32 = bytes().map(|&byte| i32::from(byte as i8)).sum();
    told == unsigned + 256 || i64::from(told) == i64::from(signed) + 256
}

/// Gives every regular member.
pub(super) fn read(input: impl Read, format: &'static str, archive: &mut Archive<'_>) -> Step {
    let mut tar = Tar { input, at: 0, format };
    let mut ahead = Ahead::default();
    let mut zeros = 0;
    loop {
        let start = tar.at;
        let Some(block) = tar.block()? else {
            return if zeros > 0 {
                Ok(())
            } else {
                Err(tar.wrong(start, "it ends without an end marker; it was cut off"))
            };
        };
        if block.iter().all(|&byte| byte == 0) {
            zeros += BLOCK;
            if zeros > PADDING { return Ok(()) } else { continue }
        }
        if !checksum_is_right(&block) {
            return Err(tar.wrong(start, "there should be a header, and its checksum is wrong"));
        }
        zeros = 0;
        let header = Header::from_byte_slice(&block);
        if !tar.describes_next(header, start, &mut ahead)? {
            tar.entry(header, start, std::mem::take(&mut ahead), archive)?;
        }
    }
}

/// What the entries before a member say of it.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

struct Tar<R> {
    input: R,
    /// Bytes read so far, of what was unpacked.
    at: u64,
    format: &'static str,
}

impl<R: Read> Tar<R> {
    /// The next block; `None` at the end.
    fn block(&mut self) -> Step<Option<[u8; 512]>> {
        let mut block = [0; 512];
        let mut filled = 0;
        while filled < block.len() {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.wrong(self.at, "it breaks off in a block")),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(self.at, error)),
            }
        }
        self.at += BLOCK;
        Ok(Some(block))
    }

    fn wrong(&self, at: u64, what: &str) -> super::Stopped {
        Error::corrupt(self.format, format!("at byte {at}: {what}")).into()
    }

    fn broken(&self, at: u64, error: io::Error) -> super::Stopped {
        broken(self.format, format!("at byte {at}"), error).into()
    }

    /// Takes an entry that describes the next one; false where it is none.
    fn describes_next(&mut self, header: &Header, start: u64, ahead: &mut Ahead) -> Step<bool> {
        match header.entry_type() {
            EntryType::GNULongName => {
                let mut name = self.content(header, start)?;
                name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
                ahead.name = Some(name);
            }
            EntryType::XHeader => {
                let content = self.content(header, start)?;
                ahead.take(&content).map_err(|what| self.wrong(start, what))?;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => drop(self.content(header, start)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The whole content of an entry that is no member.
    fn content(&mut self, header: &Header, start: u64) -> Step<Vec<u8>> {
        let size = header.entry_size().map_err(|error| self.broken(start, error))?;
        if size > LONGEST {
            return Err(self.wrong(start, "a name or an extended header is over 1 MiB long"));
        }
        let mut content = vec![0; size as usize];
        self.input.read_exact(&mut content).map_err(|error| self.broken(self.at, error))?;
        self.at += size;
        self.skip(padding(size))?;
        Ok(content)
    }

    fn entry(&mut self, header: &Header, start: u64, ahead: Ahead, archive: &mut Archive<'_>) -> Step {
        let kind = header.entry_type();
        let size = match ahead.size {
            Some(size) => size,
            // A volume's label has nothing but a name; GNU leaves its other fields empty.
            None if kind.as_byte() == b'V' => 0,
            None => header.entry_size().map_err(|error| self.broken(start, error))?,
        };
        let name = ahead.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let sparse = ahead.sparse || kind.is_gnu_sparse();
        let refusal = match kind {
            EntryType::Directory
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Fifo => {
                // Only regular files have content, whatever the header says.
                return self.skip(if kind.is_dir() { size.next_multiple_of(BLOCK) } else { 0 });
            }
            _ if matches!(kind.as_byte(), b'V' | b'D') => return self.skip(size.next_multiple_of(BLOCK)),
            EntryType::Link => Some("a hard link; what it links to has a record of its own"),
            _ if kind.as_byte() == b'M' => Some("the rest of a file that began in another volume"),
            _ if sparse => Some("a sparse file; unpack it to hash it"),
            _ => None,
        };
        if kind.is_gnu_sparse() {
            self.skip_sparse_map(header)?;
        }
        let old_folder = name.ends_with(b"/");
        let wanted = !old_folder && archive.wants(&name);
        let content = if kind.is_hard_link() { 0 } else { size };
        let behind = content.checked_next_multiple_of(BLOCK);
        let behind = behind.ok_or_else(|| self.wrong(start, "a member's size is beyond all bounds"))?;
        match refusal {
            Some(what) if wanted => archive.failed(&name, Error::Unsupported(what.to_string()))?,
            None if wanted && archive.members.options.limits.check_file_bytes(size).is_ok() => {
                let read = archive.member(&name, size, &mut self.input)?;
                read.map_err(|error| {
                    let name = String::from_utf8_lossy(&name);
                    let what = format!("at byte {}, in the member {name}", self.at);
                    super::Stopped::from(broken(self.format, what, error))
                })?;
                self.at += size;
                return self.skip(padding(size));
            }
            None if wanted => drop(archive.member(&name, size, &mut io::empty())?),
            _ => {}
        }
        self.skip(behind)
    }

    /// A sparse file's map goes on in blocks of its own.
    fn skip_sparse_map(&mut self, header: &Header) -> Step {
        let mut more = header.as_gnu().is_some_and(|gnu| gnu.is_extended());
        while more {
            let block =
                self.block()?.ok_or_else(|| self.wrong(self.at, "it breaks off in a sparse file's map"))?;
            more = block[504] != 0;
        }
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Step {
        let skipped = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink());
        let skipped = skipped.map_err(|error| self.broken(self.at, error))?;
        self.at += skipped;
        if skipped < bytes { Err(self.wrong(self.at, "it breaks off in a member")) } else { Ok(()) }
    }
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

impl Ahead {
    /// Takes PAX records, `LENGTH KEY=VALUE` and a newline each (POSIX, pax, "Extended Header").
    fn take(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "an extended header cannot be read";
        while !records.is_empty() {
            let blank = records.iter().position(|&byte| byte == b' ').ok_or(WRONG)?;
            let length = str::from_utf8(&records[..blank]).ok().and_then(|digits| digits.parse().ok());
            let length: usize = length.filter(|&length| length > blank + 1).ok_or(WRONG)?;
            let record =
                records.get(blank + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or(WRONG)?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or(WRONG)?;
            self.set(&record[..equals], &record[equals + 1..]).ok_or(WRONG)?;
            records = &records[length..];
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" if self.sparse => {}
            b"path" | b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"size" => self.size = Some(str::from_utf8(value).ok()?.parse().ok()?),
            _ => {}
        }
        self.sparse |= key.starts_with(b"GNU.sparse.");
        Some(())
    }
}
