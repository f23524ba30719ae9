//! A list that is open: read once from its start, whatever it is, with its head kept for a look at what it is.

use std::fs::File;
use std::io::{self, BufReader, Read};
#[cfg(any(feature = "archives", feature = "parquet"))]
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::zstandard;

/// Bytes that are looked at to detect what a list is.
const HEAD: usize = 64 << 10;

/// Any bytes whose head was read. As a reader it gives all of them.
pub(crate) struct Opened<'a> {
    head: Vec<u8>,
    /// How much of the head was given.
    given: usize,
    rest: Source<'a>,
    prompt: bool,
}

/// How a list is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packed {
    Gzip,
    Zstandard,
    Zip,
}

/// Where the bytes come from.
pub(crate) enum Source<'a> {
    /// A file that can be read anywhere.
    File(File),
    /// What can be read once.
    Stream(Box<dyn Read + Send + 'a>),
}

impl<'a> Source<'a> {
    pub(crate) fn stream(reader: impl Read + Send + 'a) -> Source<'a> {
        Source::Stream(Box::new(reader))
    }
}

impl Opened<'static> {
    /// Opens a file or pipe, or standard input for `-`.
    pub(crate) fn path(path: &Path) -> io::Result<Opened<'static>> {
        if path.as_os_str() == "-" {
            return Opened::new(Source::stream(io::stdin()));
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Opened::new(if metadata.is_file() { Source::File(file) } else { Source::stream(file) })
    }
}

impl<'a> Opened<'a> {
    /// Reads the head.
    pub(crate) fn new(mut rest: Source<'a>) -> io::Result<Opened<'a>> {
        let mut head = Vec::new();
        rest.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        Ok(Opened { head, given: 0, rest, prompt: false })
    }

    /// Reads no more of the head than comes at once, so that what is slow to come is slow for nobody: enough to tell how it is packed and
    /// stored.
    pub(crate) fn prompt(mut rest: Source<'a>) -> io::Result<Opened<'a>> {
        let mut head = vec![0; HEAD];
        let mut length = 0;
        loop {
            match rest.read(&mut head[length..]) {
                Ok(read) => {
                    length += read;
                    let decided = length >= 4 || !b"\x1f\x28P\xef\xfe\xff".contains(&head[0]);
                    if read == 0 || decided {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        head.truncate(length);
        Ok(Opened { head, given: 0, rest, prompt: true })
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// All of it from behind `skipped` bytes of the head.
    pub(crate) fn into_reader(mut self, skipped: usize) -> Opened<'a> {
        self.given = skipped;
        self
    }

    /// A file to be read anywhere in it: the list's own, or for what can be read only once a copy that has no name and is gone when it
    /// is closed.
    #[cfg(any(feature = "archives", feature = "parquet"))]
    pub(super) fn into_file(mut self) -> io::Result<File> {
        if let Source::File(mut file) = self.rest {
            file.seek(SeekFrom::Start(0))?;
            return Ok(file);
        }
        let mut copy = tempfile::tempfile()?;
        io::copy(&mut self, &mut copy)?;
        copy.flush()?;
        copy.seek(SeekFrom::Start(0))?;
        Ok(copy)
    }

    /// Whether it is packed, and how.
    pub(crate) fn packed(&self) -> Option<Packed> {
        match self.head.as_slice() {
            [0x1f, 0x8b, 8, ..] => Some(Packed::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packed::Zstandard),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Packed::Zip),
            _ => None,
        }
    }

    /// What a stream packed by gzip or zstd holds; itself where it is not packed.
    pub(crate) fn unpacked(self) -> io::Result<Opened<'a>> {
        let (packed, prompt) = (self.packed(), self.prompt);
        let buffered = |opened| BufReader::with_capacity(1 << 18, opened);
        let inner = match packed {
            Some(Packed::Gzip) => Source::stream(MultiGzDecoder::new(buffered(self))),
            Some(Packed::Zstandard) => Source::stream(zstandard::unpacked(buffered(self))?),
            Some(Packed::Zip) | None => return Ok(self),
        };
        if prompt { Opened::prompt(inner) } else { Opened::new(inner) }
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.head[self.given..];
        if left.is_empty() {
            return self.rest.read(buffer);
        }
        let length = buffer.len().min(left.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.given += length;
        Ok(length)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::File(file) => file.read(buffer),
            Source::Stream(stream) => stream.read(buffer),
        }
    }
}
