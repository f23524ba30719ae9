//! StopNCII: `GET BASE/FetchHashes?startTimestamp=&pageSize=&nextPageToken=`, two keys as headers, JSON.
//!
//! A record is known by its type and its hash. What takes it away is its status, Withdrawn or Deleted.

use reqwest::Url;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::date;
use super::entries::Reading;
use super::exchange::{Ask, Page, Pages, below, secret_header};
use super::json::{Plain, records};
use crate::credential::Secret;
use crate::error::{Error, Result};
use crate::gallery::lists::ListFormat;

/// Records of a page.
const PAGE_SIZE: &str = "800";

#[derive(Debug)]
pub(crate) struct StopNcii {
    base: Url,
    headers: HeaderMap,
}

/// A page as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    next_page_token: Option<String>,
    #[serde(default)]
    next_set_timestamp: Plain,
    has_more_records: bool,
    #[serde(deserialize_with = "records")]
    hash_records: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    last_modtimestamp: Plain,
    #[serde(default)]
    signal_type: Option<String>,
    #[serde(default)]
    hash_value: Option<String>,
    #[serde(default)]
    hash_status: Option<String>,
}

impl StopNcii {
    pub(crate) fn new(base: Url, function_key: &Secret, subscription_key: &Secret) -> Result<StopNcii> {
        let mut headers = HeaderMap::new();
        let keys = [("x-functions-key", function_key), ("ocp-apim-subscription-key", subscription_key)];
        for (name, key) in keys {
            headers.insert(HeaderName::from_static(name), secret_header(key.text())?);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(StopNcii { base, headers })
    }

    fn ask(&self, from: u64, token: Option<&str>) -> Result<Ask> {
        let mut url = below(&self.base, "/FetchHashes")?;
        url.query_pairs_mut()
            .append_pair("startTimestamp", &from.to_string())
            .append_pair("pageSize", PAGE_SIZE)
            .extend_pairs(token.map(|token| ("nextPageToken", token)));
        Ok(Ask { url, headers: self.headers.clone() })
    }
}

impl Pages for StopNcii {
    fn first(&self, from: u64, _: u64) -> Result<Ask> {
        self.ask(from, None)
    }

    fn following(&self, from: u64, cursor: &str) -> Result<Ask> {
        self.ask(from, Some(cursor))
    }

    fn page(&self, body: &[u8]) -> Result<Page> {
        let damaged = |what: &str| Error::corrupt("answer of the exchange", what);
        let answer: Answer = serde_json::from_slice(body).map_err(|_| damaged("it is no page of hashes"))?;
        let mut page = Page::default();
        for written in answer.hash_records {
            let (kind, hash) =
                (written.signal_type.unwrap_or_default(), written.hash_value.unwrap_or_default());
            if kind.is_empty() || hash.is_empty() {
                page.take(Reading::default(), String::new(), None)?;
                continue;
            }
            let key = format!("{kind}:{hash}");
            let status = written.hash_status.unwrap_or_default();
            let values =
                [("key", key.as_str()), ("signalType", &kind), ("hashValue", &hash), ("hashStatus", &status)];
            let reading = Reading::of(&values)?;
            page.take(reading, key, seconds(&written.last_modtimestamp))?;
        }
        page.cursor = answer.next_page_token.filter(|token| answer.has_more_records && !token.is_empty());
        if answer.has_more_records && page.cursor.is_none() {
            return Err(damaged("it says that there is more, and not where"));
        }
        let until = seconds(&answer.next_set_timestamp);
        if !answer.has_more_records && until.is_none() {
            return Err(damaged("it does not say where the next round begins"));
        }
        // Whoever began there would never see what lies between.
        if until.is_some_and(date::is_ahead) {
            return Err(damaged("it says that the next round begins in the future"));
        }
        page.until = until;
        Ok(page)
    }

    fn has_windows(&self) -> bool {
        false
    }

    fn format(&self) -> &'static str {
        ListFormat::Json.name()
    }
}

/// A number of seconds, written as a number or a text.
pub(super) fn seconds(Plain(text): &Plain) -> Option<u64> {
    let number = || text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let whole = text.trim().parse().ok();
    whole.or_else(|| number().map(|seconds| seconds as u64)).or_else(|| date::rfc3339(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopncii() -> StopNcii {
        let base = Url::parse("https://a.example/api/").unwrap();
        StopNcii::new(base, &Secret::of("f"), &Secret::of("s")).unwrap()
    }

    #[test]
    fn the_status_takes_a_record_away() {
        let pdq = "0f".repeat(32);
        let record = |status: &str, time: u64| {
            format!(
                r#"{{"lastModtimestamp":{time},"signalType":"ImagePDQ","hashValue":"{pdq}","hashStatus":"{status}","caseNumbers":{{"1":"Active"}},"CSPFeedbacks":[]}}"#
            )
        };
        let records = [record("Active", 7), record("Withdrawn", 8), record("Deleted", 9)].join(",");
        let odd = format!(
            r#"{{"signalType":"VideoMD5","hashValue":"{}"}},{{"signalType":"ImagePDQ","hashValue":"12"}},{{"hashValue":"1"}}"#,
            "0".repeat(32)
        );
        let body = format!(
            r#"{{"count":6,"nextPageToken":null,"nextSetTimestamp":10,"hasMoreRecords":false,"hashRecords":[{records},{odd}]}}"#
        );
        let page = stopncii().page(body.as_bytes()).unwrap();
        let states: Vec<(Option<u64>, usize)> =
            page.records.iter().map(|record| (record.time, record.entries.len())).collect();
        assert_eq!(states, [(Some(7), 1), (Some(8), 0), (Some(9), 0), (None, 0)]);
        assert!(page.records[..3].iter().all(|record| record.key == format!("ImagePDQ:{pdq}")));
        assert_eq!((page.bad, page.until, page.cursor), (2, Some(10), None));
    }

    #[test]
    fn what_would_skip_or_never_end_is_refused() {
        let page = |rest: &str| stopncii().page(format!("{{{rest}}}").as_bytes()).map(|page| page.cursor);
        let more = r#""hasMoreRecords":true,"nextPageToken":"a b&c","hashRecords":[]"#;
        assert_eq!(page(more).unwrap().as_deref(), Some("a b&c"));
        for wrong in [
            r#""error":"x""#,
            r#""hasMoreRecords":false,"nextSetTimestamp":1"#,
            r#""hasMoreRecords":false,"hashRecords":[]"#,
            r#""hasMoreRecords":true,"hashRecords":[]"#,
            r#""hasMoreRecords":false,"nextSetTimestamp":99999999999,"hashRecords":[]"#,
            r#""hasMoreRecords":false,"nextSetTimestamp":-1,"hashRecords":[]"#,
        ] {
            assert_eq!(page(wrong).unwrap_err().code(), "corrupt", "{wrong}");
        }
    }

    #[test]
    fn a_token_is_no_part_of_the_address() {
        let ask = stopncii().following(5, "x&startTimestamp=0#/../").unwrap();
        let pairs: Vec<(String, String)> = ask.url.query_pairs().into_owned().collect();
        assert_eq!(pairs[0], ("startTimestamp".into(), "5".into()));
        assert_eq!(pairs[2], ("nextPageToken".into(), "x&startTimestamp=0#/../".into()));
        assert_eq!((ask.url.path(), pairs.len()), ("/api/FetchHashes", 3));
    }
}
