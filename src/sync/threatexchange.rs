//! Meta's ThreatExchange: `GET BASE/GROUP/threat_updates/`, an access token in the query, JSON.
//!
//! The next page is a whole address with the token in it. Its query alone is kept, without the token, and asked at the address that is configured.

use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::entries::Reading;
use super::exchange::{Ask, Page, Pages, below, elsewhere};
use super::json::{Joined, Plain, records};
use super::stopncii::seconds;
use crate::credential::Secret;
use crate::error::{Error, Result};
use crate::gallery::lists::ListFormat;

/// What is asked for of each update.
const FIELDS: &str = "id,indicator,type,last_updated,should_delete,tags";

/// The types whose values are signatures.
const TYPES: &str = "HASH_PDQ,HASH_PHOTODNA";

/// The parameter that nobody else may see.
const TOKEN: &str = "access_token";

#[derive(Debug)]
pub(crate) struct ThreatExchange {
    /// `BASE/GROUP/threat_updates/`.
    address: Url,
    token: Secret,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "records")]
    data: Vec<Written>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    id: Plain,
    #[serde(default)]
    indicator: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    last_updated: Plain,
    #[serde(default)]
    should_delete: Plain,
    #[serde(default)]
    tags: Joined,
}

impl ThreatExchange {
    pub(crate) fn new(base: &Url, group: &str, token: Secret) -> Result<ThreatExchange> {
        Ok(ThreatExchange { address: below(base, &format!("/{group}/threat_updates/"))?, token })
    }

    fn ask(&self, pairs: &[(String, String)]) -> Ask {
        let mut url = self.address.clone();
        url.query_pairs_mut().append_pair(TOKEN, self.token.text()).extend_pairs(pairs);
        let headers =
            [(ACCEPT, HeaderValue::from_static("application/json"))].into_iter().collect::<HeaderMap>();
        Ask { url, headers }
    }

    /// The query of a next page without the token.
    fn cursor(&self, next: &str) -> Result<String> {
        let url = Url::parse(next).map_err(|_| elsewhere())?;
        let path = |url: &Url| url.path().trim_end_matches('/').to_string();
        if url.origin() != self.address.origin()
            || path(&url) != path(&self.address)
            || !url.username().is_empty()
        {
            return Err(elsewhere());
        }
        let mut kept = self.address.clone();
        kept.query_pairs_mut()
            .clear()
            .extend_pairs(url.query_pairs().filter(|(name, value)| !self.tells(name, value)));
        Ok(kept.query().unwrap_or_default().to_string())
    }

    /// Whether a parameter is the token, whatever it is called, or has its name.
    fn tells(&self, name: &str, value: &str) -> bool {
        let token = self.token.text();
        name.eq_ignore_ascii_case(TOKEN) || name.contains(token) || value.contains(token)
    }
}

impl Pages for ThreatExchange {
    fn first(&self, from: u64, to: u64) -> Result<Ask> {
        let (from, to) = (from.to_string(), to.to_string());
        let pairs = [
            ("start_time", from.as_str()),
            ("stop_time", &to),
            ("limit", "500"),
            ("fields", FIELDS),
            ("types", TYPES),
        ];
        Ok(self.ask(&pairs.map(|(name, value)| (name.to_string(), value.to_string()))))
    }

    fn following(&self, _: u64, cursor: &str) -> Result<Ask> {
        let mut url = self.address.clone();
        url.set_query(Some(cursor));
        let pairs = url.query_pairs().into_owned().filter(|(name, value)| !self.tells(name, value));
        Ok(self.ask(&pairs.collect::<Vec<_>>()))
    }

