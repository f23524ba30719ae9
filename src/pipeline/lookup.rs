//! Search in several galleries at once, shared among threads.

use std::num::NonZeroUsize;
use std::thread;

use crate::gallery::{EntryId, Gallery, Groups, Match, Query, Scratch, SearchOptions};

/// A match and the gallery it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Index of the gallery.
    pub gallery: usize,
    /// The match.
    pub found: Match,
}

/// Galleries, what counts as a match, and the threads and buffers for searching.
#[derive(Debug)]
pub struct Lookup<'a> {
    galleries: &'a [Gallery],
    options: SearchOptions,
    scratches: Vec<Scratch>,
}

impl<'a> Lookup<'a> {
    /// Searches in `galleries` on so many threads.
    pub fn new(galleries: &'a [Gallery], options: SearchOptions, threads: NonZeroUsize) -> Lookup<'a> {
        let scratches = (0..threads.get()).map(|_| Scratch::default()).collect();
        Lookup { galleries, options, scratches }
    }

    /// Everything that matches, by query, algorithm, distance and gallery; with
    /// [`SearchOptions::nearest`], so many of all galleries together.
    pub fn search(&mut self, queries: &[Query]) -> Vec<Found> {
        let (galleries, options) = (self.galleries, &self.options);
        let share = queries.len().div_ceil(self.scratches.len()).max(1);
        let mut all = thread::scope(|scope| {
            let parts = queries.chunks(share).zip(&mut self.scratches).enumerate();
            let running: Vec<_> = parts
                .map(|(part, (queries, scratch))| {
                    let first = (part * share) as u32;
                    scope.spawn(move || search(galleries, options, queries, first, scratch))
                })
                .collect();
            let results = running.into_iter().map(thread::ScopedJoinHandle::join);
            results
                .flat_map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        order(&mut all, self.options.nearest);
        all
    }
}

fn search(
    galleries: &[Gallery],
    options: &SearchOptions,
    queries: &[Query],
    first: u32,
    scratch: &mut Scratch,
) -> Vec<Found> {
    let mut all = Vec::new();
    let mut matches = Vec::new();
    for (number, gallery) in galleries.iter().enumerate() {
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

/// Groups of entries of a gallery that are joined by matches, however many steps apart; each in order, ordered by their
/// first. Entries that match no other are in none.
pub fn groups(gallery: &Gallery, options: SearchOptions, threads: NonZeroUsize) -> Vec<Vec<EntryId>> {
    let ids: Vec<EntryId> = gallery.ids().collect();
    let mut groups = Groups::new(ids.len());
    let mut lookup = Lookup::new(std::slice::from_ref(gallery), options, threads);
    for (batch, part) in ids.chunks(BATCH).enumerate() {
        let queries: Vec<Query> = part.iter().map(|id| gallery.query(*id)).collect();
        for Found { found, .. } in lookup.search(&queries) {
            // Entries that were removed do not match, so every match is among the ids.
            if let Ok(other) = ids.binary_search(&found.entry) {
                groups.join(batch * BATCH + found.query as usize, other);
            }
        }
    }
    groups.into_lists().into_iter().map(|list| list.into_iter().map(|index| ids[index]).collect()).collect()
}
