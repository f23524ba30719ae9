//! Items to sources, in their order: archives and objects are read ahead by threads of their own.
//!
//! ```text
//! items ─▶ slots, in order: ready │ ready │ running ◀── a thread an archive
//!                                         │ running ◀── a task an object
//! ```
//!
//! Files on disk are ready at once: the run's own readers read them. Nothing is read ahead while there are only files.
//! Items that are not listed yet do not hold up those that are: see [`Listed`].

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::archive::{self, Members};
use super::listed::{Listed, Next};
use super::read_ahead::Semaphore;
use super::{Content, DetachedReader, InputOptions, Item, ItemKind, Source, store};
use crate::error::Error;
use crate::pipeline::panics::caught;
use crate::pipeline::waiting;

/// Sources one after another.
pub type Sources = Box<dyn Iterator<Item = Source> + Send>;

/// Items that may be begun before the first of them is done, if some are fetched: one that is retried again and again
/// holds up no more than these.
const WINDOW: usize = 1024;

/// Archives that are read at once: the next begins while one is read, so that its first members are there in time.
const ARCHIVES: usize = 2;

/// Members of an archive that may wait, whatever the bound on their bytes.
const MEMBERS: usize = 256;

/// Stack of a thread that reads an archive, in bytes: readers nest little, no matter what the file holds.
const STACK: usize = 4 << 20;

/// How often a wait is interrupted to look for a stop, and for items that were listed meanwhile and may begin.
const PATIENCE: Duration = Duration::from_millis(50);
const LISTING: Duration = Duration::from_millis(5);

/// The sources that `items` hold, in their order, each with its item's argument. Archives and objects are read ahead from now on, within
/// [`InputOptions::read_ahead`]. Once all items have begun, the iterator's `size_hint` bounds how many sources are left.
///
/// After [`InputOptions::stop`] was requested there may be fewer.
pub fn open(
    items: impl IntoIterator<Item = Item, IntoIter: Send + 'static>,
    options: &InputOptions,
) -> Sources {
    let mut opened = Opened {
        items: Listed::new(items.into_iter()),
        slots: VecDeque::new(),
        begun: 0,
        archives: 0,
        semaphore: Semaphore::new(options.read_ahead.bytes),
        fetcher: None,
        argument: OsStr::new("").into(),
        options: Arc::new(options.clone()),
    };
    opened.begin();
    Box::new(opened)
}

/// What an item gives, in the order of the items.
enum Slot {
    Ready(Source),
    Object(store::Coming),
    /// Its members as they are read, and the thread that reads them.
    Archive(Receiver<Source>, JoinHandle<()>),
}

struct Opened {
    items: Listed,
    /// With each item's argument.
    slots: VecDeque<(Slot, Arc<OsStr>)>,
    /// Items begun so far: the number of the next one.
    begun: u64,
    archives: usize,
    semaphore: Arc<Semaphore>,
    /// There once there was an object to fetch.
    fetcher: Option<store::Fetcher>,
    /// The last argument, which most items share with the one before.
    argument: Arc<OsStr>,
    options: Arc<InputOptions>,
}

impl Iterator for Opened {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        loop {
            self.begin();
            let patience = self.patience();
            let Some((slot, argument)) = self.slots.front_mut() else {
                match self.items.wait(PATIENCE) {
                    Next::None => return None,
                    Next::NotYet if waiting::is_over(&self.options.stop) => return None,
                    _ => continue,
                }
            };
            let coming = match slot {
                Slot::Ready(_) => match self.done()? {
                    (Slot::Ready(source), argument) => return self.ready(source, argument),
                    _ => continue,
                },
                Slot::Object(object) => match object.wait(patience) {
                    Some(source) => {
                        let (_, argument) = self.done()?;
                        return Some(source.from_argument(argument));
                    }
                    None => Err(RecvTimeoutError::Timeout),
                },
                Slot::Archive(members, _) => members.recv_timeout(patience),
            };
            match coming {
                Ok(member) => return Some(member.from_argument(argument.clone())),
                Err(RecvTimeoutError::Disconnected) => drop(self.done()),
                Err(RecvTimeoutError::Timeout) if waiting::is_over(&self.options.stop) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Says how many are left once all items have begun.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = |slot: &Slot| match slot {
            Slot::Ready(_) | Slot::Object(_) => Some(1),
            Slot::Archive(members, reading) => reading.is_finished().then(|| members.len()),
        };
        let all_begun = self.items.is_over();
        (0, all_begun.then(|| self.slots.iter().map(|(slot, _)| left(slot)).sum()).flatten())
    }
}

impl Opened {
    /// Takes the first slot away.
    fn done(&mut self) -> Option<(Slot, Arc<OsStr>)> {
        let done = self.slots.pop_front();
        self.archives -= usize::from(matches!(done, Some((Slot::Archive(..), _))));
        self.semaphore.turn();
        done
    }

