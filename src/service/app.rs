//! What every request uses, and what a request is known by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use tokio::sync::watch;

use super::auth::Keys;
use super::banks::Banks;
use super::choices::KeptChoices;
use super::event::{Event, Reporter};
use super::fetching::Fetching;
use super::galleries::{Change, Galleries, Refusal, Set};
use super::ids::Ids;
use super::metrics::Metrics;
use super::options::{PhotoDnaLimits, ServiceLimits};
use super::permits::Permits;
use super::problem::{Answer, Problem};
use super::reports::Reports;
use super::reviewing::Reviewing;
use super::synced::Synced;
use crate::engine::{Engine, Lane, Searcher};
use crate::hook::Hooks;
use crate::signature::Algorithm;
use crate::state::State;
use crate::state::keys::Key;

/// What every request uses.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) searcher: Searcher,
    pub(crate) galleries: Galleries,
    /// Galleries that change over the network; `None` where no folder keeps them.
    pub(crate) banks: Option<Banks>,
    /// Galleries that follow lists.
    pub(crate) synced: Synced,
    /// Reports to NCMEC; `None`: none are taken.
    pub(crate) reports: Option<Reports>,
    pub(crate) permits: Permits,
    /// Which events are kept for addresses of the operator's own.
    pub(crate) hooks: Arc<Hooks>,
    /// `None`: no addresses are fetched.
    pub(crate) fetching: Option<Fetching>,
    pub(crate) limits: ServiceLimits,
    pub(crate) choices: KeptChoices,
    /// Who may ask; `None`: everybody.
    pub(crate) keys: Option<Keys>,
    /// Whether everybody on this machine may ask, and no proxy in front says who.
    pub(crate) is_open: bool,
    /// The signatures that the HMA face knows.
    pub(crate) signals: Vec<Algorithm>,
    /// Which pictures the PhotoDNA face takes.
    pub(crate) photodna_limits: PhotoDnaLimits,
    /// What the PhotoDNA face calls the source of a gallery, where that is not its name.
    pub(crate) sources: BTreeMap<String, String>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) ids: Ids,
    pub(crate) reporter: Reporter,
    pub(crate) metrics: Arc<Metrics>,
    /// The folder that keys and banks are kept in.
    pub(crate) state: Option<Arc<State>>,
    /// What a person reviews; `None` where nobody can.
    pub(crate) review: Option<Reviewing>,
    /// Whether the service itself speaks TLS.
    pub(crate) has_tls: bool,
}

impl App {
    /// The galleries that a request may see.
    pub(crate) fn set(&self, allowed: Option<&[String]>) -> Arc<Set> {
        self.galleries.now().allowed(allowed)
    }

    /// Bytes of requests, and of what is fetched for them, that are held now.
    pub(crate) fn held(&self) -> u64 {
        self.permits.taken() + self.fetching.as_ref().map_or(0, Fetching::taken)
    }

    /// Counts the further records of a request against its key's rate, whose first was paid for when it was let in; how long the key has to rest for them.
    pub(crate) fn spend(&self, ask: &Ask, further: usize) -> Duration {
        match (&self.keys, &ask.key) {
            (Some(keys), Some(key)) => keys.owe(key, further),
            _ => Duration::ZERO,
        }
    }

    /// What fetches addresses; where nothing does, a request that has one is wrong.
    pub(crate) fn fetching(&self) -> Answer<&Fetching> {
        let off = || Problem::input("addresses are not fetched here: send the picture itself");
        self.fetching.as_ref().ok_or_else(off)
    }

    /// What is reviewed, where anything can be.
    pub(crate) fn reviewing(&self) -> Answer<&Reviewing> {
        let detail = "nothing is reviewed here: that needs keys and --reports";
        self.review.as_ref().ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no_review", detail))
    }

    /// The reports, where any are taken.
    pub(crate) fn reports(&self) -> Answer<&Reports> {
        let detail = "this service takes no reports: start it with --reports";
        self.reports.as_ref().ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no_reports", detail))
    }

    /// Takes changed galleries in, and reports them.
    pub(crate) fn refresh(&self, only: Option<&str>) {
        for Change { name, outcome } in self.galleries.refresh(only) {
            self.reporter.report(&match outcome {
                Ok(entries) => Event::Loaded { gallery: name, entries },
                Err(refusal) => Event::Refused { gallery: name, is_name_taken: refusal == Refusal::Name },
            });
        }
    }
}

/// How far the service's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything is served.
    Serving,
    /// Everything is served, but `/readyz` says that it ends.
    Ending,
    /// Nothing more is accepted; what is in flight is finished.
    Closing,
}

