//! What a job did, for people: everything that the ledger knows, in numbers.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

use super::examples::Example;
use super::overview::{Overview, Share, Span};
use super::status::{Status, look};
use crate::error::{Error, Result};
use crate::job::state::census::Census;
use crate::job::state::location::{Location, NOBODY, Publish};
use crate::job::state::settings::Settings;
use crate::limits::Limits;
use crate::pipeline::concurrent::both;

/// How often a report is written whose draft was taken away: whoever leaves a job as the last of its workers clears away what nobody seems to hold.
const ATTEMPTS: usize = 100;

/// Equal parts of the time that [`Report::over_time`] has at most.
const PARTS: usize = 60;

/// What a job did, so far or in all.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The job's settings, as `job.json` holds them.
    pub settings: Settings,
    /// Whether every input has its record.
    pub complete: bool,
    /// Shards planned.
    pub shards: u64,
    /// Shards done.
    pub shards_done: u64,
    /// Records in them.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub skipped: u64,
    /// Other limits than the settings' under which retries made some of the records.
    pub other_limits: Vec<Limits>,
    /// Encoded bytes read.
    pub bytes: u64,
    /// Pixels of the hashed pictures.
    pub pixels: u64,
    /// Pictures that devices computed.
    pub by_devices: u64,
    /// Bytes of the records' files.
    pub written: u64,
    /// When the first shard was begun, in milliseconds since 1970 by its worker's clock; as all times here but `thread_seconds`, without retries.
    pub begun: u64,
    /// When the last one was finished, likewise.
    pub ended: u64,
    /// Seconds that threads spent, by what they did; of all workers together.
    pub thread_seconds: BTreeMap<String, f64>,
    /// What the pictures were.
    pub census: Census,
    /// What was done in each of so many equal parts of the time from `begun` to `ended`.
    pub over_time: Vec<TimeSlice>,
    /// What each worker did, by its name.
    pub workers: BTreeMap<String, Share>,
    /// Some of those that failed; [`examples`](fn@crate::job::examples) finds them, and here are none until somebody puts them in.
    pub examples: Vec<Example>,
}

/// What was done in a part of the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimeSlice {
    /// Records per second.
    pub records: f64,
    /// Encoded bytes per second.
    pub bytes: f64,
}

/// The report of the job in `location`, as far as it has come.
///
/// # Errors
///
/// Those of [`status`](fn@crate::job::status).
pub fn report(location: &dyn Location) -> Result<Report> {
    let (settings, looked) = both(|| Settings::read(location), || look(location));
    let settings = settings?;
    let (status, overview) = looked?;
    Ok(Report::new(settings, &status, overview))
}

impl Report {
    pub(in crate::job) fn new(settings: Settings, status: &Status, done: Overview) -> Report {
        let begun = done.spans.iter().map(|span| span.begun).min().unwrap_or(0);
        let ended = done.spans.iter().map(|span| span.ended).max().unwrap_or(0);
        Report {
            settings,
            complete: status.is_complete(),
            shards: status.shards,
            shards_done: status.done,
            records: done.records,
            over_time: over_time(&done.spans, begun, ended),
            workers: done.workers(),
            examples: Vec::new(),
            failed: done.failed,
            skipped: done.skipped,
            other_limits: done.other_limits,
            bytes: done.bytes,
            pixels: done.pixels,
            by_devices: done.by_devices,
            written: done.written,
            begun,
            ended,
            thread_seconds: done.thread_seconds,
            census: done.census,
        }
    }

    /// Puts the report into the location, in place of an older one: as `report.json`, and `page`, the same for people, as `report.html`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where they cannot be written.
    pub fn put(&self, location: &dyn Location, page: &str) -> Result<()> {
        let cannot = |error| Error::io("cannot write the report", error);
        let numbers = serde_json::to_string_pretty(self).map_err(|error| cannot(error.into()))?;
        let put = |name, content: &str| {
            let mut draft = location.draft(NOBODY)?;
            draft.write_all(content.as_bytes()).map_err(cannot)?;
            location.publish(draft, name, Publish::Replace)
        };
        let put = |name, content: &str| {
            let mut tries = (1..ATTEMPTS).map(|_| put(name, content));
            let cleared = |put: &Result<bool>| matches!(put, Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound);
            tries.find(|put| !cleared(put)).unwrap_or_else(|| put(name, content))
        };
        let (numbers, page) = both(|| put("report.json", &numbers), || put("report.html", page));
        numbers.and(page).map(drop)
    }

    /// From the first shard's begin to the last one's end, in seconds.
    pub fn seconds(&self) -> f64 {
        self.ended.saturating_sub(self.begun) as f64 / 1e3
    }
}

/// A shard's records count as spread evenly over its time.
fn over_time(done: &[Span], begun: u64, ended: u64) -> Vec<TimeSlice> {
    let span = ended.saturating_sub(begun).max(1) as f64;
    // Finer than shards are long there is nothing to see.
    let parts = (done.len() * 2).min(PARTS);
    let width = span / parts.max(1) as f64;
    let mut over_time = vec![TimeSlice::default(); parts];
    for span in done {
        let from = span.begun.saturating_sub(begun) as f64;
        let to = (span.ended.saturating_sub(begun) as f64).max(from + 1.0);
        let (records, bytes) = (span.records as f64 / (to - from), span.bytes as f64 / (to - from));
        for (number, part) in over_time.iter_mut().enumerate() {
            let start = number as f64 * width;
            let within = (to.min(start + width) - from.max(start)).max(0.0);
            part.records += records * within / width * 1e3;
            part.bytes += bytes * within / width * 1e3;
        }
    }
    over_time
}

#[cfg(test)]
pub(in crate::job) mod tests {
    use super::*;
    use crate::job::state::ledger::tests::entry;
    use crate::job::state::ledger::{ShardEntry, State};

    pub(in crate::job) fn done(at: u64, seconds: f64, records: u64, worker: &str) -> ShardEntry {
        ShardEntry {
            at,
            seconds,
            records,
            bytes: 10 * records,
            worker: worker.into(),
            ..entry(1, 0, State::Done)
        }
    }

    #[test]
    fn every_record_is_somewhere_in_the_time() {
        let entries = [done(3_000, 2.0, 100, "a"), done(9_000, 7.5, 50, "b"), done(9_000, 0.0, 7, "a")];
        let mut overview = Overview::default();
        entries.iter().for_each(|entry| overview.add(entry, false));
        let parts = over_time(&overview.spans, 1_000, 9_000);
        let seconds = 8.0 / parts.len() as f64;
        let records: f64 = parts.iter().map(|part| part.records * seconds).sum();
        let bytes: f64 = parts.iter().map(|part| part.bytes * seconds).sum();
        // The last shard took no time at all, at the very end: at most it is lost from the picture.
        assert!((records - 150.0).abs() < 7.1 && (bytes - 1_500.0).abs() < 71.0, "{records} {bytes}");
        assert!(parts[0].records > parts[5].records);
        assert_eq!(over_time(&[], 0, 0), []);
    }
}
