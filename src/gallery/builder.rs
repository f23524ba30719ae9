//! Entries in, a gallery out.

use std::collections::HashMap;
use std::io::{Cursor, Seek, Write};
use std::path::Path;

use super::entry::Entry;
use super::file::{self, HEADER, Writer};
use super::index::{self, Laid};
use super::segment::{FLAT, INDEXED, Made, Part, RECORD, SECTIONS, Segment, UNKNOWN_QUALITY, texts};
use super::{Gallery, words};
use crate::error::{Error, Result};

/// Most entries of a segment; above, a further segment is begun.
const LARGEST_SEGMENT: usize = 1 << 24;

/// Collects entries in memory (about 250 bytes each for PhotoDNA, 60 for PDQ) and writes them as a gallery, alone or behind what an existing one
/// holds.
#[derive(Debug, Default)]
pub struct GalleryBuilder {
    finished: Vec<Collected>,
    current: Collected,
    sources: Vec<(String, String)>,
    removals: HashMap<(String, String), Removal>,
}

/// What a tombstone does.
#[derive(Debug, Clone, Copy)]
struct Removal {
    /// Entries of this build that came before it, and so go too.
    before: u64,
}

/// The entries of one segment, column by column.
#[derive(Debug, Default)]
struct Collected {
    photodna: Vec<[u8; 144]>,
    /// The entry of each.
    photodna_entries: Vec<u32>,
    pdq: Vec<[u8; 32]>,
    pdq_entries: Vec<u8>,
    records: Vec<u8>,
    keys: Vec<u8>,
    labels: Vec<String>,
    label_numbers: HashMap<String, u32>,
}

impl Collected {
    fn entries(&self) -> usize {
        self.records.len() / RECORD
    }

    fn label(&mut self, label: &str) -> u32 {
        if let Some(&number) = self.label_numbers.get(label) {
            return number;
        }
        let number = self.labels.len() as u32;
        self.labels.push(label.to_owned());
        self.label_numbers.insert(label.to_owned(), number);
        number
    }

    fn add(&mut self, source: u16, entry: &Entry) {
        let number = self.entries() as u32;
        let label = self.label(&entry.label);
        self.keys.extend(entry.key.as_bytes());
        self.records.extend((self.keys.len() as u64).to_le_bytes());
        self.records.extend(entry.position.to_le_bytes());
        self.records.extend(label.to_le_bytes());
        self.records.extend(source.to_le_bytes());
        self.records.push(if entry.flat { FLAT } else { 0 });
        self.records.push(entry.quality.map_or(UNKNOWN_QUALITY, |quality| quality.min(100)));
        if let Some(signature) = entry.photodna {
            self.photodna.push(signature.0);
            self.photodna_entries.push(number);
        }
        if let Some(signature) = entry.pdq {
            self.pdq.push(signature.0);
            self.pdq_entries.extend(number.to_le_bytes());
        }
    }
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

