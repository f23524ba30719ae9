//! The writer's part: records in order, to whoever makes the files, with word of where a shard ends.

use crossbeam_channel::Sender;

use super::progress::Progress;
use super::shard_sources::{InFlight, ShardInFlight};
use crate::error::{Error, Result};
use crate::pipeline::{Queries, Record, Sink, StoredRecord, Times};

/// What goes from the pipeline to whoever makes the files.
pub(super) enum Part {
    /// Rows of the current shard, with what is looked up for each, and how long threads were at them.
    Records(Vec<StoredRecord>, Queries, Times),
    /// The current shard is complete.
    End(ShardInFlight),
}

/// Rows of one part, and at most so many looked up at a time: each time a gallery comes from memory once.
const ROWS: usize = 4_096;

/// Takes the records of all shards in order.
pub(super) struct RecordSink<'a> {
    lots: &'a InFlight,
    progress: &'a Progress,
    parts: Sender<Part>,
    /// Records of the current shard.
    records: u64,
    rows: Vec<StoredRecord>,
    queries: Queries,
    times: Times,
}

impl<'a> RecordSink<'a> {
    pub(super) fn new(lots: &'a InFlight, progress: &'a Progress, parts: Sender<Part>) -> RecordSink<'a> {
        RecordSink {
            lots,
            progress,
            parts,
            records: 0,
            rows: Vec::new(),
            queries: Queries::default(),
            times: Times::default(),
        }
    }

    /// Sends word of the shards that have their last record.
    fn end_shards(&mut self) -> Result<()> {
        while let Some(lot) = self.lots.take_ended(self.records) {
            self.records = 0;
            self.send_rows()?;
            self.send(Part::End(lot))?;
        }
        Ok(())
    }

    fn send_rows(&mut self) -> Result<()> {
        let (rows, queries) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.queries));
        let times = std::mem::take(&mut self.times);
        if rows.is_empty() { Ok(()) } else { self.send(Part::Records(rows, queries, times)) }
    }

    fn send(&self, part: Part) -> Result<()> {
        self.parts.send(part).map_err(|_| Error::Input("the records could not be written".to_string()))
    }
}

impl Sink for RecordSink<'_> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.end_shards()?;
        self.records += 1;
        self.lots.take_record();
        self.progress.add(record);
        self.times += record.times;
        self.rows.push(record.into());
        self.queries.push(record);
        if self.rows.len() < ROWS { Ok(()) } else { self.send_rows() }
    }

    /// Nobody reads what is half written, so only a shard's end matters.
    fn flush(&mut self) -> Result<()> {
        self.end_shards()
    }
}
