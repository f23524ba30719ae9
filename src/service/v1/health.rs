//! `/healthz`: the process answers. `/readyz`: whether it should be sent requests. `/v1/totals`: what it has done since its start.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::app::{Phase, Shared};
use super::super::json;

pub(super) async fn alive() -> Response {
    StatusCode::OK.into_response()
}

pub(super) async fn ready(State(app): State<Shared>) -> Response {
    let mut reasons = Vec::new();
    if *app.phase.borrow() != Phase::Serving {
        reasons.push("the service ends");
    }
    if app.galleries.now().all.is_empty() {
        reasons.push("no gallery is loaded");
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": reasons.is_empty(), "reasons": reasons });
    json::bytes_answer(status, body.to_string().into_bytes())
}

pub(super) async fn totals(State(app): State<Shared>) -> Response {
    let body = json!({ "totals": app.metrics.totals(), "in_flight_bytes": app.permits.taken() });
    json::bytes_answer(StatusCode::OK, body.to_string().into_bytes())
}
