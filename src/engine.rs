//! What a program holds to hash pictures: threads, buffers and a bound on memory, shared by all callers.
//!
//! ```
//! use std::sync::Arc;
//!
//! use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, SearchOptions};
//! use shadegrid::{Engine, Search};
//!
//! let engine = Engine::builder().threads(2).build()?;
//! let picture: &[u8] = include_bytes!("pipeline/example.bmp");
//! let hashed = engine.hash(picture).wait()?;
//!
//! let mut builder = GalleryBuilder::new();
//! let source = builder.source("my-list", "text");
//! let photodna = hashed.photodna.map(|hash| hash.signature);
//! builder.add(source, Entry::default().key("a".into()).photodna(photodna))?;
//! let known = Arc::new(Gallery::from_bytes(builder.to_bytes()?)?);
//!
//! let options = SearchOptions::default().include_flat(true);
//! let search = Search::new([("known", known)], options);
//! let found = search.find_picture(&hashed)?;
//! assert_eq!((found[0].key.as_str(), found[0].distance), ("a", 0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Three ways in
//!
//! | call | input | who waits |
//! | --- | --- | --- |
//! | [`hash`](Engine::hash) | one picture's bytes | [`wait`](HashRequest::wait) blocks; `.await` does not, and needs no runtime |
//! | [`hash_many`](Engine::hash_many) | a slice of buffers | blocks until all are hashed, in order |
//! | [`run`](Engine::run) | any number of [`Source`]s | iterating blocks for the next record, in order |
//!
//! # Two lanes
//!
//! Single pictures wait in one of two queues, [`Lane::Interactive`] or [`Lane::Bulk`], and share the threads with every [`run`](Engine::run). A free
//! thread takes an interactive picture first, so that picture waits for at most one other to be finished, no matter how many millions a run
//! has. While interactive pictures never end, every ninth that a thread takes is one of the others. A request whose future was dropped, or whose deadline has passed, is dropped before it costs anything.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;

use crate::backend::Devices;
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::{self, RunChoices, Sink, Source, Summary, Workers};

mod answer;
mod buffer_hasher;
mod failure;
mod many;
mod request;
mod run;
mod search;
mod searcher;
mod times;

pub use crate::pipeline::MatchLimits;
pub use answer::{Hashing, Lane};
pub use buffer_hasher::BufferHasher;
pub use failure::{HashError, PictureError};
pub use request::HashRequest;
pub use run::{Run, RunHandle, RunOptions};
pub use search::Search;
pub use searcher::{Lookups, SearchBatch, Searcher, Searching};
pub use times::HashTimes;

use many::{KeptBuffers, Many};

/// Threads that hash, their buffers, and a bound on the memory that pictures take. Clones share all of it.
///
/// When the last clone is dropped, the threads finish the requests that were made, and end.
#[derive(Debug, Clone)]
pub struct Engine {
    owner: Arc<Owner>,
}

/// What all clones share.
#[derive(Debug)]
struct Owner {
    workers: Workers,
    devices: Devices,
    options: Arc<HashOptions>,
    kept: KeptBuffers,
}

/// The choices of an [`Engine`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EngineBuilder {
    threads: NonZeroUsize,
    memory: Option<u64>,
    queue: usize,
    devices: Devices,
    options: HashOptions,
}

