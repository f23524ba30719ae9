//! Items as they are read.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use super::acts;
use super::item::{Arrived, Decided, Entry, Filter, Item, ItemState, Matched, Picture, Summary};
use super::near::{Known, Look};
use crate::error::Error;

/// Pictures of an item that come with it, the first ones.
const MOST: i64 = 50;

/// The first picture of each item, the oldest first.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<Vec<Known>> {
    let select = "SELECT item, photodna, pdq FROM review_pictures WHERE position = 0 ORDER BY item";
    let mut statement = connection.prepare(select)?;
    statement.query_map([], |row| Ok(Known { item: row.get(0)?, look: look(row, 1)? }))?.collect()
}

/// Items in the order of the queue.
pub(super) fn list(
    connection: &Connection,
    filter: Filter,
    after: Option<&str>,
    most: usize,
) -> rusqlite::Result<Vec<Summary>> {
    let select = "SELECT id, state, created, holder, lease, \
                  (SELECT count(*) FROM review_pictures WHERE item = id), \
                  (SELECT count(*) FROM review_arrivals WHERE item = id), \
                  (SELECT matches FROM review_pictures WHERE item = id AND position = 0) \
                  FROM review_items WHERE (state = ?1 OR ?1 = 'waiting' AND state IN ('open', 'unsure')) \
                  AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3";
    let state = match filter {
        Filter::Waiting => "waiting",
        Filter::In(state) => state.name(),
    };
    let mut statement = connection.prepare(select)?;
    statement.query_map(params![state, after, most as i64], summary)?.collect()
}

/// How many items wait for a decision.
pub(super) fn waiting(connection: &Connection) -> rusqlite::Result<u64> {
    let select = "SELECT count(*) FROM review_items WHERE state IN ('open', 'unsure')";
    connection.query_row(select, [], |row| row.get::<_, i64>(0)).map(|count| count as u64)
}

