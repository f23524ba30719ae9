//! Looking up pictures in galleries that may be replaced meanwhile.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::error::Result;
use crate::gallery::{Gallery, Query, Scratch, SearchOptions};
use crate::hasher::Hashed;
use crate::pipeline::{Queries, RecordMatch, search_all};

/// Galleries by name.
type Named = Vec<(String, Arc<Gallery>)>;

/// Galleries, what counts as a match in them, and buffers for searches.
///
/// Share it among threads. [`replace`](Search::replace) changes all galleries at one instant: searches that have begun finish with the old ones.
#[derive(Debug)]
pub struct Search {
    galleries: RwLock<Arc<Named>>,
    options: SearchOptions,
    scratches: Mutex<Vec<Scratch>>,
}

impl Search {
    /// Searches in these galleries, by name.
    pub fn new<N: Into<String>>(
        galleries: impl IntoIterator<Item = (N, Arc<Gallery>)>,
        options: SearchOptions,
    ) -> Search {
        Search { galleries: RwLock::new(named(galleries)), options, scratches: Mutex::default() }
    }

    /// Searches in these galleries from now on.
    pub fn replace<N: Into<String>>(&self, galleries: impl IntoIterator<Item = (N, Arc<Gallery>)>) {
        *self.galleries.write().unwrap_or_else(PoisonError::into_inner) = named(galleries);
    }

    /// What matches each query: by algorithm, distance and gallery.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) if a gallery's file was overwritten meanwhile, so that the matches may be wrong.
    pub fn find(&self, queries: &[Query]) -> Result<Vec<Vec<RecordMatch>>> {
        let mut all = Queries::default();
        queries.iter().for_each(|query| all.push_query(Some(query.clone())));
        self.find_all(&all)
    }

    /// What matches any face of a picture; each match names its face unless that is the stored pixels.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Search::find).
    pub fn find_picture(&self, hashed: &Hashed) -> Result<Vec<RecordMatch>> {
        let mut all = Queries::default();
        all.push_picture(Some(hashed));
        Ok(self.find_all(&all)?.pop().unwrap_or_default())
    }

    /// What matches any face of each record, in the order in which they were taken. Some hundred at a time are several times as fast a record as one.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Search::find).
    pub fn find_all(&self, queries: &Queries) -> Result<Vec<Vec<RecordMatch>>> {
        let galleries = self.galleries.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut scratch =
            self.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let of = galleries.iter().map(|(name, gallery)| (name.as_str(), &**gallery)).collect::<Vec<_>>();
        let found = search_all(&of, &self.options, queries, &mut scratch);
        self.scratches.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        found
    }
}

fn named<N: Into<String>>(galleries: impl IntoIterator<Item = (N, Arc<Gallery>)>) -> Arc<Named> {
    Arc::new(galleries.into_iter().map(|(name, gallery)| (name.into(), gallery)).collect())
}
