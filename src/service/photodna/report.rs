//! `Report`: what a client wants NCMEC to know becomes a report of the outbox.
//!
//! A client of the face sends no key by which its report is known, so the body is the key: sent again byte for byte, it is the same report. What is answered with
//! 200 is on the disk.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::super::app::{Ask, Shared, aside};
use super::super::body::{self, Held, Size};
use super::super::json;
use super::super::problem::{Answer, Problem};
use super::super::reports::{Reports, check_count};
use super::answer::{Reported, Status};
use super::violations;
use crate::random::digits;
use crate::report::{Item, ItemState, Problem as Broken, Report, parse_json};

/// How often a body is held: as it came, as a report, and as what is checked and kept.
const TIMES: u64 = 3;

pub(super) async fn report(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    if app.reports.is_none() {
        let detail = "this service takes no reports: start it with --reports";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "unsupported", detail));
    }
    let size = Size { most: app.limits.request, times: TIMES };
    let Held { bytes, permit } = match body::read(&app, request.into_body(), size).await {
        // A status of success would pass for a report that is kept.
        Err(problem) if problem.status == StatusCode::PAYLOAD_TOO_LARGE => {
            return answer(problem.status, &Reported::refused(Status::too_long(), &ask.request_id));
        }
        held => held?,
    };
    let who = ask.who();
    let kept = aside(move || {
        let _permit = permit;
        keep(app.reports()?, bytes, app.limits.pictures, &who)
    });
    match kept.await? {
        Ok(id) => answer(StatusCode::OK, &Reported::kept(&id)),
        Err((code, status)) => answer(code, &Reported::refused(status, &ask.request_id)),
    }
}

fn answer(code: StatusCode, reported: &Reported) -> Answer<Response> {
    let mut response = json::answer(reported)?;
    *response.status_mut() = code;
    Ok(response)
}

/// The id of the report that is kept, or why none is.
fn keep(
    reports: &Reports,
    bytes: Bytes,
    most: usize,
    who: &str,
) -> Answer<Result<String, (StatusCode, Status)>> {
    let key = format!("photodna:{}", digits(digest(&SHA256, &bytes).as_ref()));
    let report = match read(reports, &bytes) {
        Ok(report) => report,
        Err(problems) => return Ok(Err(refused(&problems))),
    };
    drop(bytes);
    if let Err(problem) = check_count(&report, most) {
        return Ok(Err((problem.status, Status::broken("the report has too many files", problem.detail))));
    }
    if let Some(known) = reports.outbox().item_of(&key).map_err(|error| reports.failed(&error))? {
        return Ok(known_before(known));
    }
    match reports.take(&key, report, who) {
        Ok(submitted) => Ok(Ok(submitted.id)),
        Err(problem) if !problem.rules.is_empty() => Ok(Err(refused(&problem.rules))),
        Err(problem) => Err(problem),
    }
}

fn read(reports: &Reports, bytes: &[u8]) -> Result<Report, Vec<Broken>> {
    let wrong = |why: String| vec![Broken::new("", crate::report::Rule::Json, why)];
    let text = str::from_utf8(bytes).map_err(|_| wrong("the body is no text in UTF-8".into()))?;
    let given = parse_json(text).map_err(wrong)?;
    let (report, mut problems) = violations::report(given, reports.options());
    match reports.outbox().read(report) {
        Ok(report) if problems.is_empty() => Ok(report),
        checked => {
            problems.extend(checked.err().into_iter().flatten());
            Err(problems)
        }
    }
}

/// The same was sent before: whoever lost the answer gets it again, unless that report will not be filed.
fn known_before(known: Item) -> Result<String, (StatusCode, Status)> {
    let what = match known.state {
        ItemState::Failed => "failed here, and wants a person",
        ItemState::Retracted | ItemState::Cancelled => "was taken back here",
        ItemState::Erased if known.finished.is_none() => "was taken back here",
        _ => return Ok(known.id),
    };
    let status = Status::broken("the report is not filed", format!("the same report, {}, {what}", known.id));
    Err((StatusCode::CONFLICT, status))
}

/// Every broken rule, by the names that the client knows.
fn refused(problems: &[Broken]) -> (StatusCode, Status) {
    let mut named: Vec<String> = Vec::new();
    for problem in problems {
        let one = match violations::named(&problem.path) {
            name if name.is_empty() => problem.message.clone(),
            name => format!("{name}: {}", problem.message),
        };
        if !named.contains(&one) && named.len() < MOST {
            named.push(one);
        }
    }
    (StatusCode::BAD_REQUEST, Status::broken("the report breaks rules, and is not kept", named.join("; ")))
}

/// Most broken rules that an answer names.
const MOST: usize = 100;
