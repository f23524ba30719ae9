//! What the delivery of events reports about itself. Nothing of an event's content or its address is in it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum HookEvent {
    /// The address took an event.
    Delivered {
        /// The event's id.
        id: String,
        /// The name of its kind.
        kind: &'static str,
        /// How many attempts that took.
        attempts: u32,
    },
    /// It is tried again later.
    Postponed {
        /// The event's id.
        id: String,
        /// The name of its kind.
        kind: &'static str,
        /// Why.
        why: String,
        /// In how many seconds.
        seconds: u64,
    },
    /// A person has to see to it.
    Alarm {
        /// The event's id; empty where it is about all of them.
        id: String,
        /// The name of its kind; likewise.
        kind: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl HookEvent {
    /// A word for it.
    pub fn name(&self) -> &'static str {
        match self {
            HookEvent::Delivered { .. } => "hook_delivered",
            HookEvent::Postponed { .. } => "hook_postponed",
            HookEvent::Alarm { .. } => "hook_alarm",
        }
    }
}

/// Where they go.
#[derive(Clone)]
pub struct HookListener(Arc<dyn Fn(&HookEvent) + Send + Sync>);

impl HookListener {
    /// Calls a function with every one, on the thread where it happens: it must not block.
    pub fn new(report: impl Fn(&HookEvent) + Send + Sync + 'static) -> HookListener {
        HookListener(Arc::new(report))
    }

    pub(super) fn report(&self, event: &HookEvent) {
        (self.0)(event);
    }
}

/// They go nowhere.
impl Default for HookListener {
    fn default() -> HookListener {
        HookListener::new(|_| {})
    }
}

impl fmt::Debug for HookListener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HookListener(…)")
    }
}
