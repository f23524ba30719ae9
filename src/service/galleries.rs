//! The galleries that are searched, and how a newer file takes an older one's place.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::Serialize;

use crate::error::Result;
use crate::gallery::{Counts, EntryId, Gallery};
use crate::pipeline::{Hit, unhurried};
use crate::signature::Algorithm;
use crate::state::banks::Bank;

mod files;

pub use files::GalleryFile;
use files::{Stamp, check_names, expanded, open};

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
    File {
        path: PathBuf,
        stamp: Stamp,
    },
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
    /// Files that were not taken, as they were then: they are tried again once they change.
    refused: Mutex<Vec<(PathBuf, Stamp, Refusal)>>,
    /// What a newer file took the place of, and some search may still use.
    replaced: Mutex<Vec<Arc<Known>>>,
    /// How often a new file could not be taken.
    pub(crate) failed: AtomicU64,
    /// One look at the files at a time.
    looking: Mutex<()>,
    /// One change at a time. Nobody holds it while a file is opened.
    changing: Mutex<()>,
}

/// Why a new file is not searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It cannot be opened, or is damaged.
    Damaged,
    /// Another gallery has its name, or one that is the same to HMA's clients.
    Name,
}

impl Galleries {
    /// Opens and verifies every gallery. Those that follow lists, `synced`, come once they are there and whole.
    ///
    /// # Errors
    ///
    /// Those of [`Gallery::open`] with the file's name, [`Error::Input`](crate::Error::Input) for two galleries of one name.
    pub(crate) fn open(files: Vec<GalleryFile>, synced: Vec<GalleryFile>) -> Result<Galleries> {
        let named = expanded(&files)?;
        check_names(&named, &synced)?;
        let opened: Result<Vec<Known>> = named.iter().map(|(name, path)| open(name, path)).collect();
        let mut all = opened?;
        for (name, path) in expanded(&synced)?.into_iter().filter(|(_, path)| path.exists()) {
            // One that is damaged is looked at again, reported, and fetched anew.
            all.extend(open(&name, &path).ok());
        }
        let numbered = all.into_iter().zip(1..).map(|(known, number)| Arc::new(Known { number, ..known }));
        Ok(Galleries {
            set: ArcSwap::from_pointee(Set::of(numbered.collect())),
            files,
            synced,
            refused: Mutex::default(),
            replaced: Mutex::default(),
            failed: AtomicU64::new(0),
            looking: Mutex::default(),
            changing: Mutex::default(),
        })
    }

    /// All of them as they are now.
    pub(crate) fn now(&self) -> Arc<Set> {
        self.set.load_full()
    }

    /// Takes new files in, and says what happened: one line for each that was taken or refused. `only`, where named, is opened whether or not it changed.
    ///
    /// Files are opened, and what they replace is let go, on a thread that leaves the CPUs to those who answer.
    pub(crate) fn refresh(&self, only: Option<&str>) -> Vec<Change> {
        let _one = locked(&self.looking);
        let (listed, now) = (self.listed(), self.now());
        let is_due = |file: &&Listed| {
            let known = now.get(&file.name).map(|known| &**known);
            only.map_or_else(|| self.is_new(&file.path, known), |only| only == file.name)
        };
        let (due, taken): (Vec<&Listed>, Vec<&Listed>) =
            listed.iter().filter(is_due).partition(|file| self.is_free(&now, file, &listed));
        let mut changes: Vec<Change> =
            taken.iter().filter_map(|file| self.refuse(file, Refusal::Name)).collect();
        drop(now);
        if !due.is_empty() || !locked(&self.replaced).is_empty() {
            changes.extend(unhurried(|| {
                self.let_go();
                self.take_in(&due, &listed)
            }));
        }
        changes
    }

    /// Drops what nobody searches any more. The memory of a large gallery takes a while to give back, which no request should wait for.
    fn let_go(&self) {
        let is_searched = |part: &Arc<Part>| Arc::strong_count(&part.gallery) > 1;
        locked(&self.replaced).retain(|known| known.parts.iter().any(is_searched));
    }

