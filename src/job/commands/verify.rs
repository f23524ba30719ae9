//! Whether plan, ledger and files agree, and every input has its record once.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;

use super::duplicates::{Duplicates, Origin};
use crate::error::Result;
use crate::job::state::digest::Keys;
use crate::job::state::ledger::{Ledger, ShardEntry};
use crate::job::state::location::{Listed, Location};
use crate::job::state::plan::{self, ListingTime, Plan, ShardKind};
use crate::job::state::records::{self, ShardFile, records_file};
use crate::job::state::settings::Settings;
use crate::job::state::tally::{Tally, errors};
use crate::pipeline::{Item, RecordFormat};

/// What a check came to.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verdict {
    /// Shards planned, and whether there will be no more.
    pub shards: u64,
    /// Whether the plan is complete.
    pub planned: bool,
    /// When the inputs were listed last, or began to be.
    pub listed: ListingTime,
    /// Why the listing that is not at its end broke off, if it did and nobody has taken it up since.
    pub listing_broke: Option<String>,
    /// Shards that are done, and were checked.
    pub done: u64,
    /// Records in them.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures.
    pub skipped: u64,
    /// Whether retries made some of them under other limits than the settings'.
    pub other_limits: bool,
    /// Inputs planned one by one (not in archives) in those shards.
    pub inputs: u64,
    /// Inputs in those shards that the plan names more than once, and members of archives that it does; each has its record as often.
    pub planned_twice: u64,
    /// What does not agree, as messages; at most so many as are worth reading.
    pub faults: Vec<String>,
    /// How many there are.
    pub fault_count: u64,
}

/// Faults that are kept as messages.
const MOST_FAULTS: usize = 100;

impl Verdict {
    /// Whether every input has its record, once.
    pub fn is_complete(&self) -> bool {
        self.planned && self.done == self.shards
    }

    fn fault(&mut self, fault: impl Into<String>) {
        self.fault_count += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault.into());
        }
    }
}

/// How a file that is not there, or is another one, is repaired.
const REPAIR: &str = "`shadegrid job retry --lost` hashes it again";

/// Reads the plan and every file of records that is done, and holds them against each other and the ledger. Memory is bounded: keys are
/// compared through temporary files.
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) where there is no job, [`Error::Io`](crate::Error::Io) where the location cannot be listed or temporary files fail; what does not agree is in the
/// verdict.
pub fn verify(location: &dyn Location) -> Result<Verdict> {
    let format = Settings::read(location)?.format()?;
    // In this order no worker is accused: a file is announced before it is there, and its shard planned before that.
    let records = location.list("records")?;
    let mut ledger = Ledger::default();
    ledger.refresh(location)?;
    let (plan, faults) = Plan::survey(location)?;
    let mut verdict = Verdict {
        shards: plan.shards().len() as u64,
        planned: plan.is_complete(),
        listed: plan.listed(),
        listing_broke: plan::why_broken(location, &plan)?,
        done: ledger.count(),
        ..Verdict::default()
    };
    faults.into_iter().for_each(|fault| verdict.fault(fault));
    if ledger.damaged() > 0 {
        verdict.fault(format!("{} lines of the ledger are damaged", ledger.damaged()));
    }
    let (keys, reported) = (Duplicates::new(), HashSet::new());
    let mut check = Check { location, format, plan: &plan, ledger, keys, reported, verdict };
    check.outside(&records)?;
    check.shards()?;
    let Check { keys, mut verdict, .. } = check;
    verdict.planned_twice =
        keys.report(&mut |key, times| verdict.fault(format!("{key} has {times} records")))?;
    Ok(verdict)
}

/// A check under way.
struct Check<'a> {
    location: &'a dyn Location,
    format: RecordFormat,
    plan: &'a Plan,
    ledger: Ledger,
    keys: Duplicates,
    /// What is wrong with segments of the plan; each is reported once.
    reported: HashSet<String>,
    verdict: Verdict,
}

