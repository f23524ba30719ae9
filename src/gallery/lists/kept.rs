//! Further columns of one record, as it is read.

use std::sync::Arc;

use crate::gallery::Columns;
use crate::gallery::columns::{LARGEST_COLUMN_VALUE, LARGEST_COLUMNS, MOST_COLUMNS};

/// What stands between several values of one name.
const BETWEEN: &str = "; ";

/// Most values of one name.
const MOST_VALUES: u16 = 256;

/// Most bytes in which a value is looked for that is perhaps there already: the work is linear whatever a record repeats.
const LONGEST_SEARCHED: usize = 4096;

/// Most faults that a record reports.
const MOST_FAULTS: usize = 8;

/// Columns that are kept, and what of them is not.
#[derive(Debug, Default)]
pub(super) struct KeptColumns {
    columns: Vec<Kept>,
    /// Why something is not kept; without the content. The entry is whole without.
    faults: Vec<String>,
}

#[derive(Debug, Clone)]
struct Kept {
    name: Arc<str>,
    /// Shared, as all signatures of a record have it.
    value: Arc<str>,
    /// How many values were joined to it.
    values: u16,
}

impl KeptColumns {
    /// Empties it, with its memory kept.
    pub(super) fn clear(&mut self) {
        self.columns.clear();
        self.faults.clear();
    }

    /// Keeps a value; one that is empty or there already says nothing. Several of one name stand behind each other.
    pub(super) fn keep(&mut self, name: &Arc<str>, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let too_much = self.bytes() + value.len() > LARGEST_COLUMNS;
        let Some(own) = self.columns.iter_mut().find(|column| column.name == *name) else {
            if value.len() > LARGEST_COLUMN_VALUE {
                return self.fault(too_long(value.len()));
            }
            return self.push(Kept { name: name.clone(), value: value.into(), values: 1 });
        };
        if own.value.len() <= LONGEST_SEARCHED && own.value.split(BETWEEN).any(|known| known == value) {
            return;
        }
        let length = own.value.len() + BETWEEN.len() + value.len();
        let fault = if own.values == MOST_VALUES {
            format!("over {MOST_VALUES} values of one further column: the others are not kept")
        } else if length > LARGEST_COLUMN_VALUE {
            too_long(length)
        } else if too_much {
            too_much_together()
        } else {
            (own.value, own.values) = ([&*own.value, BETWEEN, value].concat().into(), own.values + 1);
            return;
        };
        self.fault(fault);
    }

    /// Something that is not kept.
    pub(super) fn fault(&mut self, reason: String) {
        if self.faults.len() < MOST_FAULTS && !self.faults.contains(&reason) {
            self.faults.push(reason);
        }
    }

    /// Takes everything from a part that is no record of its own.
    pub(super) fn take(&mut self, part: &mut KeptColumns) {
        part.columns.drain(..).for_each(|column| self.keep(&column.name, &column.value));
        part.faults.drain(..).for_each(|reason| self.fault(reason));
    }

    /// Takes from the record that this is a part of what it does not say itself.
    pub(super) fn inherit(&mut self, record: &KeptColumns) {
        for column in &record.columns {
            if !self.columns.iter().any(|own| own.name == column.name) {
                self.push(column.clone());
            }
        }
    }

    fn push(&mut self, column: Kept) {
        if self.columns.len() == MOST_COLUMNS || self.bytes() + column.value.len() > LARGEST_COLUMNS {
            self.fault(too_much_together());
        } else {
            self.columns.push(column);
        }
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(|column| column.value.len()).sum()
    }

    /// The columns of the entries.
    pub(super) fn columns(&self) -> Columns {
        Columns::new(self.columns.iter().map(|column| (column.name.clone(), column.value.clone())))
    }

    /// What is to be reported, once.
    pub(super) fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }
}

fn too_long(length: usize) -> String {
    format!("{length} bytes of one further column are not kept: up to {LARGEST_COLUMN_VALUE} are")
}

fn too_much_together() -> String {
    format!("not all further columns are kept: up to {MOST_COLUMNS} of together {LARGEST_COLUMNS} bytes are")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pairs: &[(&str, &str)]) -> KeptColumns {
        let mut kept = KeptColumns::default();
        pairs.iter().for_each(|(name, value)| kept.keep(&Arc::from(*name), value));
        kept
    }

    #[test]
    fn values_of_one_name_stand_together_once() {
        let mut record = kept(&[("a", " x "), ("b", ""), ("a", "y"), ("a", "x"), ("c", "z")]);
        assert_eq!(record.columns(), Columns::new([("a", "x; y"), ("c", "z")]));
        record.take(&mut kept(&[("a", "w"), ("d", "v")]));
        assert_eq!(record.columns(), Columns::new([("a", "x; y; w"), ("c", "z"), ("d", "v")]));
        let mut part = kept(&[("a", "own")]);
        part.inherit(&record);
        assert_eq!(part.columns(), Columns::new([("a", "own"), ("c", "z"), ("d", "v")]));
        record.clear();
        assert!(record.columns().is_empty());
    }

    #[test]
    fn what_a_record_repeats_without_end_is_bounded() {
        let mut record = KeptColumns::default();
        let names: Vec<Arc<str>> = (0..300).map(|number| number.to_string().into()).collect();
        for value in 0..1000 {
            names.iter().for_each(|name| record.keep(name, &"v".repeat(value)));
        }
        assert!(record.bytes() <= LARGEST_COLUMNS && record.columns.len() == MOST_COLUMNS);
        assert!((1..=MOST_FAULTS).contains(&record.take_faults().len()));
        let mut many = KeptColumns::default();
        (0..1000).for_each(|value| many.keep(&names[0], &value.to_string()));
        assert_eq!(many.columns[0].values, MOST_VALUES);
        let mut part = kept(&[("own", &"v".repeat(LARGEST_COLUMN_VALUE))]);
        part.inherit(&record);
        assert!(part.bytes() <= LARGEST_COLUMNS && part.columns.len() > 1);
    }
}
