//! Matches as events for an address of the operator's own, where every match is one.

use serde_json::{Value, json};

use super::app::{App, aside};
use super::problem::{Answer, Problem};
use crate::gallery::Columns;
use crate::hook::{self, HookKind};
use crate::pipeline::{Hit, RecordMatch};

/// Matches of one record that an event names; it says how many there are.
const MOST: usize = 100;

/// Bytes of what it names.
const LARGEST: usize = 256 << 10;

/// Keeps an event for each record that matched, before the request is answered: where that cannot be done, the caller has to ask again.
pub(crate) async fn matched(app: &App, request_id: &str, found: &[Vec<Hit>]) -> Answer<()> {
    let Some(state) = app.state.clone().filter(|_| app.hooks.wants_match(false)) else { return Ok(()) };
    let matched = found.iter().enumerate().filter(|(_, hits)| !hits.is_empty());
    let events: Vec<Value> = matched.map(|(place, hits)| event(request_id, place, hits)).collect();
    if events.is_empty() {
        return Ok(());
    }
    let hooks = app.hooks.clone();
    aside(move || hook::keep(&state, &hooks, HookKind::Match, &events).map_err(Problem::from)).await
}

/// What an event says of one record: the request, the record's place among those that were looked up at once, and what it matched.
fn event(request_id: &str, place: usize, hits: &[Hit]) -> Value {
    let mut bytes = 0;
    let named = hits.iter().take(MOST).map_while(|hit| {
        // What lists say further goes to who asked, and to nobody else.
        let matched = RecordMatch { columns: Columns::default(), ..hit.matched.clone() };
        let value = serde_json::to_value(matched).ok()?;
        bytes += value.to_string().len();
        (bytes <= LARGEST).then_some(value)
    });
    let named: Vec<Value> = named.collect();
    json!({ "request_id": request_id, "place": place, "review": null, "total": hits.len(), "matches": named })
}
