//! One run of the pipeline through many shards, with the threads around it.

use std::sync::{Mutex, PoisonError};
use std::thread;

use crossbeam_channel::bounded;

use super::options::Ending;
use super::record_sink::RecordSink;
use super::scheduler::LISTING;
use super::shard_sources::{ClaimedShard, InFlight, ShardSources, Supply, take_ahead};
use super::shard_writer::{ShardContext, ShardWriter};
use crate::engine::{Engine, RunOptions};
use crate::error::Result;
use crate::pipeline::concurrent::joined;
use crate::pipeline::start_thread;

/// One run of the pipeline, through as many shards as the supply gives one after another.
pub(in crate::job) fn round(
    context: &ShardContext,
    supply: &Mutex<impl Supply>,
    first: ClaimedShard,
    ending: Ending,
    (engine, options): (&Engine, &RunOptions),
) -> Result<()> {
    let (in_flight, failure) = (InFlight::new(context.progress.clone()), Mutex::new(None));
    let (asks, asked) = bounded(1);
    let (answers, answered) = bounded(1);
    let stop = ending.stop.clone();
    let sources = ShardSources::new(first, &in_flight, ending, (asks, answered), &failure);
    let (sender, parts) = bounded(2);
    let (run, finishing) = thread::scope(|scope| {
        let take_parts = || {
            let mut writer = ShardWriter::new(context);
            // The receiver goes with a failure, so that the run ends too.
            parts.into_iter().try_for_each(|part| writer.take(part))
        };
        let writing = match start_thread(scope, "shadegrid-write", take_parts) {
            Ok(writing) => writing,
            Err(error) => return (Ok(()), Err(error)),
        };
        // It ends with the sources, whose run is over before the last file is written; without it the run ends with its first shard.
        let ahead =
            start_thread(scope, "shadegrid-ahead", move || take_ahead(supply, &stop, &asked, &answers));
        let run = {
            let mut sink = RecordSink::new(&in_flight, &context.progress, sender);
            engine.run_into(sources, &mut sink, options)
        };
        (run.and(ahead.map(drop)), joined(writing))
    });
    // What was taken and not brought to its end is left to others.
    context.claims.release_all_but(LISTING)?;
    // Where writing failed, so did the run, for want of someone who takes its records.
    finishing?;
    run?;
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
