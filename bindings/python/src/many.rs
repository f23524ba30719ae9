//! Many pictures in, their records out: the GIL is released, and signals are looked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{mem, thread};

use arrow_array::ArrayRef;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};
use shadegrid::pipeline::{Queries, Record, RecordError, RecordPicture, Sink, Source, Stop, StoredRecord};
use shadegrid::{BufferHasher, Engine, Error, Hashed, RunOptions, Search};

use crate::arrow::{Binaries, arrays, is_arrow};
use crate::error::raised;
use crate::input::Encoded;

/// How often the calling thread looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// Looks for signals, not more often than that.
struct Signals {
    last: Instant,
    raised: Option<PyErr>,
}

impl Signals {
    fn new() -> Signals {
        Signals { last: Instant::now(), raised: None }
    }

    /// Whether nothing was raised so far.
    fn allow(&mut self) -> bool {
        if self.raised.is_none() && self.last.elapsed() >= PATIENCE {
            self.raised = Python::attach(|py| py.check_signals()).err();
            self.last = Instant::now();
        }
        self.raised.is_none()
    }
}

/// Encoded pictures in memory, some of which may be missing.
pub(crate) enum Pictures {
    Buffers(Vec<Option<Encoded>>),
    Arrow(Vec<Binaries>),
}

impl Pictures {
    /// Those of an Arrow array, a chunked one or a series, or of any iterable of buffers and None.
    pub(crate) fn of(pictures: &Bound<'_, PyAny>) -> PyResult<Pictures> {
        if is_arrow(pictures)? {
            return Pictures::of_arrays(&arrays(pictures)?);
        }
        let is_one = pictures.is_instance_of::<PyBytes>()
            || pictures.is_instance_of::<PyByteArray>()
            || pictures.is_instance_of::<PyMemoryView>()
            || pictures.is_instance_of::<PyString>();
        if is_one {
            return Err(PyTypeError::new_err("expected many pictures, not one: give a list, or use hash"));
        }
        let picture = |item: PyResult<Bound<'_, PyAny>>| {
            let item = item?;
            if item.is_none() { Ok(None) } else { Encoded::of(&item).map(Some) }
        };
        pictures.try_iter()?.map(picture).collect::<PyResult<_>>().map(Pictures::Buffers)
    }

    /// Those of the chunks of an array.
    pub(crate) fn of_arrays(chunks: &[ArrayRef]) -> PyResult<Pictures> {
        chunks.iter().map(Binaries::pictures).collect::<PyResult<_>>().map(Pictures::Arrow)
    }

    fn slices(&self) -> Vec<Option<&[u8]>> {
        match self {
            Pictures::Buffers(all) => all.iter().map(|picture| picture.as_ref().map(AsRef::as_ref)).collect(),
            Pictures::Arrow(chunks) => chunks.iter().flat_map(Binaries::iter).collect(),
        }
    }
}

/// Names from any iterable of them.
pub(crate) fn keys(keys: &Bound<'_, PyAny>) -> PyResult<Vec<OsString>> {
    if keys.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("expected an iterable of keys, not a str"));
    }
    keys.try_iter()?.map(|key| key?.extract()).collect()
}

/// Paths from any iterable of them.
pub(crate) fn paths(paths: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    if paths.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("expected an iterable of paths, not a str"));
    }
    paths.try_iter()?.map(|path| path?.extract()).collect()
}

