//! The faces: whose manner of speaking a request and its errors have.

use axum::response::Response;
use serde_json::json;

use super::problem::Problem;

/// Who a client believes to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    /// Us.
    Own,
    /// Microsoft's PhotoDNA Cloud Service.
    PhotoDna,
    /// Meta's Hasher-Matcher-Actioner.
    Hma,
}

impl Face {
    /// The name in logs and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Face::Own => "v1",
            Face::PhotoDna => "photodna",
            Face::Hma => "hma",
        }
    }

    /// A problem in the face's own form.
    pub(crate) fn problem(self, problem: &Problem, request_id: &str) -> Response {
        match self {
            Face::Own => problem.document(request_id),
            Face::PhotoDna => {
                let body = json!({ "statusCode": problem.status.as_u16(), "message": problem.detail });
                problem.answer(&body, "application/json")
            }
            Face::Hma => {
                let body = json!({ "message": problem.detail });
                problem.answer(&body, "application/json")
            }
        }
    }
}
