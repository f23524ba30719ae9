//! A reader that refuses records without end: what parsers collect before they give a record back is bounded.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes of a record.
pub(crate) const LARGEST_RECORD: u64 = 16 << 20;

/// Counts bytes down until [`Allowance::renew`] is called.
#[derive(Clone)]
pub(crate) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// To be called when a record is done.
    pub(crate) fn renew(&self) {
        self.0.store(LARGEST_RECORD, Ordering::Relaxed);
    }
}

/// Fails where a record exceeds [`LARGEST_RECORD`].
pub(crate) struct Bounded<R> {
    inner: R,
    allowance: Allowance,
}

impl<R: Read> Bounded<R> {
    /// The reader and what renews it.
    pub(crate) fn new(inner: R) -> (Bounded<R>, Allowance) {
        let allowance = Allowance(Arc::new(AtomicU64::new(LARGEST_RECORD)));
        (Bounded { inner, allowance: allowance.clone() }, allowance)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let allowed = &self.allowance.0;
        match allowed.load(Ordering::Relaxed).checked_sub(read as u64) {
            Some(left) => allowed.store(left, Ordering::Relaxed),
            None => return Err(io::Error::other("a record exceeds 16 MiB")),
        }
        Ok(read)
    }
}

/// Passes over a UTF-8 byte-order mark.
pub(crate) fn without_mark<R: io::BufRead>(mut reader: R) -> io::Result<R> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(reader)
}
