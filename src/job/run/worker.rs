//! A worker: takes shards until none is left, and lists the inputs meanwhile if nobody else does.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::options::{Ending, WorkOptions, reading};
use super::progress::Event;
use super::round::round;
use super::scheduler::{LISTING, Scheduler};
use super::shard_sources::{ClaimedShard, Supply};
use super::shard_writer::ShardContext;
use crate::engine::RunOptions;
use crate::error::Result;
use crate::job::state::claim::Claims;
use crate::job::state::location::Location;
use crate::job::state::plan::{self, Plan, Segment};
use crate::job::state::settings::Settings;
use crate::pipeline::concurrent::joined;
use crate::pipeline::{self, InputOptions, Item, ItemKind, Stop, describe, resumes, start_thread};

/// How a worker's part came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All shards are done: the job's, or those of the worker's fixed part.
    Complete,
    /// It was asked to stop.
    Stopped,
}

/// How long to wait where all that is left is in others' hands, or not listed yet: at first, and at most.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(1));

/// Takes shards until nothing is left to do, or it is asked to stop; what it then knows of the job.
pub(in crate::job) fn take_part(
    location: Arc<dyn Location>,
    claims: Arc<Claims>,
    settings: &Settings,
    options: &WorkOptions,
) -> Result<(Finish, Scheduler)> {
    let worker = JobWorker::new(location, claims, settings, options)?;
    thread::scope(|scope| worker.run(scope))
}

struct JobWorker<'a> {
    scheduler: Mutex<Scheduler>,
    context: ShardContext,
    settings: &'a Settings,
    options: &'a WorkOptions,
    run: RunOptions,
    /// Ends the listing when the worker does.
    stop_listing: Stop,
}

type Listing<'scope> = ScopedJoinHandle<'scope, Result<bool>>;

impl<'a> JobWorker<'a> {
    fn new(
        location: Arc<dyn Location>,
        claims: Arc<Claims>,
        settings: &'a Settings,
        options: &'a WorkOptions,
    ) -> Result<JobWorker<'a>> {
        let (format, hash) = (settings.format()?, settings.hash()?);
        let (progress, stop_listing) = (options.progress.clone(), Stop::default());
        let (input, run) = reading(settings.input()?, hash.clone(), options);
        let scheduler = Scheduler::new(
            location.clone(),
            claims.clone(),
            format,
            (input, options.engine.clone(), run.clone()),
            options.split,
            progress.clone(),
        );
        progress.count_strictly(settings.is_strict());
        progress.begin(&claims.own().name, options.matching.is_some());
        let context = ShardContext {
            location,
            claims,
            writer: scheduler.writer.clone(),
            format,
            strict: settings.is_strict(),
            about: describe(&hash),
            matching: options.matching.clone(),
            progress,
        };
        Ok(JobWorker { scheduler: Mutex::new(scheduler), context, settings, options, run, stop_listing })
    }

    fn run<'scope>(self, scope: &'scope thread::Scope<'scope, 'a>) -> Result<(Finish, Scheduler)> {
        let mut listing = None;
        let worked = self.take_shards(scope, &mut listing);
        self.stop_listing.request();
        let listed = listing.map_or(Ok(()), Self::end_listing);
        let finish = worked?;
        listed?;
        Ok((finish, self.scheduler.into_inner().unwrap_or_else(PoisonError::into_inner)))
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
                self.scheduler().refresh()?;
                return Ok(if self.scheduler().is_complete() { Finish::Complete } else { Finish::Stopped });
            }
            if let Some(ended) = listing.take_if(|listing| listing.is_finished()) {
                Self::end_listing(ended)?;
            }
            let taken = self.scheduler().take()?;
            if !std::mem::replace(&mut begun, true) {
                extends = self.begin();
            }
            if let Some(listing) = extends.take_if(|_| self.scheduler().is_listed()) {
                self.scheduler().list_again(listing)?;
            }
            if self.scheduler().is_complete() {
                return Ok(Finish::Complete);
            }
            if listing.is_none()
                && let Some((plan, written)) = self.scheduler().takes_listing()?
            {
                *listing = Some(self.start_listing(scope, plan, written)?);
            }
            match taken {
                Some(taken) => {
                    self.round(taken)?;
                    patience = PATIENCE.0;
                }
                None => {
                    self.scheduler().wait(patience);
                    patience = PATIENCE.1.min(2 * patience);
                }
            }
        }
    }

    /// Reports what there is already; the listing behind which the inputs are to be listed again, if they are.
    fn begin(&self) -> Option<u64> {
        let scheduler = self.scheduler();
        let (listing, listed) = scheduler.listing()?;
        self.context.progress.notify(&Event::Resumed { listed: scheduler.is_listed(), from: listed.from });
        // Others may be at it already.
        (self.options.extend && (listing == 0 || scheduler.is_listed())).then_some(listing)
    }

    fn scheduler(&self) -> std::sync::MutexGuard<'_, Scheduler> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the inputs during the work, behind what is planned.
    fn start_listing<'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, 'a>,
        plan: Plan,
        written: Sender<Segment>,
    ) -> Result<Listing<'scope>> {
        let (location, claims) = (self.context.location.clone(), self.context.claims.clone());
        let (sources, stop) = (self.settings.sources()?, self.stop_listing.clone());
        let network = self.options.network.clone();
        let input = InputOptions { network, stop: stop.clone(), versions: true, ..self.settings.input()? };
        let size = self.settings.shard_size();
        let progress = &*self.options.progress;
        let list = move || {
            let items = |after: Option<&Item>| {
                let after = after.map(|item| item.location.clone());
                let items = pipeline::items(sources.clone(), &InputOptions { after, ..input.clone() });
                items.map(known_for_sure).inspect(|_| progress.step())
            };
            let listed = plan::write(&*location, plan, (items, resumes(&sources)), size, &stop, &|segment| {
                // The receiver is gone where the worker has ended.
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
        round(&self.context, &self.scheduler, first, ending, (&self.options.engine, &self.run))
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
