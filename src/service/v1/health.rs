//! `/healthz`: the process answers. `/readyz`: whether it should be sent requests. `/v1/totals`: what it has done since its start.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::app::{App, Ask, Phase, Shared};
use super::super::json;
use super::super::problem::{Answer, Problem};
use crate::engine::Lane;

pub(super) async fn alive() -> Response {
    StatusCode::OK.into_response()
}

pub(super) async fn ready(State(app): State<Shared>) -> Response {
    let reasons = reasons(&app);
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": reasons.is_empty(), "reasons": reasons });
    json::bytes_answer(status, body.to_string().into_bytes())
}

/// Why no request should be sent here. A full bulk lane is none: what can wait is sent again.
fn reasons(app: &App) -> Vec<&'static str> {
    let all = [
        (*app.phase.borrow() != Phase::Serving, "the service ends"),
        (app.galleries.now().all.is_empty(), "no gallery is loaded"),
        (app.state.as_ref().is_some_and(|state| !state.disk.is_writable()), "the disk cannot be written"),
        (app.engine.is_full(Lane::Interactive), "as many pictures wait as may"),
        (app.searcher.is_full(), "as many look-ups wait as may"),
    ];
    all.into_iter().filter_map(|(applies, reason)| applies.then_some(reason)).collect()
}

/// For keys that see everything: these numbers are of everybody.
pub(super) async fn totals(State(app): State<Shared>, Extension(ask): Extension<Ask>) -> Answer<Response> {
    if ask.galleries.is_some() {
        let detail = "the totals are of all galleries, and the key is held to some";
        return Err(Problem::new(StatusCode::FORBIDDEN, "gallery", detail));
    }
    let body = json!({ "totals": app.metrics.totals(), "in_flight_bytes": app.held() });
    Ok(json::bytes_answer(StatusCode::OK, body.to_string().into_bytes()))
}
