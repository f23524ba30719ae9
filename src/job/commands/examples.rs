//! Some of the records that failed, for people who want to see what a number stands for.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Result;
use crate::job::state::ledger::{Ledger, ShardEntry};
use crate::job::state::location::Location;
use crate::job::state::plan::Plan;
use crate::job::state::records::{Arguments, Chosen, read_named};
use crate::job::state::settings::Settings;

/// Examples of each error code.
const EXAMPLES: usize = 5;

/// Files that are read for them at most: each may hold some MiB.
const FILES: usize = 12;

/// An input that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Example {
    /// The error's code.
    pub code: String,
    /// The input, with U+FFFD for what is not UTF-8.
    pub key: String,
    /// What happened.
    pub message: String,
}

/// Up to five failed inputs for each error code, by code, from the first shards that have them.
///
/// # Errors
///
/// [`Error::Io`](crate::Error::Io) and [`Error::Input`](crate::Error::Input) where plan, ledger or records cannot be read.
pub fn examples(location: &dyn Location) -> Result<Vec<Example>> {
    let settings = Settings::read(location)?;
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    ledger.refresh(location)?;
    plan.refresh(location)?;
    let mut found: BTreeMap<String, Vec<Example>> = BTreeMap::new();
    for entry in wanted(&ledger, location)? {
        let Some(kind) = plan.kind(entry.shard) else { continue };
        let arguments = Arguments::of(&plan.items(location, entry.shard)?, kind);
        let chosen = Chosen { codes: Vec::new(), strict: settings.is_strict() };
        for record in read_named(location, &entry.file, settings.format()?, &arguments)? {
            let record = record?;
            // Enough of what this file is read for.
            if entry.failed.keys().all(|code| found.get(code).is_some_and(|found| found.len() >= EXAMPLES)) {
                break;
            }
            let Some(error) = record.error().filter(|_| chosen.has(&record)) else { continue };
            let examples = found.entry(error.code.to_string()).or_default();
            if examples.len() < EXAMPLES {
                let (code, message) = (error.code.to_string(), error.message.clone());
                examples.push(Example { code, key: record.key.to_string_lossy().into_owned(), message });
            }
        }
    }
    Ok(found.into_values().flatten().collect())
}

/// The first shards that hold enough failures of each code.
fn wanted(ledger: &Ledger, location: &dyn Location) -> Result<Vec<ShardEntry>> {
    let (mut known, mut wanted) = (BTreeMap::<String, u64>::new(), Vec::new());
    ledger.for_each(location, 0, |entry| {
        let is_wanted =
            entry.failed.keys().any(|code| known.get(code).is_none_or(|known| *known < EXAMPLES as u64));
        if is_wanted && wanted.len() < FILES {
            for (code, count) in &entry.failed {
                *known.entry(code.clone()).or_default() += count;
            }
            wanted.push(entry);
        }
    })?;
    Ok(wanted)
}
