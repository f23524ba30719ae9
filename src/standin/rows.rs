//! What an exchange gives: one row for each thing that it lists, as the clock says that it is, with the time of its last change.
//!
//! NCMEC lists entries. StopNCII and ThreatExchange list signatures: several keys may hold the same one, and it is listed as removed when none does any
//! more. Changes are applied in the order of their times, then of their arrival. A change that arrives late, or a clock that is set back, has them all
//! applied anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use super::change::Change;
use super::cursor::{Cursor, Rank, mixed};

/// The first number that a row gets whose key is none.
const FIRST_ID: u64 = 1_000_000_000_000_001;

/// Most rows that one change touches: four signatures that were, four that are.
const TOUCHED: u64 = 8;

/// What a row is known by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// An entry: member and key.
    Entry(u64, String),
    /// A signature: the exchange's name of its type, and its text.
    Signature(&'static str, String),
}

/// Who holds a row: member and key.
pub(super) type Holder = (u64, String);

/// Something that is listed.
pub(super) struct Row {
    pub(super) identity: Identity,
    pub(super) id: u64,
    /// When it was changed last, in seconds since 1970.
    pub(super) time: i64,
    /// When it was changed first.
    pub(super) created: i64,
    /// Rises with the arrival of its last change; no two rows have the same.
    number: u64,
    pub(super) holders: BTreeMap<Holder, Held>,
}

/// What a holder says of a row.
pub(super) struct Held {
    /// The last change that said something.
    pub(super) change: Arc<Change>,
    /// The change since which it does not hold the row any more.
    pub(super) removal: Option<Arc<Change>>,
}

impl Row {
    pub(super) fn is_removed(&self) -> bool {
        self.holders.values().all(|held| held.removal.is_some())
    }
}

/// How the pages of a window follow each other.
#[derive(Clone, Copy)]
pub(super) enum Order {
    Arrival,
    Time,
}

impl Order {
    fn rank(self, row: &Row, seed: u64) -> Rank {
        match (seed, self) {
            (0, Order::Arrival) => Rank(0, row.number),
            (0, Order::Time) => Rank(row.time, row.number),
            _ => Rank(0, mixed(row.number ^ seed)),
        }
    }
}

/// What a request asks for.
pub(super) struct Window<'a> {
    /// The first second.
    pub(super) from: i64,
    /// The second after the last.
    pub(super) to: i64,
    pub(super) order: Order,
    pub(super) size: usize,
    pub(super) wanted: &'a dyn Fn(&Row) -> bool,
}

/// Some rows of a window.
pub(super) struct Page<'a> {
    pub(super) rows: Vec<&'a Row>,
    /// How many rows of the window come before it.
    pub(super) before: usize,
    /// How many rows the window has.
    pub(super) total: usize,
    /// The time of the window's newest row.
    pub(super) newest: Option<i64>,
    /// Where the page ends.
    pub(super) end: Option<Cursor>,
}

impl Page<'_> {
    pub(super) fn has_more(&self) -> bool {
        self.before + self.rows.len() < self.total
    }
}

/// Everything that arrived, and what it makes at a time.
pub(super) struct Rows {
    identities: fn(&Change) -> Vec<Identity>,
    changes: BTreeMap<(i64, u64), Arc<Change>>,
    known: HashSet<Holder>,
    /// The numbers of rows, which hold whatever is applied anew.
    ids: HashMap<Identity, u64>,
    taken: HashSet<u64>,
    applied: Option<(i64, u64)>,
    rows: Vec<Row>,
    places: HashMap<Identity, usize>,
    held: HashMap<Holder, Vec<Identity>>,
}

impl Rows {
    pub(super) fn new(identities: fn(&Change) -> Vec<Identity>) -> Rows {
        Rows {
            identities,
            changes: BTreeMap::new(),
            known: HashSet::new(),
            ids: HashMap::new(),
            taken: HashSet::new(),
            applied: None,
            rows: Vec::new(),
            places: HashMap::new(),
            held: HashMap::new(),
        }
    }

