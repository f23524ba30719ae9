//! Queries in, matches out: what counts as a match, and in which order matches are given.

use std::collections::BinaryHeap;

use super::Gallery;
use super::entry::EntryId;
use super::range::{PdqWork, PhotoDnaWork};
use super::segment::FLAT;
use crate::signature::{Algorithm, Orientation, Pdq, PhotoDna};

/// One picture that is looked up.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Query {
    /// Looked up where present.
    pub photodna: Option<PhotoDna>,
    /// Looked up where present.
    pub pdq: Option<Pdq>,
    /// All orientations of the PDQ signature from the picture itself, which are more exact than those derived from its bits.
    pub pdq_orientations: Option<[Pdq; 8]>,
    /// Whether the PhotoDNA-class signature comes from a nearly flat picture.
    pub flat: bool,
    /// PDQ quality, where known.
    pub quality: Option<u8>,
}

setters!(Query {
    photodna: Option<PhotoDna>,
    pdq: Option<Pdq>,
    pdq_orientations: Option<[Pdq; 8]>,
    flat: bool,
    quality: Option<u8>,
});

/// What counts as a match.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// Largest squared Euclidean distance of a match; `None`: PhotoDNA-class signatures are not looked up.
    pub photodna: Option<u32>,
    /// Largest Hamming distance of a match; `None`: PDQ signatures are not looked up.
    pub pdq: Option<u32>,
    /// Whether an entry counts only where both distances are within their thresholds, in the same orientation.
    pub joint: bool,
    /// At most this many matches per query and algorithm, the nearest ones.
    pub nearest: Option<usize>,
    /// Whether queries are turned and mirrored in all eight ways.
    pub all_orientations: bool,
    /// Whether signatures of nearly flat pictures match.
    pub include_flat: bool,
    /// Smallest PDQ quality, of query and entry, at which PDQ signatures match, where the quality is known.
    pub quality_min: u8,
}

setters!(SearchOptions {
    photodna: Option<u32>,
    pdq: Option<u32>,
    joint: bool,
    nearest: Option<usize>,
    all_orientations: bool,
    include_flat: bool,
    quality_min: u8,
});

impl Default for SearchOptions {
    fn default() -> SearchOptions {
        SearchOptions {
            photodna: Some(Algorithm::PhotoDna.threshold()),
            pdq: Some(Algorithm::Pdq.threshold()),
            joint: false,
            nearest: None,
            all_orientations: false,
            include_flat: false,
            quality_min: 50,
        }
    }
}

/// An entry within the threshold of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Match {
    /// Index of the query in its batch.
    pub query: u32,
    /// The entry.
    pub entry: EntryId,
    /// Which signature matched.
    pub algorithm: Algorithm,
    /// In the algorithm's own measure; see [`Algorithm::metric`].
    pub distance: u32,
    /// How the query's picture is turned relative to the entry's.
    pub orientation: Orientation,
}

/// Buffers of a search, to be reused: one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    photodna: PhotoDnaWork,
    pdq: PdqWork,
    /// The query and orientation of each signature in the two above.
    owners: Vec<(u32, Orientation)>,
    /// The nearest entries of each signature.
    nearest: Vec<BinaryHeap<(u32, EntryId)>>,
    /// Which queries have their nearest entries.
    answered: Vec<bool>,
    /// Most matches that the next search takes, and whether there were more; `None`: all.
    pub(crate) room: Option<usize>,
    pub(crate) is_cut: bool,
}

impl Query {
    fn pdq_oriented(&self, orientation: Orientation) -> Option<Pdq> {
        let turned = self.pdq_orientations.map(|all| all[orientation as usize]);
        match orientation {
            Orientation::Upright => self.pdq.or(turned),
            _ => turned.or_else(|| self.pdq.map(|signature| signature.oriented(orientation))),
        }
    }
}

impl Gallery {
    /// Appends every match of `queries`: by query, then algorithm, then distance, then entry. An entry appears once
    /// per query and algorithm, in its nearest orientation.
    ///
    /// Exact: no entry within the threshold is missed, whatever the threshold is.
    /// `scratch` and `matches` keep all memory that is allocated. In batches of some hundred, a query takes a fraction of the time that it
    /// takes alone.
    pub fn search(
        &self,
        queries: &[Query],
        options: &SearchOptions,
        scratch: &mut Scratch,
        matches: &mut Vec<Match>,
    ) {
        let start = matches.len();
        let pdq = options.pdq.filter(|_| !options.joint);
        for (algorithm, threshold) in [(Algorithm::PhotoDna, options.photodna), (Algorithm::Pdq, pdq)] {
            let Some(threshold) = threshold else { continue };
            let task = Task { gallery: self, queries, options, algorithm, threshold };
            match options.nearest {
                None => task.all(scratch, matches),
                Some(count) => task.nearest(count, scratch, matches),
            }
        }
        order(matches, start, options.nearest);
        if options.joint {
            self.tell_pdq_too(queries, matches, start);
        }
    }

