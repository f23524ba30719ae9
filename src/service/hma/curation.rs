//! `/c/…`: banks, which are galleries here, and what the face can do.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::app::{Ask, Shared};
use super::super::galleries::{Known, Set};
use super::super::json;
use super::super::problem::{Answer, Problem};
use super::signal::{self, Values, bank_name};

#[derive(Debug, Serialize)]
struct Bank {
    name: String,
    matching_enabled_ratio: f64,
}

impl Bank {
    fn of(known: &Known) -> Bank {
        Bank { name: bank_name(&known.name), matching_enabled_ratio: 1.0 }
    }
}

pub(super) async fn banks(State(app): State<Shared>, Extension(ask): Extension<Ask>) -> Answer<Response> {
    json::answer(
        &app.set(ask.galleries.as_deref()).all.iter().map(|known| Bank::of(known)).collect::<Vec<_>>(),
    )
}

pub(super) async fn bank(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let set = app.set(ask.galleries.as_deref());
    json::answer(&Bank::of(find(&set, &name)?))
}

fn find<'a>(set: &'a Set, name: &str) -> Answer<&'a Arc<Known>> {
    let found = set.all.iter().find(|known| bank_name(&known.name) == name);
    found.ok_or_else(|| Problem::not_found("bank not found"))
}

/// An entry of a bank by the number that matches name.
pub(super) async fn content(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let (set, values) = (app.set(ask.galleries.as_deref()), Values::of(request.uri().query()));
    let bank = find(&set, &name)?;
    let none = || Problem::not_found("content not found");
    let id: u64 = id.parse().map_err(|_| none())?;
    let (known, entry) = set.entry(id).filter(|(known, _)| known.name == bank.name).ok_or_else(none)?;
    let mut answer =
        json!({ "id": id, "bank": bank_name(&known.name), "enabled": true, "original_media_uri": null });
    if values.is_true("include_signals") {
        let pdq = known.gallery.pdq(entry).map(|signature| Value::from(signature.to_string()));
        let photodna = known.gallery.photodna(entry).map(|signature| Value::from(signature.to_string()));
        let both = [("pdq", pdq), ("photodna", photodna)];
        let on = |name: &str| app.signals.iter().any(|algorithm| algorithm.name() == name);
        let signals = both.into_iter().filter(|(name, _)| on(name));
        answer["signals"] = signals.filter_map(|(name, signal)| Some((name.to_string(), signal?))).collect();
    }
    json::answer(&answer)
}

/// Files of galleries are written by the command alone.
pub(super) async fn read_only() -> Problem {
    let detail =
        "this service has galleries in files, which are read only: change them by `shadegrid gallery`";
    Problem::new(StatusCode::FORBIDDEN, "read_only", detail)
}

pub(super) async fn signal_types(State(app): State<Shared>) -> Answer<Response> {
    let all = app.signals.iter().map(|algorithm| json!({ "name": algorithm.name(), "enabled_ratio": 1.0 }));
    json::answer(&all.collect::<Vec<_>>())
}

pub(super) async fn content_types() -> Answer<Response> {
    json::answer(&json!([{ "name": "photo", "enabled": true }]))
}

/// What is loaded is what there is: nothing is ever behind.
pub(super) async fn index(State(app): State<Shared>, request: Request) -> Answer<Response> {
    let types = signal::chosen(&app, Values::of(request.uri().query()).list("signal_type"))?;
    let set = app.galleries.now();
    let all = types.iter().map(|algorithm| {
        let (size, newest) = (set.size(*algorithm), set.newest());
        let status = json!({ "db_size": size, "index_size": size, "index_out_of_date": false,
            "newest_db_item": newest, "index_built_to": newest });
        (algorithm.name(), status)
    });
    json::answer(&all.collect::<BTreeMap<_, _>>())
}
