//! Galleries that follow the lists of exchanges: which there are, how far they have come, and a round by hand.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::galleries::GalleryFile;
use super::options::ServiceOptions;
use crate::clock;
use crate::error::{Error, Result};
use crate::state::State;
use crate::sync::{Follower, Outcome, Status, SyncSource};

/// The folder of such galleries, in the folder of the service.
const FOLDER: &str = "galleries";

/// All galleries that follow lists.
#[derive(Debug, Default)]
pub(crate) struct Synced {
    pub(crate) all: Vec<Arc<Followed>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) follower: Follower,
    status: Mutex<Status>,
    rounds: Mutex<Rounds>,
    /// Somebody wants a round now.
    wanted: Notify,
}

/// What the rounds of a gallery came to since the service began; times in seconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rounds {
    /// When the one that runs began.
    pub(crate) running: Option<u64>,
    /// When the last one ended, and whether the gallery then was the same as its list.
    pub(crate) ended: Option<(u64, bool)>,
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
            let (rounds, wanted) = (Mutex::default(), Notify::new());
            all.push(Arc::new(Followed { follower, status, rounds, wanted }));
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
        self.all.iter().find(|one| one.name() == name).map(|one| one.status())
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
    /// The gallery's name.
    pub(crate) fn name(&self) -> &str {
        &self.follower.source().name
    }

    /// How far it has come.
    pub(crate) fn status(&self) -> Status {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its rounds came to.
    pub(crate) fn rounds(&self) -> Rounds {
        *self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round begins now.
    pub(crate) fn begins(&self) {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).running = Some(clock::now());
    }

    /// It has ended, and whether well.
    pub(crate) fn ended(&self, well: bool) {
        *self.rounds.lock().unwrap_or_else(PoisonError::into_inner) =
            Rounds { running: None, ended: Some((clock::now(), well)) };
    }

    /// Looks again how far it has come.
    pub(crate) fn look(&self) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = self.follower.status();
    }

    /// Waits until the next round is due, or wanted.
    pub(crate) async fn rest(&self) {
        let _ = tokio::time::timeout(self.follower.source().every, self.wanted.notified()).await;
    }
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
        let others =
            if names.is_empty() { "no other does" } else { &format!("these do: {}", names.join(", ")) };
        Error::Input(format!("no gallery called {name} follows a list; {others}"))
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
