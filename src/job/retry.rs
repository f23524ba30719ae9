//! Hashes failed records again, and puts what comes of it into the files of their shards.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use super::board::{account_for, records_file};
use super::claim::Claims;
use super::feed::{Ending, How, Mend, Supply, Taken};
use super::hand::{Desk, is_failed, read};
use super::identity::Identity;
use super::ledger::{Ledger, Writer};
use super::location::Location;
use super::plan::{self, Plan, ShardKind};
use super::settings::Settings;
use super::worker::{WorkOptions, beating, reading, round};
use crate::error::Result;
use crate::hasher::HashOptions;
use crate::limits::Limits;
use crate::pipeline::{self, InputOptions, PipelineOptions, RecordFormat, describe};

/// What a retry came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// Records that were hashed again.
    pub records: u64,
    /// Those that failed again, by error code.
    pub failed: BTreeMap<&'static str, u64>,
    /// Shards with failed records that another worker has in hand.
    pub passed_over: u64,
}

/// The limits for another retry: the settings', or larger ones where a retry had them, so that what it mended does not fail again where a whole
/// archive is hashed once more.
///
/// # Errors
///
/// [`Error::Input`](crate::Error::Input) where there is no job, [`Error::Io`](crate::Error::Io) where the location cannot be read.
pub fn limits_so_far(location: &dyn Location) -> Result<Limits> {
    let mut ledger = Ledger::default();
    ledger.refresh(location)?;
    let others = ledger.all_done().values().flat_map(|entry| &entry.other_limits);
    Ok(others.fold(Settings::read(location)?.limits, |limits, other| limits.or(other)))
}

/// Hashes the failed records with these error codes again, or all failed ones where there are none; `hash` may have other limits than the
/// settings, as long as what succeeded does not depend on them; the ledger says so of each shard.
///
/// Each shard's file is replaced at one instant; a retry may be killed and started again like any worker.
///
/// # Errors
///
/// As those of [`work`](super::work).
pub fn retry(
    location: Arc<dyn Location>,
    codes: &[String],
    hash: &HashOptions,
    options: &WorkOptions,
) -> Result<Retried> {
    let settings = Settings::read(&*location)?;
    settings.check_surroundings()?;
    let claims = Arc::new(Claims::new(location.clone(), Identity::new(), options.expiry)?);
    let progress = options.progress.clone();
    let desk = Desk {
        writer: Arc::new(Writer::new(location.clone(), &claims.own().name)),
        location,
        claims,
        format: settings.format()?,
        about: describe(&settings.hash()?),
        matching: options.matching.clone(),
        progress,
    };
    let input = InputOptions { limits: hash.decode.limits.clone(), ..settings.input()? };
    let (input, pipeline) = reading(input, hash.clone(), options);
    let other_limits = Some(&hash.decode.limits).filter(|limits| **limits != settings.limits).cloned();
    let failed = Failed { other_limits, ..Failed::new(&desk, codes, input)? };
    let retried = beating(&desk.claims.clone(), || failed.retry(&desk, options, &pipeline));
    let left = desk.claims.leave();
    let passed_over = retried?;
    let now = options.progress.snapshot();
    left.map(|()| Retried { records: now.records, failed: now.failed, passed_over })
}

/// The shards that hold failed records.
struct Failed {
    location: Arc<dyn Location>,
    claims: Arc<Claims>,
    writer: Arc<Writer>,
    format: RecordFormat,
    input: InputOptions,
    codes: Vec<String>,
    /// Those of this retry, if they are not the settings'.
    other_limits: Option<Limits>,
    plan: Plan,
    ledger: Ledger,
    /// Still to be looked at, the first one last.
    shards: Vec<u64>,
    passed_over: u64,
}

impl Failed {
    fn new(desk: &Desk, codes: &[String], input: InputOptions) -> Result<Failed> {
        let (mut plan, mut ledger) = (Plan::default(), Ledger::beside(desk.writer.clone()));
        ledger.refresh(&*desk.location)?;
        plan.refresh(&*desk.location)?;
        let wanted = |code: &String| codes.is_empty() || codes.contains(code);
        let failed = ledger.all_done().iter().filter(|(_, entry)| entry.failed.keys().any(wanted));
        let shards = failed.map(|(shard, _)| *shard).rev().collect();
        Ok(Failed {
            location: desk.location.clone(),
            claims: desk.claims.clone(),
            writer: desk.writer.clone(),
            format: desk.format,
            input,
            codes: codes.to_vec(),
            other_limits: None,
            plan,
            ledger,
            shards,
            passed_over: 0,
        })
    }

    /// Goes through them; how many were in others' hands.
    fn retry(mut self, desk: &Desk, options: &WorkOptions, pipeline: &PipelineOptions) -> Result<u64> {
        let Some(first) = self.take()? else { return Ok(self.passed_over) };
        let failed = Mutex::new(self);
        let ending = Ending::new(&options.stop, options.grace);
        round(desk, &failed, first, ending, pipeline)?;
        Ok(failed.into_inner().unwrap_or_else(PoisonError::into_inner).passed_over)
    }

    /// What is to be hashed of a shard that was claimed; `None` where nothing failed any more.
    fn begin(&mut self, shard: u64) -> Result<Option<Taken>> {
        self.ledger.refresh(&*self.location)?;
        let file = records_file(shard, self.format);
        // A retry that was killed after it had replaced the file.
        if !self.ledger.announced(shard).is_empty()
            && account_for(&*self.location, &self.ledger, &self.writer, shard, &file)?
        {
            self.ledger.refresh(&*self.location)?;
        }
        let before = self.ledger.done(shard);
        let generation = before.map_or(0, |entry| entry.generation) + 1;
        let limits_before = before.map_or_else(Vec::new, |entry| entry.other_limits.clone());
        let items = self.plan.items(&*self.location, shard)?;
        let kind = self.plan.shards()[shard as usize].kind;
        let rows = read(&*self.location, &file, self.format)?;
        let mut failed: HashSet<OsString> = HashSet::new();
        for row in rows {
            let row = row?;
            if is_failed(&row, &self.codes) {
                failed.insert(row.key);
            }
        }
        if failed.is_empty() {
            return Ok(None);
        }
        let archive = kind == ShardKind::Archive;
        let whole = archive && items.iter().any(|item| failed.contains(&item.location));
        let items = items.into_iter().filter(|item| archive || failed.contains(&item.location));
        let sources = pipeline::open(items.collect::<Vec<_>>(), &self.input);
        let sources = sources.filter(move |source| whole || failed.contains(source.key()));
        let mut other_limits = if whole { Vec::new() } else { limits_before };
        other_limits.extend(self.other_limits.clone().filter(|limits| !other_limits.contains(limits)));
        let how = How::Mend(Mend { generation, codes: self.codes.clone(), whole, other_limits });
        Ok(Some(Taken { shard, sources: Box::new(sources), how }))
    }
}

impl Supply for Failed {
    fn take(&mut self) -> Result<Option<Taken>> {
        while let Some(shard) = self.shards.pop() {
            let held = self.claims.held()?;
            if !self.claims.take(&held, &plan::name(shard))? {
                self.passed_over += 1;
                continue;
            }
            match self.begin(shard)? {
                Some(taken) => return Ok(Some(taken)),
                None => self.claims.release(&plan::name(shard))?,
            }
        }
        Ok(None)
    }
}
