//! `/c/bank…`: banks and their content, changed as HMA's clients change them.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::super::app::{App, Ask, Shared, aside};
use super::super::banks::Banks;
use super::super::body::{self, Held, Size};
use super::super::json;
use super::super::pictures::media_type;
use super::super::problem::{Answer, Problem};
use super::content;
use super::hashing::{Form, fetched, hashed};
use super::signal::{self, Values, read_only};
use crate::state::banks::{Bank, EntryChange, NewEntry};

pub(super) fn banks(app: &App) -> Answer<&Banks> {
    app.banks.as_ref().ok_or_else(read_only)
}

/// `POST /c/banks`.
pub(super) async fn create(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    banks(&app)?;
    let body = object(&app, request).await?;
    let name = named(body.get("name").and_then(Value::as_str).unwrap_or_default())?;
    let ratio = ratio(&body)?.unwrap_or(1.0);
    ask.check_name(&name)?;
    let work = app.clone();
    let made = aside(move || banks(&work)?.create(&name, ratio, &work.galleries));
    let taken = || Problem::new(StatusCode::FORBIDDEN, "conflict", "Bank already exists");
    let bank = made.await?.ok_or_else(taken)?;
    Ok(json::bytes_answer(StatusCode::CREATED, content::bank(&bank).to_string().into_bytes()))
}

/// `PUT /c/bank/N`: another name, another share.
pub(super) async fn change(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
    request: Request,
) -> Answer<Response> {
    let body = object(&app, request).await?;
    let new = body.get("name").and_then(Value::as_str).map(named).transpose()?;
    let ratio = ratio(&body)?;
    let work = app.clone();
    let changed = aside(move || {
        let bank = find(&work, &ask, &name)?;
        let (name, ratio) = (new.unwrap_or_else(|| bank.name.clone()), ratio.unwrap_or(bank.ratio));
        ask.check_name(&name)?;
        banks(&work)?.change(&bank, &name, ratio, &work.galleries)
    });
    let taken = || Problem::new(StatusCode::FORBIDDEN, "conflict", "Bank name already exists");
    json::answer(&content::bank(&changed.await?.ok_or_else(taken)?))
}

/// `DELETE /c/bank/N`: done, whether or not there was one.
pub(super) async fn remove(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let work = app.clone();
    let removed = aside(move || {
        let bank = find(&work, &ask, &name)?;
        banks(&work)?.remove(&bank, &work.galleries)
    });
    match removed.await {
        Err(problem) if problem.status != StatusCode::NOT_FOUND => Err(problem),
        _ => json::answer(&json!({ "message": "Done" })),
    }
}

/// `POST /c/bank/N/content`: a picture's signals.
pub(super) async fn add_content(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
    request: Request,
) -> Answer<Response> {
    find(&app, &ask, &name)?;
    let mut values = Values::of(request.uri().query());
    let types = signal::chosen(&app, values.list("types"))?;
    let hashed = if values.get("url").is_some() {
        fetched(&app, &ask, types.clone(), &values).await?
    } else if media_type(request.headers()).as_deref() == Some("multipart/form-data") {
        let form = Form::read(&app, request).await?;
        values = form.values;
        hashed(&app, &ask, types.clone(), form.file).await?
    } else {
        return Err(Problem::input("Neither `url` nor multipart file upload was received"));
    };
    let note = values.get("note").map(Value::from);
    let metadata = values.given("metadata").map(content::metadata).transpose()?.flatten();
    let signals =
        types.iter().map(|algorithm| (algorithm.name().to_string(), signal::of(*algorithm, &hashed).into()));
    let signals = signals.filter(|(_, signal): &(String, Value)| signal != "").collect();
    let entry = NewEntry {
        quality: hashed.pdq.as_ref().map(|hash| hash.quality),
        note: content::note(note.as_ref())?.unwrap_or_default(),
        metadata,
        ..content::entry(&app, &signals)?
    };
    add(app, ask, name, entry).await
}