impl Check<'_> {
    /// Ledger lines and files of records that no shard of the plan has, or that no line names.
    fn outside(&mut self, records: &[Listed]) -> Result<()> {
        let planned = self.verdict.shards;
        self.ledger.for_each(self.location, planned, |entry| {
            self.verdict.other_limits |= !entry.other_limits.is_empty();
            self.verdict.fault(format!("{} is in the ledger, and its shard not in the plan", entry.file));
        })?;
        let visible = records.iter().filter(|listed| !listed.name.starts_with('.'));
        for name in visible.map(|listed| format!("records/{}", listed.name)) {
            let number = name["records/".len()..].split('.').next().and_then(|number| number.parse().ok());
            match number.filter(|shard| records_file(*shard, self.format) == name) {
                Some(shard) if self.ledger.is_done(shard) => {}
                Some(shard) if shard < planned && self.ledger.announced(shard).is_empty() => {
                    self.verdict.fault(format!("{name} is there, and no line of the ledger names it"));
                }
                Some(shard) if shard < planned => {}
                _ => self.verdict.fault(format!("{name} belongs to no shard of the plan")),
            }
        }
        Ok(())
    }

    /// Checks every shard of the plan.
    fn shards(&mut self) -> Result<()> {
        let mut known = VecDeque::new();
        for shard in 0..self.verdict.shards {
            if known.is_empty() {
                known = self.ledger.some(self.location, shard)?.into();
            }
            let is_done = known.front().is_some_and(|done: &ShardEntry| done.shard == shard);
            let done = if is_done { known.pop_front() } else { None };
            self.shard(shard, done.as_ref())?;
        }
        Ok(())
    }

    /// Checks what is planned for a shard, and its file if it is done.
    fn shard(&mut self, shard: u64, done: Option<&ShardEntry>) -> Result<()> {
        let items = self.items(shard);
        let Some(done) = done else { return Ok(()) };
        self.verdict.other_limits |= !done.other_limits.is_empty();
        let file = &done.file;
        match records::find(self.location, &mut self.ledger, done)? {
            ShardFile::Intact(content, entry) => return self.file(shard, content, &entry, items),
            ShardFile::Missing => self.verdict.fault(format!("{file} is gone; {REPAIR}")),
            ShardFile::Mismatch => {
                let fault = "is not the file in the ledger: its checksum differs";
                self.verdict.fault(format!("{file} {fault}; {REPAIR}"));
            }
            ShardFile::Unreadable(error) => {
                self.verdict.fault(format!("{error}; once nothing is in its place, {REPAIR}"));
            }
        }
        Ok(())
    }

    /// What is planned for a shard; `None` where that cannot be read.
    fn items(&mut self, shard: u64) -> Option<Vec<Item>> {
        if !self.plan.is_readable(shard) {
            return None;
        }
        let items = self.plan.items(self.location, shard).map_err(|error| error.to_string());
        match items {
            Ok(items) => Some(items),
            Err(fault) => {
                if self.reported.insert(fault.clone()) {
                    self.verdict.fault(fault);
                }
                None
            }
        }
    }

    /// Holds a file against its line in the ledger and against the plan, which does not know what is in archives.
    fn file(
        &mut self,
        shard: u64,
        content: File,
        entry: &ShardEntry,
        items: Option<Vec<Item>>,
    ) -> Result<()> {
        let archive = self.plan.shards()[shard as usize].kind == ShardKind::Archive;
        let items = items.filter(|_| !archive);
        let mut planned = Keys::default();
        items.iter().flatten().for_each(|item| planned.add(&item.location));
        let right = items.is_none() || planned.finish() == entry.keys;
        let origin = match (archive, right) {
            (true, _) => Origin::Member(shard),
            (false, true) => Origin::Planned,
            (false, false) => Origin::Unplanned,
        };
        if !self.records(content, entry, origin)? {
            return Ok(());
        }
        let inputs = items.map_or(0, |items| items.len() as u64);
        self.verdict.inputs += inputs;
        if !right {
            let (file, records) = (&entry.file, entry.records);
            let fault = format!("{file} holds {records} records that are not those of the {inputs} inputs");
            self.verdict.fault(format!("{fault} planned for it"));
        }
        Ok(())
    }

    /// Holds a file's records against its line in the ledger; `false` where they cannot be read.
    fn records(&mut self, content: File, entry: &ShardEntry, origin: Origin) -> Result<bool> {
        let mut tally = Tally::default();
        let records = match self.format.records(content) {
            Ok(records) => records,
            Err(error) => {
                self.verdict.fault(format!("{}: {error}", entry.file));
                return Ok(false);
            }
        };
        for record in records {
            match record {
                Ok(record) => {
                    self.keys.add(&record.key, origin)?;
                    tally.add(&record);
                }
                Err(error) => {
                    self.verdict.fault(format!("{}: {error}", entry.file));
                    return Ok(false);
                }
            }
        }
        // Which of them were skipped the ledger knows: a file may leave out where a record came from.
        let found = errors(&tally.failed, tally.skipped);
        let same = (tally.records, found, tally.bytes, tally.pixels)
            == (entry.records, errors(&entry.failed, entry.skipped), entry.bytes, entry.pixels);
        if !same || tally.keys.finish() != entry.keys {
            self.verdict.fault(format!("{} holds other records than the ledger says", entry.file));
        }
        self.verdict.records += tally.records;
        self.verdict.skipped += entry.skipped;
        for (code, count) in &entry.failed {
            *self.verdict.failed.entry(code.clone()).or_default() += count;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hasher::HashOptions;
    use crate::job::state::checksummed::seal;
    use crate::job::state::ledger::State;
    use crate::job::state::ledger::tests::entry;
    use crate::job::state::location::Folder;
    use crate::job::{report, status};
    use crate::pipeline::{Input, InputOptions};

    /// What is claimed with a right checksum may still be nonsense, and is looked at all the same.
    #[test]
    fn claims_without_sense_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let inputs = [Input::Named("photos".into())];
        let settings = Settings::new(
            &inputs,
            &InputOptions::default(),
            10,
            RecordFormat::JsonLines,
            &HashOptions::default(),
        );
        settings.hold(&location).unwrap();
        let shard =
            r#"{"kind":"pictures","items":18446744073709551615,"place":{"start":START,"end":END},"crc":0}"#;
        let index = |first: u64, start: u64, end: u64| {
            let shard = shard.replace("START", &start.to_string()).replace("END", &end.to_string());
            let index: serde_json::Value =
                serde_json::from_str(&format!(r#"{{"first":{first},"shards":[{shard},{shard}]}}"#)).unwrap();
            format!("{}\n", seal(&index).unwrap())
        };
        let marker = |segments: u64| {
            let marker: serde_json::Value = serde_json::from_str(&format!(
                r#"{{"segments":{segments},"shards":{},"items":0}}"#,
                u64::MAX
            ))
            .unwrap();
            seal(&marker).unwrap()
        };
        let mut lines = String::new();
        for shard in [0, 1, u64::MAX] {
            let most = ShardEntry {
                records: u64::MAX,
                bytes: u64::MAX,
                pixels: u64::MAX,
                ..entry(shard, u32::MAX, State::Done)
            };
            let failed = BTreeMap::from([("io".to_string(), u64::MAX), ("limit".to_string(), 7)]);
            let all = ShardEntry { failed, length: u64::MAX, at: u64::MAX, seconds: -1e300, ..most };
            lines += &format!("{}\n", seal(&all).unwrap());
        }
        location.append("ledger/liar_0000.jsonl", lines.as_bytes()).unwrap();
        for index in
            [index(0, 0, 0), index(0, 9, 3), index(0, 0, u64::MAX), index(u64::MAX, 0, 0), index(5, 0, 0)]
        {
            for segments in [0, 1, 2, u64::MAX] {
                std::fs::create_dir_all(folder.path().join("plan")).unwrap();
                std::fs::write(folder.path().join("plan/000000.segment"), &index).unwrap();
                std::fs::write(folder.path().join("plan/complete.json"), marker(segments)).unwrap();
                let _ = (status(&location), report(&location));
                assert!(verify(&location).unwrap().fault_count > 0, "{index} {segments}");
            }
        }
    }
}
