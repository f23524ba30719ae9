//! One segment of a gallery: the entries of one build or one addition, as stored in the file.

use std::sync::OnceLock;

use super::columns::ColumnsView;
use super::columns::stored::{END, PLACE, Stored};
use super::damaged;
use super::entry::EntryView;
use super::index::{self, ERROR_SCALE};
use super::multi_index::{self, MultiIndex};
use super::storage::{Section, Storage, u32_at, u64_at};
use super::texts::{find_text, text};
use crate::error::Result;
use crate::kernel::distance::coarse::{BLOCK, CoarseBlock, CoarseBox, LANES};
use crate::signature::{Pdq, PhotoDna};

/// The sections of a segment, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SectionKind {
    /// 144 bytes per row.
    PhotoDnaRows,
    /// Blocks of small integers for 16 rows each.
    PhotoDnaBlocks,
    /// The entry of each row; the rows lie as [`index`] has put them (in version 1 of the file: ascending).
    PhotoDnaEntries,
    /// 32 bytes per row.
    PdqRows,
    /// The entry of each row, ascending.
    PdqEntries,
    /// The multi-index, or nothing.
    PdqWords,
    /// [`RECORD`] bytes per entry.
    Records,
    /// All keys, one after another.
    Keys,
    /// Labels: each a length and bytes.
    Labels,
    /// Sources: names and formats in turn, each a length and bytes.
    Sources,
    /// One bit per entry: whether it was removed.
    Removed,
    /// The names of further columns, or nothing; as [`Labels`](SectionKind::Labels).
    ColumnNames,
    /// [`END`] bytes per entry, or nothing.
    ColumnEnds,
    /// [`PLACE`] bytes per value.
    ColumnPlaces,
    /// All values, one after another.
    ColumnValues,
}

pub(super) const SECTIONS: usize = 15;

/// How many there were before there were further columns; segments without these have no others in the file.
pub(super) const SECTIONS_WITHOUT_COLUMNS: usize = 11;

impl SectionKind {
    pub(super) const ALL: [SectionKind; SECTIONS] = [
        SectionKind::PhotoDnaRows,
        SectionKind::PhotoDnaBlocks,
        SectionKind::PhotoDnaEntries,
        SectionKind::PdqRows,
        SectionKind::PdqEntries,
        SectionKind::PdqWords,
        SectionKind::Records,
        SectionKind::Keys,
        SectionKind::Labels,
        SectionKind::Sources,
        SectionKind::Removed,
        SectionKind::ColumnNames,
        SectionKind::ColumnEnds,
        SectionKind::ColumnPlaces,
        SectionKind::ColumnValues,
    ];
}

/// Bytes of an entry's record: where its key ends (8), position (8), label (4), source (2), flags, quality.
pub(super) const RECORD: usize = 24;

/// Stored for a multi-index as [`multi_index`] builds it.
pub(super) const INDEXED: u32 = 1;

/// Flag of a nearly flat picture.
pub(super) const FLAT: u8 = 1;

/// Stored for a quality that is not known; above every real one.
pub(super) const UNKNOWN_QUALITY: u8 = 255;

/// Numbers and places of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) entries: u32,
    pub(super) photodna: u32,
    pub(super) pdq: u32,
    /// [`INDEXED`] where there is a multi-index that is read.
    pub(super) index: u32,
    /// Largest rounding of the small integers, in 1/1024 step.
    pub(super) error: u32,
    pub(super) sections: [Section; SECTIONS],
    /// What is made of the sections when it is first asked for.
    pub(super) made: Made,
}

/// What is made of a segment's sections when it is first asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Made {
    boxes: OnceLock<Vec<CoarseBox>>,
    /// The PhotoDNA-class row of each entry; [`NONE`] where it has none.
    rows: OnceLock<Vec<u32>>,
}

const NONE: u32 = u32::MAX;

