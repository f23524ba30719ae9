//! A worker: takes shards until none is left, with a heart that beats and a thread that finishes files meanwhile.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::claim::Claims;
use super::concurrent::{both, joined};
use super::identity::Identity;
use super::location::Location;
use super::matching::Matching;
use super::plan::{self, Plan, Segment};
use super::progress::{Event, Progress};
use super::record_sink::RecordSink;
use super::report::Report;
use super::scheduler::{LISTING, Scheduler, Split};
use super::settings::Settings;
use super::shard_sources::{ClaimedShard, Ending, InFlight, ShardSources, Supply, take_ahead};
use super::shard_writer::{Desk, ShardWriter};
use crate::error::Result;
use crate::hasher::HashOptions;
use crate::pipeline::{
    self, InputOptions, Item, ItemKind, Network, PipelineOptions, ReadAhead, Stop, describe, resumes,
    start_thread,
};

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
    /// How long a worker of another machine may be silent before its shards are taken over.
    pub expiry: Duration,
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
            split: None,
            extend: false,
            matching: None,
            progress: Arc::default(),
        }
    }
}

/// How a worker's part came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All shards are done: the job's, or those of the worker's fixed part.
    Complete,
    /// It was asked to stop.
    Stopped,
}

/// What a worker leaves behind.
#[derive(Debug)]
pub struct Worked {
    /// How its part came to its end.
    pub finish: Finish,
    /// Failed records of its fixed part, or of the whole job, by all workers.
    pub failed: u64,
    /// What the job had come to by then, by all workers.
    pub report: Report,
}

/// How long to wait where all that is left is in others' hands, or not listed yet: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(1));

/// Works at the job in `location` until nothing is left to do. Many may, at the same time.
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) where the job was started with other settings; [`Error::Io`](crate::Error::Io) where the location cannot be read or written.
/// Nothing is lost: whoever runs the same again goes on.
pub fn work(location: Arc<dyn Location>, settings: &Settings, options: &WorkOptions) -> Result<Worked> {
    let (held, claims) =
        both(|| settings.hold(&*location), || Claims::new(location.clone(), Identity::new(), options.expiry));
    let claims = Arc::new(claims?);
    let worked = held.and_then(|()| {
        beating(&claims, || {
            let worker = Worker::new(location, claims.clone(), settings, options)?;
            thread::scope(|scope| worker.run(scope))
        })
    });
    let complete = worked.as_ref().is_ok_and(|worked| worked.report.complete);
    let clear = || if complete { claims.clear() } else { Ok(()) };
    let (cleared, left) = both(clear, || claims.leave());
    let worked = worked?;
    cleared.and(left).map(|()| worked)
}

/// How a worker reads and hashes: the current shard and the next one are read ahead within a sixteenth of the memory each, and reading ends
/// when the shard in hand has had its time.
pub(super) fn reading(
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

/// Does something while this worker's heart beats. That a beat fails is no error: at worst another worker does the same work.
pub(super) fn beating<T>(claims: &Claims, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (stopped, stop) = bounded::<()>(0);
    thread::scope(|scope| {
        let beat = move || {
            while stop.recv_timeout(claims.pause()) == Err(RecvTimeoutError::Timeout) {
                let _ = claims.beat();
            }
        };
        start_thread(scope, "shadegrid-heart", beat)?;
        let worked = work();
        drop(stopped);
        worked
    })
}
struct Worker<'a> {
    board: Mutex<Scheduler>,
    desk: Desk,
    settings: &'a Settings,
    options: &'a WorkOptions,
    pipeline: PipelineOptions,
    /// Ends the listing when the worker does.
    stop_listing: Stop,
}

type Listing<'scope> = ScopedJoinHandle<'scope, Result<bool>>;

