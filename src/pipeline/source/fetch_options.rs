//! Which URLs of strangers are fetched.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;

/// Which URLs of strangers are fetched; none by default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Hosts that may be asked.
    pub hosts: Vec<FetchHost>,
    /// Whether every host may, at the port that its scheme has.
    pub any: bool,
    /// Whether `http` may be asked as well as `https`.
    pub plain: bool,
    /// Whether names may lead to private addresses: those of private networks, of this machine and of its links. For tests and closed networks. An address
    /// that is named in numbers among `hosts` is always allowed.
    pub allow_private_addresses: bool,
    /// How long one picture may take in all, redirects included; 10 s by default.
    pub time: Duration,
}

setters!(FetchOptions {
    hosts: Vec<FetchHost>,
    any: bool,
    plain: bool,
    allow_private_addresses: bool,
    time: Duration,
});

impl Default for FetchOptions {
    fn default() -> FetchOptions {
        let time = Duration::from_secs(10);
        FetchOptions { hosts: Vec::new(), any: false, plain: false, allow_private_addresses: false, time }
    }
}

impl FetchOptions {
    /// Whether anything is fetched.
    pub fn is_on(&self) -> bool {
        self.any || !self.hosts.is_empty()
    }

    /// Lets through what may be asked, or says why not. The port is `None` where it is the scheme's own.
    #[cfg_attr(not(feature = "store"), expect(dead_code, reason = "without stores nothing is fetched"))]
    pub(super) fn admit(&self, scheme: &str, host: &str, port: Option<u16>) -> Result<(), &'static str> {
        match scheme {
            "https" => {}
            "http" if self.plain => {}
            _ if self.plain => return Err("the address must begin with https:// or http://"),
            _ => return Err("the address must begin with https://"),
        }
        let is_named = || self.hosts.iter().any(|named| named.is(host, scheme, port));
        match self.any && port.is_none() && !host.is_empty() || is_named() {
            true => Ok(()),
            false => Err("its host or its port is not among those that are asked"),
        }
    }

    /// Whether an address is named in numbers.
    #[cfg_attr(not(feature = "store"), expect(dead_code, reason = "without stores nothing is fetched"))]
    pub(super) fn names_address(&self, address: IpAddr, scheme: &str, port: Option<u16>) -> bool {
        self.hosts.iter().any(|named| named.is(&address.to_string(), scheme, port))
    }
}

/// A host that may be asked: `example.org`, `.example.org` or `*.example.org` for all names below it, an address in numbers; `example.org:8443` for that
/// port in place of the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchHost {
    name: String,
    below: bool,
    port: Option<u16>,
}

impl FetchHost {
    fn is(&self, host: &str, scheme: &str, port: Option<u16>) -> bool {
        let own = if scheme == "http" { 80 } else { 443 };
        let host = host.trim_matches(['[', ']']);
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_below =
            || host.strip_suffix(&*self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
        self.port.unwrap_or(own) == port.unwrap_or(own)
            && if self.below { is_below() } else { host == self.name }
    }
}

/// Longest name of a host (RFC 1035).
const LONGEST: usize = 253;

impl FromStr for FetchHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<FetchHost, Error> {
        let wrong = |why: &str| {
            Error::Input(format!(
                "{why}: a host is of the form example.org, .example.org or example.org:8443"
            ))
        };
        let (below, rest) = match text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, port) = split(rest).ok_or_else(|| wrong("the port is none"))?;
        if let Ok(address) = name.parse::<IpAddr>() {
            let (name, is_bare) = (address.to_string(), !below);
            return is_bare
                .then_some(FetchHost { name, below, port })
                .ok_or_else(|| wrong("an address has no names below"));
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !label.is_empty() && label.len() <= 63 && label.chars().all(plain)
        };
        if !name.is_ascii() {
            return Err(wrong("other letters than those of ASCII are written in the form xn--…"));
        }
        // URLs take such a name for an address.
        let is_number = name.rsplit('.').next().is_some_and(|last| match last.strip_prefix("0x") {
            Some(digits) => digits.chars().all(|c| c.is_ascii_hexdigit()),
            None => last.chars().all(|c| c.is_ascii_digit()),
        });
        match name.len() <= LONGEST && name.split('.').all(is_label) && !is_number {
            true => Ok(FetchHost { name, below, port }),
            false => Err(wrong("this is no host")),
        }
    }
}

/// A name and the port behind it; `None` where that is no port.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let is_v6 = |text: &str| text.matches(':').count() > 1;
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix(':')?)),
        None if is_v6(text) => (text, None),
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port
        .map(|port| port.parse::<u16>().ok().filter(|port| *port > 0))
        .map_or(Some(None), |port| port.map(Some))?;
    Some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_named_exactly_or_by_what_they_end_in() {
        for (named, host, port, expected) in [
            ("example.org", "example.org", None, true),
            ("Example.ORG.", "example.org.", None, true),
            ("example.org", "a.example.org", None, false),
            ("example.org", "badexample.org", None, false),
            ("example.org", "example.org", Some(8443), false),
            ("example.org:8443", "example.org", Some(8443), true),
            ("example.org:8443", "example.org", None, false),
            ("example.org:443", "example.org", None, true),
            ("3com", "3com", None, true),
            (".example.org", "a.example.org", None, true),
            ("*.example.org", "a.b.example.org", None, true),
            ("*.example.org", "example.org", None, false),
            (".example.org", ".example.org", None, false),
            (".example.org", "badexample.org", None, false),
            (".example.org:444", "a.example.org", Some(444), true),
            ("127.0.0.1:80", "127.0.0.1", Some(80), true),
            ("[::1]:9", "[::1]", Some(9), true),
            ("::1", "[::1]", None, true),
            ("0:0:0:0:0:0:0:1", "[::1]", None, true),
        ] {
            let parsed: FetchHost = named.parse().unwrap();
            assert_eq!(parsed.is(host, "https", port), expected, "{named} {host} {port:?}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "*.",
            "*",
            "a..b",
            "https://example.org",
            "example.org/",
            "a b",
            "bücher.example",
            "a:b",
            "a:0",
            "a:65536",
            "a:",
            ".10.0.0.1",
            "*.[::1]",
            "127.1",
            "0x7f.1",
            "2130706433",
            "[::1",
            "[::1]x",
            "user@a",
            "a*b",
        ] {
            let parsed = text.parse::<FetchHost>();
            assert!(parsed.is_err(), "{text}: {parsed:?}");
        }
        let host: FetchHost = "example.org:443".parse().unwrap();
        assert!(!host.is("example.org", "http", None) && host.is("example.org", "http", Some(443)));
        assert!(format!("{}.org", "a".repeat(64)).parse::<FetchHost>().is_err());
    }

    #[test]
    fn any_host_is_asked_at_its_own_port_alone() {
        let options = FetchOptions::default().any(true).hosts(vec!["example.org:8443".parse().unwrap()]);
        assert!(options.is_on() && !FetchOptions::default().is_on());
        for (scheme, host, port, expected) in [
            ("https", "a.example", None, true),
            ("https", "a.example", Some(22), false),
            ("https", "example.org", Some(8443), true),
            ("http", "a.example", None, false),
            ("ftp", "a.example", None, false),
            ("https", "", None, false),
        ] {
            assert_eq!(options.admit(scheme, host, port).is_ok(), expected, "{scheme} {host} {port:?}");
        }
        let plain = options.plain(true);
        assert!(plain.admit("http", "a.example", None).is_ok() && plain.admit("ftp", "a", None).is_err());
        assert!(FetchOptions::default().admit("https", "a.example", None).is_err());
    }
}
