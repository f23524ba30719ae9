//! Which copy of a group is the best, and why.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;

use super::item::Item;

/// What makes a copy the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Keep {
    /// Most pixels; of these what says how it is turned or has a colour profile; of these the largest file; of these the oldest
    Best,
    /// The file that was changed last the longest ago; of these the one of most pixels
    Oldest,
    /// The file of most bytes; of these the one of most pixels
    Largest,
}

/// By what copies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Whole,
    Pixels,
    Metadata,
    Bytes,
    Age,
}

impl Measure {
    /// The better the larger; what is not known comes last.
    fn of(self, item: &Item) -> Option<i128> {
        match self {
            Measure::Whole => Some(i128::from(!item.is_damaged)),
            Measure::Pixels => item.pixels().map(i128::from),
            Measure::Metadata => Some(i128::from(item.is_turned) + i128::from(item.is_profiled)),
            Measure::Bytes => item.bytes.map(i128::from),
            Measure::Age => item.modified().map(|when| -nanoseconds(when)),
        }
    }

    /// Why the only copy that is best by this, and as good as others by what came before, is the best.
    fn why(self, before: &[Measure]) -> &'static str {
        match self {
            Measure::Whole => "not damaged",
            Measure::Pixels => "most pixels",
            Measure::Metadata => "has the turn or colours of its camera",
            Measure::Bytes if before.contains(&Measure::Pixels) => "most pixels, largest file",
            Measure::Bytes => "largest file",
            Measure::Age => "oldest",
        }
    }
}

/// Since 1970, or before it as a negative number.
fn nanoseconds(when: SystemTime) -> i128 {
    let number = |nanoseconds: u128| i128::try_from(nanoseconds).unwrap_or(i128::MAX);
    match when.duration_since(UNIX_EPOCH) {
        Ok(since) => number(since.as_nanos()),
        Err(before) => -number(before.duration().as_nanos()),
    }
}

/// The best of some items, of which there is one at least, and why.
///
/// A copy in a reference folder goes first, since it is kept anyway; then a picture that is whole, since half of one is no copy to keep.
pub(super) fn best(items: &[Item], keep: Keep) -> (usize, &'static str) {
    let measures = match keep {
        Keep::Best => [Measure::Whole, Measure::Pixels, Measure::Metadata, Measure::Bytes, Measure::Age],
        Keep::Oldest => [Measure::Whole, Measure::Age, Measure::Pixels, Measure::Metadata, Measure::Bytes],
        Keep::Largest => [Measure::Whole, Measure::Bytes, Measure::Pixels, Measure::Metadata, Measure::Age],
    };
    let mut left: Vec<usize> = (0..items.len()).filter(|&at| items[at].is_reference).collect();
    let mut why = (!left.is_empty() && left.len() < items.len()).then_some("in a reference folder");
    if left.is_empty() {
        left = (0..items.len()).collect();
    }
    for (number, measure) in measures.into_iter().enumerate().filter(|_| items.len() > 1) {
        let Some(most) = left.iter().map(|&at| measure.of(&items[at])).max() else { break };
        let before = left.len();
        left.retain(|&at| measure.of(&items[at]) == most);
        if left.len() == 1 && before > 1 {
            why = why.or(Some(measure.why(&measures[..number])));
        }
    }
    let first = left.into_iter().min_by_key(|&at| (&items[at].key, at));
    (first.unwrap_or(0), why.unwrap_or("first by name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, width: u32, bytes: u64) -> Item {
        Item { key: key.into(), width: Some(width), height: Some(10), bytes: Some(bytes), ..Item::default() }
    }

    #[test]
    fn the_best_copy_has_a_reason() {
        let reference = |item: Item| Item { is_reference: true, ..item };
        let damaged = |item: Item| Item { is_damaged: true, ..item };
        let (small, large) = (item("a", 10, 900), item("b", 20, 100));
        let turned = Item { is_turned: true, ..item("c", 20, 50) };
        let found = |items: &[Item], keep| best(items, keep);
        assert_eq!(found(&[small.clone(), large.clone()], Keep::Best), (1, "most pixels"));
        assert_eq!(found(&[small.clone(), large.clone()], Keep::Largest), (0, "largest file"));
        assert_eq!(
            found(&[item("a", 20, 1), item("b", 20, 2), small.clone()], Keep::Best),
            (1, "most pixels, largest file")
        );
        let turned_first = (1, "has the turn or colours of its camera");
        assert_eq!(found(&[large.clone(), turned, small.clone()], Keep::Best), turned_first);
        assert_eq!(
            found(&[reference(small.clone()), large.clone()], Keep::Best),
            (0, "in a reference folder")
        );
        assert_eq!(
            found(&[reference(small.clone()), reference(large.clone())], Keep::Best),
            (1, "most pixels")
        );
        assert_eq!(found(&[damaged(large), small], Keep::Best), (1, "not damaged"));
        assert_eq!(found(&[item("b", 1, 1), item("a", 1, 1)], Keep::Oldest), (1, "first by name"));
        let entry = |key: &str| Item { key: key.into(), ..Item::default() };
        assert_eq!(found(&[entry("b"), entry("a")], Keep::Best), (1, "first by name"));
    }
}
