//! What every request passes first, and every answer last.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;

use super::app::{Ask, Shared};
use super::auth::scope_of;
use super::event::Event;
use super::face::Face;
use super::problem::{Answer, Problem};
use super::{fetching, origin};

/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// Where requests are for.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) app: Shared,
    pub(crate) face: Face,
}

/// Gives the request its id, lets it in, and gives the answer its form.
pub(crate) async fn pass(State(front): State<Front>, request: Request, next: Next) -> Response {
    let (began, id) = (Instant::now(), front.app.ids.next());
    let method = request.method().to_string();
    let route =
        request.extensions().get::<MatchedPath>().map_or(String::new(), |path| path.as_str().to_string());
    // A panic is a bug. It is the end of this request alone.
    let answered = AssertUnwindSafe(let_in(&front, request, next, &id)).catch_unwind().await;
    let bug = |_| Err(Problem::internal("this is a bug, please report it with the Request-Id"));
    let mut response = match answered.unwrap_or_else(bug) {
        Ok(response) => response,
        Err(problem) => axum::response::IntoResponse::into_response(problem),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>().or_else(|| rejected(&response)) {
        if problem.is_shed() {
            front.app.metrics.shed(problem.code);
        }
        response = front.face.problem(&problem, &id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("request-id", value);
    }
    let (face, status, seconds) =
        (front.face.name(), response.status().as_u16(), began.elapsed().as_secs_f64());
    front.app.metrics.answered(face, &route, status, seconds);
    front.app.reporter.report(&Event::Request { request_id: id, face, method, route, status, seconds });
    response
}

/// What the framework refuses by itself, in words of its own: a part of the path that is no text, or no number where one must stand.
fn rejected(response: &Response) -> Option<Problem> {
    let kind = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    let is_rejected = response.status() == StatusCode::BAD_REQUEST && kind.starts_with("text/plain");
    is_rejected.then(|| {
        Problem::input("a part of the path is malformed: it must be text in UTF-8, and an id a number")
    })
}

async fn let_in(front: &Front, mut request: Request, next: Next, id: &str) -> Answer<Response> {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if headers.sum::<usize>() + path > LONGEST_HEAD {
        let detail = format!("the request's head is longer than {LONGEST_HEAD} bytes");
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "limit", detail));
    }
    // Bytes that are packed would be taken for the picture.
    let coding = request.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    if !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity") {
        let detail = "Content-Encoding: bodies are taken as they are; send it without a coding";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", detail));
    }
    // To fetch an address is to do something: no other site may make a browser ask for it, and it takes the rights of sending the picture.
    let fetches = front.face == Face::Hma && fetching::is_asked(&request);
    let method = if fetches { Method::POST } else { request.method().clone() };
    origin::check(&method, request.headers(), front.app.is_open)?;
    let mut ask = Ask::of(request.headers(), &front.app.limits, id)?;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let scope = scope_of(front.face, method.as_str(), route);
    if let (Some(keys), Some(scope)) = (&front.app.keys, scope) {
        let key = keys.check(front.face, &request, scope)?;
        ask.hold_to(&key);
    }
    request.extensions_mut().insert(ask);
    Ok(next.run(request).await)
}
