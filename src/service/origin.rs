//! Requests that another site makes a browser send: a page that a person has open can post to a service on the same machine.
//!
//! A browser says where a request comes from, in `Sec-Fetch-Site` (Fetch Metadata) or at least in `Origin` (RFC 6454). Other clients say nothing, and
//! are not asked.
//!
//! A site can also give its own name the address of this machine (DNS rebinding): then the browser takes both for one. Where no key is asked for, browsers
//! are therefore let in by `localhost` and by numbers alone, which no site is called.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};

use super::problem::{Answer, Problem};

/// Refuses what another site asks for, unless it only reads: a browser does not let that site see the answer. `is_open` says that nobody needs a key.
pub(crate) fn check(method: &Method, headers: &HeaderMap, is_open: bool) -> Answer<()> {
    if headers.get_all(HOST).iter().count() > 1 {
        return Err(Problem::input("a request has one Host"));
    }
    if is_open && is_of_a_browser(headers) && !is_of_this_machine(headers) {
        let detail = "without keys the page is at localhost or at an address in numbers; make a key, or have the proxy in front set Host";
        return Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail));
    }
    if method.is_safe() || is_own(headers) {
        return Ok(());
    }
    let detail = "another site made the browser send this; only the service's own page and programs may";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", detail))
}

fn is_of_a_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN)
}

/// Whether the name that the request is for is one that no site can have.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    // HTTP/2 has the name elsewhere, and comes over TLS, whose certificate no other site has.
    let Some(host) = headers.get(HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
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
            check(&method, &headers.collect(), true).is_ok()
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

    #[test]
    fn names_that_a_site_gives_this_machine_open_nothing() {
        let checked = |host: &str, is_open: bool, more: &[(&'static str, &str)]| {
            let given = [("host", host)].into_iter().chain(more.iter().copied());
            let headers = given.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            check(&Method::POST, &headers.collect(), is_open).is_ok()
        };
        let own = [("sec-fetch-site", "same-origin")];
        for host in
            ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "192.0.2.7"]
        {
            assert!(checked(host, true, &own), "{host}");
        }
        for host in
            ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "", "2130706433"]
        {
            assert!(!checked(host, true, &own), "{host}");
            assert!(!checked(host, true, &[("origin", &format!("http://{host}"))]), "{host}");
            assert!(checked(host, true, &[]), "{host}: a program");
            assert!(checked(host, false, &own), "{host}: where a key is needed");
        }
        let mut two = HeaderMap::new();
        two.append(HOST, "localhost".parse().unwrap());
        two.append(HOST, "evil.example".parse().unwrap());
        assert_eq!(check(&Method::GET, &two, false).unwrap_err().status, 400);
    }
}