    /// Begins items that are listed, as many as may be in flight.
    fn begin(&mut self) {
        while self.slots.len() < self.depth() {
            let full = self.archives == ARCHIVES;
            let Some(item) = self.items.next_if(|item| !full || item.kind != ItemKind::Archive) else {
                return;
            };
            if *self.argument != *item.source {
                self.argument = item.source.as_os_str().into();
            }
            let slot = self.slot(item);
            self.slots.push_back((slot, self.argument.clone()));
            self.begun += 1;
        }
    }

    /// How long to wait for what the first slot gives.
    fn patience(&self) -> Duration {
        if self.items.is_over() || self.slots.len() >= self.depth() { PATIENCE } else { LISTING }
    }

    /// A source that is ready. One that fails because a stop ended the listing is none.
    fn ready(&self, source: Source, argument: Arc<OsStr>) -> Option<Source> {
        let in_vain = matches!(source.content, Content::Failed(_)) && waiting::is_over(&self.options.stop);
        (!in_vain).then(|| source.from_argument(argument))
    }

    fn depth(&self) -> usize {
        match self.slots.front() {
            _ if self.fetcher.is_some() => WINDOW,
            Some((Slot::Archive(..), _)) => ARCHIVES,
            _ => 1,
        }
    }

    fn slot(&mut self, item: Item) -> Slot {
        let Item { location, kind, source, .. } = item;
        match kind {
            ItemKind::Archive => self.archive(location, &source),
            ItemKind::Picture if store::url(&location, &self.options.network.mounts).is_some() => {
                self.fetch(location, &source)
            }
            ItemKind::Picture if location == source => Slot::Ready(Source::file(location)),
            ItemKind::Picture => Slot::Ready(Source::found(location)),
            ItemKind::StandardInput => {
                let input = DetachedReader::new(io::stdin(), self.options.stop.clone());
                Slot::Ready(Source::stream(location, input))
            }
            ItemKind::Failed(message) | ItemKind::Broken(message) => {
                let error = Error::io("cannot list the inputs", io::Error::other(message));
                Slot::Ready(Source::failed(location, error))
            }
        }
    }

    fn archive(&mut self, location: OsString, source: &OsStr) -> Slot {
        let (sender, members) = bounded(MEMBERS);
        let options = self.options.for_item(&location, source);
        let (semaphore, number) = (self.semaphore.clone(), self.begun);
        let of_thread = (sender.clone(), location.clone());
        let read = move || read_archive(&of_thread.1, number, &semaphore, &options, &of_thread.0);
        let thread = thread::Builder::new().name("shadegrid-read-archive".to_string()).stack_size(STACK);
        match thread.spawn(read) {
            Ok(reading) => {
                self.archives += 1;
                Slot::Archive(members, reading)
            }
            Err(error) => Slot::Ready(Source::failed(location, Error::io("cannot start a thread", error))),
        }
    }

    fn fetch(&mut self, location: OsString, source: &OsStr) -> Slot {
        let options = self.options.for_item(&location, source);
        let fetcher = self.fetcher.get_or_insert_with(|| store::Fetcher::new(&self.semaphore, &self.options));
        match fetcher.fetch(location, self.begun, &options.network) {
            Ok(coming) => Slot::Object(coming),
            Err(failed) => Slot::Ready(failed),
        }
    }
}

/// Whoever still reads ahead ends soon: nobody takes bytes or members any more.
impl Drop for Opened {
    fn drop(&mut self) {
        self.semaphore.close();
    }
}

/// Gives an archive's members; a panic in a reader, which is a bug there, is one failed source more.
fn read_archive(
    location: &OsStr,
    number: u64,
    semaphore: &Arc<Semaphore>,
    options: &InputOptions,
    to: &Sender<Source>,
) {
    let permit = |bytes| semaphore.take(number, bytes);
    let mut give = |source| to.send(source).is_ok();
    let members = Members { options, permit: &permit, give: &mut give };
    if caught(|| archive::read(location, members)).is_err() {
        let error =
            Error::corrupt("archive", "reading it panicked; this is a bug, please report it with the file");
        let _ = to.send(Source::failed(location, error));
    }
}
