//! Sources of one shard after another, and the queue that tells the writing side where a shard ends.
//!
//! One run of the pipeline goes through many shards, so nothing drains at their ends. The feed never waits for a shard: where none is free,
//! the run ends, and whoever called it waits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::location::Publish;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::pipeline::{Source, Sources, Stop};

/// A shard that this worker has taken, and what is to be hashed of it.
pub(super) struct Taken {
    pub(super) shard: u64,
    pub(super) sources: Sources,
    pub(super) how: How,
}

/// What becomes of a shard's records.
#[derive(Debug, Clone)]
pub(super) enum How {
    /// They are its file.
    New(Publish),
    /// They replace failed ones with these error codes in its file.
    Mend(Mend),
}

impl How {
    /// Other limits than the settings' under which some of the records are made.
    pub(super) fn other_limits(&self) -> &[Limits] {
        match self {
            How::New(_) => &[],
            How::Mend(mend) => &mend.other_limits,
        }
    }
}

/// The mending of a file.
#[derive(Debug, Clone)]
pub(super) struct Mend {
    /// The generation that comes of it.
    pub(super) generation: u32,
    pub(super) codes: Vec<String>,
    /// The whole file is made anew, because its archive could not be read to the end.
    pub(super) whole: bool,
    /// Other limits than the settings' under which some of its records are made then.
    pub(super) other_limits: Vec<Limits>,
}

/// Where shards come from.
pub(super) trait Supply: Send {
    /// Takes a shard; `None` where all are done or in others' hands.
    fn take(&mut self) -> Result<Option<Taken>>;
}

/// A shard between its first source and its last record.
#[derive(Debug, Clone)]
pub(super) struct Lot {
    pub(super) shard: u64,
    pub(super) how: How,
    pub(super) begun: Instant,
    /// Sources taken from it so far.
    pub(super) sources: u64,
    /// Whether there are no more.
    pub(super) ended: bool,
}

/// The lots that are under way, in order.
#[derive(Debug, Default)]
pub(super) struct Lots(Mutex<VecDeque<Lot>>);

impl Lots {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Lot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, shard: u64, how: How) {
        self.lock().push_back(Lot { shard, how, begun: Instant::now(), sources: 0, ended: false });
    }

    fn change_last(&self, change: impl FnOnce(&mut Lot)) {
        if let Some(last) = self.lock().back_mut() {
            change(last);
        }
    }

    /// The first lot, if all its sources have been taken and it has so many.
    pub(super) fn take_ended(&self, records: u64) -> Option<Lot> {
        let mut lots = self.lock();
        let ended = lots.front().is_some_and(|lot| lot.ended && lot.sources == records);
        if ended { lots.pop_front() } else { None }
    }

    /// What was not brought to its end.
    pub(super) fn take_all(&self) -> Vec<Lot> {
        self.lock().drain(..).collect()
    }
}

/// When to end before everything is done.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// Asked for by a signal, say.
    pub(super) stop: Stop,
    /// How long the shard in hand may take from then on.
    pub(super) grace: Duration,
}

/// The sources of all shards that this worker takes.
pub(super) struct Feed<'a, S> {
    supply: &'a Mutex<S>,
    lots: &'a Lots,
    ending: Ending,
    /// When the end was asked for, as far as we noticed.
    asked: Option<Instant>,
    current: Option<Sources>,
    failure: &'a Mutex<Option<Error>>,
}

impl<'a, S: Supply> Feed<'a, S> {
    /// Begins with a shard that is taken already.
    pub(super) fn new(
        supply: &'a Mutex<S>,
        lots: &'a Lots,
        ending: Ending,
        first: Taken,
        failure: &'a Mutex<Option<Error>>,
    ) -> Feed<'a, S> {
        let mut feed = Feed { supply, lots, ending, asked: None, current: None, failure };
        feed.begin(first);
        feed
    }

    fn begin(&mut self, taken: Taken) {
        self.lots.begin(taken.shard, taken.how);
        self.current = Some(taken.sources);
    }

    fn out_of_time(&mut self) -> bool {
        if !self.ending.stop.requested() {
            return false;
        }
        let asked = *self.asked.get_or_insert_with(Instant::now);
        asked.elapsed() >= self.ending.grace
    }

    fn take_shard(&self) -> Result<Option<Taken>> {
        if self.ending.stop.requested() {
            return Ok(None);
        }
        self.supply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<S: Supply> Iterator for Feed<'_, S> {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            if self.out_of_time() {
                return None;
            }
            if let Some(source) = self.current.as_mut().and_then(Iterator::next) {
                self.lots.change_last(|lot| lot.sources += 1);
                return Some(source);
            }
            if self.current.take().is_some() {
                self.lots.change_last(|lot| lot.ended = true);
            }
            match self.take_shard() {
                Ok(taken) => self.begin(taken?),
                Err(error) => {
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return None;
                }
            }
        }
    }
}
