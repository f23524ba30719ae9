//! Makes the files of records, and makes them count: whole on the disk, announced, visible, done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::matching::Matching;
use super::progress::Progress;
use super::record_sink::SinkEvent;
use super::shard_sources::{Purpose, ShardInFlight};
use crate::error::{Error, Result};
use crate::job::state::claim::Claims;
use crate::job::state::digest;
use crate::job::state::identity::now;
use crate::job::state::ledger::{ShardEntry, State, Writer};
use crate::job::state::location::{Location, Publish};
use crate::job::state::plan;
use crate::job::state::records::{records_file, settle};
use crate::job::state::tally::Tally;
use crate::pipeline::{Lookup, Queries, RecordFormat, StoredRecord, StoredSink, Times};

/// What making files needs of the job.
#[derive(Debug, Clone)]
pub(in crate::job) struct ShardContext {
    pub(in crate::job) location: Arc<dyn Location>,
    pub(in crate::job) claims: Arc<Claims>,
    pub(in crate::job) writer: Arc<Writer>,
    pub(in crate::job) format: RecordFormat,
    /// Whether what is no picture failed wherever it was found.
    pub(in crate::job) strict: bool,
    /// What a file says of how its signatures were made.
    pub(in crate::job) about: Vec<(String, String)>,
    pub(in crate::job) matching: Option<Arc<Matching>>,
    pub(in crate::job) progress: Arc<Progress>,
}

/// A file that is being written.
pub(in crate::job) struct Open {
    pub(in crate::job) draft: NamedTempFile,
    pub(in crate::job) sink: Box<dyn StoredSink + Send>,
    pub(in crate::job) tally: Tally,
    /// How long threads were at it, by what they did.
    pub(in crate::job) spent: Spent,
}

#[derive(Debug, Clone, Copy, Default)]
pub(in crate::job) struct Spent {
    times: Times,
    by_devices: u64,
    matching: Duration,
    writing: Duration,
}

impl Spent {
    fn seconds(self) -> BTreeMap<String, f64> {
        let Spent { times, matching, writing, .. } = self;
        let all = [("read", times.read), ("hash", times.hash), ("match", matching), ("write", writing)];
        let seconds = |(what, time): (&str, Duration)| (what.to_string(), time.as_secs_f64());
        all.into_iter().filter(|(_, time)| !time.is_zero()).map(seconds).collect()
    }
}

impl Open {
    pub(in crate::job) fn new(context: &ShardContext) -> Result<Open> {
        let draft = context.location.draft(&context.claims.own().name)?;
        let file = draft.as_file().try_clone();
        let file = file.map_err(|error| Error::io("cannot write the records", error))?;
        Ok(Open {
            draft,
            sink: context.format.sink(file, &context.about)?,
            tally: Tally::new(context.strict),
            spent: Spent::default(),
        })
    }

    pub(in crate::job) fn write(&mut self, record: &StoredRecord) -> Result<()> {
        self.tally.add(record);
        self.sink.write_stored(record)
    }
}

/// Makes one file after another.
pub(in crate::job) struct ShardWriter<'a> {
    context: &'a ShardContext,
    lookup: Option<(&'a Matching, Lookup<'a>)>,
    /// Of a new file, what has come so far.
    open: Option<Open>,
}

impl<'a> ShardWriter<'a> {
    pub(in crate::job) fn new(context: &'a ShardContext) -> ShardWriter<'a> {
        let lookup = context.matching.as_deref().map(|matching| (matching, matching.lookup()));
        ShardWriter { context, lookup, open: None }
    }

    pub(in crate::job) fn take(&mut self, part: SinkEvent) -> Result<()> {
        self.context.progress.step();
        match part {
            SinkEvent::Records(mut records, queries, effort) => {
                let started = Instant::now();
                self.look_up(&mut records, &queries)?;
                let matching = if self.lookup.is_some() { started.elapsed() } else { Duration::ZERO };
                let (open, started) = (self.open()?, Instant::now());
                records.iter().try_for_each(|record| open.write(record))?;
                open.spent.times += effort.times;
                open.spent.by_devices += effort.by_devices;
                open.spent.matching += matching;
                open.spent.writing += started.elapsed();
                Ok(())
            }
            SinkEvent::End(ended) => {
                // Without a record it is an archive with nothing in it.
                let open = self.open.take().map_or_else(|| Open::new(self.context), Ok)?;
                self.context.end(&ended, open)
            }
        }
    }

    fn look_up(&mut self, records: &mut [StoredRecord], queries: &Queries) -> Result<()> {
        match &mut self.lookup {
            Some((matching, lookup)) => matching.fill(lookup, records, queries),
            None => Ok(()),
        }
    }

    fn open(&mut self) -> Result<&mut Open> {
        match self.open {
            Some(ref mut open) => Ok(open),
            None => Ok(self.open.insert(Open::new(self.context)?)),
        }
    }
}

impl ShardContext {
    /// Makes the file of a shard whose records are all written.
    fn end(&self, ended: &ShardInFlight, mut open: Open) -> Result<()> {
        open.sink.finish()?;
        let (publish, open) = match &ended.purpose {
            Purpose::New(publish) => (*publish, Some(open)),
            Purpose::Repair(repair) => (Publish::Replace, self.repaired(repair, open)?),
        };
        open.map_or(Ok(()), |open| self.publish(ended, publish, open))?;
        self.claims.release(&plan::name(ended.shard))
    }

    fn publish(&self, ended: &ShardInFlight, publish: Publish, open: Open) -> Result<()> {
        let entry = self.entry(ended, &open)?;
        self.writer.append(&entry)?;
        if self.location.publish(open.draft, &entry.file, publish)? {
            self.writer.append(&ShardEntry { state: State::Done, ..entry.clone() })?;
        } else {
            settle(&*self.location, &self.writer, ended.shard, &entry.file)?;
        }
        self.progress.finished_shard(&entry);
        Ok(())
    }

    fn entry(&self, ended: &ShardInFlight, open: &Open) -> Result<ShardEntry> {
        let file = records_file(ended.shard, self.format);
        let (sha256, length) = digest::of_file(open.draft.as_file(), &file)?;
        let (before, mut thread_seconds) = (ended.purpose.before(), open.spent.seconds());
        for (what, seconds) in before.iter().flat_map(|before| &before.thread_seconds) {
            *thread_seconds.entry(what.clone()).or_default() += seconds;
        }
        let Tally { records, failed, skipped, bytes, pixels, census, keys, .. } = open.tally.clone();
        Ok(ShardEntry {
            state: State::Announced,
            shard: ended.shard,
            generation: before.map_or(0, |before| before.generation + 1),
            file,
            length,
            sha256,
            keys: keys.finish(),
            records,
            failed,
            skipped,
            bytes,
            pixels,
            census,
            other_limits: ended.purpose.other_limits().to_vec(),
            by_devices: open.spent.by_devices,
            thread_seconds,
            seconds: ended.begun.elapsed().as_secs_f64(),
            at: now(),
            worker: self.claims.own().name.clone(),
            first: before.map(ShardEntry::making),
        })
    }
}
