//! Stand-ins for the exchanges of known signatures and for the CyberTipline: servers that behave as NCMEC's hash sharing, StopNCII and ThreatExchange do,
//! and as NCMEC's CyberTipline, for tests of their clients.
//!
//! What a stand-in lists are changes that it is given, one JSON object a line; it shows those that its clock has reached. The CyberTipline's holds reports,
//! and says which are finished. The clock stands where it is set, and requests fail as they are asked to.
//!
//! ```
//! use shadegrid::standin::{Exchange, Standin, StandinOptions};
//!
//! # fn main() -> shadegrid::Result<()> {
//! let address = "127.0.0.1:0".parse().expect("an address");
//! let standin = Standin::start(StandinOptions::new(Exchange::StopNcii).listen(address))?;
//! println!("http://{}/FetchHashes, http://{0}/_standin/state", standin.address());
//!
//! let stopper = standin.stopper();
//! stopper.stop();
//! standin.run()
//! # }
//! ```

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::service::bind;

mod change;
mod control;
mod cursor;
mod cybertipline;
mod fault;
mod form;
mod hashsharing;
mod http;
mod responder;
mod rows;
mod server;
mod state;
mod step;
mod stopncii;
#[cfg(test)]
mod tests;
mod threatexchange;
mod time;
mod wire;

use cybertipline::CyberTipline;
use server::Shared;
use state::State;
use wire::Wire;

/// Whom a stand-in stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exchange {
    /// NCMEC's hash sharing, version 2.
    HashSharing,
    /// StopNCII's FetchHashes.
    StopNcii,
    /// Meta's ThreatExchange, `threat_updates`.
    ThreatExchange,
    /// NCMEC's CyberTipline, which takes reports.
    CyberTipline,
}

impl Exchange {
    /// `hashsharing`, `stopncii`, `threatexchange` or `cybertipline`.
    pub fn name(self) -> &'static str {
        match self {
            Exchange::HashSharing => "hashsharing",
            Exchange::StopNcii => "stopncii",
            Exchange::ThreatExchange => "threatexchange",
            Exchange::CyberTipline => "cybertipline",
        }
    }

    /// What it has to say as a list of known signatures; `None` where it is none.
    fn wire(self) -> Option<&'static dyn Wire> {
        match self {
            Exchange::HashSharing => Some(&hashsharing::HashSharing),
            Exchange::StopNcii => Some(&stopncii::StopNcii),
            Exchange::ThreatExchange => Some(&threatexchange::ThreatExchange),
            Exchange::CyberTipline => None,
        }
    }
}

/// What clients have to present; where it is `None`, anything that is not empty. It has no `Debug`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// Of hash sharing and the CyberTipline.
    pub user: Option<String>,
    /// Of hash sharing and the CyberTipline.
    pub password: Option<String>,
    /// Of StopNCII: `x-functions-key`.
    pub function_key: Option<String>,
    /// Of StopNCII: `Ocp-Apim-Subscription-Key`.
    pub subscription_key: Option<String>,
    /// Of ThreatExchange: `access_token`.
    pub token: Option<String>,
}

setters!(Credentials {
    user: Option<String>,
    password: Option<String>,
    function_key: Option<String>,
    subscription_key: Option<String>,
    token: Option<String>,
});

impl Credentials {
    /// Whether all that this exchange asks for is configured.
    fn is_complete(&self, exchange: Exchange) -> bool {
        match exchange {
            Exchange::HashSharing | Exchange::CyberTipline => self.user.is_some() && self.password.is_some(),
            Exchange::StopNcii => self.function_key.is_some() && self.subscription_key.is_some(),
            Exchange::ThreatExchange => self.token.is_some(),
        }
    }
}

