//! Entries in, a gallery out.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Seek, Write};
use std::path::Path;

use super::collected::Collected;
use super::columns;
use super::entry::{Entry, EntryView};
use super::file::{self, Writer};
use super::index::{self, Laid};
use super::known::{Identity, Known};
use super::segment::{INDEXED, Made, SECTIONS, SectionKind, Segment};
use super::storage::{HEADER, Section};
use super::texts::texts;
use super::{Gallery, multi_index};
use crate::error::{Error, Result};

/// Most entries of a segment; above, a further segment is begun.
const LARGEST_SEGMENT: usize = 1 << 24;

/// Collects entries in memory (about 270 bytes each for PhotoDNA, 80 for PDQ) and writes them as a gallery, alone or behind what an existing one
/// holds.
#[derive(Debug, Default)]
pub struct GalleryBuilder {
    finished: Vec<Collected>,
    current: Collected,
    sources: Vec<(String, String)>,
    removals: HashMap<(String, String), Removal>,
    /// Lists whose entries go.
    dropped: HashSet<String>,
    supersedes: Supersedes,
    /// Where each entry is, by its number among all.
    known: Known,
    /// Names of further columns that the gallery has whether an entry has them or not.
    columns: Vec<String>,
}

/// What a tombstone does.
#[derive(Debug, Clone, Copy)]
struct Removal {
    /// Entries of this build that came before it, and so go too.
    before: u64,
}

/// Which entries of a gallery go because a list that it has says something else now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Supersedes {
    /// None: lists are added to.
    #[default]
    Nothing,
    /// Those whose key the list has with other signatures.
    Changed,
    /// These, and those whose key it has no more.
    Missing,
}

impl GalleryBuilder {
    /// A builder without entries.
    pub fn new() -> GalleryBuilder {
        GalleryBuilder::default()
    }

