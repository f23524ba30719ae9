//! Threads that look up for callers that must not block.
//!
//! Look-ups are batched without a timer: a free thread takes what waits for the same galleries with the same options, and never waits for more.
//! One batch costs little more than its largest part, so the batches grow with the load.

use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::answer::Answer;
use super::failure::{HashError, PictureError};
use crate::error::{Error, Result};
use crate::gallery::{Gallery, Scratch, SearchOptions};
use crate::pipeline::{Hit, MatchLimits, Queries, refused, search_hits};

/// Most queries that are joined into one batch. What is longer is searched alone.
const BATCH: usize = 512;

/// Galleries that are searched together, by name.
type Galleries = Arc<Vec<(String, Arc<Gallery>)>>;

/// Threads that look pictures up; clones share them. When the last clone is dropped, they finish what was asked for and end.
#[derive(Debug, Clone)]
pub struct Searcher {
    queue: Sender<Lookup>,
}

/// What was searched at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchBatch {
    /// How many records were looked up.
    pub records: usize,
    /// How long each of the look-ups waited for a thread.
    pub waited: Vec<Duration>,
    /// How long the search took.
    pub took: Duration,
}

/// What is called with every batch.
#[derive(Clone)]
struct Watch(Arc<dyn Fn(&SearchBatch) + Send + Sync>);

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watch(…)")
    }
}

/// What is looked up.
#[derive(Debug)]
pub struct Lookups {
    /// Where. Look-ups in the same galleries are batched.
    pub galleries: Galleries,
    /// What counts as a match.
    pub options: Arc<SearchOptions>,
    /// The records that are looked up.
    pub queries: Queries,
    /// How much may be found.
    pub limits: MatchLimits,
    /// When the caller has no more use for the answer.
    pub deadline: Option<Instant>,
}

/// The matches to come, by record: a future that needs no runtime. Dropping it cancels the look-up unless a thread has begun with it.
#[derive(Debug)]
#[must_use = "dropping it cancels the look-up"]
pub struct Searching {
    answer: Arc<Answer<Vec<Vec<Hit>>>>,
}

impl Searching {
    /// Blocks until everything is looked up.
    ///
    /// # Errors
    ///
    /// [`HashError::Picture`] if a gallery's file was overwritten meanwhile or there is more than the limits say, [`HashError::DeadlineExceeded`] if the deadline passed first.
    pub fn wait(self) -> Result<Vec<Vec<Hit>>, HashError> {
        self.answer.wait(None)
    }
}

impl Future for Searching {
    type Output = Result<Vec<Vec<Hit>>, HashError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll(context)
    }
}

impl Drop for Searching {
    fn drop(&mut self) {
        self.answer.abandon();
    }
}

impl Searcher {
    /// Starts so many threads; at most `waiting` look-ups wait for one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses a thread.
    pub fn start(threads: NonZeroUsize, waiting: usize) -> Result<Searcher> {
        Searcher::start_watched(threads, waiting, |_| {})
    }

    /// The same, and a function that is called with every batch, on the thread that searched it: it must neither block nor panic.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses a thread.
    pub fn start_watched(
        threads: NonZeroUsize,
        waiting: usize,
        watch: impl Fn(&SearchBatch) + Send + Sync + 'static,
    ) -> Result<Searcher> {
        let ((queue, waiting), watch) = (bounded(waiting), Watch(Arc::new(watch)));
        for _ in 0..threads.get() {
            let (waiting, watch) = (waiting.clone(), watch.clone());
            Builder::new()
                .name("shadegrid-search".to_string())
                .spawn(move || serve(&waiting, &watch))
                .map_err(refused)?;
        }
        Ok(Searcher { queue })
    }

    /// How many look-ups wait for a thread.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether as many wait as may, so that a further one is [`HashError::Busy`].
    pub fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Queues look-ups. Never blocks.
    ///
    /// # Errors
    ///
    /// [`HashError::Busy`] if too many wait.
    pub fn submit(&self, lookups: Lookups) -> Result<Searching, HashError> {
        let answer = Arc::new(Answer::default());
        let searching = Searching { answer: answer.clone() };
        let lookup = Lookup { lookups, answer, asked: Instant::now() };
        self.queue.try_send(lookup).map(|()| searching).map_err(|_| HashError::Busy)
    }
}

/// Look-ups in the queue. If they are dropped without an outcome, the answer is an error that says so.
#[derive(Debug)]
struct Lookup {
    lookups: Lookups,
    answer: Arc<Answer<Vec<Vec<Hit>>>>,
    asked: Instant,
}

