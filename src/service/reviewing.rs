//! What is reviewed, for whoever serves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::reports::Reports;
use crate::decode::DetailChoice;
use crate::engine::Engine;
use crate::error::Result;
use crate::hasher::{Alpha, Faces, HashOptions};
use crate::hook::Hooks;
use crate::review::Review;
use crate::signature::Algorithm;
use crate::state::State;

/// The longest side of a picture that leaves here, in pixels.
const LONGEST: u32 = 400;

/// What is reviewed, and how its pictures are read.
#[derive(Debug)]
pub(crate) struct Reviewing {
    review: Review,
    /// How pictures are read that are shown.
    pub(crate) shown: Arc<HashOptions>,
    waiting: AtomicU64,
}

impl Reviewing {
    /// The review in the folder of the reports; `None` where no reports are taken, since without them there is no evidence.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::error::Error::Input) where its rows cannot be read.
    pub(crate) fn open(
        state: Option<&Arc<State>>,
        reports: Option<&Reports>,
        hooks: &Arc<Hooks>,
        engine: &Engine,
    ) -> Result<Option<Reviewing>> {
        let Some((state, reports)) = state.zip(reports) else { return Ok(None) };
        let evidence = reports.outbox().evidence().clone();
        let review = Review::open(state.clone(), evidence, hooks.clone())?;
        let options = (**engine.options()).clone().algorithms(vec![Algorithm::PhotoDna, Algorithm::Pdq]);
        let options =
            options.orientations(false).faces(Faces::All).alpha(Alpha::Drop).thumbnail(Some(LONGEST));
        let decode = options.decode.clone().detail(DetailChoice::Full);
        let waiting = AtomicU64::new(review.waiting()?);
        Ok(Some(Reviewing { review, shown: Arc::new(options.decode(decode)), waiting }))
    }

    /// Counts again. What cannot be counted now is counted the next time.
    pub(crate) fn count(&self) {
        if let Ok(waiting) = self.review.waiting() {
            self.waiting.store(waiting, Ordering::Relaxed);
        }
    }

    /// How many items waited for a decision when they were counted last.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// What is reviewed.
    pub(crate) fn review(&self) -> &Review {
        &self.review
    }
}
