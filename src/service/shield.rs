//! The face of Project Arachnid's Shield: `v1/media/`, `v1/pdq/` and `v1/url/` below `/shield/`, as its own clients ask.
//!
//! A key of the service is the password of HTTP Basic, whatever the user's name. Shield says by which known file a match is, in SHA-1 and SHA-256;
//! galleries hold signatures and no such sums, so these members are null.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde::{Deserialize, Serialize};

use super::app::{Ask, Shared, aside, until};
use super::body::{self, Held, Size};
use super::choices::Wanted;
use super::json;
use super::looking::{Faces, Look};
use super::problem::{Answer, Problem, status_of};
use super::scan::{self, Scanned};
use crate::gallery::Query;
use crate::pipeline::Hit;
use crate::signature::Pdq;

/// Most hashes of one request.
const MOST: usize = 10_000;

/// Longest body with hashes.
const SMALL: Size = Size { most: 1 << 20, times: 2 };

/// The classes of material. The greatest that any match has is the picture's.
const CSAM: &str = "csam";
const HARMFUL: &str = "harmful-abusive-material";
const NONE: &str = "no-known-match";

/// Its routes.
pub(crate) fn router(app: &Shared) -> Router {
    Router::new()
        .route("/shield/v1/media/", post(media))
        .route("/shield/v1/pdq/", post(pdq))
        .route("/shield/v1/url/", post(url))
        .with_state(Arc::clone(app))
}

/// What is said of a file.
#[derive(Debug, Serialize)]
struct Media {
    size_bytes: usize,
    sha1_base32: String,
    sha256_hex: String,
    /// Null where nobody can say.
    classification: Option<&'static str>,
    match_type: Option<&'static str>,
    near_match_details: Vec<Near>,
}

/// An entry that matched.
#[derive(Debug, Serialize)]
struct Near {
    /// Where in a video it is; pictures have 0.
    timestamp: f64,
    sha1_base32: Option<String>,
    sha256_hex: Option<String>,
    classification: &'static str,
}

async fn media(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let (bytes, scanned) = scan::scan(&app, &ask, request).await?;
    if let Err(error) = &scanned.outcome {
        return Err(Problem::new(status_of(error.code), error.code, error.message.clone()));
    }
    aside(move || json::answer(&Media::of(&bytes, &scanned))).await
}

impl Media {
    fn of(bytes: &Bytes, scanned: &Scanned) -> Media {
        let is_known = scanned.is_known();
        Media {
            size_bytes: bytes.len(),
            sha1_base32: base32(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref()),
            sha256_hex: digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            classification: is_known.map(|_| classification(&scanned.hits)),
            match_type: is_known.filter(|known| *known).map(|_| "near"),
            near_match_details: scanned.hits.iter().map(Near::of).collect(),
        }
    }
}

impl Near {
    fn of(hit: &Hit) -> Near {
        Near { timestamp: 0.0, sha1_base32: None, sha256_hex: None, classification: class(hit) }
    }
}

fn class(hit: &Hit) -> &'static str {
    scan::label(hit, &[CSAM, HARMFUL], CSAM)
}

fn classification(hits: &[Hit]) -> &'static str {
    let classes: Vec<&str> = hits.iter().map(class).collect();
    [CSAM, HARMFUL].into_iter().find(|class| classes.contains(class)).unwrap_or(NONE)
}

/// RFC 4648, without padding: 20 bytes need none.
fn base32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digit = |bits: u64| char::from(DIGITS[(bits & 31) as usize]);
    let groups = bytes.chunks(5).flat_map(|group| {
        let all = group.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        let all = all << (8 * (5 - group.len()));
        let digits = (group.len() * 8).div_ceil(5);
        (0..digits).map(move |at| digit(all >> (35 - 5 * at)))
    });
    groups.collect()
}

#[derive(Debug, Deserialize)]
struct Hashes {
    hashes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Scanning {
    scanned_hashes: BTreeMap<String, OfHash>,
}

/// What is said of a hash.
#[derive(Debug, Serialize)]
struct OfHash {
    classification: Option<&'static str>,
    match_type: Option<&'static str>,
    near_match_details: Option<Near>,
}

/// `{"hashes":["…base64…"]}`: PDQ signatures.
async fn pdq(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let Held { bytes, mut permit } = body::read(&app, request.into_body(), SMALL).await?;
    let (hashes, queries) = aside(move || queries(json::read::<Hashes>(&bytes)?.hashes)).await?;
    app.spend(&ask, queries.len().saturating_sub(1));
    let look = Look::new(&app, &ask, None, Wanted::default().search()?, Some(ask.deadline()))?;
    let found = until(ask.deadline(), look.hits(&app, &queries, Some(&mut permit))).await?;
    let of = |(faces, hits): (&Faces, Vec<Hit>)| OfHash {
        classification: look.searches(faces).then(|| classification(&hits)),
        match_type: (!hits.is_empty()).then_some("near"),
        near_match_details: hits.first().map(Near::of),
    };
    let answers = queries.iter().zip(found).map(of);
    json::answer(&Scanning { scanned_hashes: hashes.into_iter().zip(answers).collect() })
}

fn queries(hashes: Vec<String>) -> Answer<(Vec<String>, Vec<Faces>)> {
    if hashes.len() > MOST {
        return Err(Problem::limit(format!("hashes: a request has at most {MOST}")));
    }
    let queries = hashes.iter().enumerate().map(|(at, text)| {
        let wrong = || Problem::input(format!("hashes[{at}]: this must be a PDQ hash of 32 bytes as base64"));
        let bytes = BASE64.decode(text).map_err(|_| wrong())?;
        // By its digits, whose order is everybody's.
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let pdq: Pdq = digits.parse().map_err(|_| wrong())?;
        Ok(vec![(None, Query::default().pdq(Some(pdq)))])
    });
    let queries = queries.collect::<Answer<Vec<Faces>>>()?;
    Ok((hashes, queries))
}

async fn url() -> Problem {
    Problem::input("addresses are not fetched here: send the file itself to v1/media/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn hashes_are_pdq_signatures() {
        let right = BASE64.encode([7; 32]);
        assert_eq!(queries(vec![right.clone(); 3]).unwrap().1.len(), 3);
        for wrong in ["", "x", &BASE64.encode([7; 31]), &BASE64.encode([7; 144])] {
            let problem = queries(vec![right.clone(), wrong.to_string()]).unwrap_err();
            assert!(problem.status == 400 && problem.detail.starts_with("hashes[1]"), "{}", problem.detail);
        }
        assert_eq!(queries(vec![right; MOST + 1]).unwrap_err().status, 413);
    }
}
