//! What the outbox reports about itself. No event holds anything of a report's content.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// What a person has to see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alarm {
    /// A report failed: the same would be refused again.
    Failed,
    /// NCMEC does not accept the credentials, and nothing is sent.
    Credentials,
    /// The finish of a report is refused, or its report is not there.
    Finish,
    /// NCMEC removed a report before it was filed; it begins anew.
    Removed,
    /// A report is not filed after an hour.
    Overdue,
    /// NCMEC has other files of a report than were uploaded.
    Files,
    /// NCMEC says that a report is filed, and nobody asked for that.
    Unasked,
    /// Nothing can be sent: the outbox, the credentials or the address cannot be used.
    Outbox,
}

impl Alarm {
    /// Every kind.
    pub const ALL: [Alarm; 8] = [
        Alarm::Failed,
        Alarm::Credentials,
        Alarm::Finish,
        Alarm::Removed,
        Alarm::Overdue,
        Alarm::Files,
        Alarm::Unasked,
        Alarm::Outbox,
    ];

    /// Its word, such as `failed`.
    pub fn name(self) -> &'static str {
        match self {
            Alarm::Failed => "failed",
            Alarm::Credentials => "credentials",
            Alarm::Finish => "finish",
            Alarm::Removed => "removed",
            Alarm::Overdue => "overdue",
            Alarm::Files => "files",
            Alarm::Unasked => "unasked",
            Alarm::Outbox => "outbox",
        }
    }
}

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
        /// What kind of alarm it is.
        alarm: Alarm,
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

    pub(crate) fn report(&self, event: &OutboxEvent) {
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
