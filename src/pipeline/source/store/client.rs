//! One client a bucket or host, with credentials and endpoints from the usual environment variables.

use std::collections::HashMap;
use std::io;
use std::iter;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientConfigKey, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use reqwest::{StatusCode, header};

use super::failed;

/// How often one request, or one body that breaks off, is tried again.
pub(super) const RETRIES: usize = 10;

/// How long a request with its body may take; they are of bounded size.
const PATIENCE: Duration = Duration::from_secs(60);

/// After how long nothing is tried again.
const LONGEST: Duration = Duration::from_secs(120);

/// The first pause before another attempt; each is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An object by its URL.
#[derive(Debug, Clone)]
pub(super) enum Remote {
    Stored { store: Arc<dyn ObjectStore>, path: Path },
    Web { client: reqwest::Client, url: String },
}

/// An object's bytes as they come, how many there will be, and of which version of it they are.
pub(super) struct Body {
    pub(super) length: Option<u64>,
    pub(super) version: Option<Version>,
    pub(super) bytes: BoxStream<'static, io::Result<Bytes>>,
}

/// What changes when an object's content does: its entity tag (RFC 9110, 8.8.3).
pub(super) type Version = Arc<str>;

impl Remote {
    pub(super) fn new(url: &str) -> io::Result<Remote> {
        if !super::lists(url) {
            return Ok(Remote::Web { client: web()?, url: url.to_string() });
        }
        let (base, key) = split(url);
        let path = Path::parse(key).map_err(|error| failed(io::ErrorKind::InvalidInput, error))?;
        Ok(Remote::Stored { store: store(base)?, path })
    }

    /// How long it is, and its version.
    pub(super) async fn length(&self) -> io::Result<(u64, Option<Version>)> {
        match self {
            Remote::Stored { store, path } => {
                let known = store.head(path).await.map_err(told)?;
                Ok((known.size, known.e_tag.map(Version::from)))
            }
            Remote::Web { client, url } => {
                // Not every server that gives something says of it beforehand how long it is.
                let answer = ask(client, url, Some(0..1)).await?;
                let range = text_of(&answer, header::CONTENT_RANGE)
                    .and_then(|range| range.strip_prefix("bytes 0-0/"));
                let length = range.and_then(|length| length.parse().ok()).ok_or_else(without_parts)?;
                Ok((length, text_of(&answer, header::ETAG).map(Version::from)))
            }
        }
    }

    /// The whole object.
    pub(super) async fn get(&self) -> io::Result<Body> {
        match self {
            Remote::Stored { store, path } => {
                let got = store.get(path).await.map_err(told)?;
                let (length, version) = (Some(got.meta.size), got.meta.e_tag.clone().map(Version::from));
                Ok(Body { length, version, bytes: got.into_stream().map_err(told).boxed() })
            }
            Remote::Web { client, url } => {
                let answer = ask(client, url, None).await?;
                let (length, version) = (answer.content_length(), text_of(&answer, header::ETAG));
                Ok(Body { length, version: version.map(Version::from), bytes: web_bytes(answer) })
            }
        }
    }

    /// A part of it, all of it, of this version.
    pub(super) async fn range(&self, range: Range<u64>, version: Option<&Version>) -> io::Result<Vec<u8>> {
        let length = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(length);
        let mut attempts = 0;
        loop {
            let rest = range.start + bytes.len() as u64..range.end;
            let mut broken = match self.open_range(rest, version).await {
                Ok(mut stream) => append(&mut stream, &mut bytes).await.err(),
                Err(error) => return Err(error),
            };
            if broken.is_none() && bytes.len() != length {
                broken = Some(io::ErrorKind::UnexpectedEof.into());
            }
            match broken {
                None => return Ok(bytes),
                Some(error) if attempts == RETRIES || bytes.len() > length => return Err(error),
                Some(_) => pause(attempts).await,
            }
            attempts += 1;
        }
    }

    async fn open_range(
        &self,
        range: Range<u64>,
        version: Option<&Version>,
    ) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        match self {
            Remote::Stored { store, path } => {
                let (range, if_match) = (Some(GetRange::Bounded(range)), version.map(ToString::to_string));
                let options = GetOptions { range, if_match, ..GetOptions::default() };
                let got = store.get_opts(path, options).await.map_err(told)?;
                Ok(got.into_stream().map_err(told).boxed())
            }
            Remote::Web { client, url } => {
                let answer = ask(client, url, Some(range.clone())).await?;
                let begins = format!("bytes {}-", range.start);
                let is_part =
                    text_of(&answer, header::CONTENT_RANGE).is_some_and(|is| is.starts_with(&begins));
                if answer.status() != StatusCode::PARTIAL_CONTENT || !is_part {
                    return Err(without_parts());
                }
                let now = text_of(&answer, header::ETAG);
                if version.is_some_and(|version| now.is_some_and(|now| now != &**version)) {
                    return Err(failed(io::ErrorKind::Other, CHANGED));
                }
                Ok(web_bytes(answer))
            }
        }
    }
}

fn without_parts() -> io::Error {
    failed(io::ErrorKind::Unsupported, "the server gives no parts of files")
}

const CHANGED: &str = "it was changed while it was read";

