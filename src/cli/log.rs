//! What a long run says while it runs: a bar and a summary for people, or one JSON object a line for machines.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use shadegrid::Error;
use shadegrid::job::{Event, Finish, Snapshot};

use super::console;

/// The form of what is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// A progress bar where it is a terminal, and a summary.
    Text,
    /// One JSON object a line: `time` in milliseconds since 1970, `event`, and what belongs to it.
    Json,
}

/// Says that the run begins.
pub(crate) fn started(out: &str) {
    line("started", &json!({ "out": out, "engine": concat!("shadegrid ", env!("CARGO_PKG_VERSION")) }));
}

/// Says what happened.
pub(crate) fn event(event: &Event) {
    // Failed inputs are counted in what else is said, and named in the records.
    if !matches!(event, Event::InputFailed { .. }) {
        line(event.name(), event);
    }
}

/// Says how the run ended.
pub(crate) fn ended(now: &Snapshot, finish: Finish) {
    let finish = if finish == Finish::Complete { "complete" } else { "stopped" };
    let mut said = json!({ "worker_seconds": now.elapsed.as_secs_f64(), "records": now.records, "failed": now.failed,
        "skipped": now.skipped, "bytes": now.bytes, "pixels": now.pixels, "shards": now.shards });
    if let Some(matched) = now.matched {
        said["matched"] = matched.into();
    }
    line(finish, &said);
}

/// Says what ended the run.
pub(crate) fn failed(error: &Error) {
    line("failed", &json!({ "code": error.code(), "message": error.to_string() }));
}

/// Says where a service listens.
#[cfg(feature = "service")]
pub(crate) fn listening(address: std::net::SocketAddr, hma: Option<std::net::SocketAddr>) {
    line(
        "listening",
        &json!({ "address": address, "hma": hma, "engine": concat!("shadegrid ", env!("CARGO_PKG_VERSION")) }),
    );
}

/// Says what happened in a service.
#[cfg(feature = "service")]
pub(crate) fn served(event: &shadegrid::service::Event) {
    line(event.name(), event);
}

/// Says what happened to a report.
#[cfg(feature = "report")]
pub(crate) fn reported(event: &shadegrid::report::OutboxEvent) {
    line(event.name(), event);
}

/// Says what happened to an event for a hook.
#[cfg(feature = "report")]
pub(crate) fn hooked(event: &shadegrid::hook::HookEvent) {
    line(event.name(), event);
}

#[derive(Serialize)]
struct Line<'a, T> {
    time: u64,
    event: &'a str,
    #[serde(flatten)]
    what: &'a T,
}

fn line(name: &str, what: &impl Serialize) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64);
    if let Ok(line) = serde_json::to_string(&Line { time, event: name, what }) {
        console::say_json(line);
    }
}
