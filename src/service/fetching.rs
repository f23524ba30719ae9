//! Pictures at addresses that callers name: fetched within bounds of time, number and memory.

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::permits::{Permit, Permits, make_room};
use super::problem::{Answer, Problem};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::pipeline::{ComingPicture, FetchOptions, PictureFetcher};

/// Addresses of one request that are fetched at once.
pub(crate) const AT_ONCE: usize = 8;

/// Addresses of all requests that are fetched at once: each takes a connection, and a thread while its name is looked up.
const ALL_AT_ONCE: usize = 64;

/// Bytes of a picture that are read before it takes the permit for its whole length.
const BEGINS: u64 = 256 << 10;

/// How long a fetched picture waits for its bytes. Those of one request wait for each other, so it is longer than for a body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches for all requests.
#[derive(Debug)]
pub(crate) struct Fetching {
    fetcher: PictureFetcher,
    turns: Semaphore,
    /// For the first bytes of each picture, and for pictures as a whole.
    first: Permits,
    whole: Permits,
    /// How many bytes are the first ones.
    begins: u64,
    limits: Limits,
    time: Duration,
}

/// A picture that was fetched, and the right to hold it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) bytes: Bytes,
    pub(crate) permit: Permit,
}

impl Fetching {
    /// `None` where nothing is fetched. All pictures together take no more than so many bytes, and each keeps to `limits`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] without the feature `store`.
    pub(crate) fn new(options: &FetchOptions, bytes: u64, limits: &Limits) -> Result<Option<Fetching>> {
        if !options.is_on() {
            return Ok(None);
        }
        let (fetcher, turns) = (PictureFetcher::new(options)?, Semaphore::new(ALL_AT_ONCE));
        let begins = (bytes / 2 / ALL_AT_ONCE as u64).clamp(1 << 10, BEGINS);
        let first = begins * ALL_AT_ONCE as u64;
        let (first, whole) = (Permits::new(first), Permits::new(bytes.saturating_sub(first)));
        let (limits, time) = (limits.clone(), options.time);
        Ok(Some(Fetching { fetcher, turns, first, whole, begins, limits, time }))
    }

    /// Bytes that are lent now.
    pub(crate) fn taken(&self) -> u64 {
        self.first.taken() + self.whole.taken()
    }

    /// The picture at an address, or what is wrong with that; a lack of memory is the service's own.
    pub(crate) async fn fetch(&self, url: &str) -> Answer<Result<Fetched>> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let begun = Instant::now();
        let mut coming = match self.in_time(self.time, self.fetcher.open(url)).await {
            Ok(coming) => coming,
            Err(error) => return Ok(Err(error)),
        };
        let mut left = self.time.saturating_sub(begun.elapsed());
        // A picture of unknown length may be as long as the limit.
        let length = coming.length().unwrap_or(self.limits.max_file_bytes);
        if let Err(error) = self.limits.check_file_bytes(length) {
            return Ok(Err(error));
        }
        // Nobody waits for others while it holds a part of a picture, except for the first bytes: a server that sends nothing keeps no other picture out.
        let mut all = BytesMut::new();
        let mut permit = self.first.take_within(self.begins.min(length), PATIENCE).await?;
        for most in [self.begins.min(length), length] {
            if most > self.begins {
                permit = self.whole.take_within(length, PATIENCE).await?;
            }
            let begun = Instant::now();
            match self.in_time(left, collect(&mut coming, &mut all, most)).await {
                Ok(()) => left = left.saturating_sub(begun.elapsed()),
                Err(error) => return Ok(Err(error)),
            }
            if all.len() as u64 <= most {
                break;
            }
        }
        permit.shrink(all.len() as u64);
        let bytes = all.freeze();
        Ok(self.limits.check_file_bytes(bytes.len() as u64).map(|()| Fetched { bytes, permit }))
    }

    /// The only picture of a request, at an address. What is wrong with it is the answer.
    pub(crate) async fn only(&self, url: &str) -> Answer<Fetched> {
        self.fetch(url).await?.map_err(|error| match error {
            Error::Input(_) | Error::NoPicture(_) => Problem::input(error.to_string()),
            Error::Limit { .. } => Problem::limit(error.to_string()),
            _ => Problem::new(StatusCode::BAD_GATEWAY, "fetch", error.to_string()),
        })
    }

    async fn in_time<T>(&self, left: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = || {
            let seconds = self.time.as_secs_f32();
            std::io::Error::new(std::io::ErrorKind::TimedOut, format!("it was not there within {seconds} s"))
        };
        timeout(left, work).await.unwrap_or_else(|_| Err(Error::io("cannot read", late())))
    }
}

/// Reads on to the end, or until there are more than so many bytes.
async fn collect(coming: &mut ComingPicture, all: &mut BytesMut, most: u64) -> Result<()> {
    while all.len() as u64 <= most {
        let Some(part) = coming.next().await? else { break };
        make_room(all, (all.len() + part.len()) as u64, coming.length().unwrap_or(0));
        all.extend_from_slice(&part);
    }
    Ok(())
}

/// Whether the query of a request has an address that is to be fetched.
pub(crate) fn is_asked(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "url")
}