fn text_of(answer: &reqwest::Response, name: header::HeaderName) -> Option<&str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Collects what comes; what came before an error stays.
pub(super) async fn append(
    from: &mut BoxStream<'static, io::Result<Bytes>>,
    to: &mut Vec<u8>,
) -> io::Result<()> {
    while let Some(bytes) = from.try_next().await? {
        to.extend_from_slice(&bytes);
    }
    Ok(())
}

pub(super) async fn pause(attempts: usize) {
    tokio::time::sleep(LONGEST_PAUSE.min(PAUSE * (1 << attempts.min(10)))).await;
}

/// Parts `scheme://bucket/key` before the key.
pub(super) fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    match url[start..].find('/') {
        Some(slash) => (&url[..start + slash], &url[start + slash + 1..]),
        None => (url, ""),
    }
}

/// The client of a bucket, the same for every object in it.
pub(super) fn store(base: &str) -> io::Result<Arc<dyn ObjectStore>> {
    static STORES: LazyLock<Mutex<HashMap<String, Arc<dyn ObjectStore>>>> = LazyLock::new(Mutex::default);
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = stores.get(base) {
        return Ok(store.clone());
    }
    let store = build(base).map_err(|error| failed(io::ErrorKind::InvalidInput, error))?;
    stores.insert(base.to_string(), store.clone());
    Ok(store)
}

fn build(base: &str) -> object_store::Result<Arc<dyn ObjectStore>> {
    provide_tls();
    let backoff = BackoffConfig { init_backoff: PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: LONGEST };
    // Over what the environment says of proxies, certificates and the like.
    let timeout = format!("{}s", PATIENCE.as_secs());
    let client = [(ClientConfigKey::Timeout, timeout.as_str()), (ClientConfigKey::PoolMaxIdlePerHost, "512")];
    Ok(if base.starts_with("gs://") {
        let builder = GoogleCloudStorageBuilder::from_env().with_url(base).with_retry(retry);
        let set = |builder: GoogleCloudStorageBuilder, (key, value)| {
            builder.with_config(GoogleConfigKey::Client(key), value)
        };
        Arc::new(client.into_iter().fold(builder, set).build()?)
    } else if base.starts_with("az") || base.starts_with("abfs") {
        let builder = MicrosoftAzureBuilder::from_env().with_url(base).with_retry(retry);
        let set = |builder: MicrosoftAzureBuilder, (key, value)| {
            builder.with_config(AzureConfigKey::Client(key), value)
        };
        Arc::new(client.into_iter().fold(builder, set).build()?)
    } else {
        let builder = AmazonS3Builder::from_env().with_url(base).with_retry(retry);
        let set = |builder: AmazonS3Builder, (key, value)| {
            builder.with_config(AmazonS3ConfigKey::Client(key), value)
        };
        Arc::new(client.into_iter().fold(builder, set).build()?)
    })
}

/// rustls asks for its cryptography to be chosen once.
fn provide_tls() {
    // Whoever chose before us has chosen well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn web() -> io::Result<reqwest::Client> {
    static CLIENT: LazyLock<reqwest::Result<reqwest::Client>> = LazyLock::new(|| {
        provide_tls();
        let agent = concat!("shadegrid/", env!("CARGO_PKG_VERSION"));
        reqwest::Client::builder().timeout(PATIENCE).user_agent(agent).build()
    });
    CLIENT.as_ref().cloned().map_err(|error| failed(io::ErrorKind::Other, error))
}

/// Asks until there is an answer that asking again would not change. A URL may hold a secret, so errors do not tell it.
async fn ask(
    client: &reqwest::Client,
    url: &str,
    range: Option<Range<u64>>,
) -> io::Result<reqwest::Response> {
    let begun = Instant::now();
    for attempt in 0.. {
        let mut request = client.get(url);
        if let Some(range) = &range {
            request = request.header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error.without_url(),
        };
        let passing = error.status().is_none_or(|status| {
            status.is_server_error()
                || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        });
        let last = attempt == RETRIES || begun.elapsed() > LONGEST;
        if !passing || last || error.is_builder() || error.is_redirect() {
            let kind = match error.status() {
                Some(StatusCode::NOT_FOUND | StatusCode::GONE) => io::ErrorKind::NotFound,
                Some(StatusCode::RANGE_NOT_SATISFIABLE) => io::ErrorKind::Unsupported,
                _ => io::ErrorKind::Other,
            };
            return Err(failed(kind, with_causes(&error)));
        }
        pause(attempt).await;
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// An error and what it came from, which the error itself does not tell.
fn with_causes(error: &reqwest::Error) -> String {
    let causes = iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn web_bytes(answer: reqwest::Response) -> BoxStream<'static, io::Result<Bytes>> {
    answer.bytes_stream().map_err(|error| failed(io::ErrorKind::Other, error.without_url())).boxed()
}

/// A store's error as the system's.
pub(super) fn told(error: object_store::Error) -> io::Error {
    let kind = match &error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        object_store::Error::Precondition { .. } => return failed(io::ErrorKind::Other, CHANGED),
        _ => io::ErrorKind::Other,
    };
    failed(kind, error)
}
