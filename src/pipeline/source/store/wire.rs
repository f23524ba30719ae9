//! Requests: sent with time-outs, redirected only to allowed addresses, and retried if that can help.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Request, Response, StatusCode, Url};
use tokio::time::timeout;

use super::address::{self, Resolver, Trust};
use super::pace::Paced;
use super::trouble::{Kind, Trouble};

/// After how long nothing is retried.
const LONGEST: Duration = Duration::from_secs(120);

/// The first pause before another attempt; each is twice as long, up to [`LONGEST_PAUSE`].
pub(super) const PAUSE: Duration = Duration::from_millis(50);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a server is tried to which no connection was ever made: some seconds, in which one that starts may come up.
const UNKNOWN: usize = 5;

/// Servers that are remembered.
const MOST_KNOWN: usize = 10_000;

/// Bytes of an error's body that are looked at.
const ERROR: usize = 64 << 10;

/// Headers that another host may see after a redirect: no credentials, nothing that identifies us.
const HARMLESS: [HeaderName; 4] = [header::RANGE, header::IF_MATCH, header::ACCEPT, header::ACCEPT_ENCODING];

pub(super) async fn pause(attempts: usize) {
    tokio::time::sleep(LONGEST_PAUSE.min(PAUSE * (1 << attempts.min(10)))).await;
}

/// Connections to servers, with one set of settings.
pub(super) struct Wire {
    builder: Box<dyn Fn() -> ClientBuilder + Send + Sync>,
    /// For addresses that the user named.
    direct: OnceLock<Client>,
    /// For addresses that a server named: it connects to no private one.
    guarded: OnceLock<Client>,
    /// Whether the environment's proxies connect for us.
    proxied: bool,
    patience: Duration,
    /// Servers that have answered, by scheme, host and port.
    answered: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Wire").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Wire {
    /// With clients from `builder`; a server may send almost nothing for `patience`.
    pub(super) fn new(
        builder: impl Fn() -> ClientBuilder + Send + Sync + 'static,
        patience: Duration,
    ) -> Wire {
        let (direct, guarded) = (OnceLock::new(), OnceLock::new());
        Wire {
            builder: Box::new(builder),
            direct,
            guarded,
            proxied: true,
            patience,
            answered: Mutex::default(),
        }
    }

    /// Whether a server has answered before, of which another request failed.
    fn knows(&self, origin: &str) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(origin)
    }

    /// A server has answered.
    fn learn(&self, origin: &str) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        if !answered.contains(origin) && answered.len() < MOST_KNOWN {
            answered.insert(origin.to_string());
        }
    }

    /// The same where no proxy stands between: what is looked up here is what is connected to.
    #[cfg_attr(not(feature = "service"), expect(dead_code, reason = "only a service has strangers"))]
    pub(super) fn without_proxies(self) -> Wire {
        let builder = self.builder;
        Wire { builder: Box::new(move || builder().no_proxy()), proxied: false, ..self }
    }

    fn client(&self, guarded: bool) -> Result<&Client, Trouble> {
        let client = if guarded { &self.guarded } else { &self.direct };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let builder = (self.builder)().redirect(Policy::none()).connect_timeout(CONNECT.min(self.patience));
        let made =
            builder.dns_resolver(Resolver { guarded, proxied: self.proxied }).build().map_err(Trouble::of)?;
        Ok(client.get_or_init(|| made))
    }

    /// One attempt, which follows redirects.
    pub(super) async fn once(&self, trust: &Trust, mut request: Request) -> Result<Response, Trouble> {
        let start = request.url().clone();
        for redirects in 0..=trust.redirects() {
            let again = (request.method().clone(), request.url().clone(), request.headers().clone());
            let answer = self.send(trust, &start, redirects > 0, request).await?;
            let Some(next) = led_to(&answer)? else { return self.success(trust, answer).await };
            let (method, from, mut headers) = again;
            if from.origin() != next.origin() {
                headers = harmless(&headers);
            }
            request = Request::new(method, next);
            *request.headers_mut() = headers;
        }
        Err(Trouble::lasting(format!("the server redirects more than {} times", trust.redirects())))
    }

    async fn send(
        &self,
        trust: &Trust,
        start: &Url,
        redirected: bool,
        request: Request,
    ) -> Result<Response, Trouble> {
        let elsewhere = "the server redirects to an address that is not asked";
        let refused = |why| Trouble::lasting(if redirected { elsewhere } else { why });
        trust.admit(request.url()).map_err(refused)?;
        let guarded = !trust.lets(request.url(), start, redirected);
        if let Some(address) = address::literal(request.url()).filter(|a| guarded && address::is_private(*a))
        {
            return Err(Trouble::private(address));
        }
        let sent = timeout(self.patience, self.client(guarded)?.execute(request)).await;
        sent.map_err(|_| Trouble::silent(self.patience))?.map_err(Trouble::of)
    }

    /// The answer if its status is a success.
    async fn success(&self, trust: &Trust, answer: Response) -> Result<Response, Trouble> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        if trust.by_stranger() {
            return Err(Trouble::status(status, &[]));
        }
        let mut body = Vec::new();
        // The body only adds a code to the message, so a failure to read it does not matter.
        let _ = append(&mut self.body(answer), &mut body, ERROR).await;
        Err(Trouble::status(status, &body))
    }

    /// An answer's body, which fails if it stops coming.
    pub(super) fn body(&self, answer: Response) -> Body {
        Paced::new(answer.bytes_stream().map_err(Trouble::of), self.patience).boxed()
    }
}

