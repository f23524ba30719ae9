//! The events of a folder, for people who see to them.

use std::path::Path;
use std::time::SystemTime;

use rusqlite::TransactionBehavior;
#[cfg(feature = "service")]
use serde_json::Value;
use serde_json::json;

use super::queue::{self, HookCounts, HookItem, HookState, milliseconds};
#[cfg(feature = "service")]
use super::{HookKind, Hooks};
use crate::audit::{self, Act};
use crate::error::{Error, Result};
use crate::state::State;

/// The events in the folder of a service or of an outbox; another process may deliver them meanwhile.
#[derive(Debug)]
pub struct HookStore(State);

impl HookStore {
    /// Opens those of a folder that is there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the folder has none, or its file is none of ours, [`Error::Io`] where it cannot be opened.
    pub fn open(folder: impl AsRef<Path>) -> Result<HookStore> {
        State::open_existing(folder.as_ref()).map(HookStore)
    }

    /// Every event that is not delivered, the oldest first; of one state alone where one is named.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be read.
    pub fn list(&self, state: Option<HookState>) -> Result<Vec<HookItem>> {
        queue::list(&self.0.connection(), state).map_err(|error| self.0.about(error))
    }

    /// How many there are.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where they cannot be counted.
    pub fn counts(&self) -> Result<HookCounts> {
        counts(&self.0)
    }

    /// Tries an event again now, or all of them; those that were given up have another 30 days. It stands in the audit log as an act of `who`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where there is none of this id, or that cannot be written.
    pub fn retry(&self, id: Option<&str>, who: &str) -> Result<usize> {
        let (now, mut connection) = (SystemTime::now(), self.0.connection());
        let about = |error| self.0.about(error);
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(about)?;
        let tried = queue::retry(&change, id, milliseconds(now)).map_err(about)?;
        match id {
            Some(id) if tried == 0 => Err(Error::Input(format!("no event with the id {id:?} waits"))),
            _ => {
                let detail = json!({ "events": tried });
                let act = Act { who, action: "hook.retry", subject: id.unwrap_or("all"), detail };
                audit::append(&change, &act, now)?;
                change.commit().map_err(about)?;
                Ok(tried)
            }
        }
    }
}

/// How many events of a folder are not delivered.
pub(crate) fn counts(state: &State) -> Result<HookCounts> {
    queue::counts(&state.connection()).map_err(|error| state.about(error))
}

/// Keeps events in a transaction of their own.
#[cfg(feature = "service")]
pub(crate) fn keep(state: &State, hooks: &Hooks, kind: HookKind, events: &[Value]) -> Result<()> {
    let (now, mut connection) = (SystemTime::now(), state.connection());
    let about = |error| state.about(error);
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(about)?;
    events.iter().try_for_each(|data| hooks.enqueue(&change, kind, data, now))?;
    change.commit().map_err(about)
}
