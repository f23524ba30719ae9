//! Sources in, one record out for each, in their order, never fewer.
//!
//! ```
//! use shadegrid::pipeline::{self, JsonLines, PipelineOptions, Source};
//!
//! // Any iterator of sources will do: files, bytes in memory, streams; `pipeline::expand` walks folders.
//! let sources = vec![
//!     Source::bytes("tiny.bmp", include_bytes!("pipeline/example.bmp").to_vec()),
//!     Source::file("no/such/picture.jpg"),
//! ];
//! let mut lines = JsonLines::new(Vec::new());
//! let summary = pipeline::run(sources, &mut lines, &PipelineOptions::default())?;
//! assert_eq!((summary.records, summary.failed()), (2, 1));
//!
//! let lines = String::from_utf8(lines.into_inner()).unwrap();
//! let mut lines = lines.lines();
//! assert!(lines.next().unwrap().starts_with(r#"{"key":"tiny.bmp","status":"ok""#));
//! assert!(lines.next().unwrap().contains(r#""status":"error","error_code":"io""#));
//! # Ok::<(), shadegrid::Error>(())
//! ```
//!
//! One thread takes sources, readers load them, workers decode and hash, and the caller's thread writes; all
//! are joined by bounded channels. What bounds the memory stands in [`PipelineOptions::memory`], what orders
//! the records in the file `pipeline/order.rs`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::backend::Devices;
use crate::error::Result;
use crate::hasher::HashOptions;
use crate::limits::machine_memory;

mod budget;
mod buffers;
mod columns;
#[cfg(feature = "job")]
pub(crate) mod concurrent;
mod counts;
mod kept;
mod lookup;
mod order;
mod panics;
mod pool;
mod reader;
mod record;
mod sink;
mod source;
mod source_task;
mod stop;
mod stored;
mod summary;
mod take;
mod task;
#[cfg(test)]
mod tests;
mod threads;
mod waiting;
mod work;
mod worker;
mod workers;
mod writer;

pub use columns::{COLUMNS, Column, ColumnType, FACE_COLUMNS, MATCH_COLUMNS, Value};
pub(crate) use lookup::search_all;
pub use lookup::{Found, Lookup, Queries, groups, query_of};
pub use record::{Record, Times};
#[cfg(feature = "parquet")]
pub use sink::Parquet;
pub use sink::{Csv, DeprecatedNames, JsonLines, RecordFormat, Sink, StoredRecords, StoredSink, describe};
#[cfg(all(feature = "job", feature = "store"))]
pub(crate) use source::Bucket;
pub use source::{
    Count, DetachedReader, ExtensionFilter, Input, InputOptions, Item, ItemKind, Items, Network, Notices,
    ReadAhead, Source, Sources, Walk, count_ahead, count_items, expand, items, looks_like_archive, names,
    open, resumes,
};
pub use stop::Stop;
pub use stored::{RecordError, RecordFace, RecordMatch, RecordPicture, StoredRecord, Text};
pub use summary::{Ended, Summary};
pub(crate) use task::{Task, dropped};
pub(crate) use threads::refused;
#[cfg(feature = "job")]
pub(crate) use threads::start as start_thread;
pub(crate) use worker::surviving;
pub(crate) use workers::Workers;

/// The choices of [`run`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PipelineOptions {
    /// What is hashed, and how pictures are decoded.
    pub hash: HashOptions,
    /// Threads that decode and hash; by default as many as the machine runs at once. One further thread takes sources, one to eight read
    /// files, and the caller's thread writes.
    pub threads: NonZeroUsize,
    /// Bytes that encoded files and decoded pictures may take together; by default 256 MiB a thread and at least
    /// 1 GiB, where there is so much.
    ///
    /// A quarter is for encoded files, three eighths are the workers' standing shares (their buffers live
    /// there from picture to picture), and three eighths are lent to pictures larger than a share, in the order
    /// in which they ask; the workers hash others meanwhile. A picture larger than what is lent waits until nothing is, then is decoded as
    /// the only large one: only such a picture takes the total past the budget. One that needs more than the budget, or a file that is longer,
    /// is a [`Limit`](crate::Error::Limit). What decoding takes, the file's headers say ([`Hasher::memory`](crate::Hasher::memory)).
    /// Beyond the budget at most 4,096 finished records wait for their turn.
    pub memory: u64,
    /// GPUs to use, none by default. Each takes three batches of memory on top of the budget, and the pictures in
    /// them are kept until they come back. What a device cannot take or does not answer is computed on the CPU, and
    /// its record says so.
    pub devices: Devices,
    /// Whether the first failed record, in input order, is the last one written.
    pub fail_fast: bool,
    /// Asks the run to end early; keep a clone.
    pub stop: Stop,
}

setters!(PipelineOptions {
    hash: HashOptions,
    threads: NonZeroUsize,
    memory: u64,
    devices: Devices,
    fail_fast: bool,
    stop: Stop,
});

impl Default for PipelineOptions {
    fn default() -> PipelineOptions {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        PipelineOptions {
            hash: HashOptions::default(),
            threads,
            memory: PipelineOptions::default_memory(threads),
            devices: Devices::default(),
            fail_fast: false,
            stop: Stop::default(),
        }
    }
}

impl PipelineOptions {
    fn choices(&self) -> RunChoices {
        let PipelineOptions { hash, devices, fail_fast, stop, .. } = self.clone();
        RunChoices { hash: Arc::new(hash), devices, fail_fast, stop }
    }

    /// The default of [`memory`](PipelineOptions::memory) for so many threads: no more than half of what the machine, the
    /// container and the process allow.
    pub fn default_memory(threads: NonZeroUsize) -> u64 {
        ((256 << 20) * (threads.get() as u64).max(4)).min(machine_memory())
    }
}

/// Hashes every source into `sink`: exactly one record a source, in the order of the sources, whatever they
/// hold. A source that cannot be read or decoded gives a record with its error, also where a decoder panics.
///
/// Once [`PipelineOptions::stop`] is requested no further source is taken; what was taken is finished and written, but for sources whose reading
/// does not return: they, and what comes after them, have no record then.
///
/// # Errors
///
/// Those of the sink, [`Error::Io`](crate::Error::Io) for the built-in ones; they end the run. [`Error::Io`](crate::Error::Io) where a thread cannot be
/// started, [`Error::Input`](crate::Error::Input) where `sources` or the sink panics.
pub fn run<I>(sources: I, sink: &mut dyn Sink, options: &PipelineOptions) -> Result<Summary>
where
    I: IntoIterator<Item = Source>,
    I::IntoIter: Send,
{
    run_with(&Workers::start(options.threads, options.memory, 1)?, sources, sink, &options.choices())
}

/// What is chosen for one run, whoever's the threads are.
#[derive(Debug, Clone)]
pub(crate) struct RunChoices {
    pub(crate) hash: Arc<HashOptions>,
    pub(crate) devices: Devices,
    pub(crate) fail_fast: bool,
    pub(crate) stop: Stop,
}

/// As [`run`], with workers that are there.
pub(crate) fn run_with<I>(
    workers: &Workers,
    sources: I,
    sink: &mut dyn Sink,
    choices: &RunChoices,
) -> Result<Summary>
where
    I: IntoIterator<Item = Source>,
    I::IntoIter: Send,
{
    pool::run(workers, sources.into_iter(), sink, choices)
}
