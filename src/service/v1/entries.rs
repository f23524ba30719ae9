//! `/v1/galleries/NAME/entries`: entries of banks added, changed and removed; banks made and removed.

use std::borrow::Cow;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::super::app::{App, Ask, Shared, aside};
use super::super::banks::Banks;
use super::super::body::{self, Held, Size};
use super::super::json;
use super::super::problem::{Answer, Problem};
use crate::clock;
use crate::gallery::{Entry, suspicion};
use crate::state::banks::{Bank, Enabled, EntryChange, NewEntry};

/// Most entries of one request.
const MOST: usize = 10_000;

/// Longest body.
const LONGEST: u64 = 16 << 20;

/// Longest key and label of an entry, and longest note, in bytes.
const LONGEST_TEXT: usize = 1 << 10;
const LONGEST_NOTE: usize = 64 << 10;

/// Longest name of a bank.
const LONGEST_NAME: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Created {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Added<'a> {
    #[serde(borrow)]
    entries: Vec<One<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct One<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    label: Cow<'a, str>,
    #[serde(borrow, default)]
    note: Cow<'a, str>,
    #[serde(borrow)]
    photodna: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pdq: Option<Cow<'a, str>>,
    quality: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    /// Absent: as it is. Null: it matches.
    #[serde(default, deserialize_with = "given")]
    disable_until: Option<Option<String>>,
    note: Option<String>,
}

/// Tells null from nothing.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Debug, Serialize)]
struct Quarantined {
    index: usize,
    reason: &'static str,
}

/// `POST /v1/galleries`: makes a bank.
pub(super) async fn create(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let Created { name } = read(&app, request).await?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_named = name.chars().any(|c| c.is_ascii_alphanumeric());
    if !is_named || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(Problem::input(format!(
            "name: this must be 1 to {LONGEST_NAME} letters, digits, dots, hyphens and underscores, one of them a letter or a digit"
        )));
    }
    ask.check_name(&name)?;
    let work = app.clone();
    let made = aside(move || banks(&work)?.create(&name, 1.0, &work.galleries)).await?;
    let taken = || {
        Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            "name: there is a gallery of this name, or of one that HMA's clients take for the same",
        )
    };
    let bank = made.ok_or_else(taken)?;
    Ok(json::bytes_answer(
        StatusCode::CREATED,
        json!({ "name": bank.name, "kind": "bank" }).to_string().into_bytes(),
    ))
}

/// `DELETE /v1/galleries/NAME`: removes a bank with all entries.
pub(super) async fn remove_bank(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let work = app.clone();
    aside(move || {
        let bank = find(&work, &ask, &name)?;
        banks(&work)?.remove(&bank, &work.galleries)
    })
    .await?;
    json::answer(&json!({ "deleted": 1 }))
}

/// `POST …/entries`: adds entries; those that look as if they came from no picture are left out, and said.
pub(super) async fn add(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
    request: Request,
) -> Answer<Response> {
    let size = Size { most: LONGEST, times: 2 };
    let Held { bytes, permit: _held } = body::read(&app, request.into_body(), size).await?;
    let work = app.clone();
    let (ids, quarantined) = aside(move || {
        let bank = find(&work, &ask, &name)?;
        let (entries, quarantined) = json::read::<Added<'_>>(&bytes)?.taken()?;
        Ok((banks(&work)?.add(&bank, &entries, &work.galleries)?, quarantined))
    })
    .await?;
    json::answer(&json!({ "ids": ids, "quarantined": quarantined }))
}

/// `PUT …/entries/ID`: says until when an entry does not match, or notes something.
pub(super) async fn change(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
    request: Request,
) -> Answer<Response> {
    let change = read::<Changed>(&app, request).await?.change()?;
    let id = number(&id)?;
    let work = app.clone();
    let found = aside(move || {
        let bank = find(&work, &ask, &name)?;
        banks(&work)?.change_entry(&bank, id, &change, &work.galleries)
    });
    if found.await? { json::answer(&json!({ "changed": 1 })) } else { Err(no_entry()) }
}