/// The item of this id.
pub(super) fn item(connection: &Connection, id: &str) -> rusqlite::Result<Option<Item>> {
    let select = "SELECT id, state, created, holder, lease, decided, decided_by, note, classification, incident, erased, \
                  (SELECT count(*) FROM review_pictures WHERE item = id) FROM review_items WHERE id = ?1";
    let Some(mut item) = connection.query_row(select, params![id], of).optional()? else { return Ok(None) };
    item.pictures = pictures(connection, id, 0..MOST)?;
    let select = "SELECT report FROM review_reports WHERE item = ?1 ORDER BY created, report";
    let mut statement = connection.prepare(select)?;
    item.reports = statement.query_map(params![id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(item))
}

/// The picture that is this evidence.
pub(super) fn of_evidence(connection: &Connection, evidence: &str) -> rusqlite::Result<Option<Picture>> {
    let select = "SELECT item, position FROM review_pictures WHERE evidence = ?1";
    let of = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
    let found = connection.query_row(select, params![evidence], of).optional()?;
    found.map_or(Ok(None), |(item, place)| picture(connection, &item, place as usize))
}

/// A picture of an item.
pub(super) fn picture(
    connection: &Connection,
    item: &str,
    place: usize,
) -> rusqlite::Result<Option<Picture>> {
    let place = i64::try_from(place).unwrap_or(i64::MAX - 1);
    Ok(pictures(connection, item, place..place + 1)?.pop())
}

/// The state of an item.
pub(super) fn state_of(connection: &Connection, id: &str) -> rusqlite::Result<Option<ItemState>> {
    let select = "SELECT state FROM review_items WHERE id = ?1";
    connection.query_row(select, params![id], |row| state(row, 0)).optional()
}

/// The evidence of an item.
pub(super) fn evidence(connection: &Connection, item: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT evidence FROM review_pictures WHERE item = ?1 ORDER BY position")?;
    statement.query_map(params![item], |row| row.get(0))?.collect()
}

fn pictures(
    connection: &Connection,
    item: &str,
    places: std::ops::Range<i64>,
) -> rusqlite::Result<Vec<Picture>> {
    let select = "SELECT position, evidence, bytes, format, width, height, flags, faces, photodna, pdq, matches, \
                  (SELECT count(*) FROM review_arrivals a WHERE a.item = p.item AND a.position = p.position), \
                  (SELECT max(time) FROM review_arrivals a WHERE a.item = p.item AND a.position = p.position) \
                  FROM review_pictures p WHERE item = ?1 AND position >= ?2 AND position < ?3 ORDER BY position";
    let mut statement = connection.prepare(select)?;
    let mut pictures = statement
        .query_map(params![item, places.start, places.end], |row| {
            let matched = Matched {
                format: row.get(3)?,
                width: row.get(4)?,
                height: row.get(5)?,
                flags: words(&row.get::<_, String>(6)?),
                faces: words(&row.get::<_, String>(7)?),
                look: look(row, 8)?,
                entries: read(row, 10)?,
            };
            Ok(Picture {
                place: row.get::<_, i64>(0)? as usize,
                evidence: row.get(1)?,
                bytes: row.get::<_, i64>(2)? as u64,
                matched,
                times: row.get::<_, i64>(11)? as u64,
                first: None,
                last: row.get::<_, Option<i64>>(12)?.unwrap_or(0),
                revealed: Vec::new(),
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for picture in &mut pictures {
        let views = 0..=picture.matched.faces.len();
        picture.revealed = views
            .map(|view| acts::shown(connection, &picture.evidence, view))
            .collect::<rusqlite::Result<_>>()?;
        picture.first = first(connection, item, picture.place)?;
    }
    Ok(pictures)
}

fn first(connection: &Connection, item: &str, place: usize) -> rusqlite::Result<Option<(Arrived, i64)>> {
    let select = "SELECT reference, sender, time FROM review_arrivals WHERE item = ?1 AND position = ?2 ORDER BY number LIMIT 1";
    let of = |row: &Row<'_>| Ok((Arrived { reference: row.get(0)?, sender: row.get(1)? }, row.get(2)?));
    connection.query_row(select, params![item, place as i64], of).optional()
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let entries: Option<String> = row.get(7)?;
    let entries: Vec<Entry> = entries.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(Summary {
        id: row.get(0)?,
        state: state(row, 1)?,
        created: row.get(2)?,
        lease: row.get::<_, Option<String>>(3)?.zip(row.get(4)?),
        pictures: row.get::<_, i64>(5)? as u64,
        arrivals: row.get::<_, i64>(6)? as u64,
        nearest: entries.into_iter().next(),
    })
}

fn of(row: &Row<'_>) -> rusqlite::Result<Item> {
    let decided = match (row.get::<_, Option<i64>>(5)?, row.get::<_, Option<String>>(6)?) {
        (Some(at), Some(by)) => {
            let (classification, incident) = (word(row, 8)?, word(row, 9)?);
            Some(Decided { by, at, note: row.get(7)?, classification, incident })
        }
        _ => None,
    };
    Ok(Item {
        id: row.get(0)?,
        state: state(row, 1)?,
        created: row.get(2)?,
        lease: row.get::<_, Option<String>>(3)?.zip(row.get(4)?),
        decided,
        pictures: Vec::new(),
        total: row.get::<_, i64>(11)? as u64,
        reports: Vec::new(),
        erased: row.get(10)?,
    })
}

fn look(row: &Row<'_>, at: usize) -> rusqlite::Result<Look> {
    let (photodna, pdq): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(at)?, row.get(at + 1)?);
    Ok(Look::from_bytes(photodna.as_deref(), pdq.as_deref()))
}

/// Words as they are kept.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

/// A word that this version does not know is a newer version's: nobody here may guess what it means.
pub(super) fn unreadable(error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error)
}

fn unknown(word: &str) -> rusqlite::Error {
    let why = format!("{word:?} in a review: a newer version of this program wrote it");
    unreadable(Box::new(Error::Unsupported(why)))
}

/// A state in a row.
pub(super) fn state(row: &Row<'_>, at: usize) -> rusqlite::Result<ItemState> {
    let word: String = row.get(at)?;
    ItemState::of(&word).ok_or_else(|| unknown(&word))
}

/// One of the words of a report.
fn word<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>> {
    let word: Option<String> = row.get(at)?;
    word.map(|word| serde_json::from_value(word.as_str().into()).map_err(|_| unknown(&word))).transpose()
}

/// JSON.
fn read<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|error| unreadable(Box::new(error)))
}
