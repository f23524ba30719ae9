//! NCMEC's hash sharing, version 2: `GET BASE/v2/entries?from=&to=`, HTTP Basic, XML.
//!
//! The key is the member's id and the entry's own with a slash between, as for answers that were saved and imported: one entry has one key, whichever way it
//! came. `<paging><next>` is a path and a query behind BASE; in some answers it is escaped once more than XML asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Url;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};

use super::date;
use super::entries::Reading;
use super::exchange::{Ask, Page, Pages, below, elsewhere, secret_header};
use crate::credential::Secret;
use crate::error::{Error, Result};
use crate::gallery::lists::{ListFormat, xml};

/// The path of a question, behind BASE.
const ENTRIES: &str = "/v2/entries";

/// Pages of a window, of some 1,000 entries each: where there are more, a shorter window costs less when its `next` is forgotten.
const MOST_PAGES: u64 = 128;

#[derive(Debug)]
pub(crate) struct Ncmec {
    base: Url,
    headers: HeaderMap,
}

impl Ncmec {
    pub(crate) fn new(base: Url, user: &str, password: &Secret) -> Result<Ncmec> {
        let basic = format!("Basic {}", BASE64.encode(format!("{user}:{}", password.text())));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, secret_header(&basic)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/xml"));
        Ok(Ncmec { base, headers })
    }

    fn ask(&self, path: &str) -> Result<Ask> {
        Ok(Ask { url: below(&self.base, path)?, headers: self.headers.clone() })
    }

    /// The path and query of a next page behind BASE.
    fn cursor(&self, next: &str) -> Result<String> {
        let next = next.replace("&amp;", "&");
        let path = match Url::parse(&next) {
            Ok(url) if url.origin() == self.base.origin() => {
                format!("{}?{}", url.path(), url.query().unwrap_or_default())
            }
            Ok(_) => return Err(elsewhere()),
            Err(_) => next,
        };
        let own = self.base.path().trim_end_matches('/');
        let path = path.strip_prefix(own).filter(|rest| rest.starts_with(ENTRIES)).unwrap_or(&path);
        let path = if path.starts_with('?') { format!("{ENTRIES}{path}") } else { path.to_string() };
        let rest = path.strip_prefix(ENTRIES).ok_or_else(elsewhere)?;
        let is_query = rest.trim_start_matches('/').starts_with('?');
        if is_query { Ok(path) } else { Err(elsewhere()) }
    }
}

impl Pages for Ncmec {
    fn first(&self, from: u64, to: u64) -> Result<Ask> {
        self.ask(&format!("{ENTRIES}?from={}&to={}", date::text(from), date::text(to)))
    }

    fn following(&self, _: u64, cursor: &str) -> Result<Ask> {
        self.ask(&self.cursor(cursor)?)
    }

    fn page(&self, body: &[u8]) -> Result<Page> {
        let mut page = Page::default();
        // Items of one element come together: `open` is the one at hand.
        let mut open: Option<(String, Option<u64>, Reading)> = None;
        let seen = xml::answer(body, &mut |item, about| {
            // A video's id may be a picture's too: what is said of the one is not said of the other.
            if about.is_video {
                return Ok(());
            }
            let time = date::rfc3339(&about.time);
            let is_same = open.as_ref().is_some_and(|(key, at, _)| *key == about.key && *at == time);
            if !is_same && let Some((key, time, reading)) = open.take() {
                page.take(reading, key, time)?;
            }
            open.get_or_insert_with(|| (about.key.clone(), time, Reading::default())).2.take(item);
            Ok(())
        });
        // A list says so of itself; this is none yet.
        let seen = seen.map_err(|error| match error {
            Error::Corrupt { message, .. } => Error::corrupt("answer of the exchange", message),
            error => error,
        })?;
        if let Some((key, time, reading)) = open {
            page.take(reading, key, time)?;
        }
        page.cursor = seen.next.map(|next| self.cursor(&next)).transpose()?;
        Ok(page)
    }

    fn most_pages(&self) -> u64 {
        MOST_PAGES
    }

    fn format(&self) -> &'static str {
        ListFormat::Ncmec.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ncmec(base: &str) -> Ncmec {
        Ncmec::new(Url::parse(base).unwrap(), "user", &Secret::of("hush")).unwrap()
    }

