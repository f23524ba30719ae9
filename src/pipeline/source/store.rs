//! Objects in stores and on the web: found, fetched whole, or read at any position.
//!
//! Requests that fail are retried with longer and longer pauses, and bodies that break off are resumed where they broke off.
//! Everything asynchronous happens on the threads of one runtime; callers wait.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use reqwest::ClientBuilder;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::wire::Wire;
use crate::pipeline::Stop;
use crate::pipeline::panics::caught;

mod address;
#[cfg(feature = "job")]
mod bucket;
mod exact;
mod fetch;
mod library;
mod listing;
pub mod mount;
mod mounted;
mod object;
mod pace;
mod page;
#[cfg(feature = "service")]
mod picture;
mod profile;
mod remote;
mod trouble;
mod turns;
mod version;
mod wire;

#[cfg(feature = "job")]
pub(crate) use bucket::Bucket;
pub(super) use fetch::{Coming, Fetcher};
pub(super) use listing::{Found, is_object, list};
pub use mount::Mounts;
pub(super) use object::open;
#[cfg(feature = "service")]
pub(crate) use picture::{ComingPicture, PictureFetcher};

/// Schemes of URLs, and whether objects are listed there.
const SCHEMES: [(&str, bool); 9] = [
    ("s3://", true),
    ("s3a://", true),
    ("gs://", true),
    ("az://", true),
    ("azure://", true),
    ("abfs://", true),
    ("abfss://", true),
    ("http://", false),
    ("https://", false),
];

/// The location as a URL, where it is one.
pub(super) fn url<'a>(location: &'a OsStr, mounts: &Mounts) -> Option<&'a str> {
    let text = location.to_str()?;
    let known = SCHEMES.iter().any(|(scheme, _)| text.starts_with(scheme));
    (known || mounts.find(text).is_some()).then_some(text)
}

/// Whether a URL lies in a store that lists what it has.
pub(super) fn lists(url: &str, mounts: &Mounts) -> bool {
    let known = SCHEMES.iter().any(|(scheme, lists)| *lists && url.starts_with(scheme));
    known || mounts.find(url).is_some()
}

/// How a store or the network failed, after all retries.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failure(String);

/// A failure as the system's error.
fn failed(kind: io::ErrorKind, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(kind, Failure(error.to_string()))
}

/// Objects that are in flight now.
static COMING: AtomicUsize = AtomicUsize::new(0);

/// How long packets gather before a thread that waited looks at them. Many together take fewer wake-ups than each by itself, and the code that
/// handles them stays in the CPU's caches. With few objects the run waits for each one, so the pause is short; with many there is always another
/// to hash.
fn pause() -> Duration {
    let many = COMING.load(Ordering::Relaxed) >= MANY;
    Duration::from_millis(if many { 10 } else { 1 })
}

const MANY: usize = 32;

/// The threads on which requests are made: one for every four CPUs, since fetching a picture costs up to a fifth of hashing it.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    // Tests use several threads whatever the machine.
    let threads = if cfg!(test) { 4 } else { cpus.div_ceil(4) };
    builder.worker_threads(threads).thread_name("shadegrid-store");
    builder.on_thread_park(|| thread::sleep(pause())).enable_all();
    // It panics where the system refuses it a thread.
    caught(|| builder.build()).unwrap_or_else(|panic| Err(io::Error::new(io::ErrorKind::WouldBlock, panic)))
});

fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| failed(io::ErrorKind::Other, error))
}

/// Waits for something to be done on the runtime's threads, until it is or a stop is requested.
fn wait<T: Send + 'static, E: Into<io::Error> + Send + 'static>(
    stop: &Stop,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> io::Result<T> {
    wait_for(stop, &mut runtime()?.spawn(work))?.map_err(Into::into)
}

/// The same for something that was begun already; it is given up where it is not waited for any more.
fn wait_for<T: Send + 'static>(stop: &Stop, work: &mut JoinHandle<T>) -> io::Result<T> {
    let runtime = runtime()?;
    while !stop.requested() {
        let waited = runtime.block_on(async { timeout(PATIENCE, &mut *work).await });
        if let Ok(done) = waited {
            return done.map_err(|error| failed(io::ErrorKind::Other, error));
        }
    }
    work.abort();
    // `Interrupted` would be taken for a call to try again.
    Err(failed(io::ErrorKind::Other, "the run was stopped"))
}

/// How often a wait is interrupted to look for a stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// How we call ourselves.
const AGENT: &str = concat!("shadegrid/", env!("CARGO_PKG_VERSION"));

/// rustls asks for its cryptography to be chosen once.
fn provide_tls() {
    // Whoever chose before us has chosen well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Connections to the web, whose servers may send almost nothing for `patience`.
fn web(patience: Duration) -> Arc<Wire> {
    static KNOWN: LazyLock<Mutex<HashMap<Duration, Arc<Wire>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let wire = known.entry(patience).or_insert_with(|| {
        provide_tls();
        Arc::new(Wire::new(|| ClientBuilder::new().user_agent(AGENT), patience))
    });
    wire.clone()
}
