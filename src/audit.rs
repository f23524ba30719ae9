//! Who did what, in lines that are only added to: each holds the SHA-256 of the one before, so that what is changed, removed or moved is found.
//!
//! A line is the JSON that [`export`](AuditLog::export) writes, byte for byte; `docs/reports.md` defines it. The log finds what was changed by mistake or by
//! somebody who cannot write all of it anew. Who can, is found by whoever noted the hash of an earlier line elsewhere ([`verify()`]).

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;

use crate::error::{Error, Result};

mod line;
mod log;
#[cfg(test)]
mod tests;
mod verify;

pub use log::{AuditEnd, AuditLog};
pub use verify::{AuditBreak, AuditVerdict, verify};

/// Something that was done.
#[derive(Debug, Clone)]
pub(crate) struct Act<'a> {
    /// By whom: a user, a key, a person's name; or the program itself.
    pub(crate) who: &'a str,
    /// What was done, in a word: `report.erase`.
    pub(crate) action: &'a str,
    /// With what: the id of a report or of an item.
    pub(crate) subject: &'a str,
    /// What else is to be known; an object. It holds no signature, key or content of a report.
    pub(crate) detail: Value,
}

/// Adds a line within the caller's transaction, which has to be one that writes.
///
/// # Errors
///
/// [`Error::Input`] where the line would be too long, or cannot be written.
pub(crate) fn append(connection: &Connection, act: &Act<'_>, now: SystemTime) -> Result<()> {
    add(connection, act, now).map_err(|error| Error::Input(format!("the audit log: {error}")))
}

/// The same with the error of the file.
pub(crate) fn add(connection: &Connection, act: &Act<'_>, now: SystemTime) -> rusqlite::Result<()> {
    let select = "SELECT number, line FROM audit ORDER BY number DESC LIMIT 1";
    let last = connection.query_row(select, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let (number, previous) = match last.optional()? {
        None => (1, line::START.to_string()),
        Some((number, last)) => {
            let hash = line::hash_in(last.as_bytes()).ok_or_else(|| unusable("its last line is no line"))?;
            (number + 1, hash.to_string())
        }
    };
    let line = line::compose(number, act, now, &previous);
    if line.len() > line::LONGEST {
        return Err(unusable("a line would be longer than 64 KiB"));
    }
    connection.execute("INSERT INTO audit (number, line) VALUES (?1, ?2)", params![number, line]).map(drop)
}

fn unusable(why: &str) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(Error::Input(why.into())))
}