    fn answer(next: &str, elements: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><queryResult xmlns=\"https://hashsharing.ncmec.org/hashsharing/v2\"><paging><next>{next}</next></paging>\
             <images>{elements}</images></queryResult>"
        )
    }

    #[test]
    fn a_page_is_keys_with_their_states() {
        let exchange = ncmec("https://a.example/hashsharing");
        let pdq = "f".repeat(32) + &"0".repeat(32);
        let elements = format!(
            "<image><member id=\"42\"/><timestamp>2026-01-01T00:00:09Z</timestamp><id>a</id><classification>A1</classification>\
             <fingerprints><pdq>{pdq}</pdq></fingerprints></image>\
             <image><member id=\"42\"/><timestamp>2026-01-01T00:00:09Z</timestamp><id>b</id><fingerprints><md5>0</md5></fingerprints></image>\
             <image><member id=\"42\"/><id>c</id><fingerprints><pdq>zz</pdq></fingerprints></image>\
             <image><member id=\"42\"/><id>f</id><fingerprints><pdq>{}</pdq></fingerprints></image>\
             <deletedImage><member id=\"42\"/><id>d</id><timestamp>2026-01-01T00:00:11Z</timestamp></deletedImage>\
             <video><member id=\"42\"/><id>e</id></video>",
            "f".repeat(64)
        );
        let page = exchange.page(answer("", &elements).as_bytes()).unwrap();
        let states: Vec<(&str, Option<u64>, usize, u64)> = page
            .records
            .iter()
            .map(|record| (record.key.as_str(), record.time, record.entries.len(), record.left_out))
            .collect();
        let time = 1_767_225_609;
        assert_eq!(
            states,
            [
                ("42/a", Some(time), 1, 0),
                ("42/b", Some(time), 0, 0),
                ("42/f", None, 0, 1),
                ("42/d", Some(time + 2), 0, 0)
            ]
        );
        assert_eq!((page.bad, page.cursor), (1, None));
        let entry = &page.records[0].entries[0];
        assert_eq!((entry.key.as_str(), entry.label.as_str(), entry.position), ("42/a", "A1", time));
    }

    #[test]
    fn videos_say_nothing_of_pictures() {
        let pdq = "f".repeat(32) + &"0".repeat(32);
        let fingerprints = format!("<fingerprints><pdq>{pdq}</pdq></fingerprints>");
        let elements = format!(
            "<image><member id=\"42\"/><id>a</id>{fingerprints}</image><deletedVideo><member id=\"42\"/><id>a</id></deletedVideo>\
             <deletedVideo><id/></deletedVideo><video><member id=\"42\"/><id>a</id>{fingerprints}</video>"
        );
        let page = ncmec("https://a.example").page(answer("", &elements).as_bytes()).unwrap();
        let states: Vec<(&str, usize)> =
            page.records.iter().map(|record| (record.key.as_str(), record.entries.len())).collect();
        assert_eq!((states, page.bad), (vec![("42/a", 1)], 0));
    }

    #[test]
    fn a_page_of_html_is_not_called_a_list() {
        let page = ncmec("https://a.example").page(b"<html><body>Sign in</body></html>");
        let error = page.unwrap_err().to_string();
        assert!(error.starts_with("corrupt answer of the exchange: "), "{error}");
    }

    #[test]
    fn every_form_of_next_stays_at_the_exchange() {
        for base in ["https://a.example/hashsharing", "https://a.example/hashsharing/"] {
            let exchange = ncmec(base);
            for next in [
                "/v2/entries?from=1&amp;to=2&amp;cursor=x",
                "/v2/entries?from=1&amp;amp;to=2&amp;amp;cursor=x",
                "/hashsharing/v2/entries?from=1&amp;to=2&amp;cursor=x",
                "https://a.example/hashsharing/v2/entries?from=1&amp;to=2&amp;cursor=x",
                "?from=1&amp;to=2&amp;cursor=x",
            ] {
                let cursor = exchange.page(answer(next, "").as_bytes()).unwrap().cursor.unwrap();
                let ask = exchange.following(0, &cursor).unwrap();
                assert_eq!(
                    ask.url.as_str(),
                    "https://a.example/hashsharing/v2/entries?from=1&to=2&cursor=x",
                    "{next}"
                );
            }
            for next in [
                "https://b.example/hashsharing/v2/entries?from=1",
                "http://a.example/hashsharing/v2/entries?from=1",
                "//b.example/v2/entries?from=1",
                "@b.example/v2/entries?from=1",
                "/v2/entries/../../../admin?from=1",
                "/v2/feedback?from=1",
                ".b.example/v2/entries?x",
                "/v2/entries",
            ] {
                assert!(exchange.page(answer(next, "").as_bytes()).is_err(), "{next}");
                assert!(exchange.following(0, next).is_err(), "{next}");
            }
        }
    }

    #[test]
    fn a_window_is_asked_for_in_utc() {
        let ask = ncmec("https://a.example/h").first(0, 1_767_225_609).unwrap();
        let expected = "https://a.example/h/v2/entries?from=1970-01-01T00:00:00Z&to=2026-01-01T00:00:09Z";
        assert_eq!(ask.url.as_str(), expected);
        assert_eq!(ask.headers[AUTHORIZATION], "Basic dXNlcjpodXNo");
        assert!(!format!("{ask:?}").contains("dXNlcjpodXNo"));
    }

    #[test]
    fn half_a_page_is_none() {
        let whole = answer("/v2/entries?a=1", "<image><member id=\"1\"/><id>a</id></image>");
        let exchange = ncmec("https://a.example");
        assert!(exchange.page(whole.as_bytes()).is_ok());
        for length in 0..whole.len() {
            assert_eq!(exchange.page(&whole.as_bytes()[..length]).unwrap_err().code(), "corrupt", "{length}");
        }
    }
}
