//! The ledger: what became of every shard, append-only, every line with its checksum.
//!
//! Each worker appends to files of its own. A shard's file is *announced* before it becomes visible and *done* after, both with its
//! checksum: so a file that a killed worker left without the second line can be distinguished from anything else, and is accounted for without
//! being made again. A later generation (a retry) replaces the file in the same way, and until it is done both contents are right.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::census::Census;
use super::checksummed::{seal, unseal};
use super::location::{Listed, Location};
use crate::error::Result;
use crate::limits::Limits;
use crate::pipeline::concurrent::each;

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
pub struct Entry {
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

/// Who made a file, and when; each as in [`Entry`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields of Entry say what each means")]
pub struct Making {
    pub seconds: f64,
    pub at: u64,
    pub worker: String,
}

impl Entry {
    /// Who made the file before all retries, and when.
    pub(in crate::job) fn making(&self) -> Making {
        let own = || Making { seconds: self.seconds, at: self.at, worker: self.worker.clone() };
        self.first.clone().unwrap_or_else(own)
    }

    /// Whether it may be about a file: a right checksum says that the line is whole, not that it makes sense.
    fn is_sound(&self) -> bool {
        let counts = [self.shard, self.length, self.records, self.bytes, self.pixels, self.by_devices];
        let failed = self.failed.values().try_fold(0, |sum: u64, count| sum.checked_add(*count));
        counts.iter().all(|count| *count < MOST)
            && self.generation < u32::MAX
            && failed.is_some_and(|failed| failed <= self.records)
            && self.census.is_within(self.records)
    }

    /// When its first picture was begun, before all retries, as [`at`](Entry::at).
    pub(in crate::job) fn begun(&self) -> u64 {
        let (seconds, at) =
            self.first.as_ref().map_or((self.seconds, self.at), |first| (first.seconds, first.at));
        at.saturating_sub((seconds * 1e3) as u64)
    }

    /// When it was made, before all retries, as [`at`](Entry::at).
    pub(in crate::job) fn ended(&self) -> u64 {
        self.first.as_ref().map_or(self.at, |first| first.at)
    }

    /// Which worker made it, before all retries.
    pub(in crate::job) fn maker(&self) -> &str {
        self.first.as_ref().map_or(&self.worker, |first| &first.worker)
    }
}

/// A worker's own part of the ledger.
#[derive(Debug)]
pub(in crate::job) struct Writer {
    location: Arc<dyn Location>,
    worker: String,
    /// Lines of one file.
    most: usize,
    lines: Mutex<usize>,
    /// What was written and not read back.
    written: Mutex<Vec<Entry>>,
}

impl Writer {
    pub(in crate::job) fn new(location: Arc<dyn Location>, worker: &str) -> Writer {
        Writer {
            most: location.appends().max(1),
            location,
            worker: worker.to_string(),
            lines: Mutex::new(0),
            written: Mutex::default(),
        }
    }

    /// Whether a file of the ledger is this worker's.
    fn wrote(&self, file: &str) -> bool {
        file.rsplit_once('_').is_some_and(|(worker, _)| worker == self.worker)
    }

    /// Appends a line; it is there after a power cut.
    pub(in crate::job) fn append(&self, entry: &Entry) -> Result<()> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{LEDGER}/{}_{:04}.jsonl", self.worker, *lines / self.most);
        // After a failure the file may end in a torn line, so what follows goes to the next one.
        let line = *lines;
        *lines = (line / self.most + 1) * self.most;
        self.location.append(&name, format!("{}\n", seal(entry)?).as_bytes())?;
        *lines = line + 1;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(entry.clone());
        Ok(())
    }
}

