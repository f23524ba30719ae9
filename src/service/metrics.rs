//! What the service counts as it happens. Nothing from a request becomes a label: routes are patterns.

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::decode::helpers_ended;
use crate::engine::{HashTimes, SearchBatch};
use crate::report::Alarm;
use crate::sync::Outcome;

/// What is counted as it happens.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram>,
    shed: Family<Shed, Counter>,
    records: Family<Code, Counter>,
    matches: Family<Gallery, Counter>,
    phases: Family<Phase, Histogram>,
    batches: Histogram,
    pictures: Counter,
    lookups: Counter,
    refused: Counter,
    sync_seconds: Family<Gallery, Histogram>,
    sync_entries: Family<SyncChange, Counter>,
    sync_failed: Family<Gallery, Counter>,
    alarms: Family<AlarmKind, Counter>,
}

/// What was counted since the start, of everything.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Totals {
    /// Pictures with a record, errors among them.
    pictures: u64,
    /// Records that were looked up.
    lookups: u64,
    /// Requests that were turned away.
    refused: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    face: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    face: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Shed {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Gallery {
    gallery: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SyncChange {
    gallery: String,
    change: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlarmKind {
    kind: &'static str,
}

/// The parts of a request's time: its body, the queues, and the work for its pictures and look-ups.
const PHASES: [&str; 5] = ["read", "wait", "decode", "hash", "search"];

impl Default for Metrics {
    fn default() -> Metrics {
        // 1 ms to 33 s.
        let histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        // 0.1 s to an hour.
        let long: fn() -> Histogram = || Histogram::new(exponential_buckets(0.1, 2.0, 16));
        // 10 µs to 42 s.
        let phase = || Histogram::new(exponential_buckets(0.00001, 2.0, 23));
        let phases = Family::new_with_constructor(phase as fn() -> Histogram);
        for phase in PHASES {
            // What did not happen yet is shown as 0.
            drop(phases.get_or_create(&Phase { phase }));
        }
        let alarms = Family::default();
        for alarm in Alarm::ALL {
            drop(alarms.get_or_create(&AlarmKind { kind: alarm.name() }));
        }
        Metrics {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            shed: Family::default(),
            records: Family::default(),
            matches: Family::default(),
            phases,
            batches: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            pictures: Counter::default(),
            lookups: Counter::default(),
            refused: Counter::default(),
            sync_seconds: Family::new_with_constructor(long),
            sync_entries: Family::default(),
            sync_failed: Family::default(),
            alarms,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub(crate) fn answered(&self, face: &'static str, route: &str, status: u16, seconds: f64) {
        let route = if route.is_empty() { "none".to_string() } else { route.to_string() };
        self.requests.get_or_create(&Request { face, route: route.clone(), status }).inc();
        self.seconds.get_or_create(&Route { face, route }).observe(seconds);
    }

    /// A request was turned away, and why.
    pub(crate) fn shed(&self, reason: &'static str) {
        self.shed.get_or_create(&Shed { reason }).inc();
        self.refused.inc();
    }

    /// A picture got its record; `ok`, or the code of its error.
    pub(crate) fn record(&self, code: &'static str) {
        self.records.get_or_create(&Code { code }).inc();
        self.pictures.inc();
    }

    /// So many records were looked up.
    pub(crate) fn looked_up(&self, records: usize) {
        self.lookups.inc_by(records as u64);
    }

    /// A body arrived, once its bytes were lent.
    pub(crate) fn read(&self, took: Duration) {
        self.phase("read", took);
    }

    /// A picture was hashed, or found to be none.
    pub(crate) fn hashed(&self, times: &HashTimes) {
        self.phase("wait", times.waited);
        self.phase("decode", times.decoding);
        self.phase("hash", times.hashing);
    }

    /// Records were looked up at once.
    pub(crate) fn searched(&self, batch: &SearchBatch) {
        batch.waited.iter().for_each(|waited| self.phase("wait", *waited));
        self.phase("search", batch.took);
        self.batches.observe(batch.records as f64);
    }

    fn phase(&self, phase: &'static str, took: Duration) {
        self.phases.get_or_create(&Phase { phase }).observe(took.as_secs_f64());
    }

    /// The sums.
    pub(crate) fn totals(&self) -> Totals {
        Totals { pictures: self.pictures.get(), lookups: self.lookups.get(), refused: self.refused.get() }
    }

    /// An entry of a gallery matched.
    pub(crate) fn matched(&self, gallery: &str) {
        self.matches.get_or_create(&Gallery { gallery: gallery.to_string() }).inc();
    }

    /// A round of a gallery that follows a list ended; `None`: it failed.
    pub(crate) fn synced(&self, gallery: &str, seconds: f64, outcome: Option<&Outcome>) {
        let label = Gallery { gallery: gallery.to_string() };
        let failed = self.sync_failed.get_or_create(&label).clone();
        let Some(outcome) = outcome else {
            failed.inc();
            return;
        };
        self.sync_seconds.get_or_create(&label).observe(seconds);
        for (change, count) in [
            ("added", outcome.added),
            ("changed", outcome.changed),
            ("removed", outcome.removed),
            ("left_out", outcome.left_out),
            ("bad", outcome.bad),
        ] {
            let label = SyncChange { gallery: gallery.to_string(), change };
            self.sync_entries.get_or_create(&label).inc_by(count);
        }
    }

    /// A person has to see to a report.
    pub(crate) fn alarm(&self, alarm: Alarm) {
        self.alarms.get_or_create(&AlarmKind { kind: alarm.name() }).inc();
    }

    /// Shows the counts among others.
    pub(crate) fn register(&self, registry: &mut Registry) {
        // The library ends every description with a dot.
        registry.register("shadegrid_http_requests", "Requests answered", self.requests.clone());
        registry.register("shadegrid_http_seconds", "Time to the begin of an answer", self.seconds.clone());
        registry.register("shadegrid_shed", "Requests turned away, by why", self.shed.clone());
        registry.register("shadegrid_records", "Pictures with a record, by its code", self.records.clone());
        registry.register_collector(Box::new(Helpers));
        registry.register("shadegrid_lookups", "Records looked up", self.lookups.clone());
        registry.register("shadegrid_matches", "Matches, by gallery", self.matches.clone());
        let help = "Time that a gallery took to follow its list, by round";
        registry.register("shadegrid_sync_seconds", help, self.sync_seconds.clone());
        let help = "Entries of lists that are followed, by what became of them";
        registry.register("shadegrid_sync_entries", help, self.sync_entries.clone());
        registry.register("shadegrid_sync_failed", "Rounds that failed", self.sync_failed.clone());
        let help = "Alarms about reports, which a person has to see to, by kind";
        registry.register("shadegrid_outbox_alarms", help, self.alarms.clone());
        let help = "Time of bodies (read), of pictures and look-ups in queues (wait), of pictures (decode, hash), of batches (search)";
        registry.register("shadegrid_phase_seconds", help, self.phases.clone());
        registry.register("shadegrid_batch_size", "Records looked up at once", self.batches.clone());
    }
}

/// How many processes that decode had to be started again.
#[derive(Debug)]
struct Helpers;

impl Collector for Helpers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let ended = ConstCounter::new(helpers_ended());
        let help = "Processes that decode AVIF and HEIC that ended with their picture.";
        let described =
            encoder.encode_descriptor("shadegrid_helper_restarts", help, None, ended.metric_type());
        ended.encode(described?)
    }
}
