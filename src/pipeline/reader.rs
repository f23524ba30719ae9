//! Loads sources into memory, within the limits and the budget.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};

use super::budget::{Permits, Reservation};
use super::counts::Counts;
use super::encoded::Encoded;
use super::order::Arrival;
use super::panics::caught;
use super::record::{Name, Record, Times};
use super::source::{Content, DetachedReader, Open, Source, Special, is_stop, open_regular};
use super::source_task::{RunTasks, SourceTask, Ticket};
use super::stop::Stop;
use super::task::{Route, Task};
use crate::error::{Error, Result};
use crate::hasher::Hashed;
use crate::limits::Limits;

/// A source that was taken, with its position and when looking for it began.
pub(super) struct Taken {
    pub(super) index: u64,
    pub(super) source: Source,
    pub(super) started: Instant,
}

/// What the readers share. Nothing of it is borrowed: a reader whose system call never returns is left behind.
pub(super) struct Loader {
    pub(super) jobs: Sender<Box<dyn Task>>,
    pub(super) records: Sender<Arrival>,
    pub(super) files: Permits,
    pub(super) tasks: Arc<RunTasks>,
    pub(super) route: Option<Route>,
    pub(super) limits: Limits,
    pub(super) stop: Stop,
    pub(super) counts: Arc<Counts>,
}

/// Reads until nothing more is taken, or nobody wants it.
pub(super) fn run(loader: &Loader, taken: &Receiver<Taken>) {
    for taken in taken {
        if loader.load(taken).is_break() {
            return;
        }
    }
}