    /// Adds an entry of list `source`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for an entry without a signature, or more than 65,536 lists.
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
        }
        self.current.add(source, &entry);
        Ok(())
    }

    /// Removes every entry so far (in this build, and in the gallery it will be added to) whose key is `key` and whose list has the format
    /// `format`; an empty `format` stands for all.
    pub fn remove(&mut self, format: &str, key: &str) {
        let before = self.len();
        self.removals.insert((format.to_owned(), key.to_owned()), Removal { before });
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
    /// Only where memory ends.
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

    /// Writes `gallery` with these entries behind its own and its removed entries marked, to `path` (which may be the
    /// file that `gallery` was opened from). What it holds is copied, not built again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be written; what was there before stays.
    pub fn append(&self, gallery: &Gallery, path: impl AsRef<Path>) -> Result<()> {
        file::replace(path.as_ref(), |sink| self.write(Some(gallery), sink))
    }

    /// As [`append`](GalleryBuilder::append), into memory.
    ///
    /// # Errors
    ///
    /// Only where memory ends.
    pub fn append_to_bytes(&self, gallery: &Gallery) -> Result<Vec<u8>> {
        Ok(self.write(Some(gallery), Cursor::new(Vec::new()))?.into_inner())
    }

    fn write<W: Write + Seek>(&self, base: Option<&Gallery>, sink: W) -> Result<W> {
        self.try_write(base, sink).map_err(|source| Error::io("cannot write the gallery", source))
    }

    fn try_write<W: Write + Seek>(&self, base: Option<&Gallery>, sink: W) -> std::io::Result<W> {
        let mut writer = Writer::new(sink)?;
        let mut segments = Vec::new();
        if let Some(base) = base {
            writer.copy(&base.storage[HEADER..file::directory_start(&base.storage)])?;
            for number in 0..base.segments.len() {
                segments.push(self.mark_removed(base, number, &mut writer)?);
            }
        }
        let mut before = 0;
        for part in self.finished.iter().chain([&self.current]) {
            if part.entries() > 0 {
                segments.push(self.write_segment(part, before, &mut writer)?);
            }
            before += part.entries() as u64;
        }
        writer.finish(&segments)
    }

    /// An existing segment, its bits of removed entries written anew if they change.
    fn mark_removed<W: Write + Seek>(
        &self,
        base: &Gallery,
        number: usize,
        writer: &mut Writer<W>,
    ) -> std::io::Result<Segment> {
        let mut segment = base.segments[number].clone();
        if self.removals.is_empty() {
            return Ok(segment);
        }
        let mut removed = segment.removed(&base.storage).to_vec();
        for index in 0..segment.entries {
            let entry = segment.entry(&base.storage, index);
            if self.removal(entry.format, entry.key).is_some() {
                removed[index as usize / 8] |= 1 << (index % 8);
            }
        }
        if removed != segment.removed(&base.storage) {
            writer.write(&removed)?;
            segment.sections[Part::Removed as usize] = writer.end_section()?;
        }
        Ok(segment)
    }

    fn write_segment<W: Write + Seek>(
        &self,
        part: &Collected,
        before: u64,
        writer: &mut Writer<W>,
    ) -> std::io::Result<Segment> {
        let Laid { order, blocks, error } = index::lay_out(&part.photodna);
        let index = if part.pdq.len() >= words::SMALLEST { INDEXED } else { 0 };
        let mut sections: [file::Section; SECTIONS] = Default::default();
        for kind in Part::ALL {
            match kind {
                Part::PhotoDnaRows => {
                    order.iter().try_for_each(|&row| writer.write(&part.photodna[row as usize]))?;
                }
                Part::PhotoDnaBlocks => writer.write(blocks.as_flattened())?,
                Part::PhotoDnaEntries => {
                    let entries = order.iter().map(|&row| part.photodna_entries[row as usize]);
                    writer.write(&entries.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
                }
                Part::PdqRows => writer.write(part.pdq.as_flattened())?,
                Part::PdqEntries => writer.write(&part.pdq_entries)?,
                Part::PdqWords if index == INDEXED => {
                    words::build(&part.pdq, |bytes| writer.write(bytes))?;
                }
                Part::PdqWords => {}
                Part::Records => writer.write(&part.records)?,
                Part::Keys => writer.write(&part.keys)?,
                Part::Labels => writer.write(&texts(&part.labels))?,
                Part::Sources => writer.write(&self.source_texts())?,
                Part::Removed => writer.write(&self.removed_bits(part, before))?,
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

    fn removed_bits(&self, part: &Collected, before: u64) -> Vec<u8> {
        let mut bits = vec![0; part.entries().div_ceil(8)];
        if self.removals.is_empty() {
            return bits;
        }
        let mut start = 0;
        for (index, record) in part.records.chunks_exact(RECORD).enumerate() {
            let end = file::u64_at(record, 0) as usize;
            let key = String::from_utf8_lossy(&part.keys[start..end]);
            start = end;
            let source = u16::from_le_bytes([record[20], record[21]]);
            let removal = self.removal(&self.sources[usize::from(source)].1, &key);
            if removal.is_some_and(|removal| before + (index as u64) < removal.before) {
                bits[index / 8] |= 1 << (index % 8);
            }
        }
        bits
    }
}
