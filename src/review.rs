//! Matches that a person looks at: an item for each, decided once, and none lost.
//!
//! ```text
//! open ──lease──▶ decided: confirmed │ rejected │ unsure ──lease, by somebody else──▶ decided
//! ```
//!
//! A match that asks for it keeps its picture as evidence and opens an item. A picture that was there before, or that looks like the first one of an item,
//! joins that item. Who decides holds the item's lease, so no two people decide at once, and what a person leaves behind goes back to the queue. Every change
//! stands in the audit, and is announced, in the transaction that makes it.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::hook::Hooks;
use crate::report::Evidence;
use crate::state::State;

mod acts;
mod item;
mod near;
mod people;
mod reading;
mod rows;
#[cfg(test)]
mod tests;

use item::Found;
pub(crate) use item::{
    Added, Arrived, Decided, Decision, Entry, Filter, Item, ItemState, Matched, Picture, Summary, Verdict,
};
pub(crate) use near::Look;
use near::{Known, Near};
pub(crate) use people::{Blur, Settings, Sitting};
use rows::Rows;

/// How long a person holds an item, in milliseconds: 10 minutes.
pub(crate) const LEASE: i64 = 600_000;

/// What is reviewed in a folder.
#[derive(Debug)]
pub(crate) struct Review {
    state: Arc<State>,
    evidence: Arc<Evidence>,
    hooks: Arc<Hooks>,
    known: Mutex<Near>,
}

/// Why something is not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no such item or picture.
    Missing,
    /// Somebody else holds it.
    Held,
    /// Whoever asks does not hold it, or no longer.
    NotHeld,
    /// It is in another state than this needs.
    State(ItemState),
    /// It could not be read or written.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}

/// What may be refused.
pub(crate) type Refusable<T> = Result<T, Refusal>;

impl Review {
    /// What is reviewed in an open folder, whose evidence this is, and where it is announced.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub(crate) fn open(state: Arc<State>, evidence: Arc<Evidence>, hooks: Arc<Hooks>) -> Result<Review> {
        let known = Rows { state: &state, hooks: &hooks }.read(reading::known)?;
        Ok(Review { state, evidence, hooks, known: Mutex::new(Near::of(known)) })
    }

    fn rows(&self) -> Rows<'_> {
        Rows { state: &self.state, hooks: &self.hooks }
    }

    /// Keeps a picture that matched, and opens an item for it unless it belongs to one. Once it returns, picture and item are on the disk. `now` is in
    /// milliseconds since 1970, here and below.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Input`] where it cannot be kept.
    pub(crate) fn add(&self, bytes: &[u8], matched: &Matched, arrived: &Arrived, now: i64) -> Result<Added> {
        let digests = self.evidence.keep(&mut &*bytes)?;
        // Held until the row is there: of two that come at once and look the same, the second one joins the first.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let near = known.item_of(&matched.look).map(String::from);
        let is_kept = |name: &str| self.evidence.has(name);
        let found = Found { evidence: &digests.sha256, bytes: digests.bytes, matched };
        let added = self.rows().add(&found, arrived, near.as_deref(), is_kept, now)?;
        if added.is_new {
            known.push(Known { item: added.item.clone(), look: matched.look });
        }
        Ok(added)
    }

    /// Items in the order of the queue, those that came before others first, after the one with this id.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub(crate) fn list(&self, filter: Filter, after: Option<&str>, most: usize) -> Result<Vec<Summary>> {
        self.rows().read(|connection| reading::list(connection, filter, after, most))
    }

    /// The item of this id.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub(crate) fn item(&self, id: &str) -> Result<Option<Item>> {
        self.rows().read(|connection| reading::item(connection, id))
    }

    /// A picture of an item.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub(crate) fn picture(&self, id: &str, place: usize) -> Result<Option<Picture>> {
        self.rows().read(|connection| reading::picture(connection, id, place))
    }

    /// The picture that is this evidence, where it is reviewed.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub(crate) fn of_evidence(&self, evidence: &str) -> Result<Option<Picture>> {
        self.rows().read(|connection| reading::of_evidence(connection, evidence))
    }

    /// How many wait for a decision.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub(crate) fn waiting(&self) -> Result<u64> {
        self.rows().read(reading::waiting)
    }

    /// Gives a person the item that they hold, or else the oldest one that nobody holds; `None` where there is none. What somebody was unsure about comes to
    /// others, after what nobody looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where that cannot be written.
    pub(crate) fn next(&self, person: &str, now: i64) -> Result<Option<String>> {
        self.rows().next(person, now)
    }

    /// Gives a person this item for 10 minutes from now, and takes another one from them.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn take(&self, id: &str, person: &str, now: i64) -> Refusable<()> {
        self.rows().take(id, person, now)?
    }

    /// Gives it back to the queue.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn release(&self, id: &str, person: &str) -> Refusable<()> {
        self.rows().release(id, person)?
    }

    /// Decides what the item is, by the person who holds it.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn decide(&self, id: &str, person: &str, decision: &Decision, now: i64) -> Refusable<()> {
        self.rows().decide(id, person, decision, now)?
    }

    /// Opens a decided item again, and gives it to a person.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn reopen(&self, id: &str, person: &str, now: i64) -> Refusable<()> {
        self.rows().reopen(id, person, now)?
    }

    /// Writes down that a person is shown a picture as it is, before they are. Undecided items are shown to the person who holds them alone. `view` is 0 for
    /// the stored pixels, and then the place of a face.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn reveal(
        &self,
        id: &str,
        place: usize,
        view: usize,
        person: &str,
        now: i64,
    ) -> Refusable<()> {
        self.rows().reveal(id, place, view, person, now)?
    }

    /// The bytes of a picture.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where they are not what was kept.
    pub(crate) fn bytes(&self, evidence: &str) -> Result<Vec<u8>> {
        let cannot = |error| Error::io("the evidence cannot be used", error);
        let mut bytes = Vec::new();
        self.evidence
            .open_file(evidence)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(cannot)?;
        Ok(bytes)
    }

    /// Notes that a report was made of an item. Noting the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn link(&self, id: &str, report: &str, person: &str, now: i64) -> Refusable<()> {
        self.rows().link(id, report, person, now)?
    }

    /// Erases the pictures of a decided item, but for the evidence that a report needs.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn erase(&self, id: &str, person: &str, now: i64) -> Refusable<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.rows().erase(id, person, |name| self.evidence.erase(name), now)??;
        known.forget(id);
        Ok(())
    }

    /// Lines of the audit before the one with this number, the newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub(crate) fn acts(&self, before: i64, most: usize) -> Result<Vec<(i64, Value)>> {
        self.rows().read(|connection| acts::last(connection, before, most))
    }

    /// What a person chose, and what they did since they began.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be read.
    pub(crate) fn sitting(&self, person: &str) -> Result<Sitting> {
        self.rows().read(|connection| people::sitting(connection, person))
    }

    /// Keeps what a person chooses.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be written.
    pub(crate) fn choose(&self, person: &str, settings: Settings, now: i64) -> Result<()> {
        self.rows().change(|change| people::choose(change, person, settings, now))
    }

    /// A person begins, or begins again after a break.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot be written.
    pub(crate) fn begin(&self, person: &str, now: i64) -> Result<()> {
        self.rows().change(|change| people::begin(change, person, now))
    }
}
