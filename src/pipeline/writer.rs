//! Writes records in the order of their sources, on the caller's thread.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::RunChoices;
use super::counts::Counts;
use super::order::{Arrival, Reorder};
use super::panics::caught;
use super::record::Record;
use super::sink::Sink;
use super::summary::{Ended, Summary};
use crate::error::{Error, Result};

/// How often a wait for records is left to look for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long a reader may take after a stop. Then it is left behind: its file system does not answer.
const READING: Duration = Duration::from_secs(2);

/// The last stage of the pipeline. Dropping it ends all other threads.
pub(super) struct Writer<'a> {
    arrivals: Receiver<Arrival>,
    tickets: Sender<()>,
    counts: Arc<Counts>,
    choices: &'a RunChoices,
    /// Records and fences that came.
    received: u64,
    /// Since when readers have had all sources that are left.
    stuck_since: Option<Instant>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        arrivals: Receiver<Arrival>,
        tickets: Sender<()>,
        counts: Arc<Counts>,
        choices: &'a RunChoices,
    ) -> Writer<'a> {
        Writer { arrivals, tickets, counts, choices, received: 0, stuck_since: None }
    }

    /// Writes until every source has its record, or the rest is given up after a stop.
    pub(super) fn run(mut self, sink: &mut dyn Sink) -> Result<Summary> {
        let panicked = |panic| {
            Err(Error::Input(format!(
                "writing the records panicked ({panic}); this is a bug in what takes them"
            )))
        };
        caught(|| self.write(sink)).unwrap_or_else(panicked)
    }

    fn write(&mut self, sink: &mut dyn Sink) -> Result<Summary> {
        let begun = Instant::now();
        let mut summary = Summary::default();
        let mut waiting = Reorder::default();
        let mut fences = 0;
        while let Some(mut arrival) = self.next(sink)? {
            if let (true, Arrival::Record(record)) = (self.choices.unordered, &arrival) {
                let written = Arrival::Written { index: record.index, places: record.places };
                if let Arrival::Record(record) = std::mem::replace(&mut arrival, written)
                    && self.take(record, sink, &mut summary)?.is_break()
                {
                    return self.failed_fast(sink, summary, begun);
                }
            }
            waiting.put(arrival);
            while let Some(arrival) = waiting.pop() {
                let places = 1 + arrival.places();
                match arrival {
                    Arrival::Record(record) => {
                        if self.take(record, sink, &mut summary)?.is_break() {
                            return self.failed_fast(sink, summary, begun);
                        }
                    }
                    Arrival::Written { .. } => {}
                    Arrival::Fence { tag, .. } => {
                        fences += 1;
                        sink.fence(tag)?;
                    }
                }
                // A record written before its turn keeps its ticket until then, so that the window bounds how far the run gets ahead of a
                // source that is not done.
                for _ in 0..places {
                    let _ = self.tickets.try_send(());
                }
            }
        }
        sink.finish()?;
        let is_whole = self.counts.taken.load(Ordering::Acquire) == summary.records - summary.frames + fences;
        summary.end(self.since(begun), if is_whole { Ended::Complete } else { Ended::Stopped });
        Ok(summary)
    }

    /// Writes the record of a source and those of its frames; the end of a run that is to end with the first failure.
    fn take(
        &self,
        mut record: Record,
        sink: &mut dyn Sink,
        summary: &mut Summary,
    ) -> Result<ControlFlow<()>> {
        let frames = record.take_frames();
        for record in std::iter::once(record).chain(frames) {
            if self.take_one(record, sink, summary)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn take_one(
        &self,
        record: Record,
        sink: &mut dyn Sink,
        summary: &mut Summary,
    ) -> Result<ControlFlow<()>> {
        summary.add(&record);
        let is_skipped = self.choices.skips && record.is_skipped();
        let is_last = self.choices.fail_fast && record.outcome.is_err() && !is_skipped;
        sink.take(record)?;
        Ok(if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// From when the run is timed: a list or a pipe may be silent before it names the first input.
    fn since(&self, begun: Instant) -> Instant {
        *self.counts.first.get().unwrap_or(&begun)
    }

    fn failed_fast(&self, sink: &mut dyn Sink, mut summary: Summary, begun: Instant) -> Result<Summary> {
        sink.finish()?;
        summary.end(self.since(begun), Ended::FailedFast);
        Ok(summary)
    }

    /// The next source that is done, in any order. Flushes the sink before it waits for one.
    fn next(&mut self, sink: &mut dyn Sink) -> Result<Option<Arrival>> {
        let arrival = match self.arrivals.try_recv() {
            Ok(arrival) => Some(arrival),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                sink.flush()?;
                self.wait()
            }
        };
        self.received += u64::from(arrival.is_some());
        Ok(arrival)
    }

    fn wait(&mut self) -> Option<Arrival> {
        loop {
            match self.arrivals.recv_timeout(PATIENCE) {
                Ok(arrival) => return Some(arrival),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if self.is_stuck() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Whether a stop was requested, and for some time all sources that are left are with readers.
    fn is_stuck(&mut self) -> bool {
        let Counts { taken, reading, given_up, .. } = &*self.counts;
        let [taken, reading, given_up] =
            [taken, reading, given_up].map(|count| count.load(Ordering::Acquire));
        let is_left = taken.saturating_sub(self.received + given_up);
        if !self.choices.stop.requested() || reading == 0 || is_left != reading {
            self.stuck_since = None;
            return false;
        }
        self.stuck_since.get_or_insert_with(Instant::now).elapsed() >= READING
    }
}
