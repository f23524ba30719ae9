//! The galleries that are searched, and how a newer file takes an older one's place.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::gallery::{Counts, EntryId, Gallery};
use crate::pipeline::Hit;
use crate::signature::Algorithm;
use crate::state::banks::Bank;

/// A gallery's file, and what the service calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryFile {
    /// Its name in answers; `None`: the file's own without its ending.
    pub name: Option<String>,
    /// The file, or a folder whose files that end in `.gallery` are meant.
    pub path: PathBuf,
}

/// What says whether a file is still the one that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: u64,
    modified: Option<SystemTime>,
    length: u64,
}

/// A gallery as it is searched.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    /// Its number among all, from 1.
    number: u64,
    pub(crate) parts: Vec<Arc<Part>>,
    pub(crate) counts: Counts,
    /// What tells it from its other versions.
    pub(crate) version: String,
    pub(crate) loaded: SystemTime,
    /// When its file was written, or its bank changed.
    changed: Option<SystemTime>,
    origin: Origin,
}

/// Where a gallery comes from.
#[derive(Debug)]
enum Origin {
    File(Stamp),
    /// A bank, and the share of look-ups that it takes part in for clients of HMA.
    Bank {
        ratio: f64,
    },
}

/// A gallery that is searched by itself: a file, or some rows of a bank.
#[derive(Debug)]
pub(crate) struct Part {
    gallery: Arc<Gallery>,
    /// The rows' ids by their places, in order.
    ids: Option<Vec<u64>>,
}

impl Part {
    /// Rows of a bank.
    pub(crate) fn of_rows(gallery: Gallery, ids: Vec<u64>) -> Part {
        Part { gallery: Arc::new(gallery), ids: Some(ids) }
    }
}

/// All galleries at one instant. A request keeps those that it began with.
#[derive(Debug, Default)]
pub(crate) struct Set {
    pub(crate) all: Vec<Arc<Known>>,
    /// The same for the searcher.
    pub(crate) named: Arc<Vec<(String, Arc<Gallery>)>>,
    /// Which gallery, and which part of it, each of those is.
    owners: Vec<(usize, usize)>,
}

/// What was searched, in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    gallery: String,
    version: String,
    entries: u64,
    /// Seconds since its file was written, or its bank changed.
    age_s: u64,
}

