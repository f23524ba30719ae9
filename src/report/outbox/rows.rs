//! Reports as rows. Every change of a state names the state that it starts from, so that two who change at once cannot both succeed.
//!
//! One long file, since a state has one statement for each way out of it, and they are held against one another when one is changed.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, Transaction, TransactionBehavior, params};
use serde_json::{Value, json};

use super::super::evidence::Digests;
use super::super::model::words::Mode;
use super::super::time::Moment;
use super::super::transport::code;
use super::clock::moment;
use super::item::{Counts, Item, ItemState, RequestRecord};
use super::{Submitted, pace};
use crate::audit::{self, Act};
use crate::error::{Error, Result};
use crate::hook::{HookKind, Hooks};
use crate::state::State;

/// The rows of a folder.
pub(super) struct Rows<'a>(pub(super) &'a State);

/// A report to be kept.
pub(super) struct NewItem<'a> {
    pub(super) id: String,
    pub(super) key: Option<&'a str>,
    pub(super) digest: Vec<u8>,
    pub(super) mode: Mode,
    pub(super) request: String,
    pub(super) files: Vec<Digests>,
}

/// A report as it is kept. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) mode: Mode,
    pub(super) request: Option<String>,
    pub(super) state: ItemState,
    pub(super) report: Option<u64>,
    pub(super) created: i64,
    pub(super) opened: Option<i64>,
    pub(super) changed: Option<i64>,
    pub(super) next: i64,
    pub(super) attempts: u32,
    pub(super) failures: u32,
    pub(super) code: Option<i64>,
    pub(super) error: Option<String>,
    pub(super) finished: Option<i64>,
    pub(super) preserve_until: Option<i64>,
}

/// A file of a report as it is kept.
#[derive(Debug, Clone)]
pub(super) struct FileRow {
    pub(super) digests: Digests,
    pub(super) file: Option<String>,
}

/// A report at NCMEC that nobody continues.
#[derive(Debug, Clone)]
pub(super) struct Orphan {
    pub(super) report: u64,
    pub(super) mode: Mode,
    pub(super) item: String,
    pub(super) attempts: u32,
    pub(super) until: i64,
}

/// What went wrong, and when it is tried again.
pub(super) struct Setback<'a> {
    pub(super) why: &'a str,
    pub(super) code: Option<i64>,
    pub(super) now: i64,
    pub(super) next: i64,
}

const COLUMNS: &str = "id, mode, request, state, report, created, opened, changed, next, attempts, failures, code, \
                       error, finished, preserve_until";