/// `POST /c/bank/N/signal`: signals as they are.
pub(super) async fn add_signal(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
    request: Request,
) -> Answer<Response> {
    find(&app, &ask, &name)?;
    let mut signals = object(&app, request).await?;
    let note = content::note(signals.remove("note").as_ref())?.unwrap_or_default();
    let metadata = signals.remove("metadata").map(|value| content::metadata(&value.to_string()));
    let entry =
        NewEntry { note, metadata: metadata.transpose()?.flatten(), ..content::entry(&app, &signals)? };
    add(app, ask, name, entry).await
}

async fn add(app: Shared, ask: Ask, name: String, entry: NewEntry) -> Answer<Response> {
    let signals = content::signals(&entry);
    let ids = aside(move || {
        let bank = find(&app, &ask, &name)?;
        banks(&app)?.add(&bank, &[entry], &app.galleries)
    });
    json::answer(&json!({ "id": ids.await?.first(), "signals": signals }))
}

/// `PUT /c/bank/N/content/ID`.
pub(super) async fn change_content(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let body = object(&app, request).await?;
    let enabled = body.get("disable_until_ts").map(content::enabled).transpose()?;
    let note = content::note(body.get("note"))?;
    let work = app.clone();
    let found = aside(move || {
        let bank = find(&work, &ask, &name)?;
        let id = id.parse().map_err(|_| no_content())?;
        let change = EntryChange { enabled, note };
        if !banks(&work)?.change_entry(&bank, id, &change, &work.galleries)? {
            return Err(no_content());
        }
        Ok((banks(&work)?.entry(&bank, id)?.ok_or_else(no_content)?, bank))
    });
    let (entry, bank) = found.await?;
    json::answer(&content::changed(&bank, &entry))
}

/// `DELETE /c/bank/N/content/ID`.
pub(super) async fn remove_content(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
) -> Answer<Response> {
    let work = app.clone();
    let found = aside(move || {
        let bank = find(&work, &ask, &name)?;
        let id = id.parse().map_err(|_| no_content())?;
        banks(&work)?.remove_entry(&bank, id, &work.galleries)
    });
    json::answer(&json!({ "deleted": u64::from(found.await?) }))
}

/// A bank that the key may see and that is no file.
pub(super) fn find(app: &App, ask: &Ask, name: &str) -> Answer<Bank> {
    let set = app.set(ask.galleries.as_deref());
    let known = signal::bank(&set, name)?;
    if known.is_bank() { banks(app)?.get(&known.name) } else { Err(read_only()) }
}

async fn object(app: &App, request: Request) -> Answer<Map<String, Value>> {
    let size = Size { most: 64 << 10, times: 2 };
    let Held { bytes, permit: _held } = body::read(app, request.into_body(), size).await?;
    match json::read(&bytes)? {
        Value::Object(object) => Ok(object),
        _ => Err(Problem::input("the body must be a JSON object")),
    }
}

/// Names of banks are capitals, digits and underscores.
fn named(name: &str) -> Answer<String> {
    let is_plain = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let is_named = name.chars().any(|c| c.is_ascii_alphanumeric());
    match is_plain && is_named && name.len() <= 255 && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => Ok(name.to_string()),
        false => Err(Problem::input("name: this must match [A-Z_][A-Z0-9_]*, and have a letter or a digit")),
    }
}

/// `enabled_ratio`, or `enabled`; numbers and booleans may be texts, and `null` says nothing.
fn ratio(body: &Map<String, Value>) -> Answer<Option<f64>> {
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(value) => Some(value.to_string()),
    };
    if let Some(text) = text("enabled_ratio") {
        let ratio = text.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        return ratio
            .map(Some)
            .ok_or_else(|| Problem::input("enabled_ratio: this must be a number from 0 to 1"));
    }
    let enabled = text("enabled").map(|text| signal::flag("enabled", &text)).transpose()?;
    Ok(enabled.map(|enabled| f64::from(u8::from(enabled))))
}

pub(super) fn no_content() -> Problem {
    Problem::not_found("content not found")
}
