//! The ledger: what became of every shard, append-only, every line with its checksum.
//!
//! Each worker appends to files of its own. A shard's file is *announced* before it becomes visible and *done* after, both with its
//! checksum: so a file that a killed worker left without the second line can be distinguished from anything else, and is accounted for without
//! being made again. A later generation (a retry) replaces the file in the same way, and until it is done both contents are right.
//!
//! A line has some 700 to 2,500 bytes, and a job may have a million shards. So of a done shard only the place of its line is kept, and whoever
//! needs what it says reads the line back: one at a time, or all in order, some MiB at once.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::census::Census;
use super::location::Location;
use crate::error::Result;
use crate::limits::Limits;
use crate::pipeline::concurrent::each;

mod index;
mod reading;
mod writer;

use index::{Index, Line};
use reading::{Appended, Found, forget_announced, read_back};
pub(in crate::job) use writer::Writer;
use writer::Written;

const LEDGER: &str = "ledger";

/// What one file holds at most, in whatever is counted: far more than any does, and few enough that sums of very many lines have their place.
pub(in crate::job) const MOST: u64 = 1 << 48;

/// Whether a shard's file can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is complete, and about to become visible.
    Announced,
    /// It is there.
    Done,
}

/// One line: a shard's file, and what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Whether it can be relied on.
    pub state: State,
    /// The shard's number.
    pub shard: u64,
    /// 0 for the first run, one more for each retry.
    pub generation: u32,
    /// The file's name, relative to the job.
    pub file: String,
    /// The file's length in bytes.
    pub length: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the records' keys in their order, each with its length (8 bytes, little endian) before it.
    pub keys: String,
    /// Records in it.
    pub records: u64,
    /// Failed ones, by error code.
    pub failed: BTreeMap<String, u64>,
    /// Those of inputs that were not asked for and are no pictures; of a strict job, and of one that an older release began, they are among the failed ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// Encoded bytes of the hashed pictures.
    pub bytes: u64,
    /// Pixels of them.
    pub pixels: u64,
    /// What the pictures were.
    #[serde(default)]
    pub census: Census,
    /// Other limits than the settings' under which a retry made some of the records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_limits: Vec<Limits>,
    /// Pictures that devices computed; their records do not say so, because they are the same as those of others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub by_devices: u64,
    /// Seconds that threads spent on it, by what they did.
    #[serde(default)]
    pub thread_seconds: BTreeMap<String, f64>,
    /// From the shard's first picture to its last, in seconds.
    pub seconds: f64,
    /// When, in milliseconds since 1970 by the worker's clock.
    pub at: u64,
    /// Which worker.
    pub worker: String,
    /// Of a retry, who made the file before all retries, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Making>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "that is how serde asks")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Who made a file, and when; each as in [`ShardEntry`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of ShardEntry say what each means")]
pub struct Making {
    pub seconds: f64,
    pub at: u64,
    pub worker: String,
}

impl ShardEntry {
    /// Who made the file before all retries, and when.
    pub(in crate::job) fn making(&self) -> Making {
        let own = || Making { seconds: self.seconds, at: self.at, worker: self.worker.clone() };
        self.first.clone().unwrap_or_else(own)
    }

    /// Records with signatures.
    pub(in crate::job) fn hashed(&self) -> u64 {
        self.records.saturating_sub(self.skipped).saturating_sub(self.failed.values().sum())
    }

    /// Whether it may be about a file: a right checksum says that the line is whole, not that it makes sense.
    fn is_sound(&self) -> bool {
        let counts = [self.shard, self.length, self.records, self.bytes, self.pixels, self.by_devices];
        let failed = self.failed.values().try_fold(self.skipped, |sum: u64, count| sum.checked_add(*count));
        counts.iter().all(|count| *count < MOST)
            && self.generation < u32::MAX
            && failed.is_some_and(|failed| failed <= self.records)
            && self.census.is_within(self.records)
    }

    /// When its first picture was begun, before all retries, as [`at`](ShardEntry::at).
    pub(in crate::job) fn begun(&self) -> u64 {
        let (seconds, at) =
            self.first.as_ref().map_or((self.seconds, self.at), |first| (first.seconds, first.at));
        at.saturating_sub((seconds * 1e3) as u64)
    }

