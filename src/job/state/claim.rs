//! Claims: who is at which shard, so that two workers do not do the same work.
//!
//! A claim is a name `claims/THING.N`, made by conditional creation; the holder is whoever made the highest N. A dead holder's claim is
//! taken over by making N + 1, so nobody ever removes another's. A worker is dead if it runs on this machine and its lock is free, or if
//! its heartbeat has not changed for the expiry **by the observer's clock**; clocks of two machines are never compared.
//!
//! A heartbeat carries a counter of what its worker got done. A worker whose counter stands still for much longer than the expiry is
//! *stalled*: it hangs, waits for something that does not come, or is very slow. Its shards are taken over like those of a dead one, and that
//! counts as an attempt too. What it had in hand is blamed only as [`suspects`] says, because the worker may only be slow.
//!
//! Claims only save work. Two workers at one shard write the same file, and the first to publish it wins.
//!
//! Whoever looks for a shard lists the names of the claims and reads none of them. Holders and heartbeats are read only of a claim that is to
//! be taken over, which is when nothing unclaimed is left.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::location::{DRAFTS, Listed, Location, NOBODY};
use super::suspects::{self, Fate, Suspects};
use crate::error::{Error, Result};
use crate::pipeline::concurrent::both;

pub(in crate::job) const CLAIMS: &str = "claims";
const WORKERS: &str = "workers";

/// How long a worker may give no sign before its shards are taken over.
#[derive(Debug, Clone, Copy)]
pub(in crate::job) struct Expiry {
    /// Without a heartbeat.
    pub(in crate::job) silent: Duration,
    /// With heartbeats, but without progress.
    pub(in crate::job) stalled: Duration,
}

/// Claims of one worker, and what it knows about those of others.
#[derive(Debug)]
pub(in crate::job) struct Claims {
    location: Arc<dyn Location>,
    own: Identity,
    expiry: Expiry,
    observed: Mutex<Observed>,
    /// The claims that this worker holds.
    taken: Mutex<BTreeMap<String, Taken>>,
    beats: AtomicU64,
    /// Held as long as this worker lives.
    _lock: Option<File>,
}

#[derive(Debug, Default)]
struct Observed {
    /// The holder of each claim, by its name with number, and when that was read. A name may come back with another holder.
    holders: HashMap<String, (Option<Claim>, Instant)>,
    /// The heartbeats of workers, by their names.
    beats: HashMap<String, Beat>,
}

/// What a claim says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claim {
    #[serde(flatten)]
    holder: Identity,
    /// Which attempt at the shard it is; releases before 0.2 say it by the claim's number alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
}

/// A claim of this worker.
#[derive(Debug, Clone, Copy)]
struct Taken {
    number: u32,
    /// One more than that of the claim before, whose holder died or stalled.
    attempt: u32,
    /// What became of the holder before, if there was one.
    before: Option<Fate>,
}

/// A heartbeat as it was read, with times by our clock.
#[derive(Debug)]
struct Beat {
    content: Vec<u8>,
    read: Instant,
    /// When it changed last.
    changed: Instant,
    /// When its counter of progress changed last.
    advanced: Instant,
}

/// What is known of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Dead,
    Stalled,
}

/// The counter in a heartbeat; `None` in those of releases before 0.2, which had none.
fn progress_in(beat: &[u8]) -> Option<&[u8]> {
    let space = beat.iter().position(|byte| *byte == b' ')?;
    Some(&beat[space + 1..])
}

impl Beat {
    fn new(content: Vec<u8>) -> Beat {
        let now = Instant::now();
        Beat { content, read: now, changed: now, advanced: now }
    }

    fn update(&mut self, content: Vec<u8>) {
        let now = Instant::now();
        self.read = now;
        if content != self.content {
            self.changed = now;
            let (before, after) = (progress_in(&self.content), progress_in(&content));
            if after.is_none() || before != after {
                self.advanced = now;
            }
            self.content = content;
        }
    }

    fn life(&self, expiry: Expiry) -> Life {
        match (self.changed.elapsed() > expiry.silent, self.advanced.elapsed() > expiry.stalled) {
            (true, _) => Life::Dead,
            (false, true) => Life::Stalled,
            (false, false) => Life::Alive,
        }
    }
}

/// The claims as they were at one moment.
#[derive(Debug, Default)]
pub(in crate::job) struct Held {
    /// The highest number, for each thing claimed.
    things: BTreeMap<String, u32>,
}

impl Held {
    /// Whether nobody has a claim to `thing`.
    pub(in crate::job) fn is_unclaimed(&self, thing: &str) -> bool {
        !self.things.contains_key(thing)
    }
}

impl Claims {
    /// Begins to work as `own`.
    pub(in crate::job) fn new(location: Arc<dyn Location>, own: Identity, expiry: Expiry) -> Result<Claims> {
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
            both(lock, || both(|| claims.beat(0), || claims.clear_away_the_dead()));
        let lock = lock?;
        beaten.and(cleared)?;
        Ok(Claims { _lock: lock, ..claims })
    }

