//! The writer's part: records in order, to whoever makes the files, and where each shard ends.

use crossbeam_channel::Sender;

use super::progress::Progress;
use super::shard_sources::{InFlight, ShardInFlight};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::pipeline::{Queries, Record, Sink, StoredRecord, Times};

/// What goes from the pipeline to whoever makes the files.
pub(in crate::job) enum SinkEvent {
    /// Records of the current shard, with what is looked up for each.
    Records(Vec<StoredRecord>, Queries, Effort),
    /// The current shard is complete.
    End(ShardInFlight),
}

/// What records took.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::job) struct Effort {
    /// How long threads were at them.
    pub(in crate::job) times: Times,
    /// How many pictures devices computed.
    pub(in crate::job) by_devices: u64,
}

/// Records of one part, and at most so many looked up at a time: each time a gallery comes from memory once.
const AT_ONCE: usize = 4_096;

/// Takes the records of all shards in order.
pub(in crate::job) struct RecordSink<'a> {
    in_flight: &'a InFlight,
    progress: &'a Progress,
    parts: Sender<SinkEvent>,
    records: Vec<StoredRecord>,
    queries: Queries,
    effort: Effort,
}

impl<'a> RecordSink<'a> {
    pub(in crate::job) fn new(
        in_flight: &'a InFlight,
        progress: &'a Progress,
        parts: Sender<SinkEvent>,
    ) -> RecordSink<'a> {
        RecordSink {
            in_flight,
            progress,
            parts,
            records: Vec::new(),
            queries: Queries::default(),
            effort: Effort::default(),
        }
    }

    fn send_records(&mut self) -> Result<()> {
        let (records, queries) = (std::mem::take(&mut self.records), std::mem::take(&mut self.queries));
        let effort = std::mem::take(&mut self.effort);
        if records.is_empty() { Ok(()) } else { self.send(SinkEvent::Records(records, queries, effort)) }
    }

    fn send(&self, part: SinkEvent) -> Result<()> {
        self.parts.send(part).map_err(|_| Error::Input("the records could not be written".to_string()))
    }
}

/// A record as it stands in a job's file, which is a function of the input and the settings: which worker had a device, and whether that failed, is not
/// in it. Every backend gives the same bits.
fn stored(record: &Record) -> StoredRecord {
    let mut stored = StoredRecord::from(record);
    if let Ok(picture) = &mut stored.outcome {
        (picture.backend, picture.fallback) = (Backend::Cpu.name().into(), None);
    }
    stored
}

impl Sink for RecordSink<'_> {
    fn write(&mut self, record: &Record) -> Result<()> {
        self.in_flight.take_record();
        self.progress.add(record);
        self.effort.times += record.times;
        self.effort.by_devices +=
            u64::from(record.outcome.as_ref().is_ok_and(|hashed| hashed.backend == Backend::Gpu));
        self.records.push(stored(record));
        self.queries.push(record);
        if self.records.len() < AT_ONCE { Ok(()) } else { self.send_records() }
    }

    fn fence(&mut self, shard: u64) -> Result<()> {
        self.send_records()?;
        let ended = self.in_flight.end(shard);
        let ended = ended.ok_or_else(|| Error::Input(format!("shard {shard} ended and was not begun")))?;
        self.send(SinkEvent::End(ended))
    }

    /// Nobody reads what is half written.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
