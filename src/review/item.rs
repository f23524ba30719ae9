//! An item, its pictures, and what is decided about it.

use serde::{Deserialize, Serialize};

use super::near::Look;
use crate::report::model::words::{Classification, IncidentType};

/// What is known of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemState {
    /// Nobody decided yet.
    Open,
    /// Somebody could not: it waits for somebody else.
    Unsure,
    /// It is what the match says.
    Confirmed,
    /// It is something else.
    Rejected,
}

impl ItemState {
    pub(crate) const ALL: [ItemState; 4] =
        [ItemState::Open, ItemState::Unsure, ItemState::Confirmed, ItemState::Rejected];

    /// Its word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ItemState::Open => "open",
            ItemState::Unsure => "unsure",
            ItemState::Confirmed => "confirmed",
            ItemState::Rejected => "rejected",
        }
    }

    pub(crate) fn of(word: &str) -> Option<ItemState> {
        ItemState::ALL.into_iter().find(|state| state.name() == word)
    }

    /// Whether a decision is due.
    pub(crate) fn waits(self) -> bool {
        matches!(self, ItemState::Open | ItemState::Unsure)
    }
}

/// What a person says about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Confirm,
    NoMatch,
    Unsure,
}

impl Verdict {
    /// Its word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verdict::Confirm => "confirm",
            Verdict::NoMatch => "no_match",
            Verdict::Unsure => "unsure",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Verdict> {
        [Verdict::Confirm, Verdict::NoMatch, Verdict::Unsure]
            .into_iter()
            .find(|verdict| verdict.name() == word)
    }

    pub(super) fn state(self) -> ItemState {
        match self {
            Verdict::Confirm => ItemState::Confirmed,
            Verdict::NoMatch => ItemState::Rejected,
            Verdict::Unsure => ItemState::Unsure,
        }
    }
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) note: String,
    pub(crate) classification: Option<Classification>,
    pub(crate) incident: Option<IncidentType>,
}

/// An entry that a picture matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) gallery: String,
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) source: String,
    pub(crate) algorithm: String,
    pub(crate) distance: u32,
    pub(crate) orientation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) face: Option<String>,
}

/// What is known of a picture that matched.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matched {
    pub(crate) format: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) flags: Vec<String>,
    /// What else the file shows.
    pub(crate) faces: Vec<String>,
    pub(crate) look: Look,
    /// The nearest first.
    pub(crate) entries: Vec<Entry>,
}

/// A picture that matched, once it is evidence.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Its SHA-256.
    pub(crate) evidence: &'a str,
    pub(crate) bytes: u64,
    pub(crate) matched: &'a Matched,
}

/// How a picture came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrived {
    /// What its sender calls it.
    pub(crate) reference: String,
    /// The sender's key.
    pub(crate) sender: Option<String>,
}

/// What became of a picture that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added {
    /// The item.
    pub(crate) item: String,
    /// Whether it is a new one.
    pub(crate) is_new: bool,
}

/// A picture of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// From 0.
    pub(crate) place: usize,
    /// Its SHA-256.
    pub(crate) evidence: String,
    pub(crate) bytes: u64,
    pub(crate) matched: Matched,
    /// How often it came.
    pub(crate) times: u64,
    /// How it came first, and when.
    pub(crate) first: Option<(Arrived, i64)>,
    /// When it came last.
    pub(crate) last: i64,
    /// When each of its views was shown first: the stored pixels, and then its faces.
    pub(crate) revealed: Vec<Option<i64>>,
}

/// What keeps a view from being all of a file: further frames and pages are not shown, and what is broken off is not there.
const PARTIAL: [&str; 3] = ["animated", "damaged", "pages"];

impl Picture {
    /// Whether all of the file was shown to somebody here, by the audit alone.
    pub(crate) fn is_viewed(&self) -> bool {
        self.can_be_viewed() && self.revealed.iter().all(Option::is_some)
    }

    /// Whether what is shown is all of the file.
    pub(crate) fn can_be_viewed(&self) -> bool {
        !self.matched.flags.iter().any(|flag| PARTIAL.contains(&flag.as_str()))
    }
}

/// Who decided, when, and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) by: String,
    pub(crate) at: i64,
    pub(crate) note: String,
    pub(crate) classification: Option<Classification>,
    pub(crate) incident: Option<IncidentType>,
}

/// An item with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) state: ItemState,
    pub(crate) created: i64,
    /// Who holds it, or held it last, and until when.
    pub(crate) lease: Option<(String, i64)>,
    /// The last decision.
    pub(crate) decided: Option<Decided>,
    /// The first ones of its pictures.
    pub(crate) pictures: Vec<Picture>,
    /// How many it has.
    pub(crate) total: u64,
    /// Reports that were made of it, the oldest first.
    pub(crate) reports: Vec<String>,
    /// When its pictures were erased.
    pub(crate) erased: Option<i64>,
}

impl Item {
    /// Whether a person holds it now.
    pub(crate) fn is_held_by(&self, person: &str, now: i64) -> bool {
        self.lease.as_ref().is_some_and(|(holder, until)| holder == person && now < *until)
    }
}

/// Which items are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Those that wait for a decision.
    Waiting,
    /// Those of one state.
    In(ItemState),
}

/// An item in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) state: ItemState,
    pub(crate) created: i64,
    pub(crate) lease: Option<(String, i64)>,
    pub(crate) pictures: u64,
    /// How often its pictures came.
    pub(crate) arrivals: u64,
    /// The nearest entry that any of its pictures matched.
    pub(crate) nearest: Option<Entry>,
}
