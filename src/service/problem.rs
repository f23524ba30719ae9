//! What is wrong with a request, as an answer.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::engine::HashError;
use crate::error::Error;
use crate::report;

/// Why a request got no other answer. Its detail holds no signature, key, query string or file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// A short word for programs.
    pub(crate) code: &'static str,
    /// What happened and what to do, in a sentence.
    pub(crate) detail: String,
    /// Seconds after which another try makes sense.
    pub(crate) retry_after: Option<u64>,
    /// The rules that a report breaks.
    pub(crate) rules: Vec<report::Problem>,
}

/// Most broken rules that an answer names.
const MOST_RULES: usize = 1000;

/// A result whose error is the answer.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, code, detail: detail.into(), retry_after: None, rules: Vec::new() }
    }

    /// The request itself is wrong.
    pub(crate) fn input(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "input", detail)
    }

    /// Something is larger than it may be.
    pub(crate) fn limit(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// More is asked for than can be done at once.
    pub(crate) fn overloaded() -> Problem {
        let detail = "the service has as much to do as it can hold; try again after the time in Retry-After";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(1)
    }

    pub(crate) fn deadline() -> Problem {
        let detail = "the answer was not ready before the request's deadline; see the header Request-Timeout";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "deadline", detail)
    }

    /// A report breaks rules. What is no JSON is malformed; all else is well-formed and wrong.
    pub(crate) fn broken(mut rules: Vec<report::Problem>) -> Problem {
        let is_json = rules.iter().all(|problem| problem.rule != report::Rule::Json);
        let status = if is_json { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        let count = rules.len();
        rules.truncate(MOST_RULES);
        let shown =
            if count > MOST_RULES { format!(", of which {MOST_RULES} are shown") } else { String::new() };
        let detail = match &rules[..] {
            [only] if count == 1 => format!("the report cannot be taken: {only}"),
            _ => format!("the report breaks {count} rules{shown}; nothing of it is kept or sent"),
        };
        Problem { rules, ..Problem::new(status, "report", detail) }
    }

    /// A bug, or the system's fault.
    pub(crate) fn internal(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    /// Whether the request was turned away for the service's sake, and not for its own.
    pub(crate) fn is_shed(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 503 | 504)
    }

    /// The document of RFC 9457.
    pub(crate) fn document(&self, request_id: &str) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({ "type": "about:blank", "title": title, "status": self.status.as_u16(),
            "code": self.code, "detail": self.detail, "request_id": request_id });
        if !self.rules.is_empty() {
            body["problems"] = serde_json::to_value(&self.rules).unwrap_or_default();
        }
        self.answer(&body, "application/problem+json")
    }

    /// The same status with another body, and `Retry-After` where that makes sense.
    pub(crate) fn answer(&self, body: &Value, media_type: &'static str) -> Response {
        let mut response = (self.status, body.to_string()).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The problem travels with an empty answer; the front makes a document of it in the manner of the face that was asked.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of a picture's own error, by its code.
pub(crate) fn status_of(code: &str) -> StatusCode {
    match code {
        "corrupt" | "input" => StatusCode::UNPROCESSABLE_ENTITY,
        "unsupported" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "limit" => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Problem {
        match error {
            HashError::Picture(error) => Problem::new(status_of(error.code), error.code, error.message),
            HashError::Busy => Problem::overloaded(),
            HashError::DeadlineExceeded => Problem::deadline(),
        }
    }
}

/// An error of the library about something that a request said.
impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Input(_) | Error::NoPicture(_) | Error::Unsupported(_) => {
                Problem::input(error.to_string())
            }
            Error::Limit { .. } => Problem::limit(error.to_string()),
            _ => Problem::internal("the system failed; the log of the service says more"),
        }
    }
}
