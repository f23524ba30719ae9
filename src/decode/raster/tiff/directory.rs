//! The first page's directory as it lies in the file (TIFF 6.0, section 2; BigTIFF).
//!
//! Looked at before the `tiff` crate reads it: what its tables will take, and what has to be repaired for the crate.

use tiff::tags::Tag;

/// The entries of the first directory.
pub(super) struct Directory<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) little: bool,
    pub(super) big: bool,
    place: u64,
    first: usize,
    entries: usize,
    /// Entries by the directory's own word.
    announced: u64,
    /// Bytes of an entry, and where its count and its value lie in it, of so many bytes.
    entry: usize,
    value: usize,
    pub(super) word: usize,
}

/// An entry: its tag, of what kind and how many its values are, and where in the file they or their place are.
pub(super) struct IfdEntry<'a> {
    pub(super) tag: u16,
    kind: u16,
    pub(super) count: u64,
    pub(super) value: usize,
    /// All of it as it is stored.
    pub(super) stored: &'a [u8],
}

/// Entries that are read while a picture is decoded. The crate makes a table of all the values of each, also where one is asked for.
const TABLES: [Tag; 22] = [
    Tag::ImageWidth,
    Tag::ImageLength,
    Tag::Compression,
    Tag::FillOrder,
    Tag::Orientation,
    Tag::SamplesPerPixel,
    Tag::RowsPerStrip,
    Tag::PlanarConfiguration,
    Tag::Predictor,
    Tag::TileWidth,
    Tag::TileLength,
    Tag::BitsPerSample,
    Tag::StripOffsets,
    Tag::StripByteCounts,
    Tag::TileOffsets,
    Tag::TileByteCounts,
    Tag::ColorMap,
    Tag::ExtraSamples,
    Tag::SampleFormat,
    Tag::JPEGTables,
    Tag::ChromaSubsampling,
    Tag::PhotometricInterpretation,
];

/// Pages that are looked at for the main one.
const MOST_PAGES: usize = 64;

/// Bytes for each value of a table: the crate reads it as 32, then as 8.
const BYTES_OF_A_VALUE: u64 = 40;

impl IfdEntry<'_> {
    /// Bytes of one of its values (TIFF 6.0, section 2; BigTIFF).
    fn value_bytes(&self) -> u64 {
        match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            _ => 8,
        }
    }
}

