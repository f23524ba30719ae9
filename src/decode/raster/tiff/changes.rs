//! Entries of a directory that take the place of others.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tiff::tags::Tag;

use super::directory::Directory;

/// Strips or tiles of a page whose list is written anew, at most, unless it lists more itself.
const MOST_CELLS: u64 = 1 << 16;

/// Where what is written anew lies: so far behind the file's end that nobody who reads on there, or whose data is cut, comes upon it.
pub(super) const BEHIND: u64 = 1 << 31;

/// Where nothing lies, which every reader takes for missing data.
pub(super) const NOWHERE: u64 = u32::MAX as u64;

/// Entries that take the place of others.
pub(super) struct Changes<'d, 'a> {
    pub(super) directory: &'d Directory<'a>,
    /// Values of a tag; none where it is left out.
    pub(super) tags: BTreeMap<u16, Vec<u64>>,
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
    pub(super) fn colour_space(&mut self) {
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
    pub(super) fn cells(&mut self) {
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

    /// The file's first bytes with the new directory's place, and that directory with its values.
    pub(super) fn written(&self, place: u64) -> (Vec<u8>, Vec<u8>) {
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
