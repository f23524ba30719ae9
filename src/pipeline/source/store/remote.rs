//! An object by its URL: its length, all of it, or a range.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use object_store::{GetOptions, GetRange};
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use tokio::time::timeout;

use super::address::Trust;
use super::library::{Library, outgoing};
use super::mounted::Mounted;
use super::trouble::{Kind, Trouble};
use super::version::{self, Version};
use super::wire::{self, Answer, Outgoing, Wire, append, pause};
use super::{exact, failed};
use crate::pipeline::source::network::Network;

/// An object by its URL.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    origin: Origin,
    trust: Trust,
    patience: Duration,
}

#[derive(Debug, Clone)]
enum Origin {
    Stored { library: Arc<Library>, key: Arc<str> },
    Web { wire: Arc<Wire>, url: Url },
    Mounted(Mounted),
}

/// An object's bytes as they come, how many there will be, and which version they belong to.
pub(super) struct Whole {
    pub(super) length: Option<u64>,
    pub(super) version: Version,
    pub(super) body: wire::Body,
}

/// How long a range or a picture may take in all, as a multiple of the patience.
const IN_ALL: u32 = 20;

impl Remote {
    pub(super) fn new(url: &str, network: &Network) -> io::Result<Remote> {
        let patience = network.patience;
        if let Some(mounted) = Mounted::of(url, network) {
            return Ok(Remote { origin: Origin::Mounted(mounted), trust: Trust::default(), patience });
        }
        if super::lists(url, &network.mounts) {
            let (base, key) = split(url);
            let origin = Origin::Stored { library: Library::of(base, network)?, key: key.into() };
            return Ok(Remote { origin, trust: Trust::in_stores(network), patience });
        }
        let url = Url::parse(url).map_err(|error| failed(io::ErrorKind::InvalidInput, error))?;
        let origin = Origin::Web { wire: super::web(patience), url };
        Ok(Remote { origin, trust: Trust::in_the_web(network), patience })
    }

    /// How long it is, and its version.
    pub(super) async fn length(&self) -> Result<(u64, Version), Trouble> {
        match &self.origin {
            Origin::Stored { .. } => {
                let answer = self.ask(Method::HEAD, None, None).await?;
                // Azure's hierarchical accounts have real folders.
                let kind = answer.header(header::HeaderName::from_static("x-ms-resource-type"));
                if kind.is_some_and(|kind| kind != "file") {
                    return Err(Trouble::new(Kind::NotFound, "it is a folder"));
                }
                let length = answer.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
                let length = length.ok_or_else(Trouble::without_parts)?;
                Ok((length, Version::of(&answer, Some(length))))
            }
            // Not every web server answers HEAD with a length; a range request shows it, and whether ranges work.
            Origin::Web { .. } => {
                let answer = self.ask(Method::GET, Some(0..1), None).await?;
                let version = version::of_part(&answer, 0, 1)?;
                Ok((version.length().ok_or_else(Trouble::without_parts)?, version))
            }
            Origin::Mounted(mounted) => mounted.length().await,
        }
    }

    /// The whole object.
    pub(super) async fn get(&self) -> Result<Whole, Trouble> {
        if let Origin::Mounted(mounted) = &self.origin {
            let (length, version, body) = mounted.get(GetOptions::default()).await?;
            return Ok(Whole { length: Some(length), version, body });
        }
        let answer = self.ask(Method::GET, None, None).await?;
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            return Err(Trouble::lasting("the server gives a part of it where all was asked for"));
        }
        let length = answer.length();
        Ok(Whole { length, version: Version::of(&answer, length), body: answer.body() })
    }

    /// A whole range of this version.
    pub(super) async fn range(&self, range: Range<u64>, version: &Version) -> Result<Vec<u8>, Trouble> {
        if !version.tells() {
            return Err(Trouble::without_parts());
        }
        self.in_time(self.whole_range(range, version)).await
    }

    async fn whole_range(&self, range: Range<u64>, version: &Version) -> Result<Vec<u8>, Trouble> {
        let length = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(length);
        for attempt in 0.. {
            let rest = range.start + bytes.len() as u64..range.end;
            let mut body = self.open_range(rest, version).await?;
            let came = append(&mut body, &mut bytes, length).await;
            let broken = came.err().or_else(|| (bytes.len() < length).then(Trouble::broke_off));
            match broken {
                None => return Ok(bytes),
                Some(trouble) if attempt >= trouble.kind.retries() => return Err(trouble),
                Some(_) => pause(attempt).await,
            }
        }
        Err(Trouble::broke_off())
    }

    async fn open_range(&self, range: Range<u64>, version: &Version) -> Result<wire::Body, Trouble> {
        if let Origin::Mounted(mounted) = &self.origin {
            let if_match = version.strong_tag().map(str::to_string);
            let options = GetOptions { range: Some(range.into()), if_match, ..GetOptions::default() };
            let (_, now, body) = mounted.get(options).await?;
            return if now == *version { Ok(body) } else { Err(Trouble::changed()) };
        }
        let answer = self.ask(Method::GET, Some(range.clone()), version.strong_tag()).await?;
        if version::of_part(&answer, range.start, range.end - range.start)? != *version {
            return Err(Trouble::changed());
        }
        Ok(answer.body())
    }

    /// Does work that waits for a server, within a bound of time.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let in_all = self.patience * IN_ALL;
        let late =
            |_| Trouble::lasting(format!("the server took longer than {} s for it", in_all.as_secs_f32()));
        timeout(in_all, work).await.map_err(late)?
    }

    async fn ask(
        &self,
        method: Method,
        range: Option<Range<u64>>,
        if_match: Option<&str>,
    ) -> Result<Answer, Trouble> {
        match &self.origin {
            Origin::Stored { library, key } => {
                let head = method == Method::HEAD;
                wire::ask(&self.trust, || signed(library, key, head, range.clone(), if_match)).await
            }
            Origin::Mounted(_) => Err(Trouble::lasting("a mounted store is asked by its own calls")),
            Origin::Web { wire, url } => {
                let make = || std::future::ready(on_the_web(wire, method.clone(), url, range.as_ref()));
                wire::ask(&self.trust, make).await
            }
        }
    }
}

/// A request to a store, for just this key.
async fn signed(
    library: &Library,
    key: &str,
    head: bool,
    range: Option<Range<u64>>,
    if_match: Option<&str>,
) -> Result<Outgoing, Trouble> {
    let (range, if_match) = (range.map(GetRange::Bounded), if_match.map(str::to_string));
    let options = GetOptions { range, if_match, head, ..GetOptions::default() };
    outgoing(match exact::path_of(key) {
        Some(path) => library.object(&path, options).await?,
        None => exact::for_key(library.object(&exact::stand_in(), options).await?, library, key).await?,
    })
}

fn on_the_web(
    wire: &Arc<Wire>,
    method: Method,
    url: &Url,
    range: Option<&Range<u64>>,
) -> Result<Outgoing, Trouble> {
    let mut request = Request::new(method, url.clone());
    if let Some(range) = range {
        let range = HeaderValue::from_str(&format!("bytes={}-{}", range.start, range.end - 1));
        request.headers_mut().extend(range.ok().map(|range| (header::RANGE, range)));
    }
    Ok((request, wire.clone()))
}

/// Parts `scheme://bucket/key` before the key.
pub(super) fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    match url[start..].find('/') {
        Some(slash) => (&url[..start + slash], &url[start + slash + 1..]),
        None => (url, ""),
    }
}
