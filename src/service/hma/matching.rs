//! `/m/…`: signals and pictures looked up, signals compared.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::app::{App, Ask, Shared, until};
use super::super::body::{self, Held, Size};
use super::super::choices::{Thresholds, Wanted};
use super::super::galleries::Set;
use super::super::json;
use super::super::looking::Look;
use super::super::permits::Permit;
use super::super::problem::{Answer, Problem};
use super::hashing::{Form, fetched, hashed};
use super::signal::{self, Values, bank_name};
use crate::gallery::Query;
use crate::hasher::Hashed;
use crate::random;
use crate::signature::{Algorithm, Pdq, PhotoDna};

/// An entry that matched.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Matched {
    bank_content_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    distance: Option<String>,
    #[serde(skip)]
    bank: String,
}

/// What matched, and the right to hold it.
struct Matches {
    all: Vec<Matched>,
    permit: Permit,
}

/// Matches by bank.
type ByBank = BTreeMap<String, Vec<Matched>>;

pub(super) async fn raw_lookup(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let values = Values::of(request.uri().query());
    let with_distance = values.is("include_distance", false)?;
    let Matches { all, permit } = look_signal_up(&app, &ask, &values, None).await?;
    if with_distance {
        return json::held_answer(&json!({ "matches": all }), permit);
    }
    let ids: Vec<u64> = all.iter().map(|one| one.bank_content_id).collect();
    json::held_answer(&json!({ "matches": ids }), permit)
}

pub(super) async fn lookup(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let values = Values::of(request.uri().query());
    if values.get("url").is_some() {
        let types = signal::chosen(&app, values.list("types"))?;
        let hashed = fetched(&app, &ask, types.clone(), &values).await?;
        return look_file_up(&app, &ask, &values, types, &hashed).await;
    }
    let coin = coin(&values)?;
    let Matches { all, permit } = look_signal_up(&app, &ask, &values, coin).await?;
    json::held_answer(&by_bank(all), permit)
}

/// A file instead of its signals.
pub(super) async fn lookup_file(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let values = Values::of(request.uri().query());
    let types = signal::chosen(&app, values.list("types"))?;
    let form = Form::read(&app, request).await?;
    let hashed = hashed(&app, &ask, types.clone(), form.file.clone()).await?;
    look_file_up(&app, &ask, &values, types, &hashed).await
}

async fn look_file_up(
    app: &App,
    ask: &Ask,
    values: &Values,
    types: Vec<Algorithm>,
    hashed: &Hashed,
) -> Answer<Response> {
    let coin = coin(values)?;
    let (mut all, mut permits) = (BTreeMap::new(), Vec::new());
    for algorithm in types {
        let signal = signal::of(algorithm, hashed);
        let mut banks = ByBank::new();
        if !signal.is_empty() {
            let found = look_up(app, ask, values, coin, signal::query(algorithm, &signal)?).await?;
            banks = by_bank(found.all);
            permits.push(found.permit);
        }
        all.insert(algorithm.name(), banks);
    }
    json::answer(&all)
}

fn by_bank(found: Vec<Matched>) -> ByBank {
    let mut banks = ByBank::new();
    for one in found {
        banks.entry(one.bank.clone()).or_default().push(one);
    }
    banks
}

/// The signal that a query string has.
async fn look_signal_up(app: &App, ask: &Ask, values: &Values, coin: Option<f64>) -> Answer<Matches> {
    let algorithm = signal::signal_type(app, values.required("signal_type")?)?;
    let query = signal::query(algorithm, values.required("signal")?)?;
    look_up(app, ask, values, coin, query).await
}

