//! Entries that are there already: a source has every key and value once, no matter how often its list is read.

use std::collections::HashMap;

use super::entry::Entry;
use crate::signature::{Pdq, PhotoDna};

/// What makes an entry that of its source, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity<'a> {
    pub(super) source: u16,
    pub(super) key: &'a [u8],
    pub(super) photodna: Option<PhotoDna>,
    pub(super) pdq: Option<Pdq>,
}

impl<'a> Identity<'a> {
    pub(super) fn of(source: u16, entry: &'a Entry) -> Identity<'a> {
        Identity { source, key: entry.key.as_bytes(), photodna: entry.photodna, pdq: entry.pdq }
    }

    /// 64 bits of it, quickly; whoever finds two with the same digest compares them in full.
    pub(super) fn digest(&self) -> u64 {
        let mut digest = u64::from(self.source) << 2
            | u64::from(self.photodna.is_some()) << 1
            | u64::from(self.pdq.is_some());
        let mut take = |bytes: &[u8]| {
            let (words, rest) = bytes.as_chunks::<8>();
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            for word in words.iter().chain([&last]) {
                digest =
                    (digest.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
        };
        self.photodna.iter().for_each(|signature| take(&signature.0));
        self.pdq.iter().for_each(|signature| take(&signature.0));
        take(self.key);
        digest ^ digest >> 29
    }
}

/// Where entries are, by their digests. Of several with the same digest it knows the last.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<u64, u64>);

impl Known {
    /// The entry that may be the same one.
    pub(super) fn get(&self, digest: u64) -> Option<u64> {
        self.0.get(&digest).copied()
    }

    pub(super) fn insert(&mut self, digest: u64, entry: u64) {
        self.0.insert(digest, entry);
    }
}
