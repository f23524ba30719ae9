//! What pictures a job has met, in counts, so that its report need not read the records again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pipeline::StoredRecord;

/// Upper ends of the classes of [`Census::sizes`] in pixels; the last class has none.
pub const SIZE_CLASSES: [u64; 6] = [100_000, 500_000, 1_000_000, 4_000_000, 16_000_000, 64_000_000];

/// Hashed pictures by what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Census {
    /// By [`Format::name`](crate::Format::name).
    pub formats: BTreeMap<String, u64>,
    /// By how much of them was read: `full`, `scaled-1` and so on.
    pub details: BTreeMap<String, u64>,
    /// By flag; a picture may have none or several.
    pub flags: BTreeMap<String, u64>,
    /// By pixels: under each of [`SIZE_CLASSES`], and from the last on.
    pub sizes: [u64; SIZE_CLASSES.len() + 1],
    /// Those with at least one match.
    pub matched: u64,
}

impl Census {
    /// Counts a record; one that failed is in no class.
    pub(in crate::job) fn add(&mut self, record: &StoredRecord) {
        let Ok(picture) = &record.outcome else { return };
        count(&mut self.formats, picture.format.as_deref().unwrap_or("pixels"), 1);
        count(&mut self.details, &picture.detail, 1);
        picture.flags.iter().for_each(|flag| count(&mut self.flags, flag, 1));
        self.sizes[size_class(u64::from(picture.width) * u64::from(picture.height))] += 1;
        self.matched += u64::from(record.matches.as_ref().is_some_and(|matches| !matches.is_empty()));
    }

    /// Whether no class holds more than so many pictures.
    pub(in crate::job) fn is_within(&self, pictures: u64) -> bool {
        let Census { formats, details, flags, sizes, matched } = self;
        let named = [formats, details, flags].into_iter().flat_map(BTreeMap::values);
        named.chain(sizes).chain([matched]).all(|count| *count <= pictures)
    }

    /// Adds what another part of the job met.
    pub(in crate::job) fn merge(&mut self, other: &Census) {
        for (into, from) in [
            (&mut self.formats, &other.formats),
            (&mut self.details, &other.details),
            (&mut self.flags, &other.flags),
        ] {
            from.iter().for_each(|(name, times)| count(into, name, *times));
        }
        self.sizes.iter_mut().zip(other.sizes).for_each(|(into, from)| *into += from);
        self.matched += other.matched;
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, times: u64) {
    match counts.get_mut(name) {
        Some(count) => *count += times,
        None => drop(counts.insert(name.to_string(), times)),
    }
}

fn size_class(pixels: u64) -> usize {
    SIZE_CLASSES.iter().position(|end| pixels < *end).unwrap_or(SIZE_CLASSES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_begin_where_the_one_before_ends() {
        assert_eq!(
            [0, 99_999, 100_000, 63_999_999, 64_000_000, u64::MAX].map(size_class),
            [0, 0, 1, 5, 6, 6]
        );
    }

    #[test]
    fn merging_adds_every_count() {
        let census = |formats: &[(&str, u64)], size| Census {
            formats: formats.iter().map(|(name, count)| (name.to_string(), *count)).collect(),
            sizes: [size; 7],
            matched: size,
            ..Census::default()
        };
        let mut both = census(&[("jpeg", 2)], 1);
        both.merge(&census(&[("jpeg", 3), ("png", 1)], 4));
        assert_eq!(both, census(&[("jpeg", 5), ("png", 1)], 5));
    }
}
