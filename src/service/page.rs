//! A page for a look at the service: drop a picture, see its record, its signatures drawn, and what it matches.
//!
//! Three files, no framework, nothing from elsewhere. The page asks the API like any other client, with the key that a person types in, and keeps neither
//! key nor picture.

use std::borrow::Cow;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What the page may load and do: its own files and our API, and show the picture that was dropped.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The field for an address as the page has it, and where there is a use for it.
const ADDRESS: &str = "<form id=\"fetch\" hidden>";
const SHOWN_ADDRESS: &str = "<form id=\"fetch\">";

/// Its routes; `fetches` says whether addresses are fetched, so that there is a field for one.
pub(crate) fn router(fetches: bool) -> Router {
    let page = include_str!("page/index.html");
    let page = if fetches { page.replacen(ADDRESS, SHOWN_ADDRESS, 1).into() } else { Cow::Borrowed(page) };
    Router::new()
        .route("/", get(async move || file("text/html; charset=utf-8", page)))
        .route(
            "/page.css",
            get(async || file("text/css; charset=utf-8", include_str!("page/page.css").into())),
        )
        .route(
            "/page.js",
            get(async || file("text/javascript; charset=utf-8", include_str!("page/page.js").into())),
        )
}

fn file(kind: &'static str, text: Cow<'static, str>) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
