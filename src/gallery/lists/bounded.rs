//! A reader that refuses records without end: what parsers collect before they give a record back is bounded.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// Most bytes of a record.
pub(super) const LARGEST_RECORD: u64 = 16 << 20;

/// Counts bytes down until [`Allowance::renew`] is called.
#[derive(Clone)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    /// To be called when a record is done.
    pub(super) fn renew(&self) {
        self.0.set(LARGEST_RECORD);
    }
}

/// Fails where a record exceeds [`LARGEST_RECORD`].
pub(super) struct Bounded<R> {
    inner: R,
    allowance: Allowance,
}

impl<R: Read> Bounded<R> {
    /// The reader and what renews it.
    pub(super) fn new(inner: R) -> (Bounded<R>, Allowance) {
        let allowance = Allowance(Rc::new(Cell::new(LARGEST_RECORD)));
        (Bounded { inner, allowance: allowance.clone() }, allowance)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.allowance.0.get().checked_sub(read as u64) {
            Some(left) => self.allowance.0.set(left),
            None => return Err(io::Error::other("a record exceeds 16 MiB")),
        }
        Ok(read)
    }
}

/// Passes over a UTF-8 byte-order mark.
pub(super) fn without_mark<R: io::BufRead>(mut reader: R) -> io::Result<R> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(reader)
}