/// The galleries behind a pointer that is swapped.
#[derive(Debug)]
pub(crate) struct Galleries {
    files: Vec<GalleryFile>,
    /// Those that follow lists; their files may not be there yet.
    synced: Vec<GalleryFile>,
    set: ArcSwap<Set>,
    /// Files that could not be opened, as they were then: they are tried again once they change.
    refused: Mutex<Vec<(PathBuf, Stamp)>>,
    /// How often a new file could not be taken.
    pub(crate) failed: AtomicU64,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Galleries {
    /// Opens and verifies every gallery. Those that follow lists, `synced`, come once they are there and whole.
    ///
    /// # Errors
    ///
    /// Those of [`Gallery::open`] with the file's name, [`Error::Input`] for two galleries of one name.
    pub(crate) fn open(files: Vec<GalleryFile>, synced: Vec<GalleryFile>) -> Result<Galleries> {
        let mut all: Vec<Arc<Known>> = Vec::new();
        for (name, path) in expanded(&files)? {
            if all.iter().any(|known| known.name == name) {
                return Err(Error::Input(format!(
                    "two galleries are called {name}: name one of them, as NAME={}",
                    path.display()
                )));
            }
            if let Some(other) = all.iter().find(|known| bank_name(&known.name) == bank_name(&name)) {
                return Err(Error::Input(format!(
                    "{} and {name} are one name to HMA's clients: give one of the files another name",
                    other.name
                )));
            }
            let is_it =
                |synced: &&GalleryFile| synced.name.as_deref().map(bank_name) == Some(bank_name(&name));
            if let Some(synced) = synced.iter().find(is_it) {
                return Err(Error::Input(format!(
                    "{} follows a list: give the file {name} another name",
                    synced.name.as_deref().unwrap_or_default()
                )));
            }
            all.push(Arc::new(open(name, path, all.len() as u64 + 1)?));
        }
        for (name, path) in expanded(&synced)?.into_iter().filter(|(_, path)| path.exists()) {
            // One that is damaged is looked at again, reported, and fetched anew.
            all.extend(open(name, path, all.len() as u64 + 1).ok().map(Arc::new));
        }
        Ok(Galleries {
            files,
            synced,
            set: ArcSwap::from_pointee(Set::of(all)),
            refused: Mutex::default(),
            failed: AtomicU64::new(0),
            changing: Mutex::default(),
        })
    }

    /// All of them as they are now.
    pub(crate) fn now(&self) -> Arc<Set> {
        self.set.load_full()
    }

    /// Takes new files in, and says what happened: one line for each that was taken or refused. `only`, where named, is opened whether or not it changed.
    pub(crate) fn refresh(&self, only: Option<&str>) -> Vec<Change> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut all, mut changes) = (self.now().all.clone(), Vec::new());
        for (name, path) in self.paths() {
            let at = all.iter().position(|known| known.name == name);
            let known = at.map(|at| all[at].clone());
            // A bank keeps its name against files that come later.
            if known.as_ref().is_some_and(|known| known.is_bank()) {
                continue;
            }
            if only.is_some_and(|only| only != name)
                || (only.is_none() && !self.is_new(&path, known.as_deref()))
            {
                continue;
            }
            let highest = all.iter().map(|known| known.number).max().unwrap_or(0);
            let number = known.map_or(highest + 1, |known| known.number);
            match open(name.clone(), path.clone(), number) {
                Ok(opened) => {
                    changes.push(Change { name, entries: Some(opened.counts.entries) });
                    match at {
                        Some(at) => all[at] = Arc::new(opened),
                        None => all.push(Arc::new(opened)),
                    }
                }
                Err(_) => {
                    self.refuse(path);
                    changes.push(Change { name, entries: None });
                }
            }
        }
        if changes.iter().any(|change| change.entries.is_some()) {
            self.set.store(Arc::new(Set::of(all)));
        }
        changes
    }

    /// Names and files, as they are now.
    fn paths(&self) -> Vec<(String, PathBuf)> {
        let synced = expanded(&self.synced).unwrap_or_default().into_iter();
        let mut paths = expanded(&self.files).unwrap_or_default();
        paths.extend(synced.filter(|(_, path)| path.exists()));
        paths
    }

    /// Whether a gallery of this name is there, or will be.
    ///
    /// Names that are one to HMA's clients are taken together.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        self.is_taken_by_another(name, None)
    }

    /// The same, apart from a gallery that has the name itself.
    pub(crate) fn is_taken_by_another(&self, name: &str, own: Option<&str>) -> bool {
        let wanted = bank_name(name);
        let is_it = |other: &str| Some(other) != own && bank_name(other) == wanted;
        self.now().all.iter().any(|known| is_it(&known.name))
            || self.synced.iter().any(|of| of.name.as_deref().is_some_and(is_it))
    }

    /// Whether a file is another than the one that is searched, and than the one that was refused.
    fn is_new(&self, path: &Path, known: Option<&Known>) -> bool {
        let Ok(stamp) = fs::metadata(path).map(|found| Stamp::of(&found)) else { return false };
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_none_or(|known| !matches!(known.origin, Origin::File(own) if own == stamp))
            && !refused.iter().any(|of| *of == (path.into(), stamp))
    }

    /// Puts a bank in the place of the one of this name, or among the others.
    pub(crate) fn put(&self, bank: Known, before: &str) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.now().all.clone();
        match all.iter().position(|known| known.name == before && known.is_bank()) {
            Some(at) => all[at] = Arc::new(bank),
            None => all.push(Arc::new(bank)),
        }
        self.set.store(Arc::new(Set::of(all)));
    }

    /// Takes a bank away.
    pub(crate) fn remove(&self, name: &str) {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.now().all.clone();
        all.retain(|known| known.name != name || !known.is_bank());
        self.set.store(Arc::new(Set::of(all)));
    }

    fn refuse(&self, path: PathBuf) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let Ok(stamp) = fs::metadata(&path).map(|found| Stamp::of(&found)) else { return };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(of, _)| *of != path);
        refused.push((path, stamp));
    }
}

/// A gallery whose file changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// Entries of the new one; `None` where it is damaged, and the old one stays.
    pub(crate) entries: Option<u64>,
}

impl Set {
    fn of(all: Vec<Arc<Known>>) -> Set {
        let parts = all.iter().enumerate().flat_map(|(at, known)| {
            known
                .parts
                .iter()
                .enumerate()
                .map(move |(part, of)| ((known.name.clone(), of.gallery.clone()), (at, part)))
        });
        let (named, owners) = parts.unzip();
        Set { named: Arc::new(named), owners, all }
    }

    /// Those that a key may see.
    pub(crate) fn allowed(self: &Arc<Set>, names: Option<&[String]>) -> Arc<Set> {
        let Some(names) = names else { return self.clone() };
        Arc::new(Set::of(self.all.iter().filter(|known| names.contains(&known.name)).cloned().collect()))
    }

    /// Those of these names; the name that there is none of otherwise.
    pub(crate) fn only(self: &Arc<Set>, names: Option<&[String]>) -> Result<Arc<Set>, String> {
        let Some(names) = names else { return Ok(self.clone()) };
        let found = names.iter().map(|name| self.get(name).cloned().ok_or_else(|| name.clone()));
        Ok(Arc::new(Set::of(found.collect::<Result<_, _>>()?)))
    }

    /// How many signatures of a kind there are.
    pub(crate) fn size(&self, algorithm: Algorithm) -> u64 {
        let (photodna, pdq) = self.signatures();
        if algorithm == Algorithm::PhotoDna { photodna } else { pdq }
    }

