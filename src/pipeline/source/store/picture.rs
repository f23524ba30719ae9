//! A picture at a URL that a stranger names: asked for once, from the hosts and addresses that the options let through, and given as it comes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reqwest::header::{self, HeaderValue};
use reqwest::{ClientBuilder, Method, Request, Response, StatusCode, Url};
use tokio::task::JoinHandle;

use super::address::Trust;
use super::trouble::{Kind, Trouble};
use super::wire::{Body, Wire};
use super::{AGENT, failed, provide_tls, runtime};
use crate::error::{Error, Result};
use crate::pipeline::source::fetch_options::FetchOptions;

/// Longest URL, in bytes.
const LONGEST: usize = 8 << 10;

/// Connections that are kept open for the next picture from a named host. Of any host none is: who names a thousand hosts would keep a thousand open.
const KEPT: usize = 8;

/// Fetches pictures at URLs that strangers name.
///
/// A name is looked up once, and what was looked up is what is connected to; no proxy stands between. Redirects are held against the same options.
/// Nothing is retried, since whoever asks can ask again; but where connections are kept, a server may close one just when a request goes out on it. So what
/// ends before any answer is asked for once more, on a connection of its own.
#[derive(Debug)]
pub(crate) struct PictureFetcher {
    wire: Arc<Wire>,
    /// Keeps no connections; `None` where the first keeps none either.
    fresh: Option<Arc<Wire>>,
    trust: Arc<Trust>,
}

/// A picture whose head has come. Dropping it ends the request.
pub(crate) struct ComingPicture {
    length: Option<u64>,
    body: Body,
}

impl PictureFetcher {
    /// # Errors
    ///
    /// None in this build.
    pub(crate) fn new(options: &FetchOptions) -> Result<PictureFetcher> {
        provide_tls();
        let kept = if options.any { 0 } else { KEPT };
        let wire = |kept| {
            let builder =
                move || ClientBuilder::new().user_agent(AGENT).http1_only().pool_max_idle_per_host(kept);
            // The caller's time ends before the wire's patience.
            Arc::new(Wire::new(builder, options.time.saturating_mul(2)).without_proxies())
        };
        let (wire, fresh) = (wire(kept), (kept > 0).then(|| wire(0)));
        Ok(PictureFetcher { wire, fresh, trust: Arc::new(Trust::in_strangers(options)) })
    }

    /// Asks for a picture. The request is made on the threads of the store, where a slow look-up of a name keeps nobody else waiting; it ends when this
    /// future is dropped. How long it may take is the caller's to say.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a URL that is not asked for, [`Error::Io`] for one that gave no picture. Neither names a host or an address.
    pub(crate) async fn open(&self, url: &str) -> Result<ComingPicture> {
        let url = self.checked(url)?;
        let (wire, fresh, trust) = (self.wire.clone(), self.fresh.clone(), self.trust.clone());
        let asked = async move {
            match (wire.once(&trust, request(url.clone())).await, fresh) {
                (Err(trouble), Some(fresh)) if trouble.kind == Kind::Unanswered => {
                    fresh.once(&trust, request(url)).await
                }
                (answer, _) => answer,
            }
        };
        let runtime = runtime().map_err(|error| Error::io("cannot read", error))?;
        let mut asking = Asking(runtime.spawn(asked));
        let asked = (&mut asking.0).await;
        let ended = |error| Error::io("cannot read", failed(io::ErrorKind::Other, error));
        let answer = asked.map_err(ended)?.map_err(|trouble| unread(&trouble))?;
        check(&answer).map_err(|trouble| unread(&trouble))?;
        Ok(ComingPicture { length: answer.content_length(), body: self.wire.body(answer) })
    }

    fn checked(&self, url: &str) -> Result<Url> {
        let wrong = |why: &str| Error::Input(format!("the address is not fetched: {why}"));
        if url.len() > LONGEST {
            return Err(wrong(&format!("it is longer than {LONGEST} bytes")));
        }
        let url = Url::parse(url).map_err(|_| wrong("it is no URL"))?;
        self.trust.admit(&url).map_err(wrong)?;
        Ok(url)
    }
}

impl ComingPicture {
    /// Bytes of the picture, where the server says them.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        self.body.try_next().await.map_err(|trouble| unread(&trouble))
    }
}

/// A request on other threads, which ends with whoever waits for it.
struct Asking(JoinHandle<Result<Response, Trouble>>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(url: Url) -> Request {
    let mut request = Request::new(Method::GET, url);
    // What is packed could unpack to any length.
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    request
}

/// Only a whole picture as it is will do.
fn check(answer: &Response) -> Result<(), Trouble> {
    if answer.status() != StatusCode::OK {
        return Err(Trouble::status(answer.status(), &[]));
    }
    let mut packed = answer.headers().get_all(header::CONTENT_ENCODING).iter();
    match packed.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(Trouble::lasting("the server packs its answer, which was not asked for")),
    }
}

fn unread(trouble: &Trouble) -> Error {
    Error::io("cannot read", failed(io::ErrorKind::Other, trouble.for_strangers()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_refused_before_anything_is_asked() {
        let named = ["example.org", ".cdn.example", "127.0.0.1:8000"].map(|host| host.parse().unwrap());
        let options = FetchOptions::default().hosts(named.to_vec());
        let fetcher = PictureFetcher::new(&options).unwrap();
        let plain = PictureFetcher::new(&options.clone().plain(true)).unwrap();
        let any = PictureFetcher::new(&FetchOptions::default().any(true)).unwrap();
        for url in [
            "https://example.org/a.jpg?secret",
            "https://EXAMPLE.org.:443/",
            "https://a.b.cdn.example",
            "https://0x7f.1:8000/",
            // A path, as in browsers.
            "https://example.org\\@secret.example/",
        ] {
            assert!(fetcher.checked(url).is_ok() && plain.checked(url).is_ok(), "{url}");
        }
        for url in [
            "https://secret.example.org/",
            "https://cdn.example/",
            "https://example.org:8443/",
            "https://127.0.0.1/",
            "https://example.org@secret.example/",
            "https://example.org.secret.example/",
            "https://secret:secret@example.org/",
            "file:///etc/secret",
            "file://example.org/secret",
            "data:image/png;base64,secret",
            "ftp://example.org/secret",
            "gopher://example.org/secret",
            "s3://example.org/secret",
            "//example.org/secret",
            "/secret",
            "",
            "https://",
            "https:///secret",
            "https://exa mple.org/secret",
            "https://[::1/secret",
        ] {
            for fetcher in [&fetcher, &plain] {
                let error = fetcher.checked(url).map(|url| url.to_string()).unwrap_err();
                assert!(error.code() == "input" && !error.to_string().contains("secret"), "{url}: {error}");
            }
        }
        assert!(
            fetcher.checked("http://example.org/").is_err() && plain.checked("http://example.org/").is_ok()
        );
        assert!(
            any.checked("https://any.example/").is_ok() && any.checked("https://any.example:22/").is_err()
        );
        let long = format!("https://example.org/{}", "a".repeat(LONGEST));
        assert!(fetcher.checked(&long).unwrap_err().to_string().contains("longer"));
    }
}
