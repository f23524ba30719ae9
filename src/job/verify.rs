//! Whether plan, ledger and files agree, and every input has its record once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Seek as _;

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
    /// Whether retries made some of them under other limits than the settings'.
    pub other_limits: bool,
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
        other_limits: ledger.all_done().values().any(|entry| !entry.other_limits.is_empty()),
        ..Verdict::default()
    };
    if ledger.damaged() > 0 {
        verdict.fault(format!("{} lines of the ledger are damaged", ledger.damaged()));
    }
    let mut check = Check { location, format, plan: &plan, keys: Duplicates::new(), verdict };
    let mut changed = Vec::new();
    for (shard, entry) in ledger.all_done() {
        if !check.shard(*shard, entry, ledger.announced(*shard))? {
            changed.push(*shard);
        }
    }
    if !changed.is_empty() {
        // A retry may have replaced files since the ledger was read.
        ledger.refresh(location)?;
    }
    for shard in changed {
        if let Some(entry) = ledger.done(shard)
            && !check.shard(shard, entry, ledger.announced(shard))?
        {
            let fault = "is not the file that the ledger tells of: its checksum differs";
            check.verdict.fault(format!("{} {fault}", entry.file));
        }
    }
    check.strangers()?;
    let Check { keys, mut verdict, .. } = check;
    keys.report(&mut |key, times| verdict.fault(format!("{key} has {times} records")))?;
    Ok(verdict)
}

/// A check that goes on.
struct Check<'a> {
    location: &'a dyn Location,
    format: RecordFormat,
    plan: &'a Plan,
    keys: Duplicates,
    verdict: Verdict,
}

impl Check<'_> {
    /// Checks a shard's file; `false` where it is another file than the ledger's lines tell of.
    fn shard(&mut self, shard: u64, entry: &Entry, announced: &[Entry]) -> Result<bool> {
        if shard >= self.verdict.shards {
            if self.verdict.planned {
                self.verdict.fault(format!("{} is in the ledger, and its shard not in the plan", entry.file));
            }
            return Ok(true);
        }
        let Some(content) = self.location.open(&entry.file)? else {
            self.verdict.fault(format!("{} is gone", entry.file));
            return Ok(true);
        };
        let (sha256, length) = digest::of_file(&content, &entry.file)?;
        // A retry may have replaced the file and not be done yet.
        let mut lines = std::iter::once(entry).chain(announced);
        let Some(entry) = lines.find(|entry| entry.sha256 == sha256 && entry.length == length) else {
            return Ok(false);
        };
        if let Some(tally) = self.rows(content, entry)? {
            self.inputs(shard, entry, tally)?;
        }
        Ok(true)
    }

    /// Holds a file's rows against its line in the ledger; `None` where they cannot be read.
    fn rows(&mut self, mut content: File, entry: &Entry) -> Result<Option<Tally>> {
        content.rewind().map_err(|error| Error::io(format!("cannot read {}", entry.file), error))?;
        let mut tally = Tally::default();
        for row in self.format.rows(content)? {
            match row {
                Ok(row) => {
                    self.keys.add(&row.key)?;
                    tally.add(&row);
                }
                Err(error) => {
                    self.verdict.fault(format!("{}: {error}", entry.file));
                    return Ok(None);
                }
            }
        }
        let same = (tally.records, &tally.failed, tally.bytes, tally.pixels)
            == (entry.records, &entry.failed, entry.bytes, entry.pixels);
        if !same || tally.keys.clone().finish() != entry.keys {
            self.verdict.fault(format!("{} holds other records than the ledger tells", entry.file));
        }
        self.verdict.records += tally.records;
        for (code, count) in &tally.failed {
            *self.verdict.failed.entry(code.clone()).or_default() += count;
        }
        Ok(Some(tally))
    }

    /// Holds a file's keys against the plan, which does not know what is in archives.
    fn inputs(&mut self, shard: u64, entry: &Entry, tally: Tally) -> Result<()> {
        if self.plan.shards()[shard as usize].kind == ShardKind::Archive {
            return Ok(());
        }
        let mut keys = Keys::default();
        let items = self.plan.items(self.location, shard)?;
        items.iter().for_each(|item| keys.add(&item.location));
        self.verdict.inputs += items.len() as u64;
        if keys.finish() != tally.keys.finish() {
            self.verdict.fault(format!(
                "{} holds {} records that are not those of the {} inputs planned for it",
                entry.file,
                tally.records,
                items.len()
            ));
        }
        Ok(())
    }

    /// Files of records that no shard has.
    fn strangers(&mut self) -> Result<()> {
        for listed in self.location.list("records")? {
            let shard = listed.name.split('.').next().and_then(|number| number.parse::<u64>().ok());
            let unknown = |shard| shard >= self.verdict.shards && self.verdict.planned;
            if shard.is_none_or(unknown) {
                self.verdict.fault(format!("records/{} belongs to no shard of the plan", listed.name));
            }
        }
        Ok(())
    }
}