impl<'a> Directory<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Directory<'a>> {
        let little = bytes.starts_with(b"II");
        let word = if number(bytes, little, 2, 2)? == 43 { 8 } else { 4 };
        Directory::at(bytes, number(bytes, little, word, word)?)
    }

    /// The directory that lies here.
    pub(super) fn at(bytes: &'a [u8], place: u64) -> Option<Directory<'a>> {
        let little = bytes.starts_with(b"II");
        // Classic files count entries in 2 bytes and use 12 for each, big ones (version 43) 8 and 20.
        let big = number(bytes, little, 2, 2)? == 43;
        let (counter, entry, value, word) = if big { (8, 20, 12, 8) } else { (2, 12, 8, 4) };
        let directory = usize::try_from(place).ok()?;
        let announced = number(bytes, little, directory, counter)?;
        let entries = usize::try_from(announced).ok()?.min(bytes.len() / entry);
        let first = directory.checked_add(counter)?;
        Some(Directory { bytes, little, big, place, first, entries, announced, entry, value, word })
    }

    /// Where the main page's directory lies, where this one is of a reduced picture: the largest page that is not reduced
    /// (TIFF 6.0, NewSubfileType).
    pub(super) fn main_page(&self) -> Option<u64> {
        if !self.is_reduced() {
            return None;
        }
        let pages = std::iter::successors(self.next(), Directory::next).take(MOST_PAGES);
        let main = pages.filter(|page| !page.is_reduced());
        let pixels = |page: &Directory<'_>| {
            let side = |tag| page.value(tag).unwrap_or(0);
            side(Tag::ImageWidth).saturating_mul(side(Tag::ImageLength))
        };
        main.filter(|page| pixels(page) > 0).max_by_key(pixels).map(|page| page.place)
    }

    /// Whether it is of a reduced picture of another page.
    pub(super) fn is_reduced(&self) -> bool {
        self.value(Tag::NewSubfileType).unwrap_or(0) & 1 != 0
    }

    /// Whether it is of a picture, which is neither reduced nor a mask (TIFF 6.0, NewSubfileType), and has a size.
    pub(super) fn is_picture(&self) -> bool {
        let side = |tag| self.value(tag).is_some_and(|side| side > 0);
        self.value(Tag::NewSubfileType).unwrap_or(0) & 0b101 == 0
            && side(Tag::ImageWidth)
            && side(Tag::ImageLength)
    }

    /// The next page's directory.
    pub(super) fn next(&self) -> Option<Directory<'a>> {
        Directory::at(self.bytes, self.next_place()?)
    }

    /// Where the next page's directory is said to lie.
    pub(super) fn next_place(&self) -> Option<u64> {
        let behind = self.first + self.entries * self.entry;
        // 0 ends the pages.
        number(self.bytes, self.little, behind, self.word).filter(|place| *place > 0)
    }

    /// Where it lies.
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// The file with the directory at `place` as its first.
    pub(super) fn with_first(&self, place: u64) -> Vec<u8> {
        let mut file = self.bytes.to_vec();
        let at = self.word;
        file[at..at + self.word].copy_from_slice(&self.stored(place, self.word));
        file
    }

    /// The entries of kinds that there are; readers pass over others.
    pub(super) fn entries(&self) -> impl Iterator<Item = IfdEntry<'a>> + '_ {
        let all = (0..self.entries).map_while(|index| {
            let at = self.first + index * self.entry;
            let tag = number(self.bytes, self.little, at, 2)? as u16;
            let kind = number(self.bytes, self.little, at + 2, 2)? as u16;
            let count = number(self.bytes, self.little, at + 4, self.word)?;
            let stored = self.bytes.get(at..at + self.entry)?;
            Some(IfdEntry { tag, kind, count, value: at + self.value, stored })
        });
        all.filter(|entry| matches!(entry.kind, 1..=13 | 16..=18))
    }

    pub(super) fn entry(&self, tag: Tag) -> Option<IfdEntry<'a>> {
        // Of several the crate takes the last.
        self.entries().filter(|entry| entry.tag == tag.to_u16()).last()
    }

    /// The whole numbers of an entry; `None` where they are of another kind or not all there.
    pub(super) fn values(&self, entry: &IfdEntry<'_>) -> Option<Vec<u64>> {
        let length = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let all = usize::try_from(entry.count).ok()?.checked_mul(length)?;
        let place = if all <= self.word {
            entry.value as u64
        } else {
            number(self.bytes, self.little, entry.value, self.word)?
        };
        let place = usize::try_from(place).ok()?;
        self.bytes.get(place..place.checked_add(all)?)?;
        (0..all / length)
            .map(|index| number(self.bytes, self.little, place + index * length, length))
            .collect()
    }

    /// The bytes of an entry of BYTE or UNDEFINED; `None` where they are not all there.
    pub(super) fn content(&self, tag: Tag) -> Option<&'a [u8]> {
        let entry = self.entry(tag).filter(|entry| matches!(entry.kind, 1 | 7))?;
        let length = usize::try_from(entry.count).ok().filter(|length| *length > self.word)?;
        let place = usize::try_from(number(self.bytes, self.little, entry.value, self.word)?).ok()?;
        self.bytes.get(place..place.checked_add(length)?)
    }

    /// The first number of an entry.
    pub(super) fn value(&self, tag: Tag) -> Option<u64> {
        self.values(&self.entry(tag)?)?.first().copied()
    }

    /// Whether all of its entries are there.
    pub(super) fn is_whole(&self) -> bool {
        self.announced == self.entries as u64 && self.first + self.entries * self.entry <= self.bytes.len()
    }

    /// Whether another directory is named behind this one that is not this one again.
    pub(super) fn goes_on_or_ends(&self) -> bool {
        let next = self.first + self.entries * self.entry;
        number(self.bytes, self.little, next, self.word).is_some_and(|next| next != self.place)
    }

    /// A number as it lies in this file.
    pub(super) fn stored(&self, value: u64, length: usize) -> Vec<u8> {
        if self.little {
            value.to_le_bytes()[..length].to_vec()
        } else {
            value.to_be_bytes()[8 - length..].to_vec()
        }
    }

    /// Memory that the tables of strips and the like take, in bytes.
    pub(super) fn tables(&self) -> u64 {
        let bytes = |entry: IfdEntry<'_>| entry.count.saturating_mul(BYTES_OF_A_VALUE);
        self.table_entries().map(bytes).fold(0, u64::saturating_add)
    }

    /// Whether a table announces more than the file has bytes: the crate would take its memory first.
    pub(super) fn lacks_tables(&self) -> bool {
        let bytes = |entry: IfdEntry<'_>| entry.count.saturating_mul(entry.value_bytes());
        self.table_entries().map(bytes).any(|bytes| bytes > self.bytes.len() as u64)
    }

    fn table_entries(&self) -> impl Iterator<Item = IfdEntry<'a>> + '_ {
        self.entries().filter(|entry| TABLES.iter().any(|tag| tag.to_u16() == entry.tag))
    }
}