/// Looks a signal up in the banks that a query names, as far as they take part by their share.
async fn look_up(app: &App, ask: &Ask, values: &Values, coin: Option<f64>, query: Query) -> Answer<Matches> {
    let algorithm = if query.pdq.is_some() { Algorithm::Pdq } else { Algorithm::PhotoDna };
    let (set, banks) =
        (app.set(ask.galleries.as_deref()), values.get("banks").and_then(|_| values.list("banks")));
    let galleries = banks.map(|banks| galleries(&set, &banks));
    // To HMA's clients a bank that there is none of matches nothing.
    if galleries.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Matches { all: Vec::new(), permit: app.permits.begin(Some(0)).await? });
    }
    let threshold = Thresholds { photodna: None, pdq: None };
    let wanted =
        Wanted { algorithms: Some(vec![algorithm]), threshold: Some(threshold), ..Wanted::default() };
    let deadline = ask.deadline();
    let not_ready =
        |_| Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "not_ready", "index not yet ready");
    let look = Look::new(app, ask, galleries.as_deref(), wanted.search()?, Some(deadline));
    let look = look.map_err(not_ready)?;
    let mut permit = app.permits.begin(Some(0)).await?;
    let hits = until(deadline, look.hits(app, &[vec![(None, query)]], Some(&mut permit))).await?;
    let takes_part = |name: &str| look.set.get(name).is_some_and(|known| takes_part(known.ratio(), coin));
    let mut hits: Vec<_> = hits.iter().flatten().filter(|hit| takes_part(&hit.matched.gallery)).collect();
    if !look.distances {
        hits.sort_by(|a, b| a.place().cmp(&b.place()));
    }
    let matched = hits.into_iter().map(|hit| Matched {
        bank_content_id: look.set.number(hit),
        distance: look.distances.then(|| hit.matched.distance.to_string()),
        bank: bank_name(&hit.matched.gallery),
    });
    Ok(Matches { all: matched.collect(), permit })
}

/// Whether a bank takes part in a look-up: always, or as a coin falls.
fn takes_part(ratio: f64, coin: Option<f64>) -> bool {
    coin.is_none_or(|coin| coin < ratio)
}

/// A number from 0 to 1, the same for the same seed; none where the client wants none.
fn coin(values: &Values) -> Answer<Option<f64>> {
    if values.is("bypass_coinflip", false)? {
        return Ok(None);
    }
    let seed = match values.get("seed") {
        Some(seed) => seed.as_bytes().to_vec(),
        None => {
            let bytes = random::bytes::<16>();
            bytes.map_err(|_| Problem::internal("the system gives no random numbers"))?.to_vec()
        }
    };
    let digest = Sha256::digest(&seed);
    let high = digest.iter().take(6).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    Ok(Some(high as f64 / (1u64 << 48) as f64))
}

/// The galleries of these banks, as far as there are any.
fn galleries(set: &Set, banks: &[String]) -> Vec<String> {
    banks.iter().filter_map(|name| signal::bank(set, name).ok().map(|known| known.name.clone())).collect()
}

/// `{"pdq":["…","…"]}`: whether they match, and how far apart they are.
pub(super) async fn compare(State(app): State<Shared>, request: Request) -> Answer<Response> {
    let size = Size { most: 64 << 10, times: 2 };
    let Held { bytes, permit: _held } = body::read(&app, request.into_body(), size).await?;
    let Value::Object(pairs) = json::read(&bytes)? else {
        return Err(Problem::input("the body must be an object of signal types"));
    };
    let mut all = BTreeMap::new();
    for (name, pair) in &pairs {
        let algorithm = signal::signal_type(&app, name)?;
        let distance = distance(algorithm, pair)?;
        all.insert(algorithm.name(), json!([distance <= algorithm.threshold(), { "distance": distance }]));
    }
    json::answer(&all)
}

fn distance(algorithm: Algorithm, pair: &Value) -> Answer<u32> {
    let texts: Option<Vec<&str>> = pair.as_array().and_then(|pair| pair.iter().map(Value::as_str).collect());
    let Some([a, b]) = texts.as_deref() else {
        return Err(Problem::input("each signal type must have two signals"));
    };
    let wrong = |error: crate::error::Error| Problem::input(format!("invalid signal: {error}"));
    Ok(match algorithm {
        Algorithm::PhotoDna => {
            let (a, b): (PhotoDna, PhotoDna) = (a.parse().map_err(wrong)?, b.parse().map_err(wrong)?);
            a.distance(&b)
        }
        _ => {
            let (a, b): (Pdq, Pdq) = (a.parse().map_err(wrong)?, b.parse().map_err(wrong)?);
            a.distance(&b)
        }
    })
}

pub(super) async fn index_status(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let types = signal::chosen(&app, Values::of(request.uri().query()).list("signal_type"))?;
    let set = app.set(ask.galleries.as_deref());
    let status = types.iter().map(|algorithm| {
        let size = set.size(*algorithm);
        let built = if set.all.is_empty() { -1 } else { set.newest() };
        (algorithm.name(), json!({ "present": !set.all.is_empty(), "built_to": built, "size": size }))
    });
    json::answer(&status.collect::<BTreeMap<_, _>>())
}
