//! Claims: who is at which shard, so that two workers do not do the same work.
//!
//! A claim is a name `claims/THING.N`, made by conditional creation; the holder is whoever made the highest N. A dead holder's claim is
//! taken over by making N + 1, so nobody ever removes another's. A worker is dead if it runs on this machine and its lock is free, or if
//! its heartbeat has not changed for the expiry **by the observer's clock**; clocks of two machines are never compared.
//!
//! Claims only save work. Two workers at one shard write the same file, and the first to publish it wins.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::identity::Identity;
use super::location::{DRAFTS, Listed, Location, NOBODY};
use super::suspects::{self, Suspects};
use crate::error::{Error, Result};
use crate::pipeline::concurrent::both;

pub(in crate::job) const CLAIMS: &str = "claims";
const WORKERS: &str = "workers";

/// Claims of one worker, and what it knows about those of others.
#[derive(Debug)]
pub(in crate::job) struct Claims {
    location: Arc<dyn Location>,
    own: Identity,
    expiry: Duration,
    observed: Mutex<Observed>,
    /// The claims that this worker holds, with their numbers.
    taken: Mutex<BTreeMap<String, u32>>,
    beats: AtomicU64,
    /// Held as long as this worker lives.
    _lock: Option<File>,
}

#[derive(Debug, Default)]
struct Observed {
    /// The holder of each claim, by its name with number, and when that was read. A name may come back with another holder.
    holders: HashMap<String, (Option<Identity>, Instant)>,
    /// When a worker's heartbeat changed last, by our clock.
    beats: HashMap<String, (Vec<u8>, Instant)>,
}

/// The claims as they were at one moment.
#[derive(Debug, Default)]
pub(in crate::job) struct Held {
    /// Highest number and its holder, for each thing claimed.
    things: BTreeMap<String, (u32, Option<Identity>)>,
}

impl Claims {
    /// Begins to work as `own`.
    pub(in crate::job) fn new(
        location: Arc<dyn Location>,
        own: Identity,
        expiry: Duration,
    ) -> Result<Claims> {
        let claims = Claims {
            location,
            own,
            expiry,
            observed: Mutex::default(),
            taken: Mutex::default(),
            beats: AtomicU64::new(0),
            _lock: None,
        };
        let lock = || own_lock(&*claims.location, &lock_name(&claims.own.name));
        let (lock, (beaten, cleared)) =
            both(lock, || both(|| claims.beat(), || claims.clear_away_the_dead()));
        let lock = lock?;
        beaten.and(cleared)?;
        Ok(Claims { _lock: lock, ..claims })
    }

