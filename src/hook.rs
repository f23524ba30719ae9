//! Events that are posted to addresses of the operator's own: signed, and at least once.
//!
//! An event is kept in the transaction of what it is about, so there is never one without the other. A [`HookSender`] posts it as
//! `{"id","kind","time","attempt","data"}` until the address answers with 2xx, for 30 days. `docs/reports.md` says what a receiver has to do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use rusqlite::Connection;
use serde_json::Value;

use crate::credential::Credential;
use crate::error::{Error, Result};

mod address;
mod client;
mod event;
mod options;
mod queue;
mod sender;
mod signature;
mod store;
#[cfg(test)]
mod tests;
mod thread;

pub use event::{HookEvent, HookListener};
pub use options::HookOptions;
pub use queue::{HookCounts, HookItem, HookState};
pub use sender::{HookNext, HookSender};
pub use store::HookStore;
pub(crate) use store::counts;
#[cfg(feature = "service")]
pub(crate) use store::keep;
pub use thread::HookThread;

/// What events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// A picture matched.
    Match,
    /// A person decided about one.
    Decision,
    /// A report is filed.
    ReportFinished,
    /// What was filed has to be preserved.
    Preserve,
}

impl HookKind {
    /// Every kind.
    pub const ALL: [HookKind; 4] =
        [HookKind::Match, HookKind::Decision, HookKind::ReportFinished, HookKind::Preserve];

    /// The name: `match`, `decision`, `report.finished` or `preserve`.
    pub fn name(self) -> &'static str {
        match self {
            HookKind::Match => "match",
            HookKind::Decision => "decision",
            HookKind::ReportFinished => "report.finished",
            HookKind::Preserve => "preserve",
        }
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for HookKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<HookKind> {
        HookKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let names = HookKind::ALL.map(HookKind::name).join(", ");
            Error::Input(format!("unknown kind of hook {text:?}: the choice is {names}"))
        })
    }
}

/// Which events are kept, and where they go.
#[derive(Clone)]
pub(crate) struct Hooks {
    addresses: [Option<Url>; HookKind::ALL.len()],
    secret: Option<Credential>,
    #[cfg(any(test, feature = "service"))]
    all_matches: bool,
    timeout: Duration,
    pause: Duration,
    /// How many were delivered since the process began.
    pub(crate) delivered: Arc<AtomicU64>,
}

/// An address may hold what only its owner knows.
impl fmt::Debug for Hooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = self.kinds().into_iter().map(HookKind::name).collect();
        formatter.debug_struct("Hooks").field("kinds", &kinds).finish_non_exhaustive()
    }
}

/// No event is kept.
impl Default for Hooks {
    fn default() -> Hooks {
        Hooks {
            addresses: Default::default(),
            secret: None,
            #[cfg(any(test, feature = "service"))]
            all_matches: false,
            timeout: options::TIMEOUT,
            pause: options::PAUSE,
            delivered: Arc::default(),
        }
    }
}

impl Hooks {
    /// What the configuration says.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for an address to which nothing may go.
    pub(crate) fn of(options: Option<&HookOptions>) -> Result<Hooks> {
        let Some(options) = options else { return Ok(Hooks::default()) };
        let mut addresses: [Option<Url>; HookKind::ALL.len()] = Default::default();
        for (place, kind) in addresses.iter_mut().zip(HookKind::ALL) {
            let url = options.urls.get(&kind).or(options.url.as_ref());
            *place = url.map(|url| address::address(kind, url, options.plain)).transpose()?;
        }
        Ok(Hooks {
            addresses,
            secret: Some(options.secret.clone()),
            #[cfg(any(test, feature = "service"))]
            all_matches: options.all_matches,
            timeout: options.timeout,
            pause: options.pause,
            delivered: Arc::default(),
        })
    }

    fn address(&self, kind: HookKind) -> Option<&Url> {
        let place = HookKind::ALL.iter().position(|known| *known == kind)?;
        self.addresses[place].as_ref()
    }

    /// Kinds that have an address.
    fn kinds(&self) -> Vec<HookKind> {
        HookKind::ALL.into_iter().filter(|kind| self.wants(*kind)).collect()
    }

    /// Whether any events are.
    #[cfg(feature = "service")]
    pub(crate) fn wants_any(&self) -> bool {
        self.addresses.iter().any(Option::is_some)
    }

    /// Whether events of this kind are kept.
    pub(crate) fn wants(&self, kind: HookKind) -> bool {
        self.address(kind).is_some()
    }

    /// Whether those of a match are: of each, or only of one that opens an item for review.
    #[cfg(any(test, feature = "service"))]
    pub(crate) fn wants_match(&self, is_reviewed: bool) -> bool {
        self.wants(HookKind::Match) && (is_reviewed || self.all_matches)
    }

    /// Keeps an event until it is delivered, within the caller's transaction, which has to be one that writes. Nothing is kept where its kind has no address.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is too large, or cannot be written.
    #[cfg(any(test, feature = "service"))]
    pub(crate) fn enqueue(
        &self,
        connection: &Connection,
        kind: HookKind,
        data: &Value,
        now: SystemTime,
    ) -> Result<()> {
        self.add(connection, kind, data, now)
            .map_err(|error| Error::Input(format!("the queue of hooks: {error}")))
    }

    /// The same with the error of the file.
    pub(crate) fn add(
        &self,
        connection: &Connection,
        kind: HookKind,
        data: &Value,
        now: SystemTime,
    ) -> rusqlite::Result<()> {
        match self.wants(kind) {
            true => queue::add(connection, kind, data, now),
            false => Ok(()),
        }
    }
}
