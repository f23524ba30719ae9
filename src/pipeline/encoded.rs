//! An encoded picture in memory.

use std::ops::Deref;
use std::sync::Arc;

/// The bytes of an encoded picture: a task's own, or others' too.
#[derive(Debug)]
pub(super) enum Encoded {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Encoded::Own(bytes) => bytes,
            Encoded::Shared(bytes) => bytes,
        }
    }
}

impl Encoded {
    /// The bytes, and none left. The buffer where they were its own.
    pub(super) fn release(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(self, Encoded::Own(Vec::new())) {
            Encoded::Own(buffer) => Some(buffer),
            Encoded::Shared(_) => None,
        }
    }
}
