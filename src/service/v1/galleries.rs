//! `GET /v1/galleries`, and `POST /v1/galleries/NAME/reload`.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::super::app::{Ask, Shared};
use super::super::clock;
use super::super::galleries::Known;
use super::super::json;
use super::super::problem::{Answer, Problem};

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
}

pub(super) async fn list(State(app): State<Shared>, Extension(ask): Extension<Ask>) -> Answer<Response> {
    let set = app.set(ask.galleries.as_deref());
    json::answer(&List { galleries: set.all.iter().map(|known| One::of(known)).collect() })
}

/// Opens the file again whether or not it changed; what comes of it is seen in the list.
pub(super) async fn reload(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
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
    fn of(known: &Known) -> One {
        let counts = known.counts;
        One {
            name: known.name.clone(),
            kind: if known.is_bank() { "bank" } else { "file" },
            entries: counts.entries,
            removed: counts.removed,
            photodna: counts.photodna,
            pdq: counts.pdq,
            version: known.version.clone(),
            loaded: clock::text(known.loaded),
            age_s: known.age(),
        }
    }
}
