//! Requests to an exchange: GET alone, retried while that can help, within bounds on time and size.
//!
//! What is asked for does not change anything there, so every request may be sent again. No error holds an address's query, a credential or anything of an
//! answer's body.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use reqwest::header::{DATE, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client as Connections, Response, StatusCode};

use super::blocking::blocking;
use super::date;
use super::exchange::{Ask, LARGEST_ANSWER};
use crate::error::{Error, Result, is_of_tls};

/// How often a request is sent.
const ATTEMPTS: u32 = 8;

/// The longest pause, whatever the exchange asks for, and the longest wait for an answer.
const LONGEST: Duration = Duration::from_secs(60);

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Who asks.
const AGENT: &str = concat!("shadegrid/", env!("CARGO_PKG_VERSION"));

/// An answer that could be read.
#[derive(Debug)]
pub(crate) struct Fetched<T> {
    pub(crate) content: T,
    /// What tells its bytes from those of other answers.
    pub(crate) digest: u64,
    /// The exchange's clock, where it says.
    pub(crate) date: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Whether the exchange does not know the cursor, if the request had one.
    pub(crate) is_expired: bool,
    pub(crate) error: Error,
}

/// Connections to one exchange.
#[derive(Debug)]
pub(crate) struct Client {
    connections: Connections,
    digests: RandomState,
    /// The first pause; each is twice as long, and up to half of it is left to chance.
    first_pause: Duration,
}

/// What an attempt came to, if not to an answer.
struct Trouble {
    error: Error,
    retry: bool,
    after: Option<Duration>,
    is_expired: bool,
}

impl Trouble {
    fn passing(error: Error) -> Trouble {
        Trouble { error, retry: true, after: None, is_expired: false }
    }

    fn network(error: &reqwest::Error) -> Trouble {
        let is_unsafe = error.is_connect() && is_of_tls(error);
        let what = match error {
            _ if is_unsafe => {
                "no safe connection can be made: nobody who is trusted here vouches for it under this name (SSL_CERT_FILE names authorities)"
            }
            error if error.is_timeout() => "it does not answer in time",
            error if error.is_connect() => "no connection can be made",
            _ => "the connection broke",
        };
        let error = Error::io("cannot ask the exchange", std::io::Error::other(what));
        Trouble { retry: !is_unsafe, ..Trouble::passing(error) }
    }

    /// What a status means for whoever asked.
    fn status(answer: &Response) -> Trouble {
        let status = answer.status();
        let what = match status.as_u16() {
            401 | 403 => "it does not accept the credentials",
            300..=399 => "it redirects, which is not followed: set the address that it leads to",
            404 => "it knows no such path: look at the address",
            429 => "it wants fewer requests",
            500.. => "it is in trouble",
            _ => "it refuses the request",
        };
        let error = std::io::Error::other(format!("it answered {}: {what}", status.as_u16()));
        Trouble {
            error: Error::io("cannot ask the exchange", error),
            retry: status == StatusCode::TOO_MANY_REQUESTS
                || status == StatusCode::REQUEST_TIMEOUT
                || status.is_server_error(),
            after: header(answer, &RETRY_AFTER).and_then(|text| retry_after(&text)),
            is_expired: matches!(status.as_u16(), 400 | 404 | 410 | 422),
        }
    }
}

impl Client {
    /// A client that follows no redirect and uses no proxy: credentials go where the configuration says.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where TLS cannot be set up.
    pub(crate) fn new(first_pause: Duration) -> Result<Client> {
        // Whoever chose before us has chosen well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Connections::builder().user_agent(AGENT).redirect(Policy::none()).no_proxy();
        let built = builder.connect_timeout(CONNECT).timeout(LONGEST).referer(false).build();
        let connections = built.map_err(|_| {
            Error::io("cannot ask the exchange", std::io::Error::other("TLS cannot be set up"))
        })?;
        Ok(Client { connections, digests: RandomState::new(), first_pause })
    }

    /// Asks, and reads the answer with `read`, on a thread for such work; what it finds [corrupt](Error::Corrupt) is asked for again.
    pub(crate) async fn get<T: Send + 'static>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T> + Clone + Send + 'static,
    ) -> Result<Fetched<T>, Refused> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let trouble = match self.once(ask, read.clone()).await {
                Ok(fetched) => return Ok(fetched),
                Err(trouble) => trouble,
            };
            if !trouble.retry || attempt == ATTEMPTS {
                return Err(Refused { is_expired: trouble.is_expired, error: trouble.error });
            }
            tokio::time::sleep(
                trouble.after.unwrap_or_else(|| pause(self.first_pause, attempt)).min(LONGEST),
            )
            .await;
        }
    }

    async fn once<T: Send + 'static>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T> + Send + 'static,
    ) -> Result<Fetched<T>, Trouble> {
        let request = self.connections.get(ask.url.clone()).headers(ask.headers.clone());
        let mut answer = request.send().await.map_err(|error| Trouble::network(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(Trouble::status(&answer));
        }
        let date = header(&answer, &DATE).and_then(|text| date::http(&text));
        let mut body = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(|error| Trouble::network(&error))? {
            if body.len() + bytes.len() > LARGEST_ANSWER {
                let most = LARGEST_ANSWER >> 20;
                let error = Error::Input(format!("an answer of the exchange exceeds {most} MiB"));
                return Err(Trouble { retry: false, ..Trouble::passing(error) });
            }
            body.extend_from_slice(&bytes);
        }
        let digests = self.digests.clone();
        let done = blocking(move || Ok((read(&body)?, digests.hash_one(&body)))).await;
        let (content, digest) = done.map_err(|error| match error {
            error @ Error::Corrupt { .. } => Trouble::passing(error),
            error => Trouble { retry: false, ..Trouble::passing(error) },
        })?;
        Ok(Fetched { content, digest, date })
    }

    /// Waits before the same is asked again.
    pub(crate) async fn rest(&self, attempt: u32) {
        tokio::time::sleep(pause(self.first_pause, attempt)).await;
    }
}

fn header(answer: &Response, name: &HeaderName) -> Option<String> {
    Some(answer.headers().get(name)?.to_str().ok()?.to_string())
}

/// A number of seconds, or a time.
fn retry_after(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse().ok();
    let seconds = seconds.or_else(|| Some(date::http(text)?.saturating_sub(date::now())));
    seconds.map(Duration::from_secs)
}

/// The pause after so many attempts: many who were refused at once do not come back at once.
fn pause(first: Duration, attempt: u32) -> Duration {
    let longest = LONGEST.min(first * (1 << attempt.saturating_sub(1).min(10)));
    let chance = RandomState::new().hash_one(attempt) % 1024;
    longest / 2 + longest / 2 * chance as u32 / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for attempt in 1..100 {
            let whole = Duration::from_millis(250 << (attempt - 1).min(10)).min(LONGEST);
            let pause = pause(Duration::from_millis(250), attempt);
            assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        }
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
