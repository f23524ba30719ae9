//! What stands in the audit, and is announced to the operator's own hooks. Neither holds a picture, a note or a signature.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::item::{Added, Arrived, Decision, Found, ItemState};
use crate::audit::{self, Act};
use crate::clock;
use crate::hook::{HookKind, Hooks};

/// What a picture that is shown as it is, is called in the audit.
const REVEAL: &str = "review.reveal";

/// What a view of a picture is called in the audit: the file by its SHA-256, and the place of a face.
fn subject(evidence: &str, view: usize) -> String {
    if view == 0 { format!("sha256:{evidence}") } else { format!("sha256:{evidence}/{view}") }
}

/// Writes what a person did with an item.
pub(super) fn note(
    change: &Transaction<'_>,
    person: &str,
    action: &str,
    item: &str,
    detail: Value,
    now: i64,
) -> rusqlite::Result<()> {
    audit::add(change, &Act { who: person, action, subject: item, detail }, time(now))
}

fn time(now: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(now.max(0) as u64)
}

/// Writes that a view is shown.
pub(super) fn revealed(
    change: &Transaction<'_>,
    person: &str,
    item: &str,
    (evidence, view): (&str, usize),
    now: i64,
) -> rusqlite::Result<()> {
    note(change, person, REVEAL, &subject(evidence, view), json!({ "item": item }), now)
}

/// When a view was shown first.
pub(super) fn shown(connection: &Connection, evidence: &str, view: usize) -> rusqlite::Result<Option<i64>> {
    let select =
        "SELECT line ->> '$.time' FROM audit WHERE subject = ?1 AND action = ?2 ORDER BY number LIMIT 1";
    let values = params![subject(evidence, view), REVEAL];
    let time: Option<String> = connection.query_row(select, values, |row| row.get(0)).optional()?;
    Ok(time.map(|time| clock::seconds(&time).unwrap_or(0) * 1000))
}

/// Lines before the one with this number, the newest first; one that is no JSON is shown as nothing.
pub(super) fn last(connection: &Connection, before: i64, most: usize) -> rusqlite::Result<Vec<(i64, Value)>> {
    let select = "SELECT number, line FROM audit WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    let mut statement = connection.prepare(select)?;
    let of = |row: &rusqlite::Row<'_>| {
        let line: String = row.get(1)?;
        Ok((row.get(0)?, serde_json::from_str(&line).unwrap_or_default()))
    };
    statement.query_map(params![before, most as i64], of)?.collect()
}

/// Announces a picture that matched.
pub(super) fn announce_match(
    change: &Transaction<'_>,
    hooks: &Hooks,
    (found, arrived, added): (&Found<'_>, &Arrived, &Added),
    state: ItemState,
    now: i64,
) -> rusqlite::Result<()> {
    let data = json!({
        "review": added.item,
        "state": state.name(),
        "is_new": added.is_new,
        "key": arrived.reference,
        "evidence": format!("sha256:{}", found.evidence),
        "matches": found.matched.entries,
    });
    hooks.add(change, HookKind::Match, &data, time(now))
}

/// Announces a decision about an item with this evidence.
pub(super) fn announce_decision(
    change: &Transaction<'_>,
    hooks: &Hooks,
    (item, evidence): (&str, &[String]),
    (person, decision): (&str, &Decision),
    now: i64,
) -> rusqlite::Result<()> {
    let data = json!({
        "review": item,
        "verdict": decision.verdict.name(),
        "classification": decision.classification.map(|classification| classification.word()),
        "incident": decision.incident.map(|incident| incident.word()),
        "by": person,
        "evidence": evidence.iter().map(|name| format!("sha256:{name}")).collect::<Vec<_>>(),
    });
    hooks.add(change, HookKind::Decision, &data, time(now))
}
