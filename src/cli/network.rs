//! Options on servers: how long they are waited for, and how far they are trusted.

use std::time::Duration;

use clap::Args;
use shadegrid::pipeline::Network;

use super::{bytes, numbers};

/// Options on servers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network options")]
pub(crate) struct NetworkArguments {
    /// Seconds that a server may send nothing, or next to nothing
    ///
    /// Under 32 KiB counts as next to nothing. A picture, or a part of an archive, may take 20 times as long in all.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = numbers::up_to_an_hour)]
    network_timeout: u64,

    /// Let redirects, and lists that come from a server, lead to private addresses
    ///
    /// These are 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, fc00::/7 and the like: machines around this one, which a stranger's
    /// server must not make it ask. What you name may lie there, and may lead on within its own host and port.
    #[arg(long)]
    allow_private_addresses: bool,

    /// Let lists that come from a server name files of this machine, not only URLs
    #[arg(long)]
    allow_local_paths: bool,

    /// Largest temporary file: for an archive or a list whose server gives no parts of files
    #[arg(long, value_name = "SIZE", default_value = "16G", value_parser = bytes::parse)]
    max_temporary_bytes: u64,
}

impl NetworkArguments {
    /// What was chosen.
    pub(crate) fn network(&self) -> Network {
        Network::default()
            .patience(Duration::from_secs(self.network_timeout))
            .allow_private_addresses(self.allow_private_addresses)
            .allow_local_paths(self.allow_local_paths)
            .max_temporary_bytes(self.max_temporary_bytes)
    }
}
