//! Where events may go.

use reqwest::Url;

use super::HookKind;
use crate::error::{Error, Result};

/// The address of a kind. It is the operator's own, so private addresses are as good as others; over a network that others see it has to be encrypted, unless
/// the configuration says `plain`.
///
/// # Errors
///
/// [`Error::Input`] for what is none. The address is not in the error: it may hold what only its owner knows.
pub(super) fn address(kind: HookKind, text: &str, is_plain: bool) -> Result<Url> {
    let wrong = |why: &str| Error::Input(format!("hooks: the address of {kind} {why}"));
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("may hold neither a user nor a fragment: the signature says who posts"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_plain || is_loopback(&url) => Ok(url),
        "http" => Err(wrong(
            "does not begin with https://, and everybody on the way could read events: say plain = true where that is right",
        )),
        _ => Err(wrong("begins neither with https:// nor with http://")),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_encrypted_unless_they_stay_or_somebody_says_so() {
        let is_taken = |text, is_plain| address(HookKind::Match, text, is_plain).is_ok();
        for text in [
            "https://a.example/x?token=1",
            "https://10.0.0.7",
            "http://127.0.0.1:1/x",
            "http://[::1]",
            "http://localhost:80",
        ] {
            assert!(is_taken(text, false), "{text}");
        }
        for text in ["http://a.example", "http://10.0.0.7:8080/x", "http://127.0.0.1.example"] {
            assert!(!is_taken(text, false) && is_taken(text, true), "{text}");
        }
        for text in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://u:p@a.example",
            "https://u@a.example",
            "https://a.example/#x",
        ] {
            let error = address(HookKind::Match, text, true).unwrap_err().to_string();
            assert!(error.contains("match") && (text.is_empty() || !error.contains(text)), "{error}");
        }
    }
}
