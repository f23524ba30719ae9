//! Further columns of lists: what a record says besides key, label and signatures, kept with the entry where that was asked for.
//!
//! They say whose pictures these are: series, digests, notes. So nothing is kept that was not asked for, and no value stands in an error or in
//! what `Debug` writes.

use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) mod collected;
pub(super) mod stored;

use crate::error::{Error, Result};
use stored::Stored;
pub use stored::{LARGEST_COLUMN_VALUE, LARGEST_COLUMNS, LONGEST_COLUMN_NAME, MOST_COLUMNS};

/// Names and values, ordered by name. Cheap to clone; `Debug` shows the names only.
///
/// As text it is a JSON object.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Columns(Option<Arc<[Pair]>>);

/// A name and its value.
type Pair = (Arc<str>, Arc<str>);

impl Columns {
    /// These columns. What is empty is not there, and of several of one name the last one counts.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(columns: impl IntoIterator<Item = (N, V)>) -> Columns {
        let pairs = columns.into_iter().map(|(name, value)| (name.into(), value.into()));
        let mut pairs: Vec<Pair> = pairs.filter(|pair: &Pair| !pair.1.is_empty()).collect();
        // The last of each name comes first.
        pairs.reverse();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        pairs.dedup_by(|later, kept| later.0 == kept.0);
        Columns((!pairs.is_empty()).then(|| pairs.into()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the column of this very name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|column| column.0 == name).map(|column| column.1)
    }

    /// Names and values, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|pairs| pairs.iter()).map(|(name, value)| (&**name, &**value))
    }

    /// Bytes of all names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// As one text: a JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From that text.
    #[cfg(feature = "parquet")]
    pub(crate) fn of_json(text: &str) -> Option<Columns> {
        serde_json::from_str(text).ok()
    }
}

impl fmt::Debug for Columns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(|column| column.0)).finish()
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Columns, D::Error> {
        from.deserialize_map(Pairs)
    }
}

/// Reads an object of texts.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Columns;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Columns, A::Error> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Columns::new(pairs))
    }
}

/// The columns of an entry in a gallery; `Debug` shows the names only.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnsView<'a>(pub(super) Stored<'a>);

impl<'a> ColumnsView<'a> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The value of the column of this very name.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter().find(|column| column.0 == name).map(|column| column.1)
    }

    /// Names and values, ordered by name. What is damaged is not among them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.iter()
    }

    /// Bytes of all names and values.
    pub(crate) fn bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// The same for good.
    pub fn to_columns(&self) -> Columns {
        Columns::new(self.iter())
    }
}

impl fmt::Debug for ColumnsView<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(|column| column.0)).finish()
    }
}

/// Refuses what a gallery cannot hold of an entry.
fn check(columns: &Columns) -> Result<()> {
    let limits = [
        ("number of further columns of an entry", columns.iter().count(), MOST_COLUMNS),
        (
            "bytes of the further columns of an entry",
            columns.bytes(),
            LARGEST_COLUMNS + MOST_COLUMNS * LONGEST_COLUMN_NAME,
        ),
        (
            "bytes of a column's name",
            columns.iter().map(|column| column.0.len()).max().unwrap_or(0),
            LONGEST_COLUMN_NAME,
        ),
        (
            "bytes of a column's value",
            columns.iter().map(|column| column.1.len()).max().unwrap_or(0),
            LARGEST_COLUMN_VALUE,
        ),
    ];
    match limits.into_iter().find(|(_, actual, limit)| actual > limit) {
        Some((what, actual, limit)) => {
            Err(Error::Limit { what, actual: actual as u64, limit: limit as u64, field: None })
        }
        None => Ok(()),
    }
}
