//! The pictures of a request: one as it is, the parts of a form, or base64 and addresses in JSON.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Deserialize;

use super::app::{App, aside};
use super::body::{self, Held, Size};
use super::json;
use super::permits::Permit;
use super::problem::{Answer, Problem};

/// A picture, and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) key: String,
    pub(crate) bytes: Bytes,
}

/// A picture of a request, which may have to be fetched.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    Here(Picture),
    /// Its key and its address.
    At(String, String),
}

impl Given {
    pub(crate) fn key(&self) -> &str {
        match self {
            Given::Here(picture) => &picture.key,
            Given::At(key, _) => key,
        }
    }
}

/// The pictures of a request, and the right to hold their bytes.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) all: Vec<Given>,
    /// Whether there was one as it is, so that the answer is its record alone.
    pub(crate) single: bool,
    pub(crate) permit: Permit,
}

/// What one picture on standard input is called too.
const NAMELESS: &str = "-";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many<'a> {
    #[serde(borrow)]
    pictures: Vec<One<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One<'a> {
    /// Its place where the request says none.
    #[serde(borrow, alias = "id")]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
}

/// Reads the pictures of a request. The format of a picture is known by its content; the type of the body only says whether there are many.
pub(crate) async fn read(app: &App, request: Request, key: Option<String>) -> Answer<Pictures> {
    let (parts, body) = request.into_parts();
    match media_type(&parts.headers).as_deref() {
        Some("application/json") => in_json(app, body).await,
        Some("multipart/form-data") => in_form(app, Request::from_parts(parts, body)).await,
        _ => {
            let size = Size { most: app.limits.picture, times: 1 };
            let Held { bytes, permit } = body::read(app, body, size).await?;
            let picture = Picture { key: key.unwrap_or_else(|| NAMELESS.to_string()), bytes };
            Ok(Pictures { all: vec![Given::Here(picture)], single: true, permit })
        }
    }
}

/// The type of a body in small letters, which its letters count as (RFC 9110, 8.3.1), and without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

async fn in_json(app: &App, body: Body) -> Answer<Pictures> {
    let Held { bytes, permit } = body::read(app, body, Size { most: app.limits.request, times: 2 }).await?;
    let (most, longest) = (app.limits.pictures, app.limits.picture);
    let all = aside(move || {
        let Many { pictures } = json::read(&bytes)?;
        check_count(pictures.len(), most)?;
        pictures.into_iter().enumerate().map(|(at, one)| one.given(at, longest)).collect::<Answer<Vec<_>>>()
    });
    let all = all.await?;
    if let Some(at) = all.iter().position(|given| matches!(given, Given::At(..))) {
        let wrong = |problem: Problem| Problem::input(format!("pictures[{at}].url: {}", problem.detail));
        app.fetching().map_err(wrong)?;
    }
    Ok(Pictures { all, single: false, permit })
}

impl One<'_> {
    /// The picture at this place of the list.
    fn given(self, at: usize, longest: u64) -> Answer<Given> {
        let key = self.key.map_or_else(|| at.to_string(), Cow::into_owned);
        match (self.data, self.url) {
            (Some(data), None) => {
                let field = format!("pictures[{at}].data");
                let data = BASE64.decode(data.as_bytes());
                let bytes = data.map_err(|_| Problem::input(format!("{field}: this must be base64")))?;
                check_length(bytes.len(), longest, &field)?;
                Ok(Given::Here(Picture { key, bytes: bytes.into() }))
            }
            (None, Some(url)) => Ok(Given::At(key, url.into_owned())),
            _ => Err(Problem::input(format!("pictures[{at}]: one of data and url must be given"))),
        }
    }
}

async fn in_form(app: &App, request: Request) -> Answer<Pictures> {
    let (parts, body) = request.into_parts();
    let Held { bytes, permit } = body::read(app, body, Size { most: app.limits.request, times: 2 }).await?;
    let mut form = form_of(Request::from_parts(parts, Body::from(bytes))).await?;
    let mut all = Vec::new();
    while let Some(part) = form.next_field().await.map_err(|_| malformed())? {
        check_count(all.len() + 1, app.limits.pictures)?;
        let key = part.name().unwrap_or(NAMELESS).to_string();
        let bytes = part.bytes().await.map_err(|_| malformed())?;
        check_length(bytes.len(), app.limits.picture, "a part")?;
        all.push(Given::Here(Picture { key, bytes }));
    }
    Ok(Pictures { all, single: false, permit })
}

/// The parts of a form that is in memory already.
pub(crate) async fn form_of(mut request: Request) -> Answer<Multipart> {
    // Its length was held against ours.
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &()).await.map_err(|_| malformed())
}

pub(crate) fn malformed() -> Problem {
    Problem::input(
        "the body is no multipart/form-data: it has no boundary, or a part of it is malformed or cut",
    )
}

fn check_count(count: usize, most: usize) -> Answer<()> {
    if count > most {
        return Err(Problem::limit(format!("a request has at most {most} pictures")));
    }
    Ok(())
}

fn check_length(length: usize, most: u64, what: &str) -> Answer<()> {
    if length as u64 > most {
        return Err(Problem::limit(format!("{what}: a picture has at most {most} bytes")));
    }
    Ok(())
}
