//! Banks: galleries whose entries come and go over the network, visible and on the disk when the call returns.
//!
//! Rows in SQLite are what there is. In memory a bank is a list of parts, each a gallery of the rows in a range of ids. New rows become a
//! part of their own, and parts are joined while the last is at least half as large as the one before: an addition costs as much as the rows that
//! came lately, and a search goes through few parts. A change of a row makes its part again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::galleries::{Galleries, Known, Part};
use super::problem::{Answer, Problem};
use crate::error::{Error, Result};
use crate::gallery::{Entry, Gallery, GalleryBuilder};
use crate::state::State;
use crate::state::banks::{Bank, EntryChange, NewEntry, now};

/// Most rows of a part; beyond, the next part begins.
const LARGEST: usize = 1 << 20;

/// What every entry of a bank says of its list.
const FORMAT: &str = "bank";

/// The banks of a service.
#[derive(Debug)]
pub(crate) struct Banks {
    state: Arc<State>,
    held: Mutex<Held>,
    /// Most rows of a part.
    largest: usize,
}

#[derive(Debug, Default)]
struct Held {
    parts: HashMap<i64, Vec<Rows>>,
    /// When was looked for entries that match again.
    woken: i64,
}

/// The rows of a part.
#[derive(Debug)]
struct Rows {
    low: u64,
    high: u64,
    /// How many there are, those that do not match included.
    count: usize,
    part: Arc<Part>,
}

