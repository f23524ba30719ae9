//! The face of abyss, which Bluesky's servers ask whether a blob is known: `POST /xrpc/com.atproto.unspecced.scanBlob`.
//!
//! The body is the blob, whatever its type. The query names the account and the record, which nothing here needs. A key of the service is the password
//! of HTTP Basic.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde::Serialize;

use super::app::{Ask, Shared};
use super::json;
use super::problem::Answer;
use super::scan::{self, Scanned};
use crate::pipeline::{Hit, Text};

/// The labels upon which clients take a record down.
const LABELS: [&str; 2] = ["csam", "csem"];

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new().route("/xrpc/com.atproto.unspecced.scanBlob", post(scan_blob)).with_state(Arc::clone(app))
}

#[derive(Debug, Serialize)]
struct Answered {
    /// What the blob is, in the network's own terms: the client knows better.
    blob: Option<()>,
    #[serde(rename = "match")]
    matched: Matched,
}

#[derive(Debug, Serialize)]
struct Matched {
    /// `success`, or `error` where nobody can say: clients then take the blob for one that was not looked at.
    status: &'static str,
    hits: Vec<Of>,
}

/// An entry that matched. Its signature, `hashValue` there, stays here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    hash_type: Text,
    label: &'static str,
    corpus: String,
}

async fn scan_blob(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let (_, scanned) = scan::scan(&app, &ask, request).await?;
    json::answer(&Answered { blob: None, matched: Matched::of(&scanned) })
}

impl Matched {
    fn of(scanned: &Scanned) -> Matched {
        let status = if scanned.is_known().is_some() { "success" } else { "error" };
        Matched { status, hits: scanned.hits.iter().map(Of::from).collect() }
    }
}

impl From<&Hit> for Of {
    fn from(hit: &Hit) -> Of {
        let matched = &hit.matched;
        Of {
            hash_type: matched.algorithm.clone(),
            label: scan::label(hit, &LABELS, LABELS[0]),
            corpus: matched.gallery.clone(),
        }
    }
}