impl Lookup {
    /// Whether both can be searched at once.
    fn goes_with(&self, other: &Lookup) -> bool {
        let (own, other) = (&self.lookups, &other.lookups);
        let galleries = own.galleries.len() == other.galleries.len()
            && own.galleries.iter().zip(&*other.galleries).all(|(own, other)| is_same(own, other));
        galleries && own.options == other.options && own.limits == other.limits
    }

    fn records(&self) -> usize {
        self.lookups.queries.records()
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        let dropped = Error::Input("the look-up was dropped before it was done".to_string());
        self.answer.give(Err(PictureError::from(&dropped).into()));
    }
}

fn is_same(own: &(String, Arc<Gallery>), other: &(String, Arc<Gallery>)) -> bool {
    own.0 == other.0 && Arc::ptr_eq(&own.1, &other.1)
}

/// Takes look-ups until nobody can ask any more.
fn serve(waiting: &Receiver<Lookup>, watch: &Watch) {
    let mut scratch = Scratch::default();
    let mut next = None;
    while let Some(first) = next.take().or_else(|| waiting.recv().ok()) {
        let mut batch = vec![first];
        let mut records = batch[0].records();
        while records < BATCH {
            let Ok(other) = waiting.try_recv() else { break };
            if !batch[0].goes_with(&other) || records + other.records() > BATCH {
                next = Some(other);
                break;
            }
            records += other.records();
            batch.push(other);
        }
        search(batch, &mut scratch, watch);
    }
}

