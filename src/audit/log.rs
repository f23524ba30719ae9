//! The log of a folder, as a whole.

use std::io::Write;
use std::path::Path;

use rusqlite::TransactionBehavior;

use super::line::{self, START};
use super::verify::{AuditVerdict, Chain};
use crate::error::{Error, Result};
use crate::state::State;

/// The log in the folder of a service or of an outbox; another process may add to it meanwhile.
#[derive(Debug)]
pub struct AuditLog(State);

/// Where a log ends. Noted elsewhere, it says later whether lines were removed at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEnd {
    /// How many lines there are.
    pub lines: u64,
    /// The hash of the last one, 64 zeros where there is none.
    pub hash: String,
}

impl AuditLog {
    /// Opens the log of a folder that is there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the folder has none, or its file is none of ours, [`Error::Io`] where it cannot be opened.
    pub fn open(folder: impl AsRef<Path>) -> Result<AuditLog> {
        State::open_existing(folder.as_ref()).map(AuditLog)
    }

    /// Writes every line as it is kept, each with a line break: the same lines are the same bytes, whenever they are exported.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where they cannot be written, [`Error::Input`] where they cannot be read.
    pub fn export(&self, to: &mut dyn Write) -> Result<AuditEnd> {
        let mut end = AuditEnd { lines: 0, hash: START.to_string() };
        self.each(|line| {
            let written = to.write_all(line.as_bytes()).and_then(|()| to.write_all(b"\n"));
            written.map_err(|error| Error::io("cannot write the audit log", error))?;
            end.lines += 1;
            if let Some(hash) = line::hash_in(line.as_bytes()) {
                end.hash = hash.to_string();
            }
            Ok(true)
        })?;
        Ok(end)
    }

    /// Checks every line; see [`verify`](super::verify()).
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read, or what is expected is no hash.
    pub fn verify(&self, expected: Option<&str>) -> Result<AuditVerdict> {
        let mut chain = Chain::new(expected)?;
        self.each(|line| Ok(chain.follow(line.as_bytes())))?;
        Ok(chain.end())
    }

    /// Calls with the lines that are there at one instant, until one says that it is enough.
    fn each(&self, mut with: impl FnMut(&str) -> Result<bool>) -> Result<()> {
        let about = |error| self.0.about(error);
        let mut connection = self.0.connection();
        let reading = connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(about)?;
        let mut statement = reading.prepare("SELECT line FROM audit ORDER BY number").map_err(about)?;
        let mut rows = statement.query([]).map_err(about)?;
        while let Some(row) = rows.next().map_err(about)? {
            let line = row.get_ref(0).map_err(about)?.as_str().unwrap_or_default();
            if !with(line)? {
                break;
            }
        }
        Ok(())
    }
}
