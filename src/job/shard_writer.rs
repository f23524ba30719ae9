//! Makes the files of records, and makes them count: whole on the disk, announced, visible, done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::claim::Claims;
use super::digest;
use super::identity::now;
use super::ledger::{Entry, State, Writer};
use super::location::{Location, Publish};
use super::matching::Matching;
use super::plan;
use super::progress::Progress;
use super::record_sink::Part;
use super::records::{records_file, settle};
use super::shard_sources::{Purpose, ShardInFlight};
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::pipeline::{Lookup, Queries, RecordFormat, StoredRecord, StoredSink, Times};

/// What making files needs of the job.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) location: Arc<dyn Location>,
    pub(super) claims: Arc<Claims>,
    pub(super) writer: Arc<Writer>,
    pub(super) format: RecordFormat,
    /// What a file says of how its signatures were made.
    pub(super) about: Vec<(String, String)>,
    pub(super) matching: Option<Arc<Matching>>,
    pub(super) progress: Arc<Progress>,
}

/// A file that is being written.
pub(super) struct Open {
    pub(super) draft: NamedTempFile,
    pub(super) sink: Box<dyn StoredSink + Send>,
    pub(super) tally: Tally,
    /// How long threads were at it, by what they did.
    pub(super) spent: Spent,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    times: Times,
    matching: Duration,
    writing: Duration,
}

impl Spent {
    fn seconds(self) -> BTreeMap<String, f64> {
        let Spent { times, matching, writing } = self;
        let all = [("read", times.read), ("hash", times.hash), ("match", matching), ("write", writing)];
        let seconds = |(what, time): (&str, Duration)| (what.to_string(), time.as_secs_f64());
        all.into_iter().filter(|(_, time)| !time.is_zero()).map(seconds).collect()
    }
}

impl Open {
    pub(super) fn new(desk: &Desk) -> Result<Open> {
        let draft = desk.location.draft(&desk.claims.own().name)?;
        let file = draft.as_file().try_clone();
        let file = file.map_err(|error| Error::io("cannot write the records", error))?;
        Ok(Open {
            draft,
            sink: desk.format.sink(file, &desk.about)?,
            tally: Tally::default(),
            spent: Spent::default(),
        })
    }

    pub(super) fn write(&mut self, row: &StoredRecord) -> Result<()> {
        self.tally.add(row);
        self.sink.write_stored(row)
    }
}

/// Makes one file after another.
pub(super) struct ShardWriter<'a> {
    desk: &'a Desk,
    lookup: Option<(&'a Matching, Lookup<'a>)>,
    /// Of a new file, what has come so far.
    open: Option<Open>,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn new(desk: &'a Desk) -> ShardWriter<'a> {
        let lookup = desk.matching.as_deref().map(|matching| (matching, matching.lookup()));
        ShardWriter { desk, lookup, open: None }
    }

    pub(super) fn take(&mut self, part: Part) -> Result<()> {
        match part {
            Part::Records(mut rows, queries, times) => {
                let started = Instant::now();
                self.look_up(&mut rows, &queries)?;
                let matching = if self.lookup.is_some() { started.elapsed() } else { Duration::ZERO };
                let (open, started) = (self.open()?, Instant::now());
                rows.iter().try_for_each(|row| open.write(row))?;
                open.spent.times += times;
                open.spent.matching += matching;
                open.spent.writing += started.elapsed();
                Ok(())
            }
            Part::End(lot) => {
                // Without a row it is an archive with nothing in it.
                let open = self.open.take().map_or_else(|| Open::new(self.desk), Ok)?;
                self.desk.end(&lot, open)
            }
        }
    }

    fn look_up(&mut self, rows: &mut [StoredRecord], queries: &Queries) -> Result<()> {
        match &mut self.lookup {
            Some((matching, lookup)) => matching.fill(lookup, rows, queries),
            None => Ok(()),
        }
    }

    fn open(&mut self) -> Result<&mut Open> {
        match self.open {
            Some(ref mut open) => Ok(open),
            None => Ok(self.open.insert(Open::new(self.desk)?)),
        }
    }
}

impl Desk {
    /// Makes the file of a shard whose records are all written.
    fn end(&self, lot: &ShardInFlight, mut open: Open) -> Result<()> {
        open.sink.finish()?;
        let (publish, open) = match &lot.purpose {
            Purpose::New(publish) => (*publish, Some(open)),
            Purpose::Repair(repair) => (Publish::Replace, self.repaired(repair, open)?),
        };
        open.map_or(Ok(()), |open| self.publish(lot, publish, open))?;
        self.claims.release(&plan::name(lot.shard))
    }

    fn publish(&self, lot: &ShardInFlight, publish: Publish, open: Open) -> Result<()> {
        let entry = self.entry(lot, &open)?;
        self.writer.append(&entry)?;
        if self.location.publish(open.draft, &entry.file, publish)? {
            self.writer.append(&Entry { state: State::Done, ..entry.clone() })?;
        } else {
            settle(&*self.location, &self.writer, lot.shard, &entry.file)?;
        }
        self.progress.finished_shard(&entry);
        Ok(())
    }

    fn entry(&self, lot: &ShardInFlight, open: &Open) -> Result<Entry> {
        let file = records_file(lot.shard, self.format);
        let (sha256, length) = digest::of_file(open.draft.as_file(), &file)?;
        let (before, mut thread_seconds) = (lot.purpose.before(), open.spent.seconds());
        for (what, seconds) in before.iter().flat_map(|before| &before.thread_seconds) {
            *thread_seconds.entry(what.clone()).or_default() += seconds;
        }
        let Tally { records, failed, bytes, pixels, census, keys } = open.tally.clone();
        Ok(Entry {
            state: State::Announced,
            shard: lot.shard,
            generation: before.map_or(0, |before| before.generation + 1),
            file,
            length,
            sha256,
            keys: keys.finish(),
            records,
            failed,
            bytes,
            pixels,
            census,
            other_limits: lot.purpose.other_limits().to_vec(),
            thread_seconds,
            seconds: lot.begun.elapsed().as_secs_f64(),
            at: now(),
            worker: self.claims.own().name.clone(),
            first: before.map(Entry::making),
        })
    }
}
