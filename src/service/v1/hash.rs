//! `POST /v1/hash`: pictures in, their records out.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::super::app::{Ask, Shared, until};
use super::super::choices::Choices;
use super::super::hashing::{Work, Worked};
use super::super::permits::Permit;
use super::super::pictures::{self, Given, Pictures};
use super::super::problem::Answer;
use super::super::{json, record};

pub(super) async fn hash(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let choices = Choices::read(request.uri().query(), false)?;
    let options = app.choices.hash(&choices, app.engine.options(), false);
    let Pictures { all, single, permit } = pictures::read(&app, request, choices.key).await?;
    app.spend(&ask, all.len().saturating_sub(1));
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let worked = until(work.deadline, work.all(&app, &all)).await?;
    let lines = all.iter().zip(&worked).map(|(given, worked)| line(given, worked));
    let lines = lines.collect::<Answer<Vec<_>>>()?;
    Ok(answer(single, lines, &worked, permit))
}

/// What a record has besides, where it is asked for.
#[derive(Debug, Serialize)]
struct Drawn {
    grid: Vec<i64>,
}

fn line(given: &Given, worked: &Worked) -> Answer<Vec<u8>> {
    let record = record::of(given.key(), worked, None);
    match record::grid(&worked.outcome) {
        Some(grid) => record::line_with(&record, &Drawn { grid }),
        None => record::line(&record),
    }
}

/// One record with the status of its picture, or many with 200.
pub(super) fn answer(single: bool, mut lines: Vec<Vec<u8>>, worked: &[Worked], permit: Permit) -> Response {
    let (status, json) = match (single, worked) {
        (true, [worked]) => (record::status(&worked.outcome), lines.swap_remove(0)),
        _ => (StatusCode::OK, record::list(&lines)),
    };
    json::held_bytes(status, json, permit)
}