impl Loader {
    /// Loads a source and passes it on: to the workers, or to the writer as a record if it failed.
    pub(super) fn load(&self, taken: Taken) -> ControlFlow<()> {
        let Taken { index, source: Source { key, source, tag, content }, started } = taken;
        let name = Name { key, source, tag };
        let content = match content {
            Content::Known(known) => {
                self.counts.reading.fetch_sub(1, Ordering::AcqRel);
                return self.known(index, name, *known);
            }
            content => content,
        };
        let loaded = caught(|| self.content(content));
        // From here on it counts as being on a worker, whom the writer waits for.
        self.counts.reading.fetch_sub(1, Ordering::AcqRel);
        let times = Times { read: started.elapsed(), ..Times::default() };
        let panicked =
            |panic| Err(cannot_read(io::Error::other(format!("the source's reader panicked ({panic})"))));
        let is_sent = match loaded.unwrap_or_else(panicked) {
            Ok(None) => self.records.send(Arrival::Fence { index, tag: name.tag }).is_ok(),
            Ok(Some((encoded, reserved))) => {
                let ticket = Ticket { index, name, bytes: encoded.len() as u64, times };
                let run = (self.tasks.clone(), self.records.clone(), self.route.clone());
                self.jobs.send(Box::new(SourceTask::new(run, ticket, (encoded, reserved)))).is_ok()
            }
            Err(Error::Io { source, .. }) if is_stop(&source) => {
                self.counts.given_up.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(error) => {
                let record = Record::new(index, name, None, Err(error)).timed(times);
                self.records.send(Arrival::Record(record)).is_ok()
            }
        };
        if is_sent { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Passes on what is known of a source already.
    fn known(&self, index: u64, name: Name, (bytes, outcome): (u64, Result<Hashed>)) -> ControlFlow<()> {
        let places = self.tasks.take_places(outcome.as_ref().map_or(0, |hashed| hashed.frames.len()));
        let record = Record { is_known: true, places, ..Record::new(index, name, Some(bytes), outcome) };
        match self.records.send(Arrival::Record(record)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// A source's bytes; `None` where it is a fence.
    fn content(&self, content: Content) -> Result<Option<(Encoded, Reservation)>> {
        let loaded = match content {
            Content::Named(path) => match Special::at(&path) {
                // Opening a pipe waits for somebody who writes to it.
                Some(_) => {
                    let open = move || File::open(path);
                    self.stream(&mut DetachedReader::opening(open, self.stop.clone()))
                }
                None => self.file(&path),
            },
            Content::Found(path) => self.file(&path),
            Content::Bytes(bytes, permit) => {
                self.limits.check_file_bytes(bytes.len() as u64)?;
                let reserved = self.files.reserve(bytes.len() as u64);
                if let Some(permit) = permit {
                    permit.give_back(self.tasks.buffers.take());
                }
                Ok((bytes, reserved))
            }
            Content::Shared(bytes) => {
                self.limits.check_file_bytes(bytes.len() as u64)?;
                let reserved = self.files.reserve(bytes.len() as u64);
                return Ok(Some((Encoded::Shared(bytes), reserved)));
            }
            Content::Stream(mut stream) => self.stream(&mut *stream),
            Content::Reader(Some(length), open) => self.of_length(length, open),
            Content::Reader(None, open) => self.stream(&mut *open().map_err(cannot_read)?),
            Content::Failed(error) => Err(error),
            // Passed on before anything is read.
            Content::Known(_) | Content::Fence => return Ok(None),
        };
        loaded.map(|(encoded, reserved)| Some((Encoded::Own(encoded), reserved)))
    }

    /// A regular file, as long as it was when it was opened.
    fn file(&self, path: &Path) -> Result<(Vec<u8>, Reservation)> {
        let reserve = |length| (self.files.reserve(length), self.tasks.buffers.take());
        let (reserved, encoded) = load(path, &self.limits, reserve)?;
        Ok((encoded, reserved))
    }

    /// What a caller opens and says the length of.
    fn of_length(&self, length: u64, open: Open) -> Result<(Vec<u8>, Reservation)> {
        self.limits.check_file_bytes(length)?;
        let reserved = self.files.reserve(length);
        let mut encoded = self.tasks.buffers.take();
        let full = |_| cannot_read(io::ErrorKind::OutOfMemory.into());
        encoded.try_reserve_exact(length as usize).map_err(full)?;
        // One byte more shows whether the reader is longer than it should be.
        let mut reader = open().map_err(cannot_read)?.take(length.saturating_add(1));
        reader.read_to_end(&mut encoded).map_err(cannot_read)?;
        let found = encoded.len() as u64;
        if found != length {
            let more = if found > length { "more" } else { "fewer" };
            return Err(Error::Input(format!("the reader gave {more} bytes than the {length} that it has")));
        }
        Ok((encoded, reserved))
    }

    /// A stream does not say how long it is: it is read while no other file is held, up to the limit.
    fn stream(&self, stream: &mut dyn Read) -> Result<(Vec<u8>, Reservation)> {
        let limit = self.limits.max_file_bytes;
        let mut reserved = self.files.reserve(limit.max(1));
        let mut encoded = Vec::new();
        stream.take(limit.saturating_add(1)).read_to_end(&mut encoded).map_err(cannot_read)?;
        self.limits.check_file_bytes(encoded.len() as u64)?;
        encoded.shrink_to_fit();
        reserved.shrink_to(encoded.len() as u64);
        Ok((encoded, reserved))
    }
}

impl Source {
    /// Its bytes, read now and not by a run, for programs that keep pictures in memory. Pipes and streams are waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] where it is over [`Limits::max_file_bytes`], [`Error::Io`], whatever it [failed](Source::failed) with, and [`Error::Input`] of a
    /// [fence](Source::fence), which has none.
    pub fn read(self, limits: &Limits) -> Result<Vec<u8>> {
        let stream = |mut stream: Box<dyn Read + Send>| {
            let mut encoded = Vec::new();
            let limit = limits.max_file_bytes.saturating_add(1);
            stream.as_mut().take(limit).read_to_end(&mut encoded).map_err(cannot_read)?;
            limits.check_file_bytes(encoded.len() as u64).map(|()| encoded)
        };
        let content = self.content;
        let read = caught(|| match content {
            Content::Named(path) if Special::at(&path).is_some() => {
                stream(Box::new(File::open(path).map_err(cannot_read)?))
            }
            Content::Named(path) | Content::Found(path) => read_file(&path, limits),
            Content::Bytes(bytes, _) => limits.check_file_bytes(bytes.len() as u64).map(|()| bytes),
            Content::Shared(bytes) => limits.check_file_bytes(bytes.len() as u64).map(|()| bytes.to_vec()),
            Content::Stream(reader) => stream(reader),
            Content::Reader(_, open) => stream(open().map_err(cannot_read)?),
            Content::Failed(error) => Err(error),
            Content::Known(_) => Err(Error::Input("what is known of a source is no bytes".to_string())),
            Content::Fence => Err(Error::Input("a mark between sources has no bytes".to_string())),
        });
        read.unwrap_or_else(|panic| {
            Err(cannot_read(io::Error::other(format!("the source's reader panicked ({panic})"))))
        })
    }
}

/// A regular file, as long as it was when it was opened; `reserve` gives what its length takes, and a buffer.
fn load<T>(path: &Path, limits: &Limits, reserve: impl FnOnce(u64) -> (T, Vec<u8>)) -> Result<(T, Vec<u8>)> {
    let (file, length) = open_regular(path).map_err(cannot_read)?;
    limits.check_file_bytes(length)?;
    let (reserved, mut encoded) = reserve(length);
    let full = |_| cannot_read(io::ErrorKind::OutOfMemory.into());
    encoded.try_reserve_exact(length as usize).map_err(full)?;
    file.take(length).read_to_end(&mut encoded).map_err(cannot_read)?;
    Ok((reserved, encoded))
}

/// The bytes of a regular file that the limits let through, as a run reads it.
pub(crate) fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    load(path, limits, |_| ((), Vec::new())).map(|((), encoded)| encoded)
}

fn cannot_read(source: io::Error) -> Error {
    match Special::refused(&source) {
        Some(special) => Error::Input(special.to_string()),
        None => Error::io("cannot read", source),
    }
}
