//! `/h/hash`: a picture to its signals.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;

use super::super::app::{App, Ask, Shared, until};
use super::super::body::{self, Held, Size};
use super::super::choices::{Choices, Wanted};
use super::super::fetching::Fetched;
use super::super::hashing::Work;
use super::super::json;
use super::super::permits::Permit;
use super::super::pictures::{Picture, form_of, malformed};
use super::super::problem::{Answer, Problem};
use super::signal::{self, Values};
use crate::hasher::Hashed;
use crate::signature::Algorithm;

/// The only type of content.
const PHOTO: &str = "photo";

/// The picture at an address.
pub(super) async fn fetch(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let values = Values::of(request.uri().query());
    let types = signal::chosen(&app, values.list("types"))?;
    signals(&types, &fetched(&app, &ask, types.clone(), &values).await?)
}

pub(super) async fn hash(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    request: Request,
) -> Answer<Response> {
    let types = signal::chosen(&app, Values::of(request.uri().query()).list("types"))?;
    let form = Form::read(&app, request).await?;
    signals(&types, &hashed(&app, &ask, types.clone(), form.file.clone()).await?)
}

fn signals(types: &[Algorithm], hashed: &Hashed) -> Answer<Response> {
    let signals = types.iter().map(|algorithm| (algorithm.name(), signal::of(*algorithm, hashed)));
    json::answer(&signals.collect::<BTreeMap<_, _>>())
}

/// A form: its only file, and what else it says.
pub(super) struct Form {
    pub(super) file: Bytes,
    pub(super) values: Values,
    _permit: Permit,
}

impl Form {
    pub(super) async fn read(app: &App, request: Request) -> Answer<Form> {
        let (parts, body) = request.into_parts();
        // A form has some lines around its file.
        let size = Size { most: app.limits.picture.saturating_add(64 << 10), times: 2 };
        let Held { bytes, permit } = body::read(app, body, size).await?;
        let form = form_of(Request::from_parts(parts, bytes.into())).await;
        let mut form = form.map_err(|_| Problem::input("Missing multipart/form-data file upload"))?;
        let (mut file, mut values) = (None, Values::default());
        while let Some(part) = form.next_field().await.map_err(|_| malformed())? {
            let name = part.name().unwrap_or_default().to_string();
            if name == PHOTO {
                if file.replace(part.bytes().await.map_err(|_| malformed())?).is_some() {
                    return Err(Problem::input("Only one file allowed per request"));
                }
            } else if part.file_name().is_some() {
                let detail = "no such content_type: the part with the file must be called photo";
                return Err(Problem::input(detail));
            } else {
                values.push(name, part.text().await.map_err(|_| malformed())?);
            }
        }
        let missing = || Problem::input("Missing multipart/form-data file upload");
        Ok(Form { file: file.ok_or_else(missing)?, values, _permit: permit })
    }
}

/// Fetches the picture at the address that a query has, and hashes it.
pub(super) async fn fetched(app: &App, ask: &Ask, types: Vec<Algorithm>, values: &Values) -> Answer<Hashed> {
    let fetching = app.fetching()?;
    if values.get("content_type").is_some_and(|kind| kind != PHOTO) {
        return Err(Problem::input("no such content_type: photo is the only one"));
    }
    let begun = Instant::now();
    let fetch = fetching.only(values.required("url")?);
    let Fetched { bytes, permit: _held } = until(ask.deadline(), fetch).await?;
    hashed(app, &ask.after(begun.elapsed()), types, bytes).await
}

/// Hashes a picture; what is wrong with it is the answer.
pub(super) async fn hashed(app: &App, ask: &Ask, types: Vec<Algorithm>, bytes: Bytes) -> Answer<Hashed> {
    let choices = Choices::of(Wanted { algorithms: Some(types), ..Wanted::default() });
    let options = app.choices.hash(&choices, app.engine.options(), false);
    let work = Work { options, lane: ask.lane, deadline: ask.deadline() };
    let picture = Picture { key: String::new(), bytes };
    let outcome = until(work.deadline, work.one(app, &picture)).await?;
    outcome.map_err(|error| Problem::input(format!("the file could not be hashed: {error}")))
}
