//! The face of Meta's Hasher-Matcher-Actioner 1.1.7: its paths and names, before our own galleries, which it calls banks.
//!
//! It has a listener of its own. Repeated slashes in a path are one, as they are there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::http::uri::PathAndQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::app::Shared;
use super::auth::PathKey;
use super::problem::{Answer, Problem};

mod banks;
mod content;
mod curation;
mod exchanges;
mod hashing;
mod matching;
mod signal;

/// Its paths, for `/site-map` too.
const PATHS: [&str; 23] = [
    "/",
    "/status",
    "/status/live",
    "/site-map",
    "/h/hash",
    "/m/raw_lookup",
    "/m/lookup",
    "/m/compare",
    "/m/index/status",
    "/c/signal_type",
    "/c/signal_type/index",
    "/c/content_type",
    "/c/banks",
    "/c/bank/{name}",
    "/c/bank/{name}/content",
    "/c/bank/{name}/content/{id}",
    "/c/bank/{name}/signal",
    "/c/exchanges",
    "/c/exchanges/apis",
    "/c/exchanges/api/{api}",
    "/c/exchanges/api/{api}/schema",
    "/c/exchange/{exchange}",
    "/c/exchange/{exchange}/status",
];

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new()
        .route("/", get(to_status))
        .route("/status", get(status))
        .route("/status/live", get(live))
        .route("/site-map", get(site_map))
        .route("/h/hash", get(hashing::fetch).post(hashing::hash))
        .route("/m/raw_lookup", get(matching::raw_lookup))
        .route("/m/lookup", get(matching::lookup).post(matching::lookup_file))
        .route("/m/compare", post(matching::compare))
        .route("/m/index/status", get(matching::index_status))
        .route("/c/signal_type", get(curation::signal_types))
        .route("/c/signal_type/index", get(curation::index))
        .route("/c/content_type", get(curation::content_types))
        .route("/c/banks", get(curation::banks).post(banks::create))
        .route("/c/bank/{name}", get(curation::bank).put(banks::change).delete(banks::remove))
        .route("/c/bank/{name}/content", post(banks::add_content))
        .route("/c/bank/{name}/signal", post(banks::add_signal))
        .route(
            "/c/bank/{name}/content/{id}",
            get(curation::content).put(banks::change_content).delete(banks::remove_content),
        )
        .route("/c/exchanges", get(exchanges::list).post(exchanges::read_only))
        .route("/c/exchanges/apis", get(exchanges::apis))
        .route("/c/exchanges/api/{api}", get(exchanges::api).post(exchanges::read_only))
        .route("/c/exchanges/api/{api}/schema", get(exchanges::schema))
        .route(
            "/c/exchange/{exchange}",
            get(exchanges::one).put(exchanges::read_only).delete(exchanges::remove),
        )
        .route("/c/exchange/{exchange}/status", get(exchanges::status))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(Arc::clone(app))
}

/// The same for paths with repeated slashes.
pub(crate) fn with_slashes(router: Router) -> Router {
    let inner = TowerToHyperService::new(router);
    Router::new().fallback(move |request: Request| {
        let inner = inner.clone();
        async move {
            match inner.call(plain(request)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    })
}

/// The request with one slash for many, and without the key that a path may begin with: `/k/KEY/c/banks`.
fn plain(mut request: Request) -> Request {
    let path = request.uri().path();
    if !path.contains("//") && !path.starts_with("/k/") {
        return request;
    }
    let mut single = String::with_capacity(path.len());
    for c in path.chars().filter(|c| c.is_ascii()) {
        if c != '/' || !single.ends_with('/') {
            single.push(c);
        }
    }
    let keyed = single.strip_prefix("/k/").and_then(|rest| rest.split_once('/'));
    if let Some((key, rest)) = keyed.map(|(key, rest)| (key.to_string(), format!("/{rest}"))) {
        request.extensions_mut().insert(PathKey(key));
        single = rest;
    }
    if let Some(query) = request.uri().query() {
        single = format!("{single}?{query}");
    }
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path) = single.parse::<PathAndQuery>() {
        parts.path_and_query = Some(path);
        *request.uri_mut() = axum::http::Uri::from_parts(parts).unwrap_or_else(|_| request.uri().clone());
    }
    request
}

async fn to_status() -> Response {
    (StatusCode::FOUND, [(LOCATION, "/status")]).into_response()
}

/// Whether look-ups can be answered, or banks made for them: clients wait for it before they make any.
async fn status(State(app): State<Shared>) -> Response {
    if app.galleries.now().all.is_empty() && app.banks.is_none() {
        return (StatusCode::SERVICE_UNAVAILABLE, "INDEX-NOT-LOADED").into_response();
    }
    live().await
}

async fn live() -> Response {
    "I-AM-ALIVE".into_response()
}

async fn site_map() -> Answer<Response> {
    super::json::answer(&json!(PATHS))
}

async fn no_route() -> Problem {
    Problem::not_found("there is nothing at this path; /site-map names all paths")
}

async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "this path does not take this method")
}
