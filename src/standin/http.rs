//! A request as it was asked, and an answer as it is given.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::form::Form;

/// The body of a request.
pub(super) enum Content {
    Bytes(Bytes),
    /// A form of parts, read to its end; `None`: it is malformed, or its end did not come.
    Form(Option<Form>),
}

/// A request.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// Where it comes from.
    pub(super) peer: IpAddr,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    pub(super) content: Content,
}

impl Asked {
    /// A request whose body was not read yet.
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap, peer: IpAddr) -> Asked {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let query = query.into_owned().collect();
        let content = Content::Bytes(Bytes::new());
        Asked { method, path: uri.path().to_string(), peer, query, headers, content }
    }

    /// The body, where it is no form of parts.
    pub(super) fn body(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Form(_) => &[],
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
    }

    /// The type of the body without its parameters, in small letters.
    pub(super) fn content_type(&self) -> String {
        let whole = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Where the client says that it asks.
    pub(super) fn host(&self) -> &str {
        self.header(header::HOST.as_str()).unwrap_or("127.0.0.1")
    }

    /// User and password of Basic, as far as they are not empty; `None` where it has none.
    pub(super) fn basic(&self) -> Option<(Option<String>, Option<String>)> {
        let (scheme, encoded) = self.header(header::AUTHORIZATION.as_str())?.split_once(' ')?;
        let decoded = BASE64.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let pair = String::from_utf8(decoded).ok()?;
        let (user, password) = pair.split_once(':')?;
        let filled = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
        Some((filled(user), filled(password)))
    }

    /// A parameter of the query string; none where it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The query string without these parameters.
    pub(super) fn query_without(&self, names: &[&str]) -> form_urlencoded::Serializer<'static, String> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(name, _)| !names.contains(&name.as_str())));
        query
    }
}

/// Whether something that was presented is what was configured, or anything where nothing was.
pub(super) fn is_right(presented: Option<&str>, configured: Option<&str>) -> bool {
    presented.is_some_and(|presented| configured.is_none_or(|configured| presented == configured))
}

/// An answer.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Empty where it has no body.
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// How many rows it gives, where it is a page.
    pub(super) given: Option<usize>,
}

impl Reply {
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, content_type, headers: Vec::new(), body: body.into(), given: None }
    }

    pub(super) fn empty(status: u16) -> Reply {
        Reply::new(status, "", [])
    }

    pub(super) fn json(status: u16, value: &serde_json::Value) -> Reply {
        Reply::new(status, "application/json", value.to_string())
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }

    pub(super) fn page(self, given: usize) -> Reply {
        Reply { given: Some(given), ..self }
    }
}
