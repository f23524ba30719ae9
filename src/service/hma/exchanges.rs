//! `/c/exchange…`: the lists that galleries follow, as HMA's clients know exchanges. They are set up in the configuration, so nothing is changed here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::app::{App, Ask, Shared};
use super::super::json;
use super::super::problem::{Answer, Problem};
use super::super::synced::Followed;
use super::signal::bank_name;
use crate::sync::Exchange;

/// What can be followed.
struct Api {
    /// HMA's name, and the configuration's.
    name: &'static str,
    own: &'static str,
    config: &'static [Field],
    credentials: &'static [Field],
}

/// A field of a form that HMA's clients make of it. All of them are needed.
struct Field {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn text(name: &'static str, help: &'static str) -> Field {
    Field { name, kind: "string", help }
}

const APIS: [Api; 3] = [
    Api {
        name: "fb_threatexchange",
        own: "threatexchange",
        config: &[Field { name: "privacy_group", kind: "number", help: "the number of the privacy group" }],
        credentials: &[text("api_token", "the access token")],
    },
    Api {
        name: "ncmec",
        own: "ncmec",
        config: &[],
        credentials: &[text("user", "the member's user name"), text("password", "its password")],
    },
    Api {
        name: "stop_ncii",
        own: "stopncii",
        config: &[],
        credentials: &[
            text("fetch_function_key", "the header x-functions-key"),
            text("subscription_key", "the header Ocp-Apim-Subscription-Key"),
        ],
    },
];

/// How far a list has been fetched, in seconds since 1970.
#[derive(Debug, Serialize)]
struct Fetched {
    checkpoint_ts: Option<u64>,
    running_fetch_start_ts: Option<u64>,
    last_fetch_complete_ts: Option<u64>,
    last_fetch_succeeded: Option<bool>,
    up_to_date: bool,
    fetched_items: u64,
}

/// `GET /c/exchanges`: their names.
pub(super) async fn list(State(app): State<Shared>, Extension(ask): Extension<Ask>) -> Answer<Response> {
    json::answer(&seen(&app, &ask).map(|one| bank_name(one.name())).collect::<Vec<_>>())
}

/// `GET /c/exchange/N`.
pub(super) async fn one(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let one = find(&app, &ask, &name)?;
    let exchange = &one.follower.source().exchange;
    let api = APIS.iter().find(|api| api.own == exchange.name()).map_or(exchange.name(), |api| api.name);
    let mut all = json!({ "name": name, "api": api, "enabled": true });
    if let Exchange::ThreatExchange { group, .. } = exchange {
        // A number of more digits than fit stays a text.
        all["privacy_group"] = group.parse::<u64>().map_or_else(|_| group.as_str().into(), Value::from);
    }
    json::answer(&all)
}

/// `GET /c/exchange/N/status`.
pub(super) async fn status(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let one = find(&app, &ask, &name)?;
    let (status, rounds) = (one.status(), one.rounds());
    let known = app.galleries.now().get(one.name()).map_or(0, |known| known.counts.entries);
    let succeeded = rounds.ended.map(|(_, succeeded)| succeeded);
    json::answer(&Fetched {
        checkpoint_ts: status.reached,
        running_fetch_start_ts: rounds.running,
        last_fetch_complete_ts: rounds.ended.map(|(at, _)| at),
        last_fetch_succeeded: succeeded,
        up_to_date: succeeded == Some(true) && !status.stale,
        fetched_items: known,
    })
}

/// `GET /c/exchanges/apis`: what can be followed.
pub(super) async fn apis() -> Answer<Response> {
    json::answer(&APIS.map(|api| api.name))
}

/// `GET /c/exchanges/api/A`: whether there are credentials for it.
pub(super) async fn api(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let api = APIS.iter().find(|api| api.name == name);
    let api = api.ok_or_else(|| Problem::input("no such Exchange API; /c/exchanges/apis names all"))?;
    let is_set = seen(&app, &ask).any(|one| one.follower.source().exchange.name() == api.own);
    json::answer(&json!({ "supports_authentification": true, "has_set_authentification": is_set }))
}

/// `GET /c/exchanges/api/A/schema`: what has to be said of it.
pub(super) async fn schema(Path(name): Path<String>) -> Answer<Response> {
    let api = APIS.iter().find(|api| api.name == name);
    let api = api.ok_or_else(|| Problem::not_found("Exchange API not found; /c/exchanges/apis names all"))?;
    let fields =
        |fields: &[Field]| json!({ "fields": fields.iter().map(Field::described).collect::<Vec<_>>() });
    json::answer(&BTreeMap::from([
        ("config_schema", fields(api.config)),
        ("credentials_schema", fields(api.credentials)),
    ]))
}

/// `POST` and `PUT`: exchanges, and what is shown there, are in the configuration alone.
pub(super) async fn read_only() -> Problem {
    let detail = "exchanges are set up in the configuration of the service, under [sync.NAME]";
    Problem::new(StatusCode::FORBIDDEN, "read_only", detail)
}

/// `DELETE /c/exchange/N`: as in HMA, one that there is none of is deleted.
pub(super) async fn remove(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    Path(name): Path<String>,
) -> Answer<Response> {
    match find(&app, &ask, &name) {
        Ok(_) => Err(read_only().await),
        Err(_) => json::answer(&json!({ "message": "Exchange deleted" })),
    }
}

impl Field {
    fn described(&self) -> Value {
        let Field { name, kind, help } = self;
        json!({ "name": name, "type": kind, "required": true, "default": null, "help": help, "choices": null })
    }
}

/// The lists that the key may see.
fn seen<'a>(app: &'a App, ask: &'a Ask) -> impl Iterator<Item = &'a Arc<Followed>> {
    let is_seen = |one: &&Arc<Followed>| {
        ask.galleries.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == one.name()))
    };
    app.synced.all.iter().filter(is_seen)
}

fn find<'a>(app: &'a App, ask: &'a Ask, name: &str) -> Answer<&'a Arc<Followed>> {
    let found = seen(app, ask).find(|one| bank_name(one.name()) == name);
    found.ok_or_else(|| Problem::not_found("exchange not found"))
}
