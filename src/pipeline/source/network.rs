//! Timeouts of servers, and how far they are trusted.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::store::Mounts;

/// Timeouts of servers, and how far they are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// How long a server may send nothing, or almost nothing (under 32 KiB). A whole picture, or part of an archive, may take 20 times as long.
    /// 30 s by default.
    pub patience: Duration,
    /// Whether redirects, and lists that come from a server, may lead to private addresses: those of private networks, of this machine and of its
    /// links. An address that the user names is always allowed, and so is where it leads on the same host and port.
    pub allow_private_addresses: bool,
    /// Whether lists that come from a server may name files of this machine.
    pub allow_local_paths: bool,
    /// Most bytes of an archive or a list that are kept in a temporary file if its server does not support range requests; 16 GiB by default.
    pub max_temporary_bytes: u64,
    /// The URL of the list that named the inputs, if it came from a server: then no private address is contacted except on the list's own host and
    /// port. Opening items sets it for each one.
    pub list: Option<String>,
    /// Endpoints and credentials of object stores, if they are not those of the environment.
    pub store: StoreOptions,
    /// Stores of the program's own in place of URLs; needs the feature `store`.
    pub mounts: Mounts,
}

/// Endpoints and credentials of object stores, by the names of the environment's variables: `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`,
/// `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_KEY` and the like, in upper or lower case. Values set here take precedence over the environment. Each
/// store ignores names that it does not know. Values are never printed.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct StoreOptions(BTreeMap<String, String>);

impl StoreOptions {
    /// The same with this value added or replaced.
    #[must_use]
    pub fn set(mut self, name: impl AsRef<str>, value: impl Into<String>) -> StoreOptions {
        self.0.insert(name.as_ref().to_ascii_lowercase(), value.into());
        self
    }

    #[cfg(feature = "store")]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

setters!(Network {
    patience: Duration,
    allow_private_addresses: bool,
    allow_local_paths: bool,
    max_temporary_bytes: u64,
    list: Option<String>,
    store: StoreOptions,
    mounts: Mounts,
});

impl Default for Network {
    fn default() -> Network {
        Network {
            patience: Duration::from_secs(30),
            allow_private_addresses: false,
            allow_local_paths: false,
            max_temporary_bytes: 16 << 30,
            list: None,
            store: StoreOptions::default(),
            mounts: Mounts::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let store = StoreOptions::default().set("AWS_SECRET_ACCESS_KEY", "hush").set("aws_region", "here");
        let printed = format!("{:?}", Network::default().store(store));
        assert!(printed.contains("aws_secret_access_key") && !printed.contains("hush"), "{printed}");
    }
}
