//! One picture that is hashed and looked up: what the faces ask for that know nothing else.

use axum::extract::Request;
use bytes::Bytes;

use super::app::{App, Ask, until};
use super::body::{self, Held, Size};
use super::choices::Choices;
use super::hashing::{Outcome, Work};
use super::looking::{Faces, Look};
use super::permits::Permit;
use super::pictures::Picture;
use super::problem::Answer;
use crate::pipeline::{Hit, faces_of};

/// What one picture gave.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) outcome: Outcome,
    pub(crate) hits: Vec<Hit>,
    /// Whether any of its signatures was looked up.
    was_searched: bool,
    /// For the picture, and for what was found.
    pub(crate) permit: Permit,
}

impl Scanned {
    /// Whether the picture is known; `None` where nobody can say: it has no signatures, or none that could be looked up.
    pub(crate) fn is_known(&self) -> Option<bool> {
        self.was_searched.then_some(!self.hits.is_empty())
    }
}

/// What a match is called by the faces that have one word for it. Galleries are of known abuse, so what entries are labelled does not matter, unless their label
/// is one of the words itself.
pub(crate) fn label<'a>(hit: &Hit, words: &[&'a str], usual: &'a str) -> &'a str {
    words.iter().copied().find(|word| *word == hit.matched.label).unwrap_or(usual)
}

/// Reads the picture that is the body of a request, whatever its type is said to be; hashes it, and looks it up everywhere.
pub(crate) async fn scan(app: &App, ask: &Ask, request: Request) -> Answer<(Bytes, Scanned)> {
    let choices = Choices::default();
    let look = Look::new(app, ask, None, choices.wanted.search()?, None)?;
    let size = Size { most: app.limits.picture, times: 1 };
    let Held { bytes, permit } = body::read(app, request.into_body(), size).await?;
    let options = app.choices.hash(&choices, app.engine.options(), true);
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let look = Look { deadline: Some(work.deadline), ..look };
    let picture = Picture { key: String::new(), bytes };
    let scanned = until(work.deadline, hash_and_look_up(app, &work, &look, &picture, permit)).await?;
    Ok((picture.bytes, scanned))
}

/// Hashes one picture and looks it up.
pub(crate) async fn hash_and_look_up(
    app: &App,
    work: &Work,
    look: &Look,
    picture: &Picture,
    mut permit: Permit,
) -> Answer<Scanned> {
    let outcome = work.one(app, picture).await?;
    let faces: Vec<Faces> = outcome.iter().map(|hashed| faces_of(hashed).collect()).collect();
    let hits = look.hits(app, &faces, Some(&mut permit)).await?.into_iter().flatten().collect();
    let was_searched = faces.iter().any(|faces| look.searches(faces));
    Ok(Scanned { outcome, hits, was_searched, permit })
}