impl Segment {
    /// Refuses sections whose lengths do not agree with the numbers.
    pub(super) fn checked(self) -> Result<Segment> {
        let (entries, photodna, pdq) = (self.entries as usize, self.photodna as usize, self.pdq as usize);
        let index = &self.sections[SectionKind::PdqWords as usize].range;
        let index_length = match self.index {
            0 => 0,
            INDEXED => multi_index::byte_length(pdq),
            // What version 1 had: not read, every row is looked at.
            11..=16 => index.len(),
            kind => return Err(damaged(format!("a segment has an index of the unknown kind {kind}"))),
        };
        let (ends, places) = (self.length(SectionKind::ColumnEnds), self.length(SectionKind::ColumnPlaces));
        let expected = [
            (SectionKind::PhotoDnaRows, 144 * photodna),
            (SectionKind::PhotoDnaBlocks, BLOCK * photodna.div_ceil(LANES)),
            (SectionKind::PhotoDnaEntries, 4 * photodna),
            (SectionKind::PdqRows, 32 * pdq),
            (SectionKind::PdqEntries, 4 * pdq),
            (SectionKind::PdqWords, index_length),
            (SectionKind::Records, RECORD * entries),
            (SectionKind::Removed, entries.div_ceil(8)),
            (SectionKind::ColumnEnds, if ends == 0 { 0 } else { END * entries }),
            (SectionKind::ColumnPlaces, places.next_multiple_of(PLACE)),
        ];
        for (part, length) in expected {
            let actual = self.length(part);
            if actual != length {
                return Err(damaged(format!("section {part:?} has {actual} bytes instead of {length}")));
            }
        }
        Ok(self)
    }

    fn length(&self, part: SectionKind) -> usize {
        self.sections[part as usize].range.len()
    }

    /// Whether there are further columns, of which perhaps no entry has any.
    pub(super) fn has_columns(&self) -> bool {
        self.length(SectionKind::ColumnNames) > 0
    }

