//! The writer's part: records in order, to whoever makes the files, and where each shard ends.

use crossbeam_channel::Sender;

use super::progress::Progress;
use super::shard_sources::{InFlight, ShardInFlight};
use crate::error::{Error, Result};
use crate::pipeline::{Queries, Record, Sink, StoredRecord, Times};

/// What goes from the pipeline to whoever makes the files.
pub(in crate::job) enum Part {
    /// Rows of the current shard, with what is looked up for each, and how long threads were at them.
    Records(Vec<StoredRecord>, Queries, Times),
    /// The current shard is complete.
    End(ShardInFlight),
}

/// Rows of one part, and at most so many looked up at a time: each time a gallery comes from memory once.
const ROWS: usize = 4_096;

/// Takes the records of all shards in order.
pub(in crate::job) struct RecordSink<'a> {
    in_flight: &'a InFlight,
    progress: &'a Progress,
    parts: Sender<Part>,
    rows: Vec<StoredRecord>,
    queries: Queries,
    times: Times,
}

impl<'a> RecordSink<'a> {
    pub(in crate::job) fn new(
        in_flight: &'a InFlight,
        progress: &'a Progress,
        parts: Sender<Part>,
    ) -> RecordSink<'a> {
        RecordSink {
            in_flight,
            progress,
            parts,
            rows: Vec::new(),
            queries: Queries::default(),
            times: Times::default(),
        }
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
        self.in_flight.take_record();
        self.progress.add(record);
        self.times += record.times;
        self.rows.push(record.into());
        self.queries.push(record);
        if self.rows.len() < ROWS { Ok(()) } else { self.send_rows() }
    }

    fn fence(&mut self, shard: u64) -> Result<()> {
        self.send_rows()?;
        let ended = self.in_flight.end(shard);
        let ended = ended.ok_or_else(|| Error::Input(format!("shard {shard} ended and was not begun")))?;
        self.send(Part::End(ended))
    }

    /// Nobody reads what is half written.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
