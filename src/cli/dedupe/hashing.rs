//! Pictures that are hashed now, with what is known of their files.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry as Place};
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use shadegrid::gallery::Entry;
use shadegrid::hasher::FLAT_STRENGTH;
use shadegrid::pipeline::{Record, Sink, Source};
use shadegrid::{Error, PdqHash, PhotoDnaHash};

use super::file::FileState;
use super::item::Item;
use crate::cli::console;
use crate::cli::places::is_url;
use crate::cli::tally::{Outcome, Tally};

/// Files as they were before they were read, by the numbers of their records.
type Before = Arc<Mutex<HashMap<u64, FileState>>>;

/// Pictures that were hashed.
#[derive(Debug, Default)]
pub(super) struct Hashed {
    pub(super) pictures: Vec<Item>,
    /// Their signatures, each with its picture.
    pub(super) entries: Vec<(u32, Entry)>,
    /// A number for each picture that files of the same bytes share, and others hardly ever do.
    pub(super) likenesses: Vec<u64>,
    /// Why others were not.
    pub(super) failures: Vec<String>,
    /// Names of files that were there by another path already.
    pub(super) again: u64,
}

/// Takes the records of a run.
pub(super) struct Taking<'a> {
    pub(super) hashed: Hashed,
    /// Arguments that are references.
    references: &'a [PathBuf],
    before: Before,
    /// Which picture a file is, by its number, or by its path where there are no numbers.
    known: HashMap<Known, usize>,
    /// The number of the last input, and of its picture where it is new: the frames that follow belong to it.
    last: Option<(u64, u32)>,
    /// Shows what was hashed.
    shown: Box<dyn Sink + 'a>,
    tally: Tally,
}

/// By what a file that is named twice is known.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Known {
    Number((u64, u64)),
    Path(PathBuf),
}

impl<'a> Taking<'a> {
    pub(super) fn new(references: &'a [PathBuf], shown: Box<dyn Sink + 'a>, tally: Tally) -> Taking<'a> {
        let (hashed, before) = (Hashed::default(), Before::default());
        Taking { hashed, references, before, known: HashMap::new(), last: None, shown, tally }
    }

    /// The same sources; each file is looked at before it is read, so that one that changes meanwhile is seen.
    pub(super) fn watched<S: Iterator<Item = Source>>(
        &self,
        sources: S,
    ) -> impl Iterator<Item = Source> + use<S> {
        let before = self.before.clone();
        sources.enumerate().map(move |(number, source)| {
            if let Some(state) = file_at(Path::new(source.key())) {
                before.lock().unwrap_or_else(PoisonError::into_inner).insert(number as u64, state);
            }
            source
        })
    }

    /// What was hashed, and what became of all; nothing is shown any more.
    pub(super) fn end(self) -> (Hashed, Tally) {
        (self.hashed, self.tally)
    }

    fn picture(&mut self, record: &Record, hashed: &shadegrid::Hashed) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).remove(&record.index);
        let file = before.filter(|before| {
            file_at(Path::new(&record.key)) == Some(*before) && record.bytes == Some(before.bytes)
        });
        let source: OsString = record.source.as_deref().unwrap_or_default().into();
        let item = Item {
            key: record.key.clone(),
            is_reference: self.references.iter().any(|reference| *reference.as_os_str() == *source),
            source,
            position: record.index + 1,
            width: Some(hashed.width),
            height: Some(hashed.height),
            bytes: record.bytes,
            is_damaged: hashed.whole.is_some(),
            format: hashed.format,
            has_further: hashed.viewing.animated || hashed.viewing.pages,
            is_turned: hashed.viewing.oriented,
            is_profiled: hashed.viewing.profile,
            file,
            ..Item::default()
        };
        if self.is_new(&item) {
            let number = self.hashed.pictures.len() as u32;
            self.hashed.entries.extend(entries(hashed).map(|entry| (number, entry)));
            self.hashed.likenesses.push(likeness(hashed, record.bytes));
            self.last = Some((record.index, number));
            self.hashed.pictures.push(item);
        }
    }

    /// A further frame of a picture looks like whatever it looks like.
    fn frame(&mut self, record: &Record, hashed: &shadegrid::Hashed) {
        if let Some((_, number)) = self.last.filter(|(index, _)| *index == record.index) {
            self.hashed.entries.extend(entries(hashed).map(|entry| (number, entry)));
        }
    }

    /// Whether a file is not there by another path, or through a link, already. If it is, what it is there counts for both. Other names of a file are
    /// other files here, which are known to be the same.
    fn is_new(&mut self, item: &Item) -> bool {
        let (path, number) = (item.path(), self.hashed.pictures.len());
        let Some(file) = is_path(path).then(|| FileState::behind(path)).flatten() else { return true };
        let first = match file.number() {
            Some(by_number) => match self.known.entry(Known::Number(by_number)) {
                Place::Vacant(place) => {
                    place.insert(number);
                    return true;
                }
                Place::Occupied(first) => Some(*first.get()),
            },
            None => None,
        };
        let Ok(own) = fs::canonicalize(path) else { return true };
        let same = |first: &usize| {
            fs::canonicalize(self.hashed.pictures[*first].path()).is_ok_and(|other| other == own)
        };
        let first = match first.filter(same) {
            Some(first) => first,
            None => match self.known.entry(Known::Path(own)) {
                Place::Vacant(place) => {
                    place.insert(number);
                    return true;
                }
                Place::Occupied(first) => *first.get(),
            },
        };
        let first = &mut self.hashed.pictures[first];
        first.is_reference |= item.is_reference;
        if first.file.is_none() && item.file.is_some() {
            (first.key, first.source, first.file) = (item.key.clone(), item.source.clone(), item.file);
        }
        self.hashed.again += 1;
        false
    }
}

