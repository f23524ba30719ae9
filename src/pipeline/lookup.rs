//! Search in several galleries at once, shared among threads.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::record::Record;
use super::stored::{RecordMatch, Text};
use super::threads::Concurrent;
use crate::error::{Error, Result};
use crate::gallery::{EntryId, EntryView, Gallery, Groups, Match, Query, Scratch, SearchOptions};
use crate::hasher::{FLAT_STRENGTH, FaceHash, Hashed, PdqHash, PhotoDnaHash};

/// What is looked up for a hashed picture, without its further faces.
pub fn query_of(hashed: &Hashed) -> Query {
    query(hashed.photodna, hashed.pdq.as_ref())
}

fn query(photodna: Option<PhotoDnaHash>, pdq: Option<&PdqHash>) -> Query {
    Query {
        photodna: photodna.map(|hash| hash.signature),
        pdq: pdq.map(|hash| hash.signature),
        pdq_orientations: pdq.and_then(|hash| hash.orientations),
        flat: photodna.is_some_and(|hash| hash.strength < FLAT_STRENGTH),
        quality: pdq.map(|hash| hash.quality),
    }
}

/// What is looked up for every face of a hashed picture, with the face's name where it is not the stored pixels.
pub(crate) fn faces_of(hashed: &Hashed) -> impl Iterator<Item = (Option<Text>, Query)> {
    let own = (hashed.face.map(|face| face.to_string().into()), query_of(hashed));
    let further = hashed.faces.iter().map(|FaceHash { face, photodna, pdq, .. }| {
        (Some(face.to_string().into()), query(*photodna, pdq.as_ref()))
    });
    std::iter::once(own).chain(further)
}

/// What is looked up for several records: every face of each, and nothing for those that failed.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    queries: Vec<Query>,
    /// The record and the face of each query.
    of: Vec<(usize, Option<Text>)>,
    records: usize,
}

impl Queries {
    /// Takes the next record.
    pub fn push(&mut self, record: &Record) {
        self.push_picture(record.outcome.as_ref().ok());
    }

    /// Takes the next record by its picture; `None` if it failed.
    pub fn push_picture(&mut self, hashed: Option<&Hashed>) {
        self.push_faces(hashed.into_iter().flat_map(faces_of));
    }

    /// Takes the next record by its query; `None` if it failed.
    pub fn push_query(&mut self, query: Option<Query>) {
        self.push_faces(query.map(|query| (None, query)));
    }

    /// Takes the next record, of which what is looked up for each face is known, with the face's name where it is not the stored pixels.
    pub fn push_faces(&mut self, faces: impl IntoIterator<Item = (Option<Text>, Query)>) {
        faces.into_iter().for_each(|(face, query)| self.query(face, query));
        self.records += 1;
    }

    /// Takes all records of `others` behind its own.
    pub(crate) fn append(&mut self, others: Queries) {
        let first = self.records;
        self.queries.extend(others.queries);
        self.of.extend(others.of.into_iter().map(|(record, face)| (first + record, face)));
        self.records += others.records;
    }

    fn query(&mut self, face: Option<Text>, query: Query) {
        self.queries.push(query);
        self.of.push((self.records, face));
    }

    /// Records that it has taken.
    pub fn records(&self) -> usize {
        self.records
    }
}

/// Fewest queries per thread, if there are enough: every thread loads the whole gallery from memory, which few queries do not pay for.
const SHARE: usize = 512;

/// Queries that are searched between two looks at whether anybody still wants them: so many share what a search loads from memory. (10,000 among a million took 1.86 s
/// of CPU time in parts of 512, 1.50 in parts of 2,048 and 4,096, and 1.46 in one.)
const PART: usize = 4096;

/// A match and the gallery it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Index of the gallery.
    pub gallery: usize,
    /// The match.
    pub found: Match,
}

/// A match as records have it.
fn in_words(found: &Match, name: &str, gallery: &Gallery) -> RecordMatch {
    let EntryView { key, label, source, position, columns, .. } = gallery.entry(found.entry);
    RecordMatch {
        gallery: name.to_string(),
        key: key.to_string(),
        label: label.to_string(),
        source: source.to_string(),
        position,
        algorithm: found.algorithm.name().into(),
        distance: found.distance,
        orientation: found.orientation.name().into(),
        face: None,
        columns: columns.to_columns(),
    }
}

/// Galleries, what counts as a match, and the threads and buffers for searching.
#[derive(Debug)]
pub struct Lookup<'a> {
    galleries: &'a [Gallery],
    options: SearchOptions,
    scratches: Vec<Scratch>,
}

