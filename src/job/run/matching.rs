//! Looking records up in galleries while they are written.

use std::num::NonZeroUsize;

use crate::error::Result;
use crate::gallery::{Gallery, SearchOptions};
use crate::pipeline::{Lookup, Queries, StoredRecord};

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
    pub(in crate::job) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(&self.galleries, self.options.clone(), self.threads)
    }

    /// Fills in what matched; `queries` are those of the records.
    ///
    /// # Errors
    ///
    /// As [`Lookup::matches`].
    pub(in crate::job) fn fill(
        &self,
        lookup: &mut Lookup<'_>,
        records: &mut [StoredRecord],
        queries: &Queries,
    ) -> Result<()> {
        let matches = lookup.matches(queries, &self.names)?;
        records.iter_mut().zip(matches).for_each(|(record, matches)| record.matches = Some(matches));
        Ok(())
    }
}
