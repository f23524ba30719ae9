//! Whole objects: one request, or several range requests at once for large ones.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::remote::{Remote, Whole};
use super::trouble::{Kind, Trouble};
use super::turns::Turns;
use super::version::Version;
use super::wire::{Body, append, pause};
use super::{COMING, failed, runtime};
use crate::error::{Error, Result};
use crate::pipeline::source::network::Network;
use crate::pipeline::source::read_ahead::Semaphore;
use crate::pipeline::source::{Content, InputOptions, Source};

/// Length of a range in bytes, and how many are fetched at once.
const PART: u64 = 8 << 20;
const PARTS: usize = 4;

/// Fetches objects, [`ReadAhead::fetches`](crate::pipeline::ReadAhead::fetches) at a time, in the order in which they are asked for.
pub(in crate::pipeline::source) struct Fetcher {
    semaphore: Arc<Semaphore>,
    options: Arc<InputOptions>,
    turns: Turns,
}

/// An object in flight; dropping it cancels the request.
pub(in crate::pipeline::source) struct Coming {
    location: OsString,
    fetched: JoinHandle<Result<Content>>,
}

impl Fetcher {
    pub(in crate::pipeline::source) fn new(
        semaphore: &Arc<Semaphore>,
        options: &Arc<InputOptions>,
    ) -> Fetcher {
        let turns = Turns::new(options.read_ahead.fetches);
        Fetcher { semaphore: semaphore.clone(), options: options.clone(), turns }
    }

    /// Begins to fetch the object at `location`, the item of this number.
    ///
    /// # Errors
    ///
    /// A source that fails, if the request cannot even be made.
    pub(in crate::pipeline::source) fn fetch(
        &self,
        location: OsString,
        number: u64,
        network: &Network,
    ) -> Result<Coming, Source> {
        let url = location.to_str().unwrap_or_default();
        let begun = Remote::new(url, network).and_then(|remote| Ok((remote, runtime()?)));
        let (remote, runtime) = match begun {
            Ok(begun) => begun,
            Err(error) => return Err(Source::failed(location, cannot(error))),
        };
        let (semaphore, options) = (self.semaphore.clone(), self.options.clone());
        let turn = self.turns.ask();
        let fetched = runtime.spawn(async move {
            let _turn = turn.await;
            let _counted = Counted::new();
            fetch(remote, &options, &semaphore, number).await
        });
        Ok(Coming { location, fetched })
    }
}

impl Coming {
    /// The object as a source, once; `None` if it has not come after `patience`.
    pub(in crate::pipeline::source) fn wait(&mut self, patience: Duration) -> Option<Source> {
        let fetched = &mut self.fetched;
        let waited = runtime().ok()?.block_on(async { timeout(patience, fetched).await }).ok()?;
        let content = waited.unwrap_or_else(|error| Err(cannot(failed(io::ErrorKind::Other, error))));
        let location = std::mem::take(&mut self.location);
        Some(match content {
            Ok(content) => Source::new(location, content),
            Err(error) => Source::failed(location, error),
        })
    }
}

/// One of the objects in flight.
struct Counted;

impl Counted {
    fn new() -> Counted {
        COMING.fetch_add(1, Ordering::Relaxed);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COMING.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.fetched.abort();
    }
}

fn cannot(error: impl Into<io::Error>) -> Error {
    Error::io("cannot read", error.into())
}

/// The bytes of an object, taken from the semaphore before they are read.
async fn fetch(
    remote: Remote,
    options: &InputOptions,
    semaphore: &Arc<Semaphore>,
    number: u64,
) -> Result<Content> {
    let limits = &options.limits;
    let whole = remote.get().await.map_err(cannot)?;
    // An object of unknown length may be as long as the limit.
    let most = whole.length.unwrap_or(limits.max_file_bytes);
    limits.check_file_bytes(most)?;
    let permit = poll_fn(|context| semaphore.poll_take(number, most, context)).await;
    let bytes = remote.in_time(all_of(&remote, whole, most, semaphore)).await.map_err(cannot)?;
    limits.check_file_bytes(bytes.len() as u64)?;
    Ok(Content::Bytes(bytes, permit))
}