impl<'a> Lookup<'a> {
    /// Searches in `galleries` on `threads` threads.
    pub fn new(galleries: &'a [Gallery], options: SearchOptions, threads: NonZeroUsize) -> Lookup<'a> {
        let scratches = (0..threads.get()).map(|_| Scratch::default()).collect();
        Lookup { galleries, options, scratches }
    }

    /// What matched of each record, in the words of records; the names are those of the galleries.
    ///
    /// # Errors
    ///
    /// If a gallery was overwritten meanwhile, so that the matches may be wrong.
    pub fn matches(&mut self, queries: &Queries, names: &[String]) -> Result<Vec<Vec<RecordMatch>>> {
        let found = self.search(&queries.queries);
        let of: Vec<_> = names.iter().map(String::as_str).zip(self.galleries).collect();
        by_record(queries, &found, &of, |_, matched| matched)
    }

    /// Everything that matches, by query, algorithm, distance and gallery; with
    /// [`SearchOptions::nearest`], so many of all galleries together.
    pub fn search(&mut self, queries: &[Query]) -> Vec<Found> {
        let (galleries, options) = (self.galleries, &self.options);
        let mut share = queries.len().div_ceil(self.scratches.len()).max(SHARE);
        if galleries.iter().any(Gallery::shares_with_device) {
            // Small ones, so that no thread is idle at the end: the device goes from one to the next.
            share = (share / 4).max(SHARE);
        }
        let parts = queries.chunks(share).enumerate();
        let threads = parts.len().min(self.scratches.len());
        let parts = Mutex::new(parts);
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut all: Vec<Found> = thread::scope(|scope| {
            let running: Vec<_> = self.scratches[..threads]
                .iter_mut()
                .map(|scratch| {
                    Concurrent::begin(scope, move || {
                        let mut found = Vec::new();
                        while let Some((part, queries)) = next() {
                            found.extend(search(galleries, options, queries, (part * share) as u32, scratch));
                        }
                        found
                    })
                })
                .collect();
            running.into_iter().flat_map(Concurrent::join).collect()
        });
        order(&mut all, self.options.nearest);
        all
    }
}

/// What matched of each record in galleries by name, on this thread.
///
/// # Errors
///
/// Those of [`Lookup::matches`].
pub(crate) fn search_all(
    galleries: &[(&str, &Gallery)],
    options: &SearchOptions,
    queries: &Queries,
    scratch: &mut Scratch,
) -> Result<Vec<Vec<RecordMatch>>> {
    let only = galleries.iter().map(|(_, gallery)| *gallery);
    let mut found = search(only, options, &queries.queries, 0, scratch);
    order(&mut found, options.nearest);
    by_record(queries, &found, galleries, |_, matched| matched)
}

/// A match in the words of records, and which entry of which gallery it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// The match by numbers.
    pub found: Found,
    /// The match in words.
    pub matched: RecordMatch,
}

/// How much look-ups may find together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchLimits {
    /// Matches.
    pub matches: usize,
    /// Bytes of their texts: keys, labels, further columns and the names of lists and galleries.
    pub bytes: u64,
}

/// As much as there is.
impl Default for MatchLimits {
    fn default() -> MatchLimits {
        MatchLimits { matches: usize::MAX, bytes: u64::MAX }
    }
}

impl MatchLimits {
    fn too_many(&self) -> Error {
        let (limit, what) = (self.matches as u64, "number of matches");
        Error::Limit { what, actual: limit.saturating_add(1), limit, field: None }
    }

    fn check_bytes(&self, bytes: u64) -> Result<()> {
        let what = "bytes of the texts of matches";
        if bytes > self.bytes {
            return Err(Error::Limit { what, actual: bytes, limit: self.bytes, field: None });
        }
        Ok(())
    }
}

impl Hit {
    /// Which entry it is: an order that says nothing about distances.
    #[cfg(feature = "service")]
    pub(crate) fn place(&self) -> (&str, u64, &str, EntryId, crate::signature::Algorithm) {
        let RecordMatch { gallery, position, key, .. } = &self.matched;
        let Match { entry, algorithm, .. } = self.found.found;
        (gallery, *position, key, entry, algorithm)
    }
}