/// One record a picture, in their order; their keys are these, or empty.
///
/// # Errors
///
/// What a signal handler raised, `ValueError` where there are not as many keys as pictures.
pub(crate) fn hash_buffers(
    py: Python<'_>,
    hasher: &BufferHasher,
    pictures: &Pictures,
    keys: Option<Vec<OsString>>,
    search: Option<&Search>,
) -> PyResult<Vec<StoredRecord>> {
    let slices = pictures.slices();
    if let Some(keys) = keys.as_ref().filter(|keys| keys.len() != slices.len()) {
        return Err(PyValueError::new_err(format!("{} keys for {} pictures", keys.len(), slices.len())));
    }
    let keys = keys.unwrap_or_default();
    let hash = move || {
        let present: Vec<&[u8]> = slices.iter().copied().flatten().collect();
        let mut signals = Signals::new();
        let outcomes = hasher.hash_many_while(&present, &mut || signals.allow());
        let Some(outcomes) = outcomes else { return Err(signals.raised) };
        let mut queries = search.map(|_| Queries::default());
        let (mut outcomes, mut keys) = (outcomes.into_iter(), keys.into_iter());
        let record = |picture: &Option<&[u8]>| {
            let outcome =
                picture.map_or_else(|| Err(missing()), |_| outcomes.next().unwrap_or_else(|| Err(missing())));
            if let Some(queries) = &mut queries {
                queries.push_picture(outcome.as_ref().ok());
            }
            let bytes = picture.map(|bytes| bytes.len() as u64);
            stored(keys.next().unwrap_or_default(), outcome.as_ref(), bytes)
        };
        let mut records: Vec<StoredRecord> = slices.iter().map(record).collect();
        Ok(looked_up(&mut records, search, queries.as_ref()).map(|()| records))
    };
    finished(py, py.detach(hash))
}

/// What is said of a null.
fn missing() -> Error {
    Error::Input("no picture: the value is null".to_string())
}

fn stored(key: OsString, outcome: Result<&Hashed, &Error>, bytes: Option<u64>) -> StoredRecord {
    let outcome = outcome.map(|hashed| RecordPicture::new(hashed, bytes)).map_err(RecordError::from);
    StoredRecord::new(key, outcome)
}

/// Puts what matched into the records.
fn looked_up(
    records: &mut [StoredRecord],
    search: Option<&Search>,
    queries: Option<&Queries>,
) -> Result<(), Error> {
    if let (Some(search), Some(queries)) = (search, queries) {
        let found = search.find_all(queries)?;
        records.iter_mut().zip(found).for_each(|(record, matches)| record.matches = Some(matches));
    }
    Ok(())
}

type Ended = Result<Result<Vec<StoredRecord>, Error>, Option<PyErr>>;

fn finished(py: Python<'_>, ended: Ended) -> PyResult<Vec<StoredRecord>> {
    match ended {
        Ok(records) => records.map_err(|error| raised(py, &error)),
        Err(Some(signal)) => Err(signal),
        Err(None) => Err(PyValueError::new_err("the call was ended")),
    }
}

/// One record a file, in their order; their keys are the paths.
///
/// # Errors
///
/// What a signal handler raised, `IoError` where the system refuses a thread.
pub(crate) fn hash_files(
    py: Python<'_>,
    engine: impl FnOnce() -> Result<Engine, Error> + Send,
    paths: Vec<PathBuf>,
    search: Option<&Search>,
) -> PyResult<Vec<StoredRecord>> {
    let hash = move || {
        let engine = match engine() {
            Ok(engine) => engine,
            Err(error) => return Ok(Err(error)),
        };
        let (sender, receiver) = channel::<()>();
        let mut all = Rows { queries: search.map(|_| Queries::default()), records: Vec::new() };
        let stop = Stop::default();
        let options = RunOptions::default().stop(stop.clone());
        let mut signals = Signals::new();
        let ended = thread::scope(|scope| {
            let run = thread::Builder::new().spawn_scoped(scope, || {
                let sources = paths.into_iter().map(Source::found);
                let outcome = engine.run_into(sources, &mut all, &options);
                drop(sender);
                outcome
            });
            let run = run.map_err(|error| Error::io("cannot start a thread", error))?;
            // Nothing is sent: that the sender is gone says that the run is over.
            while let Err(RecvTimeoutError::Timeout) = receiver.recv_timeout(PATIENCE) {
                if !signals.allow() {
                    stop.request();
                }
            }
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        if let Some(signal) = signals.raised {
            return Err(Some(signal));
        }
        let mut records = mem::take(&mut all.records);
        Ok(ended.and_then(|_| looked_up(&mut records, search, all.queries.as_ref())).map(|()| records))
    };
    finished(py, py.detach(hash))
}

/// Keeps the records of a run.
struct Rows {
    queries: Option<Queries>,
    records: Vec<StoredRecord>,
}

impl Sink for Rows {
    fn write(&mut self, record: &Record) -> Result<(), Error> {
        if let Some(queries) = &mut self.queries {
            queries.push(record);
        }
        self.records.push(record.into());
        Ok(())
    }
}
