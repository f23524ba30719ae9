//! What is done with an item.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::app::Shared;
use super::super::problem::{Answer, Problem};
use super::form::Fields;
use super::session::Change;
use super::{ask, now, to, to_item};
use crate::report::model::words::{Classification, IncidentType};
use crate::review::{Decision, Refusable, Review, Verdict};

/// Characters of the longest note.
const NOTE: usize = 4_000;

/// Does something with an item, for a person.
async fn with(
    app: &Shared,
    id: &str,
    change: &Change,
    work: impl FnOnce(&Review, &str, &str) -> Refusable<()> + Send + 'static,
) -> Answer<()> {
    let (id, person) = (id.to_string(), change.person.id().to_string());
    ask(app, move |review| work(review, &id, &person)).await
}

pub(super) async fn take(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    with(&app, &id, &change, |review, id, person| review.take(id, person, now())).await?;
    Ok(to_item(&id))
}

pub(super) async fn release(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    with(&app, &id, &change, |review, id, person| review.release(id, person)).await?;
    Ok(to("/review"))
}

pub(super) async fn decide(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    let decision = decision(&change.fields)?;
    with(&app, &id, &change, move |review, id, person| review.decide(id, person, &decision, now())).await?;
    Ok(to_item(&id))
}

pub(super) async fn reopen(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    with(&app, &id, &change, |review, id, person| review.reopen(id, person, now())).await?;
    Ok(to_item(&id))
}

pub(super) async fn erase(
    State(app): State<Shared>,
    Path(id): Path<String>,
    change: Change,
) -> Answer<Response> {
    if !change.fields.is_ticked("sure") {
        return Err(Problem::input("sure: tick that the pictures are to be erased; nothing was changed"));
    }
    with(&app, &id, &change, |review, id, person| review.erase(id, person, now())).await?;
    Ok(to_item(&id))
}

/// What a form decides. What is confirmed has a kind of incident; what is not, has neither kind nor class.
fn decision(fields: &Fields) -> Answer<Decision> {
    let verdict = fields.choice("verdict", Verdict::of)?;
    let verdict = verdict.ok_or_else(|| Problem::input("verdict: choose one; nothing was changed"))?;
    let note = fields.bounded("note", NOTE)?;
    let confirms = verdict == Verdict::Confirm;
    let (class, kind) = (classification(fields)?, incident(fields)?);
    if confirms && kind.is_none() {
        return Err(Problem::input(
            "incident: what is confirmed needs a type of incident; nothing was changed",
        ));
    }
    Ok(Decision {
        verdict,
        note,
        classification: class.filter(|_| confirms),
        incident: kind.filter(|_| confirms),
    })
}

/// The industry's class.
fn classification(fields: &Fields) -> Answer<Option<Classification>> {
    fields.choice("classification", |word| serde_json::from_value(word.into()).ok())
}

/// The type of incident.
pub(super) fn incident(fields: &Fields) -> Answer<Option<IncidentType>> {
    fields.choice("incident", |word| serde_json::from_value(word.into()).ok())
}