/// The same with the numbers of what was found, within limits; `None` where nobody wants it any more, which is asked after every part.
///
/// # Errors
///
/// Those of [`Lookup::matches`], and [`Error::Limit`] where more is found than `limits` says.
pub(crate) fn search_hits(
    galleries: &[(&str, &Gallery)],
    options: &SearchOptions,
    queries: &Queries,
    scratch: &mut Scratch,
    limits: &MatchLimits,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<Vec<Vec<Hit>>>> {
    let (mut found, mut matches) = (Vec::new(), Vec::new());
    for (part, own) in queries.queries.chunks(PART).enumerate() {
        let first = (part * PART) as u32;
        for (number, (_, gallery)) in galleries.iter().enumerate() {
            if !is_wanted() {
                return Ok(None);
            }
            matches.clear();
            scratch.room = Some(limits.matches - found.len());
            gallery.search(own, options, scratch, &mut matches);
            scratch.room = None;
            if std::mem::take(&mut scratch.is_cut) || matches.len() > limits.matches - found.len() {
                return Err(limits.too_many());
            }
            let one =
                |one: &Match| Found { gallery: number, found: Match { query: first + one.query, ..*one } };
            found.extend(matches.iter().map(one));
        }
    }
    order(&mut found, options.nearest);
    let bytes = found.iter().map(|one| {
        let (name, gallery) = galleries[one.gallery];
        let EntryView { key, label, source, columns, .. } = gallery.entry(one.found.entry);
        (name.len() + key.len() + label.len() + source.len() + columns.bytes()) as u64
    });
    limits.check_bytes(bytes.sum())?;
    by_record(queries, &found, galleries, |found, matched| Hit { found: *found, matched }).map(Some)
}

/// What `made` makes of each find and its words, by the record that it was found for.
fn by_record<T: Clone>(
    queries: &Queries,
    found: &[Found],
    galleries: &[(&str, &Gallery)],
    made: impl Fn(&Found, RecordMatch) -> T,
) -> Result<Vec<Vec<T>>> {
    let mut all = vec![Vec::new(); queries.records];
    for found in found {
        if let Some((record, face)) = queries.of.get(found.found.query as usize) {
            let (name, gallery) = galleries[found.gallery];
            let matched = RecordMatch { face: face.clone(), ..in_words(&found.found, name, gallery) };
            all[*record].push(made(found, matched));
        }
    }
    galleries.iter().try_for_each(|(_, gallery)| gallery.check_unchanged())?;
    Ok(all)
}

fn search<'g>(
    galleries: impl IntoIterator<Item = &'g Gallery>,
    options: &SearchOptions,
    queries: &[Query],
    first: u32,
    scratch: &mut Scratch,
) -> Vec<Found> {
    let mut all = Vec::new();
    let mut matches = Vec::new();
    for (number, gallery) in galleries.into_iter().enumerate() {
        matches.clear();
        gallery.search(queries, options, scratch, &mut matches);
        let found =
            |found: &Match| Found { gallery: number, found: Match { query: first + found.query, ..*found } };
        all.extend(matches.iter().map(found));
    }
    all
}

/// Sorts what several galleries gave, and keeps the nearest of it.
fn order(all: &mut Vec<Found>, nearest: Option<usize>) {
    all.sort_by_key(|f| (f.found.query, f.found.algorithm, f.found.distance, f.gallery, f.found.entry));
    let Some(most) = nearest else { return };
    let mut run = (None, 0);
    all.retain(|f| {
        let own = Some((f.found.query, f.found.algorithm));
        run = if run.0 == own { (own, run.1 + 1) } else { (own, 1) };
        run.1 <= most
    });
}

/// Queries looked up at a time.
const BATCH: usize = 8192;

/// Groups of entries of a gallery that are joined by matches, over any number of steps; each in order, ordered by their
/// first. Entries that match no other are in none.
pub fn groups(gallery: &Gallery, options: SearchOptions, threads: NonZeroUsize) -> Vec<Vec<EntryId>> {
    let ids: Vec<EntryId> = gallery.ids().collect();
    let mut groups = Groups::new(ids.len());
    join_matches(gallery, options, threads, &mut groups, |entry| entry);
    groups.into_lists().into_iter().map(|list| list.into_iter().map(|index| ids[index]).collect()).collect()
}

/// Joins in `groups` what the entries of a gallery that match one another are of: `of` says that for an entry, by its place among
/// [`Gallery::ids`]. So things with several signatures each, such as pictures with faces, are grouped as wholes.
pub fn join_matches(
    gallery: &Gallery,
    options: SearchOptions,
    threads: NonZeroUsize,
    groups: &mut Groups,
    of: impl Fn(usize) -> usize,
) {
    let ids: Vec<EntryId> = gallery.ids().collect();
    let mut lookup = Lookup::new(std::slice::from_ref(gallery), options, threads);
    for (batch, part) in ids.chunks(BATCH).enumerate() {
        let queries: Vec<Query> = part.iter().map(|id| gallery.query(*id)).collect();
        for Found { found, .. } in lookup.search(&queries) {
            // Entries that were removed do not match, so every match is among the ids.
            if let Ok(other) = ids.binary_search(&found.entry) {
                groups.join(of(batch * BATCH + found.query as usize), of(other));
            }
        }
    }
}
