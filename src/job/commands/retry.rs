//! Hashes failed records again, and puts what comes of it into the files of their shards.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::status::look;
use super::work::{Worked, work};
use crate::engine::RunOptions;
use crate::error::{Error, Result};
use crate::hasher::HashOptions;
use crate::job::run::heartbeat::beating;
use crate::job::run::options::{Ending, WorkOptions, reading};
use crate::job::run::progress::Progress;
use crate::job::run::repair::{Anew, Repair};
use crate::job::run::retried::{Further, Retried};
use crate::job::run::round::round;
use crate::job::run::scheduler::LISTING;
use crate::job::run::shard_sources::{ClaimedShard, Purpose, Supply};
use crate::job::run::shard_writer::ShardContext;
use crate::job::state::claim::Claims;
use crate::job::state::identity::Identity;
use crate::job::state::ledger::{Ledger, Writer};
use crate::job::state::location::Location;
use crate::job::state::plan::{self, Plan, ShardKind};
use crate::job::state::records::{self, Arguments, Chosen, ShardFile, account_for, read_named, records_file};
use crate::job::state::settings::Settings;
use crate::limits::Limits;
use crate::pipeline::{self, InputOptions, RecordFormat, describe};

/// What is hashed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Records with these error codes, those of skipped inputs too; where there are none, all that failed.
    Failed(Vec<String>),
    /// All records of files that are gone, or whose checksum is not the one in the ledger.
    Lost,
}

/// The limits for another retry: the settings', or larger ones where a retry had them, so that what it repaired does not fail again where a whole
/// archive is hashed once more.
///
/// # Errors
///
/// [`Error::Input`] where there is no job, [`Error::Io`] where the location cannot be read.
pub fn limits_so_far(location: &dyn Location) -> Result<Limits> {
    let mut ledger = Ledger::default();
    ledger.refresh(location)?;
    let mut limits = Settings::read(location)?.limits;
    ledger.for_each(location, 0, |entry| {
        limits = entry.other_limits.iter().fold(limits.clone(), |limits, other| limits.or(other));
    })?;
    Ok(limits)
}

/// Hashes records again; `hash` may have other limits than the settings, as long as what succeeded does not depend on them; the ledger says so
/// of each shard.
///
/// Each shard's file is replaced at one instant, and never by one that lacks a record which was hashed before; a retry may be killed and
/// started again like any worker. Where the listing of the inputs broke off, it is resumed as by [`work`].
///
/// # Errors
///
/// As those of [`work`].
pub fn retry(
    location: Arc<dyn Location>,
    again: &Again,
    hash: &HashOptions,
    options: &WorkOptions,
) -> Result<Retried> {
    let settings = Settings::read(&*location)?;
    settings.check_surroundings(&location.place())?;
    let claims = Arc::new(Claims::new(location.clone(), Identity::new(), options.expiry())?);
    let progress = options.progress.clone();
    let context = ShardContext {
        writer: Arc::new(Writer::new(location.clone(), &claims.own().name)),
        location,
        claims,
        format: settings.format()?,
        strict: settings.is_strict(),
        about: describe(&settings.hash()?),
        matching: options.matching.clone(),
        progress,
    };
    context.progress.count_strictly(context.strict);
    context.progress.begin(&context.claims.own().name, context.matching.is_some());
    let input = InputOptions { limits: hash.decode.limits.clone(), ..settings.input()? };
    let (input, run) = reading(input, hash.clone(), options);
    let other_limits = Some(&hash.decode.limits).filter(|limits| **limits != settings.limits).cloned();
    let todo = Todo { other_limits, ..Todo::new(&context, again, input)? };
    let retried = todo.retried.clone();
    let unlisted = todo.is_unlisted()?;
    let done = beating(&context.claims.clone(), &options.progress, || todo.retry(&context, options, &run));
    let left = context.claims.leave();
    done.and(left)?;
    let retried = retried.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let resumes = unlisted && !options.stop.requested();
    let further = if resumes { Some(resume(&context.location, &settings, options)?) } else { None };
    Ok(Retried { further, ..retried })
}

/// Resumes a job whose inputs are not listed to their end; what it came to hold in addition.
fn resume(location: &Arc<dyn Location>, settings: &Settings, options: &WorkOptions) -> Result<Further> {
    let (before, _) = look(&**location)?;
    let Worked { report, .. } = work(location.clone(), settings, options)?;
    let failed =
        |by_code: &BTreeMap<String, u64>| by_code.values().fold(0, |sum: u64, n| sum.saturating_add(*n));
    Ok(Further {
        records: report.records.saturating_sub(before.records),
        skipped: report.skipped.saturating_sub(before.skipped),
        failed: failed(&report.failed).saturating_sub(failed(&before.failed)),
    })
}

/// The shards that hold what is to be hashed again.
struct Todo {
    location: Arc<dyn Location>,
    claims: Arc<Claims>,
    writer: Arc<Writer>,
    format: RecordFormat,
    strict: bool,
    input: InputOptions,
    again: Again,
    /// Those of this retry, if they are not the settings'.
    other_limits: Option<Limits>,
    plan: Plan,
    ledger: Ledger,
    progress: Arc<Progress>,
    /// Still to be looked at, the first one last.
    shards: Vec<u64>,
    retried: Arc<Mutex<Retried>>,
}

