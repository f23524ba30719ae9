//! The bytes of a tar, counted, in blocks where a block is wanted.

use std::io::{self, Read};

use super::header::{BLOCK, Header};

/// What a tar is read from.
pub(super) struct Input<R> {
    from: R,
    /// Bytes given so far, of what was unpacked.
    pub(super) at: u64,
    /// Bytes that were looked at before their turn.
    seen: Vec<u8>,
}

/// What stands where a block may be.
pub(super) enum Block {
    Whole(Box<Header>),
    /// Fewer bytes than a block has, and then the end.
    Part,
    End,
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Input<R> {
        Input { from, at: 0, seen: Vec::new() }
    }

    /// The next block.
    pub(super) fn block(&mut self) -> io::Result<Block> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.read(&mut block[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(match filled {
            0 => Block::End,
            BLOCK => Block::Whole(Box::new(Header(block))),
            _ => Block::Part,
        })
    }

    /// The bytes of the next block, which stay; fewer at the end.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        let missing = BLOCK.saturating_sub(self.seen.len()) as u64;
        (&mut self.from).take(missing).read_to_end(&mut self.seen)?;
        Ok(&self.seen)
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.seen.is_empty() {
            true => self.from.read(into)?,
            false => self.seen.as_slice().read(into)?,
        };
        self.seen.drain(..read.min(self.seen.len()));
        self.at += read as u64;
        Ok(read)
    }
}
