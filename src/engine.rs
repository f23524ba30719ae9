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
//! Single pictures wait in one of two queues, [`Lane::Interactive`] or [`Lane::Bulk`]; a thread that is free takes from the first one first. A request
//! whose future was dropped, or whose deadline has passed, is dropped before it costs anything. A [`run`](Engine::run) has threads of its own,
//! which the operating system lets share the CPUs with these: a picture never waits for a run to end or to come to a certain place.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;

use crate::backend::Devices;
use crate::error::Result;
use crate::hasher::{HashOptions, Hashed};
use crate::pipeline::{PipelineOptions, Source, refused};

mod answer;
mod failure;
mod queue;
mod request;
mod run;
mod search;
mod work;

pub use answer::{Hashing, Lane};
pub use failure::{HashError, PictureError};
pub use request::HashRequest;
pub use run::{Run, RunHandle, RunOptions};
pub use search::Search;

use queue::Queue;
use work::{KeptHasher, Shared};

/// Threads that hash, their buffers, and a bound on the memory that pictures take. Clones share all of it.
///
/// When the last clone is dropped, the threads finish what was asked for and end.
#[derive(Debug, Clone)]
pub struct Engine {
    owner: Arc<Owner>,
}

/// Ends the threads when the last engine is gone.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    devices: Devices,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
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

    /// Asks for the signatures of one encoded picture. Nothing happens before [`wait`](HashRequest::wait), `.await` or
    /// [`submit`](HashRequest::submit).
    pub fn hash(&self, bytes: impl Into<Bytes>) -> HashRequest<'_> {
        HashRequest::new(&self.owner.shared, bytes.into())
    }

    /// Hashes many pictures in memory on all threads; what came of each, in their order. Blocks until all are done.
    ///
    /// Buffers are borrowed, none is copied. Pictures that wait in the lanes of [`hash`](Engine::hash) share the CPUs meanwhile, and the
    /// memory.
    pub fn hash_many<B: AsRef<[u8]> + Sync>(&self, pictures: &[B]) -> Vec<Result<Hashed, PictureError>> {
        self.hash_many_with(pictures, &self.owner.shared.options)
    }

    /// The same with other choices than the engine's.
    pub fn hash_many_with<B: AsRef<[u8]> + Sync>(
        &self,
        pictures: &[B],
        options: &Arc<HashOptions>,
    ) -> Vec<Result<Hashed, PictureError>> {
        let shared = &*self.owner.shared;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut hasher = shared.kept.take();
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(picture) = pictures.get(index) else { break };
                done.push((index, hasher.hash(shared, options, picture.as_ref())));
            }
            shared.kept.put(hasher, shared.threads.get());
            done
        };
        let mut all: Vec<(usize, Result<Hashed, PictureError>)> = thread::scope(|scope| {
            let others = shared.threads.get().min(pictures.len()).saturating_sub(1);
            // Where the system refuses a thread, those that are there do its share.
            let running: Vec<_> =
                (0..others).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
            let own = work();
            let theirs = running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            own.into_iter().chain(theirs).collect()
        });
        all.sort_unstable_by_key(|(index, _)| *index);
        all.into_iter().map(|(_, outcome)| outcome).collect()
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
        let shared = &self.owner.shared;
        let pipeline = PipelineOptions {
            hash: options.hash.clone().unwrap_or_else(|| (*shared.options).clone()),
            threads: shared.threads,
            memory: shared.memory,
            devices: self.owner.devices.clone(),
            fail_fast: options.fail_fast,
            ..PipelineOptions::default()
        };
        Run::start(sources.into_iter(), pipeline)
    }

    /// Threads that hash.
    pub fn threads(&self) -> NonZeroUsize {
        self.owner.shared.threads
    }

    /// What is hashed, and how, unless a request says otherwise.
    pub fn options(&self) -> &Arc<HashOptions> {
        &self.owner.shared.options
    }
}

impl EngineBuilder {
    /// Threads that hash; by default as many as the machine runs at once. 0 counts as 1.
    pub fn threads(self, threads: usize) -> EngineBuilder {
        EngineBuilder { threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), ..self }
    }

    /// Bytes that pictures take at most while they are hashed, with what the threads keep; by default that of
    /// [`PipelineOptions::memory`]. Single pictures and one call of [`hash_many`](Engine::hash_many) share them; each run has as many of its own, and
    /// each further call at the same time up to a quarter. Encoded pictures are the caller's and do not count.
    pub fn memory(self, bytes: u64) -> EngineBuilder {
        EngineBuilder { memory: Some(bytes), ..self }
    }

    /// Pictures that wait in each lane at most; by default 1,024. 0 counts as 1.
    pub fn queue(self, pictures: usize) -> EngineBuilder {
        EngineBuilder { queue: pictures.max(1), ..self }
    }

    /// GPUs that runs use; none by default. Single pictures are hashed by the CPU: one picture does not pay for the way to a device.
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
        let memory = memory.unwrap_or_else(|| PipelineOptions::default_memory(threads));
        let shared = Arc::new(Shared::new(threads, memory, Queue::new(queue), options));
        let engine = Engine { owner: Arc::new(Owner { shared: shared.clone(), devices }) };
        for number in 0..threads.get() {
            let shared = shared.clone();
            let thread = thread::Builder::new().name(format!("shadegrid-engine-{number}"));
            thread.spawn(move || KeptHasher::default().serve(&shared)).map_err(refused)?;
        }
        Ok(engine)
    }
}
