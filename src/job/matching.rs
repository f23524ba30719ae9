//! Looking records up in galleries while they are written.

use std::num::NonZeroUsize;

use crate::error::Result;
use crate::gallery::{Gallery, Query, SearchOptions};
use crate::pipeline::{Lookup, Row};

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

impl Matching {
    /// A search with buffers of its own.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(&self.galleries, self.options.clone(), self.threads)
    }

    /// Fills in what matched; `queries` are those of the rows, failed ones' empty.
    ///
    /// # Errors
    ///
    /// Where a gallery was overwritten meanwhile, so that what was found does not count.
    pub(super) fn fill(&self, lookup: &mut Lookup<'_>, rows: &mut [Row], queries: &[Query]) -> Result<()> {
        for row in &mut *rows {
            row.matches = Some(Vec::new());
        }
        for found in lookup.search(queries) {
            let matches = &mut rows[found.found.query as usize].matches;
            matches.get_or_insert_default().push(found.in_words(&self.galleries, &self.names));
        }
        self.galleries.iter().try_for_each(Gallery::check_unchanged)
    }
}
