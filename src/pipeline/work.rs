//! What a thread does with one encoded picture, all at once or in the two halves of the way through a device.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Sums;
use crate::decode::Memory;
use crate::error::{Error, Result};
use crate::hasher::{Facts, HashOptions, Hashed, Hasher};
use crate::picture::Picture;
use crate::signature::Algorithm;

/// What a thread does with an encoded picture.
pub(crate) trait Work: Send {
    /// Memory that [`hash`](Work::hash) will take.
    fn memory(&mut self, encoded: &[u8]) -> Memory;

    /// Hashes one encoded picture. Buffers may be kept for the next one.
    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed>;

    /// The same within [`Memory::first`]; `None` where that does not do.
    fn hash_first(&mut self, encoded: &[u8]) -> Result<Option<Hashed>> {
        self.hash(encoded).map(Some)
    }

    /// Hashes a picture that is decoded already. Without an own way, an error.
    fn hash_picture(&mut self, _picture: &Picture) -> Result<Hashed> {
        Err(Error::Input("there is no way to hash decoded pictures".to_string()))
    }

    /// Bytes that are kept for the next picture.
    fn kept(&self) -> u64 {
        0
    }

    /// Gives them up.
    fn forget(&mut self) {}

    /// How much of its time went into decoding since this was asked last.
    fn take_decoding(&mut self) -> Duration {
        Duration::ZERO
    }

    /// The first half of the way through a device: decodes within `most` bytes. Without an own way, [`hash`](Work::hash).
    fn decode(&mut self, encoded: &[u8], _need: Memory, _most: u64) -> Result<Decoded> {
        self.hash(encoded).map(|hashed| Decoded::Hashed(Some(Box::new(hashed))))
    }

    /// The second half: finishes a picture that came back; `None` where every pixel of it is needed.
    fn finish(&mut self, _facts: Facts, _picture: Picture, _sums: Result<Sums, Arc<str>>) -> Option<Hashed> {
        None
    }

    /// The signatures that a device is asked for.
    fn algorithms(&self) -> &[Algorithm] {
        &[]
    }
}

/// A picture that was meant for a device.
pub(crate) enum Decoded {
    /// It need not go there, or (`None`) needs more memory.
    Hashed(Option<Box<Hashed>>),
    Picture(Box<(Facts, Picture)>),
}

/// The work of every run: [`Hasher::hash`].
pub(super) struct HashWork {
    hasher: Hasher,
}

impl HashWork {
    pub(super) fn new(options: HashOptions) -> HashWork {
        HashWork { hasher: Hasher::new(options) }
    }
}

impl Work for HashWork {
    fn memory(&mut self, encoded: &[u8]) -> Memory {
        self.hasher.memory(encoded)
    }

    fn hash(&mut self, encoded: &[u8]) -> Result<Hashed> {
        self.hasher.hash(encoded)
    }

    fn hash_first(&mut self, encoded: &[u8]) -> Result<Option<Hashed>> {
        self.hasher.hash_first(encoded)
    }

    fn hash_picture(&mut self, picture: &Picture) -> Result<Hashed> {
        self.hasher.hash_picture(picture)
    }

    fn kept(&self) -> u64 {
        self.hasher.kept()
    }

    fn forget(&mut self) {
        self.hasher.forget();
    }

    fn take_decoding(&mut self) -> Duration {
        self.hasher.take_decoding()
    }

    fn decode(&mut self, encoded: &[u8], need: Memory, most: u64) -> Result<Decoded> {
        let fits = need.worst <= most;
        let decoded =
            if fits { Some(self.hasher.decode(encoded)?) } else { self.hasher.decode_first(encoded)? };
        let Some(decoded) = decoded else { return Ok(Decoded::Hashed(None)) };
        if self.hasher.shows_more(&decoded, encoded) {
            let hashed = fits.then(|| self.hasher.hash_decoded(decoded, encoded)).transpose()?;
            return Ok(Decoded::Hashed(hashed.map(Box::new)));
        }
        Ok(Decoded::Picture(Box::new(Facts::of(decoded))))
    }

    fn finish(&mut self, facts: Facts, picture: Picture, sums: Result<Sums, Arc<str>>) -> Option<Hashed> {
        self.hasher.finish(facts, picture, sums)
    }

    fn algorithms(&self) -> &[Algorithm] {
        self.hasher.algorithms()
    }
}

/// Makes the work of a thread for some options.
pub(super) type MakeWork = dyn Fn(&HashOptions) -> Box<dyn Work> + Send + Sync;
