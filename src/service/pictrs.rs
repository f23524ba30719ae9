//! The hook of pict-rs, the image server of Lemmy and others: `POST /hooks/pict-rs/TOKEN`, its option `external_validation`.
//!
//! It sends an upload as the body and looks at the status alone: it keeps what is answered with 2xx and refuses all else. TOKEN is a key of the service, since
//! pict-rs sends no header of its own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};

use super::app::{Ask, Shared};
use super::problem::{Answer, Problem};
use super::scan;

/// What is answered of an upload that is not known, and kept.
const KEEP: StatusCode = StatusCode::NO_CONTENT;

/// Of one that is known.
const REFUSE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Of one that nobody can say anything of, such as a video. pict-rs refuses that too; with 204 in its place it would be kept.
const CANNOT_SAY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Its route.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new().route("/hooks/pict-rs/{token}", post(validate)).with_state(Arc::clone(app))
}

async fn validate(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let (_, scanned) = scan::scan(&app, &ask, request).await?;
    // Not as problems, which would count among what is turned away under load.
    Ok(match scanned.is_known() {
        Some(false) => KEEP.into_response(),
        Some(true) => {
            Problem::new(REFUSE, "known", "the picture matches a known one").document(&ask.request_id)
        }
        None => {
            let detail = "nothing of this file could be looked up, so nothing can be said of it";
            Problem::new(CANNOT_SAY, "unsearched", detail).document(&ask.request_id)
        }
    })
}
