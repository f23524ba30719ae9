//! What a program holds to hash pictures: threads, buffers and a bound on memory, shared by everybody who asks.
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
//! Single pictures wait in one of two queues, [`Lane::Interactive`] or [`Lane::Bulk`], and share the threads with every [`run`](Engine::run). A thread that is
//! free takes an interactive picture first: it waits for one picture to be finished at most, however many millions a run has. A request
//! whose future was dropped, or whose deadline has passed, is dropped before it costs anything.

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

pub use answer::{Hashing, Lane};
pub use buffer_hasher::BufferHasher;
pub use failure::{HashError, PictureError};
pub use request::HashRequest;
pub use run::{Run, RunHandle, RunOptions};
pub use search::Search;

use many::{KeptBuffers, Many};

/// Threads that hash, their buffers, and a bound on the memory that pictures take. Clones share all of it.
///
/// When the last clone is dropped, the threads finish what was asked for and end.
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
    /// The choices of an engine, as good for a machine that does nothing else.
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
    /// [`Error::Io`](crate::Error::Io) where the system refuses a thread.
    pub fn new() -> Result<Engine> {
        Engine::builder().build()
    }

    /// The memory of an engine with so many threads, unless it is given another: 256 MiB per thread and at least 1 GiB, and no more than half of what
    /// the machine, the container and the process allow.
    pub fn default_memory(threads: NonZeroUsize) -> u64 {
        Workers::default_memory(threads)
    }

    /// Asks for the signatures of one encoded picture. Nothing happens before [`wait`](HashRequest::wait), `.await` or
    /// [`submit`](HashRequest::submit).
    pub fn hash(&self, bytes: impl Into<Bytes>) -> HashRequest<'_> {
        HashRequest::new(&self.owner, bytes.into())
    }

    /// Hashes many pictures in memory on all threads; what came of each, in their order. Blocks until all are done.
    ///
    /// Buffers are borrowed, none is copied. Pictures that wait in the lanes of [`hash`](Engine::hash) share the CPUs meanwhile, and the
    /// memory.
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

    /// Hashes every source: exactly one record per source, in their order, whatever they hold.
    ///
    /// The iterator is bounded: sources are taken as records are. Dropping it ends the run; so does [`RunHandle::stop`], which
    /// gives what was taken its records first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the system refuses a thread.
    pub fn run<I>(&self, sources: I, options: &RunOptions) -> Result<Run>
    where
        I: IntoIterator<Item = Source>,
        I::IntoIter: Send + 'static,
    {
        Run::start(self.owner.workers.clone(), sources.into_iter(), self.choices(options))
    }

    /// Hashes every source into `sink`: exactly one record per source, in the order of the sources, whatever they
    /// hold. A source that cannot be read or decoded gives a record with its error, also where a decoder panics. The calling thread writes, and
    /// waits for the last record.
    ///
    /// Once a stop is requested no further source is taken; what was taken is finished and written, but for sources whose reading
    /// does not return: they, and what comes after them, have no record then.
    ///
    /// # Errors
    ///
    /// Those of the sink, [`Error::Io`](crate::Error::Io) for the built-in ones; they end the run. [`Error::Io`](crate::Error::Io) where a thread cannot be
    /// started, [`Error::Input`](crate::Error::Input) where `sources` or the sink panics.
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
            unordered: options.unordered,
            stop: options.stop.clone(),
        }
    }

    /// Threads that hash.
    pub fn threads(&self) -> NonZeroUsize {
        self.owner.workers.count()
    }

    /// Bytes that files and pictures in flight take at most, with what the threads keep.
    pub fn memory(&self) -> u64 {
        self.owner.workers.memory()
    }

    /// The GPUs that runs use.
    pub fn devices(&self) -> &Devices {
        &self.owner.devices
    }

    /// What is hashed, and how, unless a request says otherwise.
    pub fn options(&self) -> &Arc<HashOptions> {
        &self.owner.options
    }
}

impl EngineBuilder {
    /// Threads that hash; by default as many as the machine runs at once. 0 counts as 1.
    pub fn threads(self, threads: usize) -> EngineBuilder {
        EngineBuilder { threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), ..self }
    }

    /// Bytes that encoded files and decoded pictures may take together, with what the threads keep; by default
    /// [`Engine::default_memory`].
    ///
    /// A quarter is for encoded files, three eighths are the threads' standing shares (their buffers live
    /// there from picture to picture), and three eighths are lent to pictures larger than a share, in the order
    /// in which they ask; the threads hash others meanwhile. A picture larger than what is lent waits until nothing is, then is decoded as
    /// the only large one: only such a picture takes the total past the budget. One that needs more than the budget, or a file that is longer,
    /// is a [`Limit`](crate::Error::Limit). What decoding takes, the file's headers say ([`Hasher::memory`](crate::Hasher::memory)).
    /// Beyond the budget at most 4,096 finished records of a run wait for their turn.
    ///
    /// Single pictures and runs share them; each further run at the same time may take another quarter, and each call
    /// of [`hash_many`](Engine::hash_many) another three eighths. Encoded pictures of single requests are the caller's and do not count.
    pub fn memory(self, bytes: u64) -> EngineBuilder {
        EngineBuilder { memory: Some(bytes), ..self }
    }

    /// Pictures that wait in each lane at most; by default 1,024. 0 counts as 1.
    pub fn queue(self, pictures: usize) -> EngineBuilder {
        EngineBuilder { queue: pictures.max(1), ..self }
    }

    /// GPUs that runs use; none by default. Each takes three batches of memory on top of the budget, and the pictures in
    /// them are kept until they come back. What a device cannot take or does not answer is computed on the CPU, and its record says so. Single pictures are hashed by the CPU: one picture does not pay for the way to a device.
    pub fn devices(self, devices: Devices) -> EngineBuilder {
        EngineBuilder { devices, ..self }
    }

    /// What is hashed, and how, unless a request says otherwise.
    pub fn options(self, options: HashOptions) -> EngineBuilder {
        EngineBuilder { options, ..self }
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) where the system refuses one.
    pub fn build(self) -> Result<Engine> {
        let EngineBuilder { threads, memory, queue, devices, options } = self;
        let memory = memory.unwrap_or_else(|| Workers::default_memory(threads));
        let (workers, options) = (Workers::start(threads, memory, queue)?, Arc::new(options));
        let owner = Owner { workers, devices, options, kept: KeptBuffers::default() };
        Ok(Engine { owner: Arc::new(owner) })
    }
}