impl Sink for Taking<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let outcome = self.tally.add(record);
        match &record.outcome {
            Ok(hashed) => {
                match record.frame {
                    0 => self.picture(record, hashed),
                    _ => self.frame(record, hashed),
                }
                self.shown.write(record)
            }
            Err(error) => {
                self.before.lock().unwrap_or_else(PoisonError::into_inner).remove(&record.index);
                if outcome == Outcome::Skipped {
                    return self.shown.write(record);
                }
                let key = console::printable(&record.key.to_string_lossy());
                let why = console::printable(&console::with_code(error));
                self.hashed.failures.push(format!("{key}: {why}"));
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.shown.flush()
    }
}

/// Whether a record's key may be a path: it is neither a URL nor standard input.
fn is_path(key: &Path) -> bool {
    key.as_os_str() != "-" && !is_url(key)
}

/// The file at a path that a record has; `None` for what is none, such as an archive's member.
fn file_at(path: &Path) -> Option<FileState> {
    is_path(path).then(|| FileState::at(path)).flatten()
}

/// See [`Hashed::likenesses`].
fn likeness(hashed: &shadegrid::Hashed, bytes: Option<u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (photodna, pdq) = (hashed.photodna.map(|hash| hash.signature), hashed.pdq.as_ref());
    let own = (bytes, hashed.width, hashed.height, photodna, pdq.map(|hash| hash.signature));
    own.hash(&mut hasher);
    hasher.finish()
}

/// The signatures of a picture and its further faces.
pub(super) fn entries(hashed: &shadegrid::Hashed) -> impl Iterator<Item = Entry> {
    let entry = |photodna: Option<PhotoDnaHash>, pdq: Option<&PdqHash>| {
        Entry::default()
            .photodna(photodna.map(|hash| hash.signature))
            .pdq(pdq.map(|hash| hash.signature))
            .flat(photodna.is_some_and(|hash| hash.strength < FLAT_STRENGTH))
            .quality(pdq.map(|hash| hash.quality))
    };
    let own = entry(hashed.photodna, hashed.pdq.as_ref());
    let further = hashed.faces.iter().map(move |face| entry(face.photodna, face.pdq.as_ref()));
    std::iter::once(own).chain(further).filter(|entry| entry.photodna.is_some() || entry.pdq.is_some())
}

/// Takes records and keeps none.
pub(super) struct Nothing;

impl Sink for Nothing {
    fn write(&mut self, _: &Record) -> Result<(), Error> {
        Ok(())
    }
}
