//! The net under a job: its location fails, or its worker ends, at every single call of a small job, and whoever comes next makes it whole.

#![expect(clippy::print_stdout, reason = "tests say what they did")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::{Again, Folder, Listed, Location, Publish, Settings, WorkOptions, retry, verify, work};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hasher::HashOptions;
use crate::pipeline::{Input, InputOptions, RecordFormat};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It fails, and nothing of it is done. The next one works.
    Fails,
    /// All of it is done, and its answer is lost.
    AnswerIsLost,
    /// The process ends before it: neither it nor any later one is done.
    ProcessEnds,
    /// The process ends within it: of what is appended or drafted half is there.
    ProcessEndsWithin,
}

const FAULTS: [Fault; 4] = [Fault::Fails, Fault::AnswerIsLost, Fault::ProcessEnds, Fault::ProcessEndsWithin];

/// A location with a fault at one call.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Location>,
    fault: Fault,
    /// The number of the call with the fault, from 0.
    at: u64,
    calls: AtomicU64,
    /// Whether a part of the call was done.
    halved: AtomicBool,
}

fn injected() -> Error {
    Error::io("injected", io::Error::other("injected"))
}

impl Faulty {
    fn new(inner: Arc<dyn Location>, fault: Fault, at: u64) -> Arc<Faulty> {
        Arc::new(Faulty { inner, fault, at, calls: AtomicU64::new(0), halved: AtomicBool::new(false) })
    }

    fn has_happened(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.at
    }

    /// Does a call, of which `half` does a part.
    fn call<T>(&self, whole: impl FnOnce() -> Result<T>, half: Option<&dyn Fn()>) -> Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let ends = matches!(self.fault, Fault::ProcessEnds | Fault::ProcessEndsWithin);
        match self.fault {
            _ if number < self.at || number > self.at && !ends => whole(),
            Fault::AnswerIsLost => {
                whole()?;
                Err(injected())
            }
            Fault::ProcessEndsWithin if number == self.at => {
                self.halved.store(half.is_some(), Ordering::SeqCst);
                half.into_iter().for_each(|half| half());
                Err(injected())
            }
            _ => Err(injected()),
        }
    }
}

