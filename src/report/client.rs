//! The CyberTipline over HTTPS.
//!
//! Each call has a connection of its own and is sent once: no redirect, no proxy, no second attempt by the library. Nothing of a body is in an error.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Body, Client as Connections, RequestBuilder, Response, StatusCode, Url};
use tokio::runtime::Runtime;

use super::options::Login;
use super::transport::{Answer, Call, Failure, Transport};
use crate::error::{Error, Result};
use crate::pipeline::Stop;

pub(crate) mod address;
mod answer;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long nothing may happen: no piece is taken, or no answer comes once everything was.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest upload. After that the report would be about to expire.
const LONGEST: Duration = Duration::from_secs(20 * 3600);

/// Bytes of an answer.
const LARGEST: usize = 1 << 20;

/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// Who asks.
const AGENT: &str = concat!("shadegrid/", env!("CARGO_PKG_VERSION"));

/// What ends a part of a form. It is in no file that anybody made by chance: 128 random bits, drawn anew for each.
struct Boundary(String);

/// A client of one host.
pub(crate) struct Client {
    runtime: Runtime,
    connections: Connections,
    base: Url,
    login: Login,
    stop: Stop,
}

impl Client {
    /// A client of this address, whose credentials are sent nowhere else. Calls are given up where a stop is requested.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where TLS or a runtime cannot be set up.
    pub(crate) fn new(base: Url, login: Login, stop: Stop) -> Result<Client> {
        // Whoever chose before us has chosen well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cannot = |what: &'static str| move |_| Error::io("cannot ask NCMEC", std::io::Error::other(what));
        let builder =
            Connections::builder().user_agent(AGENT).redirect(Policy::none()).no_proxy().referer(false);
        let builder = builder.retry(reqwest::retry::never()).pool_max_idle_per_host(0);
        let connections = builder.connect_timeout(CONNECT).timeout(LONGEST).build();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Client {
            runtime: runtime.map_err(|error| Error::io("cannot start a runtime", error))?,
            connections: connections.map_err(cannot("TLS cannot be set up"))?,
            base,
            login,
            stop,
        })
    }

    /// A request without a body.
    fn request(&self, call: &Call) -> RequestBuilder {
        let mut url = self.base.clone();
        let path = format!("{}/{}", url.path().trim_end_matches('/'), call.name());
        url.set_path(&path);
        let request = match call {
            Call::Status => self.connections.get(url),
            _ => self.connections.post(url),
        };
        request.basic_auth(self.login.user(), Some(self.login.password()))
    }

    fn with_body(&self, call: Call, pulse: &Pulse) -> Result<RequestBuilder> {
        let request = self.request(&call);
        let xml = |request: RequestBuilder, text| {
            request.header(CONTENT_TYPE, "text/xml; charset=utf-8").body::<String>(text)
        };
        Ok(match call {
            Call::Status => request,
            Call::Submit(text) | Call::FileInfo { details: text, .. } => xml(request, text),
            Call::Finish(report) | Call::Retract(report) => {
                let form = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                form.body(format!("id={report}"))
            }
            Call::Upload { report, content, bytes } => {
                let boundary = Boundary::new()?;
                let (head, tail) = (boundary.head(report), boundary.tail());
                let length = head.len() as u64 + bytes + tail.len() as u64;
                request
                    .header(CONTENT_TYPE, format!("multipart/form-data; boundary={}", boundary.0))
                    .header(CONTENT_LENGTH, length)
                    .body(streamed(head, content, tail, pulse.clone()))
            }
        })
    }
}

impl Boundary {
    fn new() -> Result<Boundary> {
        crate::random::hexadecimal::<16>().map(Boundary)
    }

    /// What stands before the file. Its own name is none of this request's: the details have it.
    fn head(&self, report: u64) -> Vec<u8> {
        let boundary = &self.0;
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n{report}\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes()
    }

    fn tail(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.0).into_bytes()
    }
}

/// A body that is read as it is sent. The runtime has nothing else to do meanwhile.
fn streamed(head: Vec<u8>, content: Box<dyn Read + Send>, tail: Vec<u8>, pulse: Pulse) -> Body {
    let whole = std::io::Cursor::new(head).chain(content).chain(std::io::Cursor::new(tail));
    let pieces = stream::unfold((Some(whole), pulse), |(source, pulse)| async move {
        let mut source = source?;
        pulse.beat();
        let mut piece = vec![0; PIECE];
        match source.read(&mut piece) {
            Ok(0) => None,
            Ok(length) => {
                piece.truncate(length);
                Some((Ok(Bytes::from(piece)), (Some(source), pulse)))
            }
            Err(error) => Some((Err(error), (None, pulse))),
        }
    });
    Body::wrap_stream(pieces)
}

/// When something happened last.
#[derive(Clone)]
struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    fn new() -> Pulse {
        Pulse(Arc::new(Mutex::new(Instant::now())))
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends once nothing has happened for too long.
    async fn stops(&self) {
        loop {
            let quiet = self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            match PATIENCE.checked_sub(quiet).filter(|left| !left.is_zero()) {
                Some(left) => tokio::time::sleep(left).await,
                None => return,
            }
        }
    }
}

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

async fn requested(stop: &Stop) {
    while !stop.requested() {
        tokio::time::sleep(LOOK).await;
    }
}

impl Transport for Client {
    fn call(&mut self, call: Call) -> Result<Answer, Failure> {
        let pulse = Pulse::new();
        let request = self.with_body(call, &pulse).map_err(Failure::Here)?;
        self.runtime.block_on(async {
            tokio::select! {
                answer = exchanged(request) => answer,
                () = pulse.stops() => Err(silent("it does not answer in time")),
                () = requested(&self.stop) => Err(silent("the process that asks ends")),
            }
        })
    }
}

/// Sends a request, and reads its answer.
async fn exchanged(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(|error| doubt(&error))?;
    let (status, head) = (response.status(), Head::of(response.headers()));
    let body = body(&mut response).await;
    let answer = body.and_then(|body| answer::read(&body).ok_or("its answer makes no sense"));
    match answer {
        Ok(answer) if status.is_success() || answer.code != 0 => {
            Ok(Answer { status: status.as_u16(), request_id: head.request_id, ..answer })
        }
        _ if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Failure::Credentials { status: status.as_u16(), request_id: head.request_id })
        }
        answer => Err(Failure::Doubt {
            why: answer.err().filter(|_| status.is_success()).unwrap_or("it is in trouble").into(),
            status: Some(status.as_u16()),
            request_id: head.request_id,
            after: head.after,
        }),
    }
}

/// What matters of an answer's head.
struct Head {
    request_id: Option<String>,
    after: Option<Duration>,
}

impl Head {
    fn of(headers: &HeaderMap) -> Head {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Head {
            request_id: text("Request-ID").map(|id| id.chars().take(128).collect()),
            after: text(RETRY_AFTER.as_str())
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        }
    }
}

async fn body(response: &mut Response) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(|_| "the connection broke within its answer")? {
        if body.len() + bytes.len() > LARGEST {
            return Err("its answer exceeds 1 MiB");
        }
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}

fn doubt(error: &reqwest::Error) -> Failure {
    silent(match error {
        error if error.is_connect() => "no connection can be made",
        error if error.is_timeout() => "it does not answer in time",
        _ => "the connection broke",
    })
}

fn silent(why: &str) -> Failure {
    Failure::Doubt { why: why.into(), status: None, request_id: None, after: None }
}
