//! What the ledger says of all shards that are done, in sums: one pass over its lines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::job::state::census::Census;
use crate::job::state::ledger::{Ledger, ShardEntry};
use crate::job::state::location::Location;
use crate::job::state::plan::{Plan, ShardKind};
use crate::limits::Limits;

/// What one worker did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Share {
    /// Shards finished.
    pub shards: u64,
    /// Records in them.
    pub records: u64,
    /// Encoded bytes read for them.
    pub bytes: u64,
    /// From its first shard's first picture to its last shard's end, in seconds.
    pub seconds: f64,
}

/// Sums over the shards that are done.
#[derive(Debug, Default)]
pub(in crate::job) struct Overview {
    pub(in crate::job) records: u64,
    /// Failed ones, by error code.
    pub(in crate::job) failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub(in crate::job) skipped: u64,
    /// Encoded bytes of the hashed pictures.
    pub(in crate::job) bytes: u64,
    pub(in crate::job) pixels: u64,
    /// Pictures that devices computed.
    pub(in crate::job) by_devices: u64,
    /// Bytes of the files of records.
    pub(in crate::job) written: u64,
    /// Archives among the shards, and records in them.
    pub(in crate::job) archives: u64,
    pub(in crate::job) members: u64,
    /// Seconds that threads spent, by what they did.
    pub(in crate::job) thread_seconds: BTreeMap<String, f64>,
    pub(in crate::job) census: Census,
    /// Other limits than the settings' under which retries made some of the records.
    pub(in crate::job) other_limits: Vec<Limits>,
    /// When each shard was made, and how much is in it.
    pub(in crate::job) spans: Vec<Span>,
    workers: BTreeMap<String, Worker>,
}

/// A shard in time, in milliseconds since 1970 by its worker's clock, before all retries.
#[derive(Debug, Clone, Copy)]
pub(in crate::job) struct Span {
    pub(in crate::job) begun: u64,
    pub(in crate::job) ended: u64,
    pub(in crate::job) records: u64,
    pub(in crate::job) bytes: u64,
}

/// What one worker did, and from when to when.
#[derive(Debug)]
struct Worker {
    share: Share,
    begun: u64,
    ended: u64,
}

impl Overview {
    /// Of a ledger; `also` sees each entry too.
    pub(in crate::job) fn of(
        ledger: &Ledger,
        plan: &Plan,
        location: &dyn Location,
        mut also: impl FnMut(&ShardEntry),
    ) -> Result<Overview> {
        let mut overview = Overview::default();
        overview.spans.reserve_exact(ledger.count() as usize);
        let is_archive = |shard| plan.kind(shard) == Some(ShardKind::Archive);
        ledger.for_each(location, 0, |entry| {
            also(&entry);
            overview.add(&entry, is_archive(entry.shard));
        })?;
        Ok(overview)
    }

    pub(in crate::job) fn add(&mut self, entry: &ShardEntry, is_archive: bool) {
        self.records += entry.records;
        self.skipped += entry.skipped;
        self.bytes += entry.bytes;
        self.pixels += entry.pixels;
        self.by_devices += entry.by_devices;
        self.written += entry.length;
        if is_archive {
            self.archives += 1;
            self.members += entry.records;
        }
        for (code, count) in &entry.failed {
            *self.failed.entry(code.clone()).or_default() += count;
        }
        for (what, seconds) in &entry.thread_seconds {
            *self.thread_seconds.entry(what.clone()).or_default() += seconds;
        }
        self.census.merge(&entry.census);
        for limits in &entry.other_limits {
            if !self.other_limits.contains(limits) {
                self.other_limits.push(limits.clone());
            }
        }
        let (begun, ended) = (entry.begun(), entry.ended());
        self.spans.push(Span { begun, ended, records: entry.records, bytes: entry.bytes });
        self.add_to_worker(entry, begun, ended);
    }

    fn add_to_worker(&mut self, entry: &ShardEntry, begun: u64, ended: u64) {
        let new = || Worker { share: Share::default(), begun: u64::MAX, ended: 0 };
        let worker = match self.workers.get_mut(entry.maker()) {
            Some(worker) => worker,
            None => self.workers.entry(entry.maker().to_string()).or_insert_with(new),
        };
        worker.share.shards += 1;
        worker.share.records += entry.records;
        worker.share.bytes += entry.bytes;
        (worker.begun, worker.ended) = (worker.begun.min(begun), worker.ended.max(ended));
    }

    /// What each worker did, by its name.
    pub(in crate::job) fn workers(&self) -> BTreeMap<String, Share> {
        let seconds = |worker: &Worker| worker.ended.saturating_sub(worker.begun) as f64 / 1e3;
        let share = |worker: &Worker| Share { seconds: seconds(worker), ..worker.share.clone() };
        self.workers.iter().map(|(name, worker)| (name.clone(), share(worker))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::commands::report::tests::done;

    #[test]
    fn workers_have_their_own_shards_and_times() {
        let mut overview = Overview::default();
        for entry in [done(3_000, 2.0, 100, "a"), done(9_000, 6.0, 50, "b"), done(11_000, 1.0, 7, "a")] {
            overview.add(&entry, entry.records == 50);
        }
        let shares = overview.workers();
        assert_eq!(shares["a"], Share { shards: 2, records: 107, bytes: 1_070, seconds: 10.0 });
        assert_eq!(shares["b"], Share { shards: 1, records: 50, bytes: 500, seconds: 6.0 });
        assert_eq!((overview.records, overview.archives, overview.members), (157, 1, 50));
    }
}
