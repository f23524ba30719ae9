//! Banks and their entries, as rows.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::State;
use crate::error::Result;
use crate::signature::{Pdq, PhotoDna};

/// A bank without its entries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bank {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// The share of look-ups that it takes part in, for clients of HMA.
    pub(crate) ratio: f64,
    /// Counts its changes.
    pub(crate) revision: u64,
    pub(crate) changed: SystemTime,
}

/// When an entry matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Enabled {
    #[default]
    Always,
    Never,
    /// From this second since 1970 on.
    From(i64),
}

impl Enabled {
    /// As the row has it, which is as HMA's clients say it: 1 is always, 0 never.
    pub(crate) fn number(self) -> i64 {
        match self {
            Enabled::Always => 1,
            Enabled::Never => 0,
            Enabled::From(second) => second,
        }
    }

    pub(crate) fn of(number: i64) -> Enabled {
        match number {
            1 => Enabled::Always,
            0 => Enabled::Never,
            second => Enabled::From(second),
        }
    }

    pub(crate) fn now(self) -> bool {
        match self {
            Enabled::Always => true,
            Enabled::Never => false,
            Enabled::From(second) => second <= now(),
        }
    }
}

/// An entry to be added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NewEntry {
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) note: String,
    pub(crate) photodna: Option<PhotoDna>,
    pub(crate) pdq: Option<Pdq>,
    pub(crate) quality: Option<u8>,
    /// JSON that the client gave.
    pub(crate) metadata: Option<String>,
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) entry: NewEntry,
    pub(crate) enabled: Enabled,
}

/// What of an entry can be changed; `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EntryChange {
    pub(crate) enabled: Option<Enabled>,
    pub(crate) note: Option<String>,
}

const COLUMNS: &str = "id, key, label, note, photodna, pdq, quality, metadata, enabled";

impl State {
    /// Every bank, by name.
    pub(crate) fn banks(&self) -> Result<Vec<Bank>> {
        let connection = self.connection();
        let select = "SELECT id, name, ratio, revision, changed FROM banks ORDER BY name";
        let read = connection
            .prepare(select)
            .and_then(|mut select| select.query_map([], bank)?.collect::<rusqlite::Result<Vec<Bank>>>());
        read.map_err(|error| self.about(error))
    }

    /// A bank by name.
    pub(crate) fn bank(&self, name: &str) -> Result<Option<Bank>> {
        let select = "SELECT id, name, ratio, revision, changed FROM banks WHERE name = ?1";
        let found = self.connection().query_row(select, [name], bank).optional();
        found.map_err(|error| self.about(error))
    }

    /// Makes a bank; `None` where there is one of this name.
    pub(crate) fn add_bank(&self, name: &str, ratio: f64) -> Result<Option<Bank>> {
        let insert = "INSERT INTO banks (name, ratio, revision, changed) VALUES (?1, ?2, 0, ?3) ON CONFLICT DO NOTHING";
        let added = self.connection().execute(insert, params![name, ratio, now()]);
        if added.map_err(|error| self.about(error))? == 0 {
            return Ok(None);
        }
        self.bank(name)
    }

    /// Changes a bank's name and share; whether no other has the name.
    pub(crate) fn change_bank(&self, id: i64, name: &str, ratio: f64) -> Result<bool> {
        let update = "UPDATE OR IGNORE banks SET name = ?2, ratio = ?3, revision = revision + 1, changed = ?4 WHERE id = ?1";
        let changed = self.connection().execute(update, params![id, name, ratio, now()]);
        changed.map(|rows| rows > 0).map_err(|error| self.about(error))
    }

    /// Removes a bank with its entries.
    pub(crate) fn remove_bank(&self, id: i64) -> Result<()> {
        let removed = self.connection().execute("DELETE FROM banks WHERE id = ?1", [id]);
        removed.map(drop).map_err(|error| self.about(error))
    }

