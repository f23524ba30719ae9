//! `GET /v1/galleries`, and `POST /v1/galleries/NAME/reload`.

use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::app::{App, Ask, Shared};
use super::super::galleries::Known;
use super::super::json;
use super::super::problem::{Answer, Problem};
use crate::clock;

#[derive(Debug, Serialize)]
struct List {
    galleries: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    name: String,
    kind: &'static str,
    entries: u64,
    removed: u64,
    photodna: u64,
    pdq: u64,
    version: String,
    loaded: String,
    age_s: u64,
    /// Of those that follow lists: when they last were the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
}

pub(super) async fn list(State(app): State<Shared>, Extension(ask): Extension<Ask>) -> Answer<Response> {
    let set = app.set(ask.galleries.as_deref());
    json::answer(&List { galleries: set.all.iter().map(|known| One::of(known, &app)).collect() })
}

/// Opens the file again whether or not it changed; what comes of it is seen in the list. A gallery that follows a list asks for what changed there.
pub(super) async fn reload(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let is_allowed = ask.galleries.as_ref().is_none_or(|allowed| allowed.contains(&name));
    if is_allowed && app.synced.ask(&name) {
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    if app.set(ask.galleries.as_deref()).get(&name).is_none() {
        return Err(Problem::not_found("no gallery of this name is served here"));
    }
    if app.set(None).get(&name).is_some_and(|known| known.is_bank()) {
        let detail = "a bank has no file: what is added to it is visible at once";
        return Err(Problem::new(StatusCode::CONFLICT, "bank", detail));
    }
    tokio::task::spawn_blocking(move || app.refresh(Some(&name)));
    Ok(StatusCode::ACCEPTED.into_response())
}

impl One {
    fn of(known: &Known, app: &App) -> One {
        let counts = known.counts;
        let status = app.synced.status(&known.name).filter(|_| !known.is_bank());
        let kind = if status.is_some() { "sync" } else { "file" };
        let time = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        One {
            name: known.name.clone(),
            kind: if known.is_bank() { "bank" } else { kind },
            entries: counts.entries,
            removed: counts.removed,
            photodna: counts.photodna,
            pdq: counts.pdq,
            version: known.version.clone(),
            loaded: clock::text(known.loaded),
            age_s: known.age(),
            synced: status.and_then(|status| status.synced).map(|seconds| clock::text(time(seconds))),
            stale: status.map(|status| status.stale),
        }
    }
}