/// A request, and the wire to send it by.
pub(super) type Outgoing = (Request, Arc<Wire>);

/// A success.
pub(super) struct Answer {
    response: Response,
    wire: Arc<Wire>,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header that is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Bytes of the body, where the server says them.
    pub(super) fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    pub(super) fn body(self) -> Body {
        self.wire.body(self.response)
    }
}

/// Sends a request, and retries failures that may pass. Every attempt makes its request anew, since signatures expire.
pub(super) async fn ask<R>(trust: &Trust, make: impl Fn() -> R) -> Result<Answer, Trouble>
where
    R: Future<Output = Result<Outgoing, Trouble>>,
{
    let begun = Instant::now();
    for attempt in 0.. {
        let (request, wire) = make().await?;
        let origin = request.url().origin().ascii_serialization();
        let trouble = match wire.once(trust, request).await {
            Ok(response) => {
                wire.learn(&origin);
                return Ok(Answer { response, wire });
            }
            Err(trouble) => trouble,
        };
        if !matches!(trouble.kind, Kind::Unreachable | Kind::Nowhere) {
            wire.learn(&origin);
        }
        let retries = match trouble.kind {
            Kind::Unreachable if !wire.knows(&origin) => UNKNOWN,
            kind => kind.retries(),
        };
        if attempt >= retries || begun.elapsed() > LONGEST {
            return Err(trouble);
        }
        pause(attempt).await;
    }
    Err(Trouble::silent(LONGEST))
}

/// Bytes as they come.
pub(super) type Body = BoxStream<'static, Result<Bytes, Trouble>>;

/// Where a redirect leads, if it may be followed at all.
fn led_to(answer: &Response) -> Result<Option<Url>, Trouble> {
    // Other statuses of this class lead nowhere, as in browsers: 304 is an answer to a condition, and 305 named a proxy.
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = answer.headers().get(header::LOCATION).filter(|_| is_redirect);
    let Some(location) = location else { return Ok(None) };
    let next = location.to_str().ok().and_then(|location| answer.url().join(location).ok());
    let next = next.filter(|next| next.has_host() && matches!(next.scheme(), "http" | "https"));
    let next =
        next.ok_or_else(|| Trouble::lasting("the server redirects to something that is no URL of the web"))?;
    if answer.url().scheme() == "https" && next.scheme() == "http" {
        return Err(Trouble::lasting("the server redirects from https to http, which is not followed"));
    }
    Ok(Some(next))
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    headers.iter().filter(|(name, _)| HARMLESS.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// Collects a body of at most `most` bytes; what came before a failure stays in `to`.
pub(super) async fn append(body: &mut Body, to: &mut Vec<u8>, most: usize) -> Result<(), Trouble> {
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        if bytes.len() > most.saturating_sub(to.len()) {
            return Err(Trouble::lasting("the server sent more than was asked for"));
        }
        to.extend_from_slice(&bytes);
    }
    Ok(())
}
