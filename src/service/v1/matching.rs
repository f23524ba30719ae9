//! `POST /v1/match`: pictures in, their records with what they match out.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::super::app::{App, Ask, Shared, until};
use super::super::choices::Choices;
use super::super::hashing::{Work, Worked};
use super::super::looking::{FaceHits, Faces, Look, Looked, Matches};
use super::super::permits::Permit;
use super::super::pictures::{self, Given, Pictures};
use super::super::problem::Answer;
use super::super::{record, review};
use super::hash::answer;
use crate::pipeline::faces_of;

pub(super) async fn look_up(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let choices = Choices::read(request.uri().query(), true)?;
    let (options, search) =
        (app.choices.hash(&choices, app.engine.options(), true), choices.wanted.search_for(ask.distances)?);
    let look = Look::new(&app, &ask, choices.wanted.galleries.as_deref(), search, None)?;
    if choices.review {
        app.reviewing()?;
    }
    let Pictures { all, single, mut permit } = pictures::read(&app, request, choices.key).await?;
    if choices.review {
        review::check(&all)?;
    }
    app.spend(&ask, all.len().saturating_sub(1));
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let look = Look { deadline: Some(work.deadline), ..look };
    let worked = until(work.deadline, work.all(&app, &all)).await?;
    let found = until(work.deadline, found(&app, &look, &worked, &mut permit)).await?;
    let reviewed = match choices.review {
        true => until(work.deadline, review::keep(&app, &ask, (&all, &worked), &found)).await?,
        false => vec![None; all.len()],
    };
    let lines = lines(&look, (&all, &worked), found, reviewed)?;
    Ok(answer(single, lines, &worked, permit))
}

/// What each picture matches; `None` for those that failed.
async fn found(
    app: &App,
    look: &Look,
    worked: &[Worked],
    permit: &mut Permit,
) -> Answer<Vec<Option<FaceHits>>> {
    let hashed = worked.iter().filter_map(|worked| worked.outcome.as_ref().ok());
    let hashed: Vec<Faces> = hashed.map(|hashed| faces_of(hashed).collect()).collect();
    let hits = look.hits(app, &hashed, Some(permit)).await?;
    let mut found = hashed.into_iter().zip(hits);
    Ok(worked.iter().map(|worked| worked.outcome.is_ok().then(|| found.next()).flatten()).collect())
}

/// The records with what they match.
fn lines(
    look: &Look,
    (pictures, worked): (&[Given], &[Worked]),
    found: Vec<Option<FaceHits>>,
    reviewed: Vec<Option<String>>,
) -> Answer<Vec<Vec<u8>>> {
    let records = pictures.iter().zip(worked).zip(found.into_iter().zip(reviewed));
    let records = records.map(|((given, worked), (found, review))| {
        let (matched, matches, unsearched) = match found.map(|(faces, hits)| look.said(&faces, hits)) {
            Some(found) => (Some(found.matched), Some(found.matches), found.unsearched),
            None => (None, None, ["photodna", "pdq"].map(|name| format!("{name}: no signature")).into()),
        };
        let (whole, matches) = match matches {
            Some(Matches::Whole(whole)) => (Some(whole), None),
            Some(Matches::WithoutDistances(matches)) => (None, Some(matches)),
            None => (None, None),
        };
        let grid = record::grid(&worked.outcome);
        let checked = if matched.is_some() { look.set.checked() } else { Vec::new() };
        record::line_with(
            &record::of(given.key(), worked, whole),
            &Looked { matched, matches, grid, unsearched, checked, review },
        )
    });
    records.collect()
}