impl<'a> Worker<'a> {
    fn new(
        location: Arc<dyn Location>,
        claims: Arc<Claims>,
        settings: &'a Settings,
        options: &'a WorkOptions,
    ) -> Result<Worker<'a>> {
        let (format, hash) = (settings.format()?, settings.hash()?);
        let (progress, stop_listing) = (options.progress.clone(), Stop::default());
        let (input, pipeline) = reading(settings.input()?, hash.clone(), options);
        let board = Scheduler::new(
            location.clone(),
            claims.clone(),
            format,
            (input, hash.clone()),
            options.split,
            progress.clone(),
        );
        let desk = Desk {
            location,
            claims,
            writer: board.writer.clone(),
            format,
            about: describe(&hash),
            matching: options.matching.clone(),
            progress,
        };
        Ok(Worker { board: Mutex::new(board), desk, settings, options, pipeline, stop_listing })
    }

    fn run<'scope>(self, scope: &'scope thread::Scope<'scope, 'a>) -> Result<Worked> {
        let mut listing = None;
        let worked = self.take_shards(scope, &mut listing);
        self.stop_listing.request();
        let listed = listing.map_or(Ok(()), Self::end_listing);
        let finish = worked?;
        listed?;
        let board = self.board();
        Ok(Worked { finish, failed: board.failed(), report: board.report(self.settings) })
    }

    fn take_shards<'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, 'a>,
        listing: &mut Option<Listing<'scope>>,
    ) -> Result<Finish> {
        let mut patience = PATIENCE.0;
        let (mut begun, mut extends) = (false, None);
        loop {
            if self.options.stop.requested() {
                self.board().refresh()?;
                return Ok(if self.board().is_complete() { Finish::Complete } else { Finish::Stopped });
            }
            if let Some(ended) = listing.take_if(|listing| listing.is_finished()) {
                Self::end_listing(ended)?;
            }
            let taken = self.board().take()?;
            if !std::mem::replace(&mut begun, true) {
                extends = self.begin();
            }
            if let Some(listing) = extends.take_if(|_| self.board().is_listed()) {
                self.board().list_again(listing)?;
            }
            if self.board().is_complete() {
                return Ok(Finish::Complete);
            }
            if listing.is_none()
                && let Some((plan, written)) = self.board().takes_listing()?
            {
                *listing = Some(self.start_listing(scope, plan, written)?);
            }
            match taken {
                Some(taken) => {
                    self.round(taken)?;
                    patience = PATIENCE.0;
                }
                None => {
                    self.board().wait(patience);
                    patience = PATIENCE.1.min(2 * patience);
                }
            }
        }
    }

    /// Tells of what there is already; the listing behind which the inputs are to be listed again, if they are.
    fn begin(&self) -> Option<u64> {
        let board = self.board();
        let (listing, listed) = board.listing()?;
        self.desk.progress.tell(&Event::Resumed { listed: board.is_listed(), from: listed.from });
        // Others may be at it already.
        (self.options.extend && (listing == 0 || board.is_listed())).then_some(listing)
    }

    fn board(&self) -> std::sync::MutexGuard<'_, Scheduler> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the inputs beside the work, behind what is planned.
    fn start_listing<'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, 'a>,
        plan: Plan,
        written: Sender<Segment>,
    ) -> Result<Listing<'scope>> {
        let (location, claims) = (self.desk.location.clone(), self.desk.claims.clone());
        let (sources, stop) = (self.settings.sources()?, self.stop_listing.clone());
        let network = self.options.network.clone();
        let input = InputOptions { network, stop: stop.clone(), versions: true, ..self.settings.input()? };
        let size = self.settings.shard_size();
        let list = move || {
            let items = |after: Option<&Item>| {
                let after = after.map(|item| item.location.clone());
                let items = pipeline::items(sources.clone(), &InputOptions { after, ..input.clone() });
                items.map(known_for_sure)
            };
            let listed = plan::write(&*location, plan, (items, resumes(&sources)), size, &stop, &|segment| {
                // Nobody hears it where the worker has ended.
                let _ = written.send(segment);
            });
            claims.release(LISTING).and(listed)
        };
        start_thread(scope, "shadegrid-list", list)
    }

    fn end_listing(listing: Listing<'_>) -> Result<()> {
        joined(listing).map(drop)
    }

    fn round(&self, first: ClaimedShard) -> Result<()> {
        let ending = Ending::new(&self.options.stop, self.options.grace);
        round(&self.desk, &self.board, first, ending, &self.pipeline)
    }
}

/// An argument that can be looked at no more was a folder perhaps: it is no input that fails, but breaks the listing off.
fn known_for_sure(item: Item) -> Item {
    let is_argument = item.location == item.source && !is_url(&item.location);
    if !is_argument || !matches!(item.kind, ItemKind::Picture | ItemKind::Archive) {
        return item;
    }
    let cannot = |why: String| {
        let message = format!("cannot list {}: {why}", item.location.display());
        Item { kind: ItemKind::Broken(message), ..item.clone() }
    };
    match fs::metadata(Path::new(&item.location)) {
        Ok(metadata) if metadata.is_dir() => cannot("it became a folder meanwhile".to_string()),
        Ok(_) => item,
        Err(error) => cannot(error.to_string()),
    }
}

fn is_url(location: &OsString) -> bool {
    location.to_str().is_some_and(|text| text.contains("://"))
}

/// One run of the pipeline, through as many shards as the supply gives one after another.
pub(super) fn round(
    desk: &Desk,
    supply: &Mutex<impl Supply>,
    first: ClaimedShard,
    ending: Ending,
    options: &PipelineOptions,
) -> Result<()> {
    let (lots, failure) = (InFlight::default(), Mutex::new(None));
    let (asks, asked) = bounded(1);
    let (answers, answered) = bounded(1);
    let stop = ending.stop.clone();
    let feed = ShardSources::new(first, &lots, ending, (asks, answered), &failure);
    let (sender, parts) = bounded(2);
    let (run, finishing) = thread::scope(|scope| {
        let take_parts = || {
            let mut writer = ShardWriter::new(desk);
            // The receiver goes with a failure, so that the run ends too.
            parts.into_iter().try_for_each(|part| writer.take(part))
        };
        let writing = match start_thread(scope, "shadegrid-write", take_parts) {
            Ok(writing) => writing,
            Err(error) => return (Ok(()), Err(error)),
        };
        // It ends with the sources, whose run is over before the last file is written; without it the run ends with its first shard.
        let ahead =
            start_thread(scope, "shadegrid-ahead", move || take_ahead(supply, &stop, &asked, &answers));
        let run = {
            let mut sink = RecordSink::new(&lots, &desk.progress, sender);
            pipeline::run(feed, &mut sink, options)
        };
        (run.and(ahead.map(drop)), joined(writing))
    });
    // What was taken and not brought to its end is left to others.
    desk.claims.release_all_but(LISTING)?;
    // Where writing failed, so did the run, for want of someone who takes its records.
    finishing?;
    run?;
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
