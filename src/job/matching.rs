//! Looking records up in galleries while they are written.

use std::num::NonZeroUsize;

use crate::gallery::{EntryView, Gallery, Query, SearchOptions};
use crate::hasher::{Flag, Hashed};
use crate::pipeline::{Found, Lookup, Row, RowMatch};

/// Galleries, and what counts as a match.
#[derive(Debug)]
pub struct Matching {
    /// The galleries.
    pub galleries: Vec<Gallery>,
    /// What they are called in records, in the same order.
    pub names: Vec<String>,
    /// What counts as a match.
    pub options: SearchOptions,
    /// Threads that search.
    pub threads: NonZeroUsize,
}

/// What is looked up for a hashed picture.
pub(super) fn query(hashed: &Hashed) -> Query {
    Query {
        photodna: hashed.photodna.map(|hash| hash.signature),
        pdq: hashed.pdq.as_ref().map(|hash| hash.signature),
        pdq_orientations: hashed.pdq.as_ref().and_then(|hash| hash.orientations),
        flat: hashed.flags().any(|flag| flag == Flag::Flat),
        quality: hashed.pdq.as_ref().map(|hash| hash.quality),
    }
}

impl Matching {
    /// A search with buffers of its own.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(&self.galleries, self.options.clone(), self.threads)
    }

    /// Fills in what matched; `queries` are those of the rows, failed ones' empty.
    pub(super) fn fill(&self, lookup: &mut Lookup<'_>, rows: &mut [Row], queries: &[Query]) {
        for row in &mut *rows {
            row.matches = Some(Vec::new());
        }
        for found in lookup.search(queries) {
            let matches = &mut rows[found.found.query as usize].matches;
            matches.get_or_insert_default().push(self.tell(&found));
        }
    }

    fn tell(&self, told: &Found) -> RowMatch {
        let EntryView { key, label, source, position, .. } =
            self.galleries[told.gallery].entry(told.found.entry);
        RowMatch {
            gallery: self.names[told.gallery].clone(),
            key: key.to_string(),
            label: label.to_string(),
            source: source.to_string(),
            position,
            algorithm: told.found.algorithm.name().into(),
            distance: told.found.distance,
            orientation: told.found.orientation.name().into(),
        }
    }
}