    /// As [`search`](Gallery::search) for PhotoDNA-class signatures, but computing the distance of every pair: for benchmarks.
    #[doc(hidden)]
    pub fn search_every_pair(
        &self,
        queries: &[Query],
        options: &SearchOptions,
        scratch: &mut Scratch,
        matches: &mut Vec<Match>,
    ) {
        scratch.photodna.every_pair = true;
        self.search(queries, &SearchOptions { pdq: None, ..options.clone() }, scratch, matches);
        scratch.photodna.every_pair = false;
    }

    /// Follows every PhotoDNA-class match of a joint search by its PDQ match.
    fn tell_pdq_too(&self, queries: &[Query], matches: &mut Vec<Match>, start: usize) {
        for index in start..matches.len() {
            let found = matches[index];
            let own = queries[found.query as usize].pdq_oriented(found.orientation);
            if let (Some(own), Some(known)) = (own, self.pdq(found.entry)) {
                matches.push(Match { algorithm: Algorithm::Pdq, distance: own.distance(&known), ..found });
            }
        }
        matches[start..].sort_unstable_by_key(rank);
    }
}

/// The search of one algorithm.
struct Task<'a> {
    gallery: &'a Gallery,
    queries: &'a [Query],
    options: &'a SearchOptions,
    algorithm: Algorithm,
    threshold: u32,
}

impl Task<'_> {
    /// All matches within the threshold.
    fn all(&self, scratch: &mut Scratch, matches: &mut Vec<Match>) {
        self.fill(scratch, |_| true);
        let Scratch { photodna, pdq, owners, room, is_cut, .. } = scratch;
        let most = room.map_or(usize::MAX, |room| matches.len().saturating_add(room));
        self.range(photodna, pdq, self.threshold, &mut |signature, entry, distance| {
            let (query, orientation) = owners[signature as usize];
            if !*is_cut && self.accepts(query, orientation, entry) {
                if matches.len() >= most {
                    *is_cut = true;
                    return;
                }
                matches.push(Match { query, entry, algorithm: self.algorithm, distance, orientation });
            }
        });
    }

    /// At least the `count` nearest within the threshold: within growing radii, until there are enough.
    fn nearest(&self, count: usize, scratch: &mut Scratch, matches: &mut Vec<Match>) {
        let last = self.threshold.min(largest_distance(self.algorithm));
        let mut radius = last.min(self.algorithm.threshold());
        scratch.answered.clear();
        scratch.answered.resize(self.queries.len(), count == 0);
        loop {
            let answered = std::mem::take(&mut scratch.answered);
            self.fill(scratch, |query| !answered[query]);
            scratch.answered = answered;
            let Scratch { photodna, pdq, owners, nearest, answered, room, is_cut } = scratch;
            // Each orientation of a query has its own nearest.
            let most = room.map_or(usize::MAX, |room| room.saturating_mul(Orientation::ALL.len()));
            let mut kept = 0;
            nearest.iter_mut().for_each(BinaryHeap::clear);
            nearest.resize_with(nearest.len().max(owners.len()), BinaryHeap::new);
            self.range(photodna, pdq, radius, &mut |signature, entry, distance| {
                let (query, orientation) = owners[signature as usize];
                let heap = &mut nearest[signature as usize];
                // The heap's top is the farthest of the nearest so far. Equal distances go by entry, so that the choice is always the same.
                let far = || heap.peek().is_some_and(|farthest| *farthest <= (distance, entry));
                if heap.len() >= count && far() || !self.accepts(query, orientation, entry) {
                    return;
                }
                if *is_cut || heap.len() < count && kept >= most {
                    *is_cut = true;
                    return;
                }
                heap.push((distance, entry));
                kept += 1;
                if heap.len() > count {
                    heap.pop();
                    kept -= 1;
                }
            });
            self.take_answers(count, radius >= last, owners, nearest, answered, matches);
            if radius >= last || *is_cut {
                break;
            }
            radius = wider(self.algorithm, radius).min(last);
        }
    }

    /// Turns the heaps of queries that have enough entries (all, in the last round) into matches.
    fn take_answers(
        &self,
        count: usize,
        last: bool,
        owners: &[(u32, Orientation)],
        nearest: &[BinaryHeap<(u32, EntryId)>],
        answered: &mut [bool],
        matches: &mut Vec<Match>,
    ) {
        let mut signature = 0;
        for own in owners.chunk_by(|a, b| a.0 == b.0) {
            let query = own[0].0;
            let start = matches.len();
            for ((_, orientation), heap) in own.iter().zip(&nearest[signature..]) {
                matches.extend(heap.iter().map(|&(distance, entry)| Match {
                    query,
                    entry,
                    algorithm: self.algorithm,
                    distance,
                    orientation: *orientation,
                }));
            }
            signature += own.len();
            order(matches, start, Some(count));
            if last || matches.len() - start >= count {
                answered[query as usize] = true;
            } else {
                matches.truncate(start);
            }
        }
    }

    /// Puts the signatures of all `wanted` queries in all orientations into the buffers.
    fn fill(&self, scratch: &mut Scratch, wanted: impl Fn(usize) -> bool) {
        scratch.owners.clear();
        scratch.photodna.clear();
        scratch.pdq.clear();
        let orientations =
            if self.options.all_orientations { &Orientation::ALL } else { &Orientation::ALL[..1] };
        for (number, query) in self.queries.iter().enumerate().filter(|(number, _)| wanted(*number)) {
            if !self.asks(query) {
                continue;
            }
            for &orientation in orientations {
                let taken = match self.algorithm {
                    Algorithm::PhotoDna => query
                        .photodna
                        .map(|signature| scratch.photodna.push(signature.oriented(orientation).0)),
                    _ => query.pdq_oriented(orientation).map(|signature| scratch.pdq.push(signature.0)),
                };
                if taken.is_some() {
                    scratch.owners.push((number as u32, orientation));
                }
            }
        }
    }

    /// Whether a query is good enough to be looked up.
    fn asks(&self, query: &Query) -> bool {
        let photodna = !query.flat || self.options.include_flat;
        let pdq = query.quality.is_none_or(|quality| quality >= self.options.quality_min);
        match self.algorithm {
            Algorithm::PhotoDna => photodna && (pdq || !self.options.joint),
            _ => pdq,
        }
    }

    fn range(
        &self,
        photodna: &mut PhotoDnaWork,
        pdq: &mut PdqWork,
        radius: u32,
        found: &mut dyn FnMut(u32, EntryId, u32),
    ) {
        match self.algorithm {
            Algorithm::PhotoDna => self.gallery.photodna_range(photodna, radius, found),
            _ => self.gallery.pdq_range(pdq, radius, found),
        }
    }

    /// Whether an entry within the threshold counts.
    fn accepts(&self, query: u32, orientation: Orientation, entry: EntryId) -> bool {
        let (storage, segment) = (&self.gallery.storage, &self.gallery.segments[entry.segment as usize]);
        let (flags, quality) = segment.flags(storage, entry.index);
        let flat = flags & FLAT != 0 && !self.options.include_flat;
        let poor = quality < self.options.quality_min;
        let barred = match self.algorithm {
            Algorithm::PhotoDna => flat || self.options.joint && poor,
            _ => poor,
        };
        if barred || segment.is_removed(storage, entry.index) {
            return false;
        }
        !self.options.joint || self.pdq_agrees(query, orientation, entry)
    }

    fn pdq_agrees(&self, query: u32, orientation: Orientation, entry: EntryId) -> bool {
        let own = self.queries[query as usize].pdq_oriented(orientation);
        let (Some(own), Some(known)) = (own, self.gallery.pdq(entry)) else { return false };
        self.options.pdq.is_some_and(|threshold| own.distance(&known) <= threshold)
    }
}