    /// The names of further columns.
    pub(super) fn column_names<'a>(&self, storage: &'a Storage) -> impl Iterator<Item = &'a str> {
        let names = self.part(storage, SectionKind::ColumnNames);
        (0..).map_while(|number| find_text(names, number))
    }

    fn columns<'a>(&self, storage: &'a Storage, entry: u32) -> ColumnsView<'a> {
        if !self.has_columns() {
            return ColumnsView::default();
        }
        let part = |kind| self.part(storage, kind);
        let (names, ends) = (part(SectionKind::ColumnNames), part(SectionKind::ColumnEnds));
        let (places, values) = (part(SectionKind::ColumnPlaces), part(SectionKind::ColumnValues));
        ColumnsView(Stored::of(names, ends, places, values, entry as usize))
    }

    pub(super) fn part<'a>(&self, storage: &'a Storage, part: SectionKind) -> &'a [u8] {
        &storage[self.sections[part as usize].range.clone()]
    }

    /// Checks every section against its checksum.
    pub(super) fn verify(&self, storage: &Storage) -> Result<()> {
        for part in SectionKind::ALL {
            if crc32fast::hash(self.part(storage, part)) != self.sections[part as usize].checksum {
                return Err(damaged(format!(
                    "section {part:?} does not agree with its checksum: restore the file or build it again"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn photodna_rows<'a>(&self, storage: &'a Storage) -> &'a [[u8; 144]] {
        self.part(storage, SectionKind::PhotoDnaRows).as_chunks().0
    }

    pub(super) fn photodna_blocks<'a>(&self, storage: &'a Storage) -> &'a [CoarseBlock] {
        self.part(storage, SectionKind::PhotoDnaBlocks).as_chunks().0
    }

    /// A box around each piece of [`photodna_blocks`](Segment::photodna_blocks).
    pub(super) fn photodna_boxes(&self, storage: &Storage) -> &[CoarseBox] {
        self.made.boxes.get_or_init(|| index::boxes(self.photodna_blocks(storage)))
    }

    /// Largest rounding of the small integers, in steps.
    pub(super) fn rounding(&self) -> f64 {
        f64::from(self.error) / ERROR_SCALE
    }

    pub(super) fn pdq_rows<'a>(&self, storage: &'a Storage) -> &'a [[u8; 32]] {
        self.part(storage, SectionKind::PdqRows).as_chunks().0
    }

    pub(super) fn pdq_index<'a>(&self, storage: &'a Storage) -> Option<MultiIndex<'a>> {
        let rows = self.pdq_rows(storage);
        (self.index == INDEXED)
            .then(|| MultiIndex::new(self.part(storage, SectionKind::PdqWords), rows))
            .flatten()
    }

    /// The entry that a row of [`photodna_rows`](Segment::photodna_rows) belongs to.
    pub(super) fn photodna_entry(&self, storage: &Storage, row: u32) -> u32 {
        u32_at(self.part(storage, SectionKind::PhotoDnaEntries), 4 * row as usize)
    }

    /// The entry that a row of [`pdq_rows`](Segment::pdq_rows) belongs to.
    pub(super) fn pdq_entry(&self, storage: &Storage, row: u32) -> u32 {
        u32_at(self.part(storage, SectionKind::PdqEntries), 4 * row as usize)
    }

    /// The PhotoDNA-class row of an entry.
    pub(super) fn photodna_row(&self, storage: &Storage, entry: u32) -> Option<usize> {
        let rows = self.made.rows.get_or_init(|| {
            let mut rows = vec![NONE; self.entries as usize];
            for (row, entry) in
                self.part(storage, SectionKind::PhotoDnaEntries).as_chunks().0.iter().enumerate()
            {
                // None where the file is damaged.
                if let Some(own) = rows.get_mut(u32::from_le_bytes(*entry) as usize) {
                    *own = row as u32;
                }
            }
            rows
        });
        rows.get(entry as usize).filter(|&&row| row != NONE).map(|&row| row as usize)
    }

    /// The PDQ row of an entry.
    pub(super) fn pdq_row(&self, storage: &Storage, entry: u32) -> Option<usize> {
        let entries = self.part(storage, SectionKind::PdqEntries).as_chunks::<4>().0;
        entries.binary_search_by_key(&entry, |bytes| u32::from_le_bytes(*bytes)).ok()
    }

    /// The number of an entry's source.
    pub(super) fn source(&self, storage: &Storage, entry: u32) -> u16 {
        let record = self.record(storage, entry);
        u16::from_le_bytes([record[20], record[21]])
    }

    /// Name and format of every source.
    pub(super) fn sources<'a>(&self, storage: &'a Storage) -> impl Iterator<Item = (&'a str, &'a str)> {
        let sources = self.part(storage, SectionKind::Sources);
        (0..).map_while(|number| Some((find_text(sources, 2 * number)?, find_text(sources, 2 * number + 1)?)))
    }

    /// An entry's PhotoDNA-class signature, if it has one.
    pub(super) fn photodna_of(&self, storage: &Storage, entry: u32) -> Option<PhotoDna> {
        let row = self.photodna_row(storage, entry)?;
        self.photodna_rows(storage).get(row).copied().map(PhotoDna)
    }

    /// An entry's PDQ signature, if it has one.
    pub(super) fn pdq_of(&self, storage: &Storage, entry: u32) -> Option<Pdq> {
        let row = self.pdq_row(storage, entry)?;
        self.pdq_rows(storage).get(row).copied().map(Pdq)
    }

    fn record<'a>(&self, storage: &'a Storage, entry: u32) -> &'a [u8] {
        &self.part(storage, SectionKind::Records)[RECORD * entry as usize..][..RECORD]
    }

    /// Flags and quality of an entry.
    pub(super) fn flags(&self, storage: &Storage, entry: u32) -> (u8, u8) {
        let record = self.record(storage, entry);
        (record[22], record[23])
    }

    pub(super) fn is_removed(&self, storage: &Storage, entry: u32) -> bool {
        self.part(storage, SectionKind::Removed)[entry as usize / 8] >> (entry % 8) & 1 == 1
    }

    pub(super) fn removed<'a>(&self, storage: &'a Storage) -> &'a [u8] {
        self.part(storage, SectionKind::Removed)
    }

    pub(super) fn removed_count(&self, storage: &Storage) -> u64 {
        self.removed(storage).iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Everything about an entry; texts are empty where the file is damaged.
    pub(super) fn entry<'a>(&self, storage: &'a Storage, index: u32) -> EntryView<'a> {
        let record = self.record(storage, index);
        let start = index.checked_sub(1).map_or(0, |before| u64_at(self.record(storage, before), 0));
        let key = self.part(storage, SectionKind::Keys).get(start as usize..u64_at(record, 0) as usize);
        let source = usize::from(self.source(storage, index));
        let sources = self.part(storage, SectionKind::Sources);
        EntryView {
            key: key.and_then(|key| str::from_utf8(key).ok()).unwrap_or_default(),
            label: text(self.part(storage, SectionKind::Labels), u32_at(record, 16) as usize),
            source: text(sources, 2 * source),
            format: text(sources, 2 * source + 1),
            position: u64_at(record, 8),
            flat: record[22] & FLAT != 0,
            quality: Some(record[23]).filter(|&quality| quality != UNKNOWN_QUALITY),
            columns: self.columns(storage, index),
        }
    }
}
