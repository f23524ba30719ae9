//! Posts one event.
//!
//! Each has a connection of its own and is sent once: no redirect, no proxy, no second attempt by the library. Of an answer the head alone is read.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client as Connections, RequestBuilder, Response, Url};
use tokio::runtime::Runtime;

use super::signature;
use crate::error::{Error, Result};
use crate::pipeline::Stop;

/// Who posts.
const AGENT: &str = concat!("shadegrid/", env!("CARGO_PKG_VERSION"));

/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What came of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Posted {
    /// It answered with 2xx.
    Taken,
    /// It did not.
    Refused { why: String, status: Option<u16>, after: Option<Duration> },
    /// A stop was requested meanwhile.
    Stopped,
}

/// What posts, for all addresses.
pub(super) struct Client {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    connections: Connections,
}

impl Client {
    /// A client whose posts take no longer than this.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where TLS or a runtime cannot be set up.
    pub(super) fn new(timeout: Duration) -> Result<Client> {
        // Whoever chose before us has chosen well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cannot = |_| Error::io("cannot post events", std::io::Error::other("TLS cannot be set up"));
        let builder =
            Connections::builder().user_agent(AGENT).redirect(Policy::none()).no_proxy().referer(false);
        let builder = builder.retry(reqwest::retry::never()).pool_max_idle_per_host(0);
        let connections = builder.connect_timeout(timeout).timeout(timeout).build().map_err(cannot)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot start a runtime", error))?;
        Ok(Client { runtime: Some(runtime), connections })
    }

    /// Posts a body with its time and signature.
    pub(super) fn post(&self, url: &Url, body: String, seconds: u64, signature: &str, stop: &Stop) -> Posted {
        let request = self.connections.post(url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").header(signature::TIME, seconds);
        let request = request.header(signature::SIGNATURE, signature).body(body);
        self.wait(async {
            tokio::select! {
                posted = exchanged(request) => posted,
                () = requested(stop) => Posted::Stopped,
            }
        })
        .unwrap_or(Posted::Stopped)
    }

    /// Does nothing for so long, or until a stop is requested.
    pub(super) fn rest(&self, pause: Duration, stop: &Stop) {
        self.wait(async {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = requested(stop) => {}
            }
        });
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.as_ref().map(|runtime| runtime.block_on(work))
    }
}

/// A name that is still being looked up is not waited for.
impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn requested(stop: &Stop) {
    while !stop.requested() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn exchanged(request: RequestBuilder) -> Posted {
    match request.send().await {
        Ok(response) if response.status().is_success() => Posted::Taken,
        Ok(response) => refused(&response),
        Err(error) => {
            let why = match error {
                error if error.is_timeout() => "it does not answer in time",
                error if error.is_connect() => "no connection can be made",
                _ => "the connection broke, or its answer makes no sense",
            };
            Posted::Refused { why: why.into(), status: None, after: None }
        }
    }
}

fn refused(response: &Response) -> Posted {
    let status = response.status();
    let hint = if status.is_redirection() { ", and redirects are not followed" } else { "" };
    let after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Posted::Refused {
        why: format!("it answered {}{hint}", status.as_u16()),
        status: Some(status.as_u16()),
        after: after.map(Duration::from_secs),
    }
}
