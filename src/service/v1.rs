//! The service's own API, version 1.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};

use super::app::Shared;
use super::problem::Problem;

mod compare;
mod entries;
mod galleries;
mod hash;
mod health;
mod lines;
mod lookup;
mod matching;
mod query;
mod reports;
mod review;

/// The description of this API for programs.
const OPENAPI: &str = include_str!("v1/openapi.json");

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new()
        .route("/v1/hash", post(hash::hash))
        .route("/v1/match", post(matching::look_up))
        .route("/v1/lookup", post(lookup::look_up))
        .route("/v1/compare", post(compare::compare))
        .route("/v1/galleries", get(galleries::list).post(entries::create))
        .route("/v1/galleries/{name}", delete(entries::remove_bank))
        .route("/v1/galleries/{name}/entries", post(entries::add))
        .route("/v1/galleries/{name}/entries/{id}", put(entries::change).delete(entries::remove))
        .route("/v1/galleries/{name}/reload", post(galleries::reload))
        .route("/v1/reports", get(reports::list).post(reports::submit))
        .route("/v1/reports/{id}", get(reports::show))
        .route("/v1/reports/{id}/retract", post(reports::retract))
        .route("/v1/reports/{id}/retry", post(reports::retry))
        .route("/v1/review", get(review::list))
        .route("/v1/totals", get(health::totals))
        .route("/v1/openapi.json", get(openapi))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(Arc::clone(app))
}

async fn openapi() -> axum::response::Response {
    super::json::bytes_answer(StatusCode::OK, OPENAPI.into())
}

async fn no_route() -> Problem {
    Problem::not_found("there is nothing at this path; /v1/openapi.json names all paths")
}

async fn no_method() -> Problem {
    let detail = "this path does not take this method; /v1/openapi.json names those that it takes";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
}