/// The choices of a [`Standin`].
#[derive(Clone)]
#[non_exhaustive]
pub struct StandinOptions {
    /// Whom it stands in for.
    pub exchange: Exchange,
    /// Where it listens; port 0 is one that is free.
    pub listen: SocketAddr,
    /// A file of changes that it begins with. The CyberTipline has none.
    pub changes: Option<PathBuf>,
    /// Most records of a page; what the exchange has by default. The CyberTipline has no pages.
    pub page_size: Option<NonZeroUsize>,
    /// A file in which the CyberTipline's reports are kept, so that they outlive the stand-in. No other has one.
    pub state: Option<PathBuf>,
    /// What clients have to present.
    pub credentials: Credentials,
}

setters!(StandinOptions {
    exchange: Exchange,
    listen: SocketAddr,
    changes: Option<PathBuf>,
    page_size: Option<NonZeroUsize>,
    state: Option<PathBuf>,
    credentials: Credentials,
});

impl StandinOptions {
    /// For this exchange, at a free port of this machine.
    pub fn new(exchange: Exchange) -> StandinOptions {
        StandinOptions {
            exchange,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            changes: None,
            page_size: None,
            state: None,
            credentials: Credentials::default(),
        }
    }
}

/// A stand-in that listens, and answers once it runs.
pub struct Standin {
    runtime: Runtime,
    listener: std::net::TcpListener,
    address: SocketAddr,
    state: Shared,
    asked: watch::Sender<bool>,
}

/// Ends a stand-in from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Ends it at once, with what is in flight.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Standin {
    /// Reads what it begins with, and listens. Connections are accepted by the system from now on, and answered once the stand-in runs.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where a change or the state is wrong, where an option is none of this exchange's, or the address can be reached by other machines
    /// without credentials; [`Error::Io`] where a file cannot be read or the address cannot be listened at.
    pub fn start(options: StandinOptions) -> Result<Standin> {
        let StandinOptions { exchange, listen, ref credentials, .. } = options;
        if !listen.ip().is_loopback() && !credentials.is_complete(exchange) {
            return Err(Error::Input(format!(
                "{listen} can be reached by other machines, and that needs credentials: give them, or listen at a loopback address"
            )));
        }
        let state = shared(options)?;
        let cannot = |error| Error::io(format!("cannot listen at {listen}"), error);
        let listener = bind(listen, false).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (asked, _) = watch::channel(false);
        Ok(Standin { runtime: runtime()?, listener, address, state, asked })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it from anywhere.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.asked.clone())
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the system does not let it listen.
    pub fn run(self) -> Result<()> {
        let Standin { runtime, listener, state, asked, .. } = self;
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let mut asked = asked.subscribe();
            tokio::select! {
                never = server::serve(listener, state) => match never {},
                _ = asked.wait_for(|asked| *asked) => Ok(()),
            }
        });
        runtime.shutdown_background();
        served.map_err(|error| Error::io("cannot serve", error))
    }
}

/// What answers, with what it begins with.
fn shared(options: StandinOptions) -> Result<Shared> {
    let StandinOptions { exchange, changes, page_size, state, credentials, .. } = options;
    let Some(wire) = exchange.wire() else {
        if changes.is_some() || page_size.is_some() {
            return Err(Error::Input(format!(
                "{} takes reports: it has no changes and no pages",
                exchange.name()
            )));
        }
        return Ok(Arc::new(Mutex::new(CyberTipline::new(credentials, state.as_deref())?)));
    };
    if state.is_some() {
        return Err(Error::Input(format!("{} keeps nothing: give it changes and no state", exchange.name())));
    }
    let mut state = State::new(exchange, wire, credentials, page_size.map(NonZeroUsize::get));
    if let Some(path) = changes {
        let at = |what: &str| format!("{what} {}", path.display());
        let bytes = std::fs::read(&path).map_err(|error| Error::io(at("cannot read"), error))?;
        state.feed(&bytes).map_err(|why| Error::Input(format!("{}: {why}", path.display())))?;
    }
    Ok(Arc::new(Mutex::new(state)))
}

fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).thread_name("shadegrid-standin").enable_all().build();
    runtime.map_err(|error| Error::io("cannot start the threads that serve", error))
}
