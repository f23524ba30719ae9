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
use super::hashing::{file, hashed};
use super::signal::{self, Values, read_only};
use crate::state::banks::{Bank, Enabled, Entry, EntryChange, NewEntry, now};

/// Farthest time until which content can be disabled: five years.
const FARTHEST: i64 = 5 * 366 * 86_400;

pub(super) fn banks(app: &App) -> Answer<&Banks> {
    app.banks.as_ref().ok_or_else(read_only)
}

/// `POST /c/banks`.
pub(super) async fn create(State(app): State<Shared>, request: Request) -> Answer<Response> {
    banks(&app)?;
    let body = object(&app, request).await?;
    let name = named(body.get("name").and_then(Value::as_str).unwrap_or_default())?;
    let ratio = ratio(&body)?.unwrap_or(1.0);
    let work = app.clone();
    let made = aside(move || banks(&work)?.create(&name, ratio, &work.galleries)).await?;
    let bank = made.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "conflict", "Bank already exists"))?;
    Ok(json::bytes_answer(StatusCode::CREATED, shown(&bank).to_string().into_bytes()))
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
        banks(&work)?.change(&bank, &name, ratio, &work.galleries)
    });
    let taken = || Problem::new(StatusCode::FORBIDDEN, "conflict", "Bank name already exists");
    json::answer(&shown(&changed.await?.ok_or_else(taken)?))
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
    let values = Values::of(request.uri().query());
    if values.get("url").is_some() {
        return Err(super::hashing::fetch().await);
    }
    if media_type(request.headers()) != Some("multipart/form-data") {
        return Err(Problem::input("Neither `url` nor multipart file upload was received"));
    }
    let (metadata, note) = (values.get("metadata").map(metadata), values.get("note").map(String::from));
    let (picture, _permit) = file(&app, request).await?;
    let hashed = hashed(&app, &ask, app.signals.clone(), picture).await?;
    let signals = app
        .signals
        .iter()
        .map(|algorithm| (algorithm.name().to_string(), signal::of(*algorithm, &hashed).into()));
    let mut entry = entry(&app, &signals.filter(|(_, signal): &(String, Value)| signal != "").collect())?;
    entry.quality = hashed.pdq.as_ref().map(|hash| hash.quality);
    (entry.metadata, entry.note) = (metadata, note.unwrap_or_default());
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
    let note = signals.remove("note").and_then(|note| note.as_str().map(String::from));
    let metadata = signals.remove("metadata").map(|value| value.to_string());
    let entry = NewEntry { note: note.unwrap_or_default(), metadata, ..entry(&app, &signals)? };
    add(app, ask, name, entry).await
}

async fn add(app: Shared, ask: Ask, name: String, entry: NewEntry) -> Answer<Response> {
    let signals = signals(&entry);
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
    let enabled = body.get("disable_until_ts").map(enabled).transpose()?;
    let note = body.get("note").and_then(Value::as_str).map(String::from);
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
    json::answer(&content(&bank, &entry, false, false))
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
        let Ok(id) = id.parse() else { return Ok(false) };
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

pub(super) fn shown(bank: &Bank) -> Value {
    json!({ "name": signal::bank_name(&bank.name), "matching_enabled_ratio": bank.ratio })
}

/// An entry as the face shows it.
pub(super) fn content(bank: &Bank, entry: &Entry, with_signals: bool, with_metadata: bool) -> Value {
    let mut shown = json!({ "id": entry.id, "disable_until_ts": entry.enabled.number(), "enabled": entry.enabled.now(),
        "original_media_uri": null, "bank": self::shown(bank), "note": entry.entry.note });
    if with_signals {
        shown["signals"] = signals(&entry.entry).into();
    }
    if with_metadata {
        let metadata = entry.entry.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok());
        shown["metadata"] = metadata.unwrap_or(Value::Null);
    }
    shown
}

fn signals(entry: &NewEntry) -> Map<String, Value> {
    let pdq = entry.pdq.map(|signature| ("pdq".to_string(), signature.to_string().into()));
    let photodna = entry.photodna.map(|signature| ("photodna".to_string(), signature.to_string().into()));
    pdq.into_iter().chain(photodna).collect()
}

/// Signals by their types.
fn entry(app: &App, signals: &Map<String, Value>) -> Answer<NewEntry> {
    let mut entry = NewEntry::default();
    for (name, value) in signals {
        let query = signal::query(signal::signal_type(app, name)?, value.as_str().unwrap_or_default())?;
        entry.photodna = query.photodna.or(entry.photodna);
        entry.pdq = query.pdq.or(entry.pdq);
    }
    if entry.photodna.is_none() && entry.pdq.is_none() {
        return Err(Problem::input("No signals given, or the picture's quality is too low for one"));
    }
    Ok(entry)
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
    match is_plain && !name.is_empty() && name.len() <= 255 && !name.starts_with(|c: char| c.is_ascii_digit())
    {
        true => Ok(name.to_string()),
        false => Err(Problem::input("name: this must match [A-Z_][A-Z0-9_]*")),
    }
}

/// `enabled_ratio`, or `enabled`; numbers and booleans may be texts.
fn ratio(body: &Map<String, Value>) -> Answer<Option<f64>> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), String::from);
    let wrong = || Problem::input("enabled_ratio: this must be a number from 0 to 1");
    if let Some(value) = body.get("enabled_ratio") {
        let ratio: f64 = text(value).parse().map_err(|_| wrong())?;
        return if (0.0..=1.0).contains(&ratio) { Ok(Some(ratio)) } else { Err(wrong()) };
    }
    Ok(body
        .get("enabled")
        .map(|value| f64::from(u8::from(["true", "1"].contains(&text(value).to_ascii_lowercase().as_str())))))
}

/// `disable_until_ts`: 0 is never, 1 always, else a second since 1970.
fn enabled(value: &Value) -> Answer<Enabled> {
    let second = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    match second {
        Some(second) if (0..=now() + FARTHEST).contains(&second) => Ok(Enabled::of(second)),
        Some(_) => {
            Err(Problem::input("disable_until_ts must be 0 or more, and less than 5 years in the future"))
        }
        None => Err(Problem::input("disable_until_ts must be a whole number")),
    }
}

/// HMA's object, or whatever it is as `json`.
fn metadata(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => Value::Object(object).to_string(),
        Ok(other) => json!({ "json": other }).to_string(),
        Err(_) => json!({ "json": text }).to_string(),
    }
}

pub(super) fn no_content() -> Problem {
    Problem::not_found("content not found")
}
