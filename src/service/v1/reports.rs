//! `/v1/reports`: reports to NCMEC submitted, listed, shown, taken back and tried again.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::super::app::{Ask, Shared, aside};
use super::super::body::{self, Held, Size};
use super::super::json;
use super::super::pictures::media_type;
use super::super::problem::{Answer, Problem};
use super::super::reports::{Page, check_count};
use super::super::review::check_viewed;
use crate::report::{Item, ItemState};

/// How often a body is held while it is read: as it came, as a report, and as what is checked and kept.
const TIMES: u64 = 3;

/// Reports of a page, unless the request says how many, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// The longest idempotency key.
const LONGEST_KEY: usize = 255;

/// A page of reports, the newest first.
#[derive(Debug, Serialize)]
struct List {
    reports: Vec<Item>,
    /// What `before` has to be for the next page; null on the last one.
    next: Option<String>,
}

/// Keeps a report. It is on the disk, with its files, before this answers.
pub(super) async fn submit(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    app.reports()?;
    let key = idempotency_key(request.headers())?;
    if media_type(request.headers()).as_deref() != Some("application/json") {
        let detail = "Content-Type: a report is application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", detail));
    }
    let size = Size { most: app.limits.request, times: TIMES };
    let Held { bytes, permit } = body::read(&app, request.into_body(), size).await?;
    let most = app.limits.pictures;
    let submitted = aside(move || {
        // Work that was begun is finished, and its bytes are held until then, whether or not somebody waits for the answer.
        let _permit = permit;
        let reports = app.reports()?;
        let report = reports.parse(&bytes)?;
        check_count(&report, most)?;
        check_viewed(&app, &report)?;
        drop(bytes);
        reports.take(&key, report, &ask.who())
    });
    let submitted = submitted.await?;
    let answer =
        json!({ "id": submitted.id, "state": submitted.state.name(), "mode": submitted.mode.word() });
    let mut response = json::bytes_answer(StatusCode::ACCEPTED, answer.to_string().into_bytes());
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/reports/{}", submitted.id)) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// What tells a report from others. Without it, who does not know whether a request arrived could only file twice or not at all.
fn idempotency_key(headers: &HeaderMap) -> Answer<String> {
    let wrong = || {
        Problem::input(format!(
            "Idempotency-Key: a report needs this header, 1 to {LONGEST_KEY} visible characters that no other report has: sent again under the same key, it is \
             the same report"
        ))
    };
    let mut all = headers.get_all("idempotency-key").iter();
    let (Some(key), None) = (all.next(), all.next()) else { return Err(wrong()) };
    let key = key.to_str().map_err(|_| wrong())?.trim();
    let is_right = (1..=LONGEST_KEY).contains(&key.len()) && !key.chars().any(char::is_control);
    if is_right { Ok(key.to_string()) } else { Err(wrong()) }
}

/// `GET /v1/reports`.
pub(super) async fn list(State(app): State<Shared>, request: Request) -> Answer<Response> {
    app.reports()?;
    let page = page(request.uri().query())?;
    let most = page.most;
    let mut reports = aside(move || app.reports()?.page(&page)).await?;
    let is_more = reports.len() > most;
    reports.truncate(most);
    let next = reports.last().filter(|_| is_more).map(|item| item.id.clone());
    json::answer(&List { reports, next })
}

fn page(query: Option<&str>) -> Answer<Page> {
    let mut page = Page { state: None, before: None, most: USUAL };
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "state" => page.state = Some(state(&value)?),
            "before" => page.before = Some(value.into_owned()),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                page.most = limit
                    .ok_or_else(|| Problem::input(format!("limit must be a number from 1 to {MOST}")))?;
            }
            _ => return Err(Problem::input("the parameters of this list are state, before and limit")),
        }
    }
    Ok(page)
}

fn state(value: &str) -> Answer<ItemState> {
    let names = || ItemState::ALL.map(ItemState::name).join(", ");
    value.parse().map_err(|_| Problem::input(format!("state must be one of {}", names())))
}

/// `GET /v1/reports/ID`.
pub(super) async fn show(State(app): State<Shared>, Path(id): Path<String>) -> Answer<Response> {
    json::answer(&aside(move || app.reports()?.show(&id)).await?)
}

/// `POST /v1/reports/ID/retract`: 200 where it is done, 202 where it is stopped before its next step.
pub(super) async fn retract(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let item = aside(move || app.reports()?.retract(&id, &ask.who())).await?;
    let mut response = json::answer(&item)?;
    if !item.state.is_settled() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(response)
}

/// `POST /v1/reports/ID/retry`.
pub(super) async fn retry(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(id): Path<String>,
) -> Answer<Response> {
    let item = aside(move || app.reports()?.retry(&id, &ask.who())).await?;
    let mut response = json::answer(&item)?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}
