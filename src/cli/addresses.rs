//! Addresses to listen at, as people write them.

use std::net::{Ipv4Addr, SocketAddr};

/// Reads `127.0.0.1:8080`, `[::1]:8080`, or `localhost:8080`, which is 127.0.0.1.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = || text.strip_prefix("localhost:")?.parse().ok();
    let local = || port().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    text.parse().ok().or_else(local).ok_or_else(|| {
        "expected an address of this machine in numbers with a port, such as 127.0.0.1:8080, 0.0.0.0:8080 (all of IPv4) or [::1]:8080".to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_have_a_port() {
        for (text, expected) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected);
        }
        for text in
            ["", "80", ":80", "localhost", "localhost:", "localhost:99999", "127.0.0.1", "example.org:80"]
        {
            assert!(address(text).is_err_and(|error| error.contains("such as 127.0.0.1:8080")), "{text}");
        }
    }
}