    pub(in crate::job) fn own(&self) -> &Identity {
        &self.own
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long between two heartbeats.
    pub(in crate::job) fn pause(&self) -> Duration {
        self.expiry / 5
    }

    /// Says that this worker lives.
    pub(in crate::job) fn beat(&self) -> Result<()> {
        let count = self.beats.fetch_add(1, Ordering::Relaxed);
        self.location.beat(&beat_name(&self.own.name), count.to_string().as_bytes())
    }

    /// Every claim there is.
    pub(in crate::job) fn held(&self) -> Result<Held> {
        let mut held = Held::default();
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        for listed in self.location.list(CLAIMS)? {
            let Some((thing, number)) = listed.name.rsplit_once('.') else { continue };
            let Ok(number) = number.parse::<u32>() else { continue };
            let newest = held.things.get(thing).is_none_or(|(known, _)| *known < number);
            if newest {
                let own = self.taken().get(thing) == Some(&number);
                let holder =
                    if own { Some(self.own.clone()) } else { self.holder(&mut observed, &listed.name)? };
                held.things.insert(thing.to_string(), (number, holder));
            }
        }
        observed.holders.retain(|_, (_, read)| read.elapsed() < self.pause());
        Ok(held)
    }

    fn holder(&self, observed: &mut Observed, claim: &str) -> Result<Option<Identity>> {
        if let Some((holder, read)) = observed.holders.get(claim)
            && read.elapsed() < self.pause()
        {
            return Ok(holder.clone());
        }
        let content = self.location.read(&format!("{CLAIMS}/{claim}"))?.unwrap_or_default();
        // What cannot be a part of a name is nobody's.
        let holder = serde_json::from_slice::<Identity>(&content).ok();
        let holder = holder.filter(|holder| !holder.name.contains(['/', '\\']));
        observed.holders.insert(claim.to_string(), (holder.clone(), Instant::now()));
        Ok(holder)
    }

    /// Whether `thing` could be taken now.
    pub(in crate::job) fn is_free(&self, held: &Held, thing: &str) -> Result<bool> {
        match held.things.get(thing) {
            _ if self.taken().contains_key(thing) => Ok(false),
            None => Ok(true),
            Some((_, holder)) => self.is_dead(holder.as_ref()),
        }
    }

    /// Takes `thing`; whether it could.
    pub(in crate::job) fn take(&self, held: &Held, thing: &str) -> Result<bool> {
        if !self.is_free(held, thing)? {
            return Ok(false);
        }
        let known = held.things.get(thing).map_or(0, |(number, _)| *number);
        let number = known.checked_add(1).ok_or_else(|| {
            Error::Input(format!("{CLAIMS}/{thing}.{known} is no worker's claim; move it away"))
        })?;
        let content = serde_json::to_vec(&self.own).unwrap_or_default();
        let taken = self.location.claim(&format!("{CLAIMS}/{thing}.{number}"), &content)?;
        if taken {
            self.taken().insert(thing.to_string(), number);
        }
        Ok(taken)
    }

    /// Which attempt at `thing` this worker's is, from 1: the others' ended with their deaths.
    pub(in crate::job) fn attempt(&self, thing: &str) -> u32 {
        self.taken().get(thing).copied().unwrap_or(1)
    }

    /// What was written down of a shard that is taken alone; nothing where that cannot be read.
    pub(in crate::job) fn suspects(&self, thing: &str) -> Result<Suspects> {
        let content = self.location.read(&suspects_name(thing))?.unwrap_or_default();
        Ok(serde_json::from_slice(&content).unwrap_or_default())
    }

    /// Writes that down, for whoever takes the shard after this worker's death.
    pub(in crate::job) fn suspect(&self, thing: &str, suspects: &Suspects) -> Result<()> {
        self.location.beat(&suspects_name(thing), &serde_json::to_vec(suspects).unwrap_or_default())
    }

    /// Gives `thing` back, with what dead holders left: all numbers up to our own.
    pub(in crate::job) fn release(&self, thing: &str) -> Result<()> {
        let Some(own) = self.taken().remove(thing) else { return Ok(()) };
        let remove = |name: &str| self.location.remove(&format!("{CLAIMS}/{name}"));
        if own >= suspects::FROM {
            self.location.remove(&suspects_name(thing))?;
        }
        // The own one last: what is free must not seem a dead worker's before.
        let before = if own > 1 { self.location.list(CLAIMS)? } else { Vec::new() };
        let before = before.iter().filter(|listed| {
            listed.name.rsplit_once('.').is_some_and(|(of, number)| {
                of == thing && number.parse::<u32>().is_ok_and(|number| number < own)
            })
        });
        before.into_iter().try_for_each(|listed| remove(&listed.name))?;
        remove(&format!("{thing}.{own}"))
    }

    /// Gives everything back but `kept`.
    pub(in crate::job) fn release_all_but(&self, kept: &str) -> Result<()> {
        let things: Vec<_> = self.taken().keys().filter(|thing| *thing != kept).cloned().collect();
        things.iter().try_for_each(|thing| self.release(thing))
    }

    /// A claim whose holder cannot be read counts as that of a worker without a heartbeat.
    pub(in crate::job) fn is_dead(&self, worker: Option<&Identity>) -> Result<bool> {
        let name = worker.map_or("", |worker| worker.name.as_str());
        if let Some(worker) = worker
            && worker.host == self.own.host
            && self.location.is_unlocked(&lock_name(name))?
        {
            return Ok(true);
        }
        let beat = self.location.read(&beat_name(name))?.unwrap_or_default();
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = observed.beats.entry(name.to_string()).or_insert_with(|| (beat.clone(), Instant::now()));
        if known.0 != beat {
            *known = (beat, Instant::now());
        }
        Ok(known.1.elapsed() > self.expiry)
    }

    /// Removes what workers of this machine left behind that were killed.
    fn clear_away_the_dead(&self) -> Result<()> {
        for listed in self.location.list(WORKERS)? {
            let Some(name) = listed.name.strip_suffix(".lock") else { continue };
            let ours = name.split('_').next() == self.own.name.split('_').next();
            if !ours || name == self.own.name || !self.location.is_unlocked(&lock_name(name))? {
                continue;
            }
            for draft in self.location.list(DRAFTS)? {
                if draft.name.split('~').next() == Some(name) {
                    self.location.remove(&format!("{DRAFTS}/{}", draft.name))?;
                }
            }
            self.location.remove(&beat_name(name))?;
            self.location.remove(&lock_name(name))?;
        }
        Ok(())
    }

    /// Removes every claim and what dead workers left, of a job that is complete: they are all about nothing.
    ///
    /// A worker that still runs writes its heartbeat again, and removes it itself.
    pub(in crate::job) fn clear(&self) -> Result<()> {
        self.taken().clear();
        let claims = || {
            let claims = self.location.list(CLAIMS)?;
            claims.iter().try_for_each(|claim| self.location.remove(&format!("{CLAIMS}/{}", claim.name)))
        };
        let (claims, workers) = both(claims, || self.clear_away_others());
        claims.and(workers)
    }

    fn clear_away_others(&self) -> Result<()> {
        for listed in self.location.list(WORKERS)? {
            let name = format!("{WORKERS}/{}", listed.name);
            if name == beat_name(&self.own.name) {
                continue;
            }
            if listed.name.ends_with(".beat") || self.location.is_unlocked(&name)? {
                self.location.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Leaves: this worker is dead from now on.
    pub(in crate::job) fn leave(&self) -> Result<()> {
        let remove = |name: String| self.location.remove(&name);
        let signs = || both(|| remove(beat_name(&self.own.name)), || remove(lock_name(&self.own.name)));
        let ((beat, lock), drafts) = both(signs, || self.location.list(DRAFTS));
        beat.and(lock)?;
        self.clear_away_strays(&drafts?)
    }

    /// Removes drafts without an owner that killed workers left, unless a worker may live whose they are. The last of several that leave
    /// at once sees that nobody is left, because each has taken its lock away before it looks.
    fn clear_away_strays(&self, drafts: &[Listed]) -> Result<()> {
        let strays: Vec<_> =
            drafts.iter().filter(|draft| draft.name.split('~').next() == Some(NOBODY)).collect();
        if strays.is_empty() {
            return Ok(());
        }
        for listed in self.location.list(WORKERS)? {
            let ours = listed.name.split('_').next() == self.own.name.split('_').next();
            let lock = listed.name.ends_with(".lock");
            if !ours || lock && !self.location.is_unlocked(&format!("{WORKERS}/{}", listed.name))? {
                return Ok(());
            }
        }
        strays.iter().try_for_each(|stray| self.location.remove(&format!("{DRAFTS}/{}", stray.name)))
    }
}

/// Next to the claims, whose names end in numbers.
fn suspects_name(thing: &str) -> String {
    format!("{CLAIMS}/{thing}.suspects")
}

/// Locks a name that only we lock; others may look at it at the same instant, and take us for dead.
fn own_lock(location: &dyn Location, name: &str) -> Result<Option<File>> {
    for _ in 0..20 {
        if let Some(lock) = location.lock(name)?
            && location.exists(name)?
        {
            return Ok(Some(lock));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

fn lock_name(worker: &str) -> String {
    format!("{WORKERS}/{worker}.lock")
}

fn beat_name(worker: &str) -> String {
    format!("{WORKERS}/{worker}.beat")
}

#[cfg(test)]
mod tests {
    use super::super::location::Folder;
    use super::*;

    fn worker(folder: &std::path::Path, expiry: Duration) -> Claims {
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder).unwrap());
        Claims::new(location, Identity::new(), expiry).unwrap()
    }

    /// A worker of another machine, whose locks say nothing here.
    fn elsewhere(folder: &std::path::Path) -> Claims {
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder).unwrap());
        let own = Identity { host: "elsewhere".into(), name: "elsewhere_1".into(), process: 1 };
        Claims::new(location, own, Duration::from_millis(50)).unwrap()
    }

    #[test]
    fn one_takes_and_the_other_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) =
            (worker(folder.path(), Duration::from_secs(60)), worker(folder.path(), Duration::from_secs(60)));
        let before = b.held().unwrap();
        assert!(a.take(&a.held().unwrap(), "7").unwrap());
        assert!(!b.take(&before, "7").unwrap(), "what was seen before does not help");
        assert!(!b.take(&b.held().unwrap(), "7").unwrap());
        assert!(!a.take(&a.held().unwrap(), "7").unwrap());
        a.release("7").unwrap();
        assert!(b.take(&b.held().unwrap(), "7").unwrap());
        a.release("7").unwrap();
        assert!(!a.is_free(&a.held().unwrap(), "7").unwrap(), "another's claim was released");
    }

    #[test]
    fn what_a_killed_worker_held_is_free_at_once_on_its_machine() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) =
            (worker(folder.path(), Duration::from_secs(60)), worker(folder.path(), Duration::from_secs(60)));
        assert!(a.take(&a.held().unwrap(), "7").unwrap());
        let left = a.location.draft(&a.own.name).unwrap().into_temp_path().keep().unwrap();
        drop(a);
        assert!(b.take(&b.held().unwrap(), "7").unwrap());
        assert!(!b.take(&b.held().unwrap(), "7").unwrap());
        let _c = worker(folder.path(), Duration::from_secs(60));
        assert!(!left.exists(), "the draft of a killed worker stays");
        b.release("7").unwrap();
        assert_eq!(b.location.list(CLAIMS).unwrap(), []);
    }

    #[test]
    fn a_complete_job_keeps_nothing_of_its_dead_workers() {
        let folder = tempfile::tempdir().unwrap();
        let (near, killed) =
            (worker(folder.path(), Duration::from_secs(60)), worker(folder.path(), Duration::from_secs(60)));
        let far = elsewhere(folder.path());
        assert!(killed.take(&killed.held().unwrap(), "7").unwrap());
        drop((killed, far));
        near.clear().unwrap();
        near.leave().unwrap();
        let left = [CLAIMS, WORKERS].map(|below| near.location.list(below).unwrap());
        assert_eq!(left, [[], []]);
    }

    #[test]
    fn drafts_of_nobody_go_with_the_last_worker() {
        let folder = tempfile::tempdir().unwrap();
        let [first, last] = [60, 60].map(|seconds| worker(folder.path(), Duration::from_secs(seconds)));
        let stray = folder.path().join(DRAFTS).join(format!("{NOBODY}~killed"));
        std::fs::write(&stray, b"half").unwrap();
        first.leave().unwrap();
        assert!(stray.exists(), "a living worker's draft was taken away");
        last.leave().unwrap();
        assert!(!stray.exists());
    }

    #[test]
    fn a_far_worker_is_dead_when_its_heartbeat_does_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let (far, near) = (elsewhere(folder.path()), worker(folder.path(), Duration::from_millis(200)));
        assert!(far.take(&far.held().unwrap(), "7").unwrap());
        for _ in 0..10 {
            far.beat().unwrap();
            assert!(!near.take(&near.held().unwrap(), "7").unwrap(), "a living worker was robbed");
            std::thread::sleep(Duration::from_millis(40));
        }
        std::thread::sleep(Duration::from_millis(250));
        assert!(near.take(&near.held().unwrap(), "7").unwrap());
    }
}
