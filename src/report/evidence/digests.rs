//! What a file is called by others: its length, MD5, SHA-1 and SHA-256.

use std::io::{self, Read};

use md5::{Digest as _, Md5};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::error::{Error, Result};
use crate::random::digits;

/// Length and digests, the latter in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    pub(crate) bytes: u64,
    pub(crate) md5: String,
    pub(crate) sha1: String,
    pub(crate) sha256: String,
}

/// Digests of what is read through it.
pub(super) struct Digesting {
    bytes: u64,
    md5: Md5,
    sha1: Context,
    sha256: Context,
}

impl Default for Digesting {
    fn default() -> Digesting {
        Digesting {
            bytes: 0,
            md5: Md5::new(),
            sha1: Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: Context::new(&SHA256),
        }
    }
}

impl Digesting {
    pub(super) fn reading<'a>(&'a mut self, source: &'a mut dyn Read) -> Reading<'a> {
        Reading { digesting: self, source }
    }

    pub(super) fn finish(self) -> Digests {
        Digests {
            bytes: self.bytes,
            md5: digits(&self.md5.finalize()),
            sha1: digits(self.sha1.finish().as_ref()),
            sha256: digits(self.sha256.finish().as_ref()),
        }
    }
}

/// What a content is called.
///
/// # Errors
///
/// [`Error::Io`] where it cannot be read.
pub(crate) fn digests(content: &mut dyn Read) -> Result<Digests> {
    let mut digesting = Digesting::default();
    let read = io::copy(&mut digesting.reading(content), &mut io::sink());
    read.map(|_| digesting.finish()).map_err(|error| Error::io("cannot read a file", error))
}

/// A source whose bytes are digested.
pub(super) struct Reading<'a> {
    digesting: &'a mut Digesting,
    source: &'a mut dyn Read,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        let bytes = &buffer[..length];
        self.digesting.bytes += length as u64;
        self.digesting.md5.update(bytes);
        self.digesting.sha1.update(bytes);
        self.digesting.sha256.update(bytes);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones() {
        let mut digesting = Digesting::default();
        io::copy(&mut digesting.reading(&mut &b"abc"[..]), &mut io::sink()).unwrap();
        let digests = digesting.finish();
        assert_eq!(digests.bytes, 3);
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digests.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