    /// When it was made, before all retries, as [`at`](ShardEntry::at).
    pub(in crate::job) fn ended(&self) -> u64 {
        self.first.as_ref().map_or(self.at, |first| first.at)
    }

    /// Which worker made it, before all retries.
    pub(in crate::job) fn maker(&self) -> &str {
        self.first.as_ref().map_or(&self.worker, |first| &first.worker)
    }
}

/// Files that are read between two looks at what came of it.
const FILES: usize = 64;

/// Bytes of lines that are read back at a time, about as many thousands of shards as MiB. In memory what they say takes some three times as much.
const WINDOW: u64 = 4 << 20;

/// The files of the ledger that were met.
#[derive(Debug, Default)]
struct Files {
    names: Vec<Arc<str>>,
    /// How far each has been read, in bytes.
    read: Vec<u64>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Files {
    /// The number of the file with that name, from now on.
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (name, number): (Arc<str>, _) = (name.into(), self.names.len() as u32);
        self.names.push(name.clone());
        self.read.push(0);
        self.numbers.insert(name, number);
        number
    }
}

/// The ledger of all workers, as far as it has been read.
#[derive(Debug, Default)]
pub(in crate::job) struct Ledger {
    files: Files,
    /// The newest generation that is done, by shard.
    done: Index,
    /// What is announced beyond.
    announced: HashMap<u64, Vec<ShardEntry>>,
    /// Whole lines that are damaged.
    damaged: u64,
    /// Whose lines are known without reading them.
    own: Option<Arc<Writer>>,
}

impl Ledger {
    /// The ledger as the worker sees it that writes through `writer`.
    pub(in crate::job) fn both(writer: Arc<Writer>) -> Ledger {
        Ledger { own: Some(writer), ..Ledger::default() }
    }

    /// Reads what was appended since.
    pub(in crate::job) fn refresh(&mut self, location: &dyn Location) -> Result<()> {
        let mut longer = Vec::new();
        for listed in location.list(LEDGER)? {
            if self.own.as_ref().is_some_and(|own| own.wrote(&listed.name)) {
                continue;
            }
            let file = self.files.number(&listed.name);
            let (from, to) = (self.files.read[file as usize], listed.length);
            if to > from {
                longer.push(Appended { file, name: listed.name, from, to });
            }
        }
        for some in longer.chunks(FILES) {
            for (found, appended) in each(some, |appended| appended.read(location)).into_iter().zip(some) {
                self.add(found?, appended.file);
            }
        }
        let written = self.own.as_ref().map(|own| own.take_written());
        written.into_iter().flatten().for_each(|written| self.add_own(written));
        Ok(())
    }

    fn add(&mut self, found: Found, file: u32) {
        self.files.read[file as usize] = found.read;
        self.damaged += found.damaged;
        found.done.into_iter().for_each(|(shard, line)| self.add_done(shard, line));
        found.announced.into_values().flatten().for_each(|entry| self.announce(entry));
    }

    fn add_own(&mut self, written: Written) {
        let Written { entry, file, offset, length } = written;
        let length = u32::try_from(length).ok().and_then(NonZeroU32::new);
        match (entry.state, length) {
            (State::Done, Some(length)) => {
                let line =
                    Line { offset, file: self.files.number(&file), length, generation: entry.generation };
                self.add_done(entry.shard, line);
            }
            (State::Done, None) => self.damaged += 1,
            (State::Announced, _) => self.announce(entry),
        }
    }

    fn add_done(&mut self, shard: u64, line: Line) {
        forget_announced(&mut self.announced, shard, line.generation);
        self.done.add(shard, line);
    }

    fn announce(&mut self, entry: ShardEntry) {
        if self.done.get(entry.shard).is_none_or(|done| done.generation < entry.generation) {
            self.announced.entry(entry.shard).or_default().push(entry);
        }
    }

    /// Whether a shard is done.
    pub(in crate::job) fn is_done(&self, shard: u64) -> bool {
        self.done.get(shard).is_some()
    }

    /// How many shards are done.
    pub(in crate::job) fn count(&self) -> u64 {
        self.done.count()
    }

