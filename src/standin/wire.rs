//! A request as it was asked, an answer as it is given, and what every exchange has to say.

use axum::http::{HeaderMap, Method, Uri, header};
use bytes::Bytes;

use super::Credentials;
use super::change::Change;
use super::cursor::Cursor;
use super::rows::{Identity, Rows};

/// A request.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Asked {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Asked { method, path: uri.path().to_string(), query: query.into_owned().collect(), headers, body }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
    }

    /// Where the client says that it asks.
    pub(super) fn host(&self) -> &str {
        self.header(header::HOST.as_str()).unwrap_or("127.0.0.1")
    }

    /// A parameter of the query string; none where it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(of, value)| of == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, Refusal> {
        let wrong = |_| Refusal::Malformed(format!("{name}: this must be a number"));
        self.parameter(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// How many rows a page may have: as many as asked for, at most those of the stand-in.
    pub(super) fn page_size(&self, name: &'static str, most: usize) -> Result<usize, Refusal> {
        match self.number(name)? {
            None => Ok(most),
            Some(size) if size > 0 => Ok(usize::try_from(size).unwrap_or(most).min(most)),
            Some(_) => Err(Refusal::Malformed(format!("{name}: this must be 1 or more"))),
        }
    }

    /// The query string without these parameters.
    pub(super) fn query_without(&self, names: &[&str]) -> form_urlencoded::Serializer<'static, String> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query.iter().filter(|(name, _)| !names.contains(&name.as_str())));
        query
    }
}

/// An answer.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
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

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    Unauthorised,
    /// A cursor that does not hold any more, or never did.
    Expired,
    Malformed(String),
    NotFound,
    /// A status that a fault asks for.
    Fault(u16),
}

impl Refusal {
    pub(super) fn status(&self) -> u16 {
        match self {
            Refusal::Unauthorised => 401,
            // Which status the exchanges give is published by none of them.
            Refusal::Expired | Refusal::Malformed(_) => 400,
            Refusal::NotFound => 404,
            Refusal::Fault(status) => *status,
        }
    }

    /// A sentence about it.
    pub(super) fn sentence(&self) -> &str {
        match self {
            Refusal::Unauthorised => "the credentials are missing or wrong",
            Refusal::Expired => "the cursor is not valid any more",
            Refusal::Malformed(why) => why,
            Refusal::NotFound => "there is nothing here",
            Refusal::Fault(_) => "this fault was asked for",
        }
    }
}

/// What an exchange answers from.
pub(super) struct Desk<'a> {
    pub(super) rows: &'a mut Rows,
    pub(super) credentials: &'a Credentials,
    pub(super) now: i64,
    /// Most rows of a page.
    pub(super) most: usize,
    /// What the request's cursor says.
    pub(super) cursor: Option<Cursor>,
    /// What decides the order of a window that begins here; 0: the usual one.
    pub(super) seed: u64,
    /// The window that was asked for, for whoever tests a client: its ends, and whether a cursor came with it.
    pub(super) window: Option<(Option<i64>, Option<i64>)>,
}

/// What is an exchange's own.
pub(super) trait Wire: Send + Sync {
    /// Most rows of a page, unless the stand-in is started with another number.
    fn usual_page(&self) -> usize;

    /// The parameter that has the cursor.
    fn cursor(&self) -> &'static str;

    /// What a change is listed as.
    fn identities(&self) -> fn(&Change) -> Vec<Identity>;

    fn is_admitted(&self, asked: &Asked, credentials: &Credentials) -> bool;

    /// Answers a request whose credentials are right.
    fn answer(&self, asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal>;

    fn refuse(&self, refusal: &Refusal) -> Reply;
}

/// Whether something that was presented is what was configured, or anything where nothing was.
pub(super) fn is_right(presented: Option<&str>, configured: Option<&str>) -> bool {
    presented.is_some_and(|presented| configured.is_none_or(|configured| presented == configured))
}
