//! How a worker works: what it may use, and when it is to end.

use std::sync::Arc;
use std::time::Duration;

use super::matching::Matching;
use super::progress::Progress;
use crate::engine::{Engine, RunOptions};
use crate::hasher::HashOptions;
use crate::job::state::claim::Expiry;
use crate::pipeline::{InputOptions, Network, ReadAhead, Stop};

/// How a worker works. Nothing here changes what is written of an input.
#[derive(Debug, Clone)]
pub struct WorkOptions {
    /// Threads, memory and devices; what is hashed and how comes from the settings.
    pub engine: Engine,
    /// What is read ahead of the shard in hand, and as much of the next one, on top of the engine's memory.
    pub read_ahead: ReadAhead,
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

impl WorkOptions {
    /// The default choices of a worker with this engine. A fourteenth of its memory is read ahead of each of two shards.
    pub fn new(engine: Engine) -> WorkOptions {
        let fetches = ReadAhead::fetches_for(engine.threads());
        WorkOptions {
            read_ahead: ReadAhead { fetches, bytes: engine.memory() / 14 },
            network: Network::default(),
            engine,
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

/// How a worker reads and hashes; reading ends when the shard in hand has had its time.
pub(in crate::job) fn reading(
    input: InputOptions,
    hash: HashOptions,
    options: &WorkOptions,
) -> (InputOptions, RunOptions) {
    let stop = Ending::new(&options.stop, options.grace).late;
    let (read_ahead, network) = (options.read_ahead, options.network.clone());
    let run = RunOptions::default().hash(hash).stop(stop.clone());
    (InputOptions { read_ahead, network, stop, ..input }, run)
}