    fn page(&self, body: &[u8]) -> Result<Page> {
        let damaged = |_| Error::corrupt("answer of the exchange", "it is no page of updates");
        let answer: Answer = serde_json::from_slice(body).map_err(damaged)?;
        let mut page = Page::default();
        for written in answer.data {
            let (Plain(id), Plain(deleted), Joined(label)) =
                (written.id, written.should_delete, written.tags);
            let (kind, indicator) = (written.kind.unwrap_or_default(), written.indicator.unwrap_or_default());
            let values = [
                ("id", id.as_str()),
                ("type", &kind),
                ("indicator", &indicator),
                ("should_delete", &deleted),
                ("label", &label),
            ];
            page.take(Reading::of(&values)?, id.clone(), seconds(&written.last_updated))?;
        }
        let next = answer.paging.and_then(|paging| paging.next).filter(|next| !next.is_empty());
        page.cursor = next.map(|next| self.cursor(&next)).transpose()?;
        Ok(page)
    }

    fn format(&self) -> &'static str {
        ListFormat::Json.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> ThreatExchange {
        let base = Url::parse("https://graph.example/v26.0").unwrap();
        ThreatExchange::new(&base, "77", Secret::of("hush hush")).unwrap()
    }

    #[test]
    fn tombstones_need_nothing_but_an_id() {
        let pdq = "0f".repeat(32);
        let body = format!(
            r#"{{"data":[{{"id":"1","indicator":"{pdq}","type":"HASH_PDQ","last_updated":5,"should_delete":false,"tags":["a","b"],"x":{{"data":[{{"id":"9"}}]}}}},
            {{"id":2,"should_delete":true,"last_updated":"2026-01-01T00:00:09+0000"}},{{"indicator":"{pdq}","type":"HASH_PDQ"}},
            {{"id":"4","indicator":"{pdq}","type":"HASH_MD5","should_delete":false}}]}}"#
        );
        let page = exchange().page(body.as_bytes()).unwrap();
        let states: Vec<(&str, Option<u64>, usize)> = page
            .records
            .iter()
            .map(|record| (record.key.as_str(), record.time, record.entries.len()))
            .collect();
        assert_eq!(states, [("1", Some(5), 1), ("2", Some(1_767_225_609), 0), ("4", None, 0)]);
        assert_eq!((page.bad, page.records[0].entries[0].label.as_str()), (1, "a b"));
        for wrong in [r#"{"error":{"code":1}}"#, "[]", "{}", r#"{"data":{}}"#, ""] {
            assert_eq!(exchange().page(wrong.as_bytes()).unwrap_err().code(), "corrupt", "{wrong}");
        }
    }

    #[test]
    fn the_next_page_is_ours_and_without_the_token() {
        let exchange = exchange();
        let next = "https://graph.example/v26.0/77/threat_updates?access_token=theirs&limit=500&after=a%26b";
        let cursor = exchange.cursor(next).unwrap();
        assert!(!cursor.contains("theirs") && cursor.contains("after="), "{cursor}");
        let hidden =
            "access_token=hush+hush&Access_Token=hush%20hush&foo=hush%20hush&bar=xhush+hushx&hush+hush=1";
        let next = format!("https://graph.example/v26.0/77/threat_updates?{hidden}&after=1");
        assert_eq!(exchange.cursor(&next).unwrap(), "after=1");
        let ask = exchange.following(0, &format!("{cursor}&access_token=other")).unwrap();
        assert!(!format!("{ask:?}").contains("hush") && format!("{ask:?}").contains("threat_updates"));
        let pairs: Vec<(String, String)> = ask.url.query_pairs().into_owned().collect();
        assert_eq!(pairs[0], ("access_token".into(), "hush hush".into()));
        assert_eq!(pairs[2], ("after".into(), "a&b".into()));
        assert_eq!((pairs.len(), ask.url.path()), (3, "/v26.0/77/threat_updates/"));
        for next in [
            "https://other.example/v26.0/77/threat_updates?after=1",
            "http://graph.example/v26.0/77/threat_updates?after=1",
            "https://graph.example:444/v26.0/77/threat_updates?after=1",
            "https://graph.example/v26.0/78/threat_updates?after=1",
            "https://graph.example@other.example/v26.0/77/threat_updates?after=1",
            "/v26.0/77/threat_updates?after=1",
        ] {
            assert!(exchange.cursor(next).is_err(), "{next}");
        }
    }
}
