//! Who looks: a person with a key of their own, for a working day.
//!
//! The key is typed in once, for a cookie that no script reads and no other site sends (`HttpOnly`, `SameSite=Strict`), and that ends after 8 hours. Every
//! change comes with a token that only a page of ours has: it is made of the session, which nobody else knows.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::header::{COOKIE, ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::super::app::{App, Shared, aside};
use super::super::problem::{Answer, Problem};
use super::form::Fields;
use super::{ask as ask_review, frame, now, to};
use crate::random::digits;
use crate::state::keys::{Key, Scope};

/// The cookie's name.
const NAME: &str = "shadegrid_review";

/// Seconds of a session: 8 hours.
const LASTS: i64 = 8 * 3600;

/// Whoever is signed in.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) key: Arc<Key>,
    session: String,
}

impl Person {
    /// What stands for them in rows and in the audit: the id of their key.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }

    /// What their pages call them.
    pub(super) fn name(&self) -> &str {
        if self.key.name.is_empty() { &self.key.id } else { &self.key.name }
    }

    /// Whether they may ask for reports, and take them back.
    pub(super) fn may_report(&self) -> bool {
        self.key.may(Scope::Report)
    }

    /// Refuses who may not.
    pub(super) fn check_report(&self) -> Answer<()> {
        let detail = "the key lacks the scope report";
        self.may_report().then_some(()).ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "scope", detail))
    }

    /// What a page of theirs sends with a change.
    pub(super) fn token(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(b"shadegrid review form\0");
        digest.update(self.session.as_bytes());
        digits(&digest.finalize())
    }

    async fn of(app: &Shared, headers: &HeaderMap) -> Answer<Option<Person>> {
        app.reviewing()?;
        let Some(session) = cookie(headers) else { return Ok(None) };
        let app = app.clone();
        aside(move || {
            let (Some(state), Some(keys)) = (&app.state, &app.keys) else { return Ok(None) };
            let id = state.session(&session, now())?;
            let key = id.and_then(|id| keys.valid(&id)).filter(|key| key.may(Scope::Review));
            Ok(key.map(|key| Person { key, session }))
        })
        .await
    }
}

/// The session of a request.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, value)| value.to_string())
}

/// Whoever is not signed in is asked to do so where they only look, and refused where they change something.
impl FromRequestParts<Shared> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Person, Response> {
        match Person::of(app, &parts.headers).await {
            Ok(Some(person)) => Ok(person),
            Ok(None) if parts.method == Method::GET => Err(to("/review/sign-in")),
            Ok(None) => {
                let detail = "you are not signed in, or no longer: nothing was changed";
                Err(Problem::new(StatusCode::UNAUTHORIZED, "session", detail).into_response())
            }
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// A change that a person asks for by a form of ours.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) person: Person,
    pub(super) fields: Fields,
}

impl FromRequest<Shared> for Change {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Shared) -> Result<Change, Response> {
        let (mut parts, body) = request.into_parts();
        let person = Person::from_request_parts(&mut parts, app).await?;
        let fields = Fields::read(app, &parts.headers, body).await.map_err(IntoResponse::into_response)?;
        if bool::from(person.token().as_bytes().ct_eq(fields.text("csrf").as_bytes())) {
            return Ok(Change { person, fields });
        }
        let detail = "the form is not one of this session's pages: nothing was changed; open the page again";
        Err(Problem::new(StatusCode::FORBIDDEN, "form", detail).into_response())
    }
}

/// The page that asks for a key.
pub(super) async fn ask(State(app): State<Shared>) -> Answer<Response> {
    app.reviewing()?;
    Ok(frame::sign_in(StatusCode::OK, ""))
}

/// Takes a key, and gives a cookie.
pub(super) async fn sign_in(State(app): State<Shared>, request: Request) -> Answer<Response> {
    app.reviewing()?;
    let (parts, body) = request.into_parts();
    let fields = Fields::read(&app, &parts.headers, body).await?;
    let Some(key) = app.keys.as_ref().and_then(|keys| keys.of_text(fields.text("key"))) else {
        let why = "The key is not known, has ended or was revoked.";
        return Ok(frame::sign_in(StatusCode::UNAUTHORIZED, why));
    };
    if !key.may(Scope::Review) {
        return Ok(frame::sign_in(StatusCode::FORBIDDEN, "The key lacks the scope review."));
    }
    let session = begin(&app, &key).await?;
    Ok(with_cookie(to("/review"), &session, LASTS, is_secure(&app, &parts.headers)))
}

async fn begin(app: &Shared, key: &Arc<Key>) -> Answer<String> {
    let (begun, person) = (app.clone(), key.id.clone());
    ask_review(app, move |review| Ok(review.begin(&person, now())?)).await?;
    let (id, now) = (key.id.clone(), now());
    aside(move || {
        let state = begun.state.as_ref().ok_or_else(|| Problem::internal("there is no folder"))?;
        Ok(state.begin_session(&id, now, now + LASTS * 1000)?)
    })
    .await
}

/// Ends the session.
pub(super) async fn sign_out(State(app): State<Shared>, change: Change) -> Answer<Response> {
    let session = change.person.session;
    let ending = app.clone();
    aside(move || Ok(ending.state.as_ref().map_or(Ok(()), |state| state.end_session(&session))?)).await?;
    Ok(with_cookie(to("/review/sign-in"), "", 0, app.has_tls))
}

/// Whether the browser came by HTTPS: to us, or to what stands in front, which only the browser says.
fn is_secure(app: &App, headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    app.has_tls || origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn with_cookie(response: Response, session: &str, lasts: i64, is_secure: bool) -> Response {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{NAME}={session}; Path=/review; HttpOnly; SameSite=Strict; Max-Age={lasts}{secure}");
    ([(SET_COOKIE, cookie)], response).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let of = |texts: &[&str]| cookie(&texts.iter().map(|text| (COOKIE, text.parse().unwrap())).collect());
        assert_eq!(of(&["shadegrid_review=abc"]).as_deref(), Some("abc"));
        assert_eq!(of(&["a=1; shadegrid_review=abc; b=2"]).as_deref(), Some("abc"));
        assert_eq!(of(&["a=1", "shadegrid_review=abc"]).as_deref(), Some("abc"));
        for none in [&[][..], &["shadegrid_review"], &["x_shadegrid_review=abc"], &["a=shadegrid_review"]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn cookies_keep_to_this_site() {
        let cookie = |is_secure| {
            let response = with_cookie(to("/review"), "s", LASTS, is_secure);
            response.headers()[SET_COOKIE].to_str().unwrap().to_string()
        };
        let plain = "shadegrid_review=s; Path=/review; HttpOnly; SameSite=Strict; Max-Age=28800";
        assert_eq!((cookie(false), cookie(true)), (plain.to_string(), format!("{plain}; Secure")));
    }
}
