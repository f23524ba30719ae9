//! Objects whole: one request, or several parts at once where they are large.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::{self, Body, RETRIES, Remote, Version};
use super::{COMING, failed, runtime};
use crate::error::{Error, Result};
use crate::pipeline::source::ahead::Shelf;
use crate::pipeline::source::{Content, InputOptions, Source};

/// Length of a part, and how many are fetched at once.
const PART: u64 = 8 << 20;
const PARTS: usize = 4;

/// Fetches objects, [`ReadAhead::fetches`](crate::pipeline::ReadAhead::fetches) at a time, in the order in which it is told of them.
pub(in crate::pipeline::source) struct Fetcher {
    shelf: Arc<Shelf>,
    options: Arc<InputOptions>,
    turns: Arc<Semaphore>,
}

/// An object on its way; given up when it is dropped.
pub(in crate::pipeline::source) struct Coming {
    location: OsString,
    fetched: JoinHandle<Result<Content>>,
}

impl Fetcher {
    pub(in crate::pipeline::source) fn new(shelf: &Arc<Shelf>, options: &Arc<InputOptions>) -> Fetcher {
        let turns = Arc::new(Semaphore::new(options.read_ahead.fetches.max(1)));
        Fetcher { shelf: shelf.clone(), options: options.clone(), turns }
    }

    /// Begins to fetch the object at `location`, the item of this number; a source that fails where it cannot even be begun.
    pub(in crate::pipeline::source) fn fetch(
        &self,
        location: OsString,
        number: u64,
    ) -> Result<Coming, Source> {
        let url = location.to_str().unwrap_or_default();
        let begun = Remote::new(url).and_then(|remote| Ok((remote, runtime()?)));
        let (remote, runtime) = match begun {
            Ok(begun) => begun,
            Err(error) => return Err(Source::failed(location, cannot(error))),
        };
        let (shelf, options, turns) = (self.shelf.clone(), self.options.clone(), self.turns.clone());
        let fetched = runtime.spawn(async move {
            let _turn = turns.acquire().await;
            let _counted = Counted::new();
            fetch(remote, &options, &shelf, number).await
        });
        Ok(Coming { location, fetched })
    }
}

impl Coming {
    /// The object as a source, once; `None` where it is not there after `patience`.
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

/// One of the objects that are on their way.
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

fn cannot(error: io::Error) -> Error {
    Error::io("cannot read", error)
}

/// The bytes of an object, taken from the shelf before they are read.
async fn fetch(remote: Remote, options: &InputOptions, shelf: &Arc<Shelf>, number: u64) -> Result<Content> {
    let limits = &options.limits;
    let body = remote.get().await.map_err(cannot)?;
    // Of unknown length it may be as long as the limit.
    let most = body.length.unwrap_or(limits.max_file_bytes);
    limits.check_file_bytes(most)?;
    let lease = poll_fn(|context| shelf.poll_take(number, most, context)).await;
    let bytes = match body.length {
        Some(length) if length > 2 * PART => {
            let version = body.version.clone();
            drop(body);
            in_parts(&remote, length, version).await
        }
        Some(length) => whole(&remote, body, length, shelf.buffer(length as usize)).await,
        None => up_to(body, most).await,
    };
    let bytes = match bytes {
        Err(error) if can_begin_again(&error) => from_the_start(&remote, most).await.map_err(cannot)?,
        bytes => bytes.map_err(cannot)?,
    };
    limits.check_file_bytes(bytes.len() as u64)?;
    Ok(Content::Bytes(bytes, lease))
}

/// One body; what it lacks is asked for again.
async fn whole(remote: &Remote, mut body: Body, length: u64, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    // Why it broke off does not matter where it can be gone on with.
    let _ = client::append(&mut body.bytes, &mut bytes).await;
    let have = bytes.len() as u64;
    if have < length {
        bytes.extend_from_slice(&remote.range(have..length, body.version.as_ref()).await?);
    }
    Ok(bytes)
}

/// Whether a body that broke off may come whole another time: its server gives no parts, or does not say how long it is.
fn can_begin_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::UnexpectedEof)
}

/// The whole body at one go, asked for until it comes.
async fn from_the_start(remote: &Remote, most: u64) -> io::Result<Vec<u8>> {
    let mut attempt = 0;
    loop {
        client::pause(attempt).await;
        let body = remote.get().await?;
        let length = body.length;
        match up_to(body, most).await {
            Ok(bytes) if length.is_none_or(|length| length == bytes.len() as u64) => return Ok(bytes),
            Err(error) if attempt == RETRIES => return Err(error),
            Ok(_) if attempt == RETRIES => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => attempt += 1,
        }
    }
}

/// One body of any length, but not much more than `most`.
async fn up_to(mut body: Body, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let broke_off = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
    while let Some(piece) = body.bytes.try_next().await.map_err(broke_off)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > most {
            break;
        }
    }
    Ok(bytes)
}

async fn in_parts(remote: &Remote, length: u64, version: Option<Version>) -> io::Result<Vec<u8>> {
    let starts = (0..length).step_by(PART as usize);
    let parts = starts.map(|start| {
        let version = version.as_ref();
        async move { remote.range(start..length.min(start + PART), version).await }
    });
    let mut parts = stream::iter(parts).buffered(PARTS);
    let mut bytes = Vec::with_capacity(length as usize);
    while let Some(part) = parts.try_next().await? {
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}
