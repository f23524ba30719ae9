//! Directories that other readers take and the `tiff` crate (0.11) does not, written anew for it behind the file's end.
//!
//! The rules are libtiff's: where strips or tiles lie is read under either name, a list of them may be too short or too long, lengths that
//! are missing are told by what lies next, and what is not said about samples follows from the rest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tiff::tags::Tag;

use super::super::pieces::Pieces;
use super::chroma::Clumps;
use super::directory::Directory;
use super::strips::{self, Unpacked};
use crate::error::Result;

/// Strips or tiles of a page whose list is written anew, at most, unless it lists more itself.
const MOST_CELLS: u64 = 1 << 16;

/// Where what is written anew lies: so far behind the file's end that nobody who reads on there, or whose data is cut, comes upon it.
pub(super) const BEHIND: u64 = 1 << 31;

/// Where nothing lies, which every reader takes for missing data.
pub(super) const NOWHERE: u64 = u32::MAX as u64;

/// A file for the crate, and what is to be made of the samples that it gives.
pub(super) struct Mended<'a> {
    pub(super) pieces: Pieces<'a>,
    /// Memory that is taken beside the file, in bytes.
    pub(super) memory: u64,
    /// Whether samples that come out as grey are indices.
    pub(super) indexed: bool,
    /// How samples that come out as grey hold less chroma than luma.
    pub(super) clumps: Option<Clumps>,
}