    /// Entries added so far, those that a tombstone will remove counted.
    pub fn len(&self) -> u64 {
        self.finished.iter().chain([&self.current]).map(|part| part.entries() as u64).sum()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Announces a list by its name and format, and gives its number for [`add`](GalleryBuilder::add).
    pub fn source(&mut self, name: &str, format: &str) -> u16 {
        let known = self.sources.iter().position(|(n, f)| n == name && f == format);
        known.unwrap_or_else(|| {
            self.sources.push((name.to_owned(), format.to_owned()));
            self.sources.len() - 1
        }) as u16
    }

    /// Announces further columns by their names, so that the gallery knows and keeps their order whatever entries have.
    pub fn announce_columns(&mut self, names: &[String]) {
        let new = |name: &&String| !self.columns.contains(name);
        let new: Vec<String> = names.iter().filter(new).take(columns::MOST_COLUMNS).cloned().collect();
        self.columns.extend(new);
        self.current.columns.announce(&self.columns);
    }

    /// Adds an entry of list `source`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for an entry without a signature, more than 65,536 lists, or as many names of further columns; [`Error::Limit`] for further
    /// columns that are too many or too long.
    pub fn add(&mut self, source: u16, entry: Entry) -> Result<()> {
        if entry.photodna.is_none() && entry.pdq.is_none() {
            return Err(Error::Input("an entry needs a signature".into()));
        }
        if usize::from(source) >= self.sources.len() || self.sources.len() > usize::from(u16::MAX) {
            return Err(Error::Input(
                "the entry's list was not announced, or there are over 65,535 lists".into(),
            ));
        }
        if self.current.entries() == LARGEST_SEGMENT {
            self.finished.push(std::mem::take(&mut self.current));
            self.current.columns.announce(&self.columns);
        }
        self.current.columns.check(&entry.columns)?;
        self.current.add(source, &entry);
        Ok(())
    }

    /// Adds an entry unless its source already has one with the same key and the same signatures. In that case the existing entry's label, quality,
    /// flag and further columns are updated instead. The same happens with entries of the gallery that the builder is appended to. Returns whether it was added.
    ///
    /// # Errors
    ///
    /// As for [`add`](GalleryBuilder::add).
    pub fn add_once(&mut self, source: u16, entry: Entry) -> Result<bool> {
        let (number, identity) = (self.len(), Identity::of(source, &entry));
        let digest = identity.digest();
        if let Some(same) = self.own(digest, &identity) {
            let (part, index) = place(same);
            let current = &mut self.current;
            let part = self.finished.get_mut(part).unwrap_or(current);
            part.columns.check(&entry.columns)?;
            part.revise(index, &entry);
            return Ok(false);
        }
        self.add(source, entry)?;
        self.known.insert(digest, number);
        Ok(true)
    }

    /// The number of the entry that is this one, unless it was removed since.
    fn own(&self, digest: u64, identity: &Identity<'_>) -> Option<u64> {
        let number = self.known.get(digest)?;
        let (part, index) = place(number);
        let same = self.part(part).identity(index) == *identity;
        (same && !self.is_removed(number)).then_some(number)
    }

    fn part(&self, part: usize) -> &Collected {
        self.finished.get(part).unwrap_or(&self.current)
    }

    /// Whether a tombstone came behind an entry.
    fn is_removed(&self, number: u64) -> bool {
        if self.removals.is_empty() {
            return false;
        }
        let (part, index) = place(number);
        let part = self.part(part);
        let format = &self.sources[usize::from(part.source(index))].1;
        let key = String::from_utf8_lossy(part.key(index));
        self.removal(format, &key).is_some_and(|removal| number < removal.before)
    }

    /// Removes every entry so far (in this build, and in the gallery that it is appended to) whose key is `key` and whose list has the format
    /// `format`; an empty `format` means all formats.
    pub fn remove(&mut self, format: &str, key: &str) {
        let before = self.len();
        self.removals.insert((format.to_owned(), key.to_owned()), Removal { before });
    }

    /// Removes every entry, in the gallery that it is appended to, of the list of this name.
    pub fn remove_source(&mut self, name: &str) {
        self.dropped.insert(name.to_owned());
    }

    /// Takes the lists of this build for newer versions of those of the same names in the gallery that it is appended to.
    pub fn supersede(&mut self, supersedes: Supersedes) {
        self.supersedes = supersedes;
    }

    /// What appending this to `gallery` would change: how many of these entries it has already, and how many of its own go by
    /// [`remove_source`](GalleryBuilder::remove_source) and [`supersede`](GalleryBuilder::supersede).
    pub fn compared_with(&self, gallery: &Gallery) -> (u64, u64) {
        let had = self.had_by(gallery);
        ((had.same.len() + had.revised.len()) as u64, had.gone.len() as u64)
    }

    /// The tombstone that applies to an entry, if one does.
    fn removal(&self, format: &str, key: &str) -> Option<Removal> {
        if self.removals.is_empty() {
            return None;
        }
        let find = |format: &str| self.removals.get(&(format.to_owned(), key.to_owned())).copied();
        let (own, all) = (find(format), find(""));
        own.into_iter().chain(all).max_by_key(|removal| removal.before)
    }

    /// The gallery's bytes.
    ///
    /// # Errors
    ///
    /// Only if memory runs out.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.write(None, Cursor::new(Vec::new()))?.into_inner())
    }