fn number(bytes: &[u8], little: bool, at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let fold = |number, byte: &u8| number << 8 | u64::from(*byte);
    Some(if little { field.iter().rev().fold(0, fold) } else { field.iter().fold(0, fold) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of these tags and counts, in both kinds of file and both orders of bytes.
    fn files(entries: &[(u16, u32, u16)]) -> Vec<Vec<u8>> {
        let classic = |put: fn(u32, usize) -> Vec<u8>, head: &[u8]| {
            let mut file = [head, &put(8, 4), &put(entries.len() as u32, 2)].concat();
            for (tag, count, value) in entries {
                let fields = [
                    put(u32::from(*tag), 2),
                    put(3, 2),
                    put(*count, 4),
                    put(u32::from(*value), 2),
                    vec![0; 2],
                ];
                file.extend(fields.concat());
            }
            file
        };
        let big = |put: fn(u32, usize) -> Vec<u8>, head: &[u8]| {
            let mut file =
                [head, &put(8, 2), &put(0, 2), &put(16, 8), &put(entries.len() as u32, 8)].concat();
            for (tag, count, value) in entries {
                let fields = [
                    put(u32::from(*tag), 2),
                    put(3, 2),
                    put(*count, 8),
                    put(u32::from(*value), 2),
                    vec![0; 6],
                ];
                file.extend(fields.concat());
            }
            file
        };
        fn little(value: u32, length: usize) -> Vec<u8> {
            u64::from(value).to_le_bytes()[..length].to_vec()
        }
        fn large(value: u32, length: usize) -> Vec<u8> {
            u64::from(value).to_be_bytes()[8 - length..].to_vec()
        }
        vec![classic(little, b"II*\0"), classic(large, b"MM\0*"), big(little, b"II+\0"), big(large, b"MM\0+")]
    }

    #[test]
    fn tables_and_numbers_are_found_in_every_kind_of_file() {
        for file in files(&[(256, 1, 9), (262, 1, 3), (273, 1000, 0), (279, 500, 0), (34_675, 1 << 30, 0)]) {
            let directory = Directory::read(&file).unwrap();
            assert_eq!(directory.tables(), 1502 * BYTES_OF_A_VALUE);
            assert_eq!(directory.value(Tag::PhotometricInterpretation), Some(3));
            assert!(directory.lacks_tables(), "1,000 values in {} bytes", file.len());
            let length = files(&[(257, 1000, 0)]);
            assert!(length.iter().all(|file| Directory::read(file).unwrap().lacks_tables()));
            let long = [&file[..], &[0; 2000]].concat();
            assert!(!Directory::read(&long).unwrap().lacks_tables());
            assert_eq!((directory.value(Tag::ImageLength), directory.value(Tag::StripOffsets)), (None, None));
        }
        for file in files(&[(262, 1, 2), (273, u32::MAX, 0)]) {
            let directory = Directory::read(&file).unwrap();
            assert!(directory.tables() > u64::from(u32::MAX) * 40 && directory.lacks_tables());
            for length in 0..file.len() {
                // Cut anywhere it is no directory, or one of fewer entries.
                let _ = Directory::read(&file[..length]).map(|directory| directory.tables());
            }
        }
    }
}
