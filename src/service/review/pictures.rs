//! Pictures of items: grey and blurred as long as nobody holds them.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::app::{Shared, aside, until};
use super::super::problem::{Answer, Problem};
use super::blurring::Shown;
use super::session::{Change, Person};
use super::{ask, frame, now};
use crate::hasher::Hashed;
use crate::picture::Picture as Pixels;
use crate::review::{Picture, Sitting};

/// How long making a small picture may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// The id of an item, the place of a picture in it, and 0 or the place of a face.
type Place = Path<(String, usize, usize)>;

/// A view as it is always shown.
pub(super) async fn blurred(
    State(app): State<Shared>,
    person: Person,
    Path((id, place, view)): Place,
) -> Answer<Response> {
    let (picture, sitting) = picture(&app, &person, &id, place).await?;
    let pixels = small(&app, &picture, view).await?;
    let png = aside(move || {
        let shown = Shown::of(&pixels);
        let shown = if sitting.settings.is_grey { shown.grey() } else { shown };
        Ok(shown.blurred(sitting.settings.blur).png()?)
    });
    Ok(frame::picture(png.await?))
}

/// A view as it is, for as long as a person holds it. It is written down before it is sent.
pub(super) async fn revealed(
    State(app): State<Shared>,
    Path((id, place, view)): Place,
    change: Change,
) -> Answer<Response> {
    let (picture, sitting) = picture(&app, &change.person, &id, place).await?;
    let pixels = small(&app, &picture, view).await?;
    let person = change.person.id().to_string();
    ask(&app, move |review| review.reveal(&id, place, view, &person, now())).await?;
    let shown = Shown::of(&pixels);
    let shown = if sitting.settings.is_grey { shown.grey() } else { shown };
    Ok(frame::picture(aside(move || Ok(shown.png()?)).await?))
}

/// A picture of an item, and what the person chose.
async fn picture(app: &Shared, person: &Person, id: &str, place: usize) -> Answer<(Picture, Sitting)> {
    let (id, person) = (id.to_string(), person.id().to_string());
    let found = ask(app, move |review| Ok((review.picture(&id, place)?, review.sitting(&person)?)));
    let (picture, sitting) = found.await?;
    Ok((picture.ok_or_else(no_view)?, sitting))
}

/// A view of the evidence, small, as the engine's threads make it.
async fn small(app: &Shared, picture: &Picture, view: usize) -> Answer<Pixels> {
    let face = view.checked_sub(1).map(|at| picture.matched.faces.get(at).ok_or_else(no_view)).transpose()?;
    let _held = app.permits.take(picture.bytes).await?;
    let evidence = picture.evidence.clone();
    let bytes = ask(app, move |review| Ok(review.bytes(&evidence)?)).await?;
    let request = app.engine.hash(Bytes::from(bytes)).options(&app.reviewing()?.shown).deadline(PATIENCE);
    let hashing = request.submit()?;
    let deadline = std::time::Instant::now() + PATIENCE;
    let hashed = until(deadline, async { Ok(hashing.await?) }).await?;
    view_of(hashed, face.map(String::as_str)).ok_or_else(no_view)
}

/// The picture that was hashed, or the face of this name.
fn view_of(hashed: Hashed, face: Option<&str>) -> Option<Pixels> {
    match face {
        None => hashed.thumbnail,
        Some(name) => hashed
            .faces
            .into_iter()
            .find(|face| face.face.to_string() == name)
            .and_then(|face| face.thumbnail),
    }
}

fn no_view() -> Problem {
    Problem::not_found("there is no such item or picture")
}
