//! What is followed: an exchange, its address, and who we are there.

use std::time::Duration;

use reqwest::Url;

use crate::credential::Credential;
use crate::error::{Error, Result};

/// A list that a gallery follows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncSource {
    /// The gallery's name: letters, digits, `-` and `_`.
    pub name: String,
    /// The address that the exchange's own paths are appended to. Without TLS it has to be loopback.
    pub url: String,
    /// The exchange.
    pub exchange: Exchange,
    /// Between two rounds. 5 minutes by default.
    pub every: Duration,
    /// The first pause before a request is sent again; each is twice as long as the one before, up to 60 s. 250 ms by default.
    pub pause: Duration,
}

setters!(SyncSource { every: Duration, pause: Duration });

/// Who keeps a list, and what is shown there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exchange {
    /// NCMEC's hash sharing, version 2.
    Ncmec {
        /// The member's user name.
        user: String,
        /// Its password.
        password: Credential,
    },
    /// StopNCII.
    StopNcii {
        /// The header `x-functions-key`.
        function_key: Credential,
        /// The header `Ocp-Apim-Subscription-Key`.
        subscription_key: Credential,
    },
    /// Meta's ThreatExchange.
    ThreatExchange {
        /// The number of the privacy group.
        group: String,
        /// The access token.
        token: Credential,
    },
}

impl Exchange {
    /// The exchange's name in configurations: `ncmec`, `stopncii` or `threatexchange`.
    pub fn name(&self) -> &'static str {
        match self {
            Exchange::Ncmec { .. } => "ncmec",
            Exchange::StopNcii { .. } => "stopncii",
            Exchange::ThreatExchange { .. } => "threatexchange",
        }
    }

    /// After how many seconds without a complete round the exchange may have forgotten what was removed.
    pub(crate) fn stale_after(&self) -> Option<u64> {
        const DAY: u64 = 86_400;
        match self {
            Exchange::Ncmec { .. } => None,
            Exchange::StopNcii { .. } => Some(30 * DAY),
            // It remembers removals for 90.
            Exchange::ThreatExchange { .. } => Some(85 * DAY),
        }
    }
}

impl SyncSource {
    /// A source of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for a name that is no file name everywhere, and for an address to which secrets are better not sent.
    pub fn new(name: &str, url: &str, exchange: Exchange) -> Result<SyncSource> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(is_plain) {
            return Err(Error::Input(format!(
                "{name:?} cannot be the name of a gallery that follows a list: up to 64 letters, digits, - and _ can"
            )));
        }
        if let Exchange::ThreatExchange { group, .. } = &exchange
            && (group.is_empty() || !group.bytes().all(|digit| digit.is_ascii_digit()))
        {
            return Err(Error::Input("the group of ThreatExchange is a number".into()));
        }
        base(url)?;
        let (every, pause) = (Duration::from_secs(300), Duration::from_millis(250));
        Ok(SyncSource { name: name.into(), url: url.into(), exchange, every, pause })
    }

    /// What says that a gallery follows this list and no other.
    pub(crate) fn identity(&self) -> String {
        let group = match &self.exchange {
            Exchange::ThreatExchange { group, .. } => group.as_str(),
            _ => "",
        };
        format!("{} {} {group}", self.exchange.name(), self.url.trim_end_matches('/'))
    }
}

/// The address that paths are appended to.
///
/// # Errors
///
/// [`Error::Input`] where it is none, holds more than a path, or would send secrets in the clear.
pub(crate) fn base(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::Input(format!("the address of the exchange {why}"));
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_bare || url.password().is_some() {
        return Err(wrong("may hold neither a query string nor a user: these have places of their own"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong(
            "begins with http://, which would show the credentials to everybody on the way: use https://",
        )),
        _ => Err(wrong("has to begin with https://")),
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
    fn addresses_that_would_leak_are_refused() {
        for url in [
            "https://a.example",
            "https://a.example/v2/",
            "http://127.0.0.1:80/x",
            "http://[::1]",
            "http://localhost",
        ] {
            assert!(base(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.example",
            "ftp://a.example",
            "https://u:p@a.example",
            "https://a.example/?key=1",
            "a.example",
            "",
            "http://127.0.0.1.example",
        ] {
            assert!(base(url).is_err(), "{url}");
        }
    }

    #[test]
    fn names_are_file_names() {
        let exchange = |group: &str| Exchange::ThreatExchange {
            group: group.into(),
            token: Credential::Environment("X".into()),
        };
        assert!(SyncSource::new("a-B_9", "https://a.example", exchange("1")).is_ok());
        for (name, group) in [("", "1"), ("a/b", "1"), ("..", "1"), ("é", "1"), ("a", ""), ("a", "1/../2")] {
            assert!(SyncSource::new(name, "https://a.example", exchange(group)).is_err(), "{name} {group}");
        }
    }
}
