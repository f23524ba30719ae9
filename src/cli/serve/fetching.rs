//! Options on addresses of pictures that callers name.

use std::time::Duration;

use clap::Args;
use shadegrid::service::{FetchHost, FetchOptions};

use super::seconds;

/// Options on addresses of pictures that callers name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fetching options")]
pub(super) struct FetchArguments {
    /// Fetch pictures that callers name by address, from this host, or from `any`; may be given several times
    ///
    /// A host is of the form example.org, .example.org for all names below it, or example.org:8443; without a port it is asked at that of https. Private
    /// addresses are asked only where they are named in numbers. Nothing is fetched without this option.
    #[arg(long, value_name = "HOST", value_parser = wanted)]
    fetch: Vec<Wanted>,

    /// Fetch from http:// too, which anybody between can read and change
    #[arg(long, requires = "fetch")]
    fetch_plain: bool,

    /// Seconds for a picture that is fetched, redirects included
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    fetch_timeout: Duration,

    /// Let names of hosts lead to private addresses, for tests and closed networks
    ///
    /// With this, callers can make the service ask machines around it: those that --fetch names.
    #[arg(long, requires = "fetch")]
    allow_private_addresses: bool,
}

/// What is fetched from.
#[derive(Debug, Clone)]
enum Wanted {
    Any,
    Host(FetchHost),
}

fn wanted(text: &str) -> Result<Wanted, String> {
    match text {
        "any" => Ok(Wanted::Any),
        host => host.parse().map(Wanted::Host).map_err(|error: shadegrid::Error| error.to_string()),
    }
}

impl FetchArguments {
    pub(super) fn options(self) -> FetchOptions {
        let any = self.fetch.iter().any(|wanted| matches!(wanted, Wanted::Any));
        let hosts = self.fetch.into_iter().filter_map(|wanted| match wanted {
            Wanted::Any => None,
            Wanted::Host(host) => Some(host),
        });
        FetchOptions::default()
            .hosts(hosts.collect())
            .any(any)
            .plain(self.fetch_plain)
            .allow_private_addresses(self.allow_private_addresses)
            .time(self.fetch_timeout)
    }
}