impl Rows<'_> {
    fn change<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.0.connection();
        let changed =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|change| {
                let done = work(&change)?;
                change.commit()?;
                Ok(done)
            });
        changed.map_err(|error| self.0.about(error))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.0.connection()).map_err(|error| self.0.about(error))
    }

    /// Keeps a report, unless its key is known; `None` where that is another report's. `is_kept` says whether evidence is there: what is erased is erased within a
    /// change too, so none can go once a report that needs it is here.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where evidence was erased meanwhile, or it cannot be written.
    pub(super) fn add(
        &self,
        new: &NewItem<'_>,
        is_kept: impl Fn(&str) -> bool,
        act: &Act<'_>,
        now: i64,
    ) -> Result<Option<Submitted>> {
        self.change(|change| {
            if let Some(key) = new.key
                && let Some((known, digest)) = by_key(change, key)?
            {
                let is_same = digest == new.digest && known.mode == new.mode;
                return Ok(Ok(is_same.then_some(Submitted { id: known.id, state: known.state, mode: known.mode, is_new: false })));
            }
            if !new.files.iter().all(|file| is_kept(&file.sha256)) {
                return Ok(Err(Error::Input("a file was erased meanwhile: submit the report again".into())));
            }
            let insert = "INSERT INTO reports (id, idempotency, digest, mode, request, state, position, is_stopping, created, next, \
                          attempts, failures) VALUES (?1, ?2, ?3, ?4, ?5, 'queued', 0, 0, ?6, ?6, 0, 0)";
            change.execute(insert, params![new.id, new.key, new.digest, new.mode.word(), new.request, now])?;
            let insert = "INSERT INTO report_files (item, position, sha256, sha1, md5, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            for (position, file) in new.files.iter().enumerate() {
                let values = params![new.id, position as i64, file.sha256, file.sha1, file.md5, file.bytes as i64];
                change.execute(insert, values)?;
            }
            audit::add(change, act, time(now))?;
            Ok(Ok(Some(Submitted { id: new.id.clone(), state: ItemState::Queued, mode: new.mode, is_new: true })))
        })?
    }

    pub(super) fn row(&self, id: &str) -> Result<Option<Row>> {
        self.read(|connection| row(connection, id))
    }

    pub(super) fn item(&self, id: &str) -> Result<Option<Item>> {
        self.read(|connection| row(connection, id)?.map(|row| item(connection, row)).transpose())
    }

    /// What was submitted under a key, and the digest by which it is known.
    pub(super) fn known(&self, key: &str) -> Result<Option<(Submitted, Vec<u8>)>> {
        let known = self.read(|connection| by_key(connection, key))?;
        Ok(known.map(|(row, digest)| {
            (Submitted { id: row.id, state: row.state, mode: row.mode, is_new: false }, digest)
        }))
    }

    pub(super) fn item_of(&self, key: &str) -> Result<Option<Item>> {
        self.read(|connection| by_key(connection, key)?.map(|(row, _)| item(connection, row)).transpose())
    }

    pub(super) fn page(
        &self,
        state: Option<ItemState>,
        before: Option<&str>,
        most: usize,
    ) -> Result<Vec<Item>> {
        self.read(|connection| {
            let select = format!(
                "SELECT {COLUMNS} FROM reports WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR id < ?2) \
                 ORDER BY id DESC LIMIT ?3"
            );
            let mut statement = connection.prepare(&select)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![state.map(ItemState::name), before, most], of)?;
            rows.collect::<rusqlite::Result<Vec<Row>>>()?
                .into_iter()
                .map(|row| item(connection, row))
                .collect()
        })
    }

    pub(super) fn files(&self, id: &str) -> Result<Vec<FileRow>> {
        self.read(|connection| files(connection, id))
    }

    pub(super) fn counts(&self) -> Result<Counts> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT state, count(*) FROM reports GROUP BY state")?;
            let counted = statement
                .query_map([], |row| Ok((state(&row.get::<_, String>(0)?)?, row.get::<_, i64>(1)? as u64)))?;
            let states = counted.collect::<rusqlite::Result<_>>()?;
            let select = "SELECT min(created) FROM reports WHERE state IN \
                          ('queued', 'submitting', 'open', 'uploading', 'describing', 'finishing', 'failed')";
            let oldest: Option<i64> = connection.query_row(select, [], |row| row.get(0))?;
            Ok(Counts { states, oldest: oldest.map(moment) })
        })
    }

    /// The report that is due the longest, those first that are being filed; and otherwise when the next one is.
    pub(super) fn due(&self, modes: &[Mode], now: i64) -> Result<(Option<Row>, Option<i64>)> {
        let [test, production] = [Mode::Test, Mode::Production].map(|mode| modes.contains(&mode));
        self.read(|connection| {
            let select = format!(
                "SELECT {COLUMNS} FROM reports WHERE state IN ('queued', 'finishing', 'finished') \
                 AND (?1 AND mode = 'test' OR ?2 AND mode = 'production') AND next <= ?3 \
                 ORDER BY state = 'queued', next, id LIMIT 1"
            );
            let due = connection.query_row(&select, params![test, production, now], of).optional()?;
            let select = "SELECT min(next) FROM reports WHERE state IN ('queued', 'finishing', 'finished') \
                          AND (?1 AND mode = 'test' OR ?2 AND mode = 'production')";
            Ok((due, connection.query_row(select, params![test, production], |row| row.get(0))?))
        })
    }

    /// Those that a process left in the middle: it ended, and nothing is filed.
    pub(super) fn interrupted(&self) -> Result<Vec<(Row, bool)>> {
        self.read(|connection| {
            let select = format!(
                "SELECT {COLUMNS}, is_stopping FROM reports WHERE state IN ('submitting', 'open', 'uploading', 'describing')"
            );
            let mut statement = connection.prepare(&select)?;
            statement.query_map([], |row| Ok((of(row)?, row.get("is_stopping")?)))?.collect()
        })
    }

    /// Writes that a call is about to be made, with the state that it makes; `None` where somebody stopped the report. The time of the last change stays where
    /// a finish is asked for again: that changes nothing at NCMEC, and what was removed there would never count as removed.
    pub(super) fn before(&self, row: &Row, step: Step, call: &'static str, now: i64) -> Result<Option<i64>> {
        self.change(|change| {
            let update = "UPDATE reports SET state = ?3, position = ?4, attempts = attempts + ?5, \
                          changed = CASE WHEN ?2 = 'finishing' THEN changed ELSE ?6 END \
                          WHERE id = ?1 AND state = ?2 AND (is_stopping = 0 OR ?2 = 'finishing')";
            let begun = i64::from(step.to == ItemState::Submitting);
            let values = params![row.id, step.from.name(), step.to.name(), step.position as i64, begun, now];
            if change.execute(update, values)? == 0 {
                return Ok(None);
            }
            note(change, &row.id, call, row.report, now).map(Some)
        })
    }

    /// Notes a call that changes no state.
    pub(super) fn note(&self, item: &str, call: &'static str, report: u64, now: i64) -> Result<i64> {
        self.change(|change| note(change, item, call, Some(report), now))
    }

    /// Completes the note of a call.
    pub(super) fn answered(
        &self,
        number: i64,
        status: Option<u16>,
        code: Option<i64>,
        id: Option<&str>,
    ) -> Result<()> {
        self.change(|change| answered(change, number, status, code, id))
    }

    /// A report was opened.
    pub(super) fn opened(&self, id: &str, report: u64, now: i64) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE reports SET state = 'open', report = ?2, opened = ?3, changed = ?3 \
                          WHERE id = ?1 AND state = 'submitting'";
            change.execute(update, params![id, report as i64, now]).map(drop)
        })
    }

    /// A file was uploaded.
    pub(super) fn uploaded(&self, id: &str, position: usize, file: &str) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE report_files SET file = ?3 WHERE item = ?1 AND position = ?2";
            change.execute(update, params![id, position as i64, file]).map(drop)
        })
    }

    /// The report is filed, which events and the audit log say from the same instant on.
    pub(super) fn finished(&self, id: &str, hooks: &Hooks, now: i64) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE reports SET state = 'finished', finished = ?2, preserve_until = ?3, next = ?2, failures = 0, \
                          code = NULL, error = NULL WHERE id = ?1 AND state = 'finishing'";
            match change.execute(update, params![id, now, now + pace::PRESERVED])? {
                0 => Ok(()),
                _ => announce(change, id, hooks, now),
            }
        })
    }

    /// It is preserved.
    pub(super) fn preserved(&self, id: &str) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE reports SET state = 'preserved' WHERE id = ?1 AND state = 'finished'";
            change.execute(update, params![id]).map(drop)
        })
    }

    /// Ends an attempt before anything was filed. The report at NCMEC, where one is known, is to be retracted.
    pub(super) fn ended(&self, row: &Row, to: ItemState, setback: &Setback<'_>) -> Result<()> {
        self.change(|change| {
            let report = change.query_row("SELECT report FROM reports WHERE id = ?1", params![row.id], |row| {
                row.get::<_, Option<i64>>(0)
            })?;
            if let Some(report) = report {
                let insert = "INSERT OR IGNORE INTO report_orphans (report, mode, item, next, attempts, until) \
                              VALUES (?1, ?2, ?3, ?4, 0, ?5)";
                let until = setback.now + pace::RETRACTED_BY;
                change.execute(insert, params![report, row.mode.word(), row.id, setback.now, until])?;
            }
            let update = "UPDATE reports SET state = ?2, report = NULL, opened = NULL, changed = NULL, position = 0, \
                          is_stopping = 0, failures = failures + 1, code = ?3, error = ?4, next = ?5 \
                          WHERE id = ?1 AND state IN ('queued', 'submitting', 'open', 'uploading', 'describing')";
            change.execute(update, params![row.id, to.name(), setback.code, setback.why, setback.next])?;
            change.execute("UPDATE report_files SET file = NULL WHERE item = ?1", params![row.id]).map(drop)
        })
    }

    /// A finish was not answered, or not as it should: it is asked for again.
    pub(super) fn postponed(&self, id: &str, setback: &Setback<'_>) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE reports SET failures = failures + 1, code = ?2, error = ?3, next = ?4 \
                          WHERE id = ?1 AND state = 'finishing'";
            change.execute(update, params![id, setback.code, setback.why, setback.next]).map(drop)
        })
    }

    /// A report that was being filed was removed by NCMEC before it was: it begins anew.
    pub(super) fn expired(&self, id: &str, setback: &Setback<'_>) -> Result<()> {
        self.change(|change| anew(change, id, setback))
    }

    pub(super) fn orphan(&self, modes: &[Mode], now: i64) -> Result<Option<Orphan>> {
        let [test, production] = [Mode::Test, Mode::Production].map(|mode| modes.contains(&mode));
        self.read(|connection| {
            let select = "SELECT report, mode, item, attempts, until FROM report_orphans \
                          WHERE (?1 AND mode = 'test' OR ?2 AND mode = 'production') AND next <= ?3 ORDER BY next LIMIT 1";
            let of = |row: &SqlRow<'_>| {
                Ok(Orphan {
                    report: row.get::<_, i64>(0)? as u64,
                    mode: mode(&row.get::<_, String>(1)?)?,
                    item: row.get(2)?,
                    attempts: row.get::<_, i64>(3)? as u32,
                    until: row.get(4)?,
                })
            };
            connection.query_row(select, params![test, production, now], of).optional()
        })
    }

    /// An orphan was retracted, or is given up.
    pub(super) fn orphan_gone(&self, orphan: &Orphan) -> Result<()> {
        self.change(|change| {
            let delete = "DELETE FROM report_orphans WHERE mode = ?1 AND report = ?2";
            change.execute(delete, params![orphan.mode.word(), orphan.report as i64]).map(drop)
        })
    }

    pub(super) fn orphan_later(&self, orphan: &Orphan, next: i64) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE report_orphans SET attempts = attempts + 1, next = ?3 WHERE mode = ?1 AND report = ?2";
            change.execute(update, params![orphan.mode.word(), orphan.report as i64, next]).map(drop)
        })
    }

    /// A report is filed although nobody asked for its finish: no other may be filed for the same item before a person has looked.
    pub(super) fn halt(&self, id: &str, why: &str) -> Result<()> {
        self.change(|change| {
            let update = "UPDATE reports SET state = 'failed', code = ?2, error = ?3 WHERE id = ?1 AND state = 'queued'";
            change.execute(update, params![id, code::FINISHED, why]).map(drop)
        })
    }

    pub(super) fn pause(&self, mode: Mode, why: &str, now: i64) -> Result<()> {
        self.change(|change| {
            let insert = "INSERT OR IGNORE INTO report_pauses (mode, since, error) VALUES (?1, ?2, ?3)";
            change.execute(insert, params![mode.word(), now, why]).map(drop)
        })
    }

    pub(super) fn resume(&self, mode: Mode, act: &Act<'_>, now: i64) -> Result<()> {
        self.change(|change| {
            change.execute("DELETE FROM report_pauses WHERE mode = ?1", params![mode.word()])?;
            audit::add(change, act, time(now))
        })
    }

    pub(super) fn pauses(&self) -> Result<Vec<(Mode, Moment, String)>> {
        self.read(|connection| {
            let mut statement = connection.prepare("SELECT mode, since, error FROM report_pauses")?;
            let of =
                |row: &SqlRow<'_>| Ok((mode(&row.get::<_, String>(0)?)?, moment(row.get(1)?), row.get(2)?));
            statement.query_map([], of)?.collect()
        })
    }

    pub(super) fn retry(&self, id: &str, is_anew: bool, act: &Act<'_>, now: i64) -> Result<()> {
        self.change(|change| {
            let Some(row) = row(change, id)? else { return Ok(Err(missing(id))) };
            let is_refused = row.code.is_some_and(|known| {
                matches!(known, code::NO_REPORT | code::RETRACTED) || code::is_refusal(known)
            });
            match row.state {
                ItemState::Finishing if is_anew && is_refused => {
                    let setback = Setback { why: "a person lets it begin anew", code: None, now, next: now };
                    anew(change, id, &setback)?;
                }
                ItemState::Finishing if is_anew => {
                    let why = "it is being filed, and NCMEC has not said that it was not: another one might be the second";
                    return Ok(Err(Error::Input(why.into())));
                }
                ItemState::Queued | ItemState::Finishing => {
                    change.execute("UPDATE reports SET next = ?2 WHERE id = ?1", params![id, now])?;
                }
                ItemState::Failed => {
                    let update = "UPDATE reports SET state = 'queued', next = ?2, failures = 0 WHERE id = ?1";
                    change.execute(update, params![id, now])?;
                }
                state => return Ok(Err(Error::Input(format!("{id} is {}: there is nothing to be tried again", state.name())))),
            }
            audit::add(change, act, time(now)).map(Ok)
        })?
    }

    pub(super) fn stop(&self, id: &str, act: &Act<'_>, now: i64) -> Result<ItemState> {
        self.change(|change| {
            let Some(row) = row(change, id)? else { return Ok(Err(missing(id))) };
            match row.state {
                ItemState::Queued | ItemState::Failed => {
                    change.execute("UPDATE reports SET state = 'cancelled' WHERE id = ?1", params![id])?;
                    audit::add(change, act, time(now))?;
                    Ok(Ok(ItemState::Cancelled))
                }
                ItemState::Submitting | ItemState::Open | ItemState::Uploading | ItemState::Describing => {
                    change.execute("UPDATE reports SET is_stopping = 1 WHERE id = ?1", params![id])?;
                    audit::add(change, act, time(now))?;
                    Ok(Ok(row.state))
                }
                ItemState::Retracted | ItemState::Cancelled => Ok(Ok(row.state)),
                state => Ok(Err(Error::Input(format!("{id} is {}, which cannot be undone", state.name())))),
            }
        })?
    }

    /// Forgets what a report holds, and removes the evidence that neither another report nor a review needs.
    pub(super) fn erase(
        &self,
        id: &str,
        is_early: bool,
        remove: impl Fn(&str) -> Result<()>,
        act: &Act<'_>,
        now: i64,
    ) -> Result<()> {
        self.change(|change| {
            let Some(row) = row(change, id)? else { return Ok(Err(missing(id))) };
            if !row.state.is_settled() && !row.state.is_filed() {
                return Ok(Err(Error::Input(format!("{id} is {}: it is not settled", row.state.name()))));
            }
            if row.state.is_filed() && !is_early && row.preserve_until.is_none_or(|until| now < until) {
                let until = row.preserve_until.map(moment).map_or("later".to_string(), |until| until.to_string());
                return Ok(Err(Error::Input(format!("{id} has to be preserved until {until}"))));
            }
            let update = "UPDATE reports SET state = 'erased', request = NULL, error = NULL, erased = coalesce(erased, ?2) WHERE id = ?1";
            change.execute(update, params![id, now])?;
            audit::add(change, act, time(now))?;
            let select = "SELECT DISTINCT sha256 FROM report_files WHERE item = ?1 AND sha256 NOT IN \
                          (SELECT sha256 FROM report_files JOIN reports ON id = item WHERE state <> 'erased') \
                          AND sha256 NOT IN (SELECT evidence FROM review_pictures)";
            let mut statement = change.prepare(select)?;
            let names = statement.query_map(params![id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
            Ok(names.iter().try_for_each(|name| remove(name)))
        })??;
        // The text leaves the log of changes too.
        self.read(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) from: ItemState,
    pub(super) to: ItemState,
    pub(super) position: usize,
}

fn time(milliseconds: i64) -> SystemTime {
    moment(milliseconds).into()
}

/// Keeps what others learn of a report that is filed now.
fn announce(change: &Transaction<'_>, id: &str, hooks: &Hooks, now: i64) -> rusqlite::Result<()> {
    let Some(row) = row(change, id)? else { return Ok(()) };
    let files = files(change, id)?;
    let until = row.preserve_until.map(moment);
    let detail = json!({ "mode": row.mode.word(), "report_id": row.report });
    let act = Act { who: "shadegrid", action: "report.finish", subject: id, detail };
    audit::add(change, &act, time(now))?;
    let file_ids: Vec<&str> = files.iter().filter_map(|file| file.file.as_deref()).collect();
    let finished = json!({ "id": id, "mode": row.mode.word(), "report_id": row.report, "file_ids": file_ids,
        "finished": moment(now), "preserve_until": until });
    hooks.add(change, HookKind::ReportFinished, &finished, time(now))?;
    let evidence: Vec<Value> = files
        .iter()
        .map(|file| json!({ "sha256": file.digests.sha256, "bytes": file.digests.bytes }))
        .collect();
    let preserve = json!({ "id": id, "mode": row.mode.word(), "report_id": row.report, "until": until, "files": evidence });
    hooks.add(change, HookKind::Preserve, &preserve, time(now))
}

fn missing(id: &str) -> Error {
    Error::Input(format!("there is no report with the id {id:?}"))
}

fn anew(change: &Transaction<'_>, id: &str, setback: &Setback<'_>) -> rusqlite::Result<()> {
    let update = "UPDATE reports SET state = 'queued', report = NULL, opened = NULL, changed = NULL, position = 0, \
                  failures = failures + 1, code = ?2, error = ?3, next = ?4 WHERE id = ?1 AND state = 'finishing'";
    change.execute(update, params![id, setback.code, setback.why, setback.next])?;
    change.execute("UPDATE report_files SET file = NULL WHERE item = ?1", params![id]).map(drop)
}

fn note(
    change: &Transaction<'_>,
    item: &str,
    call: &str,
    report: Option<u64>,
    now: i64,
) -> rusqlite::Result<i64> {
    let insert = "INSERT INTO report_requests (item, time, call, report) VALUES (?1, ?2, ?3, ?4)";
    change.execute(insert, params![item, now, call, report.map(|report| report as i64)])?;
    Ok(change.last_insert_rowid())
}

fn answered(
    change: &Transaction<'_>,
    number: i64,
    status: Option<u16>,
    code: Option<i64>,
    id: Option<&str>,
) -> rusqlite::Result<()> {
    let update = "UPDATE report_requests SET status = ?2, code = ?3, request_id = ?4 WHERE number = ?1";
    change.execute(update, params![number, status, code, id]).map(drop)
}

fn row(connection: &Connection, id: &str) -> rusqlite::Result<Option<Row>> {
    let select = format!("SELECT {COLUMNS} FROM reports WHERE id = ?1");
    connection.query_row(&select, params![id], of).optional()
}

fn by_key(connection: &Connection, key: &str) -> rusqlite::Result<Option<(Row, Vec<u8>)>> {
    let select = format!("SELECT {COLUMNS}, digest FROM reports WHERE idempotency = ?1");
    connection.query_row(&select, params![key], |row| Ok((of(row)?, row.get("digest")?))).optional()
}

fn files(connection: &Connection, id: &str) -> rusqlite::Result<Vec<FileRow>> {
    let select = "SELECT sha256, sha1, md5, bytes, file FROM report_files WHERE item = ?1 ORDER BY position";
    let mut statement = connection.prepare(select)?;
    let of = |row: &SqlRow<'_>| {
        let bytes = row.get::<_, i64>(3)? as u64;
        let digests = Digests { sha256: row.get(0)?, sha1: row.get(1)?, md5: row.get(2)?, bytes };
        Ok(FileRow { digests, file: row.get(4)? })
    };
    statement.query_map(params![id], of)?.collect()
}

fn requests(connection: &Connection, id: &str) -> rusqlite::Result<Vec<RequestRecord>> {
    let select = "SELECT time, call, report, status, code, request_id FROM report_requests WHERE item = ?1 ORDER BY number";
    let mut statement = connection.prepare(select)?;
    let of = |row: &SqlRow<'_>| {
        Ok(RequestRecord {
            time: moment(row.get(0)?),
            call: row.get(1)?,
            report_id: row.get::<_, Option<i64>>(2)?.map(|report| report as u64),
            status: row.get(3)?,
            code: row.get(4)?,
            request_id: row.get(5)?,
        })
    };
    statement.query_map(params![id], of)?.collect()
}

