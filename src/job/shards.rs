//! The writing side: records in order, each into its shard's file, and what makes a finished file count.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::Sender;
use tempfile::NamedTempFile;

use super::board::{records_file, settle};
use super::census::Census;
use super::claim::Claims;
use super::digest::{self, Keys};
use super::feed::{Lot, Lots};
use super::format::RecordFormat;
use super::identity::now;
use super::ledger::{Entry, State, Writer};
use super::location::Location;
use super::plan;
use super::progress::Progress;
use crate::error::{Error, Result};
use crate::pipeline::{Record, Sink, Summary};

/// What both sides need of the job.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) location: Arc<dyn Location>,
    pub(super) claims: Arc<Claims>,
    pub(super) writer: Arc<Writer>,
    pub(super) format: RecordFormat,
    pub(super) progress: Arc<Progress>,
}

/// A shard's file that is being written.
pub(super) struct Open {
    draft: NamedTempFile,
    sink: Box<dyn Sink + Send>,
    summary: Summary,
    census: Census,
    keys: Keys,
}

impl Open {
    fn new(desk: &Desk) -> Result<Open> {
        let draft = desk.location.draft(&desk.claims.own().name)?;
        let file = draft.as_file().try_clone().map_err(cannot_write)?;
        let sink = desk.format.sink(file)?;
        Ok(Open {
            draft,
            sink,
            summary: Summary::default(),
            census: Census::default(),
            keys: Keys::default(),
        })
    }

    fn write(&mut self, record: &Record) -> Result<()> {
        self.sink.write(record)?;
        self.summary.add(record);
        self.census.add(record);
        self.keys.add(&record.key);
        Ok(())
    }
}

/// A shard whose records are all written.
pub(super) struct Finished {
    lot: Lot,
    open: Open,
}

/// Takes the records of all shards in order.
pub(super) struct ShardSink<'a> {
    desk: &'a Desk,
    lots: &'a Lots,
    open: Option<Open>,
    finished: Sender<Finished>,
}

impl<'a> ShardSink<'a> {
    pub(super) fn new(desk: &'a Desk, lots: &'a Lots, finished: Sender<Finished>) -> ShardSink<'a> {
        ShardSink { desk, lots, open: None, finished }
    }

    /// Hands on the shards that have their last record.
    fn hand_on(&mut self) -> Result<()> {
        loop {
            let records = self.open.as_ref().map_or(0, |open| open.summary.records);
            let Some(lot) = self.lots.take_ended(records) else { return Ok(()) };
            let open = match self.open.take() {
                Some(open) => open,
                // An archive with nothing in it.
                None => Open::new(self.desk)?,
            };
            let gone = |_| Error::Input("finishing a shard failed".to_string());
            self.finished.send(Finished { lot, open }).map_err(gone)?;
        }
    }
}

impl Sink for ShardSink<'_> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.hand_on()?;
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(Open::new(self.desk)?),
        };
        open.write(record)?;
        self.desk.progress.add(record);
        Ok(())
    }

    /// Nobody reads a draft, so only its shard's end matters.
    fn flush(&mut self) -> Result<()> {
        self.hand_on()
    }
}

impl Desk {
    /// Makes a finished shard count: its file whole on the disk, announced, visible, done.
    pub(super) fn finish(&self, finished: Finished) -> Result<()> {
        let Finished { lot, open } = finished;
        let Open { draft, mut sink, summary, census, keys } = open;
        sink.finish()?;
        drop(sink);
        let file = records_file(lot.shard, self.format);
        let (sha256, length) = digest::of_file(draft.as_file(), &file)?;
        let failed: BTreeMap<_, _> =
            summary.errors.iter().map(|(code, count)| (code.to_string(), *count)).collect();
        let entry = Entry {
            state: State::Announced,
            shard: lot.shard,
            generation: 0,
            file,
            length,
            sha256,
            keys: keys.finish(),
            records: summary.records,
            failed,
            bytes: summary.bytes,
            pixels: summary.pixels,
            census,
            thread_seconds: BTreeMap::new(),
            seconds: lot.begun.elapsed().as_secs_f64(),
            at: now(),
            worker: self.claims.own().name.clone(),
        };
        self.writer.append(&entry)?;
        if self.location.publish(draft, &entry.file, lot.publish)? {
            self.writer.append(&Entry { state: State::Done, ..entry.clone() })?;
        } else {
            settle(&*self.location, &self.writer, lot.shard, &entry.file)?;
        }
        self.progress.finished_shard(&entry);
        self.claims.release(&plan::name(lot.shard))
    }
}

fn cannot_write(error: std::io::Error) -> Error {
    Error::io("cannot write the records", error)
}
