//! A report in the outbox as others see it.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::super::model::words::Mode;
use super::super::time::Moment;
use crate::error::{Error, Result};

/// How far a report has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemState {
    /// It waits.
    Queued,
    /// A report is being opened at NCMEC.
    Submitting,
    /// One is open.
    Open,
    /// A file is being uploaded to it.
    Uploading,
    /// A file is being described.
    Describing,
    /// It is being filed: from here on it cannot be taken back.
    Finishing,
    /// It is filed.
    Finished,
    /// It is filed, and preserved.
    Preserved,
    /// It was filed or taken back, and what it held is erased.
    Erased,
    /// A person has to see to it; nothing is filed.
    Failed,
    /// It was taken back while it was being sent.
    Retracted,
    /// It was taken back before it was sent.
    Cancelled,
}

impl ItemState {
    /// Every state.
    pub const ALL: [ItemState; 12] = [
        ItemState::Queued,
        ItemState::Submitting,
        ItemState::Open,
        ItemState::Uploading,
        ItemState::Describing,
        ItemState::Finishing,
        ItemState::Finished,
        ItemState::Preserved,
        ItemState::Erased,
        ItemState::Failed,
        ItemState::Retracted,
        ItemState::Cancelled,
    ];

    /// Its word, such as `queued`.
    pub fn name(self) -> &'static str {
        match self {
            ItemState::Queued => "queued",
            ItemState::Submitting => "submitting",
            ItemState::Open => "open",
            ItemState::Uploading => "uploading",
            ItemState::Describing => "describing",
            ItemState::Finishing => "finishing",
            ItemState::Finished => "finished",
            ItemState::Preserved => "preserved",
            ItemState::Erased => "erased",
            ItemState::Failed => "failed",
            ItemState::Retracted => "retracted",
            ItemState::Cancelled => "cancelled",
        }
    }

    /// Whether it is filed.
    pub fn is_filed(self) -> bool {
        matches!(self, ItemState::Finished | ItemState::Preserved)
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            ItemState::Preserved
                | ItemState::Erased
                | ItemState::Failed
                | ItemState::Retracted
                | ItemState::Cancelled
        )
    }
}

impl std::str::FromStr for ItemState {
    type Err = Error;

    fn from_str(text: &str) -> Result<ItemState> {
        ItemState::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
            let names = ItemState::ALL.map(ItemState::name).join(", ");
            Error::Input(format!("unknown state {text:?}: the choice is {names}"))
        })
    }
}

/// A call to NCMEC that was made for a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// When it was made.
    pub time: Moment,
    /// Which: `submit`, `upload`, `fileinfo`, `finish` or `retract`.
    pub call: String,
    /// NCMEC's number of the report that it was about.
    pub report_id: Option<u64>,
    /// The HTTP status; `None` where no answer came.
    pub status: Option<u16>,
    /// NCMEC's code.
    pub code: Option<i64>,
    /// What NCMEC calls the request.
    pub request_id: Option<String>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Whether it is a test.
    pub mode: Mode,
    /// How far it has come.
    pub state: ItemState,
    /// When it was submitted.
    pub created: Moment,
    /// NCMEC's number of the current attempt, or of the report that was filed.
    pub report_id: Option<u64>,
    /// NCMEC's names of its files.
    pub file_ids: Vec<String>,
    /// Calls that were made for it, the oldest first.
    pub requests: Vec<RequestRecord>,
    /// How often it was begun.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt: Option<Moment>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// NCMEC's last code, where it was not 0.
    pub code: Option<i64>,
    /// When it was filed.
    pub finished: Option<Moment>,
    /// Until when it is preserved.
    pub preserve_until: Option<Moment>,
}

/// How many reports there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// In each state that any is in.
    pub states: Vec<(ItemState, u64)>,
    /// When the oldest one was submitted that is neither filed nor taken back.
    pub oldest: Option<Moment>,
}

impl Counts {
    /// How many are in a state that fits.
    pub fn of(&self, fits: impl Fn(ItemState) -> bool) -> u64 {
        self.states.iter().filter(|(state, _)| fits(*state)).map(|(_, count)| count).sum()
    }
}

/// As the API shows it.
impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let requests: Vec<&str> =
            self.requests.iter().filter_map(|request| request.request_id.as_deref()).collect();
        let ncmec = serde_json::json!({ "report_id": self.report_id, "file_ids": self.file_ids, "request_ids": requests });
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("state", self.state.name())?;
        map.serialize_entry("mode", self.mode.word())?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("ncmec", &ncmec)?;
        map.serialize_entry("attempts", &self.attempts)?;
        map.serialize_entry("next_attempt", &self.next_attempt)?;
        map.serialize_entry("last_error", &self.last_error)?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("finished", &self.finished)?;
        map.serialize_entry("preserve_until", &self.preserve_until)?;
        map.end()
    }
}