impl Todo {
    fn new(context: &ShardContext, again: &Again, input: InputOptions) -> Result<Todo> {
        let (mut plan, mut ledger) = (Plan::default(), Ledger::both(context.writer.clone()));
        ledger.refresh(&*context.location)?;
        plan.refresh(&*context.location)?;
        let mut shards = Vec::new();
        match again {
            Again::Lost => shards.extend(ledger.shards()),
            Again::Failed(codes) => {
                let chosen = Chosen { codes: codes.clone(), strict: context.strict };
                ledger.for_each(&*context.location, 0, |entry| {
                    if chosen.has_any(&entry) {
                        shards.push(entry.shard);
                    }
                })?;
            }
        }
        shards.reverse();
        Ok(Todo {
            location: context.location.clone(),
            claims: context.claims.clone(),
            writer: context.writer.clone(),
            format: context.format,
            strict: context.strict,
            input,
            again: again.clone(),
            other_limits: None,
            plan,
            ledger,
            progress: context.progress.clone(),
            shards,
            retried: Arc::default(),
        })
    }

    /// Whether the inputs are not listed to their end, and nobody is at it.
    fn is_unlisted(&self) -> Result<bool> {
        Ok(!self.plan.is_complete() && self.claims.is_free(&self.claims.held()?, LISTING)?)
    }

    /// Goes through them.
    fn retry(mut self, context: &ShardContext, options: &WorkOptions, run: &RunOptions) -> Result<()> {
        let Some(first) = self.take()? else { return Ok(()) };
        let ending = Ending::new(&options.stop, options.grace);
        round(context, &Mutex::new(self), first, ending, (&options.engine, run))
    }

    fn retried(&self) -> MutexGuard<'_, Retried> {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a shard's file is gone or another one.
    fn is_lost(&mut self, shard: u64) -> Result<bool> {
        let Some(done) = self.ledger.entry(&*self.location, shard)? else { return Ok(true) };
        match (records::find(&*self.location, &mut self.ledger, &done)?, &self.again) {
            (ShardFile::Intact(..), _) => Ok(false),
            // Nothing is put in the place of what may only be out of reach.
            (ShardFile::Unreadable(error), Again::Lost) => Err(error),
            _ => Ok(true),
        }
    }

    /// What is to be hashed of a shard that was claimed; `None` where there is nothing any more.
    fn begin(&mut self, shard: u64) -> Result<Option<ClaimedShard>> {
        self.ledger.refresh(&*self.location)?;
        let file = records_file(shard, self.format);
        // A retry that was killed after it had replaced the file.
        if !self.ledger.announced(shard).is_empty()
            && account_for(&*self.location, &self.ledger, &self.writer, shard, &file)?
        {
            self.ledger.refresh(&*self.location)?;
        }
        match (self.is_lost(shard)?, self.again.clone()) {
            (true, Again::Lost) => self.taken(shard, Anew::Lost, Vec::new()),
            (false, Again::Lost) => Ok(None),
            (true, Again::Failed(_)) => {
                self.retried().lost += 1;
                Ok(None)
            }
            (false, Again::Failed(codes)) => self.taken(shard, Anew::Failed, codes),
        }
    }

    /// The keys of a file's records that are chosen.
    fn chosen(&self, file: &str, arguments: &Arguments, chosen: &Chosen) -> Result<HashSet<OsString>> {
        let records = read_named(&*self.location, file, self.format, arguments)?;
        let records = records.filter(|record| record.as_ref().map_or(true, |record| chosen.has(record)));
        records.map(|record| record.map(|record| record.key)).collect()
    }

    /// The sources of a shard of which the records with these codes, or all, are to be hashed again; `None` where it has no such record.
    fn taken(&self, shard: u64, mut anew: Anew, codes: Vec<String>) -> Result<Option<ClaimedShard>> {
        let (planned, before) =
            (self.plan.shards().get(shard as usize), self.ledger.entry(&*self.location, shard)?);
        let (Some(planned), Some(before)) = (planned, before) else {
            let message = format!("shard {shard} is in the ledger and not in the plan");
            return Err(Error::Input(format!("{message}; `shadegrid job verify` says what else is wrong")));
        };
        let items = self.plan.items(&*self.location, shard)?;
        let arguments = Arguments::of(&items, planned.kind);
        let chosen = Chosen { codes, strict: self.strict };
        let failed = match anew {
            Anew::Failed => self.chosen(&before.file, &arguments, &chosen)?,
            Anew::Archive | Anew::Lost => HashSet::new(),
        };
        if anew == Anew::Failed && failed.is_empty() {
            return Ok(None);
        }
        let archive = items.first().filter(|_| planned.kind == ShardKind::Archive);
        let archive = archive.map(|item| item.location.clone());
        if anew == Anew::Failed && archive.as_ref().is_some_and(|archive| failed.contains(archive)) {
            anew = Anew::Archive;
        }
        let mut other_limits = if anew == Anew::Failed { before.other_limits.clone() } else { Vec::new() };
        other_limits.extend(self.other_limits.clone().filter(|limits| !other_limits.contains(limits)));
        let (whole, itself) = (anew != Anew::Failed, archive.clone());
        // An archive's own failure is let through: it is why members do not come.
        let wanted = move |key: &OsStr| {
            whole || failed.contains(key) || itself.as_deref().is_some_and(|name| name == key)
        };
        let items: Vec<_> = items.into_iter().filter(|item| wanted(&item.location)).collect();
        let sources = pipeline::open(items, &self.input).filter(move |source| wanted(source.key()));
        let repair =
            Repair { before, anew, chosen, arguments, archive, other_limits, retried: self.retried.clone() };
        Ok(Some(ClaimedShard {
            shard,
            sources: Box::new(sources),
            purpose: Purpose::Repair(Arc::new(repair)),
            alone: false,
        }))
    }
}

impl Supply for Todo {
    fn take(&mut self) -> Result<Option<ClaimedShard>> {
        while let Some(shard) = self.shards.pop() {
            self.progress.step();
            if self.again == Again::Lost && !self.is_lost(shard)? {
                continue;
            }
            let held = self.claims.held()?;
            if !self.claims.take(&held, &plan::name(shard))? {
                self.retried().passed_over += 1;
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