/// The ledger of all workers, as far as it has been read.
#[derive(Debug, Default)]
pub(in crate::job) struct Ledger {
    /// How far each file has been read.
    read: HashMap<String, u64>,
    /// The newest generation that is done, by shard.
    done: BTreeMap<u64, Entry>,
    /// What is announced beyond.
    announced: HashMap<u64, Vec<Entry>>,
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
        let others = |listed: &Listed| self.own.as_ref().is_none_or(|own| !own.wrote(&listed.name));
        let read = |listed: &Listed| self.read.get(&listed.name).copied().unwrap_or(0);
        let listed = location.list(LEDGER)?.into_iter().filter(others);
        let listed = listed.map(|listed| (read(&listed), listed));
        let longer: Vec<(u64, Listed)> = listed.filter(|(read, listed)| listed.length > *read).collect();
        let new = each(&longer, |(read, listed)| {
            location.read_range(&format!("{LEDGER}/{}", listed.name), *read, listed.length - read)
        });
        for (new, (read, listed)) in new.into_iter().zip(longer) {
            let new = new?;
            // A line without its end is being written, or was never finished.
            let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
            for line in new[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                match unseal(line).filter(Entry::is_sound) {
                    Some(entry) => self.add(entry),
                    None => self.damaged += 1,
                }
            }
            self.read.insert(listed.name, read + whole as u64);
        }
        let own = self.own.as_ref().map(|own| &own.written);
        let written =
            own.map(|written| std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner)));
        written.into_iter().flatten().for_each(|entry| self.add(entry));
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        let shard = entry.shard;
        let newer = |known: &Entry| known.generation >= entry.generation;
        if self.done.get(&shard).is_some_and(newer) {
            return;
        }
        match entry.state {
            State::Announced => self.announced.entry(shard).or_default().push(entry),
            State::Done => {
                if let Some(announced) = self.announced.get_mut(&shard) {
                    announced.retain(|other| other.generation > entry.generation);
                }
                self.announced.retain(|_, announced| !announced.is_empty());
                self.done.insert(shard, entry);
            }
        }
    }

    /// The newest line of a shard that is done.
    pub(in crate::job) fn done(&self, shard: u64) -> Option<&Entry> {
        self.done.get(&shard)
    }

    /// All of them, by shard.
    pub(in crate::job) fn all_done(&self) -> &BTreeMap<u64, Entry> {
        &self.done
    }

    /// What is announced for a shard and not done.
    pub(in crate::job) fn announced(&self, shard: u64) -> &[Entry] {
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

    pub(in crate::job) fn entry(shard: u64, generation: u32, state: State) -> Entry {
        Entry {
            state,
            shard,
            generation,
            file: format!("records/{shard}.jsonl"),
            length: 12,
            sha256: format!("{generation:064x}"),
            keys: String::new(),
            records: 3,
            failed: BTreeMap::from([("io".to_string(), 1)]),
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
        assert_eq!((ledger.done(1), ledger.announced(1).len()), (None, 1));
        a.append(&entry(1, 0, State::Done)).unwrap();
        b.append(&entry(2, 0, State::Done)).unwrap();
        ledger.refresh(&*location).unwrap();
        assert_eq!((ledger.done(1), ledger.announced(1).len()), (Some(&entry(1, 0, State::Done)), 0));
        assert_eq!(ledger.all_done().len(), 2);

        let c = Arc::new(Writer::new(location.clone(), "c"));
        let mut own = Ledger::both(c.clone());
        c.append(&entry(3, 0, State::Done)).unwrap();
        fs::write(folder.path().join("ledger/c_0000.jsonl"), "damaged\n").unwrap();
        own.refresh(&*location).unwrap();
        assert_eq!((own.all_done().len(), own.damaged()), (3, 0), "the own line was read back, or not known");
        fs::remove_file(folder.path().join("ledger/c_0000.jsonl")).unwrap();

        let file = folder.path().join("ledger/b_0000.jsonl");
        let whole = fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).unwrap();
            let mut torn = Ledger::default();
            torn.refresh(&*location).unwrap();
            assert_eq!((torn.done(2), torn.damaged()), (None, 0), "torn at {cut}");
        }
        for at in 0..whole.len() - 1 {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&file, damaged).unwrap();
            let mut ledger = Ledger::default();
            ledger.refresh(&*location).unwrap();
            assert!(ledger.done(2).is_none() && ledger.damaged() >= 1, "damage at {at} went unseen");
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
        assert_eq!(ledger.all_done().len(), 1_000);
    }

    #[test]
    fn the_newest_generation_counts() {
        let mut ledger = Ledger::default();
        ledger.add(entry(1, 1, State::Announced));
        ledger.add(entry(1, 0, State::Done));
        assert_eq!(ledger.announced(1), [entry(1, 1, State::Announced)]);
        ledger.add(entry(1, 1, State::Done));
        ledger.add(entry(1, 0, State::Done));
        assert_eq!((ledger.done(1).unwrap().generation, ledger.announced(1).len()), (1, 0));
    }
}
