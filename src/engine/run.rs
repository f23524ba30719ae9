//! Many sources in, their records out, as an iterator.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::{Error, Result};
use crate::hasher::HashOptions;
use crate::pipeline::{self, Record, RunChoices, Sink, Source, Stop, Summary, Workers, refused};

/// Records that wait for the iterator to be asked.
const WAITING: usize = 256;

/// The choices of one [`run`](super::Engine::run).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RunOptions {
    /// What is hashed, and how; `None` for the engine's own choices.
    pub hash: Option<Arc<HashOptions>>,
    /// Whether the first failed record, in input order, is the last one.
    pub fail_fast: bool,
    /// Whether [`fail_fast`](RunOptions::fail_fast) lets pass what a folder or archive holds and is no picture: [`Record::is_skipped`].
    pub skips: bool,
    /// Whether each record comes as soon as it is done, in any order: [`Record::index`] says which source it belongs to. Otherwise records come in
    /// the order of their sources. Either way a run takes at most 4,096 sources beyond the first one that is not done.
    pub unordered: bool,
    /// Asks the run to end early; keep a clone.
    pub stop: Stop,
}

impl RunOptions {
    /// The same with these choices of what is hashed, and how.
    #[must_use]
    pub fn hash(self, hash: impl Into<Arc<HashOptions>>) -> RunOptions {
        RunOptions { hash: Some(hash.into()), ..self }
    }

    /// The same, ending with the first failed record or not.
    #[must_use]
    pub fn fail_fast(self, fail_fast: bool) -> RunOptions {
        RunOptions { fail_fast, ..self }
    }

    /// The same, ending with the first failed record that is no skipped one, or whatever it is.
    #[must_use]
    pub fn skips(self, skips: bool) -> RunOptions {
        RunOptions { skips, ..self }
    }

    /// The same, with records as they are done, or in order.
    #[must_use]
    pub fn unordered(self, unordered: bool) -> RunOptions {
        RunOptions { unordered, ..self }
    }

    /// The same, ending early once that is requested.
    #[must_use]
    pub fn stop(self, stop: Stop) -> RunOptions {
        RunOptions { stop, ..self }
    }
}

/// The records of a run, one per source and one per further frame that is asked for, in their order.
#[derive(Debug)]
pub struct Run {
    records: Receiver<Record>,
    thread: JoinHandle<Result<Summary>>,
    end: EndOnDrop,
}

/// Ends a run whose records nobody takes any more.
#[derive(Debug)]
struct EndOnDrop(Stop);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.request();
    }
}

/// Ends a run from anywhere.
#[derive(Debug, Clone)]
pub struct RunHandle {
    stop: Stop,
}

impl RunHandle {
    /// Takes no further source. The sources taken before get their records. Sources that are blocked on a stream or a server end too.
    pub fn stop(&self) {
        self.stop.request();
    }
}

impl Run {
    pub(super) fn start(
        workers: Workers,
        sources: impl Iterator<Item = Source> + Send + 'static,
        choices: RunChoices,
    ) -> Result<Run> {
        let (sender, records) = bounded(WAITING);
        // Whoever lent the stop may have other work that ends by it.
        let stop = choices.stop.part();
        let choices = RunChoices { stop: stop.clone(), ..choices };
        let run = move || pipeline::run(&workers, sources, &mut Channel(sender), &choices);
        let thread = Builder::new().name("shadegrid-run".to_string()).spawn(run).map_err(refused)?;
        Ok(Run { records, thread, end: EndOnDrop(stop) })
    }

    /// A handle that ends the run from anywhere.
    pub fn handle(&self) -> RunHandle {
        RunHandle { stop: self.end.0.clone() }
    }

    /// How the run ended. Blocks until the last record; records that were not taken are dropped.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::run_into`](super::Engine::run_into).
    pub fn finish(self) -> Result<Summary> {
        let Run { records, thread, end } = self;
        records.iter().for_each(drop);
        let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        drop(end);
        ended
    }
}

impl Iterator for Run {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.records.recv().ok()
    }
}

/// Sends the records to whoever iterates.
struct Channel(Sender<Record>);

impl Sink for Channel {
    fn write(&mut self, _: &Record) -> Result<()> {
        Err(Error::Input("a record was lent to who keeps it".to_string()))
    }

    fn take(&mut self, record: Record) -> Result<()> {
        self.0.send(record).map_err(|_| Error::Input("nobody takes the records any more".to_string()))
    }
}