/// What the front finds out about a request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) request_id: String,
    /// The galleries that the key may see; `None`: all.
    pub(crate) galleries: Option<Vec<String>>,
    pub(crate) lane: Lane,
    /// Whether the answer says how far apart signatures are.
    pub(crate) distances: bool,
    /// The key of the request, where one is needed.
    key: Option<Arc<Key>>,
    /// How long the answer may take, once the body is there.
    patience: Duration,
}

impl Ask {
    /// Reads the headers `Priority` (RFC 9218) and `Request-Timeout`, in seconds.
    pub(crate) fn of(headers: &HeaderMap, limits: &ServiceLimits, request_id: &str) -> Answer<Ask> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let patience = match headers.get("request-timeout") {
            None => limits.answer,
            Some(_) => {
                let seconds = text("request-timeout").and_then(|text| text.trim().parse::<f64>().ok());
                let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let wrong = || Problem::input("the header Request-Timeout must be a number of seconds");
                seconds.ok_or_else(wrong)?.min(limits.answer)
            }
        };
        let (request_id, lane) = (request_id.to_string(), lane(text("priority")));
        Ok(Ask { request_id, galleries: None, lane, distances: true, key: None, patience })
    }

    /// Holds the request to what its key may see and do.
    pub(crate) fn hold_to(&mut self, key: &Arc<Key>) {
        self.key = Some(key.clone());
        self.galleries.clone_from(&key.galleries);
        self.distances = !key.no_distances;
        if key.bulk {
            self.lane = Lane::Bulk;
        }
    }

    /// The id of its key, where one is needed.
    pub(crate) fn key_id(&self) -> Option<String> {
        self.key.as_ref().map(|key| key.id.clone())
    }

    /// Who asks, as the audit log names it: the id of a key is no secret.
    pub(crate) fn who(&self) -> String {
        self.key_id().unwrap_or_else(|| "anybody".into())
    }

    /// Refuses a name that the key may not see: the answer says nothing about whether there is such a gallery.
    pub(crate) fn check_name(&self, name: &str) -> Answer<()> {
        if self.galleries.as_ref().is_none_or(|allowed| allowed.iter().any(|one| one == name)) {
            return Ok(());
        }
        let detail = "name: the key is held to some galleries, and this is none of them";
        Err(Problem::new(StatusCode::FORBIDDEN, "gallery", detail))
    }

    /// When the caller has no more use for the answer.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// The same once so much of its time is spent.
    pub(crate) fn after(&self, spent: Duration) -> Ask {
        Ask { patience: self.patience.saturating_sub(spent), ..self.clone() }
    }
}

/// Urgency 0 is the greatest, 3 the usual, and 5 and beyond is for what can wait.
fn lane(priority: Option<&str>) -> Lane {
    let items = priority.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    let urgency = items.filter_map(|item| item.strip_prefix("u=")).find_map(|text| text.parse::<u8>().ok());
    if urgency.is_some_and(|urgency| (5..=7).contains(&urgency)) { Lane::Bulk } else { Lane::Interactive }
}

/// Does something of which nobody needs the answer after the deadline; what is not done by then is dropped.
pub(crate) async fn until<T>(deadline: Instant, work: impl Future<Output = Answer<T>>) -> Answer<T> {
    tokio::time::timeout_at(deadline.into(), work).await.unwrap_or_else(|_| Err(Problem::deadline()))
}

/// Does what takes long, and is neither hashing nor searching, where no other request waits for it.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Problem::internal("this is a bug, please report it")))
}

/// The app as handlers share it.
pub(crate) type Shared = Arc<App>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_choose_lane_and_patience() {
        for (priority, expected) in [
            (None, Lane::Interactive),
            (Some("u=7"), Lane::Bulk),
            (Some("i, u=5"), Lane::Bulk),
            (Some("u=4"), Lane::Interactive),
            (Some("u=99, x"), Lane::Interactive),
        ] {
            assert_eq!(lane(priority), expected, "{priority:?}");
        }
        let limits = ServiceLimits::default();
        let patience = |text: &str| {
            let headers = [("request-timeout".parse().unwrap(), text.parse().unwrap())].into_iter().collect();
            Ask::of(&headers, &limits, "").map(|ask| ask.patience)
        };
        assert_eq!(patience("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(patience("1e9"), Ok(limits.answer));
        for wrong in ["", "-1", "NaN", "soon", "inf"] {
            assert_eq!(patience(wrong).unwrap_err().status, 400, "{wrong}");
        }
    }
}
