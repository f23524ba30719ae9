//! `POST /v1/hash`: pictures in, their records out.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::super::app::{Ask, Shared, until};
use super::super::choices::Choices;
use super::super::hashing::{Outcome, Work};
use super::super::pictures::{self, Picture, Pictures};
use super::super::problem::Answer;
use super::super::{json, record};

pub(super) async fn hash(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let choices = Choices::read(request.uri().query(), false)?;
    let options = app.choices.hash(&choices, app.engine.options(), false);
    let Pictures { all, single, permit: _held } = pictures::read(&app, request, choices.key).await?;
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let outcomes = until(work.deadline, work.all(&app, &all)).await?;
    let lines = all.iter().zip(&outcomes).map(|(picture, outcome)| line(picture, outcome));
    let lines = lines.collect::<Answer<Vec<_>>>()?;
    Ok(answer(single, lines, &outcomes))
}

/// What a record has besides, where it is asked for.
#[derive(Debug, Serialize)]
struct Drawn {
    grid: Vec<i64>,
}

fn line(picture: &Picture, outcome: &Outcome) -> Answer<Vec<u8>> {
    let record = record::of(picture, outcome, None);
    match record::grid(outcome) {
        Some(grid) => record::line_with(&record, &Drawn { grid }),
        None => record::line(&record),
    }
}

/// One record with the status of its picture, or many with 200.
pub(super) fn answer(single: bool, mut lines: Vec<Vec<u8>>, outcomes: &[Outcome]) -> Response {
    match (single, outcomes) {
        (true, [outcome]) => json::bytes_answer(record::status(outcome), lines.swap_remove(0)),
        _ => json::bytes_answer(StatusCode::OK, record::list(&lines)),
    }
}