async fn all_of(remote: &Remote, whole: Whole, most: u64, semaphore: &Semaphore) -> Result<Vec<u8>, Trouble> {
    let version = whole.version.clone();
    let (bytes, may_begin_again) = match whole.length {
        Some(length) if length > 2 * PART && version.tells() => {
            drop(whole);
            (in_parts(remote, length, &version).await, Kind::NoParts)
        }
        Some(length) => {
            (resumed(remote, whole, length, semaphore.buffer(length as usize)).await, Kind::NoParts)
        }
        // Without a length nobody knows whether the end of the body is the end of the object.
        None => (up_to(whole.body, most).await, Kind::Passing),
    };
    match bytes {
        Err(trouble) if trouble.kind == may_begin_again => from_the_start(remote, most).await,
        bytes => bytes,
    }
}

/// One body; if it breaks off, the rest is requested as a range.
async fn resumed(
    remote: &Remote,
    mut whole: Whole,
    length: u64,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, Trouble> {
    match append(&mut whole.body, &mut bytes, length as usize).await {
        Err(trouble) if trouble.kind == Kind::Lasting => return Err(trouble),
        // Why it broke off does not matter where it can be resumed.
        _ => {}
    }
    let have = bytes.len() as u64;
    if have < length {
        bytes.extend_from_slice(&remote.range(have..length, &whole.version).await?);
    }
    Ok(bytes)
}

/// The whole body in one request, retried from the start.
async fn from_the_start(remote: &Remote, most: u64) -> Result<Vec<u8>, Trouble> {
    for attempt in 0.. {
        pause(attempt).await;
        let whole = remote.get().await?;
        let length = whole.length;
        let broken = match up_to(whole.body, most).await {
            Ok(bytes) if length.is_none_or(|length| length <= bytes.len() as u64) => return Ok(bytes),
            Ok(_) => Trouble::broke_off(),
            Err(trouble) => trouble,
        };
        if attempt >= broken.kind.retries() {
            return Err(broken);
        }
    }
    Err(Trouble::broke_off())
}

/// One body of any length, but not more than a byte over `most`.
async fn up_to(mut body: Body, most: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.try_next().await? {
        let left = (most + 1).saturating_sub(bytes.len() as u64);
        bytes.extend_from_slice(&piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))]);
        if bytes.len() as u64 > most {
            break;
        }
    }
    Ok(bytes)
}

async fn in_parts(remote: &Remote, length: u64, version: &Version) -> Result<Vec<u8>, Trouble> {
    let starts = (0..length).step_by(PART as usize);
    let parts = starts.map(|start| remote.range(start..length.min(start + PART), version));
    let mut parts = stream::iter(parts).buffered(PARTS);
    let mut bytes = Vec::with_capacity(length as usize);
    while let Some(part) = parts.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::pipeline::source::{Item, ItemKind, ReadAhead, open};

    /// A server that answers every request with the path that was asked for.
    fn serve() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut connection in listener.incoming().map_while(std::result::Result::ok) {
                thread::spawn(move || {
                    let mut lines =
                        BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                    while let Some(first) = lines.next() {
                        let _ = lines.by_ref().find(String::is_empty);
                        let path = first.split(' ').nth(1).unwrap_or_default();
                        let length = path.len();
                        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{path}");
                        let _ = connection.write_all(answer.as_bytes());
                    }
                });
            }
        });
        address
    }

    /// On many CPUs tasks begin in any order. Late ones held all turns while they waited for the bytes that only the first one would have given
    /// back, which waited for a turn.
    #[test]
    fn late_objects_do_not_starve_the_one_that_is_due() {
        let address = serve();
        let item = move |number| {
            let location = format!("http://{address}/{number:05}").into();
            Item { location, source: OsStr::new("list.csv").into(), kind: ItemKind::Picture, version: None }
        };
        let read_ahead = ReadAhead { fetches: 4, bytes: 6 };
        let options = InputOptions { read_ahead, ..InputOptions::default() };
        let (sender, keys) = mpsc::channel();
        thread::spawn(move || {
            for source in open((0..1_000).map(item), &options) {
                sender.send((source.key().to_os_string(), source)).unwrap();
            }
        });
        for number in 0..1_000 {
            let (key, source) =
                keys.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{number}"));
            assert_eq!(key, item(number).location);
            let Content::Bytes(bytes, _) = source.content else { panic!("{:?}", source.content) };
            assert_eq!(bytes, format!("/{number:05}").into_bytes());
        }
        assert!(keys.recv_timeout(Duration::from_secs(30)).is_err());
    }
}
