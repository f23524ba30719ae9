//! What is every stand-in's own: the clock that is set, and the faults that are asked for.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Faults;
use super::http::{Asked, Reply};
use super::time::{seconds, text};
use crate::service::json;

/// The paths that are the stand-in's own.
pub(super) const OWN: &str = "/_standin/";

/// Clock and faults.
pub(super) struct Control {
    /// Where the clock stands still; `None`: it is the real one.
    pub(super) stands: Option<i64>,
    pub(super) faults: Faults,
}

/// The body of a request that sets the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Now {
    #[serde(deserialize_with = "seconds")]
    now: Option<i64>,
}

impl Control {
    pub(super) fn new(faults: Faults) -> Control {
        Control { stands: None, faults }
    }

    /// The time, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let since = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.stands.unwrap_or_else(|| i64::try_from(since().as_secs()).unwrap_or(i64::MAX))
    }

    /// Answers a request for one of [`OWN`] paths; `None` where it is for neither clock nor faults.
    pub(super) fn own(&mut self, asked: &Asked, path: &str) -> Result<Option<Value>, String> {
        match (&asked.method, path) {
            (&Method::POST, "clock") => {
                let read: Now = json::read(asked.body()).map_err(|problem| problem.detail)?;
                self.stands = read.now;
                Ok(Some(json!({ "now": text(self.now()) })))
            }
            (&Method::POST, "faults") => {
                self.faults.replace(asked.body())?;
                Ok(Some(json!({ "faults": self.faults.left() })))
            }
            _ => Ok(None),
        }
    }
}

/// The answer to a request for one of [`OWN`] paths.
pub(super) fn own_reply(answer: Result<Option<Value>, String>) -> Reply {
    match answer {
        Ok(Some(answer)) => Reply::json(200, &answer),
        Ok(None) => Reply::json(404, &json!({ "error": "there is nothing here" })),
        Err(why) => Reply::json(400, &json!({ "error": why })),
    }
}
