//! Loads sources into memory, within the limits and the budget.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::budget::{Budget, Reservation};
use super::buffers::Buffers;
use super::record::{Name, Record, Times};
use super::source::{Content, Source};
use super::stop::Stop;
use super::worker::{Job, Ticket};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// What the readers share.
pub(super) struct Feed<'a, I> {
    /// The sources and the number taken so far.
    pub(super) sources: Mutex<Option<(I, u64)>>,
    /// Set when the sources came to their end by themselves.
    pub(super) exhausted: Arc<AtomicBool>,
    pub(super) tickets: Receiver<()>,
    pub(super) jobs: Sender<Job>,
    pub(super) records: Sender<Record>,
    pub(super) budget: &'a Budget,
    pub(super) buffers: Buffers,
    pub(super) limits: &'a Limits,
    pub(super) stop: &'a Stop,
}

impl<I: Iterator<Item = Source>> Feed<'_, I> {
    /// Reads until the sources end, a stop is requested or nobody wants the results.
    pub(super) fn run(&self) {
        while self.tickets.recv().is_ok() {
            let Some((index, source, started)) = self.take() else { return };
            let Source { key, source, content } = source;
            let name = Name { key, source };
            let loaded = self.load(content);
            let times = Times { read: started.elapsed(), ..Times::default() };
            let sent = match loaded {
                Ok((encoded, reserved)) => {
                    let ticket = Ticket { index, name, bytes: encoded.len() as u64, times };
                    self.jobs.send(Job::new(ticket, encoded, reserved)).is_ok()
                }
                Err(error) => {
                    self.records.send(Record::new(index, name, None, Err(error)).timed(times)).is_ok()
                }
            };
            if !sent {
                return;
            }
        }
    }

    /// The next source with its index, and when looking for it began. The sources are dropped at their end, and never asked again.
    fn take(&self) -> Option<(u64, Source, Instant)> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let (iterator, taken) = sources.as_mut()?;
        if self.stop.requested() {
            return None;
        }
        let Some(source) = iterator.next() else {
            *sources = None;
            // A source that was waited for in vain because of a stop is not the end of them.
            self.exhausted.store(!self.stop.requested(), Ordering::Release);
            return None;
        };
        *taken += 1;
        Some((*taken - 1, source, started))
    }

    fn load(&self, content: Content) -> Result<(Vec<u8>, Reservation)> {
        match content {
            Content::File(path) => self.load_file(&path),
            Content::Bytes(bytes, lease) => {
                self.limits.check_file_bytes(bytes.len() as u64)?;
                let reserved = self.budget.files.reserve(bytes.len() as u64);
                if let Some(lease) = lease {
                    lease.give_back(self.buffers.take());
                }
                Ok((bytes, reserved))
            }
            Content::Stream(mut stream) => self.load_stream(&mut *stream),
            Content::Failed(error) => Err(error),
        }
    }

    /// A regular file as long as it was when it was opened; anything else as a stream.
    fn load_file(&self, path: &Path) -> Result<(Vec<u8>, Reservation)> {
        let mut file = File::open(path).map_err(cannot_read)?;
        let metadata = file.metadata().map_err(cannot_read)?;
        if metadata.is_dir() {
            return Err(cannot_read(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return self.load_stream(&mut file);
        }
        self.limits.check_file_bytes(metadata.len())?;
        let reserved = self.budget.files.reserve(metadata.len());
        let mut encoded = self.buffers.take();
        let full = |_| cannot_read(io::ErrorKind::OutOfMemory.into());
        encoded.try_reserve_exact(metadata.len() as usize).map_err(full)?;
        file.take(metadata.len()).read_to_end(&mut encoded).map_err(cannot_read)?;
        Ok((encoded, reserved))
    }

    /// A stream does not say how long it is: it is read while no other file is held, up to the limit.
    fn load_stream(&self, stream: &mut dyn Read) -> Result<(Vec<u8>, Reservation)> {
        let limit = self.limits.max_file_bytes;
        let mut reserved = self.budget.files.reserve(limit.max(1));
        let mut encoded = Vec::new();
        stream.take(limit.saturating_add(1)).read_to_end(&mut encoded).map_err(cannot_read)?;
        self.limits.check_file_bytes(encoded.len() as u64)?;
        encoded.shrink_to_fit();
        reserved.shrink_to(encoded.len() as u64);
        Ok((encoded, reserved))
    }
}

fn cannot_read(source: io::Error) -> Error {
    Error::io("cannot read", source)
}
