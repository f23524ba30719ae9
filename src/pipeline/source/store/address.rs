//! Which addresses a server may lead us to: a stranger's URL must not make us send requests inside the private network.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::pipeline::source::fetch_options::FetchOptions;
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
    /// A caller of a service, who may name what these options let through, and learns nothing about the network around us.
    Stranger(Arc<FetchOptions>),
}

/// Redirects that are followed, one after another.
const REDIRECTS: usize = 10;

/// The same where a stranger named the first URL.
const STRANGERS_REDIRECTS: usize = 5;

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

    /// Trust in a URL that a stranger names.
    #[cfg_attr(not(feature = "service"), expect(dead_code, reason = "only a service has strangers"))]
    pub(super) fn in_strangers(options: &FetchOptions) -> Trust {
        Trust { all: options.allow_private_addresses, by: NamedBy::Stranger(Arc::new(options.clone())) }
    }

    /// Redirects that are followed, one after another.
    pub(super) fn redirects(&self) -> usize {
        if self.by_stranger() { STRANGERS_REDIRECTS } else { REDIRECTS }
    }

    pub(super) fn by_stranger(&self) -> bool {
        matches!(self.by, NamedBy::Stranger(_))
    }

    /// Lets a URL through, whoever led to it, or says why not: of those that a stranger names only what the options say.
    pub(super) fn admit(&self, url: &Url) -> Result<(), &'static str> {
        let NamedBy::Stranger(options) = &self.by else { return Ok(()) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the address must not carry a user's name or password");
        }
        options.admit(url.scheme(), url.host_str().unwrap_or_default(), url.port())
    }

    /// Whether `url`, reached by a request for `start`, may have a private address. Lists and redirects may lead to one only on the host and port
    /// that the user named.
    pub(super) fn lets(&self, url: &Url, start: &Url, redirected: bool) -> bool {
        let named = match &self.by {
            NamedBy::User if !redirected => return true,
            NamedBy::User => Some(start),
            NamedBy::List(list) => list.as_ref(),
            // Who runs the service named it in numbers, so no name's owner can make another machine of it.
            NamedBy::Stranger(options) => {
                let named = literal(url)
                    .is_some_and(|address| options.names_address(address, url.scheme(), url.port()));
                return self.all || named;
            }
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

/// Whether an address is not one of the public internet: private, loopback, link-local, multicast, for documentation, reserved, and the other ranges
/// in IANA's registries of special-purpose addresses that are not reachable from everywhere.
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
        // For documentation (RFC 5737), and the former relays of 6to4 (RFC 7526).
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => true,
        // Azure's virtual address of what serves each machine its settings: public by its number, and never by its place.
        [168, 63, 129, 16] => true,
        _ => false,
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // IPv4 translated by the well-known prefix (RFC 6052): what hosts without IPv4 get for every name, so the address within decides.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_private_v4(((u32::from(high) << 16) | u32::from(low)).into())
        }
        // Protocols' own, tunnelled IPv4 (Teredo) among them (RFC 2928); for documentation (RFC 3849, RFC 9637).
        [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => true,
        // 6to4, which nobody has any more (RFC 7526), and which holds any IPv4 address.
        [0x2002, ..] => true,
        // Beyond 2000::/3 nothing is global unicast (RFC 4291): IPv4 mapped or in the old form, loopback, unique and link-local, multicast, reserved.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

/// Names to addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    /// Whether private addresses are refused. The address that is checked is the one that is connected to, so that a server cannot answer a second
    /// look-up differently (DNS rebinding).
    pub(super) guarded: bool,
    /// Whether requests go through the environment's proxies, whose own addresses may be private.
    pub(super) proxied: bool,
}

/// A name that has only private addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Private(pub(super) IpAddr);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxied && PROXIES.contains(name.as_str());
        let guarded = self.guarded && !is_proxy;
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
            "192.0.2.1",
            "198.51.100.255",
            "203.0.113.0",
            "192.88.99.1",
            "168.63.129.16",
            "240.0.0.1",
            "239.255.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b::c000:201",
            "64:ff9b:1::1",
            "64:ff9b:0:0:1::101:101",
            "100::1",
            "2002:7f00:1::",
            "2002:101:101::",
            "2001::1",
            "2001:2::1",
            "2001:1ff::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fbff::1",
            "fe7f::1",
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
            "192.0.3.1",
            "192.88.98.255",
            "192.88.100.0",
            "168.63.129.15",
            "168.63.129.17",
            "198.17.1.1",
            "198.20.0.1",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "64:ff9b::101:101",
            "2000::1",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3ffe:ffff::1",
            "3fff:1000::1",
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

    #[test]
    fn strangers_lead_to_private_addresses_only_where_these_are_named_in_numbers() {
        let url = |text: &str| Url::parse(text).unwrap();
        let hosts = ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"].map(|host| host.parse().unwrap());
        let options = FetchOptions::default().hosts(hosts.to_vec()).plain(true);
        let trust = Trust::in_strangers(&options);
        for named in ["http://127.0.0.1:8000/", "http://0x7f.1:8000/", "https://[::1]:8000/"] {
            for redirected in [false, true] {
                assert!(trust.lets(&url(named), &url("https://example.org/"), redirected), "{named}");
            }
        }
        for other in [
            "http://localhost:8000/",
            "http://127.0.0.1/",
            "http://127.0.0.2:8000/",
            "http://[::ffff:7f00:1]:8000/",
        ] {
            assert!(!trust.lets(&url(other), &url(other), false), "{other}");
        }
        let all = Trust::in_strangers(&options.allow_private_addresses(true));
        assert!(all.lets(&url("http://localhost:8000/"), &url("http://localhost:8000/"), false));
        assert!(all.admit(&url("http://a:b@127.0.0.1:8000/")).is_err());
        assert!(all.admit(&url("http://a@127.0.0.1:8000/")).is_err());
        assert!(all.admit(&url("http://127.0.0.1:8000/")).is_ok());
        // Names are looked up once, and only what may be asked is connected to.
        assert!(addresses("localhost", true).unwrap_err().is::<Private>());
        assert!(addresses("localhost", false).unwrap().iter().all(|at| at.ip().is_loopback()));
    }
}
