//! The face of Microsoft's PhotoDNA Cloud Service: its paths, names and codes, before our own galleries.
//!
//! Names of members and of the query are taken in any case. `EdgeHash` and `PreHash` values are Microsoft's own, and are refused.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use serde_json::Value;

use super::app::{App, Ask, Shared, aside, until};
use super::body::{self, Held, Size};
use super::choices::{Choices, Orientations, Thresholds, Wanted};
use super::fetching::Fetched;
use super::hashing::{Outcome, Work};
use super::json;
use super::looking::Look;
use super::options::PhotoDnaLimits;
use super::permits::Permit;
use super::pictures::{Picture, form_of, malformed, media_type};
use super::problem::{Answer, Problem};
use super::scan::{Scanned, hash_and_look_up};
use crate::decode::Format;
use crate::engine::PictureError;
use crate::gallery::Query;
use crate::pipeline::Hit;
use crate::signature::{Algorithm, PhotoDna};

mod answer;
mod report;
mod time;
mod value;
mod violations;

use answer::{Flag, Many, Matched, Status};
use value::{Given, any_case, given};

/// Most hashes of one `MatchHash`.
const MOST: usize = 5;

/// Microsoft's limits: bytes, pixels per side, and formats.
const CLOUD_BYTES: usize = 4 << 20;
const CLOUD_SIDE: u32 = 160;
const CLOUD_FORMATS: [Format; 5] = [Format::Gif, Format::Jpeg, Format::Png, Format::Bmp, Format::Tiff];

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new()
        .route("/photodna/v1.0/Match", post(match_picture))
        .route("/photodna/v1.0/MatchHash", post(match_hashes))
        .route("/photodna/v1.0/MatchEdgeHash", post(match_edge_hash))
        .route("/photodna/v1.0/Report", post(report::report))
        .with_state(Arc::clone(app))
}

/// `Match`: a picture as it is, inside JSON, or as a part of a form.
async fn match_picture(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let look = look(&app, &ask, request.uri().query())?;
    let given = match read_one(&app, request).await {
        Err(problem) if problem.status == StatusCode::PAYLOAD_TOO_LARGE => {
            return json::answer(&Matched::failed(Status::too_long()).tracked(&ask.request_id));
        }
        given => given?,
    };
    match given {
        (Given::Picture(bytes), permit) => picture(&app, &ask, look, bytes, permit).await,
        (Given::Hash(hash), mut permit) => {
            let matched = hashes(&app, &ask, look, &[hash], &mut permit).await?.pop();
            let matched = matched.ok_or_else(|| Problem::internal("the look-up was lost"))?;
            json::held_answer(&matched.tracked(&ask.request_id), permit)
        }
        (Given::Address(url), _permit) => address(&app, &ask, look, &url).await,
        (Given::Refused(status), _permit) => refused(&status, &ask),
    }
}

/// The picture at an address, which has to be fetched.
async fn address(app: &App, ask: &Ask, look: Look, url: &str) -> Answer<Response> {
    let begun = Instant::now();
    let Ok(fetching) = app.fetching() else {
        return refused(&Status::invalid("addresses are not fetched here: send the picture itself"), ask);
    };
    match until(ask.deadline(), fetching.only(url)).await {
        Ok(Fetched { bytes, permit: _held }) => {
            let permit = app.permits.begin(Some(0)).await?;
            picture(app, &ask.after(begun.elapsed()), look, bytes, permit).await
        }
        Err(problem) => match problem.status {
            StatusCode::BAD_REQUEST => {
                refused(&Status::invalid("the address is not one that is fetched here"), ask)
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                json::answer(&Matched::failed(Status::too_long()).tracked(&ask.request_id))
            }
            _ => Err(problem),
        },
    }
}

async fn picture(app: &App, ask: &Ask, look: Look, bytes: bytes::Bytes, permit: Permit) -> Answer<Response> {
    let choices = Choices::of(wanted(&look));
    let options = app.choices.hash(&choices, app.engine.options(), true);
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let look = Look { deadline: Some(work.deadline), ..look };
    let is_cloud = app.photodna_limits == PhotoDnaLimits::Cloud;
    if is_cloud && bytes.len() > CLOUD_BYTES {
        return json::answer(&Matched::failed(Status::too_long()).tracked(&ask.request_id));
    }
    let picture = Picture { key: String::new(), bytes };
    let Scanned { outcome, hits, permit, .. } =
        until(work.deadline, hash_and_look_up(app, &work, &look, &picture, permit)).await?;
    let refused = if is_cloud { beyond_the_cloud(&outcome) } else { None };
    let matched = match (&outcome, refused) {
        (Err(error), _) => Matched::failed(unhashed(error)),
        (Ok(_), Some(status)) => Matched::failed(status),
        (Ok(_), None) => Matched::of(flags(app, &look, &hits)),
    };
    json::held_answer(&matched.tracked(&ask.request_id), permit)
}

/// Why Microsoft's service takes no such picture, if it does not.
fn beyond_the_cloud(outcome: &Outcome) -> Option<Status> {
    let hashed = outcome.as_ref().ok()?;
    if !hashed.format.is_some_and(|format| CLOUD_FORMATS.contains(&format)) {
        return Some(Status::no_picture());
    }
    (hashed.width.min(hashed.height) < CLOUD_SIDE).then(Status::size)
}

