//! Pictures in memory, hashed on the threads of a call.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::many::{KeptBuffers, Many};
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed};
use crate::picture::Picture;
use crate::pipeline::{Bounded, Kept, Workers, read_file};

/// Hashes pictures in memory, within a bound, on the calling thread and those that a call starts: an [`Engine`](super::Engine) without threads of its own.
///
/// Nothing runs between calls, so a process may fork then; the child makes one of its own. Share it among threads: its buffers are kept from call to
/// call.
///
/// ```
/// use shadegrid::{BufferHasher, HashOptions};
///
/// let hasher = BufferHasher::new(HashOptions::default()).threads(2);
/// let pictures = [&include_bytes!("../pipeline/example.bmp")[..], b"no picture"];
/// let hashed = hasher.hash_many(&pictures);
/// assert!(hashed[0].is_ok() && hashed[1].is_err());
/// ```
#[derive(Debug)]
pub struct BufferHasher {
    bounded: Bounded,
    kept: KeptBuffers,
    threads: NonZeroUsize,
    memory: Option<u64>,
    options: Arc<HashOptions>,
}

impl BufferHasher {
    /// With these choices, on as many threads as the machine runs at once, within [`Engine::default_memory`](super::Engine::default_memory).
    pub fn new(options: impl Into<Arc<HashOptions>>) -> BufferHasher {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        BufferHasher::with(options.into(), threads, None)
    }

    fn with(options: Arc<HashOptions>, threads: NonZeroUsize, memory: Option<u64>) -> BufferHasher {
        let bytes = memory.unwrap_or_else(|| Workers::default_memory(threads));
        let bounded = Bounded::new(threads, bytes);
        BufferHasher { bounded, kept: KeptBuffers::default(), threads, memory, options }
    }

    /// The same with so many threads for each call; 0 counts as 1.
    #[must_use]
    pub fn threads(self, threads: usize) -> BufferHasher {
        BufferHasher::with(self.options, NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), self.memory)
    }

    /// The same within so many bytes for decoded pictures, by the rules of [`EngineBuilder::memory`](super::EngineBuilder::memory).
    #[must_use]
    pub fn memory(self, bytes: u64) -> BufferHasher {
        BufferHasher::with(self.options, self.threads, Some(bytes))
    }

    /// What is hashed, and how.
    pub fn options(&self) -> &Arc<HashOptions> {
        &self.options
    }

    /// Hashes one encoded picture on the calling thread.
    ///
    /// # Errors
    ///
    /// Those of [`Decoder::decode`](crate::Decoder::decode), also where a decoder panics.
    pub fn hash(&self, picture: &[u8]) -> Result<Hashed> {
        self.with_buffers(|kept| self.bounded.hash(kept, &self.options, picture))
    }

    /// Reads and hashes one file on the calling thread, and says how long it is, in bytes. Only a regular file is opened, so nothing is waited for.
    ///
    /// # Errors
    ///
    /// Those of [`hash`](BufferHasher::hash); [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Input`](crate::Error::Input) where it
    /// is a pipe or a device.
    pub fn hash_file(&self, path: impl AsRef<Path>) -> Result<(Hashed, u64)> {
        let encoded = read_file(path.as_ref(), &self.options.decode.limits)?;
        Ok((self.hash(&encoded)?, encoded.len() as u64))
    }

    /// Hashes a picture that is decoded already, on the calling thread.
    ///
    /// # Errors
    ///
    /// Those of [`Hasher::hash_picture`](crate::Hasher::hash_picture), [`Error::Limit`](crate::Error::Limit) for a picture over the limits.
    pub fn hash_picture(&self, picture: &Picture) -> Result<Hashed> {
        self.options.decode.limits.check_size(picture.width, picture.height)?;
        self.with_buffers(|kept| self.bounded.hash_picture(kept, &self.options, picture))
    }

    /// Hashes many encoded pictures; what came of each, in their order. Blocks until all are done. Buffers are borrowed, none is copied.
    pub fn hash_many<B: AsRef<[u8]> + Sync>(&self, pictures: &[B]) -> Vec<Result<Hashed>> {
        self.hash_many_while(pictures, &mut || true).unwrap_or_default()
    }

    /// The same as long as it is wanted: the calling thread asks `goes_on` before each of its pictures, and where that says no, all threads end after
    /// the pictures that they have in hand, and there is no result.
    pub fn hash_many_while<B: AsRef<[u8]> + Sync>(
        &self,
        pictures: &[B],
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<Result<Hashed>>> {
        let BufferHasher { bounded, kept, threads, options, .. } = self;
        Many { bounded, kept, threads: *threads, options }.hash(pictures, goes_on)
    }

    fn with_buffers<T>(&self, hash: impl FnOnce(&mut Kept) -> T) -> T {
        let mut kept = self.kept.take();
        let outcome = hash(&mut kept);
        self.kept.put(kept, self.threads);
        outcome
    }
}
