//! What has changed since the gallery was written, key by key, and the gallery that it makes.

use std::collections::hash_map::{Entry as Slot, HashMap};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::date;
use super::entries::Record;
use crate::error::{Error, Result};
use crate::gallery::rewrite::rewrite;
use crate::gallery::{Entry, EntryId, Gallery};

/// The newest state of every key that was read.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    states: HashMap<String, State>,
    bytes: usize,
}

#[derive(Debug)]
struct State {
    time: Option<u64>,
    entries: Vec<Entry>,
}

/// What a write came to, in entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    pub(crate) added: u64,
    pub(crate) changed: u64,
    pub(crate) removed: u64,
    /// Those of which a signature is gone: removed ones, and changed ones that have another.
    pub(crate) lost: u64,
    /// Those of the gallery now.
    pub(crate) entries: u64,
    /// Whether there is a new file.
    pub(crate) is_changed: bool,
}

impl Changes {
    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// About how many bytes were taken.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Takes a record, unless a newer state of its key is known; keys that are taken back are kept in `removed` with their time.
    pub(crate) fn take(&mut self, record: Record, removed: &mut BTreeMap<String, u64>) {
        self.bytes += record.bytes();
        let Record { key, time, entries, .. } = record;
        let is_older = |than: Option<u64>| time.zip(than).is_some_and(|(time, than)| time < than);
        if is_older(removed.get(&key).copied()) {
            return;
        }
        match time {
            Some(time) if entries.is_empty() => drop(removed.insert(key.clone(), time)),
            _ => drop(removed.remove(&key)),
        }
        match self.states.entry(key) {
            Slot::Occupied(known) if is_older(known.get().time) => {}
            Slot::Occupied(mut known) => drop(known.insert(State { time, entries })),
            Slot::Vacant(free) => drop(free.insert(State { time, entries })),
        }
    }

    /// Writes to `path` what `base` becomes, if it changes at all; `list` is the name and the format of the list.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if more than `most_lost` entries would lose a signature; those of [`rewrite`].
    pub(crate) fn write(
        mut self,
        base: &Gallery,
        list: (&str, &str),
        path: &Path,
        most_lost: u64,
    ) -> Result<Written> {
        let mut had: HashMap<String, Vec<EntryId>> = HashMap::new();
        for id in base.ids() {
            let key = base.entry(id).key;
            if self.states.contains_key(key) {
                had.entry(key.to_owned()).or_default().push(id);
            }
        }
        let (mut written, mut gone) = (Written::default(), HashSet::new());
        for (key, ids) in had {
            let Some(state) = self.states.get(&key) else { continue };
            if is_older(state, base, &ids) || is_same(state, base, &ids) {
                self.states.remove(&key);
                continue;
            }
            let (before, now) = (ids.len() as u64, state.entries.len() as u64);
            written.changed += before.min(now);
            written.removed += before.saturating_sub(now);
            written.lost += ids.iter().filter(|id| is_lost(state, base, **id)).count() as u64;
            gone.extend(ids);
        }
        let mut new: Vec<Entry> = self.states.into_values().flat_map(|state| state.entries).collect();
        written.added = new.len() as u64 - written.changed;
        written.entries = base.counts().entries - gone.len() as u64 + new.len() as u64;
        if written.lost > most_lost {
            return Err(shrinks());
        }
        if gone.is_empty() && new.is_empty() {
            return Ok(written);
        }
        // The same changes make the same file.
        new.sort_by(|one, other| (one.position, &one.key).cmp(&(other.position, &other.key)));
        rewrite(base, &gone, list, new, path)?;
        written.is_changed = true;
        Ok(written)
    }
}

/// How many of so many entries may be lost before a person agrees: a tenth; of few, five or half.
pub(crate) fn may_lose(entries: u64) -> u64 {
    (entries / 10).max(5.min(entries / 2))
}

/// The error about a list that loses too much at once.
pub(crate) fn shrinks() -> Error {
    Error::Input(
        "the list would lose more than a tenth of its entries, or of their signatures, so nothing of that is written: ask the exchange whether this is \
         meant; if it is, run `shadegrid gallery sync NAME --accept-shrink` while the service does not run"
            .into(),
    )
}

/// Whether a gallery has a newer state of a key already: the position of an entry is its time, 0 where it has none. A time that is
/// to come says nothing.
fn is_older(state: &State, base: &Gallery, ids: &[EntryId]) -> bool {
    let newest = ids.iter().map(|id| base.entry(*id).position).filter(|time| !date::is_ahead(*time)).max();
    state.time.zip(newest).is_some_and(|(time, newest)| time < newest)
}

/// Whether a state has no longer every signature of an entry.
fn is_lost(state: &State, base: &Gallery, id: EntryId) -> bool {
    let (photodna, pdq) = (base.photodna(id), base.pdq(id));
    let has_photodna = photodna.is_none() || state.entries.iter().any(|entry| entry.photodna == photodna);
    let has_pdq = pdq.is_none() || state.entries.iter().any(|entry| entry.pdq == pdq);
    !(has_photodna && has_pdq)
}

