//! The faces: whose manner of speaking a request and its errors have.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::problem::Problem;
use super::review::frame;

/// Who a client believes to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    /// Us.
    Own,
    /// Microsoft's PhotoDNA Cloud Service.
    PhotoDna,
    /// Meta's Hasher-Matcher-Actioner.
    Hma,
    /// Project Arachnid's Shield.
    Shield,
    /// Bluesky's abyss.
    Abyss,
    /// What pict-rs asks about uploads.
    PictRs,
    /// A person's browser, at the review.
    Review,
}

impl Face {
    /// The name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Face::Own => "v1",
            Face::PhotoDna => "photodna",
            Face::Hma => "hma",
            Face::Shield => "shield",
            Face::Abyss => "abyss",
            Face::PictRs => "pict-rs",
            Face::Review => "review",
        }
    }

    /// A problem in the face's own form.
    pub(crate) fn problem(self, problem: &Problem, request_id: &str) -> Response {
        match self {
            Face::Own | Face::PictRs => problem.document(request_id),
            Face::Review => frame::problem(problem, request_id),
            Face::PhotoDna => {
                let body = json!({ "statusCode": problem.status.as_u16(), "message": problem.detail });
                problem.answer(&body, "application/json")
            }
            Face::Hma => {
                let body = json!({ "message": problem.detail });
                problem.answer(&body, "application/json")
            }
            Face::Shield => {
                let body = json!({ "detail": problem.detail });
                basic(problem.answer(&body, "application/json"))
            }
            Face::Abyss => {
                let body = json!({ "error": problem.code, "message": problem.detail });
                basic(problem.answer(&body, "application/json"))
            }
        }
    }
}

/// Asks for a password instead of a token.
fn basic(mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static("Basic realm=\"shadegrid\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    response
}
