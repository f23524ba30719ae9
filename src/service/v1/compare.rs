//! `POST /v1/compare`: how far apart two pairs of signatures are.

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::app::Shared;
use super::super::body::{self, Held, Size};
use super::super::json;
use super::super::problem::{Answer, Problem};
use crate::signature::{Algorithm, Pdq, PhotoDna};

/// Longest body, in bytes.
const LONGEST: u64 = 64 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    a: Side<'a>,
    #[serde(borrow)]
    b: Side<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Side<'a> {
    #[serde(borrow)]
    photodna: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pdq: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
struct Comparison {
    #[serde(skip_serializing_if = "Option::is_none")]
    photodna: Option<Distance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdq: Option<Distance>,
}

#[derive(Debug, Serialize)]
struct Distance {
    distance: u32,
    threshold: u32,
    matched: bool,
}

pub(super) async fn compare(State(app): State<Shared>, request: Request) -> Answer<Response> {
    let size = Size { most: LONGEST, times: 2 };
    let Held { bytes, permit: _held } = body::read(&app, request.into_body(), size).await?;
    let body: Body<'_> = json::read(&bytes)?;
    let photodna = both::<PhotoDna>(&body, "photodna", |side| side.photodna.as_deref())?;
    let pdq = both::<Pdq>(&body, "pdq", |side| side.pdq.as_deref())?;
    if photodna.is_none() && pdq.is_none() {
        return Err(Problem::input("a, b: both need a signature of the same kind, photodna or pdq"));
    }
    json::answer(&Comparison {
        photodna: photodna.map(|(a, b)| Distance::of(Algorithm::PhotoDna, a.distance(&b))),
        pdq: pdq.map(|(a, b)| Distance::of(Algorithm::Pdq, a.distance(&b))),
    })
}

/// Both sides' signatures of one kind, where both have one.
fn both<T: std::str::FromStr<Err = crate::error::Error>>(
    body: &Body<'_>,
    name: &str,
    text: impl for<'a> Fn(&'a Side<'_>) -> Option<&'a str>,
) -> Answer<Option<(T, T)>> {
    let read = |side: &Side<'_>, which: &str| {
        let parsed = text(side).map(str::parse).transpose();
        parsed.map_err(|error: crate::error::Error| Problem::input(format!("{which}.{name}: {error}")))
    };
    Ok(read(&body.a, "a")?.zip(read(&body.b, "b")?))
}

impl Distance {
    fn of(algorithm: Algorithm, distance: u32) -> Distance {
        let threshold = algorithm.threshold();
        Distance { distance, threshold, matched: distance <= threshold }
    }
}
