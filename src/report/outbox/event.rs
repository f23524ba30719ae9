//! What the outbox reports about itself. No event holds anything of a report's content.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum OutboxEvent {
    /// A report is kept.
    Queued {
        /// The report's id.
        id: String,
        /// `test` or `production`.
        mode: &'static str,
    },
    /// NCMEC has the report, and nothing is filed yet.
    Opened {
        /// The report's id.
        id: String,
        /// NCMEC's number.
        report_id: u64,
    },
    /// It is filed.
    Finished {
        /// The report's id.
        id: String,
        /// NCMEC's number.
        report_id: u64,
    },
    /// It is tried again later.
    Postponed {
        /// The report's id.
        id: String,
        /// Why.
        why: String,
        /// In how many seconds.
        seconds: u64,
    },
    /// It was taken back before it was filed.
    Retracted {
        /// The report's id.
        id: String,
    },
    /// What it held is erased.
    Erased {
        /// The report's id.
        id: String,
    },
    /// A person has to see to it.
    Alarm {
        /// The report's id; empty where it is about all of them.
        id: String,
        /// What is wrong.
        why: String,
    },
}

impl OutboxEvent {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            OutboxEvent::Queued { .. } => "report_queued",
            OutboxEvent::Opened { .. } => "report_opened",
            OutboxEvent::Finished { .. } => "report_finished",
            OutboxEvent::Postponed { .. } => "report_postponed",
            OutboxEvent::Retracted { .. } => "report_retracted",
            OutboxEvent::Erased { .. } => "report_erased",
            OutboxEvent::Alarm { .. } => "report_alarm",
        }
    }
}

/// Where events go.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(&OutboxEvent) + Send + Sync>);

impl Listener {
    /// Calls a function with every event, on the thread where it happens: it must not block.
    pub fn new(report: impl Fn(&OutboxEvent) + Send + Sync + 'static) -> Listener {
        Listener(Arc::new(report))
    }

    pub(super) fn report(&self, event: &OutboxEvent) {
        (self.0)(event);
    }
}

/// Events go nowhere.
impl Default for Listener {
    fn default() -> Listener {
        Listener::new(|_| {})
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener(…)")
    }
}
