//! Events that wait, as rows.
//!
//! Events of a kind are delivered in order: the oldest one that waits is its head, and the others wait for it. An event that is *aside* no longer holds the others of its
//! kind up; it is tried at times of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::HookKind;
use crate::clock;
use crate::error::{Error, Result};
use crate::random::hexadecimal;

/// Bytes of what one event says.
const LARGEST: usize = 1 << 20;

/// An event that is to be delivered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) kind: HookKind,
    /// When it happened; milliseconds since 1970, as all times here.
    pub(super) time: i64,
    pub(super) data: String,
    /// Since when its delivery is tried.
    pub(super) since: i64,
    pub(super) next: i64,
    pub(super) attempts: u32,
}

/// What came of an attempt that delivered nothing.
pub(super) struct Setback<'a> {
    pub(super) why: &'a str,
    pub(super) status: Option<u16>,
    pub(super) next: i64,
    /// Whether it is given up.
    pub(super) is_last: bool,
}

/// Whether an event waits or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookState {
    /// It is delivered as soon as its address takes it.
    Waiting,
    /// It could not be delivered within 30 days: a person has to see to it.
    Failed,
}

impl HookState {
    /// Both.
    pub const ALL: [HookState; 2] = [HookState::Waiting, HookState::Failed];

    /// Its word: `waiting` or `failed`.
    pub fn name(self) -> &'static str {
        match self {
            HookState::Waiting => "waiting",
            HookState::Failed => "failed",
        }
    }
}

/// An event that is not delivered yet, without what it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HookItem {
    /// Its id, which the receiver gets too.
    pub id: String,
    /// What it is about.
    #[serde(serialize_with = "kind_name")]
    pub kind: HookKind,
    /// Whether it waits.
    #[serde(serialize_with = "state_name")]
    pub state: HookState,
    /// When it happened.
    #[serde(serialize_with = "time_text")]
    pub time: SystemTime,
    /// How often its delivery failed.
    pub attempts: u32,
    /// When the next attempt is due.
    #[serde(serialize_with = "time_text")]
    pub next_attempt: SystemTime,
    /// The HTTP status of the last answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// How many events are not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HookCounts {
    /// Those that wait.
    pub waiting: u64,
    /// Those that were given up.
    pub failed: u64,
}

impl HookCounts {
    /// Each state with its count.
    pub fn by_state(&self) -> [(HookState, u64); 2] {
        [(HookState::Waiting, self.waiting), (HookState::Failed, self.failed)]
    }
}

fn kind_name<S: Serializer>(kind: &HookKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

fn state_name<S: Serializer>(state: &HookState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

fn time_text<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::precise(*time))
}

const COLUMNS: &str = "number, id, kind, time, data, since, next, attempts";

/// Keeps an event.
pub(super) fn add(
    connection: &Connection,
    kind: HookKind,
    data: &Value,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let cannot = |error: Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let data = data.to_string();
    if data.len() > LARGEST {
        return Err(cannot(Error::Input("an event is larger than 1 MiB".into())));
    }
    let id = hexadecimal::<16>().map_err(cannot)?;
    let insert = "INSERT INTO hooks (id, kind, time, data, state, is_aside, since, next, attempts) \
                  VALUES (?1, ?2, ?3, ?4, 'waiting', 0, ?3, ?3, 0)";
    connection.execute(insert, params![id, kind.name(), milliseconds(now), data]).map(drop)
}

/// The first event of a kind that holds the others up, behind this number.
pub(super) fn head(
    connection: &Connection,
    kind: HookKind,
    behind: i64,
) -> rusqlite::Result<Option<Waiting>> {
    let select = format!(
        "SELECT {COLUMNS} FROM hooks WHERE state = 'waiting' AND kind = ?1 AND is_aside = 0 AND number > ?2 ORDER BY number LIMIT 1"
    );
    connection.query_row(&select, params![kind.name(), behind], waiting).optional()
}