impl<'a> Mended<'a> {
    /// The file for its directory to be read.
    pub(super) fn directory(bytes: &'a [u8]) -> Result<Mended<'a>> {
        Mended::of(bytes, false)
    }

    /// The file for its samples to be read, which takes the memory that is told.
    pub(super) fn samples(bytes: &'a [u8]) -> Result<Mended<'a>> {
        Mended::of(bytes, true)
    }

    fn of(bytes: &'a [u8], samples: bool) -> Result<Mended<'a>> {
        let whole = Mended { pieces: Pieces::whole(bytes), memory: 0, indexed: false, clumps: None };
        // Of a directory that is cut nobody knows what it would say.
        let Some(directory) = Directory::read(bytes).filter(Directory::is_whole) else { return Ok(whole) };
        if bytes.len() as u64 > BEHIND {
            return Ok(whole);
        }
        let mut changes = Changes { directory: &directory, tags: BTreeMap::new() };
        let indexed = directory.value(Tag::PhotometricInterpretation) == Some(3);
        changes.colour_space();
        changes.cells();
        let unpacked = strips::unpacked(&changes);
        let clumps = changes.chroma();
        if changes.tags.is_empty() && directory.goes_on_or_ends() && unpacked.is_none() {
            return Ok(whole);
        }
        let mut memory = unpacked.as_ref().map_or(0, Unpacked::bytes);
        let data = match unpacked {
            Some(unpacked) if samples => unpacked.write(&mut changes)?,
            _ => Vec::new(),
        };
        let (head, tail) = changes.written(BEHIND + data.len() as u64);
        let body = bytes.get(head.len()..).unwrap_or_default();
        // The crate takes 40 bytes for a value, of which the least are 4 long.
        memory = memory.saturating_add(12 * tail.len() as u64);
        let directory_at = BEHIND + data.len() as u64;
        let pieces = Pieces::new(vec![Cow::Owned(head), body.into()]);
        let pieces = pieces.with(BEHIND, data.into()).with(directory_at, tail.into());
        Ok(Mended { pieces, memory, indexed, clumps })
    }
}

/// Entries that take the place of others.
pub(super) struct Changes<'d, 'a> {
    pub(super) directory: &'d Directory<'a>,
    /// Values of a tag; none where it is left out.
    tags: BTreeMap<u16, Vec<u64>>,
}

impl Changes<'_, '_> {
    pub(super) fn set(&mut self, tag: Tag, values: Vec<u64>) {
        self.tags.insert(tag.to_u16(), values);
    }

    pub(super) fn remove(&mut self, tag: Tag) {
        if self.directory.entry(tag).is_some() {
            self.tags.insert(tag.to_u16(), Vec::new());
        }
    }

    /// The values of a tag as they are by now.
    pub(super) fn values(&self, tag: Tag) -> Option<Cow<'_, [u64]>> {
        match self.tags.get(&tag.to_u16()) {
            Some(values) => Some(values.into()).filter(|values: &Cow<'_, [u64]>| !values.is_empty()),
            None => self.directory.values(&self.directory.entry(tag)?).map(Cow::Owned),
        }
    }

    pub(super) fn value(&self, tag: Tag) -> Option<u64> {
        self.values(tag)?.first().copied()
    }

    fn count(&self, tag: Tag) -> u64 {
        self.directory.entry(tag).map_or(0, |entry| entry.count)
    }

    /// What a pixel is.
    fn colour_space(&mut self) {
        let bits = self.count(Tag::BitsPerSample);
        let photometric = self.value(Tag::PhotometricInterpretation);
        if self.value(Tag::SamplesPerPixel).is_none() && bits >= 3 && matches!(photometric, Some(2 | 6)) {
            self.set(Tag::SamplesPerPixel, vec![bits]);
        }
        let samples = self.value(Tag::SamplesPerPixel).unwrap_or(1);
        if bits > 1
            && bits != samples
            && let Some(bits) = self.value(Tag::BitsPerSample)
        {
            self.set(Tag::BitsPerSample, vec![bits]);
        }
        if self.count(Tag::ExtraSamples) > samples {
            self.remove(Tag::ExtraSamples);
        }
        match (photometric, self.value(Tag::Compression)) {
            // The crate refuses palettes, but reads the same samples as grey.
            (Some(3), _) => self.set(Tag::PhotometricInterpretation, vec![1]),
            (None, _) if samples >= 3 => self.set(Tag::PhotometricInterpretation, vec![2]),
            (None, Some(2..=4)) => self.set(Tag::PhotometricInterpretation, vec![0]),
            (None, _) => self.set(Tag::PhotometricInterpretation, vec![1]),
            _ => {}
        }
    }

    /// How wide and high strips or tiles are, and whether they are tiles.
    pub(super) fn cell(&self) -> Option<(u64, u64, bool)> {
        let (width, height) = (self.value(Tag::ImageWidth)?, self.value(Tag::ImageLength)?);
        let tile = self.value(Tag::TileWidth).zip(self.value(Tag::TileLength));
        if let Some((across, down)) = tile.filter(|(across, down)| *across > 0 && *down > 0) {
            return Some((across, down, true));
        }
        let rows = self.value(Tag::RowsPerStrip).filter(|rows| *rows > 0).unwrap_or(height).min(height);
        Some((width, rows, false)).filter(|(across, down, _)| *across > 0 && *down > 0)
    }

    /// Where strips or tiles lie: in lists of the length and under the names that go with the page.
    fn cells(&mut self) {
        let Some((across, down, tiled)) = self.cell() else { return };
        let (strips, tiles) =
            ([Tag::StripOffsets, Tag::StripByteCounts], [Tag::TileOffsets, Tag::TileByteCounts]);
        let (names, others) = if tiled { (tiles, strips) } else { (strips, tiles) };
        let (width, height) =
            (self.value(Tag::ImageWidth).unwrap_or(0), self.value(Tag::ImageLength).unwrap_or(0));
        let planar = self.value(Tag::PlanarConfiguration) == Some(2);
        let planes = if planar { self.value(Tag::SamplesPerPixel).unwrap_or(1) } else { 1 };
        let needed = width.div_ceil(across).saturating_mul(height.div_ceil(down)).saturating_mul(planes);
        let listed = self.count(names[0]).max(self.count(others[0])).min(self.directory.bytes.len() as u64);
        if needed > listed.max(MOST_CELLS) {
            return;
        }
        let list =
            |own: Tag, other: Tag| self.values(own).or_else(|| self.values(other)).map(Cow::into_owned);
        let Some(mut places) = list(names[0], others[0]) else { return };
        let mut lengths = list(names[1], others[1]).unwrap_or_default();
        let is_packed = self.value(Tag::Compression).is_some_and(|compression| compression != 1);
        let is_right = |list: &[u64], tag| list.len() as u64 == needed && self.directory.entry(tag).is_some();
        if is_right(&places, names[0])
            && is_right(&lengths, names[1])
            && !(is_packed && lengths.contains(&0))
            && others.iter().all(|tag| self.directory.entry(*tag).is_none())
            && self.value(Tag::RowsPerStrip) != Some(0)
        {
            return;
        }
        if lengths.len() != places.len() {
            lengths = vec![0; places.len()];
        }
        fill_lengths(&places, &mut lengths, self.directory.bytes.len() as u64);
        places.resize(needed as usize, NOWHERE);
        lengths.resize(needed as usize, 1);
        if self.value(Tag::RowsPerStrip) == Some(0) {
            self.remove(Tag::RowsPerStrip);
        }
        others.iter().for_each(|tag| self.remove(*tag));
        self.set(names[0], places);
        self.set(names[1], lengths);
    }

    /// Declares samples with less chroma than luma to be grey, as wide as what belongs together is long.
    fn chroma(&mut self) -> Option<Clumps> {
        let (width, rows, tiled) = self.cell()?;
        let clumps = Clumps::of(self)?;
        let (across, down) = (u64::from(clumps.across), u64::from(clumps.down));
        let whole = rows.is_multiple_of(down) && (!tiled || width.is_multiple_of(across));
        let one = !tiled && rows >= self.value(Tag::ImageLength)?;
        if !whole && !one {
            return None;
        }
        let bytes = |pixels: u64| pixels.div_ceil(across) * (across * down + 2);
        self.set(Tag::ImageWidth, vec![bytes(clumps.width.into())]);
        self.set(Tag::ImageLength, vec![u64::from(clumps.height).div_ceil(down)]);
        if tiled {
            self.set(Tag::TileWidth, vec![bytes(width)]);
            self.set(Tag::TileLength, vec![rows / down]);
        } else {
            self.set(Tag::RowsPerStrip, vec![rows.div_ceil(down)]);
        }
        self.set(Tag::PhotometricInterpretation, vec![1]);
        self.set(Tag::SamplesPerPixel, vec![1]);
        self.set(Tag::BitsPerSample, vec![8]);
        [Tag::ChromaSubsampling, Tag::ExtraSamples, Tag::SampleFormat]
            .into_iter()
            .for_each(|tag| self.remove(tag));
        Some(clumps)
    }

    /// The file's first bytes with the new directory's place, and that directory with its values.
    fn written(&self, place: u64) -> (Vec<u8>, Vec<u8>) {
        let directory = self.directory;
        let number = |value, length| directory.stored(value, length);
        let (counter, kind) = if directory.big { (8, 16) } else { (2, 4) };
        let kept = directory.entries().filter(|entry| !self.tags.contains_key(&entry.tag));
        let mut entries: BTreeMap<u16, Vec<u8>> =
            kept.map(|entry| (entry.tag, entry.stored.to_vec())).collect();
        let added = self.tags.iter().filter(|(_, values)| !values.is_empty());
        let total = entries.len() + added.clone().count();
        let length = 4 + 2 * directory.word;
        let (values_at, mut values) =
            (place + (counter + total * length + directory.word) as u64, Vec::new());
        for (tag, list) in added {
            let stored: Vec<u8> = list.iter().flat_map(|value| number(*value, directory.word)).collect();
            let mut entry =
                [number((*tag).into(), 2), number(kind, 2), number(list.len() as u64, directory.word)]
                    .concat();
            if list.len() == 1 {
                entry.extend(stored);
            } else {
                entry.extend(number(values_at + values.len() as u64, directory.word));
                values.extend(stored);
            }
            entries.insert(*tag, entry);
        }
        let entries: Vec<u8> = entries.into_values().flatten().collect();
        let tail = [number(total as u64, counter), entries, number(0, directory.word), values].concat();
        let kept = if directory.big { 8 } else { 4 };
        let head = [directory.bytes[..kept].to_vec(), number(place, directory.word)].concat();
        (head, tail)
    }
}

/// Lengths that are 0 as what lies between a place and the next one, or the file's end.
fn fill_lengths(places: &[u64], lengths: &mut [u64], end: u64) {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    for (place, length) in places.iter().zip(lengths).filter(|(place, length)| **length == 0 && **place != 0)
    {
        let after = sorted.partition_point(|other| other <= place);
        *length = sorted.get(after).copied().unwrap_or(end).min(end).saturating_sub(*place);
    }
}