/// `DELETE …/entries/ID`.
pub(super) async fn remove(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path((name, id)): Path<(String, String)>,
) -> Answer<Response> {
    let id = number(&id)?;
    let work = app.clone();
    let found = aside(move || {
        let bank = find(&work, &ask, &name)?;
        banks(&work)?.remove_entry(&bank, id, &work.galleries)
    });
    if found.await? { json::answer(&json!({ "deleted": 1 })) } else { Err(no_entry()) }
}

fn no_entry() -> Problem {
    Problem::not_found("the bank has no entry of this id")
}

fn number(id: &str) -> Answer<u64> {
    id.parse().map_err(|_| no_entry())
}

async fn read<T: serde::de::DeserializeOwned>(app: &App, request: Request) -> Answer<T> {
    let Held { bytes, permit: _held } =
        body::read(app, request.into_body(), Size { most: 64 << 10, times: 2 }).await?;
    json::read(&bytes)
}

fn banks(app: &App) -> Answer<&Banks> {
    let detail = "this service keeps no banks: start it with --data";
    app.banks.as_ref().ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no_banks", detail))
}

/// A bank that the key may see.
fn find(app: &App, ask: &Ask, name: &str) -> Answer<Bank> {
    match app.set(ask.galleries.as_deref()).get(name) {
        None => Err(Problem::not_found("no gallery of this name is served here")),
        Some(known) if !known.is_bank() => {
            let detail = "this gallery is a file, and read only: change it by `shadegrid gallery`";
            Err(Problem::new(StatusCode::CONFLICT, "read_only", detail))
        }
        Some(_) => banks(app)?.get(name),
    }
}

impl Added<'_> {
    /// The entries, and those that are left out.
    fn taken(self) -> Answer<(Vec<NewEntry>, Vec<Quarantined>)> {
        if self.entries.len() > MOST {
            return Err(Problem::limit(format!("entries: a request has at most {MOST}")));
        }
        let (mut entries, mut quarantined) = (Vec::new(), Vec::new());
        for (index, one) in self.entries.into_iter().enumerate() {
            let entry = one.entry().map_err(|wrong| Problem::input(format!("entries[{index}].{wrong}")))?;
            let looks = Entry::default().photodna(entry.photodna).pdq(entry.pdq);
            match suspicion(&looks) {
                Some(suspicion) => quarantined.push(Quarantined { index, reason: suspicion.name() }),
                None => entries.push(entry),
            }
        }
        Ok((entries, quarantined))
    }
}

impl One<'_> {
    fn entry(self) -> Result<NewEntry, String> {
        let photodna = self.photodna.as_deref().map(str::parse).transpose();
        let pdq = self.pdq.as_deref().map(str::parse).transpose();
        let photodna = photodna.map_err(|error: crate::error::Error| format!("photodna: {error}"))?;
        let pdq = pdq.map_err(|error: crate::error::Error| format!("pdq: {error}"))?;
        if photodna.is_none() && pdq.is_none() {
            return Err("photodna, pdq: one of them has to be given".to_string());
        }
        if self.quality.is_some_and(|quality| quality > 100) {
            return Err("quality: this must be 0 to 100".to_string());
        }
        for (name, text, most) in [
            ("key", &self.key, LONGEST_TEXT),
            ("label", &self.label, LONGEST_TEXT),
            ("note", &self.note, LONGEST_NOTE),
        ] {
            if text.len() > most {
                return Err(format!("{name}: this must have at most {most} bytes"));
            }
        }
        Ok(NewEntry {
            key: self.key.into_owned(),
            label: self.label.into_owned(),
            note: self.note.into_owned(),
            photodna,
            pdq,
            quality: self.quality,
            metadata: None,
        })
    }
}

impl Changed {
    fn change(self) -> Answer<EntryChange> {
        let wrong =
            || Problem::input("disable_until: this must be a time such as 2026-11-25T10:00:00Z, or null");
        let enabled = match self.disable_until {
            None => None,
            Some(None) => Some(Enabled::Always),
            Some(Some(text)) => {
                Some(Enabled::From(clock::seconds(&text).filter(|second| *second > 1).ok_or_else(wrong)?))
            }
        };
        Ok(EntryChange { enabled, note: self.note })
    }
}
