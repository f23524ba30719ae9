//! `shadegrid standin`: servers that behave as the exchanges of known signatures do, and as the CyberTipline does, for tests of their clients.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use shadegrid::Error;
use shadegrid::standin::{Credentials, Exchange, Standin, StandinOptions};

use super::addresses::address;
use super::exit::Exit;
use super::{console, interrupt};

/// Stand in for an exchange of known signatures or the CyberTipline, in tests of clients
///
/// An exchange lists the changes that it is given, as JSON lines, once its clock has reached them; the CyberTipline takes reports and checks them. POST
/// /_standin/changes, /_standin/clock and /_standin/faults add changes, set the clock and let requests fail; GET /_standin/state says what was asked and
/// which reports are finished. docs/service.md describes all of it.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Serve changes as StopNCII would, and ask for them:
      shadegrid standin stopncii --changes changes.jsonl
      curl -H 'x-functions-key: a' -H 'Ocp-Apim-Subscription-Key: b' localhost:8090/FetchHashes
  Take reports as NCMEC's CyberTipline would, and count the finished ones:
      shadegrid standin cybertipline
      curl --user a:b --header 'Content-Type: text/xml; charset=utf-8' --data @report.xml localhost:8090/ispws/submit
      curl localhost:8090/_standin/state";

#[derive(Debug, Subcommand)]
enum Command {
    /// NCMEC's hash sharing, version 2
    #[command(name = "hashsharing")]
    HashSharing(HashSharing),
    /// StopNCII's FetchHashes
    #[command(name = "stopncii")]
    StopNcii(StopNcii),
    /// Meta's ThreatExchange, threat_updates
    #[command(name = "threatexchange")]
    ThreatExchange(ThreatExchange),
    /// NCMEC's CyberTipline, which takes reports
    #[command(name = "cybertipline")]
    CyberTipline(CyberTipline),
}

#[derive(Debug, Args)]
struct Listen {
    /// Where to listen; port 0 is one that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090", value_parser = address)]
    listen: SocketAddr,
}

/// What all exchanges of signatures take.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    listen: Listen,

    /// Changes to begin with, one JSON object a line
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,

    /// Most records of a page [default: as many as the exchange gives]
    #[arg(long, value_name = "N")]
    page_size: Option<NonZeroUsize>,
}

/// What clients present by Basic.
#[derive(Debug, Args)]
struct Basic {
    /// The user that clients have to present [default: any]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A file with the user's password [default: any]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct HashSharing {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    basic: Basic,
}

#[derive(Debug, Args)]
struct CyberTipline {
    #[command(flatten)]
    listen: Listen,

    /// Keep the reports in this file, and resume with those that it holds
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    #[command(flatten)]
    basic: Basic,
}

#[derive(Debug, Args)]
struct StopNcii {
    #[command(flatten)]
    place: Place,

    /// A file with the key that clients have to present as x-functions-key [default: any]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// A file with the key that clients have to present as Ocp-Apim-Subscription-Key [default: any]
    #[arg(long, value_name = "FILE")]
    subscription_key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ThreatExchange {
    #[command(flatten)]
    place: Place,

    /// A file with the token that clients have to present as access_token [default: any]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    let standin = Standin::start(arguments.command.options()?)?;
    let stopper = standin.stopper();
    interrupt::call(move || stopper.stop())?;
    console::say(format_args!("listening at http://{}", standin.address()));
    standin.run()?;
    Ok(Exit::Done)
}

impl Command {
    fn options(self) -> Result<StandinOptions, Error> {
        let none = Credentials::default();
        let (exchange, place, credentials) = match self {
            Command::HashSharing(HashSharing { place, basic }) => {
                (Exchange::HashSharing, place, basic.credentials()?)
            }
            Command::StopNcii(StopNcii { place, key_file, subscription_key_file }) => {
                let credentials = none.function_key(secret(key_file.as_deref())?);
                let subscription_key = secret(subscription_key_file.as_deref())?;
                (Exchange::StopNcii, place, credentials.subscription_key(subscription_key))
            }
            Command::ThreatExchange(ThreatExchange { place, token_file }) => {
                (Exchange::ThreatExchange, place, none.token(secret(token_file.as_deref())?))
            }
            Command::CyberTipline(CyberTipline { listen, state, basic }) => {
                let options = StandinOptions::new(Exchange::CyberTipline).listen(listen.listen);
                return Ok(options.state(state).credentials(basic.credentials()?));
            }
        };
        let options = StandinOptions::new(exchange).listen(place.listen.listen).changes(place.changes);
        Ok(options.page_size(place.page_size).credentials(credentials))
    }
}

impl Basic {
    fn credentials(self) -> Result<Credentials, Error> {
        let password = secret(self.password_file.as_deref())?;
        Ok(Credentials::default().user(self.user).password(password))
    }
}

/// What a file holds, without the end of its line.
fn secret(path: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = path else { return Ok(None) };
    let text = fs::read_to_string(path)
        .map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
    match text.trim() {
        "" => Err(Error::Input(format!(
            "{} is empty: write what clients have to present into it",
            path.display()
        ))),
        text => Ok(Some(text.to_string())),
    }
}
