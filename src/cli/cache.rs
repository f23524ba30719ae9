//! What earlier runs gave, in a file, so that a run over the same collection reads only what has changed.
//!
//! A file is known by its path, and by what shows that its content is still the same ([`Stamp`]); what it gave also by everything that decides it
//! ([`settings`]). What was read while it changed, what failed in a way that another run may not, and what cannot be written again byte for byte is not kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use clap::Args;
use shadegrid::decode::Format;
use shadegrid::pipeline::{Record, Sink, Source, Summary};
use shadegrid::{Engine, Error, RunOptions};

use super::console;
use super::output::Reads;
use database::Database;
use kept::Kept;
use stamp::Stamp;

mod database;
mod kept;
mod settings;
mod stamp;

/// Options on what is kept between runs.
#[derive(Debug, Args)]
pub(crate) struct CacheArguments {
    /// Keep what files gave in FILE, and read only those again that have changed since
    ///
    /// A file is known by its path, size, times and number on its disk; what it gave also by the options and the program's version. Members of archives, objects of
    /// stores and standard input are always read. Only one run at a time uses FILE. It holds signatures: keep it as you keep the
    /// records, and delete it to begin anew.
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
}

impl CacheArguments {
    /// Where the cache is.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        self.cache.as_ref()
    }

    /// The cache that is asked for, of what this engine gives.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the file is an input, no cache, damaged, of a newer version, or used by another run.
    pub(crate) fn open(&self, engine: &Engine, reads: &Reads) -> Result<Option<Arc<Cache>>, Error> {
        let open = |path: &PathBuf| {
            reads.check(path, None)?;
            let names = engine.devices().names().iter().map(ToString::to_string).collect::<Vec<_>>();
            let database = Database::open(path, &settings::text(engine.options(), &names))?;
            let (before, failure) = (HashMap::new(), None);
            Ok::<_, Error>(Arc::new(Cache(Mutex::new(Inner {
                database,
                path: path.clone(),
                before,
                failure,
            }))))
        };
        self.cache.as_ref().map(open).transpose()
    }
}

/// What earlier runs gave. Shared by the thread that takes sources and the one that writes records.
#[derive(Debug)]
pub(crate) struct Cache(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    path: PathBuf,
    /// Files that are being read, by the numbers of their sources, as they were before.
    before: HashMap<u64, (PathBuf, Stamp)>,
    /// Why it is no longer used.
    failure: Option<String>,
}

impl Cache {
    /// The same sources; those whose files have not changed are known.
    fn sources<S: Iterator<Item = Source>>(
        self: &Arc<Self>,
        sources: S,
    ) -> impl Iterator<Item = Source> + use<S> {
        let cache = self.clone();
        sources.enumerate().map(move |(index, source)| cache.look(index as u64, source))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, index: u64, source: Source) -> Source {
        let Some((path, stamp)) = source.path().and_then(place) else { return source };
        let mut inner = self.inner();
        let row = inner.trying(|database| database.find(&path, &stamp)).flatten();
        match row.and_then(|row| Kept::read(&row)) {
            Some(kept) => source.known(stamp.bytes, kept.into_outcome()),
            None => {
                inner.before.insert(index, (path, stamp));
                source
            }
        }
    }
}

/// Hashes sources into `sink`, as far as their files have changed since they were kept; without a cache all of them.
///
/// # Errors
///
/// Those of [`Engine::run_into`].
pub(crate) fn run<S: Iterator<Item = Source> + Send>(
    engine: &Engine,
    cache: Option<Arc<Cache>>,
    sources: S,
    sink: &mut dyn Sink,
    options: &RunOptions,
) -> Result<Summary, Error> {
    match cache {
        Some(cache) => {
            let sources = cache.sources(sources);
            engine.run_into(sources, &mut Keeping::new(cache, sink), options)
        }
        None => engine.run_into(sources, sink, options),
    }
}

/// A file's path from the root of its system, and what it is now; `None` for what is no regular file.
fn place(path: &Path) -> Option<(PathBuf, Stamp)> {
    Some((std::path::absolute(path).ok()?, Stamp::of(path)?))
}

impl Inner {
    /// Does something with the file, as long as all went well with it.
    fn trying<T>(&mut self, step: impl FnOnce(&mut Database) -> rusqlite::Result<T>) -> Option<T> {
        if self.failure.is_some() {
            return None;
        }
        step(&mut self.database).map_err(|error| self.failure = Some(error.to_string())).ok()
    }
}

/// A sink that keeps what goes through it.
struct Keeping<'a> {
    cache: Arc<Cache>,
    sink: &'a mut dyn Sink,
    /// A file whose frames may follow.
    open: Option<OpenFile>,
}

struct OpenFile {
    index: u64,
    path: PathBuf,
    before: Stamp,
    bytes: Option<u64>,
    kept: Kept,
}

impl<'a> Keeping<'a> {
    fn new(cache: Arc<Cache>, sink: &'a mut dyn Sink) -> Keeping<'a> {
        Keeping { cache, sink, open: None }
    }

    fn note(&mut self, record: &Record) {
        if record.frame > 0 {
            if let Some(open) = self.open.take_if(|open| open.index == record.index) {
                self.open = open.kept.with_frame(record).map(|kept| OpenFile { kept, ..open });
            }
            return;
        }
        let before = self.cache.inner().before.remove(&record.index);
        self.close();
        self.open = before.and_then(|(path, before)| {
            let kept = Kept::of(record).filter(|_| !is_of_a_process(record))?;
            Some(OpenFile { index: record.index, path, before, bytes: record.bytes, kept })
        });
    }

    /// Keeps a file of which everything has come, if it is still what it was before it was read.
    fn close(&mut self) {
        let Some(OpenFile { path, before, bytes, kept, .. }) = self.open.take() else { return };
        let is_same = bytes == Some(before.bytes) && Stamp::of(&path) == Some(before);
        if is_same
            && before.is_settled(SystemTime::now())
            && let Some(text) = kept.text()
        {
            self.cache.inner().trying(|database| database.keep(&path, &before, &text));
        }
    }

    /// Makes what was kept last, and says what went wrong.
    fn end(&mut self) {
        self.close();
        let mut inner = self.cache.inner();
        inner.trying(Database::commit);
        if let Some(failure) = inner.failure.take() {
            let path = inner.path.display();
            console::say(format_args!(
                "shadegrid: the cache {path} could not be used to the end ({failure}); the records are whole, and the next run reads more again"
            ));
        }
    }
}

/// Whether a damaged picture was decoded by a process of its own, which may have run out of time on a busy machine.
fn is_of_a_process(record: &Record) -> bool {
    let is = |hashed: &shadegrid::Hashed| {
        hashed.whole.is_some() && matches!(hashed.format, Some(Format::Avif | Format::Heic))
    };
    record.outcome.as_ref().is_ok_and(is)
}

impl Sink for Keeping<'_> {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        self.note(record);
        self.sink.write(record)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.close();
        self.sink.flush()
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.end();
        self.sink.finish()
    }
}