    /// Takes changes, all or none; the error names the first that is wrong by its place.
    pub(super) fn add(&mut self, changes: Vec<Change>) -> Result<(), String> {
        let mut new: HashSet<Holder> = HashSet::new();
        for (place, change) in changes.iter().enumerate() {
            let holder = (change.member, change.key.clone());
            let is_known = self.known.contains(&holder) || new.contains(&holder);
            if (self.identities)(change).is_empty() && !(change.is_removal && is_known) {
                let why = match change.is_removal {
                    true => "it removes a key that nobody added",
                    false => "it has no signature that this exchange knows",
                };
                return Err(format!("change {}: {why}", place + 1));
            }
            new.insert(holder);
        }
        self.known.extend(new);
        for change in changes {
            let place = (change.at, self.changes.len() as u64);
            if self.applied.is_some_and(|applied| place < applied) {
                self.forget();
            }
            self.changes.insert(place, Arc::new(change));
        }
        Ok(())
    }

    /// How many changes there are, and how many of them lie ahead of the clock.
    pub(super) fn counts(&self, now: i64) -> (usize, usize) {
        (self.changes.len(), self.changes.range((Bound::Excluded((now, u64::MAX)), Bound::Unbounded)).count())
    }

    /// Every member that a change names.
    pub(super) fn members(&self) -> BTreeMap<u64, &str> {
        self.changes.values().map(|change| (change.member, &*change.member_name)).collect()
    }

    /// All rows at a time.
    pub(super) fn at(&mut self, now: i64) -> &[Row] {
        let end = (now, u64::MAX);
        if self.applied.is_some_and(|applied| applied > end) {
            self.forget();
        }
        let begin = self.applied.map_or(Bound::Unbounded, Bound::Excluded);
        let due: Vec<_> =
            self.changes.range((begin, Bound::Included(end))).map(|(at, of)| (*at, of.clone())).collect();
        for (place, change) in due {
            self.apply(place, &change);
            self.applied = Some(place);
        }
        &self.rows
    }

