//! The columns of the entries of one segment to be.

use std::collections::HashMap;
use std::ops::Range;

use super::Columns;
use super::stored::{PLACE, place};
use crate::error::{Error, Result};
use crate::gallery::storage::{u32_at, u64_at};
use crate::gallery::texts::texts;

/// Names, values and which entry has which.
#[derive(Default)]
pub(in crate::gallery) struct CollectedColumns {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
    /// The places of each entry; ends early where no further entry has any.
    of: Vec<Range<usize>>,
    places: Vec<[u8; PLACE]>,
    values: Vec<u8>,
    /// The place of the last value of each name: entries of one record have the same values, and lists are often in the order of their series.
    last: Vec<Option<[u8; PLACE]>>,
}

impl std::fmt::Debug for CollectedColumns {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CollectedColumns").field("names", &self.names).finish_non_exhaustive()
    }
}

impl CollectedColumns {
    /// Names that are there whether an entry has a value of them or not, in this order.
    pub(in crate::gallery) fn announce(&mut self, names: &[String]) {
        for name in names {
            self.number(name);
        }
    }

    pub(in crate::gallery) fn names(&self) -> &[String] {
        &self.names
    }

    /// Refuses what cannot be kept of an entry: too many columns, too long ones, and names for which there are no numbers left.
    pub(in crate::gallery) fn check(&self, columns: &Columns) -> Result<()> {
        super::check(columns)?;
        let new = columns.iter().filter(|column| !self.numbers.contains_key(column.0)).count();
        if self.names.len() + new > usize::from(u16::MAX) {
            return Err(Error::Input("there are over 65,535 names of further columns".into()));
        }
        Ok(())
    }

    fn number(&mut self, name: &str) -> u16 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u16;
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        self.last.push(None);
        number
    }

    /// Writes down the columns of an entry, in place of those that it had.
    pub(in crate::gallery) fn set(&mut self, entry: usize, columns: &Columns) {
        if columns.is_empty() && self.of.len() <= entry {
            return;
        }
        if self.of.len() <= entry {
            self.of.resize(entry + 1, 0..0);
        }
        let start = self.places.len();
        for (name, value) in columns.iter() {
            let number = self.number(name);
            let place = match self.last[usize::from(number)] {
                Some(last) if self.value(&last) == value.as_bytes() => last,
                _ => place(self.values.len() as u64, value.len() as u32, number),
            };
            if self.last[usize::from(number)] != Some(place) {
                self.values.extend(value.as_bytes());
                self.last[usize::from(number)] = Some(place);
            }
            self.places.push(place);
        }
        self.of[entry] = start..self.places.len();
    }

    fn value(&self, place: &[u8; PLACE]) -> &[u8] {
        let start = u64_at(place, 0) as usize;
        &self.values[start..start + u32_at(place, 8) as usize]
    }

    /// The columns of an entry.
    pub(in crate::gallery) fn get(&self, entry: usize) -> Columns {
        let Some(places) = self.of.get(entry) else { return Columns::default() };
        let column = |place: &[u8; PLACE]| {
            let name = &self.names[usize::from(u16::from_le_bytes([place[12], place[13]]))];
            (name.as_str(), String::from_utf8_lossy(self.value(place)).into_owned())
        };
        Columns::new(self.places[places.clone()].iter().map(column))
    }

    /// Whether there is anything to be stored.
    pub(in crate::gallery) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The section of names.
    pub(in crate::gallery) fn name_section(&self) -> Vec<u8> {
        if self.is_empty() { Vec::new() } else { texts(&self.names) }
    }

    /// The section of ends, for so many entries; empty where no entry has a column.
    pub(in crate::gallery) fn end_section(&self, entries: usize) -> Vec<u8> {
        if self.of.is_empty() {
            return Vec::new();
        }
        let mut end = 0;
        let ends = (0..entries).map(|entry| {
            end += self.of.get(entry).map_or(0, |places| places.len() as u64);
            end.to_le_bytes()
        });
        ends.collect::<Vec<_>>().into_flattened()
    }

    /// The section of places: those of each entry in its turn.
    pub(in crate::gallery) fn place_section(&self) -> Vec<u8> {
        self.of.iter().flat_map(|places| self.places[places.clone()].as_flattened()).copied().collect()
    }

    /// The section of values.
    pub(in crate::gallery) fn values(&self) -> &[u8] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::super::stored::Stored;
    use super::*;

    #[test]
    fn what_is_collected_is_what_is_stored() {
        let mut collected = CollectedColumns::default();
        collected.announce(&["empty".into(), "series".into()]);
        let of = |pairs: &[(&str, &str)]| Columns::new(pairs.iter().copied());
        let all = [
            of(&[]),
            of(&[("series", "s1"), ("md5", "00")]),
            of(&[("series", "s1"), ("md5", "01")]),
            of(&[]),
            of(&[("series", "käse"), ("md5", "01")]),
        ];
        all.iter().enumerate().for_each(|(entry, columns)| collected.set(entry, columns));
        // What an entry had is replaced, also by nothing.
        collected.set(2, &of(&[("note", "n")]));
        collected.set(1, &of(&[]));
        let expected = [of(&[]), of(&[]), of(&[("note", "n")]), of(&[]), all[4].clone(), of(&[])];
        let (names, ends, places) =
            (collected.name_section(), collected.end_section(6), collected.place_section());
        for (entry, expected) in expected.iter().enumerate() {
            assert_eq!(collected.get(entry), *expected);
            let stored = Stored::of(&names, &ends, &places, collected.values(), entry);
            assert_eq!(Columns::new(stored.iter()), *expected, "{entry}");
        }
        assert_eq!(collected.names(), ["empty", "series", "md5", "note"]);
        assert_eq!(
            collected.values().len(),
            "s10001käse01n".len() - "01".len(),
            "what repeats is stored once"
        );
    }
}
