//! What there is to do: the plan, the ledger and the claims, as one worker sees them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::alone::Alone;
use super::options::Split;
use super::progress::Progress;
use super::shard_sources::{ClaimedShard, Purpose, Supply};
use crate::engine::{Engine, RunOptions};
use crate::error::Result;
use crate::job::state::claim::{Claims, Held};
use crate::job::state::ledger::{Ledger, Writer};
use crate::job::state::location::{Location, Publish};
use crate::job::state::plan::{self, ListingTime, Plan, Segment};
use crate::job::state::records::{account_for, records_file};
use crate::job::state::suspects;
use crate::pipeline::concurrent::both;
use crate::pipeline::{self, InputOptions, RecordFormat, Sources};

/// The claim of whoever lists the inputs.
pub(in crate::job) const LISTING: &str = "plan";

/// The state of a job.
#[derive(Debug)]
pub(in crate::job) struct Scheduler {
    pub(in crate::job) location: Arc<dyn Location>,
    pub(in crate::job) claims: Arc<Claims>,
    pub(in crate::job) writer: Arc<Writer>,
    pub(in crate::job) format: RecordFormat,
    input: InputOptions,
    /// Of an input that is tried by itself.
    engine: Engine,
    run: RunOptions,
    split: Option<Split>,
    progress: Arc<Progress>,
    plan: Plan,
    /// What this worker's own listing plans, as long as it lists.
    listing: Option<Receiver<Segment>>,
    ledger: Ledger,
    /// Who held what when that was looked at last.
    held: Held,
    /// Shards that this worker has taken, from `first` on.
    taken: BTreeSet<u64>,
    /// All shards before it are done, or another worker's part.
    first: u64,
    /// All shards before it were looked at once: they are done, taken, or claimed by another worker.
    next: u64,
}

impl Scheduler {
    pub(in crate::job) fn new(
        location: Arc<dyn Location>,
        claims: Arc<Claims>,
        format: RecordFormat,
        (input, engine, run): (InputOptions, Engine, RunOptions),
        split: Option<Split>,
        progress: Arc<Progress>,
    ) -> Scheduler {
        let writer = Arc::new(Writer::new(location.clone(), &claims.own().name));
        let (plan, listing, held, taken) = Default::default();
        Scheduler {
            location,
            claims,
            writer: writer.clone(),
            format,
            input,
            engine,
            run,
            split,
            progress,
            plan,
            listing,
            ledger: Ledger::both(writer),
            held,
            taken,
            first: 0,
            next: 0,
        }
    }

    /// Reads what others wrote; what this worker's own listing plans it knows without.
    pub(in crate::job) fn refresh(&mut self) -> Result<()> {
        self.learn(Duration::ZERO);
        let (location, own) = (&*self.location, self.listing.is_some());
        let plan = || if own { Ok(()) } else { self.plan.refresh(location) };
        let (plan, ledger) = both(plan, || self.ledger.refresh(location));
        plan.and(ledger)?;
        while self.first < self.planned() && !self.is_open(self.first) {
            self.first += 1;
        }
        // What is done is known from the ledger.
        while self.taken.first().is_some_and(|shard| *shard < self.first) {
            self.taken.pop_first();
        }
        self.progress.saw_job(self.planned(), self.ledger.count(), self.plan.is_complete());
        Ok(())
    }

    /// Adds what the own listing has planned, for which it waits so long.
    fn learn(&mut self, mut patience: Duration) {
        while let Some(listing) = &self.listing {
            match listing.recv_timeout(patience) {
                Ok(segment) => self.plan.learn(segment),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.listing = None,
            }
            patience = Duration::ZERO;
        }
    }

    /// Waits until there may be more to do, but at most so long.
    pub(in crate::job) fn wait(&mut self, patience: Duration) {
        match self.listing {
            Some(_) => self.learn(patience),
            None => thread::sleep(patience),
        }
    }

    /// Reads what others wrote, and who is at what.
    fn look(&mut self) -> Result<()> {
        let claims = self.claims.clone();
        let (held, refreshed) = both(|| claims.held(), || self.refresh());
        self.held = held?;
        refreshed
    }

    fn planned(&self) -> u64 {
        self.plan.shards().len() as u64
    }

    /// Whether the shard is of this worker's part.
    pub(in crate::job) fn is_ours(&self, shard: u64) -> bool {
        self.split.is_none_or(|split| shard % split.of == split.part)
    }

    /// Whether the shard is ours to do, and not done.
    fn is_open(&self, shard: u64) -> bool {
        self.is_ours(shard) && !self.ledger.is_done(shard)
    }

    /// Whether nothing is left to do, for this worker's part.
    pub(in crate::job) fn is_complete(&self) -> bool {
        self.plan.is_complete() && self.first == self.planned()
    }

    /// Whether all inputs are listed.
    pub(in crate::job) fn is_listed(&self) -> bool {
        self.plan.is_complete()
    }

