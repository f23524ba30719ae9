//! `POST /v1/lookup`: signatures in, what they match out.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::app::{Ask, Shared, aside, until};
use super::super::body::{self, Held, Size};
use super::super::choices::{Orientations, Thresholds, Wanted, list};
use super::super::galleries::Checked;
use super::super::json;
use super::super::looking::Look;
use super::super::pictures::media_type;
use super::super::problem::{Answer, Problem};
use super::lines;
use super::query::{Answered, Asked, Read, answered, faces};

/// Most queries of one request.
const MOST: usize = 10_000;

/// Longest body: the longest queries, and some.
const LONGEST: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    queries: Vec<Asked<'a>>,
    algorithms: Option<Vec<String>>,
    galleries: Option<Vec<String>>,
    threshold: Option<Thresholds>,
    joint: Option<Thresholds>,
    #[serde(default)]
    orientations: Orientations,
    nearest: Option<usize>,
    quality_min: Option<u8>,
    #[serde(default)]
    include_flat: bool,
}

#[derive(Debug, Serialize)]
struct Results {
    results: Vec<Answered>,
    checked: Vec<Checked>,
}

pub(super) async fn look_up(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    match media_type(request.headers()).as_deref() {
        Some("application/x-ndjson" | "application/jsonl") => lines::look_up(&app, ask, request),
        Some("application/json") => in_json(&app, &ask, request).await,
        _ => {
            let detail = "Content-Type: a look-up is application/json or application/x-ndjson";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", detail))
        }
    }
}

async fn in_json(app: &Shared, ask: &Ask, request: Request) -> Answer<Response> {
    let size = Size { most: LONGEST, times: 2 };
    let Held { bytes, mut permit } = body::read(app, request.into_body(), size).await?;
    let deadline = ask.deadline();
    let (asked, wanted) = aside(move || json::read::<Body<'_>>(&bytes)?.taken()).await?;
    app.spend(ask, asked.len().saturating_sub(1));
    let look =
        Look::new(app, ask, wanted.galleries.as_deref(), wanted.search_for(ask.distances)?, Some(deadline))?;
    let found = until(deadline, look.found(app, &faces(&asked), Some(&mut permit))).await?;
    let checked = look.set.checked();
    aside(move || json::held_answer(&Results { results: answered(asked, found), checked }, permit)).await
}

impl Body<'_> {
    /// The queries, and what counts as a match.
    fn taken(self) -> Answer<(Vec<Read>, Wanted)> {
        if self.queries.len() > MOST {
            return Err(Problem::limit(format!(
                "queries: a request has at most {MOST}; send more as application/x-ndjson"
            )));
        }
        let algorithms = self.algorithms.map(|names| list(&names.join(","), "algorithms")).transpose()?;
        let wanted = Wanted {
            algorithms,
            galleries: self.galleries,
            threshold: self.threshold,
            joint: self.joint,
            orientations: self.orientations,
            nearest: self.nearest,
            quality_min: self.quality_min,
            include_flat: self.include_flat,
        };
        Ok((self.queries.into_iter().map(Asked::read).collect(), wanted))
    }
}
