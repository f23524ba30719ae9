//! Why a request failed, in words for a person, and whether a retry can help.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::StatusCode;

use super::Failure;
use super::address::Private;
use crate::error::is_of_tls;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}{}", .more.as_ref().map_or(String::new(), |more| format!(": {more}")))]
pub(super) struct Trouble {
    /// In our own words, without any name or address.
    text: String,
    /// What a library says, which may name a host.
    more: Option<String>,
    pub(super) kind: Kind,
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may pass: retry.
    Passing,
    /// No connection could be made. Retried like what may pass where the server has answered before; otherwise its name or port is perhaps a mistake.
    Unreachable,
    /// The connection ended before an answer began: a server may have closed it just before it had the request. Retried like what may pass.
    Unanswered,
    /// Nothing came within the time-out. A retry costs as much time again, so there are fewer.
    Silent,
    /// A retry would fail in the same way.
    Lasting,
    /// The server's name was not found, or leads to private addresses alone.
    Nowhere,
    /// There is no such object.
    NotFound,
    /// Access was refused.
    Denied,
    /// The server supports no range requests, or gives nothing that shows whether ranges belong to one version. The whole can be requested.
    NoParts,
}

impl Kind {
    /// How often a request that failed in this way is retried.
    pub(super) fn retries(self) -> usize {
        match self {
            Kind::Passing | Kind::Unanswered | Kind::Unreachable => 10,
            Kind::Silent => 2,
            _ => 0,
        }
    }
}

impl Trouble {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Trouble {
        Trouble { text: text.into(), more: None, kind }
    }

    fn more(self, more: impl ToString) -> Trouble {
        Trouble { more: Some(more.to_string()), ..self }
    }

    /// What a stranger may know: no name, no address, and not whether a name is one of the network around us.
    #[cfg_attr(not(feature = "service"), expect(dead_code, reason = "only a service has strangers"))]
    pub(super) fn for_strangers(&self) -> &str {
        match self.kind {
            Kind::Nowhere => "the server's name was not found, or leads to no address that may be asked",
            _ => &self.text,
        }
    }

    /// A failure that a retry would not change.
    pub(super) fn lasting(text: impl Into<String>) -> Trouble {
        Trouble::new(Kind::Lasting, text)
    }

    /// A body ended too early.
    pub(super) fn broke_off() -> Trouble {
        Trouble::new(Kind::Passing, "the answer broke off")
    }

    pub(super) fn silent(patience: Duration) -> Trouble {
        Trouble::new(
            Kind::Silent,
            format!("the server sent next to nothing for {} s", patience.as_secs_f32()),
        )
    }

    pub(super) fn changed() -> Trouble {
        Trouble::lasting("it was changed while it was read")
    }

    pub(super) fn without_parts() -> Trouble {
        Trouble::new(Kind::NoParts, "the server gives no parts of files")
    }

    pub(super) fn private(address: IpAddr) -> Trouble {
        let text =
            "a server leads to a private address; such are asked only where allow_private_addresses is set";
        Trouble::new(Kind::Nowhere, text).more(address)
    }

    /// A status that is no success. Of the body only a code such as `NoSuchKey` is passed on.
    pub(super) fn status(status: StatusCode, body: &[u8]) -> Trouble {
        let code = code_in(body).map(|code| format!(" ({code})")).unwrap_or_default();
        let kind = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Kind::NotFound,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Denied,
            StatusCode::RANGE_NOT_SATISFIABLE => Kind::NoParts,
            StatusCode::PRECONDITION_FAILED => return Trouble::changed(),
            StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Kind::Lasting,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Kind::Passing,
            _ if status.is_server_error() => Kind::Passing,
            _ => Kind::Lasting,
        };
        Trouble::new(kind, format!("the server answered {status}{code}"))
    }

    /// The client's error, without the URL, which may hold a secret.
    pub(super) fn of(error: reqwest::Error) -> Trouble {
        let error = error.without_url();
        let first: &(dyn StdError + 'static) = &error;
        let causes = || successors(Some(first), |&error| error.source());
        if let Some(Private(address)) = causes().find_map(|cause| cause.downcast_ref()) {
            return Trouble::private(*address);
        }
        let last = causes().last().map(ToString::to_string).unwrap_or_default();
        if error.is_connect() && is_of_tls(first) {
            return Trouble::lasting("no safe connection to the server").more(last);
        }
        // The standard library has no error kind for the system's resolver.
        if let Some(why) = last.strip_prefix("failed to lookup address information: ") {
            let passes = ["Temporary failure", "Try again"].iter().any(|passing| why.starts_with(passing));
            let kind = if passes { Kind::Unreachable } else { Kind::Nowhere };
            return Trouble::new(kind, "the server's name was not found").more(why);
        }
        let kind = match () {
            () if error.is_timeout() => Kind::Silent,
            () if error.is_builder() || error.is_redirect() => Kind::Lasting,
            () if error.is_connect() => Kind::Unreachable,
            () if error.is_request() => Kind::Unanswered,
            () => Kind::Passing,
        };
        let what = if error.is_connect() { "no connection to the server" } else { "the connection failed" };
        Trouble::new(kind, what).more(last)
    }
}

/// The code in an error's XML, where it is one of a word's form.
pub(super) fn code_in(body: &[u8]) -> Option<&str> {
    let text = str::from_utf8(body).ok()?;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && !code.is_empty()).then_some(code)
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> io::Error {
        let kind = match trouble.kind {
            Kind::NotFound => io::ErrorKind::NotFound,
            Kind::Denied => io::ErrorKind::PermissionDenied,
            Kind::NoParts => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, Failure(trouble.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_refusal_only_its_status_and_code_are_passed_on() {
        let said = |status, body: &str| Trouble::status(status, body.as_bytes()).to_string();
        let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>secret</Message></Error>";
        assert_eq!(said(StatusCode::NOT_FOUND, xml), "the server answered 404 Not Found (NoSuchKey)");
        for body in [
            "<html><h1>Oh</h1>",
            "",
            "<Code></Code>",
            "<Code>a b</Code>",
            "<Code>\u{1b}[2J</Code>",
            "<Code>x",
        ] {
            assert_eq!(said(StatusCode::FORBIDDEN, body), "the server answered 403 Forbidden", "{body}");
        }
    }

    #[test]
    fn strangers_do_not_learn_what_is_in_the_network_around_us() {
        let private = Trouble::private(IpAddr::from([10, 1, 2, 3]));
        assert!(private.to_string().contains("10.1.2.3"), "{private}");
        let unknown = Trouble::new(Kind::Nowhere, "the server's name was not found").more("no such host");
        assert_eq!(private.for_strangers(), unknown.for_strangers());
        let other = Trouble::lasting("no safe connection to the server").more("not for db.intranet");
        assert_eq!(other.for_strangers(), "no safe connection to the server");
        assert_eq!(private.kind.retries() + unknown.kind.retries(), 0);
    }

    #[test]
    fn what_never_passes_is_not_asked_for_again() {
        let retries =
            |status: u16| Trouble::status(StatusCode::from_u16(status).unwrap(), b"").kind.retries();
        assert_eq!([400, 401, 403, 404, 410, 412, 416, 501, 505].map(retries), [0; 9]);
        assert_eq!([408, 429, 500, 502, 503, 504].map(retries), [10; 6]);
        assert_eq!(Trouble::silent(Duration::from_secs(1)).kind.retries(), 2);
    }
}