    /// The shards that are done, in order.
    pub(in crate::job) fn shards(&self) -> impl Iterator<Item = u64> {
        self.done.from(0).map(|(shard, _)| shard)
    }

    /// The newest line of a shard that is done, read back.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) where it is not there any more, and those of the location.
    pub(in crate::job) fn entry(&self, location: &dyn Location, shard: u64) -> Result<Option<ShardEntry>> {
        let Some(line) = self.done.get(shard) else { return Ok(None) };
        Ok(self.read_back(location, vec![(shard, line)])?.pop())
    }

    /// The newest lines of shards that are done, from the shard `first` on in order: as many as are read back at a time, at least one if there is one.
    ///
    /// # Errors
    ///
    /// Those of [`entry`](Ledger::entry).
    pub(in crate::job) fn some(&self, location: &dyn Location, first: u64) -> Result<Vec<ShardEntry>> {
        let mut bytes = 0;
        let lines = self.done.from(first).take_while(|(_, line)| {
            let fits = bytes < WINDOW;
            bytes += u64::from(line.length.get());
            fits
        });
        self.read_back(location, lines.collect())
    }

    /// Goes through the newest lines of all shards that are done, from the shard `first` on in order, in bounded memory.
    ///
    /// # Errors
    ///
    /// Those of [`entry`](Ledger::entry).
    pub(in crate::job) fn for_each(
        &self,
        location: &dyn Location,
        mut first: u64,
        mut take: impl FnMut(ShardEntry),
    ) -> Result<()> {
        loop {
            let some = self.some(location, first)?;
            let Some(last) = some.last() else { return Ok(()) };
            first = last.shard + 1;
            some.into_iter().for_each(&mut take);
        }
    }

    fn read_back(&self, location: &dyn Location, lines: Vec<(u64, Line)>) -> Result<Vec<ShardEntry>> {
        read_back(location, |file| &*self.files.names[file as usize], lines)
    }

    /// What is announced for a shard and not done.
    pub(in crate::job) fn announced(&self, shard: u64) -> &[ShardEntry] {
        self.announced.get(&shard).map_or(&[], Vec::as_slice)
    }

    /// Whole lines that were damaged.
    pub(in crate::job) fn damaged(&self) -> u64 {
        self.damaged
    }
}

#[cfg(test)]
pub(in crate::job) mod tests {
    use std::fs;

    use super::super::location::Folder;
    use super::*;

    pub(in crate::job) fn entry(shard: u64, generation: u32, state: State) -> ShardEntry {
        ShardEntry {
            state,
            shard,
            generation,
            file: format!("records/{shard}.jsonl"),
            length: 12,
            sha256: format!("{generation:064x}"),
            keys: String::new(),
            records: 3,
            failed: BTreeMap::from([("io".to_string(), 1)]),
            skipped: 0,
            bytes: 10,
            pixels: 20,
            census: Census::default(),
            other_limits: Vec::new(),
            by_devices: 0,
            thread_seconds: BTreeMap::new(),
            seconds: 0.25,
            at: 1,
            worker: "me".into(),
            first: None,
        }
    }