/// No two signatures lie farther apart.
fn largest_distance(algorithm: Algorithm) -> u32 {
    if algorithm == Algorithm::PhotoDna { 144 * 255 * 255 } else { 256 }
}

/// The next radius to try: about twice as far, which is four times the square.
fn wider(algorithm: Algorithm, radius: u32) -> u32 {
    if algorithm == Algorithm::PhotoDna { radius.max(100).saturating_mul(4) } else { 2 * radius + 1 }
}

/// The order in which matches are given.
fn rank(found: &Match) -> (u32, Algorithm, u32, EntryId, Orientation) {
    (found.query, found.algorithm, found.distance, found.entry, found.orientation)
}

/// Brings matches from `start` on into order, each entry once per query and algorithm, at most `nearest` of each.
fn order(matches: &mut Vec<Match>, start: usize, nearest: Option<usize>) {
    // Entry before distance, so that all orientations of an entry stand together, the nearest first.
    matches[start..].sort_unstable_by_key(|m| (m.query, m.algorithm, m.entry, m.distance, m.orientation));
    let same = |a: &Match, b: &Match| (a.query, a.algorithm, a.entry) == (b.query, b.algorithm, b.entry);
    retain_from(matches, start, |before, found| !before.is_some_and(|before| same(before, found)));
    matches[start..].sort_unstable_by_key(rank);
    if let Some(most) = nearest {
        let mut run = 0;
        retain_from(matches, start, |before, found| {
            let goes_on = before.is_some_and(|b| (b.query, b.algorithm) == (found.query, found.algorithm));
            run = if goes_on { run + 1 } else { 1 };
            run <= most
        });
    }
}

/// Keeps the matches from `start` on that `keep` says, given also the one kept before it.
fn retain_from(matches: &mut Vec<Match>, start: usize, mut keep: impl FnMut(Option<&Match>, &Match) -> bool) {
    let mut kept = start;
    for index in start..matches.len() {
        let found = matches[index];
        let before = (kept > start).then(|| matches[kept - 1]);
        if keep(before.as_ref(), &found) {
            matches[kept] = found;
            kept += 1;
        }
    }
    matches.truncate(kept);
}
