//! How far a job is: from the plan's first lines, the ledger and the claims alone, so that it takes no time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Result;
use crate::job::state::claim::CLAIMS;
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
    /// What is left at that rate.
    pub time_left: Option<Duration>,
    /// Damaged lines of the ledger.
    pub damaged_lines: u64,
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
    settings.and(looked).map(|(status, _)| status)
}

/// The same with the ledger that it was counted from.
pub(in crate::job) fn look(location: &dyn Location) -> Result<(Status, Ledger)> {
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    // The ledger before the plan: a shard that is done was planned before.
    let (read, claims) = both(|| ledger.refresh(location), || location.list(CLAIMS));
    let claims = read.and(claims)?;
    plan.refresh(location)?;
    let listing_broke = plan::why_broken(location, &plan)?;
    let shard_of = |name: &str| name.split('.').next().and_then(|shard| shard.parse::<u64>().ok());
    let mut claimed: Vec<u64> = claims.iter().filter_map(|listed| shard_of(&listed.name)).collect();
    claimed.dedup();
    claimed.retain(|shard| ledger.done(*shard).is_none());
    let status = Status::new(&plan, &ledger, claimed.len() as u64);
    Ok((Status { listing_broke, ..status }, ledger))
}

impl Status {
    /// What the plan and the ledger say, with so many shards in workers' hands.
    pub(in crate::job) fn new(plan: &Plan, ledger: &Ledger, claimed: u64) -> Status {
        let mut status = Status {
            planned: plan.is_complete(),
            listed: plan.listed(),
            shards: plan.shards().len() as u64,
            done: ledger.all_done().len() as u64,
            claimed,
            damaged_lines: ledger.damaged(),
            ..Status::default()
        };
        status.count(plan, ledger);
        status.rate = rate(ledger, now());
        let seconds = |rate: f64| Duration::try_from_secs_f64(status.records_left as f64 / rate).ok();
        status.time_left = status.rate.filter(|rate| *rate > 0.0).and_then(seconds);
        status
    }

    fn count(&mut self, plan: &Plan, ledger: &Ledger) {
        let (mut pictures_left, mut archives, mut members, mut archives_left) = (0, 0, 0, 0);
        for (number, shard) in plan.shards().iter().enumerate() {
            match (shard.kind, ledger.done(number as u64)) {
                (ShardKind::Pictures, None) => pictures_left += shard.items,
                (ShardKind::Archive, None) => archives_left += 1,
                (ShardKind::Pictures, Some(_)) => {}
                (ShardKind::Archive, Some(done)) => {
                    archives += 1;
                    members += done.records;
                }
            }
        }
        let average = (members as f64 / f64::from(archives.max(1))).max(1.0);
        self.records_left = pictures_left + (f64::from(archives_left) * average) as u64;
        self.estimated = archives_left > 0 || !self.planned;
        for entry in ledger.all_done().values() {
            self.records += entry.records;
            self.bytes += entry.bytes;
            self.pixels += entry.pixels;
            for (code, count) in &entry.failed {
                *self.failed.entry(code.clone()).or_default() += count;
            }
        }
    }
}

/// Over how long the rate is taken, in milliseconds.
const WINDOW: u64 = 600_000;

/// Records per second from the first shard begun to the last one finished, of those finished last.
fn rate(ledger: &Ledger, now: u64) -> Option<f64> {
    let last = ledger.all_done().values().map(|entry| entry.ended()).max()?.min(now);
    let since = last.saturating_sub(WINDOW);
    let recent = || ledger.all_done().values().filter(|entry| entry.ended() >= since);
    let begun = recent().map(|entry| entry.begun()).min()?;
    let records: u64 = recent().map(|entry| entry.records).sum();
    Some(records as f64 * 1e3 / last.saturating_sub(begun).max(1) as f64)
}
