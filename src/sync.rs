//! Galleries that are kept the same as an exchange's list: NCMEC's hash sharing, StopNCII, ThreatExchange.
//!
//! A round asks for what has changed since the last one, page after page. The gallery's file is written first, then the checkpoint that says how far it
//! has come: a process that is killed repeats and never skips. What is repeated changes nothing, because entries are known by key and time.
//!
//! ```no_run
//! use shadegrid::sync::{Credential, Exchange, Follower, SyncSource};
//!
//! # fn main() -> shadegrid::Result<()> {
//! let password = Credential::File("ncmec.password".into());
//! let exchange = Exchange::Ncmec { user: "example".into(), password };
//! let source = SyncSource::new("ncmec", "https://hashsharing.example/hashsharing", exchange)?;
//! let outcome = Follower::new(source, "galleries")?.round_by_itself(false)?;
//! println!("{} added, {} removed, {} now", outcome.added, outcome.removed, outcome.entries);
//! # Ok(())
//! # }
//! ```
//!
//! # What can go wrong, and what happens
//!
//! | the exchange | |
//! | --- | --- |
//! | answers 429, 5xx, nothing, or half an answer | the request is sent again, with pauses of up to 60 s; then the round ends, and the next one resumes |
//! | gives a page again, or pages in another order | an entry's newest state counts, whenever it arrives |
//! | gives a page most of whose records cannot be read | the round ends |
//! | gives pages, texts or addresses without end | they are bounded, and so is what is kept of them |
//! | has forgotten where we were | the window begins again |
//! | names another host for the next page, or leads in circles | the round ends |
//! | would take away more than a tenth of the list, or of its signatures | nothing is written until a person agrees |
//! | no longer knows what was removed since the last round | the list is fetched anew into another file, which then takes the place of the first |

use std::path::PathBuf;

use crate::error::{Error, Result};

mod blocking;
mod changes;
mod checkpoint;
mod client;
mod date;
mod entries;
mod exchange;
mod json;
mod ncmec;
mod place;
mod round;
mod source;
mod stopncii;
mod threatexchange;

pub use round::Outcome;
pub use source::{Exchange, SyncSource};

pub use crate::credential::Credential;

use checkpoint::Checkpoint;
use place::Place;
use round::Round;

/// A gallery that follows an exchange's list.
#[derive(Debug, Clone)]
pub struct Follower {
    source: SyncSource,
    folder: PathBuf,
}

/// How far a gallery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// When it last was the same as the list, in seconds since 1970; `None`: never yet.
    pub synced: Option<u64>,
    /// Whether it is not the list yet, or so old that the exchange no longer says what was removed.
    pub stale: bool,
    /// What changed on the list before this time is in the gallery, in seconds since 1970; `None`: nothing yet.
    pub reached: Option<u64>,
}

impl Follower {
    /// The gallery of a source is `NAME.gallery` in this folder, which is made where it is missing, next to what is known of its state.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the folder cannot be made.
    pub fn new(source: SyncSource, folder: impl Into<PathBuf>) -> Result<Follower> {
        let folder = folder.into();
        crate::private::folder(&folder)
            .map_err(|error| Error::io(format!("cannot make {}", folder.display()), error))?;
        Ok(Follower { source, folder })
    }

    /// What is followed.
    pub fn source(&self) -> &SyncSource {
        &self.source
    }

    /// The gallery's file.
    pub fn gallery(&self) -> PathBuf {
        Place::main(&self.folder, &self.source.name).gallery
    }

    /// How far it has come.
    pub fn status(&self) -> Status {
        let place = Place::main(&self.folder, &self.source.name);
        let checkpoint = Checkpoint::read(&place.checkpoint).ok().flatten();
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.identity == self.source.identity());
        let is_stale = |checkpoint: &Checkpoint| {
            checkpoint.synced.is_none()
                || checkpoint.is_stale(self.source.exchange.stale_after(), date::now())
        };
        Status {
            synced: checkpoint.as_ref().and_then(|checkpoint| checkpoint.synced),
            stale: checkpoint.as_ref().is_none_or(is_stale),
            reached: checkpoint.map(|checkpoint| checkpoint.from).filter(|from| *from > 0),
        }
    }

    /// Brings the gallery to the list's state. `written` is called, on a thread for blocking work, whenever the gallery's file has changed; `accept_shrink` lets
    /// the list lose more than a tenth of its entries or their signatures. One round at a time, by one process.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the exchange cannot be asked or a file cannot be written, [`Error::Input`] for what a person has to decide or set right,
    /// [`Error::Corrupt`] where the exchange's answers, or the gallery's file, make no sense. What was written before stays.
    pub async fn round(
        &self,
        accept_shrink: bool,
        written: impl Fn() + Send + Sync + 'static,
    ) -> Result<Outcome> {
        Round::begin(&self.source, &self.folder, accept_shrink, std::sync::Arc::new(written))
            .await?
            .run()
            .await
    }

    /// The same where nothing asynchronous runs.
    ///
    /// # Errors
    ///
    /// Those of [`round`](Follower::round).
    pub fn round_by_itself(&self, accept_shrink: bool) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot start the round", error))?;
        runtime.block_on(self.round(accept_shrink, || {}))
    }
}
