//! `/c/…`: banks, which are galleries here, and what the face can do.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::app::{App, Ask, Shared, aside};
use super::super::galleries::{Known, Set};
use super::super::json;
use super::super::problem::Answer;
use super::signal::{self, Values, bank_name};
use super::{banks, content as contents};

#[derive(Debug, Serialize)]
struct Bank {
    name: String,
    matching_enabled_ratio: f64,
}

impl Bank {
    fn of(known: &Known) -> Bank {
        Bank { name: bank_name(&known.name), matching_enabled_ratio: known.ratio() }
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
    json::answer(&Bank::of(signal::bank(&set, &name)?))
}

/// An entry of a bank by the number that matches name.
pub(super) async fn content(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let values = Values::of(request.uri().query());
    let (signals, metadata) = (values.is("include_signals", false)?, values.is("include_metadata", true)?);
    let shown = aside(move || {
        let id: u64 = id.parse().map_err(|_| banks::no_content())?;
        let set = app.set(ask.galleries.as_deref());
        let known = signal::bank(&set, &name)?;
        if !known.is_bank() {
            return of_file(&app, &set, known, id, signals);
        }
        let bank = banks::find(&app, &ask, &name)?;
        let entry = banks::banks(&app)?.entry(&bank, id)?.ok_or_else(banks::no_content)?;
        Ok(contents::shown(&bank, &entry, signals, metadata))
    });
    json::answer(&shown.await?)
}

/// An entry of a file.
fn of_file(app: &App, set: &Set, bank: &Known, id: u64, with_signals: bool) -> Answer<Value> {
    let found = set.entry(id).filter(|(known, ..)| known.name == bank.name);
    let (known, gallery, entry) = found.ok_or_else(banks::no_content)?;
    let mut shown =
        json!({ "id": id, "disable_until_ts": 1, "original_media_uri": null, "bank": Bank::of(known) });
    if with_signals {
        let pdq = gallery.pdq(entry).map(|signature| Value::from(signature.to_string()));
        let photodna = gallery.photodna(entry).map(|signature| Value::from(signature.to_string()));
        let on = |name: &str| app.signals.iter().any(|algorithm| algorithm.name() == name);
        let signals = [("pdq", pdq), ("photodna", photodna)].into_iter().filter(|(name, _)| on(name));
        shown["signals"] = signals.filter_map(|(name, signal)| Some((name.to_string(), signal?))).collect();
    }
    Ok(shown)
}

pub(super) async fn signal_types(State(app): State<Shared>) -> Answer<Response> {
    let all = app.signals.iter().map(|algorithm| json!({ "name": algorithm.name(), "enabled_ratio": 1.0 }));
    json::answer(&all.collect::<Vec<_>>())
}

pub(super) async fn content_types() -> Answer<Response> {
    json::answer(&json!([{ "name": "photo", "enabled": true }]))
}

/// What is loaded is what there is: nothing is ever behind.
pub(super) async fn index(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let types = signal::chosen(&app, Values::of(request.uri().query()).list("signal_type"))?;
    let set = app.set(ask.galleries.as_deref());
    let all = types.iter().map(|algorithm| {
        let (size, newest) = (set.size(*algorithm), set.newest());
        let status = json!({ "db_size": size, "index_size": size, "index_out_of_date": false,
            "newest_db_item": newest, "index_built_to": newest });
        (algorithm.name(), status)
    });
    json::answer(&all.collect::<BTreeMap<_, _>>())
}
