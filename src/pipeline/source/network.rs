//! How servers are asked, and how far they are trusted.

use std::time::Duration;

/// How servers are asked, and how far they are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// How long a server may send nothing, or next to nothing (under 32 KiB); a picture or a part of an archive may take 20 times as long in all.
    /// 30 s by default.
    pub patience: Duration,
    /// Whether redirects, and lists that come from a server, may lead to private addresses: those of private networks, this machine and its links. What
    /// a user names may always lie there, and what it leads to at the same host and port.
    pub allow_private_addresses: bool,
    /// Whether lists that come from a server may name files of this machine.
    pub allow_local_paths: bool,
    /// Most bytes of an archive or a list that are kept in a temporary file, where its server gives no parts of it; 16 GiB by default.
    pub max_temporary_bytes: u64,
    /// The URL of the list that named the inputs, where that came from a server: then no private address is asked but at the list's own place. Opening
    /// items sets it for each one.
    pub list: Option<String>,
}

setters!(Network {
    patience: Duration,
    allow_private_addresses: bool,
    allow_local_paths: bool,
    max_temporary_bytes: u64,
    list: Option<String>,
});

impl Default for Network {
    fn default() -> Network {
        Network {
            patience: Duration::from_secs(30),
            allow_private_addresses: false,
            allow_local_paths: false,
            max_temporary_bytes: 16 << 30,
            list: None,
        }
    }
}
