//! Sources in, one record out for each, in their order, never fewer; behind it one for each further frame, where these are asked for.
//!
//! ```
//! use shadegrid::pipeline::{JsonLines, Source};
//! use shadegrid::{Engine, RunOptions};
//!
//! // Any iterator of sources will do: files, bytes in memory, streams; `pipeline::expand` walks folders.
//! let sources = vec![
//!     Source::bytes("tiny.bmp", include_bytes!("pipeline/example.bmp").to_vec()),
//!     Source::file("no/such/picture.jpg"),
//! ];
//! let mut lines = JsonLines::new(Vec::new());
//! let summary = Engine::new()?.run_into(sources, &mut lines, &RunOptions::default())?;
//! assert_eq!((summary.records, summary.failed()), (2, 1));
//!
//! let lines = String::from_utf8(lines.into_inner()).unwrap();
//! let mut lines = lines.lines();
//! assert!(lines.next().unwrap().starts_with(r#"{"key":"tiny.bmp","status":"ok""#));
//! assert!(lines.next().unwrap().contains(r#""status":"error","error_code":"io""#));
//! # Ok::<(), shadegrid::Error>(())
//! ```
//!
//! One thread takes sources, readers load them, workers decode and hash, and the caller's thread writes. Bounded channels
//! join them. [`EngineBuilder::memory`](crate::EngineBuilder::memory) says what bounds the memory, the file `pipeline/order.rs` what orders
//! the records.

use std::sync::Arc;

use crate::backend::Devices;
use crate::error::Result;
use crate::hasher::HashOptions;

mod budget;
mod buffers;
mod columns;
#[cfg(feature = "job")]
pub(crate) mod concurrent;
mod counts;
mod encoded;
mod held;
mod kept;
mod lookup;
mod order;
mod panics;
mod pool;
mod reader;
mod readers;
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
mod trial;
mod waiting;
mod work;
mod worker;
mod workers;
mod writer;

pub use columns::{COLUMNS, Column, ColumnType, FACE_COLUMNS, MATCH_COLUMNS, Value};
pub(crate) use kept::Kept;
#[cfg(feature = "service")]
pub(crate) use lookup::faces_of;
pub use lookup::{Found, Hit, Lookup, MatchLimits, Queries, groups, join_matches, query_of};
pub(crate) use lookup::{search_all, search_hits};
#[cfg(feature = "report")]
pub(crate) use panics::caught;
pub(crate) use reader::read_file;
pub use record::{Record, Times};
#[cfg(feature = "parquet")]
pub use sink::Parquet;
pub use sink::{Csv, DeprecatedNames, JsonLines, RecordFormat, Sink, StoredRecords, StoredSink, describe};
#[cfg(all(feature = "job", feature = "store"))]
pub(crate) use source::Bucket;
#[cfg(feature = "store")]
pub use source::mount;
#[cfg(feature = "service")]
pub(crate) use source::{ComingPicture, PictureFetcher};
pub use source::{
    Count, DetachedReader, ExtensionFilter, FetchHost, FetchOptions, Input, InputOptions, Item, ItemKind,
    Items, Mounts, Network, Notices, Omitted, ReadAhead, Source, Sources, StoreOptions, Walk, count_ahead,
    count_items, expand, items, looks_like_archive, names, open, read, resumes, understood,
};
pub use stop::Stop;
pub use stored::{RecordError, RecordFace, RecordMatch, RecordPicture, StoredRecord, Text};
pub use summary::{Ended, Summary};
pub(crate) use task::{Task, dropped};
pub(crate) use threads::refused;
#[cfg(feature = "job")]
pub(crate) use threads::start as start_thread;
#[cfg(feature = "service")]
pub(crate) use threads::unhurried;
pub(crate) use worker::Bounded;
pub(crate) use workers::Workers;

/// What is chosen for one run, whoever's the threads are.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunChoices {
    pub(crate) hash: Arc<HashOptions>,
    pub(crate) devices: Devices,
    pub(crate) fail_fast: bool,
    pub(crate) skips: bool,
    pub(crate) unordered: bool,
    pub(crate) stop: Stop,
}

/// Hashes every source into `sink`: what [`Engine::run_into`](crate::Engine::run_into) promises.
pub(crate) fn run<I>(
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
