//! One client a bucket or host, with credentials and endpoints from the usual environment variables.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use reqwest::{Method, StatusCode, header};

use super::failed;

/// How often one request, or one body that breaks off, is tried again.
pub(super) const RETRIES: usize = 10;

/// How long a request with its body may take; they are of bounded size.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first pause before another attempt; each is twice as long, up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An object by its URL.
#[derive(Debug, Clone)]
pub(super) enum Remote {
    Stored { store: Arc<dyn ObjectStore>, path: Path },
    Web { client: reqwest::Client, url: String },
}

/// An object's bytes as they come, and how many there will be.
pub(super) struct Body {
    pub(super) length: Option<u64>,
    pub(super) bytes: BoxStream<'static, io::Result<Bytes>>,
}

impl Remote {
    pub(super) fn new(url: &str) -> io::Result<Remote> {
        if !super::lists(url) {
            return Ok(Remote::Web { client: web()?, url: url.to_string() });
        }
        let (base, key) = split(url);
        let path = Path::parse(key).map_err(|error| failed(io::ErrorKind::InvalidInput, error))?;
        Ok(Remote::Stored { store: store(base)?, path })
    }

    pub(super) async fn length(&self) -> io::Result<u64> {
        match self {
            Remote::Stored { store, path } => Ok(store.head(path).await.map_err(told)?.size),
            Remote::Web { client, url } => {
                let answer = ask(client, Method::HEAD, url, None).await?;
                let length = answer.headers().get(header::CONTENT_LENGTH);
                let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
                length.ok_or_else(|| {
                    failed(io::ErrorKind::Unsupported, "the server does not say how long it is")
                })
            }
        }
    }

    /// The whole object.
    pub(super) async fn get(&self) -> io::Result<Body> {
        match self {
            Remote::Stored { store, path } => {
                let got = store.get(path).await.map_err(told)?;
                Ok(Body { length: Some(got.meta.size), bytes: got.into_stream().map_err(told).boxed() })
            }
            Remote::Web { client, url } => {
                let answer = ask(client, Method::GET, url, None).await?;
                Ok(Body { length: answer.content_length(), bytes: web_bytes(answer) })
            }
        }
    }

    /// A part of it, all of it.
    pub(super) async fn range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let length = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(length);
        let mut attempts = 0;
        loop {
            let rest = range.start + bytes.len() as u64..range.end;
            let mut broken = match self.open_range(rest).await {
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

    async fn open_range(&self, range: Range<u64>) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        match self {
            Remote::Stored { store, path } => {
                let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
                let got = store.get_opts(path, options).await.map_err(told)?;
                Ok(got.into_stream().map_err(told).boxed())
            }
            Remote::Web { client, url } => {
                let answer = ask(client, Method::GET, url, Some(range)).await?;
                if answer.status() != StatusCode::PARTIAL_CONTENT {
                    return Err(failed(io::ErrorKind::Unsupported, "the server gives no parts of files"));
                }
                Ok(web_bytes(answer))
            }
        }
    }
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
    let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: Duration::from_secs(120) };
    Ok(if base.starts_with("gs://") {
        let builder = GoogleCloudStorageBuilder::from_env().with_url(base).with_retry(retry);
        Arc::new(builder.build()?)
    } else if base.starts_with("az") || base.starts_with("abfs") {
        Arc::new(MicrosoftAzureBuilder::from_env().with_url(base).with_retry(retry).build()?)
    } else {
        let allow_http =
            std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        let client = ClientOptions::new()
            .with_timeout(PATIENCE)
            .with_pool_max_idle_per_host(512)
            .with_allow_http(allow_http);
        let builder = AmazonS3Builder::from_env().with_client_options(client);
        Arc::new(builder.with_url(base).with_retry(retry).build()?)
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
    method: Method,
    url: &str,
    range: Option<Range<u64>>,
) -> io::Result<reqwest::Response> {
    for attempt in 0.. {
        let mut request = client.request(method.clone(), url);
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
        if !passing || attempt == RETRIES || error.is_builder() {
            let kind = match error.status() {
                Some(StatusCode::NOT_FOUND | StatusCode::GONE) => io::ErrorKind::NotFound,
                _ => io::ErrorKind::Other,
            };
            return Err(failed(kind, error));
        }
        pause(attempt).await;
    }
    Err(io::ErrorKind::TimedOut.into())
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
        _ => io::ErrorKind::Other,
    };
    failed(kind, error)
}