    /// A page of a window at a time: the first one, in an order that the seed decides, or the one behind a cursor.
    pub(super) fn page(
        &mut self,
        now: i64,
        window: &Window<'_>,
        cursor: Option<Cursor>,
        seed: u64,
    ) -> Page<'_> {
        let (seed, until) = cursor.map_or((seed, now), |cursor| (cursor.seed, cursor.until));
        let inside = |row: &&Row| {
            (window.from..window.to).contains(&row.time) && row.time <= until && (window.wanted)(row)
        };
        let rows = self.at(now).iter().filter(inside);
        let mut ranked: Vec<(Rank, &Row)> = rows.map(|row| (window.order.rank(row, seed), row)).collect();
        let total = ranked.len();
        let newest = ranked.iter().map(|(_, row)| row.time).max();
        ranked.retain(|(rank, _)| cursor.is_none_or(|cursor| *rank > cursor.after));
        let before = total - ranked.len();
        if ranked.len() > window.size {
            ranked.select_nth_unstable_by_key(window.size, |(rank, _)| *rank);
            ranked.truncate(window.size);
        }
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        let after = ranked.last().map(|(rank, _)| *rank).or(cursor.map(|cursor| cursor.after));
        let end = after.map(|after| Cursor { issued: now, until, seed, after });
        Page { rows: ranked.into_iter().map(|(_, row)| row).collect(), before, total, newest, end }
    }

    fn forget(&mut self) {
        self.applied = None;
        self.rows.clear();
        self.places.clear();
        self.held.clear();
    }

    fn apply(&mut self, (at, arrival): (i64, u64), change: &Arc<Change>) {
        let holder = (change.member, change.key.clone());
        let old = self.held.get(&holder).cloned().unwrap_or_default();
        let now = match (self.identities)(change) {
            // What is removed is what was held, whatever else the change says.
            _ if change.is_removal && !old.is_empty() => old.clone(),
            named => named,
        };
        let left: Vec<Identity> = old.into_iter().filter(|identity| !now.contains(identity)).collect();
        let touched = left.into_iter().map(|identity| (identity, true));
        let touched = touched.chain(now.iter().map(|identity| (identity.clone(), change.is_removal)));
        for (index, (identity, is_removed)) in touched.enumerate() {
            let place = self.place(&identity, change, at);
            let row = &mut self.rows[place];
            row.time = at;
            row.number = arrival * TOUCHED + index as u64;
            let removal = is_removed.then(|| change.clone());
            match row.holders.get_mut(&holder) {
                Some(held) if is_removed => held.removal = removal,
                _ => drop(row.holders.insert(holder.clone(), Held { change: change.clone(), removal })),
            }
        }
        self.held.insert(holder, now);
    }

    fn place(&mut self, identity: &Identity, change: &Change, at: i64) -> usize {
        if let Some(place) = self.places.get(identity) {
            return *place;
        }
        let id = self.id(identity, &change.key);
        let (place, holders) = (self.rows.len(), BTreeMap::new());
        self.rows.push(Row { identity: identity.clone(), id, time: at, created: at, number: 0, holders });
        self.places.insert(identity.clone(), place);
        place
    }

    /// The number of a row: the key that named it first, where that is one, or the next that is free.
    fn id(&mut self, identity: &Identity, key: &str) -> u64 {
        if let Some(id) = self.ids.get(identity) {
            return *id;
        }
        let counted = (FIRST_ID + self.ids.len() as u64..).find(|id| !self.taken.contains(id));
        let named = key.parse().ok().filter(|id| !self.taken.contains(id));
        let id = named.or(counted).unwrap_or_default();
        self.taken.insert(id);
        self.ids.insert(identity.clone(), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::lines;
    use super::*;

    fn by_pdq(change: &Change) -> Vec<Identity> {
        change.signatures.pdq.iter().map(|pdq| Identity::Signature("PDQ", pdq.clone())).collect()
    }

    fn rows(lines_of: &[&str]) -> Rows {
        let mut rows = Rows::new(by_pdq);
        rows.add(changes(lines_of)).unwrap();
        rows
    }

    fn changes(lines_of: &[&str]) -> Vec<Change> {
        lines(lines_of.join("\n").as_bytes(), 0).ok().unwrap()
    }

    fn change(second: u32, rest: &str) -> String {
        format!(r#"{{"at":"1970-01-01T00:00:{second:02}Z",{rest}}}"#)
    }

    /// The rows at a time: signature, time of the last change, whether it is removed.
    fn seen(rows: &mut Rows, now: i64) -> Vec<(String, i64, bool)> {
        let text = |row: &Row| match &row.identity {
            Identity::Signature(_, text) => text.clone(),
            Identity::Entry(_, key) => key.clone(),
        };
        let mut seen: Vec<_> =
            rows.at(now).iter().map(|row| (text(row), row.time, row.is_removed())).collect();
        seen.sort();
        seen
    }

    fn row(text: &str, time: i64, is_removed: bool) -> (String, i64, bool) {
        (text.to_string(), time, is_removed)
    }

    #[test]
    fn rows_are_what_the_clock_says() {
        let lines = [
            change(10, r#""key":"a","pdq":"x""#),
            change(20, r#""key":"b","pdq":"x""#),
            change(30, r#""key":"a","op":"remove""#),
            change(40, r#""key":"b","op":"update","pdq":"y""#),
        ];
        let mut rows = rows(&lines.each_ref().map(|line| &**line));
        let expected = [
            (9, vec![]),
            (10, vec![row("x", 10, false)]),
            (29, vec![row("x", 20, false)]),
            (39, vec![row("x", 30, false)]),
            (40, vec![row("x", 40, true), row("y", 40, false)]),
        ];
        for (now, expected) in expected.iter().chain(expected.iter().rev()) {
            assert_eq!(seen(&mut rows, *now), *expected, "at {now}");
        }
        // What arrives late is applied in its time.
        let late = change(5, r#""key":"c","pdq":"y""#);
        assert_eq!(seen(&mut rows, 40), expected[4].1);
        rows.add(changes(&[&late])).unwrap();
        assert_eq!(seen(&mut rows, 39), [row("x", 30, false), row("y", 5, false)]);
        assert_eq!((rows.counts(39), rows.counts(40)), ((5, 1), (5, 0)));
    }

    #[test]
    fn what_says_nothing_is_refused_with_all_that_came_with_it() {
        let mut rows = rows(&[]);
        for (wrong, why) in [
            (r#"{"key":"a","md5":"x"}"#, "change 2: it has no signature that this exchange knows"),
            (r#"{"key":"a","op":"remove"}"#, "change 2: it removes a key that nobody added"),
        ] {
            let both = changes(&[r#"{"key":"b","pdq":"x"}"#, wrong]);
            assert_eq!(rows.add(both).unwrap_err(), why);
        }
        assert_eq!(rows.counts(0), (0, 0));
        rows.add(changes(&[r#"{"key":"a","op":"remove","pdq":"x"}"#])).unwrap();
        assert_eq!(seen(&mut rows, 0), [row("x", 0, true)]);
    }

    #[test]
    fn numbers_are_keys_or_counted_and_stay() {
        let lines = [r#"{"key":"77","pdq":"x"}"#, r#"{"key":"a","pdq":"y"}"#, r#"{"key":"77","pdq":"z"}"#];
        let mut rows = rows(&lines);
        let ids = |rows: &mut Rows| rows.at(0).iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(&mut rows), [77, FIRST_ID + 1, FIRST_ID + 2]);
        rows.forget();
        assert_eq!(ids(&mut rows), [77, FIRST_ID + 1, FIRST_ID + 2]);
    }

    /// The signatures of every page, and how many pages there were.
    fn paged(
        rows: &mut Rows,
        order: Order,
        seed: u64,
        mut between: impl FnMut(&mut Rows),
    ) -> (Vec<i64>, usize) {
        let window = Window { from: 0, to: i64::MAX, order, size: 7, wanted: &|_| true };
        let (mut all, mut pages, mut cursor) = (Vec::new(), 0, None);
        loop {
            let page = rows.page(59, &window, cursor, seed);
            assert_eq!((page.before, page.newest), (all.len(), Some(49)));
            all.extend(page.rows.iter().map(|row| row.time));
            pages += 1;
            assert_eq!(page.end.map(|end| end.seed), Some(seed));
            if !page.has_more() {
                return (all, pages);
            }
            cursor = page.end.and_then(|end| Cursor::read(&end.text(), 59));
            between(rows);
        }
    }

    #[test]
    fn pages_hold_every_row_once_in_each_order() {
        let line = |n: u32| change((n * 17) % 50, &format!(r#""key":"{n}","pdq":"{n}""#));
        let lines: Vec<String> = (0..50).map(line).collect();
        let mut rows = rows(&lines.iter().map(|line| &**line).collect::<Vec<_>>());
        let sorted: Vec<i64> = (0..50).collect();
        let arrival: Vec<i64> = (0..50).map(|n| (n * 17) % 50).collect();
        assert_eq!(paged(&mut rows, Order::Time, 0, |_| ()), (sorted.clone(), 8));
        assert_eq!(paged(&mut rows, Order::Arrival, 0, |_| ()), (arrival.clone(), 8));
        for order in [Order::Time, Order::Arrival] {
            let (mut shuffled, pages) = paged(&mut rows, order, 9, |_| ());
            assert!(shuffled != sorted && shuffled != arrival && pages == 8);
            // Across pages too.
            assert!(shuffled[..7].iter().max() > shuffled[42..].iter().min());
            shuffled.sort_unstable();
            assert_eq!(shuffled, sorted);
        }
        let none = Window { from: 50, to: 60, order: Order::Time, size: 7, wanted: &|_| true };
        let page = rows.page(59, &none, None, 0);
        assert!(page.rows.is_empty() && page.end.is_none() && page.newest.is_none() && !page.has_more());
    }

    #[test]
    fn what_changes_between_two_pages_is_for_the_next_window() {
        let lines: Vec<String> = (0..20).map(|n| change(n, &format!(r#""key":"{n}","pdq":"{n}""#))).collect();
        let mut rows = rows(&lines.iter().map(|line| &**line).collect::<Vec<_>>());
        let window = Window { from: 0, to: i64::MAX, order: Order::Time, size: 10, wanted: &|_| true };
        let end = rows.page(30, &window, None, 0).end;
        rows.add(changes(&[
            &change(31, r#""key":"15","op":"remove""#),
            &change(31, r#""key":"z","pdq":"z""#),
        ]))
        .unwrap();
        let page = rows.page(40, &window, end, 0);
        let times: Vec<i64> = page.rows.iter().map(|row| row.time).collect();
        assert_eq!(times, [10, 11, 12, 13, 14, 16, 17, 18, 19]);
        assert!(!page.has_more() && page.newest == Some(19));
        let next = Window { from: 19, ..window };
        let times: Vec<i64> = rows.page(40, &next, None, 0).rows.iter().map(|row| row.time).collect();
        assert_eq!(times, [19, 31, 31]);
    }
}
