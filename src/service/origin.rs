//! Requests that another site makes a browser send: a page that a person has open can post to a service on the same machine.
//!
//! A browser says where a request comes from, in `Sec-Fetch-Site` (Fetch Metadata) or at least in `Origin` (RFC 6454). Other clients say nothing, and
//! are not asked.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};

use super::problem::{Answer, Problem};

/// Refuses what another site asks for, unless it only reads: a browser does not let that site see the answer.
pub(crate) fn check(method: &Method, headers: &HeaderMap) -> Answer<()> {
    if method.is_safe() || is_own(headers) {
        return Ok(());
    }
    let detail = "another site made the browser send this; only the service's own page and programs may";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail))
}

fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), headers.get(ORIGIN)) {
        // `none`: a person, and no site.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
        (None, Some(origin)) => {
            let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
            origin.is_some_and(|(_, place)| text(HOST.as_str()) == Some(place))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_change_nothing() {
        let is_let_in = |method: Method, given: &[(&'static str, &str)]| {
            let headers = given.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            check(&method, &headers.collect()).is_ok()
        };
        let host = ("host", "127.0.0.1:8080");
        assert!(is_let_in(Method::POST, &[host]), "a program");
        assert!(is_let_in(Method::POST, &[host, ("origin", "http://127.0.0.1:8080")]));
        assert!(is_let_in(Method::POST, &[host, ("sec-fetch-site", "same-origin")]));
        assert!(is_let_in(Method::GET, &[host, ("sec-fetch-site", "cross-site")]));
        for foreign in [
            [host, ("origin", "http://other.example")],
            [host, ("origin", "null")],
            [host, ("origin", "http://127.0.0.1:8081")],
            [host, ("sec-fetch-site", "cross-site")],
            [host, ("sec-fetch-site", "same-site")],
        ] {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                assert!(!is_let_in(method, &foreign), "{foreign:?}");
            }
        }
    }
}
