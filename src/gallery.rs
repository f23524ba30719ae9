//! Known signatures, and exact search among them: every entry within a threshold of a query, none missed.
//!
//! A [`Gallery`] is one file (or its bytes in memory). A [`GalleryBuilder`] writes it from the list formats of [`lists`]. One process
//! at a time changes it through a [`Change`]. A search takes a batch of [`Query`]s: a block of known signatures is loaded into registers
//! once and compared with hundreds of queries.
//!
//! ```
//! use shadegrid::gallery::{Entry, Gallery, GalleryBuilder, Query, Scratch, SearchOptions};
//! use shadegrid::{Pdq, PhotoDna};
//!
//! let mut builder = GalleryBuilder::new();
//! let source = builder.source("my-list", "text");
//! builder.add(source, Entry::default().key("a".into()).pdq(Some(Pdq([7; 32]))))?;
//! let gallery = Gallery::from_bytes(builder.to_bytes()?)?;
//!
//! let query = Query::default().pdq(Some(Pdq([7; 32])));
//! let mut matches = Vec::new();
//! gallery.search(&[query], &SearchOptions::default(), &mut Scratch::default(), &mut matches);
//! assert_eq!(gallery.entry(matches[0].entry).key, "a");
//! # Ok::<(), shadegrid::Error>(())
//! ```

mod builder;
mod change;
mod collected;
mod columns;
mod cost_model;
mod device_gallery;
mod device_trial;
mod entry;
mod file;
mod groups;
mod index;
mod known;
pub mod lists;
mod memory;
mod multi_index;
mod pdq_methods;
mod range;
#[cfg(feature = "service")]
pub(crate) mod rewrite;
mod search;
mod segment;
mod storage;
mod temporary;
mod texts;

use std::collections::{HashMap, HashSet};
use std::path::Path;

pub use builder::{GalleryBuilder, Supersedes};
pub use change::Change;
pub use columns::{
    Columns, ColumnsView, LARGEST_COLUMN_VALUE, LARGEST_COLUMNS, LONGEST_COLUMN_NAME, MOST_COLUMNS,
};
pub use entry::{Entry, EntryId, EntryView, Suspicion, suspicion};
pub use groups::Groups;
#[doc(hidden)]
pub use pdq_methods::PdqMethods;
pub use search::{Match, Query, Scratch, SearchOptions};

use crate::error::{Error, Result};
use crate::signature::{Pdq, PhotoDna};
use device_gallery::DeviceGallery;
use segment::Segment;
use storage::Storage;

/// Known signatures, ready for search. Cheap to open, safe to share between threads and processes.
#[derive(Debug)]
pub struct Gallery {
    storage: Storage,
    segments: Vec<Segment>,
    level: fearless_simd::Level,
    device: Option<DeviceGallery>,
}

