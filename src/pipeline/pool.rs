//! The threads and the channels between them.
//!
//! ```text
//! sources ─▶ readers ──jobs──▶ workers ──records──▶ writer (the caller's thread) ──▶ sink
//!               ▲ └───────────records──────────────▶ │
//!               └──────────────tickets───────────────┘
//! ```
//!
//! Where devices compute, the workers' part is that of [`super::lane`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};

use super::PipelineOptions;
use super::budget::Budget;
use super::buffers::Buffers;
use super::lane::{self, Lane, Returned, Travelling};
use super::loans::Loans;
use super::order::{Reorder, WINDOW};
use super::reader::Feed;
use super::record::Record;
use super::sink::Sink;
use super::source::Source;
use super::summary::{Ended, Summary};
use super::worker::{Inbox, Work, Worker};
use crate::backend::gpu::Ring;
use crate::error::{Error, Result};

/// Runs the pipeline with workers whose work `make_work` makes.
pub(super) fn run<W: Work>(
    sources: impl Iterator<Item = Source> + Send,
    sink: &mut dyn Sink,
    options: &PipelineOptions,
    make_work: impl Fn() -> W + Sync,
) -> Result<Summary> {
    let workers = options.threads.get();
    let budget = Budget::new(options.memory, workers);
    let rings = options.devices.rings()?;
    run_within(sources, sink, options, make_work, (&budget, &rings))
}

/// The same within a given budget, through given rings.
pub(super) fn run_within<W: Work>(
    sources: impl Iterator<Item = Source> + Send,
    sink: &mut dyn Sink,
    options: &PipelineOptions,
    make_work: impl Fn() -> W + Sync,
    (budget, rings): (&Budget, &[Ring<Travelling>]),
) -> Result<Summary> {
    let workers = options.threads.get();
    let readers = workers.div_ceil(8).min(8);
    let (job_sender, jobs) = bounded(2 * workers);
    let (record_sender, records) = bounded(2 * workers);
    let (ticket_sender, tickets) = bounded(WINDOW);
    for _ in 0..WINDOW {
        let _ = ticket_sender.try_send(());
    }
    let buffers = Buffers::new(3 * workers + readers, budget.idle);
    let loans = &Loans::new(budget.lent);
    let asking = Arc::new(loans.asking());
    let limits = options.hash.decode.limits.within(options.memory);
    let exhausted = Arc::new(AtomicBool::new(false));
    let feed = Feed {
        sources: Mutex::new(Some((sources, 0))),
        exhausted: exhausted.clone(),
        tickets,
        jobs: job_sender,
        records: record_sender.clone(),
        budget,
        buffers: buffers.clone(),
        limits: &limits,
        stop: &options.stop,
    };
    // The channels close one after another: the last reader drops the last clone of the feed, and with it the
    // jobs' sender; the last worker drops the last sender of records; then the writer is at its end.
    let feed = Arc::new(feed);
    let make_work = &make_work;
    // Likewise for devices: the last worker without jobs ends the rings, their threads drop the last senders of what came
    // back, and the workers are at their end.
    let (return_sender, returned) = unbounded::<Returned>();
    thread::scope(move |scope| {
        let lane = Lane::new(rings, returned);
        for (number, ring) in rings.iter().enumerate() {
            let returned = return_sender.clone();
            spawn(scope, format!("shadegrid-device-{number}"), move || lane::drive(ring, &returned))?;
        }
        drop(return_sender);
        for number in 0..readers {
            let feed = feed.clone();
            spawn(scope, format!("shadegrid-read-{number}"), move || feed.run())?;
        }
        drop(feed);
        for number in 0..workers {
            let (jobs, records, buffers) = (jobs.clone(), record_sender.clone(), buffers.clone());
            let inbox = Inbox::new(jobs, lane.clone(), loans, asking.clone());
            let work = move || Worker::new(make_work, budget.share).run(inbox, &records, &buffers);
            spawn(scope, format!("shadegrid-hash-{number}"), work)?;
        }
        drop((jobs, record_sender, lane, asking));
        let mut summary = write(&records, &ticket_sender, sink, options)?;
        if summary.ended == Ended::Complete && !exhausted.load(Ordering::Acquire) {
            summary.ended = Ended::Stopped;
        }
        summary.devices = rings.iter().map(Ring::traffic).collect();
        Ok(summary)
    })
}

fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() + Send + 'scope,
) -> Result<()> {
    let spawned = thread::Builder::new().name(name).spawn_scoped(scope, body);
    spawned.map(drop).map_err(|error| Error::io("cannot start a thread; ask for fewer", error))
}

/// Writes the records in order. Returning early drops the channels, and so ends every thread.
fn write(
    records: &Receiver<Record>,
    tickets: &Sender<()>,
    sink: &mut dyn Sink,
    options: &PipelineOptions,
) -> Result<Summary> {
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut waiting = Reorder::default();
    while let Some(record) = next(records, sink)? {
        waiting.put(record);
        while let Some(record) = waiting.pop() {
            sink.write(&record)?;
            summary.add(&record);
            let _ = tickets.try_send(());
            if options.fail_fast && record.outcome.is_err() {
                sink.finish()?;
                summary.end(started, Ended::FailedFast);
                return Ok(summary);
            }
        }
    }
    debug_assert!(waiting.is_empty(), "a source got no record");
    sink.finish()?;
    summary.end(started, Ended::Complete);
    Ok(summary)
}

/// The next record that is done, in any order; what was written is handed on before waiting for one.
fn next(records: &Receiver<Record>, sink: &mut dyn Sink) -> Result<Option<Record>> {
    match records.try_recv() {
        Ok(record) => Ok(Some(record)),
        Err(TryRecvError::Disconnected) => Ok(None),
        Err(TryRecvError::Empty) => {
            sink.flush()?;
            Ok(records.recv().ok())
        }
    }
}
