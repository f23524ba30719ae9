//! Galleries that follow the lists of exchanges: a loop for each, which no request waits for.
//!
//! The loops run on the threads that serve, and only wait there; files are read and written on tokio's threads for blocking work. A gallery that was written is
//! searched from then on, even in the middle of a round.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::app::Shared;
use super::event::Event;
use super::galleries::GalleryFile;
use super::options::ServiceOptions;
use super::state::State;
use crate::error::{Error, Result};
use crate::sync::{Follower, Outcome, Status, SyncSource};

/// The folder of such galleries, in the folder of the service.
const FOLDER: &str = "galleries";

/// All galleries that follow lists.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    all: Vec<Arc<Followed>>,
}

/// One of them.
#[derive(Debug)]
struct Followed {
    follower: Follower,
    status: Mutex<Status>,
    /// Somebody wants a round now.
    wanted: Notify,
}

impl Synced {
    /// Those of these sources, in the folder of the service.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where there is no such folder, or two sources have one name.
    pub(crate) fn of(sources: &[SyncSource], data: Option<&Path>) -> Result<Synced> {
        let mut all: Vec<Arc<Followed>> = Vec::new();
        for source in sources {
            if all.iter().any(|one| one.name() == source.name) {
                return Err(Error::Input(format!("two galleries are called {}", source.name)));
            }
            let follower = follower(source, data)?;
            let status = Mutex::new(follower.status());
            all.push(Arc::new(Followed { follower, status, wanted: Notify::new() }));
        }
        Ok(Synced { all })
    }

    /// Their files, which need not be there yet.
    pub(crate) fn files(&self) -> Vec<GalleryFile> {
        let file = |one: &Arc<Followed>| GalleryFile {
            name: Some(one.name().to_string()),
            path: one.follower.gallery(),
        };
        self.all.iter().map(file).collect()
    }

    /// How far a gallery has come; `None` where it follows no list.
    pub(crate) fn status(&self, name: &str) -> Option<Status> {
        let one = self.all.iter().find(|one| one.name() == name)?;
        Some(*one.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for a round now, or once the one that runs has ended; whether there is such a gallery.
    pub(crate) fn ask(&self, name: &str) -> bool {
        let one = self.all.iter().find(|one| one.name() == name);
        one.is_some_and(|one| {
            one.wanted.notify_one();
            true
        })
    }
}

impl Followed {
    fn name(&self) -> &str {
        &self.follower.source().name
    }

    /// Round after round, for ever.
    async fn follow(self: Arc<Followed>, app: Shared) {
        loop {
            self.round(&app).await;
            let _ = tokio::time::timeout(self.follower.source().every, self.wanted.notified()).await;
        }
    }

    async fn round(&self, app: &Shared) {
        let began = Instant::now();
        let (name, refreshed) = (self.name().to_string(), app.clone());
        let written = {
            let name = name.clone();
            move || refreshed.refresh(Some(&name))
        };
        let outcome = self.follower.round(false, written).await;
        let follower = self.follower.clone();
        if let Ok(now) = tokio::task::spawn_blocking(move || follower.status()).await {
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        let seconds = began.elapsed().as_secs_f64();
        app.metrics.synced(&name, seconds, outcome.as_ref().ok());
        app.reporter.report(&match outcome {
            Ok(outcome) => event(name, outcome, seconds),
            Err(error) => Event::SyncFailed { gallery: name, code: error.code(), message: error.to_string() },
        });
    }
}

fn event(gallery: String, outcome: Outcome, seconds: f64) -> Event {
    let Outcome { added, changed, removed, left_out, bad, entries, anew, .. } = outcome;
    Event::Synced { gallery, added, changed, removed, left_out, bad, entries, anew, seconds }
}

/// Follows every list, until the task is dropped.
pub(crate) async fn follow(app: Shared) {
    let loops = app.synced.all.iter().map(|one| one.clone().follow(app.clone()));
    futures_util::future::join_all(loops.collect::<Vec<_>>()).await;
}

/// One round of one gallery by hand, while no service runs with the same folder. `accept_shrink` lets the list lose more than a tenth of its entries.
///
/// # Errors
///
/// [`Error::Input`] where no source has this name, or a service owns the folder; those of [`Follower::round`].
pub fn sync_by_hand(options: &ServiceOptions, name: &str, accept_shrink: bool) -> Result<Outcome> {
    let source = options.sync.iter().find(|source| source.name == name);
    let source = source.ok_or_else(|| {
        let names: Vec<&str> = options.sync.iter().map(|source| source.name.as_str()).collect();
        Error::Input(format!("no gallery called {name} follows a list; these do: [{}]", names.join(", ")))
    })?;
    let follower = follower(source, options.data.as_deref())?;
    let data = options.data.as_deref().unwrap_or(Path::new("."));
    let Some(_owner) = State::lock(data)? else {
        return Err(Error::Input(format!(
            "a service runs with the data in {} and keeps {name} in step itself, every {} s: ask it for a round by POST /v1/galleries/{name}/reload, or end \
             it first",
            data.display(),
            source.every.as_secs_f64()
        )));
    };
    follower.round_by_itself(accept_shrink)
}

fn follower(source: &SyncSource, data: Option<&Path>) -> Result<Follower> {
    let data = data.ok_or_else(|| {
        Error::Input(
            "galleries that follow lists are kept in the folder of the service: give one (--data)".into(),
        )
    })?;
    Follower::new(source.clone(), data.join(FOLDER))
}