/// Searches for what is still wanted of a batch.
fn search(mut batch: Vec<Lookup>, scratch: &mut Scratch, watch: &Watch) {
    batch.retain(|lookup| lookup.answer.is_wanted(lookup.lookups.deadline));
    let Some(first) = batch.first() else { return };
    let waited = batch.iter().map(|lookup| lookup.asked.elapsed()).collect();
    let (galleries, options) = (first.lookups.galleries.clone(), first.lookups.options.clone());
    let (limits, mut all, mut counts) = (first.lookups.limits, Queries::default(), Vec::new());
    for lookup in &batch {
        counts.push(lookup.records());
        all.append(lookup.lookups.queries.clone());
    }
    let of: Vec<_> = galleries.iter().map(|(name, gallery)| (name.as_str(), &**gallery)).collect();
    let started = Instant::now();
    let is_wanted = || batch.iter().any(|lookup| lookup.answer.is_wanted(lookup.lookups.deadline));
    let found = search_hits(&of, &options, &all, scratch, &limits, is_wanted);
    if matches!(found, Err(Error::Limit { .. })) && batch.len() > 1 {
        // One of them may have found too much for all.
        batch.into_iter().for_each(|lookup| search(vec![lookup], scratch, watch));
        return;
    }
    let found = found.map_err(|error| PictureError::from(&error));
    watch.0(&SearchBatch { records: counts.iter().sum(), waited, took: started.elapsed() });
    match found {
        Ok(None) => batch.iter().for_each(|lookup| lookup.answer.give(Err(HashError::DeadlineExceeded))),
        Ok(Some(found)) => {
            let mut found = found.into_iter();
            for (lookup, count) in batch.iter().zip(counts) {
                lookup.answer.give(Ok(found.by_ref().take(count).collect()));
            }
        }
        Err(error) => batch.iter().for_each(|lookup| lookup.answer.give(Err(error.clone().into()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::{Entry, GalleryBuilder, Query};
    use crate::signature::Pdq;

    fn gallery(pdq: Pdq) -> Galleries {
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "text");
        builder.add(source, Entry::default().key("a".into()).pdq(Some(pdq))).unwrap();
        let gallery = Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap();
        Arc::new(vec![("known".to_string(), Arc::new(gallery))])
    }

    fn lookups(galleries: &Galleries, pdq: Pdq, records: usize) -> Lookups {
        let mut queries = Queries::default();
        (0..records).for_each(|_| queries.push_query(Some(Query::default().pdq(Some(pdq)))));
        Lookups {
            galleries: galleries.clone(),
            options: Arc::default(),
            queries,
            limits: MatchLimits::default(),
            deadline: None,
        }
    }

    #[test]
    fn each_look_up_gets_its_own_answer() {
        let (known, other) = (Pdq([0x5a; 32]), Pdq([0x0f; 32]));
        let galleries = [gallery(known), gallery(other)];
        let searcher = Searcher::start(NonZeroUsize::MIN, 1024).unwrap();
        let mut asked = Vec::new();
        for number in 0..400 {
            let records = if number == 7 { 2000 } else { number % 5 };
            let (of, pdq) = (number % 2, if number % 3 == 0 { known } else { other });
            let searching = searcher.submit(lookups(&galleries[of], pdq, records)).unwrap();
            asked.push((records, (pdq == known) == (of == 0), searching));
        }
        for (records, matches, searching) in asked {
            let hits = searching.wait().unwrap();
            assert_eq!(hits.len(), records);
            assert!(hits.iter().all(|hits| hits.len() == usize::from(matches)));
        }
    }

    #[test]
    fn what_nobody_waits_for_is_not_searched() {
        let known = gallery(Pdq([0x5a; 32]));
        let searcher = Searcher::start(NonZeroUsize::MIN, 4).unwrap();
        let late = Lookups { deadline: Some(Instant::now()), ..lookups(&known, Pdq([0; 32]), 1) };
        assert_eq!(searcher.submit(late).unwrap().wait(), Err(HashError::DeadlineExceeded));
        drop(searcher.submit(lookups(&known, Pdq([0; 32]), 1)).unwrap());
        assert_eq!(searcher.submit(lookups(&known, Pdq([0x5a; 32]), 1)).unwrap().wait().unwrap()[0].len(), 1);
    }

    #[test]
    fn what_finds_too_much_is_refused_and_disturbs_no_other() {
        let mut builder = GalleryBuilder::new();
        let source = builder.source("list", "text");
        for number in 0..100u8 {
            let entry = Entry::default().key(format!("entry {number}"));
            builder.add(source, entry.pdq(Some(Pdq([if number == 0 { 0 } else { 0xff }; 32])))).unwrap();
        }
        let gallery = Gallery::from_bytes(builder.to_bytes().unwrap()).unwrap();
        let known: Galleries = Arc::new(vec![("known".to_string(), Arc::new(gallery))]);
        let searcher = Searcher::start(NonZeroUsize::MIN, 1024).unwrap();
        let matches = MatchLimits { matches: 98, ..MatchLimits::default() };
        let bytes = MatchLimits { bytes: 500, ..MatchLimits::default() };
        let nearest = SearchOptions { nearest: Some(1000), ..SearchOptions::default() };
        for (limits, options) in
            [(matches, SearchOptions::default()), (bytes, SearchOptions::default()), (matches, nearest)]
        {
            let options = Arc::new(options);
            let ask = |byte| {
                let lookups =
                    Lookups { limits, options: options.clone(), ..lookups(&known, Pdq([byte; 32]), 1) };
                searcher.submit(lookups).unwrap()
            };
            let asked: Vec<_> = (0..50).map(|_| (ask(0), ask(0xff))).collect();
            for (few, many) in asked {
                assert_eq!(few.wait().unwrap()[0].len(), 1);
                let error = many.wait().unwrap_err();
                assert!(matches!(&error, HashError::Picture(error) if error.code == "limit"), "{error:?}");
            }
        }
    }

    #[test]
    fn every_batch_is_seen_by_who_watches() {
        let (sender, batches) = crossbeam_channel::unbounded();
        let watch = move |batch: &SearchBatch| sender.send(batch.clone()).unwrap();
        let searcher = Searcher::start_watched(NonZeroUsize::MIN, 64, watch).unwrap();
        let known = gallery(Pdq([0x5a; 32]));
        let asked: Vec<_> =
            (0..20).map(|_| searcher.submit(lookups(&known, Pdq([0; 32]), 3)).unwrap()).collect();
        asked.into_iter().for_each(|searching| drop(searching.wait().unwrap()));
        let seen: Vec<SearchBatch> = batches.try_iter().collect();
        assert_eq!(seen.iter().map(|batch| batch.records).sum::<usize>(), 60);
        assert_eq!(seen.iter().map(|batch| batch.waited.len()).sum::<usize>(), 20);
        assert!(seen.iter().all(|batch| batch.records == 3 * batch.waited.len()));
        assert_eq!(searcher.queued(), 0);
    }

    #[test]
    fn a_full_queue_is_said_at_once() {
        let (sender, _waiting) = bounded(1);
        let searcher = Searcher { queue: sender };
        let known = gallery(Pdq([0x5a; 32]));
        assert!(!searcher.is_full());
        let first = searcher.submit(lookups(&known, Pdq([0; 32]), 1));
        assert!(first.is_ok() && searcher.is_full() && searcher.queued() == 1);
        assert_eq!(searcher.submit(lookups(&known, Pdq([0; 32]), 1)).unwrap_err(), HashError::Busy);
    }
}