/// Whether a gallery has exactly these entries of a key.
fn is_same(state: &State, base: &Gallery, ids: &[EntryId]) -> bool {
    let has = |entry: &Entry| ids.iter().any(|id| base.owned(*id) == *entry);
    ids.len() == state.entries.len() && state.entries.iter().all(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Pdq;

    fn record(key: &str, time: Option<u64>, signatures: &[u8]) -> Record {
        let entry =
            |&byte| Entry::default().key(key.into()).position(time.unwrap_or(0)).pdq(Some(Pdq([byte; 32])));
        Record { key: key.into(), time, entries: signatures.iter().map(entry).collect(), left_out: 0 }
    }

    fn content(gallery: &Gallery) -> Vec<(String, u64, u8)> {
        let of = |id| {
            let entry = gallery.owned(id);
            (entry.key, entry.position, entry.pdq.unwrap().0[0])
        };
        let mut all: Vec<_> = gallery.ids().map(of).collect();
        all.sort();
        all
    }

    /// A gallery after pages of records, each written by itself.
    fn after(pages: &[Vec<Record>]) -> (Gallery, Vec<Written>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        crate::gallery::GalleryBuilder::new().create(&path).unwrap();
        let (mut removed, mut all) = (BTreeMap::new(), Vec::new());
        for page in pages {
            let mut changes = Changes::default();
            page.iter().cloned().for_each(|record| changes.take(record, &mut removed));
            let base = Gallery::open(&path).unwrap();
            all.push(changes.write(&base, ("list", "json"), &path, u64::MAX).unwrap());
        }
        (Gallery::open(&path).unwrap(), all)
    }

    #[test]
    fn the_newest_state_counts_in_any_order_and_any_number_of_times() {
        let history = [
            record("a", Some(1), &[1]),
            record("a", Some(2), &[2]),
            record("b", Some(3), &[3, 4]),
            record("a", Some(4), &[]),
            record("c", Some(5), &[5]),
            record("b", Some(6), &[4]),
            record("d", Some(7), &[7]),
            record("d", Some(8), &[]),
            record("d", Some(9), &[9]),
        ];
        let expected = [("b".into(), 6, 4), ("c".into(), 5, 5), ("d".into(), 9, 9)];
        let mut compared = 0;
        for turn in 0..history.len() {
            for pages in [1, 2, 4, 9] {
                let mut order = history.to_vec();
                order.rotate_left(turn);
                if turn % 2 == 1 {
                    order.reverse();
                }
                let mut pages: Vec<Vec<Record>> =
                    order.chunks(order.len().div_ceil(pages)).map(<[Record]>::to_vec).collect();
                let again = pages.clone();
                pages.extend(again);
                let (gallery, written) = after(&pages);
                assert_eq!(content(&gallery), expected, "{turn}");
                assert!(written.iter().map(|one| one.added + one.changed).sum::<u64>() >= 3);
                assert_eq!(written.last().unwrap().entries, 3);
                compared += 1;
            }
        }
        assert_eq!(compared, 36);
    }

    #[test]
    fn what_is_repeated_writes_nothing() {
        let page = vec![record("a", Some(1), &[1, 2]), record("b", None, &[3])];
        let (_, written) = after(&[
            page.clone(),
            page,
            vec![record("a", Some(2), &[2, 5, 6])],
            vec![record("b", None, &[])],
        ]);
        let counts: Vec<_> = written
            .iter()
            .map(|one| (one.added, one.changed, one.removed, one.entries, one.is_changed))
            .collect();
        assert_eq!(counts, [(3, 0, 0, 3, true), (0, 0, 0, 3, false), (1, 2, 0, 4, true), (0, 0, 1, 3, true)]);
    }

    #[test]
    fn a_gallery_whose_times_are_to_come_changes_too() {
        let (gallery, _) =
            after(&[vec![record("a", Some(253_402_300_799), &[1])], vec![record("a", Some(5), &[])]]);
        assert_eq!(content(&gallery), []);
    }

    #[test]
    fn a_shrink_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        crate::gallery::GalleryBuilder::new().create(&path).unwrap();
        let mut changes = Changes::default();
        (0..20).for_each(|k| changes.take(record(&k.to_string(), Some(1), &[k]), &mut BTreeMap::new()));
        changes.write(&Gallery::open(&path).unwrap(), ("list", "json"), &path, 0).unwrap();
        for (gone, most, is_refused) in
            [(2, 2, false), (3_u64, 2, true), (20, 2, true), (20, u64::MAX, false)]
        {
            // Taken back, or with another signature.
            for signatures in [&[][..], &[99]] {
                let mut changes = Changes::default();
                (0..gone).for_each(|k| {
                    changes.take(record(&k.to_string(), Some(2), signatures), &mut BTreeMap::new());
                });
                // Others that are new do not count.
                (100..200).for_each(|k| {
                    changes.take(record(&k.to_string(), Some(2), &[50]), &mut BTreeMap::new());
                });
                let base = Gallery::open(&path).unwrap();
                let outcome = changes.write(&base, ("list", "json"), &folder.path().join("b"), most);
                assert_eq!(outcome.is_err(), is_refused, "{gone}");
                assert_eq!(outcome.map_or(gone, |written| written.lost), gone);
            }
        }
        // The time alone.
        let mut changes = Changes::default();
        (0..20).for_each(|k| changes.take(record(&k.to_string(), Some(2), &[k, 77]), &mut BTreeMap::new()));
        let base = Gallery::open(&path).unwrap();
        let written = changes.write(&base, ("list", "json"), &folder.path().join("b"), 0).unwrap();
        assert_eq!((written.changed, written.added, written.lost), (20, 20, 0));
    }

    #[test]
    fn few_entries_may_lose_some() {
        for (entries, lost) in [(0, 0), (1, 0), (2, 1), (5, 2), (15, 5), (59, 5), (60, 6), (1000, 100)] {
            assert_eq!(may_lose(entries), lost, "{entries}");
        }
    }
}