    #[test]
    fn lines_are_read_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder.path()).unwrap());
        let (a, b) = (Writer::new(location.clone(), "a"), Writer::new(location.clone(), "b"));
        let mut ledger = Ledger::default();
        a.append(&entry(1, 0, State::Announced)).unwrap();
        ledger.refresh(&*location).unwrap();
        assert_eq!((ledger.is_done(1), ledger.announced(1).len()), (false, 1));
        a.append(&entry(1, 0, State::Done)).unwrap();
        b.append(&entry(2, 0, State::Done)).unwrap();
        ledger.refresh(&*location).unwrap();
        assert_eq!(ledger.entry(&*location, 1).unwrap(), Some(entry(1, 0, State::Done)));
        assert_eq!((ledger.announced(1).len(), ledger.count()), (0, 2));

        let c = Arc::new(Writer::new(location.clone(), "c"));
        let mut own = Ledger::both(c.clone());
        c.append(&entry(3, 0, State::Done)).unwrap();
        fs::write(folder.path().join("ledger/c_0000.jsonl"), "damaged\n").unwrap();
        own.refresh(&*location).unwrap();
        assert_eq!((own.count(), own.damaged()), (3, 0), "the own line was read back, or not known");
        let gone = own.entry(&*location, 3).unwrap_err();
        assert!(gone.to_string().contains("ledger/c_0000.jsonl"), "{gone}");
        fs::remove_file(folder.path().join("ledger/c_0000.jsonl")).unwrap();

        let file = folder.path().join("ledger/b_0000.jsonl");
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            let mut torn = Ledger::default();
            torn.refresh(&*location).unwrap();
            assert_eq!((torn.is_done(2), torn.damaged()), (false, 0), "torn at {cut}");
        }
        for at in 0..whole.len() - 1 {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&file, damaged).unwrap();
            let mut ledger = Ledger::default();
            ledger.refresh(&*location).unwrap();
            assert!(!ledger.is_done(2) && ledger.damaged() >= 1, "damage at {at} went unseen");
        }
    }

    /// What appending so many lines to a store writes in all, in bytes.
    #[cfg(feature = "store")]
    #[test]
    fn appending_to_a_store_writes_little_anew() {
        let store: Arc<dyn Location> = Arc::new(crate::job::Store::in_memory());
        let writer = Writer::new(store.clone(), "a");
        let mut written = 0;
        for shard in 0..1_000 {
            writer.append(&entry(shard, 0, State::Done)).unwrap();
            written += store.list(LEDGER).unwrap().last().unwrap().length;
        }
        let all: u64 = store.list(LEDGER).unwrap().iter().map(|listed| listed.length).sum();
        assert!(written < 70 * all, "{written} bytes were written for {all}");
        let mut ledger = Ledger::default();
        ledger.refresh(&*store).unwrap();
        assert_eq!(ledger.count(), 1_000);
    }

    /// A ledger that read what one worker wrote.
    fn written(entries: &[ShardEntry]) -> (tempfile::TempDir, Arc<dyn Location>, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder.path()).unwrap());
        let writer = Writer::new(location.clone(), "a");
        entries.iter().for_each(|entry| writer.append(entry).unwrap());
        let mut ledger = Ledger::default();
        ledger.refresh(&*location).unwrap();
        (folder, location, ledger)
    }

    #[test]
    fn the_newest_generation_counts() {
        let first = [entry(1, 1, State::Announced), entry(1, 0, State::Done)];
        let (_folder, location, mut ledger) = written(&first);
        assert_eq!(ledger.announced(1), [entry(1, 1, State::Announced)]);
        let others = Writer::new(location.clone(), "b");
        for generation in [1, 0] {
            others.append(&entry(1, generation, State::Done)).unwrap();
            others.append(&entry(1, generation, State::Announced)).unwrap();
        }
        ledger.refresh(&*location).unwrap();
        let newest = ledger.entry(&*location, 1).unwrap().unwrap();
        assert_eq!((newest.generation, ledger.announced(1).len()), (1, 0));
    }

    /// Entries so large that several windows and ranges are needed, of two workers in turn, read by others and by one of the two itself.
    #[test]
    fn all_lines_come_back_in_order_a_window_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let location: Arc<dyn Location> = Arc::new(Folder::create(folder.path()).unwrap());
        let writers = ["a", "b"].map(|name| Arc::new(Writer::new(location.clone(), name)));
        let large = |shard: u64| ShardEntry {
            worker: "w".repeat(if shard == 40 { 3 << 20 } else { 30_000 }),
            ..entry(shard, 0, State::Done)
        };
        for shard in (0..400).rev() {
            writers[shard as usize % 2].append(&large(shard)).unwrap();
        }
        for mut ledger in [Ledger::default(), Ledger::both(writers[0].clone())] {
            ledger.refresh(&*location).unwrap();
            let mut next = 7;
            let window = ledger.some(&*location, 0).unwrap();
            assert_eq!(window.len(), 41, "4 MiB are reached with the one of 3 MiB");
            ledger
                .for_each(&*location, 7, |entry| {
                    assert_eq!(entry, large(next));
                    next += 1;
                })
                .unwrap();
            assert_eq!((next, ledger.count(), ledger.shards().count()), (400, 400, 400));
        }
    }
}
