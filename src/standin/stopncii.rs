//! StopNCII's FetchHashes: JSON, one record for each signature with the cases that it is of, in the order of their last changes.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::Credentials;
use super::change::{Change, Kind};
use super::http::{Asked, Reply, is_right};
use super::rows::{Held, Identity, Order, Row, Window};
use super::wire::{Desk, Refusal, Wire};

pub(super) struct StopNcii;

impl Wire for StopNcii {
    fn usual_page(&self) -> usize {
        800
    }

    fn cursor(&self) -> &'static str {
        "nextPageToken"
    }

    fn identities(&self) -> fn(&Change) -> Vec<Identity> {
        |change| {
            let named = match change.kind {
                Kind::Image => ("ImagePDQ", &change.signatures.pdq),
                Kind::Video => ("VideoMD5", &change.signatures.md5),
            };
            named.1.iter().map(|value| Identity::Signature(named.0, value.clone())).collect()
        }
    }

    fn is_admitted(&self, asked: &Asked, credentials: &Credentials) -> bool {
        is_right(asked.header("x-functions-key"), credentials.function_key.as_deref())
            && is_right(asked.header("ocp-apim-subscription-key"), credentials.subscription_key.as_deref())
    }

    fn answer(&self, asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal> {
        if asked.method != Method::GET || !asked.path.ends_with("/FetchHashes") {
            return Err(Refusal::NotFound);
        }
        let start = asked.number("startTimestamp")?;
        desk.window = Some((start, None));
        let size = asked.page_size("pageSize", desk.most)?;
        let from = start.unwrap_or(0);
        let window = Window { from, to: i64::MAX, order: Order::Time, size, wanted: &|_| true };
        let page = desk.rows.page(desk.now, &window, desk.cursor, desk.seed);
        let records: Vec<Value> = page.rows.iter().map(|row| record(row)).collect();
        // Recorded answers have the end of the whole set on every page, and a token on the last one too.
        let answer = json!({
            "count": records.len(),
            "nextPageToken": page.end.map(|end| end.text()),
            "nextSetTimestamp": page.newest.unwrap_or(from),
            "hasMoreRecords": page.has_more(),
            "hashRecords": records,
        });
        Ok(Reply::json(200, &answer).page(page.rows.len()))
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let status = refusal.status();
        Reply::json(status, &json!({ "statusCode": status, "message": refusal.sentence() }))
    }
}

fn record(row: &Row) -> Value {
    let (kind, value) = match &row.identity {
        Identity::Signature(kind, value) => (*kind, value.as_str()),
        Identity::Entry(_, key) => ("Unknown", key.as_str()),
    };
    let cases = row.holders.iter().map(|((_, key), held)| (key.clone(), Value::from(case_status(held))));
    let decisive = row.holders.values().filter(|held| held.removal.is_some() == row.is_removed());
    let last = decisive.max_by_key(|held| held.removal.as_ref().unwrap_or(&held.change).at);
    let status = last.map_or("Unknown", case_status);
    let feedback = row.holders.values().flat_map(|held| &held.change.feedback);
    let feedback: Vec<Value> = feedback
        .map(|one| json!({ "source": one.source, "feedbackValue": one.value, "tags": one.tags }))
        .collect();
    json!({
        "lastModtimestamp": row.time,
        "signalType": kind,
        "hashValue": value,
        "hashStatus": status,
        "caseNumbers": cases.collect::<Map<_, _>>(),
        "CSPFeedbacks": feedback,
    })
}

fn case_status(held: &Held) -> &str {
    match (&held.removal, &held.change.status) {
        (Some(removal), _) if removal.is_removal => removal.status.as_deref().unwrap_or("Withdrawn"),
        (Some(_), _) => "Withdrawn",
        (None, status) => status.as_deref().unwrap_or("Active"),
    }
}
