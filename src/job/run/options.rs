//! How a worker works: what it may use, and when it is to end.

use std::sync::Arc;
use std::time::Duration;

use super::matching::Matching;
use super::progress::Progress;
use crate::hasher::HashOptions;
use crate::job::state::claim::Expiry;
use crate::pipeline::{InputOptions, Network, PipelineOptions, ReadAhead, Stop};

/// How a worker works. Nothing here changes what is written of an input.
#[derive(Debug, Clone)]
pub struct WorkOptions {
    /// Threads, memory and devices; what is hashed and how comes from the settings.
    pub pipeline: PipelineOptions,
    /// Objects of a store that are fetched at the same time.
    pub fetches: usize,
    /// How servers are asked, and how far they are trusted; what was listed already stays as it is.
    pub network: Network,
    /// Asks the worker to end early.
    pub stop: Stop,
    /// How long the shard in hand may take from then on; what is not finished by then is left to others.
    pub grace: Duration,
    /// How long a worker of another machine may give no heartbeat before its shards are taken over.
    pub expiry: Duration,
    /// How long a worker may get nothing done, with heartbeats, before its shards are taken over: it may hang. It may also wait for something very
    /// slow, so this is to be far more than one input takes; what is taken over from a slow worker is hashed twice, and nothing else happens.
    /// Never less than `expiry`.
    pub stall: Duration,
    /// A fixed part of the shards, without claims.
    pub split: Option<Split>,
    /// Lists the inputs again, where they were listed before, and plans what is new: other keys, or other versions of their contents.
    pub extend: bool,
    /// What is looked up in galleries; part of the settings too.
    pub matching: Option<Arc<Matching>>,
    /// Counts what is done.
    pub progress: Arc<Progress>,
}

impl Default for WorkOptions {
    fn default() -> WorkOptions {
        let pipeline = PipelineOptions::default();
        WorkOptions {
            fetches: ReadAhead::fetches_for(pipeline.threads),
            network: Network::default(),
            pipeline,
            stop: Stop::default(),
            grace: Duration::from_secs(30),
            expiry: Duration::from_secs(120),
            stall: Duration::from_secs(900),
            split: None,
            extend: false,
            matching: None,
            progress: Arc::default(),
        }
    }
}

impl WorkOptions {
    pub(in crate::job) fn expiry(&self) -> Expiry {
        Expiry { silent: self.expiry, stalled: self.stall.max(self.expiry) }
    }
}

/// A part of a job that is fixed beforehand: every `of`-th shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Which part, from 0.
    pub part: u64,
    /// Of how many.
    pub of: u64,
}

/// When to end before everything is done.
#[derive(Debug, Clone)]
pub(in crate::job) struct Ending {
    /// Asked for by a signal, say.
    pub(in crate::job) stop: Stop,
    /// The same when the shard in hand has had its time.
    pub(in crate::job) late: Stop,
}

impl Ending {
    /// With so much time for the shard in hand.
    pub(in crate::job) fn new(stop: &Stop, grace: Duration) -> Ending {
        Ending { stop: stop.clone(), late: stop.after(grace) }
    }
}

/// How a worker reads and hashes: the current shard and the next one are read ahead within a sixteenth of the memory each, and reading ends
/// when the shard in hand has had its time.
pub(in crate::job) fn reading(
    input: InputOptions,
    hash: HashOptions,
    options: &WorkOptions,
) -> (InputOptions, PipelineOptions) {
    let bytes = options.pipeline.memory / 16;
    let read_ahead = ReadAhead { fetches: options.fetches, bytes };
    let stop = Ending::new(&options.stop, options.grace).late;
    let memory = options.pipeline.memory - 2 * bytes;
    let network = options.network.clone();
    let pipeline = PipelineOptions { hash, memory, stop: stop.clone(), ..options.pipeline.clone() };
    (InputOptions { read_ahead, network, stop, ..input }, pipeline)
}
