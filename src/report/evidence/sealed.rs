//! The bytes of an encrypted file.

use std::fs::File;
use std::io::{self, Read, Write};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::key::MasterKey;
use crate::random;

/// Bytes of a chunk before it is sealed; each but the last is full.
pub(super) const CHUNK: usize = 64 << 10;

/// Bytes that sealing adds.
const TAG: usize = 16;

/// What a file begins with.
const MARK: &[u8; 8] = b"SGEVID01";

const SALT: usize = 32;

/// Bytes before the first chunk.
pub(super) const HEAD: usize = MARK.len() + SALT;

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it was changed since it was kept, or the key is another one")
}

/// The chunk's number, and whether it is the last. No two chunks of one key have the same.
fn nonce(number: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce[8] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

/// Fills the buffer as far as the source has bytes.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Writes what is read as a sealed file.
pub(super) fn seal(source: &mut dyn Read, file: &mut dyn Write, key: &MasterKey) -> io::Result<()> {
    let salt = random::bytes::<SALT>().map_err(io::Error::other)?;
    let key = key.of_file(&salt).ok_or_else(broken)?;
    file.write_all(MARK)?;
    file.write_all(&salt)?;
    let (mut chunk, mut next) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut length = fill(source, &mut chunk)?;
    for number in 0.. {
        let ahead = fill(source, &mut next)?;
        chunk.truncate(length);
        key.seal_in_place_append_tag(nonce(number, ahead == 0), Aad::empty(), &mut chunk)
            .map_err(|_| broken())?;
        file.write_all(&chunk)?;
        if ahead == 0 {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
        next.resize(CHUNK, 0);
        length = ahead;
    }
    Ok(())
}

/// An evidence's file that is read. No byte is given that was not authenticated, and no end that is not the file's.
pub(crate) struct Opened {
    file: File,
    key: LessSafeKey,
    number: u64,
    /// The next chunk, still sealed.
    ahead: Vec<u8>,
    plain: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl Opened {
    pub(super) fn new(mut file: File, key: &MasterKey) -> io::Result<Opened> {
        let mut head = [0; HEAD];
        if fill(&mut file, &mut head)? < HEAD || &head[..MARK.len()] != MARK {
            return Err(broken());
        }
        let key = key.of_file(&head[MARK.len()..]).ok_or_else(broken)?;
        let mut opened =
            Opened { file, key, number: 0, ahead: Vec::new(), plain: Vec::new(), given: 0, is_over: false };
        opened.ahead = opened.sealed()?;
        Ok(opened)
    }

    fn sealed(&mut self) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; CHUNK + TAG];
        let length = fill(&mut self.file, &mut sealed)?;
        sealed.truncate(length);
        Ok(sealed)
    }

    fn next(&mut self) -> io::Result<()> {
        let after = self.sealed()?;
        let mut chunk = std::mem::replace(&mut self.ahead, after);
        let nonce = nonce(self.number, self.ahead.is_empty());
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut chunk).map_err(|_| broken())?.len();
        chunk.truncate(plain);
        self.is_over = self.ahead.is_empty();
        self.number += 1;
        (self.plain, self.given) = (chunk, 0);
        Ok(())
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.is_over {
                return Ok(0);
            }
            self.next()?;
        }
        let length = buffer.len().min(self.plain.len() - self.given);
        buffer[..length].copy_from_slice(&self.plain[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}