    /// Opens files, then puts all that are whole in their places at one instant.
    fn take_in(&self, due: &[&Listed], listed: &[Listed]) -> Vec<Change> {
        let (mut opened, mut changes) = (Vec::new(), Vec::new());
        for file in due {
            match open(&file.name, &file.path) {
                Ok(known) => opened.push((*file, known)),
                Err(_) => changes.extend(self.refuse(file, Refusal::Damaged)),
            }
        }
        if opened.is_empty() {
            return changes;
        }
        let _one = locked(&self.changing);
        let mut all = self.now().all.clone();
        for (file, mut known) in opened {
            // A bank may have taken the name meanwhile, or another file that is as new.
            if !self.is_free(&Set::of(all.clone()), file, listed) {
                changes.extend(self.refuse(file, Refusal::Name));
                continue;
            }
            changes.push(Change { name: known.name.clone(), outcome: Ok(known.counts.entries) });
            match all.iter_mut().find(|other| other.name == known.name) {
                Some(same) => {
                    known.number = same.number;
                    let before = std::mem::replace(same, Arc::new(known));
                    locked(&self.replaced).push(before);
                }
                None => {
                    known.number = all.iter().map(|known| known.number).max().unwrap_or(0) + 1;
                    all.push(Arc::new(known));
                }
            }
        }
        self.set.store(Arc::new(Set::of(all)));
        changes
    }

    /// All files, as they are now.
    fn listed(&self) -> Vec<Listed> {
        let named = |files, is_list| {
            let all = expanded(files).unwrap_or_default().into_iter();
            all.map(move |(name, path)| Listed { name, path, is_list })
        };
        let synced = named(&self.synced, true).filter(|file| file.path.exists());
        synced.chain(named(&self.files, false)).collect()
    }

    /// Whether a file's name is no other gallery's, nor the same as another one's to HMA's clients. Whoever has a name keeps it against files that come later.
    fn is_free(&self, now: &Set, file: &Listed, listed: &[Listed]) -> bool {
        let is_one = |name: &str| bank_name(name) == bank_name(&file.name);
        match now.all.iter().find(|known| is_one(&known.name)) {
            Some(known) => match &known.origin {
                Origin::File { path, .. } if known.name == file.name => {
                    *path == file.path || !listed.iter().any(|other| other.path == *path)
                }
                _ => false,
            },
            None => file.is_list || !self.synced.iter().filter_map(|list| list.name.as_deref()).any(is_one),
        }
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

    /// Whether a file is another than the one that is searched, and than the one that was refused. A name may have become free.
    fn is_new(&self, path: &Path, known: Option<&Known>) -> bool {
        let Some(stamp) = Stamp::at(path) else { return false };
        known.is_none_or(|known| !matches!(known.origin, Origin::File { stamp: own, .. } if own == stamp))
            && !locked(&self.refused).contains(&(path.into(), stamp, Refusal::Damaged))
    }

    /// Puts a bank in the place of the one of this name, or among the others.
    pub(crate) fn put(&self, bank: Known, before: &str) {
        let _one = locked(&self.changing);
        let mut all = self.now().all.clone();
        match all.iter().position(|known| known.name == before && known.is_bank()) {
            Some(at) => all[at] = Arc::new(bank),
            None => all.push(Arc::new(bank)),
        }
        self.set.store(Arc::new(Set::of(all)));
    }

    /// Takes a bank away.
    pub(crate) fn remove(&self, name: &str) {
        let _one = locked(&self.changing);
        let mut all = self.now().all.clone();
        all.retain(|known| known.name != name || !known.is_bank());
        self.set.store(Arc::new(Set::of(all)));
    }

    /// Says why a file is not taken; of a name that is taken once.
    fn refuse(&self, file: &Listed, refusal: Refusal) -> Option<Change> {
        let new = Stamp::at(&file.path).map(|stamp| (file.path.clone(), stamp, refusal));
        let mut refused = locked(&self.refused);
        let is_said = new.as_ref().is_some_and(|new| refused.contains(new));
        refused.retain(|(path, ..)| *path != file.path);
        refused.extend(new);
        if is_said && refusal == Refusal::Name {
            return None;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        Some(Change { name: file.name.clone(), outcome: Err(refusal) })
    }
}

/// A file as it is found, by the name that its gallery has or would have.
#[derive(Debug)]
struct Listed {
    name: String,
    path: PathBuf,
    /// Whether the gallery follows a list.
    is_list: bool,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A gallery whose file changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) name: String,
    /// Entries of the new one, or why the old one stays.
    pub(crate) outcome: Result<u64, Refusal>,
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
            Origin::File { .. } => 1.0,
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

/// A gallery's name as HMA's clients have it: capitals, digits and underscores.
pub(crate) fn bank_name(gallery: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = gallery.chars().map(plain).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
