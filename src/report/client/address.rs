//! Where reports go. A production address is never used for a test, and an address that was mistyped for none.

use reqwest::Url;

use super::super::model::words::Mode;
use crate::error::{Error, Result};

/// Where tests go unless the configuration names a stand-in.
const TEST: &str = "https://exttest.cybertip.org/ispws";

/// Where reports are filed.
const PRODUCTION: &str = "https://report.cybertip.org/ispws";

/// NCMEC's domain, with everything in it.
const DOMAIN: &str = "cybertip.org";

/// The address for a mode; `other` stands in for it.
///
/// # Errors
///
/// [`Error::Input`] for an address to which credentials or reports must not go.
pub(crate) fn address(mode: Mode, other: Option<&str>) -> Result<Url> {
    let usual = if mode == Mode::Production { PRODUCTION } else { TEST };
    let wrong = |why: &str| Error::Input(format!("{}.url {why}", mode.word()));
    let url = Url::parse(other.unwrap_or(usual)).map_err(|_| wrong("is no URL"))?;
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_bare || url.password().is_some() {
        return Err(wrong("may hold neither a query string nor a user: these have places of their own"));
    }
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    let is_ncmecs = host == DOMAIN || host.ends_with(&format!(".{DOMAIN}"));
    let is_usual = url.as_str().trim_end_matches('/') == usual;
    match url.scheme() {
        _ if is_loopback(&host) && matches!(url.scheme(), "http" | "https") => Ok(url),
        "https" if is_usual => Ok(url),
        _ if mode == Mode::Production => {
            Err(wrong(&format!("is neither {PRODUCTION} nor loopback, and reports are filed nowhere else")))
        }
        _ if is_ncmecs => Err(wrong(&format!("is not {TEST}, which is NCMEC's only address for tests"))),
        "https" => Ok(url),
        _ => Err(wrong("does not begin with https://, and would show reports to everybody on the way")),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_go_to_no_production_address_and_reports_to_no_other() {
        assert_eq!(address(Mode::Test, None).unwrap().as_str(), TEST);
        assert_eq!(address(Mode::Production, None).unwrap().as_str(), PRODUCTION);
        for url in ["http://127.0.0.1:8080/ispws", "http://[::1]:1", "http://localhost/x"] {
            assert!(
                address(Mode::Test, Some(url)).is_ok() && address(Mode::Production, Some(url)).is_ok(),
                "{url}"
            );
        }
        assert!(address(Mode::Test, Some("https://stand-in.example/ispws")).is_ok());
        assert!(address(Mode::Test, Some(&format!("{TEST}/"))).is_ok());
        for url in [
            PRODUCTION,
            "https://REPORT.cybertip.org/ispws",
            "https://report.cybertip.org.:443/ispws",
            "https://cybertip.org",
            "http://exttest.cybertip.org/ispws",
            "http://stand-in.example",
            "https://u:p@a.example",
            "https://a.example/?x",
            "x",
        ] {
            assert!(address(Mode::Test, Some(url)).is_err(), "{url}");
        }
        for url in [
            TEST,
            "https://stand-in.example/ispws",
            "http://report.cybertip.org/ispws",
            "https://127.0.0.1.example",
        ] {
            assert!(address(Mode::Production, Some(url)).is_err(), "{url}");
        }
    }
}
