//! Columns as a segment stores them: names, and for each entry the places of its values.

use crate::gallery::storage::{u32_at, u64_at};
use crate::gallery::texts::find_bytes;

/// Most columns that are kept of a list, and of one of its records.
pub const MOST_COLUMNS: usize = 256;

/// Most bytes of a column's name.
pub const LONGEST_COLUMN_NAME: usize = 256;

/// Most bytes of a column's value.
pub const LARGEST_COLUMN_VALUE: usize = 64 << 10;

/// Most bytes of all values of one entry.
pub const LARGEST_COLUMNS: usize = 256 << 10;

/// Bytes per entry in the section of ends: how many places there are up to and with those of the entry.
pub(in crate::gallery) const END: usize = 8;

/// Bytes of a place: where the value starts (8), its length (4), the number of its name (2), and nothing (2).
pub(in crate::gallery) const PLACE: usize = 16;

/// A place of a value.
pub(super) fn place(start: u64, length: u32, name: u16) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[..8].copy_from_slice(&start.to_le_bytes());
    place[8..12].copy_from_slice(&length.to_le_bytes());
    place[12..14].copy_from_slice(&name.to_le_bytes());
    place
}

/// What a segment stores of one entry's columns.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::gallery) struct Stored<'a> {
    /// Texts, as [`texts`](crate::gallery::texts::texts) writes them.
    names: &'a [u8],
    places: &'a [[u8; PLACE]],
    values: &'a [u8],
}

impl<'a> Stored<'a> {
    /// What the sections hold of an entry; nothing where they are damaged.
    pub(in crate::gallery) fn of(
        names: &'a [u8],
        ends: &[u8],
        places: &'a [u8],
        values: &'a [u8],
        entry: usize,
    ) -> Stored<'a> {
        if ends.len() < END * (entry + 1) {
            return Stored::default();
        }
        let start = entry.checked_sub(1).map_or(0, |before| u64_at(ends, END * before));
        let end = u64_at(ends, END * entry);
        let places = places.as_chunks::<PLACE>().0.get(start as usize..end as usize).unwrap_or_default();
        Stored { names, places, values }
    }

    /// Names and values, as far as they are there and no longer than they may be: a damaged file must not cost more than a whole one.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let Stored { names, places, values } = self;
        places.iter().take(MOST_COLUMNS).filter_map(move |place| {
            let (start, length) = (usize::try_from(u64_at(place, 0)).ok()?, u32_at(place, 8) as usize);
            let name = u16::from_le_bytes([place[12], place[13]]);
            let value = values.get(start..start.checked_add(length)?)?;
            let name = find_bytes(names, name.into())?;
            if name.len() > LONGEST_COLUMN_NAME || value.len() > LARGEST_COLUMN_VALUE {
                return None;
            }
            Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
        })
    }
}