/// What a gallery holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Entries, those removed not counted.
    pub entries: u64,
    /// Entries that were removed but still take space.
    pub removed: u64,
    /// PhotoDNA-class signatures, those of removed entries counted.
    pub photodna: u64,
    /// PDQ signatures, those of removed entries counted.
    pub pdq: u64,
    /// Segments: one for each time that entries were added.
    pub segments: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Gallery {
    /// Opens a gallery's file: header, directory and the lengths of all parts are checked, the contents are by
    /// [`verify`](Gallery::verify). A file of at most a quarter of the free memory is read, a larger one is mapped.
    ///
    /// A gallery that was read is safe from whatever happens to the file. A mapped file must not be written to, as it would change under
    /// the search; galleries are replaced by renaming. [`check_unchanged`](Gallery::check_unchanged) says whether that held.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read, [`Error::Corrupt`] if it is damaged or truncated,
    /// [`Error::Unsupported`] if a newer version wrote it, [`Error::Input`] if it is not a gallery.
    pub fn open(path: impl AsRef<Path>) -> Result<Gallery> {
        Gallery::from_storage(Storage::open(path.as_ref(), memory::largest_read())?)
    }

    /// Maps a gallery's file into memory whatever its size. This takes milliseconds and suits programs that only look at a few entries.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Gallery::open).
    pub fn map(path: impl AsRef<Path>) -> Result<Gallery> {
        Gallery::from_storage(Storage::open(path.as_ref(), 0)?)
    }

    /// Checks that nobody has written to the file since it was opened, so that matches found in it are valid. Replacing the file does not
    /// change the one that was opened.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if it was written to, [`Error::Io`] if the system does not say.
    pub fn check_unchanged(&self) -> Result<()> {
        self.storage.check_unchanged()
    }

    /// A gallery from the bytes of its file.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Gallery::open).
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Gallery> {
        Gallery::from_storage(Storage::Memory(bytes))
    }

    fn from_storage(storage: Storage) -> Result<Gallery> {
        let segments = file::read_directory(&storage)?;
        Ok(Gallery { storage, segments, level: fearless_simd::Level::new(), device: None })
    }

    /// The same gallery, searched at another SIMD level: for tests and benchmarks.
    #[doc(hidden)]
    #[must_use]
    pub fn at_level(self, level: fearless_simd::Level) -> Gallery {
        Gallery { level, ..self }
    }

    /// Checks every byte against its checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] naming the first part that is damaged.
    pub fn verify(&self) -> Result<()> {
        self.segments.iter().try_for_each(|segment| segment.verify(&self.storage))
    }

    /// A checksum of the whole gallery: CRC-32 of the file's directory, which holds the checksum of every section. It distinguishes galleries;
    /// [`verify`](Gallery::verify) finds out whether the sections agree with it.
    pub fn checksum(&self) -> u32 {
        file::directory_checksum(&self.storage)
    }

    /// How many entries and signatures the gallery holds.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            segments: self.segments.len() as u64,
            bytes: self.storage.len() as u64,
            ..Counts::default()
        };
        for segment in &self.segments {
            let removed = segment.removed_count(&self.storage);
            counts.removed += removed;
            counts.entries += u64::from(segment.entries) - removed.min(u64::from(segment.entries));
            counts.photodna += u64::from(segment.photodna);
            counts.pdq += u64::from(segment.pdq);
        }
        counts
    }

    /// The lists that entries came from, each as name, format and number of entries (removed ones not counted).
    pub fn sources(&self) -> Vec<(String, String, u64)> {
        let mut sources: Vec<(String, String, u64)> = Vec::new();
        for id in self.ids() {
            let entry = self.entry(id);
            let same = |s: &&mut (String, String, u64)| s.0 == entry.source && s.1 == entry.format;
            match sources.iter_mut().rev().find(same) {
                Some(source) => source.2 += 1,
                None => sources.push((entry.source.into(), entry.format.into(), 1)),
            }
        }
        sources
    }

    /// The names of further columns, in the order in which they came.
    pub fn column_names(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let names = self.segments.iter().flat_map(|segment| segment.column_names(&self.storage));
        names.filter(|name| seen.insert(*name)).map(String::from).collect()
    }

    /// The same, each with the number of entries that have it (removed ones not counted).
    pub fn columns(&self) -> Vec<(String, u64)> {
        let names = self.column_names();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        if !names.is_empty() {
            for id in self.ids() {
                self.entry(id).columns.iter().for_each(|(name, _)| *counts.entry(name).or_default() += 1);
            }
        }
        let counted = |name: String| {
            let count = counts.get(name.as_str()).copied().unwrap_or_default();
            (name, count)
        };
        names.into_iter().map(counted).collect()
    }

    /// Every entry that was not removed, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.segments.iter().enumerate().flat_map(move |(number, segment)| {
            (0..segment.entries)
                .filter(|&index| !segment.is_removed(&self.storage, index))
                .map(move |index| EntryId { segment: number as u32, index })
        })
    }

    /// The entry of this [`number`](EntryId::number), removed or not; `None` where the gallery has none of it.
    pub fn id(&self, number: u64) -> Option<EntryId> {
        let (segment, index) = ((number >> 32) as u32, number as u32);
        let entries = self.segments.get(segment as usize)?.entries;
        (index < entries).then_some(EntryId { segment, index })
    }

    /// How many entries were added before this one, removed ones counted: one number for an entry, as long as the file is not rewritten.
    #[cfg(feature = "service")]
    pub(crate) fn place(&self, id: EntryId) -> u64 {
        let before = self.segments.iter().take(id.segment as usize).map(|segment| u64::from(segment.entries));
        before.sum::<u64>() + u64::from(id.index)
    }

    /// The entry of this [`place`](Gallery::place), unless it was removed.
    #[cfg(feature = "service")]
    pub(crate) fn at_place(&self, place: u64) -> Option<EntryId> {
        let mut left = place;
        for (number, segment) in self.segments.iter().enumerate() {
            if left < u64::from(segment.entries) {
                let index = left as u32;
                let is_there = !segment.is_removed(&self.storage, index);
                return is_there.then_some(EntryId { segment: number as u32, index });
            }
            left -= u64::from(segment.entries);
        }
        None
    }

    /// What is known about an entry.
    ///
    /// # Panics
    ///
    /// If `id` belongs to another gallery.
    pub fn entry(&self, id: EntryId) -> EntryView<'_> {
        self.segments[id.segment as usize].entry(&self.storage, id.index)
    }

    /// An entry's PhotoDNA-class signature, if it has one.
    pub fn photodna(&self, id: EntryId) -> Option<PhotoDna> {
        self.segments[id.segment as usize].photodna_of(&self.storage, id.index)
    }

    /// An entry's PDQ signature, if it has one.
    pub fn pdq(&self, id: EntryId) -> Option<Pdq> {
        self.segments[id.segment as usize].pdq_of(&self.storage, id.index)
    }
}

impl Gallery {
    /// An entry as a query for its likes.
    pub fn query(&self, id: EntryId) -> Query {
        let entry = self.entry(id);
        Query {
            photodna: self.photodna(id),
            pdq: self.pdq(id),
            pdq_orientations: None,
            flat: entry.flat,
            quality: entry.quality,
        }
    }
}

/// An error about a damaged gallery.
fn damaged(message: impl Into<String>) -> Error {
    Error::corrupt("gallery", message)
}
