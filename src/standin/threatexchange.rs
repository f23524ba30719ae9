//! Meta's ThreatExchange, `/GROUP/threat_updates`: JSON, one indicator for each signature with the opinions about it, in the order of their last changes.

use std::collections::{BTreeSet, HashSet};

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::Credentials;
use super::change::{Change, Kind};
use super::http::{Asked, Reply, is_right};
use super::rows::{Identity, Order, Row, Window};
use super::wire::{Desk, Refusal, Wire};

/// How long it is said that an indicator is gone, in seconds.
const TOMBSTONES: i64 = 90 * 86_400;

/// What an indicator has where no fields are asked for.
const FIELDS: &str =
    "id,indicator,type,creation_time,last_updated,should_delete,tags,status,applications_with_opinions";

pub(super) struct ThreatExchange;

impl Wire for ThreatExchange {
    fn usual_page(&self) -> usize {
        500
    }

    fn cursor(&self) -> &'static str {
        "after"
    }

    fn identities(&self) -> fn(&Change) -> Vec<Identity> {
        |change| {
            let signatures = &change.signatures;
            let md5 = match change.kind {
                Kind::Image => "HASH_MD5",
                Kind::Video => "HASH_VIDEO_MD5",
            };
            let named = [
                ("HASH_PDQ", &signatures.pdq),
                ("HASH_PHOTODNA", &signatures.photodna),
                (md5, &signatures.md5),
                ("HASH_SHA1", &signatures.sha1),
            ];
            let named = named.into_iter().filter_map(|(kind, value)| Some((kind, value.clone()?)));
            named.map(|(kind, value)| Identity::Signature(kind, value)).collect()
        }
    }

    fn is_admitted(&self, asked: &Asked, credentials: &Credentials) -> bool {
        is_right(asked.parameter("access_token"), credentials.token.as_deref())
    }

    fn answer(&self, asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal> {
        let mut parts = asked.path.trim_end_matches('/').rsplit('/');
        let is_asked = parts.next() == Some("threat_updates");
        let group = parts.next().filter(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
        if asked.method != Method::GET || !is_asked || group.is_none_or(str::is_empty) {
            return Err(Refusal::NotFound);
        }
        updates(asked, desk)
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        let (kind, code) = match refusal {
            Refusal::Unauthorised => ("OAuthException", 190),
            Refusal::Fault(429) => ("OAuthException", 4),
            Refusal::Fault(_) => ("OAuthException", 2),
            _ => ("GraphMethodException", 100),
        };
        let error = json!({ "message": refusal.sentence(), "type": kind, "code": code });
        Reply::json(refusal.status(), &json!({ "error": error }))
    }
}

fn updates(asked: &Asked, desk: &mut Desk<'_>) -> Result<Reply, Refusal> {
    let (start, stop) = (asked.number("start_time")?, asked.number("stop_time")?);
    desk.window = Some((start, stop));
    let types: Option<HashSet<&str>> = asked.parameter("types").map(|types| types.split(',').collect());
    let oldest = desk.now.saturating_sub(TOMBSTONES);
    let wanted = |row: &Row| {
        types.as_ref().is_none_or(|types| types.contains(named(row).0))
            && (row.time >= oldest || !row.is_removed())
    };
    let size = asked.page_size("limit", desk.most)?;
    let (from, to) = (start.unwrap_or(0), stop.unwrap_or(i64::MAX));
    let window = Window { from, to, order: Order::Time, size, wanted: &wanted };
    let page = desk.rows.page(desk.now, &window, desk.cursor, desk.seed);
    let fields = fields(asked.parameter("fields").unwrap_or(FIELDS));
    let data: Vec<Value> = page.rows.iter().map(|row| indicator(row, &fields)).collect();
    let mut answer = json!({ "data": data });
    if let Some(end) = page.end {
        let after = end.text();
        let mut paging = json!({ "cursors": { "after": after } });
        if page.has_more() {
            let mut query = asked.query_without(&["after"]);
            let query = query.append_pair("after", &after).finish();
            paging["next"] = format!("http://{}{}?{query}", asked.host(), asked.path).into();
        }
        answer["paging"] = paging;
    }
    Ok(Reply::json(200, &answer).page(page.rows.len()))
}

/// The names of the fields at the top: `a,b{c,d}` is two.
fn fields(text: &str) -> HashSet<&str> {
    let mut depth = 0;
    let top_level = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    text.split(top_level).filter_map(|field| field.split('{').next()).map(str::trim).collect()
}

/// The type and the text of an indicator.
fn named(row: &Row) -> (&'static str, &str) {
    match &row.identity {
        Identity::Signature(kind, value) => (kind, value),
        Identity::Entry(_, key) => ("DEBUG_STRING", key),
    }
}

fn indicator(row: &Row, fields: &HashSet<&str>) -> Value {
    let (kind, value) = named(row);
    let is_removed = row.is_removed();
    let mut all = json!({
        "id": row.id.to_string(),
        "indicator": value,
        "type": kind,
        "creation_time": row.created,
        "last_updated": row.time,
        "should_delete": is_removed,
    });
    if !is_removed {
        let held = row.holders.values().filter(|held| held.removal.is_none());
        let held: Vec<&Change> = held.map(|held| &*held.change).collect();
        let owners: BTreeSet<u64> = held.iter().map(|change| change.member).collect();
        let labels: Vec<&str> = held.iter().flat_map(|change| &change.labels).map(String::as_str).collect();
        let first = held.first().map_or("UNKNOWN", |change| status(change));
        all["status"] = first.into();
        all["tags"] = tags(&labels);
        all["applications_with_opinions"] = owners.iter().map(u64::to_string).collect::<Vec<_>>().into();
        let descriptors = held.iter().enumerate().map(|(place, change)| descriptor(row, place, change));
        all["descriptors"] = json!({ "data": descriptors.collect::<Vec<_>>() });
    }
    if let Some(all) = all.as_object_mut() {
        all.retain(|name, _| name == "id" || fields.contains(name.as_str()));
    }
    all
}

/// What one application says about an indicator.
fn descriptor(row: &Row, place: usize, change: &Change) -> Value {
    let labels: Vec<&str> = change.labels.iter().map(String::as_str).collect();
    let mut reactions: Map<String, Value> = Map::new();
    for one in &change.feedback {
        let who = match reactions.get(&one.value).and_then(Value::as_str) {
            Some(others) => format!("{others},{}", one.member),
            None => one.member.to_string(),
        };
        reactions.insert(one.value.clone(), who.into());
    }
    let reactions: Vec<Value> =
        reactions.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    let mut descriptor = json!({
        "id": row.id.saturating_mul(1000).saturating_add(place as u64).to_string(),
        "owner": { "id": change.member.to_string() },
        "status": status(change),
        "tags": tags(&labels),
    });
    if !reactions.is_empty() {
        descriptor["reactions"] = reactions.into();
    }
    descriptor
}

fn status(change: &Change) -> &str {
    change.status.as_deref().unwrap_or("MALICIOUS")
}

fn tags(labels: &[&str]) -> Value {
    let tags: Vec<Value> = labels.iter().map(|label| json!({ "id": "0", "text": label })).collect();
    json!({ "data": tags })
}
