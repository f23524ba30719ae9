//! `shadegrid gallery sync`: one round of a gallery that follows a list, by hand.

use std::path::PathBuf;

use clap::Args;
use shadegrid::Error;
use shadegrid::service::sync_by_hand;

use super::super::console;
use super::super::exit::Exit;
use super::super::serve::config;

/// Bring a gallery that follows an exchange's list to the list's state, once
///
/// A service does this by itself. By hand it is for the first round, which may take long, and for a list that would lose more than a tenth of its entries. The
/// service must not run meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The gallery: NAME of [sync.NAME] in the configuration
    #[arg(value_name = "NAME")]
    name: String,

    /// The service's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Let the list lose more than a tenth of its entries
    #[arg(long)]
    accept_shrink: bool,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let options = config::read(&arguments.config)?;
    let outcome = sync_by_hand(&options, &arguments.name, arguments.accept_shrink)?;
    let entries = console::counted(outcome.entries, "entry", "entries");
    let mut line = format!("{}: {entries}", arguments.name);
    let further = [
        (outcome.added, "added"),
        (outcome.changed, "changed"),
        (outcome.removed, "removed"),
        (outcome.left_out, "left out as suspicious"),
        (outcome.bad, "that cannot be read"),
    ];
    for (count, what) in further.into_iter().filter(|(count, _)| *count > 0) {
        line += &format!(", {count} {what}");
    }
    if outcome.anew {
        line += "; fetched anew";
    }
    console::say(line);
    Ok(Exit::Done)
}
