//! The review at `/review`: a queue of matches, one item after the other, and what becomes of them.
//!
//! Pages are made here, of the rows as they are, and work without JavaScript but for one thing: a picture is shown as it is while a person holds a button or
//! a key. Whoever looks is signed in with a key of their own. Pictures that leave here are small ones that the engine's threads make of the evidence, grey
//! and blurred unless they are held; the evidence itself never leaves by this way.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::app::{Shared, aside};
use super::problem::{Answer, Problem};
use crate::review::{Refusable, Refusal, Review};

mod blurring;
mod deciding;
mod entering;
mod filing;
mod form;
pub(super) mod frame;
mod html;
mod item;
mod pictures;
mod queue;
mod reports;
mod session;
mod trail;
mod viewing;

pub(crate) use entering::{check, keep};
pub(crate) use frame::utc;
pub(crate) use queue::filter;
pub(crate) use viewing::check_viewed;

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new()
        .route("/review", get(queue::show))
        .route("/review/next", post(queue::next))
        .route("/review/sign-in", get(session::ask).post(session::sign_in))
        .route("/review/sign-out", post(session::sign_out))
        .route("/review/settings", get(queue::settings).post(queue::choose))
        .route("/review/break", post(queue::pause))
        .route("/review/items/{id}", get(item::show))
        .route("/review/items/{id}/take", post(deciding::take))
        .route("/review/items/{id}/release", post(deciding::release))
        .route("/review/items/{id}/decide", post(deciding::decide))
        .route("/review/items/{id}/reopen", post(deciding::reopen))
        .route("/review/items/{id}/erase", post(deciding::erase))
        .route("/review/items/{id}/report", get(filing::ask).post(filing::submit))
        .route("/review/items/{id}/pictures/{place}/{view}", get(pictures::blurred))
        .route("/review/items/{id}/pictures/{place}/{view}/reveal", post(pictures::revealed))
        .route("/review/reports", get(reports::show))
        .route("/review/reports/{id}/retry", post(reports::retry))
        .route("/review/reports/{id}/retract", post(reports::retract))
        .route("/review/audit", get(trail::show))
        .route("/review/page.css", get(frame::style))
        .route("/review/page.js", get(frame::script))
        .with_state(Arc::clone(app))
}

/// Asks the review where no other request waits for the disk.
async fn ask<T: Send + 'static>(
    app: &Shared,
    work: impl FnOnce(&Review) -> Refusable<T> + Send + 'static,
) -> Answer<T> {
    let app = app.clone();
    aside(move || Ok(work(app.reviewing()?.review())?)).await
}

/// What a query string says under a name.
fn asked(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Shows another page next.
fn to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_string())]).into_response()
}

/// The page of an item.
fn to_item(id: &str) -> Response {
    to(&format!("/review/items/{id}"))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let conflict = |detail: &str| Problem::new(StatusCode::CONFLICT, "review", detail);
        match refusal {
            Refusal::Missing => Problem::not_found("there is no such item or picture"),
            Refusal::Held => conflict("somebody else holds this item; take the next one"),
            Refusal::NotHeld => conflict(
                "you do not hold this item, or held it for longer than 10 minutes: nothing was changed; take it and look again",
            ),
            Refusal::State(state) => conflict(&format!(
                "the item is {}, and this needs another state; nothing was changed",
                state.name()
            )),
            Refusal::Failed(error) => error.into(),
        }
    }
}
