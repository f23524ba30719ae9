//! What the service reports about itself. No event holds a signature, a key, a query string or a picture's file name.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::hook::HookEvent;
use crate::report::OutboxEvent;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Event {
    /// A request was answered.
    Request {
        /// The header `Request-Id` of the answer.
        request_id: String,
        /// Which face was asked.
        face: &'static str,
        /// The method.
        method: String,
        /// The path's pattern, such as `/v1/galleries/{name}/reload`; empty where there is none.
        route: String,
        /// The status of the answer.
        status: u16,
        /// From the end of the head to the begin of the answer, in seconds.
        seconds: f64,
    },
    /// A gallery's file changed, and the new one is searched from now on.
    Loaded {
        /// The gallery's name.
        gallery: String,
        /// How many entries it has.
        entries: u64,
    },
    /// A gallery's file changed to what is no whole gallery, and the old one is still searched; or a new file's name is another gallery's.
    Refused {
        /// The gallery's name.
        gallery: String,
        /// Whether the file was refused for its name, which another gallery has, or one that is the same to HMA's clients.
        is_name_taken: bool,
    },
    /// A gallery is the same as the list that it follows. The counts are of entries.
    Synced {
        /// The gallery's name.
        gallery: String,
        /// New ones.
        added: u64,
        /// Those that took the place of others of their key.
        changed: u64,
        /// Those that the list took back.
        removed: u64,
        /// Those that look as if they came from no picture, and were left out.
        left_out: u64,
        /// Records that could not be read.
        bad: u64,
        /// Those of the gallery now.
        entries: u64,
        /// Whether the list was fetched from its begin.
        anew: bool,
        /// How long it took.
        seconds: f64,
    },
    /// A gallery could not be brought to the state of its list; what it has is still searched.
    SyncFailed {
        /// The gallery's name.
        gallery: String,
        /// The error's code.
        code: &'static str,
        /// What happened, and what to do.
        message: String,
    },
    /// The certificate's file changed, and is used from now on or not.
    Certificate {
        /// Whether it is used.
        taken: bool,
    },
    /// Something happened to a report.
    Report(OutboxEvent),
    /// Something happened to an event for an address of one's own.
    Hook(HookEvent),
    /// The service was asked to end.
    Ending,
    /// It ended; requests that were cut are counted.
    Ended {
        /// Connections that were closed in the middle of a request.
        cut: usize,
    },
}

impl Event {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Request { .. } => "request",
            Event::Loaded { .. } => "gallery_loaded",
            Event::Refused { .. } => "gallery_refused",
            Event::Synced { .. } => "gallery_synced",
            Event::SyncFailed { .. } => "gallery_sync_failed",
            Event::Certificate { .. } => "certificate",
            Event::Report(event) => event.name(),
            Event::Hook(event) => event.name(),
            Event::Ending => "ending",
            Event::Ended { .. } => "ended",
        }
    }
}

/// Where events go.
#[derive(Clone)]
pub struct Reporter(Arc<dyn Fn(&Event) + Send + Sync>);

impl Reporter {
    /// Calls a function with every event, on the thread where it happens: it must not block.
    pub fn new(report: impl Fn(&Event) + Send + Sync + 'static) -> Reporter {
        Reporter(Arc::new(report))
    }

    pub(crate) fn report(&self, event: &Event) {
        (self.0)(event);
    }
}

/// Events go nowhere.
impl Default for Reporter {
    fn default() -> Reporter {
        Reporter::new(|_| {})
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reporter(…)")
    }
}
