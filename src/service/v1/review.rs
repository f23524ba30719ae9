//! `GET /v1/review`: what waits for a person's decision, for programs.

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::super::app::{Ask, Shared, aside};
use super::super::problem::{Answer, Problem};
use super::super::{json, review};
use crate::review::{Entry, Summary};

/// Most items of an answer, and how many there are unless a request says otherwise.
const MOST: usize = 1_000;
const USUAL: usize = 100;

#[derive(Debug, Serialize)]
struct Listed {
    waiting: u64,
    items: Vec<Item>,
}

#[derive(Debug, Serialize)]
struct Item {
    id: String,
    state: &'static str,
    created: String,
    pictures: u64,
    arrivals: u64,
    is_held: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<Entry>,
}

impl From<Summary> for Item {
    fn from(summary: Summary) -> Item {
        let Summary { id, state, created, lease, pictures, arrivals, nearest } = summary;
        let is_held = lease.is_some_and(|(_, until)| review::now() < until);
        Item { id, state: state.name(), created: review::utc(created), pictures, arrivals, is_held, nearest }
    }
}

pub(super) async fn list(
    State(app): State<Shared>,
    Extension(ask): Extension<Ask>,
    uri: Uri,
) -> Answer<Response> {
    let (mut state, mut after, mut most) = (None, None, USUAL);
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "state" => state = Some(value.into_owned()),
            "after" => after = Some(value.into_owned()),
            "limit" => most = limit(&value)?,
            _ => {
                return Err(Problem::input(
                    "the query string has a parameter that this request does not know",
                ));
            }
        }
    }
    let filter = review::filter(state.as_deref())?;
    let listed = aside(move || {
        let review = app.reviewing()?.review();
        let items = review.list(filter, after.as_deref(), most)?.into_iter();
        // Its distance is not for every key.
        let of = |item: Item| Item { nearest: item.nearest.filter(|_| ask.distances), ..item };
        Ok(Listed { waiting: review.waiting()?, items: items.map(Item::from).map(of).collect() })
    });
    json::answer(&listed.await?)
}

fn limit(text: &str) -> Answer<usize> {
    let wrong = || Problem::input("limit must be 1 to 1000");
    text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(wrong)
}
