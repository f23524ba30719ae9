//! How far a job is: from the plan's first lines, the ledger and the claims alone, so that it takes no time.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::overview::{Overview, Share, Span};
use crate::error::Result;
use crate::job::state::claim::{CLAIMS, signs_of_life};
use crate::job::state::identity::now;
use crate::job::state::ledger::Ledger;
use crate::job::state::location::Location;
use crate::job::state::plan::{self, ListingTime, Plan, ShardKind};
use crate::job::state::settings::Settings;
use crate::pipeline::concurrent::both;

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Whether the inputs are listed to their end; otherwise what is left is what is known of it.
    pub planned: bool,
    /// When they were listed last, or began to be.
    pub listed: ListingTime,
    /// Why the listing that is not at its end broke off, if it did and nobody has taken it up since.
    pub listing_broke: Option<String>,
    /// Shards planned.
    pub shards: u64,
    /// Shards done.
    pub done: u64,
    /// Shards that a worker has in hand, or had when it died.
    pub claimed: u64,
    /// Records in the shards that are done.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub skipped: u64,
    /// Hashed pictures with at least one match; `None` where the job looks nothing up.
    pub matched: Option<u64>,
    /// Encoded bytes read for them.
    pub bytes: u64,
    /// Pixels of them.
    pub pixels: u64,
    /// Records that are left; of archives that nobody has opened yet, as many as the others hold on average.
    pub records_left: u64,
    /// Whether [`records_left`](Status::records_left) is an estimate.
    pub estimated: bool,
    /// Records per second of all workers together, over the last ten minutes in which shards were finished.
    pub rate: Option<f64>,
    /// What is left at that rate; `None` too where nobody is at it.
    pub time_left: Option<Duration>,
    /// Damaged lines of the ledger.
    pub damaged_lines: u64,
    /// The workers that are at it, or were when they died, by name.
    pub workers: Vec<WorkerStatus>,
}

/// What is known of a worker that did not end in order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its name in the ledger: machine, process, start.
    pub name: String,
    /// Since its last sign of life, by this machine's clock and that of what keeps the job; `None` where that does not say when.
    pub silent: Option<Duration>,
    /// What it has finished.
    pub share: Share,
}

impl WorkerStatus {
    /// Records per second over its finished shards; `None` where there are none.
    pub fn rate(&self) -> Option<f64> {
        (self.share.shards > 0).then(|| self.share.records as f64 / self.share.seconds.max(1e-3))
    }
}

/// Who is at it.
fn workers(signs: Vec<(String, Option<SystemTime>)>, overview: &Overview) -> Vec<WorkerStatus> {
    let mut shares = overview.workers();
    let silent = |at: SystemTime| SystemTime::now().duration_since(at).unwrap_or_default();
    let worker = |(name, at): (String, Option<SystemTime>)| WorkerStatus {
        share: shares.remove(&name).unwrap_or_default(),
        silent: at.map(silent),
        name,
    };
    signs.into_iter().map(worker).collect()
}

impl Status {
    /// Whether every input has its record.
    pub fn is_complete(&self) -> bool {
        self.planned && self.done == self.shards
    }

    /// Shards that nobody has begun.
    pub fn left(&self) -> u64 {
        // Where the plan lost something, more are done than it has.
        self.shards.saturating_sub(self.done).saturating_sub(self.claimed)
    }
}

/// How far the job in `location` is.
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) where there is none, or its plan is damaged; [`Error::Io`](crate::Error::Io).
pub fn status(location: &dyn Location) -> Result<Status> {
    let (settings, looked) = both(|| Settings::read(location), || look(location));
    let (settings, (status, overview)) = (settings?, looked?);
    Ok(Status { matched: settings.what_is_matched().map(|_| overview.census.matched), ..status })
}

/// The same with all that it was counted from.
pub(in crate::job) fn look(location: &dyn Location) -> Result<(Status, Overview)> {
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    // The ledger before the plan: a shard that is done was planned before.
    let (read, (claims, signs)) =
        both(|| ledger.refresh(location), || both(|| location.list(CLAIMS), || signs_of_life(location)));
    let (claims, signs) = (read.and(claims)?, signs?);
    plan.refresh(location)?;
    let listing_broke = plan::why_broken(location, &plan)?;
    let shard_of = |name: &str| name.split('.').next().and_then(|shard| shard.parse::<u64>().ok());
    let mut claimed: Vec<u64> = claims.iter().filter_map(|listed| shard_of(&listed.name)).collect();
    claimed.dedup();
    claimed.retain(|shard| !ledger.is_done(*shard));
    let overview = Overview::of(&ledger, &plan, location, |_| ())?;
    let status = Status::new(&plan, &ledger, &overview, claimed.len() as u64);
    let workers = workers(signs, &overview);
    let time_left = status.time_left.filter(|_| status.claimed > 0 || !workers.is_empty());
    Ok((Status { listing_broke, workers, time_left, ..status }, overview))
}

impl Status {
    /// What the plan and the ledger say, with so many shards in workers' hands.
    pub(in crate::job) fn new(plan: &Plan, ledger: &Ledger, overview: &Overview, claimed: u64) -> Status {
        let mut status = Status {
            planned: plan.is_complete(),
            listed: plan.listed(),
            shards: plan.shards().len() as u64,
            done: ledger.count(),
            claimed,
            damaged_lines: ledger.damaged(),
            records: overview.records,
            failed: overview.failed.clone(),
            skipped: overview.skipped,
            bytes: overview.bytes,
            pixels: overview.pixels,
            ..Status::default()
        };
        status.count_left(plan, ledger, overview);
        status.rate = rate(&overview.spans, now());
        let seconds = |rate: f64| Duration::try_from_secs_f64(status.records_left as f64 / rate).ok();
        status.time_left = status.rate.filter(|rate| *rate > 0.0).and_then(seconds);
        status
    }

    fn count_left(&mut self, plan: &Plan, ledger: &Ledger, overview: &Overview) {
        let (mut pictures_left, mut archives_left) = (0, 0);
        let left = plan.shards().iter().enumerate().filter(|(number, _)| !ledger.is_done(*number as u64));
        for (_, shard) in left {
            match shard.kind {
                ShardKind::Pictures => pictures_left += shard.items(),
                ShardKind::Archive => archives_left += 1,
            }
        }
        let average = (overview.members as f64 / overview.archives.max(1) as f64).max(1.0);
        self.records_left = pictures_left + (f64::from(archives_left) * average) as u64;
        self.estimated = archives_left > 0 || !self.planned;
    }
}

/// Over how long the rate is taken, in milliseconds.
const WINDOW: u64 = 600_000;

/// Records per second from the first shard begun to the last one finished, of those finished last.
fn rate(done: &[Span], now: u64) -> Option<f64> {
    let last = done.iter().map(|span| span.ended).max()?.min(now);
    let since = last.saturating_sub(WINDOW);
    let recent = || done.iter().filter(|span| span.ended >= since);
    let begun = recent().map(|span| span.begun).min()?;
    let records: u64 = recent().map(|span| span.records).sum();
    Some(records as f64 * 1e3 / last.saturating_sub(begun).max(1) as f64)
}