    /// When the newest file was written, in seconds since 1970; 0 where there is none.
    pub(crate) fn newest(&self) -> i64 {
        let written = self.all.iter().filter_map(|known| known.changed?.duration_since(UNIX_EPOCH).ok());
        written.max().map_or(0, |since| since.as_secs() as i64)
    }

    /// One number for an entry of these galleries. Of a bank it is the entry's id; of a file it is the file's number, from 1, and the place of the entry, and
    /// holds until the file is rewritten.
    pub(crate) fn number(&self, hit: &Hit) -> u64 {
        let owner = self.owners.get(hit.found.gallery).map(|(known, part)| (&self.all[*known], *part));
        let Some((known, part)) = owner else { return 0 };
        let part = &known.parts[part];
        let place = part.gallery.place(hit.found.found.entry);
        match &part.ids {
            Some(ids) => ids.get(place as usize).copied().unwrap_or(0),
            None => known.number << 32 | place,
        }
    }

    /// The entry of a file's number.
    pub(crate) fn entry(&self, number: u64) -> Option<(&Arc<Known>, &Gallery, EntryId)> {
        let known = self.all.iter().find(|known| known.number == number >> 32 && !known.is_bank())?;
        let gallery = &known.parts.first()?.gallery;
        Some((known, gallery, gallery.at_place(number & 0xffff_ffff)?))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Known>> {
        self.all.iter().find(|known| known.name == name)
    }

    /// What is searched.
    pub(crate) fn checked(&self) -> Vec<Checked> {
        self.all.iter().map(|known| known.checked()).collect()
    }

    /// How many PhotoDNA-class and PDQ signatures there are.
    pub(crate) fn signatures(&self) -> (u64, u64) {
        self.all
            .iter()
            .fold((0, 0), |(photodna, pdq), known| (photodna + known.counts.photodna, pdq + known.counts.pdq))
    }
}

impl Known {
    /// A bank of these parts.
    pub(crate) fn bank(bank: &Bank, parts: Vec<Arc<Part>>) -> Known {
        let mut counts = Counts::default();
        for part in &parts {
            let of = part.gallery.counts();
            counts.entries += of.entries;
            counts.photodna += of.photodna;
            counts.pdq += of.pdq;
        }
        Known {
            name: bank.name.clone(),
            number: 0,
            parts,
            counts,
            version: format!("{:08x}", bank.revision),
            loaded: SystemTime::now(),
            changed: Some(bank.changed),
            origin: Origin::Bank { ratio: bank.ratio },
        }
    }

    /// Whether its entries come and go over the network.
    pub(crate) fn is_bank(&self) -> bool {
        matches!(self.origin, Origin::Bank { .. })
    }

    /// The share of look-ups that it takes part in, for clients of HMA.
    pub(crate) fn ratio(&self) -> f64 {
        match self.origin {
            Origin::Bank { ratio } => ratio,
            Origin::File(_) => 1.0,
        }
    }

    fn checked(&self) -> Checked {
        Checked {
            gallery: self.name.clone(),
            version: self.version.clone(),
            entries: self.counts.entries,
            age_s: self.age(),
        }
    }

    /// Seconds since its file was written, or its bank changed.
    pub(crate) fn age(&self) -> u64 {
        let since = self.changed.unwrap_or(self.loaded);
        SystemTime::now().duration_since(since).map_or(0, |age| age.as_secs())
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Stamp {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(found);
        #[cfg(not(unix))]
        let file = 0;
        Stamp { file, modified: found.modified().ok(), length: found.len() }
    }
}

/// A gallery's name as HMA's clients have it: capitals, digits and underscores.
pub(crate) fn bank_name(gallery: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = gallery.chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Opens one gallery and checks every byte.
fn open(name: String, path: PathBuf, number: u64) -> Result<Known> {
    let about = |error: Error| match error {
        Error::Io { .. } => error,
        other => Error::Input(format!("{}: {other}", path.display())),
    };
    // Looked at first: what is written while it is opened is new again.
    let found = fs::metadata(&path);
    let found = found.map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
    let gallery = Gallery::open(&path).map_err(about)?;
    gallery.verify().map_err(about)?;
    Ok(Known {
        name,
        number,
        counts: gallery.counts(),
        version: format!("{:08x}", gallery.checksum()),
        loaded: SystemTime::now(),
        changed: found.modified().ok(),
        origin: Origin::File(Stamp::of(&found)),
        parts: vec![Arc::new(Part { gallery: Arc::new(gallery), ids: None })],
    })
}

/// Names and files, folders replaced by what is in them.
fn expanded(files: &[GalleryFile]) -> Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for GalleryFile { name, path } in files {
        if !path.is_dir() {
            all.push((name.clone().unwrap_or_else(|| stem(path)), path.clone()));
            continue;
        }
        let cannot = |error| Error::io(format!("cannot list {}", path.display()), error);
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)? {
            inside.push(entry.map_err(cannot)?.path());
        }
        inside.retain(|path| path.extension() == Some(OsStr::new("gallery")) && path.is_file());
        inside.sort();
        all.extend(inside.into_iter().map(|path| (stem(&path), path)));
    }
    Ok(all)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
