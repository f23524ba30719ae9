//! Items as rows. Every change looks at the row within the transaction that makes it, so that of two who change at once the second one is refused.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde_json::json;

use super::item::{Added, Arrived, Decision, Found, ItemState, Matched};
use super::{LEASE, Refusable, Refusal, acts, people, reading};
use crate::error::{Error, Result};
use crate::hook::Hooks;
use crate::report::next_id;
use crate::state::State;

/// The rows of a folder, and where their changes are announced.
pub(super) struct Rows<'a> {
    pub(super) state: &'a State,
    pub(super) hooks: &'a Hooks,
}

impl Rows<'_> {
    pub(super) fn change<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.state.connection();
        let changed =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|change| {
                let done = work(&change)?;
                change.commit()?;
                Ok(done)
            });
        changed.map_err(|error| self.state.about(error))
    }

    /// The same, and a refusal changes nothing.
    fn change_if<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Refusable<T>>,
    ) -> Result<Refusable<T>> {
        let mut connection = self.state.connection();
        let changed =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|change| {
                let done = work(&change)?;
                match done {
                    Ok(_) => change.commit()?,
                    Err(_) => change.rollback()?,
                }
                Ok(done)
            });
        changed.map_err(|error| self.state.about(error))
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.state.connection()).map_err(|error| self.state.about(error))
    }

    /// Adds a picture to the item that it belongs to: that of the same file, `near`, or a new one.
    pub(super) fn add(
        &self,
        found: &Found<'_>,
        arrived: &Arrived,
        near: Option<&str>,
        is_kept: impl Fn(&str) -> bool,
        now: i64,
    ) -> Result<Added> {
        let new = next_id(now)?;
        let added = self.change_if(|change| {
            if !is_kept(found.evidence) {
                let gone = Error::Input("the picture was erased meanwhile: send it again".into());
                return Ok(Err(Refusal::Failed(gone)));
            }
            let same = "SELECT item, position FROM review_pictures WHERE evidence = ?1";
            let same = change
                .query_row(same, params![found.evidence], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))
                .optional()?;
            let (item, position, is_new) = match (same, near) {
                (Some((item, position)), _) => (item, position, false),
                (None, Some(near)) => (near.to_string(), picture(change, near, found)?, false),
                (None, None) => {
                    let insert = "INSERT INTO review_items (id, state, created, note) VALUES (?1, 'open', ?2, '')";
                    change.execute(insert, params![new, now])?;
                    (new.clone(), picture(change, &new, found)?, true)
                }
            };
            let insert = "INSERT INTO review_arrivals (item, position, reference, sender, time) VALUES (?1, ?2, ?3, ?4, ?5)";
            change.execute(insert, params![item, position, arrived.reference, arrived.sender, now])?;
            let added = Added { item, is_new };
            let state = reading::state_of(change, &added.item)?.unwrap_or(ItemState::Open);
            let who = arrived.sender.as_deref().unwrap_or("shadegrid");
            let action = if is_new { "review.open" } else { "review.join" };
            let evidence = format!("sha256:{}", found.evidence);
            acts::note(change, who, action, &added.item, json!({ "evidence": evidence }), now)?;
            acts::announce_match(change, self.hooks, (found, arrived, &added), state, now)?;
            Ok(Ok(added))
        })?;
        added.map_err(|refusal| match refusal {
            Refusal::Failed(error) => error,
            _ => Error::Input("the picture cannot be kept for review".into()),
        })
    }

    /// Gives a person the item that they hold, or else the next one.
    pub(super) fn next(&self, person: &str, now: i64) -> Result<Option<String>> {
        self.change(|change| {
            let held = "SELECT id FROM review_items WHERE holder = ?1 AND lease > ?2 AND state IN ('open', 'unsure')";
            let held: Option<String> =
                change.query_row(held, params![person, now], |row| row.get(0)).optional()?;
            if held.is_some() {
                return Ok(held);
            }
            let oldest = "SELECT id FROM review_items WHERE (state = 'open' OR state = 'unsure' AND decided_by IS NOT ?1) \
                          AND (lease IS NULL OR lease <= ?2) ORDER BY state = 'unsure', id LIMIT 1";
            let oldest: Option<String> =
                change.query_row(oldest, params![person, now], |row| row.get(0)).optional()?;
            if let Some(id) = &oldest {
                lease(change, id, person, now)?;
            }
            Ok(oldest)
        })
    }

    pub(super) fn take(&self, id: &str, person: &str, now: i64) -> Result<Refusable<()>> {
        self.change_if(|change| {
            let held = match held(change, id)? {
                Ok(held) => held,
                Err(refusal) => return Ok(Err(refusal)),
            };
            match held {
                Held { state, .. } if !state.waits() => Ok(Err(Refusal::State(state))),
                Held { lease: Some((holder, until)), .. } if holder != person && now < until => {
                    Ok(Err(Refusal::Held))
                }
                _ => lease(change, id, person, now).map(Ok),
            }
        })
    }

    pub(super) fn release(&self, id: &str, person: &str) -> Result<Refusable<()>> {
        self.change_if(|change| {
            let update = "UPDATE review_items SET holder = NULL, lease = NULL WHERE id = ?1 AND holder = ?2";
            let changed = change.execute(update, params![id, person])?;
            Ok(if changed == 1 { Ok(()) } else { Err(Refusal::NotHeld) })
        })
    }

    pub(super) fn decide(
        &self,
        id: &str,
        person: &str,
        decision: &Decision,
        now: i64,
    ) -> Result<Refusable<()>> {
        self.change_if(|change| {
            if let Err(refusal) = check_holder(change, id, person, now)? {
                return Ok(Err(refusal));
            }
            let Decision { verdict, note, classification, incident } = decision;
            let update = "UPDATE review_items SET state = ?2, decided = ?3, decided_by = ?4, note = ?5, classification = ?6, \
                          incident = ?7, holder = NULL, lease = NULL WHERE id = ?1";
            let classified = classification.map(|classification| classification.word());
            let incident = incident.map(|incident| incident.word());
            change.execute(
                update,
                params![id, verdict.state().name(), now, person, note, classified, incident],
            )?;
            people::decided(change, person, now)?;
            let detail = json!({ "verdict": verdict.name(), "classification": classified, "incident": incident });
            acts::note(change, person, "review.decide", id, detail, now)?;
            let evidence = reading::evidence(change, id)?;
            acts::announce_decision(change, self.hooks, (id, &evidence), (person, decision), now)?;
            Ok(Ok(()))
        })
    }

    pub(super) fn reopen(&self, id: &str, person: &str, now: i64) -> Result<Refusable<()>> {
        self.change_if(|change| {
            let held = match held(change, id)? {
                Ok(held) => held,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if held.state.waits() || held.is_erased {
                return Ok(Err(Refusal::State(held.state)));
            }
            change.execute("UPDATE review_items SET state = 'open' WHERE id = ?1", params![id])?;
            lease(change, id, person, now)?;
            acts::note(change, person, "review.reopen", id, json!({}), now).map(Ok)
        })
    }

    pub(super) fn reveal(
        &self,
        id: &str,
        place: usize,
        view: usize,
        person: &str,
        now: i64,
    ) -> Result<Refusable<()>> {
        self.change_if(|change| {
            let held = match held(change, id)? {
                Ok(held) => held,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if held.state.waits() && !held.is_by(person, now) {
                return Ok(Err(Refusal::NotHeld));
            }
            let select = "SELECT evidence, faces FROM review_pictures WHERE item = ?1 AND position = ?2";
            let found = change
                .query_row(select, params![id, place as i64], |row| {
                    Ok((row.get(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            let Some((evidence, faces)): Option<(String, String)> = found else {
                return Ok(Err(Refusal::Missing));
            };
            if view > reading::words(&faces).len() {
                return Ok(Err(Refusal::Missing));
            }
            people::revealed(change, person, now)?;
            acts::revealed(change, person, id, (&evidence, view), now).map(Ok)
        })
    }

    pub(super) fn link(&self, id: &str, report: &str, person: &str, now: i64) -> Result<Refusable<()>> {
        self.change_if(|change| {
            if reading::state_of(change, id)?.is_none() {
                return Ok(Err(Refusal::Missing));
            }
            let insert = "INSERT OR IGNORE INTO review_reports (item, report, created) VALUES (?1, ?2, ?3)";
            if change.execute(insert, params![id, report, now])? == 1 {
                acts::note(change, person, "review.report", id, json!({ "report": report }), now)?;
            }
            Ok(Ok(()))
        })
    }

    /// Forgets the pictures of a decided item, and removes the evidence that no report needs.
    pub(super) fn erase(
        &self,
        id: &str,
        person: &str,
        remove: impl Fn(&str) -> Result<()>,
        now: i64,
    ) -> Result<Refusable<()>> {
        self.change_if(|change| {
            let held = match held(change, id)? {
                Ok(held) => held,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if held.state.waits() || held.is_erased {
                return Ok(Err(Refusal::State(held.state)));
            }
            let select = "SELECT evidence FROM review_pictures WHERE item = ?1 AND evidence NOT IN \
                          (SELECT sha256 FROM report_files JOIN reports ON id = report_files.item WHERE state <> 'erased')";
            let mut statement = change.prepare(select)?;
            let names = statement.query_map(params![id], |row| row.get(0))?;
            let names = names.collect::<rusqlite::Result<Vec<String>>>()?;
            change.execute("DELETE FROM review_pictures WHERE item = ?1", params![id])?;
            let update = "UPDATE review_items SET erased = ?2, note = '' WHERE id = ?1";
            change.execute(update, params![id, now])?;
            acts::note(change, person, "review.erase", id, json!({ "files": names.len() }), now)?;
            Ok(names.iter().try_for_each(|name| remove(name)).map_err(Refusal::Failed))
        })
    }
}

/// Who holds an item, and what is known of it.
struct Held {
    state: ItemState,
    lease: Option<(String, i64)>,
    is_erased: bool,
}

impl Held {
    fn is_by(&self, person: &str, now: i64) -> bool {
        self.lease.as_ref().is_some_and(|(holder, until)| holder == person && now < *until)
    }
}

fn held(connection: &Connection, id: &str) -> rusqlite::Result<Refusable<Held>> {
    let select = "SELECT state, holder, lease, erased FROM review_items WHERE id = ?1";
    let found = connection.query_row(select, params![id], |row| {
        let lease = row.get::<_, Option<String>>(1)?.zip(row.get(2)?);
        Ok(Held { state: reading::state(row, 0)?, lease, is_erased: row.get::<_, Option<i64>>(3)?.is_some() })
    });
    Ok(found.optional()?.ok_or(Refusal::Missing))
}

fn check_holder(
    change: &Transaction<'_>,
    id: &str,
    person: &str,
    now: i64,
) -> rusqlite::Result<Refusable<()>> {
    Ok(held(change, id)?.and_then(|held| match held {
        held if !held.state.waits() => Err(Refusal::State(held.state)),
        held if !held.is_by(person, now) => Err(Refusal::NotHeld),
        _ => Ok(()),
    }))
}

/// Gives an item to a person, and what they held before to nobody.
fn lease(change: &Transaction<'_>, id: &str, person: &str, now: i64) -> rusqlite::Result<()> {
    let update = "UPDATE review_items SET holder = NULL, lease = NULL WHERE holder = ?1 AND id <> ?2";
    change.execute(update, params![person, id])?;
    let update = "UPDATE review_items SET holder = ?1, lease = ?3 WHERE id = ?2";
    change.execute(update, params![person, id, now + LEASE]).map(drop)
}

/// Adds a picture at the end of an item, and gives its place.
fn picture(change: &Transaction<'_>, item: &str, found: &Found<'_>) -> rusqlite::Result<i64> {
    let last = "SELECT coalesce(max(position) + 1, 0) FROM review_pictures WHERE item = ?1";
    let position: i64 = change.query_row(last, params![item], |row| row.get(0))?;
    let Matched { format, width, height, flags, faces, look, entries } = found.matched;
    let (photodna, pdq) = look.bytes();
    let entries = serde_json::to_string(entries).map_err(|error| reading::unreadable(Box::new(error)))?;
    let insert = "INSERT INTO review_pictures (item, position, evidence, bytes, format, width, height, flags, faces, \
                  photodna, pdq, matches) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    change.execute(
        insert,
        params![
            item,
            position,
            found.evidence,
            found.bytes as i64,
            format,
            width,
            height,
            flags.join(" "),
            faces.join(" "),
            photodna,
            pdq,
            entries,
        ],
    )?;
    Ok(position)
}
