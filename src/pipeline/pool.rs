//! One run: its threads, and the channels between them and the workers.
//!
//! ```text
//! sources ─▶ take ──▶ readers ──jobs──▶ workers ──records──▶ writer (the caller's thread) ──▶ sink
//!              ▲ └───jobs, records────────▶                    │
//!              └──────────────────tickets──────────────────────┘
//! ```
//!
//! The workers are those of [`super::workers`] and may work for others at the same time. Readers borrow nothing from the run and nobody waits for
//! them at its end: a system call on a file system that does not answer may never return.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::RunChoices;
use super::budget::Permits;
use super::buffers::Buffers;
use super::counts::Counts;
use super::held::Held;
use super::order::IN_FLIGHT;
use super::reader::Loader;
use super::readers::{MOST_READERS, Readers};
use super::sink::Sink;
use super::source::Source;
use super::source_task::RunTasks;
use super::summary::{Ended, Summary};
use super::take::Take;
use super::task::{Route, Travelling, drive};
use super::threads::start;
use super::trial::Trial;
use super::waiting::Taker;
use super::workers::Workers;
use super::writer::Writer;
use crate::backend::gpu::Ring;
use crate::error::Result;

/// Runs the pipeline with these workers.
pub(super) fn run(
    workers: &Workers,
    sources: impl Iterator<Item = Source> + Send,
    sink: &mut dyn Sink,
    choices: &RunChoices,
) -> Result<Summary> {
    let rings = choices.devices.rings()?.into();
    run_through(workers, &rings, sources, sink, choices)
}

/// The same through given rings.
pub(super) fn run_through(
    workers: &Workers,
    rings: &Arc<[Ring<Travelling>]>,
    sources: impl Iterator<Item = Source> + Send,
    sink: &mut dyn Sink,
    choices: &RunChoices,
) -> Result<Summary> {
    let threads = workers.count.get();
    // The workers never wait for the writer. It is the tickets that bound the records which wait for it.
    let (record_sender, records) = unbounded();
    let (ticket_sender, tickets) = bounded(IN_FLIGHT);
    for _ in 0..IN_FLIGHT {
        let _ = ticket_sender.try_send(());
    }
    let counts = Arc::new(Counts::default());
    let files = Permits::new(workers.budget.files());
    let held = Held::half_of(workers.budget.files(), IN_FLIGHT);
    let tasks = Arc::new(RunTasks {
        options: choices.hash.clone(),
        // As many as may hold a file: two per worker in the queue, one with each worker and one with each reader.
        buffers: Buffers::new(3 * threads + MOST_READERS, workers.budget.idle()),
        is_over: AtomicBool::new(false),
        trial: (!rings.is_empty() && !choices.devices.are_required())
            .then(|| (Trial::new(), Arc::downgrade(rings))),
        tickets: tickets.clone(),
    });
    let loader = Arc::new(Loader {
        jobs: workers.jobs.clone(),
        records: record_sender,
        files: files.clone(),
        tasks: tasks.clone(),
        route: Route::through(rings, held),
        limits: choices.hash.decode.limits.within(workers.budget.memory),
        stop: choices.stop.clone(),
        counts: counts.clone(),
    });
    thread::scope(move |scope| {
        // The channel of records closes when its last sender is gone: those of the readers and of the pictures in flight. Then the writer has
        // written all. If it leaves earlier, for an error or a stop, it hangs up, and everything else ends.
        let (_hang_up, hangup) = HangUp::new(files, tasks.clone(), rings.clone());
        let taker = Taker::default();
        for (number, ring) in rings.iter().enumerate() {
            let returned = workers.returned.clone();
            start(scope, format!("shadegrid-device-{number}"), move || drive(ring, &returned))?;
        }
        let take = Take {
            sources,
            tickets,
            readers: Readers::start(threads.div_ceil(8).min(8), MOST_READERS, &loader)?,
            loader,
            hangup,
            wanted: taker.wanted(),
            stop: &choices.stop,
        };
        start(scope, "shadegrid-take", move || take.run())?;
        let writer = Writer::new(records, ticket_sender, counts.clone(), choices, workers.budget.memory);
        let mut summary = writer.run(sink)?;
        if let Some(failure) = counts.take_failure() {
            return Err(failure);
        }
        if summary.ended == Ended::Complete && !counts.exhausted.load(Ordering::Acquire) {
            summary.ended = Ended::Stopped;
        }
        summary.devices = rings.iter().map(Ring::traffic).collect();
        summary.verdict = tasks.trial.as_ref().and_then(|(trial, _)| trial.verdict());
        Ok(summary)
    })
}

/// Ends all waits for a run: whoever listens at the channel hears it, nobody waits for memory any more, and pictures in flight are dropped.
struct HangUp {
    _line: Sender<()>,
    files: Permits,
    tasks: Arc<RunTasks>,
    rings: Arc<[Ring<Travelling>]>,
}

impl HangUp {
    fn new(files: Permits, tasks: Arc<RunTasks>, rings: Arc<[Ring<Travelling>]>) -> (HangUp, Receiver<()>) {
        let (line, hangup) = bounded(0);
        (HangUp { _line: line, files, tasks, rings }, hangup)
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.tasks.is_over.store(true, Ordering::Release);
        self.files.close();
        // A reader that never returns would hold them open.
        self.rings.iter().for_each(Ring::finish);
    }
}