/// The event that is aside and due the longest, of kinds that have an address.
pub(super) fn aside(connection: &Connection, kinds: &[HookKind]) -> rusqlite::Result<Option<Waiting>> {
    let mut first: Option<Waiting> = None;
    for kind in kinds {
        let select = format!(
            "SELECT {COLUMNS} FROM hooks WHERE state = 'waiting' AND kind = ?1 AND is_aside = 1 ORDER BY next LIMIT 1"
        );
        let found = connection.query_row(&select, params![kind.name()], waiting).optional()?;
        let is_before = |one: &Waiting| first.as_ref().is_none_or(|first| one.next < first.next);
        if found.as_ref().is_some_and(is_before) {
            first = found;
        }
    }
    Ok(first)
}

/// An event is delivered, and what it said is forgotten.
pub(super) fn delivered(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM hooks WHERE number = ?1", params![number]).map(drop)
}

/// An attempt failed.
pub(super) fn failed(connection: &Connection, number: i64, setback: &Setback<'_>) -> rusqlite::Result<()> {
    let state = if setback.is_last { HookState::Failed } else { HookState::Waiting };
    let update = "UPDATE hooks SET attempts = attempts + 1, next = ?2, status = ?3, error = ?4, state = ?5 WHERE number = ?1";
    connection
        .execute(update, params![number, setback.next, setback.status, setback.why, state.name()])
        .map(drop)
}

/// An event no longer holds others of its kind up.
pub(super) fn set_aside(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE hooks SET is_aside = 1 WHERE number = ?1", params![number]).map(drop)
}

pub(super) fn counts(connection: &Connection) -> rusqlite::Result<HookCounts> {
    let count = |state: HookState| {
        let select = "SELECT count(*) FROM hooks WHERE state = ?1";
        connection
            .query_row(select, params![state.name()], |row| row.get::<_, i64>(0))
            .map(|count| count as u64)
    };
    Ok(HookCounts { waiting: count(HookState::Waiting)?, failed: count(HookState::Failed)? })
}

/// Every event, the oldest first; of one state alone where one is named.
pub(super) fn list(connection: &Connection, state: Option<HookState>) -> rusqlite::Result<Vec<HookItem>> {
    let select = "SELECT id, kind, state, time, attempts, next, status, error FROM hooks WHERE ?1 IS NULL OR state = ?1 ORDER BY number";
    let mut statement = connection.prepare(select)?;
    let of = |row: &Row<'_>| {
        Ok(HookItem {
            id: row.get(0)?,
            kind: known(&row.get::<_, String>(1)?)?,
            state: if row.get::<_, String>(2)? == HookState::Failed.name() {
                HookState::Failed
            } else {
                HookState::Waiting
            },
            time: moment(row.get(3)?),
            attempts: row.get(4)?,
            next_attempt: moment(row.get(5)?),
            last_status: row.get(6)?,
            last_error: row.get(7)?,
        })
    };
    statement.query_map(params![state.map(HookState::name)], of)?.collect()
}

/// Tries an event again now, or every one; what was given up has another 30 days. How many there are.
pub(super) fn retry(connection: &Connection, id: Option<&str>, now: i64) -> rusqlite::Result<usize> {
    let update = "UPDATE hooks SET next = ?2, since = CASE WHEN state = 'failed' THEN ?2 ELSE since END, state = 'waiting' \
                  WHERE ?1 IS NULL OR id = ?1";
    connection.execute(update, params![id, now])
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        number: row.get(0)?,
        id: row.get(1)?,
        kind: known(&row.get::<_, String>(2)?)?,
        time: row.get(3)?,
        data: row.get(4)?,
        since: row.get(5)?,
        next: row.get(6)?,
        attempts: row.get(7)?,
    })
}

/// A word that this version does not know is a newer version's.
fn known(word: &str) -> rusqlite::Result<HookKind> {
    word.parse()
        .map_err(|error: Error| rusqlite::Error::FromSqlConversionFailure(2, Type::Text, Box::new(error)))
}

pub(super) fn milliseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

pub(super) fn moment(milliseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds.max(0) as u64)
}