impl Engine {
    /// The choices of an engine; the defaults suit a machine that does nothing else.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            memory: None,
            queue: 1024,
            devices: Devices::default(),
            options: HashOptions::default(),
        }
    }

    /// An engine with the default choices.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if the system refuses a thread.
    pub fn new() -> Result<Engine> {
        Engine::builder().build()
    }

    /// The default memory of an engine with `threads` threads: 256 MiB per thread and at least 1 GiB, but no more than half of what
    /// the machine, the container and the process allow.
    pub fn default_memory(threads: NonZeroUsize) -> u64 {
        Workers::default_memory(threads)
    }

    /// Asks for the signatures of one encoded picture. Nothing happens before [`wait`](HashRequest::wait), `.await` or
    /// [`submit`](HashRequest::submit).
    pub fn hash(&self, bytes: impl Into<Bytes>) -> HashRequest<'_> {
        HashRequest::new(&self.owner, bytes.into())
    }

    /// Hashes many pictures in memory on all threads, and returns the results in the same order. Blocks until all are done.
    ///
    /// Buffers are borrowed and not copied. Requests of [`hash`](Engine::hash) share the CPUs and the memory meanwhile.
    pub fn hash_many<B: AsRef<[u8]> + Sync>(&self, pictures: &[B]) -> Vec<Result<Hashed, PictureError>> {
        self.hash_many_with(pictures, &self.owner.options)
    }

    /// The same with other choices than the engine's.
    pub fn hash_many_with<B: AsRef<[u8]> + Sync>(
        &self,
        pictures: &[B],
        options: &Arc<HashOptions>,
    ) -> Vec<Result<Hashed, PictureError>> {
        let Owner { workers, kept, .. } = &*self.owner;
        let many = Many { bounded: workers.shared(), kept, threads: workers.count(), options };
        let outcomes = many.hash(pictures, &mut || true).unwrap_or_default();
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| PictureError::from(&error))).collect()
    }

    /// Hashes every source: exactly one record per source, in their order, whatever they hold; behind it one for each further frame where
    /// [`DecodeOptions::frames`](crate::DecodeOptions::frames) asks for them.
    ///
    /// The iterator is bounded: sources are taken only as fast as records are. Dropping it ends the run. [`RunHandle::stop`] ends it too, once
    /// the sources taken so far have their records.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if the system refuses a thread.
    pub fn run<I>(&self, sources: I, options: &RunOptions) -> Result<Run>
    where
        I: IntoIterator<Item = Source>,
        I::IntoIter: Send + 'static,
    {
        Run::start(self.owner.workers.clone(), sources.into_iter(), self.choices(options))
    }

    /// Hashes every source into `sink`, as [`run`](Engine::run): exactly one record per source, in the order of the sources, whatever they
    /// hold. A source that cannot be read or decoded gives a record with its error, even if a decoder panics. The calling thread writes, and
    /// blocks until the last record.
    ///
    /// Once a stop is requested, no further source is taken. The sources taken before are finished and written, except for those whose reading
    /// does not return: these, and the sources after them, have no record.
    ///
    /// # Errors
    ///
    /// Those of the sink, [`Error::Io`](crate::Error::Io) for the built-in ones; they end the run. [`Error::Io`](crate::Error::Io) if a thread cannot be
    /// started, [`Error::Input`](crate::Error::Input) if `sources` or the sink panics.
    pub fn run_into<I>(&self, sources: I, sink: &mut dyn Sink, options: &RunOptions) -> Result<Summary>
    where
        I: IntoIterator<Item = Source>,
        I::IntoIter: Send,
    {
        pipeline::run(&self.owner.workers, sources, sink, &self.choices(options))
    }

    fn choices(&self, options: &RunOptions) -> RunChoices {
        RunChoices {
            hash: options.hash.clone().unwrap_or_else(|| self.owner.options.clone()),
            devices: self.owner.devices.clone(),
            fail_fast: options.fail_fast,
            skips: options.skips,
            unordered: options.unordered,
            stop: options.stop.clone(),
        }
    }

    /// Threads that hash.
    pub fn threads(&self) -> NonZeroUsize {
        self.owner.workers.count()
    }

    /// Most bytes that files and pictures in flight take, including what the threads keep.
    pub fn memory(&self) -> u64 {
        self.owner.workers.memory()
    }

    /// How many single pictures wait in a lane for a thread.
    pub fn queued(&self, lane: Lane) -> usize {
        self.owner.workers.lane(lane == Lane::Interactive).len()
    }

    /// Whether a lane holds as many as it can, so that a further picture is [`HashError::Busy`].
    pub fn is_full(&self, lane: Lane) -> bool {
        self.owner.workers.lane(lane == Lane::Interactive).is_full()
    }

    /// The GPUs that runs use.
    pub fn devices(&self) -> &Devices {
        &self.owner.devices
    }

    /// Which signatures are computed, and how, unless a request says otherwise.
    pub fn options(&self) -> &Arc<HashOptions> {
        &self.owner.options
    }
}

impl EngineBuilder {
    /// Threads that hash; by default one per CPU that the process may use. 0 counts as 1.
    pub fn threads(self, threads: usize) -> EngineBuilder {
        EngineBuilder { threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), ..self }
    }

    /// Bytes that encoded files and decoded pictures may take together, including what the threads keep; by default
    /// [`Engine::default_memory`].
    ///
    /// A quarter is for encoded files. Three eighths are the threads' standing shares, which hold their buffers from picture to picture.
    /// Three eighths are lent to pictures larger than a share, first come, first served; the threads hash others meanwhile.
    /// A picture larger than all that can be lent waits until nothing is, and is then decoded as
    /// the only large one. Only such a picture takes the total past the budget. A picture that needs more than the budget, or a file that is longer,
    /// is a [`Limit`](crate::Error::Limit). The file's headers say how much decoding takes ([`Hasher::memory`](crate::Hasher::memory)).
    /// In addition to the budget, at most 4,096 finished records of a run wait for their turn.
    ///
    /// Single pictures and runs share this memory. Each further concurrent run may take another quarter, and each call
    /// of [`hash_many`](Engine::hash_many) another three eighths. Encoded pictures of single requests belong to the caller and do not count.
    pub fn memory(self, bytes: u64) -> EngineBuilder {
        EngineBuilder { memory: Some(bytes), ..self }
    }

    /// Most pictures that wait in each lane; by default 1,024. 0 counts as 1.
    pub fn queue(self, pictures: usize) -> EngineBuilder {
        EngineBuilder { queue: pictures.max(1), ..self }
    }

    /// GPUs that runs use; none by default. Each takes three batches of memory on top of the budget, and the pictures in
    /// them are kept until they come back. The CPU hashes the pictures that a device cannot take or does not return, and their records say so.
    /// Single pictures are hashed by the CPU: sending one picture to a device costs more than it saves.
    pub fn devices(self, devices: Devices) -> EngineBuilder {
        EngineBuilder { devices, ..self }
    }

    /// Which signatures are computed, and how, unless a request says otherwise.
    pub fn options(self, options: HashOptions) -> EngineBuilder {
        EngineBuilder { options, ..self }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if the system refuses one.
    pub fn build(self) -> Result<Engine> {
        let EngineBuilder { threads, memory, queue, devices, options } = self;
        let memory = memory.unwrap_or_else(|| Workers::default_memory(threads));
        let (workers, options) = (Workers::start(threads, memory, queue)?, Arc::new(options));
        let owner = Owner { workers, devices, options, kept: KeptBuffers::default() };
        Ok(Engine { owner: Arc::new(owner) })
    }
}
