//! The first page's directory as it lies in the file (TIFF 6.0, section 2; BigTIFF).
//!
//! Looked at before the `tiff` crate reads it: what its tables will take, and whether its samples are indices.

use tiff::tags::Tag;

/// The entries of the first directory.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    little: bool,
    first: usize,
    entries: usize,
    /// Bytes of an entry, and where its count and its value lie in it, of so many bytes.
    entry: usize,
    value: usize,
    word: usize,
}

/// An entry: its tag, how many values it has, and where in the file the value or its place is.
pub(super) struct Entry {
    pub(super) tag: u16,
    pub(super) count: u64,
    pub(super) value: usize,
}

/// Entries whose values are held while a picture is decoded, each in a table of its own.
const TABLES: [Tag; 11] = [
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

/// Bytes for each value of a table: the crate reads it as 32, then as 8.
const BYTES_OF_A_VALUE: u64 = 40;

impl<'a> Directory<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Directory<'a>> {
        let little = bytes.starts_with(b"II");
        // Classic files count entries in 2 bytes and use 12 for each, big ones (version 43) 8 and 20.
        let big = number(bytes, little, 2, 2)? == 43;
        let (place, counter, entry, value, word) = if big { (8, 8, 20, 12, 8) } else { (4, 2, 12, 8, 4) };
        let directory = usize::try_from(number(bytes, little, place, word)?).ok()?;
        let entries =
            usize::try_from(number(bytes, little, directory, counter)?).ok()?.min(bytes.len() / entry);
        Some(Directory { bytes, little, first: directory.checked_add(counter)?, entries, entry, value, word })
    }

    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        (0..self.entries).map_while(|index| {
            let at = self.first + index * self.entry;
            let tag = number(self.bytes, self.little, at, 2)? as u16;
            let count = number(self.bytes, self.little, at + 4, self.word)?;
            Some(Entry { tag, count, value: at + self.value })
        })
    }

    /// Memory that the tables of strips and the like take, in bytes.
    pub(super) fn tables(&self) -> u64 {
        let is_table = |entry: &Entry| TABLES.iter().any(|tag| tag.to_u16() == entry.tag);
        let bytes = |entry: Entry| entry.count.saturating_mul(BYTES_OF_A_VALUE);
        self.entries().filter(is_table).map(bytes).fold(0, u64::saturating_add)
    }

    /// Where the file says what its samples mean, if that is a palette's indices.
    pub(super) fn palette_at(&self) -> Option<usize> {
        let is_meaning = |entry: &Entry| entry.tag == Tag::PhotometricInterpretation.to_u16();
        let at = self.entries().find(is_meaning)?.value;
        (number(self.bytes, self.little, at, 2)? == 3).then_some(at)
    }

    /// The bytes of a small number as they lie in this file.
    pub(super) fn short(&self, value: u8) -> [u8; 2] {
        if self.little { [value, 0] } else { [0, value] }
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
    fn tables_and_palettes_are_found_in_every_kind_of_file() {
        for file in files(&[(256, 1, 9), (262, 1, 3), (273, 1000, 0), (279, 500, 0), (34_675, 1 << 30, 0)]) {
            let directory = Directory::read(&file).unwrap();
            assert_eq!(directory.tables(), 1501 * BYTES_OF_A_VALUE);
            let at = directory.palette_at().unwrap();
            assert_eq!(file[at..at + 2], directory.short(3));
        }
        for file in files(&[(262, 1, 2), (273, u32::MAX, 0)]) {
            let directory = Directory::read(&file).unwrap();
            assert_eq!(directory.palette_at(), None);
            assert!(directory.tables() > u64::from(u32::MAX) * 40);
            for length in 0..file.len() {
                // Cut anywhere it is no directory, or one of fewer entries.
                let _ = Directory::read(&file[..length]).map(|directory| directory.tables());
            }
        }
    }
}
