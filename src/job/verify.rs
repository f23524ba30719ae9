//! Whether plan, ledger and files agree, and every input has its record once.

use std::collections::BTreeMap;

use super::digest::{self, Keys};
use super::duplicates::Duplicates;
use super::ledger::{Entry, Ledger};
use super::location::Location;
use super::plan::{Plan, ShardKind};
use super::settings::Settings;
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::pipeline::RecordFormat;

/// What a check came to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verdict {
    /// Shards planned, and whether there will be no more.
    pub shards: u64,
    /// Whether the plan is complete.
    pub planned: bool,
    /// Shards that are done, and were checked.
    pub done: u64,
    /// Records in them.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Inputs planned one by one (not in archives) in those shards.
    pub inputs: u64,
    /// What does not agree, in words; at most so many as are worth reading.
    pub faults: Vec<String>,
    /// How many there are.
    pub fault_count: u64,
}

/// Faults that are told.
const TOLD: usize = 100;

impl Verdict {
    /// Whether every input has its record, once.
    pub fn is_complete(&self) -> bool {
        self.planned && self.done == self.shards
    }

    fn fault(&mut self, fault: impl Into<String>) {
        self.fault_count += 1;
        if self.faults.len() < TOLD {
            self.faults.push(fault.into());
        }
    }
}

/// Reads every file of records that is done and holds it against the plan and the ledger. Memory is bounded: keys are compared through
/// temporary files.
///
/// # Errors
///
/// [`Error::Input`] where there is no job or its plan is damaged, [`Error::Io`] where the location or temporary files fail; what does not
/// agree is in the verdict.
pub fn verify(location: &dyn Location) -> Result<Verdict> {
    let settings = Settings::read(location)?;
    let format = settings.format()?;
    let (mut plan, mut ledger) = (Plan::default(), Ledger::default());
    ledger.refresh(location)?;
    plan.refresh(location)?;
    let mut verdict = Verdict {
        shards: plan.shards().len() as u64,
        planned: plan.is_complete(),
        done: ledger.all_done().len() as u64,
        ..Verdict::default()
    };
    if ledger.damaged() > 0 {
        verdict.fault(format!("{} lines of the ledger are damaged", ledger.damaged()));
    }
    let mut keys = Duplicates::new()?;
    for (shard, entry) in ledger.all_done() {
        if *shard >= verdict.shards {
            verdict.fault(format!("{} is in the ledger, and its shard not in the plan", entry.file));
            continue;
        }
        let announced = ledger.announced(*shard);
        if let Some(tally) = check_file(location, format, entry, announced, &mut keys, &mut verdict)? {
            check_plan(location, &plan, *shard, entry, &tally, &mut verdict)?;
        }
    }
    for listed in location.list("records")? {
        let shard = listed.name.split('.').next().and_then(|number| number.parse().ok());
        if shard.is_none_or(|shard: u64| shard >= verdict.shards) {
            verdict.fault(format!("records/{} belongs to no shard of the plan", listed.name));
        }
    }
    keys.report(&mut |key, times| verdict.fault(format!("{key} has {times} records")))?;
    Ok(verdict)
}

/// Holds a file against its line in the ledger.
fn check_file(
    location: &dyn Location,
    format: RecordFormat,
    entry: &Entry,
    announced: &[Entry],
    keys: &mut Duplicates,
    verdict: &mut Verdict,
) -> Result<Option<Tally>> {
    let Some(content) = location.open(&entry.file)? else {
        verdict.fault(format!("{} is gone", entry.file));
        return Ok(None);
    };
    let (sha256, length) = digest::of_file(&content, &entry.file)?;
    // A retry may have replaced the file and not said so yet.
    let candidates = std::iter::once(entry).chain(announced);
    let Some(entry) = candidates.into_iter().find(|entry| entry.sha256 == sha256 && entry.length == length)
    else {
        verdict
            .fault(format!("{} is not the file that the ledger tells of: its checksum differs", entry.file));
        return Ok(None);
    };
    use std::io::Seek as _;
    (&content).rewind().map_err(|error| Error::io(format!("cannot read {}", entry.file), error))?;
    let mut tally = Tally::default();
    for row in format.rows(content)? {
        match row {
            Ok(row) => {
                keys.add(&row.key)?;
                tally.add(&row);
            }
            Err(error) => {
                verdict.fault(format!("{}: {error}", entry.file));
                return Ok(None);
            }
        }
    }
    let same = (tally.records, &tally.failed, tally.bytes, tally.pixels)
        == (entry.records, &entry.failed, entry.bytes, entry.pixels);
    if !same || tally.keys.clone().finish() != entry.keys {
        verdict.fault(format!("{} holds other records than the ledger tells", entry.file));
    }
    verdict.records += tally.records;
    for (code, count) in &tally.failed {
        *verdict.failed.entry(code.clone()).or_default() += count;
    }
    Ok(Some(tally))
}

/// Holds a file's keys against the plan.
fn check_plan(
    location: &dyn Location,
    plan: &Plan,
    shard: u64,
    entry: &Entry,
    tally: &Tally,
    verdict: &mut Verdict,
) -> Result<()> {
    if plan.shards()[shard as usize].kind == ShardKind::Archive {
        return Ok(());
    }
    let mut keys = Keys::default();
    let items = plan.items(location, shard)?;
    verdict.inputs += items.len() as u64;
    items.iter().for_each(|item| keys.add(&item.location));
    if keys.finish() != tally.keys.clone().finish() {
        verdict.fault(format!(
            "{} holds {} records that are not those of the {} inputs planned for it",
            entry.file,
            tally.records,
            items.len()
        ));
    }
    Ok(())
}