fn item(connection: &Connection, row: Row) -> rusqlite::Result<Item> {
    Ok(Item {
        file_ids: files(connection, &row.id)?.into_iter().filter_map(|file| file.file).collect(),
        requests: requests(connection, &row.id)?,
        next_attempt: (!row.state.is_settled() && !row.state.is_filed()).then(|| moment(row.next)),
        created: moment(row.created),
        finished: row.finished.map(moment),
        preserve_until: row.preserve_until.map(moment),
        id: row.id,
        mode: row.mode,
        state: row.state,
        report_id: row.report,
        attempts: row.attempts,
        last_error: row.error,
        code: row.code,
    })
}

fn of(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        mode: mode(&row.get::<_, String>(1)?)?,
        request: row.get(2)?,
        state: state(&row.get::<_, String>(3)?)?,
        report: row.get::<_, Option<i64>>(4)?.map(|report| report as u64),
        created: row.get(5)?,
        opened: row.get(6)?,
        changed: row.get(7)?,
        next: row.get(8)?,
        attempts: row.get::<_, i64>(9)? as u32,
        failures: row.get::<_, i64>(10)? as u32,
        code: row.get(11)?,
        error: row.get(12)?,
        finished: row.get(13)?,
        preserve_until: row.get(14)?,
    })
}

/// A word that this version does not know is a newer version's: nobody here may guess what it means.
fn unknown(word: &str) -> rusqlite::Error {
    let error = Error::Unsupported(format!("{word:?} in a report: a newer version of this program wrote it"));
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

fn state(word: &str) -> rusqlite::Result<ItemState> {
    word.parse().map_err(|_| unknown(word))
}

fn mode(word: &str) -> rusqlite::Result<Mode> {
    [Mode::Test, Mode::Production].into_iter().find(|mode| mode.word() == word).ok_or_else(|| unknown(word))
}