impl Banks {
    /// Reads all banks, and puts them among the galleries.
    pub(crate) fn open(state: Arc<State>, galleries: &Galleries) -> Result<Banks> {
        let held = Mutex::new(Held { woken: now(), ..Held::default() });
        let banks = Banks { state, held, largest: LARGEST };
        let mut held = banks.held();
        let all = banks.state.banks()?;
        if let Some(bank) = all.iter().find(|bank| galleries.is_taken(&bank.name)) {
            return Err(Error::Input(format!(
                "a bank is called {} too, or so to HMA's clients: give the file, or the list that is followed, another name",
                bank.name
            )));
        }
        for bank in all {
            let mut parts = Vec::new();
            let mut low = 0;
            loop {
                let rows = banks.rows(&bank, low, u64::MAX)?;
                let Some(high) = rows.as_ref().map(|rows| rows.high) else { break };
                parts.extend(rows);
                low = high + 1;
            }
            held.parts.insert(bank.id, parts);
            banks.publish(&held, &bank, galleries)?;
        }
        drop(held);
        Ok(banks)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bank by name.
    pub(crate) fn get(&self, name: &str) -> Answer<Bank> {
        self.state.bank(name)?.ok_or_else(|| Problem::not_found("bank not found"))
    }

    /// Makes a bank; `None` where the name is taken.
    pub(crate) fn create(&self, name: &str, ratio: f64, galleries: &Galleries) -> Answer<Option<Bank>> {
        let mut held = self.held();
        if galleries.is_taken(name) {
            return Ok(None);
        }
        let bank = self.state.add_bank(name, ratio)?;
        if let Some(bank) = &bank {
            held.parts.insert(bank.id, Vec::new());
            self.publish(&held, bank, galleries)?;
        }
        Ok(bank)
    }

    /// Gives a bank another name and share; `None` where the name is taken.
    pub(crate) fn change(
        &self,
        bank: &Bank,
        name: &str,
        ratio: f64,
        galleries: &Galleries,
    ) -> Answer<Option<Bank>> {
        let held = self.held();
        let is_taken = name != bank.name && galleries.is_taken_by_another(name, Some(&bank.name));
        if is_taken || !self.state.change_bank(bank.id, name, ratio)? {
            return Ok(None);
        }
        // Where this fails, it is searched on under its old name.
        let changed = self.get(name)?;
        self.publish_as(&held, &changed, &bank.name, galleries);
        Ok(Some(changed))
    }

    /// Removes a bank with all entries.
    pub(crate) fn remove(&self, bank: &Bank, galleries: &Galleries) -> Answer<()> {
        let mut held = self.held();
        self.state.remove_bank(bank.id)?;
        held.parts.remove(&bank.id);
        galleries.remove(&bank.name);
        Ok(())
    }

    /// Adds entries; their ids.
    pub(crate) fn add(&self, bank: &Bank, entries: &[NewEntry], galleries: &Galleries) -> Answer<Vec<u64>> {
        let mut held = self.held();
        let ids = self.state.add_entries(bank.id, entries)?;
        if let (Some(low), Some(high)) = (ids.first(), ids.last()) {
            let rows = self.rows(bank, *low, *high)?;
            let parts = held.parts.entry(bank.id).or_default();
            parts.extend(rows);
            self.join(bank, parts)?;
        }
        self.publish(&held, bank, galleries)?;
        Ok(ids)
    }

    /// Changes an entry; whether there is one.
    pub(crate) fn change_entry(
        &self,
        bank: &Bank,
        id: u64,
        change: &EntryChange,
        galleries: &Galleries,
    ) -> Answer<bool> {
        let mut held = self.held();
        let found = self.state.change_entry(bank.id, id, change)?;
        if found && change.enabled.is_some() {
            self.again(&mut held, bank, id)?;
        }
        self.publish(&held, bank, galleries)?;
        Ok(found)
    }

    /// Removes an entry; whether there was one.
    pub(crate) fn remove_entry(&self, bank: &Bank, id: u64, galleries: &Galleries) -> Answer<bool> {
        let mut held = self.held();
        let found = self.state.remove_entry(bank.id, id)?;
        if found {
            self.again(&mut held, bank, id)?;
        }
        self.publish(&held, bank, galleries)?;
        Ok(found)
    }

    /// An entry as it is kept.
    pub(crate) fn entry(&self, bank: &Bank, id: u64) -> Answer<Option<crate::state::banks::Entry>> {
        Ok(self.state.entry(bank.id, id)?)
    }

    /// Lets entries match again whose time has come.
    pub(crate) fn wake(&self, galleries: &Galleries) -> Result<()> {
        let mut held = self.held();
        let woken = now();
        let waking = self.state.banks_that_wake(held.woken)?;
        for bank in self.state.banks()?.into_iter().filter(|bank| waking.contains(&bank.id)) {
            let ranges: Vec<(u64, u64)> =
                held.parts.get(&bank.id).into_iter().flatten().map(|rows| (rows.low, rows.high)).collect();
            let parts = ranges.iter().map(|(low, high)| self.rows(&bank, *low, *high));
            let parts = parts.filter_map(Result::transpose).collect::<Result<_>>()?;
            held.parts.insert(bank.id, parts);
            self.publish(&held, &bank, galleries)?;
        }
        // Not before: what fails is tried again.
        held.woken = woken;
        Ok(())
    }

    /// Makes the part again that has an entry.
    fn again(&self, held: &mut Held, bank: &Bank, id: u64) -> Result<()> {
        let parts = held.parts.entry(bank.id).or_default();
        if let Some(at) = parts.iter().position(|rows| (rows.low..=rows.high).contains(&id)) {
            let Rows { low, high, .. } = parts[at];
            match self.rows(bank, low, high)? {
                // Its range stays: disabled rows in it may match again.
                Some(rows) => parts[at] = Rows { low, high, ..rows },
                None => drop(parts.remove(at)),
            }
        }
        Ok(())
    }

    /// Joins the last parts as long as they are of about one size.
    fn join(&self, bank: &Bank, parts: &mut Vec<Rows>) -> Result<()> {
        while let [.., before, last] = &parts[..] {
            if 2 * last.count < before.count || before.count + last.count > self.largest {
                break;
            }
            let joined = self.rows(bank, before.low, last.high)?;
            parts.truncate(parts.len() - 2);
            parts.extend(joined);
        }
        Ok(())
    }

    /// A part of the first rows in a range of ids; `None` where there are none.
    fn rows(&self, bank: &Bank, low: u64, high: u64) -> Result<Option<Rows>> {
        let entries = self.state.entries(bank.id, low, high, self.largest)?;
        let Some((first, last)) = entries.first().zip(entries.last()) else { return Ok(None) };
        let (low, high, count) = (first.id, last.id, entries.len());
        let mut builder = GalleryBuilder::new();
        let source = builder.source(&bank.name, FORMAT);
        let mut ids = Vec::new();
        for kept in entries.into_iter().filter(|kept| kept.enabled.now()) {
            let NewEntry { key, label, photodna, pdq, quality, .. } = kept.entry;
            let entry = Entry::default().key(key).label(label).position(kept.id).quality(quality);
            builder.add(source, entry.photodna(photodna).pdq(pdq))?;
            ids.push(kept.id);
        }
        let gallery = Gallery::from_bytes(builder.to_bytes()?)?;
        Ok(Some(Rows { low, high, count, part: Arc::new(Part::of_rows(gallery, ids)) }))
    }

    /// Puts a bank among the galleries as it is now.
    fn publish(&self, held: &Held, bank: &Bank, galleries: &Galleries) -> Result<()> {
        if let Some(bank) = self.state.bank(&bank.name)? {
            self.publish_as(held, &bank, &bank.name, galleries);
        }
        Ok(())
    }

    /// The same, in the place of what it was called before.
    fn publish_as(&self, held: &Held, bank: &Bank, before: &str, galleries: &Galleries) {
        let parts = held.parts.get(&bank.id).into_iter().flatten().map(|rows| rows.part.clone());
        galleries.put(Known::bank(bank, parts.collect()), before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Pdq;
    use crate::state::banks::Enabled;

    fn entry(byte: u8) -> NewEntry {
        NewEntry { pdq: Some(Pdq([byte; 32])), ..NewEntry::default() }
    }

    fn searched(galleries: &Galleries, name: &str) -> u64 {
        galleries.now().get(name).map_or(0, |known| known.counts.entries)
    }

    #[test]
    fn disabled_rows_count_where_parts_are_joined() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(folder.path()).unwrap());
        let galleries = Galleries::open(Vec::new(), Vec::new()).unwrap();
        let banks = Banks { largest: 4, ..Banks::open(state, &galleries).unwrap() };
        let bank = banks.create("own", 1.0, &galleries).unwrap().unwrap();
        let ids = banks.add(&bank, &[entry(1), entry(2), entry(3), entry(4)], &galleries).unwrap();
        for id in &ids[..3] {
            let change = EntryChange { enabled: Some(Enabled::Never), note: None };
            assert!(banks.change_entry(&bank, *id, &change, &galleries).unwrap());
        }
        for more in 1..20u8 {
            banks.add(&bank, &[entry(0x50 + more)], &galleries).unwrap();
            assert_eq!(searched(&galleries, "own"), 1 + u64::from(more));
        }
    }

    #[test]
    fn a_bank_that_is_renamed_is_searched_all_the_time_and_names_are_one_to_all_clients() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(folder.path()).unwrap());
        let galleries = Galleries::open(Vec::new(), Vec::new()).unwrap();
        let banks = Banks::open(state, &galleries).unwrap();
        let mut bank = banks.create("own", 1.0, &galleries).unwrap().unwrap();
        banks.add(&bank, &[entry(1)], &galleries).unwrap();
        assert!(banks.create("OWN", 1.0, &galleries).unwrap().is_none());
        banks.create("O.T", 1.0, &galleries).unwrap().unwrap();
        assert!(banks.change(&bank, "O_T", 1.0, &galleries).unwrap().is_none());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(galleries.now().all.iter().map(|known| known.counts.entries).sum::<u64>(), 1);
                }
            });
            for name in ["OWN", "B", "OWN", "C"].repeat(5) {
                bank = banks.change(&bank, name, 1.0, &galleries).unwrap().unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            watch.join().unwrap();
        });
        // No row has such an id.
        for id in [u64::MAX, 1 << 63] {
            assert_eq!(banks.entry(&bank, id).unwrap(), None);
            assert!(!banks.remove_entry(&bank, id, &galleries).unwrap());
        }
        assert_eq!(searched(&galleries, "C"), 1);
    }
}