impl Location for Faulty {
    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        self.call(|| self.inner.list(folder), None)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.call(|| self.inner.read(name), None)
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.call(|| self.inner.read_range(name, offset, length), None)
    }

    fn exists(&self, name: &str) -> Result<bool> {
        self.call(|| self.inner.exists(name), None)
    }

    fn open(&self, name: &str) -> Result<Option<File>> {
        self.call(|| self.inner.open(name), None)
    }

    fn create(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.call(|| self.inner.create(name, content), None)
    }

    fn claim(&self, name: &str, content: &[u8]) -> Result<bool> {
        // It promises less: after a power cut it may be there and empty.
        self.call(|| self.inner.claim(name, content), Some(&|| drop(self.inner.claim(name, b""))))
    }

    fn beat(&self, name: &str, content: &[u8]) -> Result<()> {
        self.call(|| self.inner.beat(name, content), Some(&|| drop(self.inner.beat(name, b""))))
    }

    fn append(&self, name: &str, content: &[u8]) -> Result<()> {
        let half = || drop(self.inner.append(name, &content[..content.len() / 2]));
        self.call(|| self.inner.append(name, content), Some(&half))
    }

    fn appends(&self) -> usize {
        self.inner.appends()
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.call(|| self.inner.remove(name), None)
    }

    fn draft(&self, owner: &str) -> Result<NamedTempFile> {
        // Of a process that ends the draft stays.
        let half = || {
            let left = self.inner.draft(owner).map(|draft| draft.into_temp_path().keep());
            drop(left);
        };
        self.call(|| self.inner.draft(owner), Some(&half))
    }

    fn publish(&self, mut draft: NamedTempFile, name: &str, how: Publish) -> Result<bool> {
        let length = draft.as_file_mut().seek(SeekFrom::End(0)).unwrap_or(0);
        assert!(length > 0, "{name} is published without content");
        self.call(|| self.inner.publish(draft, name, how), None)
    }

    fn lock(&self, name: &str) -> Result<Option<File>> {
        self.call(|| self.inner.lock(name), None)
    }

    fn is_unlocked(&self, name: &str) -> Result<bool> {
        self.call(|| self.inner.is_unlocked(name), None)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

/// Three pictures, one of them broken, and a tar of one; three shards.
fn inputs(folder: &Path) -> (Settings, HashOptions) {
    let picture = include_bytes!("../pipeline/example.bmp");
    let photos = folder.join("photos");
    std::fs::create_dir_all(&photos).unwrap();
    for number in 0..3 {
        let content = if number == 1 { &picture[..20] } else { &picture[..] };
        std::fs::write(photos.join(format!("{number}.bmp")), content).unwrap();
    }
    let mut tar = tar::Builder::new(File::create(photos.join("one.tar")).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(picture.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "a.bmp", &picture[..]).unwrap();
    tar.finish().unwrap();
    let hash = HashOptions::default();
    let sources = [Input::Named(photos.into())];
    (Settings::new(&sources, &InputOptions::default(), 2, RecordFormat::JsonLines, &hash), hash)
}

/// A dead worker without a lock is known by its silence: for so long here.
fn options(expiry: Duration) -> WorkOptions {
    let engine = Engine::builder().threads(1).memory(64 << 20).build().unwrap();
    WorkOptions { expiry, ..WorkOptions::new(engine) }
}

/// For whoever is to die: no heartbeat comes between its other calls.
const LONG: Duration = Duration::from_secs(600);

/// For whoever comes next.
const SHORT: Duration = Duration::from_millis(20);

fn records(location: &dyn Location) -> BTreeMap<String, Vec<u8>> {
    let files = location.list("records").unwrap().into_iter();
    files
        .map(|file| (file.name.clone(), location.read(&format!("records/{}", file.name)).unwrap().unwrap()))
        .collect()
}

/// What makes one location after another, each empty, and each as often as another process opens it.
type Places<'a> = &'a dyn Fn() -> Box<dyn Fn() -> Arc<dyn Location>>;

/// Goes through every call of `attempt`, with every fault, after `before` was done in peace; how many there were.
fn at_every_call(
    places: Places<'_>,
    settings: &Settings,
    before: impl Fn(Arc<dyn Location>),
    attempt: impl Fn(Arc<dyn Location>) -> Result<()>,
) -> u64 {
    let place = places();
    before(place());
    attempt(place()).unwrap();
    let undisturbed = records(&*place());
    assert_eq!(undisturbed.len(), 3);
    let mut crashes = 0;
    for fault in FAULTS {
        for at in 0.. {
            let place = places();
            before(place());
            let faulty = Faulty::new(place(), fault, at);
            let outcome = attempt(faulty.clone());
            if !faulty.has_happened() {
                outcome.unwrap_or_else(|error| panic!("{fault:?} at {at} did not happen: {error}"));
                break;
            }
            if fault == Fault::ProcessEndsWithin && !faulty.halved.load(Ordering::SeqCst) {
                continue; // the same as an end before it
            }
            crashes += 1;
            let context = format!("{fault:?} at call {at}");
            let worked =
                work(place(), settings, &options(SHORT)).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(worked.report.complete, "{context}");
            let place = place();
            let verdict = verify(&*place).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert!(verdict.is_complete() && verdict.fault_count == 0, "{context}: {:?}", verdict.faults);
            assert!(records(&*place) == undisturbed, "{context}: other records");
            assert_eq!(place.list("drafts").unwrap(), [], "{context}: drafts stay behind");
        }
    }
    crashes
}

fn a_job_and_a_retry(kind: &str, places: Places<'_>) {
    let (folder, started) = (tempfile::tempdir().unwrap(), Instant::now());
    let (settings, hash) = &inputs(folder.path());
    let run = |location: Arc<dyn Location>| work(location, settings, &options(LONG)).map(drop);
    let crashes = at_every_call(places, settings, |_| (), run);
    let again = |location: Arc<dyn Location>| {
        retry(location, &Again::Failed(Vec::new()), hash, &options(LONG)).map(drop)
    };
    let retries = at_every_call(places, settings, |location| run(location).unwrap(), again);
    println!("{kind}: {crashes} calls of a job and {retries} of a retry failed, in {:?}", started.elapsed());
    assert!(crashes > 100 && retries > 50, "only {crashes} and {retries} calls failed");
}

#[test]
fn a_folder_that_fails_at_any_call_loses_nothing() {
    a_job_and_a_retry("folder", &|| {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move || Arc::new(Folder::create(folder.path()).unwrap()))
    });
}

#[cfg(feature = "store")]
#[test]
fn a_store_that_fails_at_any_call_loses_nothing() {
    a_job_and_a_retry("store", &|| {
        let store = super::Store::in_memory();
        Box::new(move || Arc::new(store.opened_again()))
    });
}
