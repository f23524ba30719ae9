//! `shadegrid hook`: events for addresses of the operator's own.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use shadegrid::Error;
use shadegrid::hook::{HookEvent, HookListener, HookState, HookStore};
use shadegrid::report::ReportOptions;

use super::exit::Exit;
use super::log::{self, Log};
use super::{console, process};

/// Look after events that wait for an address of your own
///
/// `shadegrid serve` and `shadegrid report send` deliver them; docs/reports.md says what they hold, and what a receiver has to do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every event that is not delivered, without what it says, one JSON line each, the oldest first
    List(List),
    /// Try events again now; those that were given up have another 30 days
    Retry(Retry),
}

/// Where they are kept.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Place {
    /// The folder of the service, or of the reports
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The configuration of the reports, which names the folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,

    /// Those in this state alone: waiting or failed
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<HookState>,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    place: Place,

    /// The event's id [default: all of them]
    #[arg(value_name = "ID")]
    id: Option<String>,

    /// Who does it, for the audit log [default: the user of the system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

fn state(text: &str) -> Result<HookState, String> {
    let state = HookState::ALL.into_iter().find(|state| state.name() == text);
    state.ok_or_else(|| "expected waiting or failed".to_string())
}

impl Place {
    pub(super) fn folder(&self) -> Result<PathBuf, Error> {
        match (&self.data, &self.config) {
            (Some(data), _) => Ok(data.clone()),
            (None, Some(config)) => Ok(ReportOptions::read(config)?.data),
            (None, None) => Err(Error::Input("--data or --config is needed".into())),
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::List(List { place, state }) => {
            let items = HookStore::open(place.folder()?)?.list(state)?;
            let line = |item| serde_json::to_string(item).map_or_else(|_| String::new(), |line| line + "\n");
            console::print(&items.iter().map(line).collect::<String>())?;
        }
        Command::Retry(Retry { place, id, by }) => {
            let who = by.unwrap_or_else(process::user);
            let events = HookStore::open(place.folder()?)?.retry(id.as_deref(), &who)?;
            console::print(&format!("{}\n", json!({ "events": events })))?;
        }
    }
    Ok(Exit::Done)
}

/// Says what happens to events in this form.
pub(super) fn listener(log: Log) -> HookListener {
    HookListener::new(move |event| match log {
        Log::Json => log::hooked(event),
        Log::Text => say(event),
    })
}

/// Says what people have to know.
pub(super) fn say(event: &HookEvent) {
    match event {
        HookEvent::Postponed { id, kind, why, seconds } => {
            console::say(console::printable(&format!("hook {kind} {id}: again in {seconds} s: {why}")));
        }
        HookEvent::Alarm { id, why, .. } if id.is_empty() => {
            console::say(console::printable(&format!("shadegrid: hooks: {why}")));
        }
        HookEvent::Alarm { id, kind, why } => {
            console::say(console::printable(&format!("shadegrid: hook {kind} {id}: {why}")));
        }
        _ => {}
    }
}