    /// Which listing of the inputs is the last, and when that was; `None` where none has come to anything.
    pub(in crate::job) fn listing(&self) -> Option<(u64, ListingTime)> {
        let begun = self.plan.is_complete() || self.planned() > 0;
        begun.then(|| (self.plan.listing(), self.plan.listed()))
    }

    /// Begins to list the inputs again, unless another listing has begun since that one.
    pub(in crate::job) fn list_again(&mut self, since: u64) -> Result<()> {
        if self.plan.listing() == since { self.plan.list_again(&*self.location) } else { Ok(()) }
    }

    /// The plan to continue, if the inputs are still to be listed, and this worker may; and where to send what is added to it.
    pub(in crate::job) fn takes_listing(&mut self) -> Result<Option<(Plan, Sender<Segment>)>> {
        if self.plan.is_complete() || !self.claims.take(&self.held, LISTING)? {
            return Ok(None);
        }
        let (written, listing) = unbounded();
        self.listing = Some(listing);
        Ok(Some((self.plan.clone(), written)))
    }

    /// The plan as far as it was read.
    pub(in crate::job) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The ledger as far as it was read.
    pub(in crate::job) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes a shard, if it is to be done and may be taken.
    fn take_shard(&mut self, shard: u64) -> Result<Option<ClaimedShard>> {
        if !self.is_open(shard) || self.taken.contains(&shard) {
            return Ok(None);
        }
        if self.split.is_none() && !self.claims.take(&self.held, &plan::name(shard))? {
            return Ok(None);
        }
        self.taken.insert(shard);
        self.begin(shard)
    }

    /// Begins a shard that was claimed, unless another worker has finished or nearly finished it.
    fn begin(&mut self, shard: u64) -> Result<Option<ClaimedShard>> {
        let file = records_file(shard, self.format);
        let (location, ledger) = (self.location.clone(), &mut self.ledger);
        let (refreshed, (exists, items)) = both(
            || ledger.refresh(&*location),
            || both(|| location.exists(&file), || self.plan.items(&*location, shard)),
        );
        refreshed?;
        let mut publish = Publish::First;
        if !self.ledger.is_done(shard) && exists? {
            match account_for(&*self.location, &self.ledger, &self.writer, shard, &file)? {
                true => self.ledger.refresh(&*self.location)?,
                // Nobody has announced this content, so nobody relies on it.
                false => publish = Publish::Replace,
            }
        }
        if self.ledger.is_done(shard) {
            self.claims.release(&plan::name(shard))?;
            return Ok(None);
        }
        let (thing, input) = (plan::name(shard), &self.input);
        let alone = self.claims.attempt(&thing) >= suspects::FROM;
        let sources: Sources = match alone {
            true => Box::new(Alone::begin(
                self.claims.clone(),
                thing,
                items?,
                input.clone(),
                (&self.engine, &self.run),
            )?),
            false => pipeline::open(items?, input),
        };
        Ok(Some(ClaimedShard { shard, sources, purpose: Purpose::New(publish), alone }))
    }
}

impl Supply for Scheduler {
    fn take(&mut self) -> Result<Option<ClaimedShard>> {
        self.look()?;
        // First what nobody has claimed, which its name alone says; then all, and who holds what, from the first one that is not done.
        while self.next < self.planned() {
            let shard = self.next;
            self.next += 1;
            if self.held.is_unclaimed(&plan::name(shard))
                && let Some(taken) = self.take_shard(shard)?
            {
                return Ok(Some(taken));
            }
        }
        for shard in self.first..self.planned() {
            if let Some(taken) = self.take_shard(shard)? {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::run::options::WorkOptions;
    use crate::job::state::identity::Identity;
    use crate::job::state::location::Folder;
    use crate::pipeline::{Item, ItemKind, Stop};

    #[test]
    fn a_fixed_part_gives_each_shard_once() {
        let folder = tempfile::tempdir().unwrap();
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder.path()).unwrap());
        let item = |number| Item {
            location: format!("{number}").into(),
            source: "photos".into(),
            kind: ItemKind::Picture,
            version: None,
        };
        let list = |_: Option<&Item>| (0..70).map(item);
        assert!(
            plan::write(&*location, Plan::default(), (list, false), 10, &Stop::default(), &|_| ()).unwrap()
        );
        let engine = Engine::builder().threads(1).build().unwrap();
        let expiry = WorkOptions::new(engine.clone()).expiry();
        let claims = Claims::new(location.clone(), Identity::new(), expiry).unwrap();
        let split = Some(Split { part: 1, of: 2 });
        let (input, progress) = ((InputOptions::default(), engine, RunOptions::default()), Arc::default());
        let mut scheduler =
            Scheduler::new(location, Arc::new(claims), RecordFormat::JsonLines, input, split, progress);
        let taken: Vec<_> =
            std::iter::from_fn(|| scheduler.take().unwrap()).map(|taken| taken.shard).collect();
        assert_eq!(taken, [1, 3, 5]);
    }
}