    pub(in crate::job) fn own(&self) -> &Identity {
        &self.own
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long between two heartbeats.
    pub(in crate::job) fn pause(&self) -> Duration {
        self.expiry.silent / 5
    }

    /// Says that this worker lives, and how much it has got done.
    pub(in crate::job) fn beat(&self, progress: u64) -> Result<()> {
        let count = self.beats.fetch_add(1, Ordering::Relaxed);
        self.location.beat(&beat_name(&self.own.name), format!("{count} {progress}").as_bytes())
    }

    /// Every claim there is, by its name alone.
    pub(in crate::job) fn held(&self) -> Result<Held> {
        let mut held = Held::default();
        for listed in self.location.list(CLAIMS)? {
            let Some((thing, number)) = listed.name.rsplit_once('.') else { continue };
            let Ok(number) = number.parse::<u32>() else { continue };
            match held.things.get_mut(thing) {
                Some(known) => *known = number.max(*known),
                None => drop(held.things.insert(thing.to_string(), number)),
            }
        }
        Ok(held)
    }

    /// What a claim of another worker says; `None` where that cannot be read.
    fn claim(&self, claim: &str) -> Result<Option<Claim>> {
        let mut observed = self.observed();
        observed.holders.retain(|_, (_, read)| read.elapsed() < self.pause());
        if let Some((claim, _)) = observed.holders.get(claim) {
            return Ok(claim.clone());
        }
        let content = self.location.read(&format!("{CLAIMS}/{claim}"))?.unwrap_or_default();
        // What cannot be a part of a name is nobody's.
        let read = serde_json::from_slice::<Claim>(&content).ok();
        let read = read.filter(|claim| !claim.holder.name.contains(['/', '\\']));
        observed.holders.insert(claim.to_string(), (read.clone(), Instant::now()));
        Ok(read)
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `thing` could be taken now.
    pub(in crate::job) fn is_free(&self, held: &Held, thing: &str) -> Result<bool> {
        if self.taken().contains_key(thing) {
            return Ok(false);
        }
        let Some(number) = held.things.get(thing) else { return Ok(true) };
        let claim = self.claim(&format!("{thing}.{number}"))?;
        Ok(self.life(claim.as_ref().map(|claim| &claim.holder))? != Life::Alive)
    }

    /// Takes `thing`; whether it could.
    pub(in crate::job) fn take(&self, held: &Held, thing: &str) -> Result<bool> {
        if self.taken().contains_key(thing) {
            return Ok(false);
        }
        let known = held.things.get(thing).copied().unwrap_or(0);
        let (mut attempt, mut before) = (1, None);
        if known > 0 {
            let claim = self.claim(&format!("{thing}.{known}"))?;
            before = match self.life(claim.as_ref().map(|claim| &claim.holder))? {
                Life::Alive => return Ok(false),
                Life::Dead => Some(Fate::Died),
                Life::Stalled => Some(Fate::Hung),
            };
            attempt = claim.and_then(|claim| claim.attempt).unwrap_or(known).saturating_add(1);
        }
        let number = known.checked_add(1).ok_or_else(|| {
            Error::Input(format!("{CLAIMS}/{thing}.{known} is no worker's claim; move it away"))
        })?;
        let claim = Claim { holder: self.own.clone(), attempt: Some(attempt) };
        let content = serde_json::to_vec(&claim).unwrap_or_default();
        let taken = self.location.claim(&format!("{CLAIMS}/{thing}.{number}"), &content)?;
        if taken {
            self.taken().insert(thing.to_string(), Taken { number, attempt, before });
        }
        Ok(taken)
    }

    /// Which attempt at `thing` this worker's is, from 1: the others' ended with their deaths, or hang.
    pub(in crate::job) fn attempt(&self, thing: &str) -> u32 {
        self.taken().get(thing).map_or(1, |taken| taken.attempt)
    }

    /// What was written down of a shard that is taken alone; nothing where that cannot be read. What the worker before had in hand when it died, or
    /// while it stalled, is under suspicion.
    pub(in crate::job) fn suspects(&self, thing: &str) -> Result<Suspects> {
        let content = self.location.read(&suspects_name(thing))?.unwrap_or_default();
        let suspects: Suspects = serde_json::from_slice(&content).unwrap_or_default();
        let before = self.taken().get(thing).and_then(|taken| taken.before);
        Ok(before.map_or(suspects.clone(), |fate| suspects.after(fate)))
    }

    /// Writes that down, for whoever takes the shard after this worker.
    pub(in crate::job) fn suspect(&self, thing: &str, suspects: &Suspects) -> Result<()> {
        self.location.beat(&suspects_name(thing), &serde_json::to_vec(suspects).unwrap_or_default())
    }

    /// Gives `thing` back, with what dead holders left: all numbers up to our own.
    pub(in crate::job) fn release(&self, thing: &str) -> Result<()> {
        let Some(Taken { number: own, attempt, .. }) = self.taken().remove(thing) else { return Ok(()) };
        let remove = |name: &str| self.location.remove(&format!("{CLAIMS}/{name}"));
        if attempt >= suspects::FROM {
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
    fn life(&self, worker: Option<&Identity>) -> Result<Life> {
        let name = worker.map_or("", |worker| worker.name.as_str());
        if let Some(worker) = worker
            && worker.host == self.own.host
            && self.location.is_unlocked(&lock_name(name))?
        {
            return Ok(Life::Dead);
        }
        // Between two heartbeats there is nothing new to read, but nobody is given up on what was read some time ago.
        let is_fresh =
            |beat: &Beat| beat.read.elapsed() < self.pause() / 2 && beat.life(self.expiry) == Life::Alive;
        if self.observed().beats.get(name).is_some_and(is_fresh) {
            return Ok(Life::Alive);
        }
        let content = self.location.read(&beat_name(name))?.unwrap_or_default();
        let mut observed = self.observed();
        let beat = observed.beats.entry(name.to_string()).or_insert_with(|| Beat::new(content.clone()));
        beat.update(content);
        Ok(beat.life(self.expiry))
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

/// Workers that have given a sign of life, by their names, and when by the clock of what keeps it. Who ends in order leaves none.
pub(in crate::job) fn signs_of_life(location: &dyn Location) -> Result<Vec<(String, Option<SystemTime>)>> {
    let sign = |listed: Listed| Some((listed.name.strip_suffix(".beat")?.to_string(), listed.written));
    Ok(location.list(WORKERS)?.into_iter().filter_map(sign).collect())
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
        Claims::new(location, Identity::new(), Expiry { silent: expiry, stalled: 2 * expiry }).unwrap()
    }

    /// A worker of another machine, whose locks say nothing here.
    fn elsewhere(folder: &std::path::Path) -> Claims {
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder).unwrap());
        let own = Identity { host: "elsewhere".into(), name: "elsewhere_1".into(), process: 1 };
        let expiry = Duration::from_millis(50);
        Claims::new(location, own, Expiry { silent: expiry, stalled: 2 * expiry }).unwrap()
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
        for progress in 0..10 {
            far.beat(progress).unwrap();
            assert!(!near.take(&near.held().unwrap(), "7").unwrap(), "a living worker was robbed");
            std::thread::sleep(Duration::from_millis(40));
        }
        std::thread::sleep(Duration::from_millis(250));
        assert!(near.take(&near.held().unwrap(), "7").unwrap());
        assert_eq!(near.attempt("7"), 2, "a death was not counted");
    }

    /// Takes `7` from a worker that beats so often, `progress` making something of the number of the beat; after how many beats it could.
    fn taken_over_after(progress: impl Fn(u64) -> String) -> (Option<u64>, Claims) {
        let folder = tempfile::tempdir().unwrap();
        let (far, near) = (elsewhere(folder.path()), worker(folder.path(), Duration::from_millis(200)));
        assert!(far.take(&far.held().unwrap(), "7").unwrap());
        let beaten = (0..24).find(|beat| {
            far.location.beat(&beat_name(&far.own.name), progress(*beat).as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(40));
            near.take(&near.held().unwrap(), "7").unwrap()
        });
        (beaten, near)
    }

    #[test]
    fn a_worker_without_progress_is_taken_over_and_counts_as_an_attempt() {
        let (beaten, near) = taken_over_after(|beat| format!("{beat} 3"));
        assert!(beaten.is_some_and(|beats| beats >= 8), "400 ms without progress, not {beaten:?} times 40");
        assert_eq!(near.attempt("7"), 2, "a take-over after a stall was not counted");
        let before = near.taken()["7"].before;
        assert_eq!(before, Some(Fate::Hung), "a stalled worker counts as dead");
        let input = suspects::Input { item: 4, source: 0 };
        for (fate, to_try) in
            [(None, vec![]), (Some(Fate::Hung), vec![input]), (Some(Fate::Died), vec![input])]
        {
            let mut suspects = Suspects::default();
            suspects.take_in_hand(input, false);
            near.suspect("7", &suspects).unwrap();
            near.taken().get_mut("7").unwrap().before = fate;
            assert_eq!(near.suspects("7").unwrap().to_try(), to_try, "{fate:?}");
        }
        let (beaten, _) = taken_over_after(|beat| format!("{beat} {}", beat / 5));
        assert_eq!(beaten, None, "a slow worker was robbed");
        let (beaten, _) = taken_over_after(|beat| beat.to_string());
        assert_eq!(beaten, None, "a worker of a release without the counter was robbed");
    }

    #[test]
    fn looking_for_something_unclaimed_reads_no_claim() {
        let folder = tempfile::tempdir().unwrap();
        let near = worker(folder.path(), Duration::from_secs(60));
        // What cannot be read at all.
        for claim in ["7.1", "8.4"] {
            std::fs::create_dir_all(folder.path().join(CLAIMS).join(claim)).unwrap();
        }
        std::fs::write(folder.path().join(CLAIMS).join("9.1"), b"").unwrap();
        let held = near.held().unwrap();
        assert!(held.is_unclaimed("6") && !held.is_unclaimed("9"));
        assert!(near.take(&held, "6").unwrap());
    }
}