    /// Adds entries, all or none; their ids. They are on the disk when this returns.
    pub(crate) fn add_entries(&self, bank: i64, entries: &[NewEntry]) -> Result<Vec<u64>> {
        self.change(bank, |connection| {
            let insert = "INSERT INTO entries (bank, key, label, note, photodna, pdq, quality, metadata, enabled, created) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9) RETURNING id";
            let mut insert = connection.prepare(insert)?;
            let ids = entries.iter().map(|entry| {
                let NewEntry { key, label, note, photodna, pdq, quality, metadata } = entry;
                let (photodna, pdq) = (photodna.map(|hash| hash.0.to_vec()), pdq.map(|hash| hash.0.to_vec()));
                let values = params![bank, key, label, note, photodna, pdq, quality, metadata, now()];
                insert.query_row(values, |row| row.get::<_, i64>(0)).map(|id| id as u64)
            });
            ids.collect()
        })
    }

    /// Changes an entry; whether there is one.
    pub(crate) fn change_entry(&self, bank: i64, id: u64, change: &EntryChange) -> Result<bool> {
        self.change(bank, |connection| {
            let update = "UPDATE entries SET enabled = coalesce(?3, enabled), note = coalesce(?4, note) WHERE bank = ?1 AND id = ?2";
            let enabled = change.enabled.map(Enabled::number);
            connection.execute(update, params![bank, id as i64, enabled, change.note]).map(|rows| rows > 0)
        })
    }

    /// Removes an entry; whether there was one.
    pub(crate) fn remove_entry(&self, bank: i64, id: u64) -> Result<bool> {
        self.change(bank, |connection| {
            let delete = "DELETE FROM entries WHERE bank = ?1 AND id = ?2";
            connection.execute(delete, params![bank, id as i64]).map(|rows| rows > 0)
        })
    }

    /// One entry.
    pub(crate) fn entry(&self, bank: i64, id: u64) -> Result<Option<Entry>> {
        Ok(self.entries(bank, id, id, 1)?.pop())
    }

    /// The first entries of a bank in a range of ids, in their order.
    pub(crate) fn entries(&self, bank: i64, low: u64, high: u64, most: usize) -> Result<Vec<Entry>> {
        // No id is larger than what a row can have.
        let Ok(low) = i64::try_from(low) else { return Ok(Vec::new()) };
        let connection = self.connection();
        let select = format!(
            "SELECT {COLUMNS} FROM entries WHERE bank = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4"
        );
        let high = i64::try_from(high).unwrap_or(i64::MAX);
        let read = connection.prepare(&select).and_then(|mut select| {
            select
                .query_map(params![bank, low, high, most as i64], entry)?
                .collect::<rusqlite::Result<Vec<Entry>>>()
        });
        read.map_err(|error| self.about(error))
    }

    /// Banks with entries that match again since a second.
    pub(crate) fn banks_that_wake(&self, since: i64) -> Result<Vec<i64>> {
        let connection = self.connection();
        let select = "SELECT DISTINCT bank FROM entries WHERE enabled > max(?1, 1) AND enabled <= ?2";
        let read = connection.prepare(select).and_then(|mut select| {
            select.query_map(params![since, now()], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()
        });
        read.map_err(|error| self.about(error))
    }

    /// Does something to a bank's entries in one transaction.
    fn change<T>(&self, bank: i64, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let done = connection.transaction().and_then(|change| {
            let done = work(&change)?;
            let update = "UPDATE banks SET revision = revision + 1, changed = ?2 WHERE id = ?1";
            change.execute(update, params![bank, now()])?;
            change.commit()?;
            Ok(done)
        });
        done.map_err(|error| self.about(error))
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn bank(row: &Row<'_>) -> rusqlite::Result<Bank> {
    let changed: i64 = row.get(4)?;
    Ok(Bank {
        id: row.get(0)?,
        name: row.get(1)?,
        ratio: row.get(2)?,
        revision: row.get::<_, i64>(3)? as u64,
        changed: UNIX_EPOCH + std::time::Duration::from_secs(changed.max(0) as u64),
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get::<_, i64>(0)? as u64,
        entry: NewEntry {
            key: row.get(1)?,
            label: row.get(2)?,
            note: row.get(3)?,
            photodna: row.get::<_, Option<[u8; 144]>>(4)?.map(PhotoDna),
            pdq: row.get::<_, Option<[u8; 32]>>(5)?.map(Pdq),
            quality: row.get(6)?,
            metadata: row.get(7)?,
        },
        enabled: Enabled::of(row.get(8)?),
    })
}