/// `MatchHash`: one to five PhotoDNA-class signatures.
async fn match_hashes(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let look = look(&app, &ask, request.uri().query())?;
    let Held { bytes, mut permit } = body::read(&app, request.into_body(), SMALL).await?;
    let Ok(Value::Array(items)) = json::read(&bytes) else {
        return refused(&Status::invalid("the body must be a JSON array of hashes"), &ask);
    };
    if items.is_empty() || items.len() > MOST {
        return refused(&Status::invalid("the array must have 1 to 5 hashes"), &ask);
    }
    let mut all = Vec::new();
    for item in &items {
        match given(item) {
            Given::Hash(hash) => all.push(hash),
            Given::Refused(status) => return refused(&status, &ask),
            Given::Picture(_) | Given::Address(_) => {
                return refused(&Status::invalid("DataRepresentation must be Hash"), &ask);
            }
        }
    }
    let matched = hashes(&app, &ask, look, &all, &mut permit).await?;
    json::held_answer(&Many::of(matched, &ask.request_id), permit)
}

async fn match_edge_hash(Extension(ask): Extension<Ask>) -> Answer<Response> {
    refused(&Status::edge(), &ask)
}

/// The longest body with hashes: numbers with blanks between.
const SMALL: Size = Size { most: 64 << 10, times: 2 };

/// Reads what is to be matched.
async fn read_one(app: &App, request: Request) -> Answer<(Given, Permit)> {
    let (parts, body) = request.into_parts();
    let kind = media_type(&parts.headers);
    let times = if kind.is_some() { 2 } else { 1 };
    let most = app.limits.picture.saturating_mul(times);
    let Held { bytes, permit } = body::read(app, body, Size { most, times }).await?;
    let given = match kind.as_deref() {
        Some("application/json") => aside(move || Ok(given(&json::read::<Value>(&bytes)?))).await?,
        Some("multipart/form-data") => in_form(Request::from_parts(parts, bytes.into())).await?,
        _ => Given::Picture(bytes),
    };
    Ok((given, permit))
}

/// A form's part with the content, and `dataType` for what it is.
async fn in_form(request: Request) -> Answer<Given> {
    let (mut form, mut kind, mut content) = (form_of(request).await?, None, None);
    while let Some(part) = form.next_field().await.map_err(|_| malformed())? {
        match part.name().map(str::to_ascii_lowercase).as_deref() {
            Some("datatype") => kind = Some(part.text().await.map_err(|_| malformed())?.to_ascii_lowercase()),
            _ => content = Some(part.bytes().await.map_err(|_| malformed())?),
        }
    }
    let Some(content) = content else {
        return Ok(Given::Refused(Status::invalid("the form has no content")));
    };
    Ok(match kind.as_deref() {
        Some("hash" | "hashhex" | "hashbase64") => {
            value::hash(&String::from_utf8_lossy(&content), content.as_ref())
        }
        _ => Given::Picture(content),
    })
}

/// What counts as a match: PhotoDNA-class signatures alone, in all orientations where `enhance` is there.
fn look(app: &App, ask: &Ask, query: Option<&str>) -> Answer<Look> {
    let all = any_case(query, "enhance").is_some_and(|value| value != "false" && value != "0");
    let orientations = if all { Orientations::All } else { Orientations::Upright };
    let threshold = Some(Thresholds { photodna: Some(Algorithm::PhotoDna.threshold()), pdq: None });
    let algorithms = Some(vec![Algorithm::PhotoDna]);
    let wanted = Wanted { algorithms, orientations, threshold, ..Wanted::default() };
    Look::new(app, ask, None, wanted.search()?, None)
}

/// What is hashed for it: as much as for `/v1/match`, so that both have the same signature to the bit.
fn wanted(look: &Look) -> Wanted {
    let orientations = if look.options.all_orientations { Orientations::All } else { Orientations::Upright };
    Wanted { orientations, ..Wanted::default() }
}

async fn hashes(
    app: &App,
    ask: &Ask,
    look: Look,
    all: &[PhotoDna],
    permit: &mut Permit,
) -> Answer<Vec<Matched>> {
    app.spend(ask, all.len().saturating_sub(1));
    let deadline = ask.deadline();
    let look = Look { deadline: Some(deadline), ..look };
    let queries = all.iter().map(|hash| vec![(None, Query::default().photodna(Some(*hash)))]);
    let found = until(deadline, look.hits(app, &queries.collect::<Vec<_>>(), Some(permit))).await?;
    Ok(found.iter().map(|hits| Matched::of(flags(app, &look, hits))).collect())
}

/// One flag for each entry, nearest first; where distances are not shown, their order does not show them either.
fn flags(app: &App, look: &Look, hits: &[Hit]) -> Vec<Flag> {
    let mut hits: Vec<&Hit> = hits.iter().collect();
    if look.distances {
        hits.sort_by_key(|hit| hit.matched.distance);
    } else {
        hits.sort_by(|a, b| a.place().cmp(&b.place()));
    }
    let flag = |hit: &Hit| {
        let gallery = &hit.matched.gallery;
        let source = app.sources.get(gallery).unwrap_or(gallery);
        Flag::of(hit, look.set.number(hit), source, look.distances)
    };
    let mut flags: Vec<Flag> = hits.into_iter().map(flag).collect();
    let mut seen = std::collections::HashSet::new();
    flags.retain(|flag| seen.insert(flag.id()));
    flags
}

/// The code of the face for what is no picture that can be hashed.
fn unhashed(error: &PictureError) -> Status {
    match (error.code, error.limit.as_deref()) {
        ("limit", Some("max_file_bytes")) => Status::too_long(),
        ("limit", _) => Status::size(),
        ("corrupt" | "unsupported" | "input", _) => Status::no_picture(),
        _ => Status::failed(),
    }
}

fn refused(status: &Status, ask: &Ask) -> Answer<Response> {
    let matched = Matched::failed(status.clone()).tracked(&ask.request_id);
    let body = serde_json::to_vec(&matched).map_err(|_| Problem::internal("the answer cannot be written"))?;
    Ok(json::bytes_answer(StatusCode::BAD_REQUEST, body))
}
