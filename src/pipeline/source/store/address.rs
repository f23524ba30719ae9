//! Which addresses a server may lead us to: a stranger's URL must not make us send requests inside the private network.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::pipeline::source::network::Network;

/// Who named a URL, which decides how far its address is trusted.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    /// Whether every address is.
    pub(super) all: bool,
    pub(super) by: NamedBy,
}

/// Who named a URL.
#[derive(Debug, Clone, Default)]
pub(super) enum NamedBy {
    /// The user, who may name any address.
    #[default]
    User,
    /// A list that came from a server: that of this URL, or a store.
    List(Option<Url>),
}

impl Trust {
    /// Trust in the current input's URL on the web.
    pub(super) fn in_the_web(network: &Network) -> Trust {
        let list = |list: &String| NamedBy::List(Url::parse(list).ok());
        Trust { all: network.allow_private_addresses, by: network.list.as_ref().map_or(NamedBy::User, list) }
    }

    /// Trust in a store: its address is the user's own setting, no matter who names an object in it.
    pub(super) fn in_stores(network: &Network) -> Trust {
        Trust { all: network.allow_private_addresses, by: NamedBy::User }
    }

    /// Whether `url`, reached by a request for `start`, may have a private address. Lists and redirects may lead to one only on the host and port
    /// that the user named.
    pub(super) fn lets(&self, url: &Url, start: &Url, redirected: bool) -> bool {
        let named = match &self.by {
            NamedBy::User if !redirected => return true,
            NamedBy::User => Some(start),
            NamedBy::List(list) => list.as_ref(),
        };
        self.all || named.is_some_and(|named| is_same_place(named, url))
    }
}

/// The same host and port; from http to https, both at their own ports, is the same place too.
fn is_same_place(named: &Url, url: &Url) -> bool {
    let ports = (named.port_or_known_default(), url.port_or_known_default());
    named.host_str() == url.host_str() && (ports.0 == ports.1 || ports == (Some(80), Some(443)))
}

/// The IP address in a URL, if it has one in place of a host's name.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

/// Whether an address is not one of the public internet: private, loopback, link-local and the other ranges in IANA's registries of
/// special-purpose addresses. For an address that embeds another one, the embedded one decides.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        [0 | 10 | 127 | 224..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        [169, 254, ..] | [192, 168, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        _ => false,
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| is_private_v4(((u32::from(high) << 16) | u32::from(low)).into());
    match address.segments() {
        // Unspecified, loopback, and IPv4 in the old form and mapped (RFC 4291, 2.5.5).
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => true,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        // Translated (RFC 6052, RFC 8215) and tunnelled (RFC 3056; RFC 4380).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4(high, low),
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => true,
        // Unique local, link-local, the former site-local, and multicast.
        [first, ..] => matches!(first, 0xfc00..=0xfdff | 0xfe80..),
    }
}

/// Names to addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    /// Whether private addresses are refused. The address that is checked is the one that is connected to, so that a server cannot answer a second
    /// look-up differently (DNS rebinding).
    pub(super) guarded: bool,
}

/// A name that has only private addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Private(pub(super) IpAddr);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guarded = self.guarded && !PROXIES.contains(name.as_str());
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || addresses(name.as_str(), guarded)).await?;
            found.map(|found| Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn addresses(name: &str, guarded: bool) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let mut found: Vec<SocketAddr> = (name, 0).to_socket_addrs()?.collect();
    let refused = found.iter().map(SocketAddr::ip).find(|address| guarded && is_private(*address));
    found.retain(|address| !guarded || !is_private(address.ip()));
    match refused {
        Some(address) if found.is_empty() => Err(Box::new(Private(address))),
        _ => {
            // A store has many servers: connections begin with each in turn. Any count will do, so it is relaxed.
            static TURN: AtomicUsize = AtomicUsize::new(0);
            let turn = TURN.fetch_add(1, Ordering::Relaxed) % found.len().max(1);
            found.rotate_left(turn);
            Ok(found)
        }
    }
}

/// Hosts of the environment's proxies, which the user named: they connect for us, and look names up themselves.
static PROXIES: LazyLock<Arc<HashSet<String>>> = LazyLock::new(|| {
    let names = ["http_proxy", "https_proxy", "all_proxy"];
    let names = names.into_iter().flat_map(|name| [name.to_string(), name.to_ascii_uppercase()]);
    let host = |proxy: String| {
        let url = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
        Url::parse(&url).ok()?.host_str().map(str::to_string)
    };
    Arc::new(names.filter_map(|name| std::env::var(name).ok()).filter_map(host).collect())
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_form() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::",
            "2606:4700::1111",
            "2001:db8::1",
            "fbff::1",
            "fe7f::1",
        ];
        let is = |text: &&str| is_private(text.parse().unwrap());
        assert_eq!(private.iter().filter(|text| !is(text)).collect::<Vec<_>>(), [&""; 0]);
        assert_eq!(public.iter().filter(|text| is(text)).collect::<Vec<_>>(), [&""; 0]);
    }

    #[test]
    fn a_url_cannot_hide_its_address() {
        for url in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://user@127.0.0.1:80/",
            "http://[::ffff:127.0.0.1]/",
            "http://①②⑦.0.0.1/",
        ] {
            let address = literal(&Url::parse(url).unwrap());
            assert!(address.is_some_and(is_private), "{url}: {address:?}");
        }
        assert_eq!(literal(&Url::parse("http://127.0.0.1.example.org/").unwrap()), None);
    }

    #[test]
    fn servers_lead_only_within_what_was_named() {
        let url = |text: &str| Url::parse(text).unwrap();
        let user = Trust::default();
        let start = url("http://10.0.0.1:8000/a");
        assert!(user.lets(&start, &start, false), "the user's own address");
        assert!(user.lets(&url("http://10.0.0.1:8000/b"), &start, true));
        assert!(user.lets(&url("https://intranet/b"), &url("http://intranet/a"), true));
        for elsewhere in ["http://10.0.0.1:8001/", "http://10.0.0.2:8000/", "http://localhost:8000/"] {
            assert!(!user.lets(&url(elsewhere), &start, true), "{elsewhere}");
            assert!(Trust { all: true, ..user.clone() }.lets(&url(elsewhere), &start, true), "{elsewhere}");
        }
        let list = |list: Option<&str>| Trust { all: false, by: NamedBy::List(list.map(url)) };
        let there = list(Some("http://10.0.0.1:8000/list.csv"));
        assert!(there.lets(&start, &start, false));
        assert!(!there.lets(&url("http://10.0.0.2/"), &url("http://10.0.0.2/"), false));
        assert!(!list(None).lets(&start, &start, false));
    }
}
