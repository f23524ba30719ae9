//! The threads and the channels between them.
//!
//! ```text
//! sources ─▶ take ──▶ readers ──jobs──▶ workers ──records──▶ writer (the caller's thread) ──▶ sink
//!              ▲ └───jobs, records────────▶                    │
//!              └──────────────────tickets──────────────────────┘
//! ```
//!
//! Where devices compute, the workers' part is that of [`super::lane`]. Readers borrow nothing from the run and nobody waits for them at its end: a
//! system call on a file system that does not answer may never return.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::PipelineOptions;
use super::budget::{Budget, Permits};
use super::buffers::Buffers;
use super::counts::Counts;
use super::lane::{self, Lane, Returned, Travelling};
use super::loans::Loans;
use super::order::WINDOW;
use super::reader::{self, Loader, Taken};
use super::sink::Sink;
use super::source::Source;
use super::summary::{Ended, Summary};
use super::take::Take;
use super::threads::{refused, start};
use super::waiting::Taker;
use super::worker::{Inbox, Work, Worker};
use super::writer::Writer;
use crate::backend::gpu::Ring;
use crate::error::Result;

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
    let counts = Arc::new(Counts::default());
    let buffers = Buffers::new(3 * workers + readers, budget.idle);
    let loader = Loader {
        jobs: job_sender,
        records: record_sender.clone(),
        files: budget.files.clone(),
        buffers: buffers.clone(),
        limits: options.hash.decode.limits.within(options.memory),
        stop: options.stop.clone(),
        counts: counts.clone(),
    };
    let loans = &Loans::new(budget.lent);
    let asking = Arc::new(loans.asking());
    let make_work = &make_work;
    thread::scope(move |scope| {
        // The channels close one after another: the last reader drops the last clone of the loader, and with it the jobs' sender; the last worker
        // drops the last sender of records; then the writer is at its end. Where it leaves before, it hangs up.
        let (_hang_up, hangup) = HangUp::new(budget.files.clone());
        let taker = Taker::default();
        // Likewise for devices: the last worker without jobs ends the rings, their threads drop the last senders of what came back, and the workers
        // are at their end.
        let (return_sender, returned) = unbounded::<Returned>();
        let lane = Lane::new(rings, returned);
        for (number, ring) in rings.iter().enumerate() {
            let returned = return_sender.clone();
            start(scope, format!("shadegrid-device-{number}"), move || lane::drive(ring, &returned))?;
        }
        drop(return_sender);
        for number in 0..workers {
            let (jobs, records, buffers) = (jobs.clone(), record_sender.clone(), buffers.clone());
            let inbox = Inbox::new(jobs, lane.clone(), loans, asking.clone(), hangup.clone());
            let work = move || Worker::new(make_work, budget.share).run(inbox, &records, &buffers);
            start(scope, format!("shadegrid-hash-{number}"), work)?;
        }
        drop((jobs, record_sender, lane, asking));
        let loader = Arc::new(loader);
        let take = Take {
            sources,
            tickets,
            readers: start_readers(readers, &loader)?,
            loader,
            hangup,
            wanted: taker.wanted(),
            stop: &options.stop,
        };
        start(scope, "shadegrid-take", move || take.run())?;
        let writer = Writer::new(records, ticket_sender, counts.clone(), options);
        let mut summary = writer.run(sink)?;
        if let Some(failure) = counts.take_failure() {
            return Err(failure);
        }
        if summary.ended == Ended::Complete && !counts.exhausted.load(Ordering::Acquire) {
            summary.ended = Ended::Stopped;
        }
        summary.devices = rings.iter().map(Ring::traffic).collect();
        Ok(summary)
    })
}

/// Starts the readers, and says where to send what they are to read.
fn start_readers(readers: usize, loader: &Arc<Loader>) -> Result<Sender<Taken>> {
    let (sender, taken) = bounded(readers);
    for number in 0..readers {
        let (loader, taken) = (loader.clone(), taken.clone());
        let thread = thread::Builder::new().name(format!("shadegrid-read-{number}"));
        thread.spawn(move || reader::run(&loader, &taken)).map_err(refused)?;
    }
    Ok(sender)
}

/// Ends what waits for a run: who listens at the channel hears it, and nobody waits for memory any more.
struct HangUp {
    _line: Sender<()>,
    files: Permits,
}

impl HangUp {
    fn new(files: Permits) -> (HangUp, Receiver<()>) {
        let (line, hangup) = bounded(0);
        (HangUp { _line: line, files }, hangup)
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.files.close();
    }
}