    /// Writes a gallery's file, replacing one that is there.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be written; what was there before stays.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<()> {
        file::replace(path.as_ref(), |sink| self.write(None, sink))
    }

    /// Writes `gallery` to `path` (which may be the file that `gallery` was opened from), with these entries behind its own and its removed
    /// entries marked. Its own sections are copied, not built again. Entries that it already has are not added, and those whose label, quality,
    /// flag or further columns have changed are replaced. Returns how many it already had.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written; the old one stays.
    pub fn append(&self, gallery: &Gallery, path: impl AsRef<Path>) -> Result<u64> {
        let had = self.had_by(gallery);
        file::replace(path.as_ref(), |sink| self.write(Some((gallery, &had)), sink))?;
        Ok((had.same.len() + had.revised.len()) as u64)
    }

    /// As [`append`](GalleryBuilder::append), into memory.
    ///
    /// # Errors
    ///
    /// Only if memory runs out.
    pub fn append_to_bytes(&self, gallery: &Gallery) -> Result<Vec<u8>> {
        Ok(self.write(Some((gallery, &self.had_by(gallery))), Cursor::new(Vec::new()))?.into_inner())
    }

    /// Which of these entries a gallery has already.
    fn had_by(&self, gallery: &Gallery) -> Had {
        let mut had = Had::default();
        let keys = self.keys_by_list();
        for (number, segment) in gallery.segments.iter().enumerate() {
            let names: Vec<&str> = segment.sources(&gallery.storage).map(|(name, _)| name).collect();
            let own_source = |(name, format): (&str, &str)| {
                self.sources.iter().position(|own| own.0 == name && own.1 == format).map(|own| own as u16)
            };
            let sources: Vec<Option<u16>> = segment.sources(&gallery.storage).map(own_source).collect();
            let is_concerned = |name: &&str| keys.contains_key(*name) || self.dropped.contains(*name);
            if sources.iter().all(Option::is_none) && !names.iter().any(is_concerned) {
                continue;
            }
            for index in (0..segment.entries).filter(|&index| !segment.is_removed(&gallery.storage, index)) {
                let list = usize::from(segment.source(&gallery.storage, index));
                let view = segment.entry(&gallery.storage, index);
                let identity = sources.get(list).copied().flatten().map(|source| Identity {
                    source,
                    key: view.key.as_bytes(),
                    photodna: segment.photodna_of(&gallery.storage, index),
                    pdq: segment.pdq_of(&gallery.storage, index),
                });
                let own = identity.and_then(|identity| self.own(identity.digest(), &identity));
                if own.is_none() && self.is_superseded(&view, &keys) {
                    had.gone.insert((number, index));
                }
                let Some(own) = own.filter(|_| self.removal(view.format, view.key).is_none()) else {
                    continue;
                };
                if self.tells_the_same(own, &view) {
                    had.same.insert(own);
                } else {
                    had.revised.insert((number, index));
                }
            }
        }
        had
    }

    /// The keys of each list of this build, where that matters.
    fn keys_by_list(&self) -> HashMap<&str, HashSet<&[u8]>> {
        let mut keys: HashMap<&str, HashSet<&[u8]>> = HashMap::new();
        if self.supersedes == Supersedes::Nothing {
            return keys;
        }
        for (name, _) in &self.sources {
            keys.entry(name).or_default();
        }
        for part in self.finished.iter().chain([&self.current]) {
            for index in 0..part.entries() {
                let list = self.sources[usize::from(part.source(index))].0.as_str();
                keys.entry(list).or_default().insert(part.key(index));
            }
        }
        keys
    }

    /// Whether an entry of a gallery, which is none of these, goes with its list.
    fn is_superseded(&self, view: &EntryView<'_>, keys: &HashMap<&str, HashSet<&[u8]>>) -> bool {
        // Entries without a key are nothing but their signatures: they come and go, and never change.
        let is_changed = |keys: &HashSet<&[u8]>| !view.key.is_empty() && keys.contains(view.key.as_bytes());
        let is_gone = |keys: &HashSet<&[u8]>| self.supersedes == Supersedes::Missing || is_changed(keys);
        self.dropped.contains(view.source) || keys.get(view.source).is_some_and(is_gone)
    }

    fn tells_the_same(&self, number: u64, view: &EntryView<'_>) -> bool {
        let (part, index) = place(number);
        let own = self.part(part).entry(index);
        (own.label.as_str(), own.flat, own.quality) == (view.label, view.flat, view.quality)
            && own.columns.iter().eq(view.columns.iter())
    }

    fn write<W: Write + Seek>(&self, base: Option<(&Gallery, &Had)>, sink: W) -> Result<W> {
        self.try_write(base, sink).map_err(|source| Error::io("cannot write the gallery", source))
    }

    fn try_write<W: Write + Seek>(&self, base: Option<(&Gallery, &Had)>, sink: W) -> std::io::Result<W> {
        let mut writer = Writer::new(sink)?;
        let mut segments = Vec::new();
        let nothing = Had::default();
        let had = base.map_or(&nothing, |base| base.1);
        if let Some((base, had)) = base {
            // Old sections keep their places, so the directory's old records stay true.
            writer.copy(&base.storage[HEADER..file::directory_start(&base.storage)])?;
            for number in 0..base.segments.len() {
                segments.push(self.mark_removed(base, had, number, &mut writer)?);
            }
        }
        for (number, part) in self.finished.iter().chain([&self.current]).enumerate() {
            let first = (number * LARGEST_SEGMENT) as u64;
            let kept: Vec<usize> =
                (0..part.entries()).filter(|&index| !had.same.contains(&(first + index as u64))).collect();
            let removed = |&index: &usize| self.is_removed(first + index as u64);
            let removed: Vec<bool> = kept.iter().map(removed).collect();
            if kept.len() == part.entries() && !kept.is_empty() {
                segments.push(self.write_segment(part, &removed, &mut writer)?);
            } else if !kept.is_empty() {
                segments.push(self.write_segment(&part.only(&kept), &removed, &mut writer)?);
            }
        }
        writer.finish(&segments)
    }

    /// An existing segment, its bits of removed entries written anew if they change.
    fn mark_removed<W: Write + Seek>(
        &self,
        base: &Gallery,
        had: &Had,
        number: usize,
        writer: &mut Writer<W>,
    ) -> std::io::Result<Segment> {
        let mut segment = base.segments[number].clone();
        if self.removals.is_empty() && had.revised.is_empty() && had.gone.is_empty() {
            return Ok(segment);
        }
        let mut removed = segment.removed(&base.storage).to_vec();
        for index in 0..segment.entries {
            let entry = segment.entry(&base.storage, index);
            let goes = had.revised.contains(&(number, index)) || had.gone.contains(&(number, index));
            if goes || self.removal(entry.format, entry.key).is_some() {
                removed[index as usize / 8] |= 1 << (index % 8);
            }
        }
        if removed != segment.removed(&base.storage) {
            writer.write(&removed)?;
            segment.sections[SectionKind::Removed as usize] = writer.end_section()?;
        }
        Ok(segment)
    }

    /// The entries so far, a part for each segment to be.
    #[cfg(feature = "service")]
    pub(super) fn parts(&self) -> impl Iterator<Item = &Collected> {
        self.finished.iter().chain([&self.current])
    }

    /// Writes one part; which of its entries are `removed` is marked.
    pub(super) fn write_segment<W: Write + Seek>(
        &self,
        part: &Collected,
        removed: &[bool],
        writer: &mut Writer<W>,
    ) -> std::io::Result<Segment> {
        let Laid { order, blocks, error } = index::lay_out(&part.photodna);
        let index = if part.pdq.len() >= multi_index::SMALLEST { INDEXED } else { 0 };
        let mut sections: [Section; SECTIONS] = Default::default();
        for kind in SectionKind::ALL {
            match kind {
                SectionKind::PhotoDnaRows => {
                    order.iter().try_for_each(|&row| writer.write(&part.photodna[row as usize]))?;
                }
                SectionKind::PhotoDnaBlocks => writer.write(blocks.as_flattened())?,
                SectionKind::PhotoDnaEntries => {
                    let entries = order.iter().map(|&row| part.photodna_entries[row as usize]);
                    writer.write(&entries.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
                }
                SectionKind::PdqRows => writer.write(part.pdq.as_flattened())?,
                SectionKind::PdqEntries => writer.write(&part.pdq_entries)?,
                SectionKind::PdqWords if index == INDEXED => {
                    multi_index::build(&part.pdq, |bytes| writer.write(bytes))?;
                }
                SectionKind::PdqWords => {}
                SectionKind::Records => writer.write(&part.records)?,
                SectionKind::Keys => writer.write(&part.keys)?,
                SectionKind::Labels => writer.write(&texts(&part.labels))?,
                SectionKind::Sources => writer.write(&self.source_texts())?,
                SectionKind::Removed => writer.write(&bits(removed))?,
                SectionKind::ColumnNames => writer.write(&part.columns.name_section())?,
                SectionKind::ColumnEnds => writer.write(&part.columns.end_section(part.entries()))?,
                SectionKind::ColumnPlaces => writer.write(&part.columns.place_section())?,
                SectionKind::ColumnValues => writer.write(part.columns.values())?,
            }
            sections[kind as usize] = writer.end_section()?;
        }
        Ok(Segment {
            entries: part.entries() as u32,
            photodna: part.photodna.len() as u32,
            pdq: part.pdq.len() as u32,
            index,
            error,
            sections,
            made: Made::default(),
        })
    }

    fn source_texts(&self) -> Vec<u8> {
        let all: Vec<String> =
            self.sources.iter().flat_map(|(name, format)| [name.clone(), format.clone()]).collect();
        texts(&all)
    }
}

/// What a gallery has of a builder's entries.
#[derive(Debug, Default)]
struct Had {
    /// Numbers of those that it has as they are.
    same: HashSet<u64>,
    /// Its own segment and index of those whose label, quality, flag or further columns differ.
    revised: HashSet<(usize, u32)>,
    /// The same of those that go with their list, or whose list has something else now.
    gone: HashSet<(usize, u32)>,
}

/// The part and the index in it of an entry.
fn place(number: u64) -> (usize, usize) {
    (number as usize / LARGEST_SEGMENT, number as usize % LARGEST_SEGMENT)
}

fn bits(all: &[bool]) -> Vec<u8> {
    let byte =
        |eight: &[bool]| eight.iter().enumerate().fold(0, |byte, (at, &bit)| byte | u8::from(bit) << at);
    all.chunks(8).map(byte).collect()
}
