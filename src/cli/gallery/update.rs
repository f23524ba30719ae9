//! `shadegrid gallery update`: newer versions of lists that a gallery has.

use clap::Args;
use shadegrid::Error;
use shadegrid::gallery::Supersedes;

use super::super::console;
use super::super::exit::Exit;
use super::super::lookups::{glance, open_one};
use super::{FORMATS, ListArguments, begin_change};

/// Bring newer versions of lists that a gallery has: entries whose signatures have changed are replaced
///
/// A list is known by its name, which is the file's or --source. An entry has its key and signatures once, no matter how often its list is read.
#[derive(Debug, Args)]
#[command(after_long_help = FORMATS)]
pub(crate) struct Arguments {
    #[command(flatten)]
    lists: ListArguments,

    /// Also remove entries whose keys the lists have no more
    #[arg(long)]
    remove_missing: bool,

    /// Let the gallery lose more than a tenth of its entries
    ///
    /// A list that lost so much was perhaps not written to its end.
    #[arg(long)]
    accept_shrink: bool,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let ListArguments { gallery: path, quiet, .. } = &arguments.lists;
    arguments.lists.check()?;
    let columns = glance(path)?.column_names();
    let (builder, exit) = arguments.lists.read(&columns)?;
    let Some(mut builder) = builder else { return Ok(exit) };
    builder.supersede(if arguments.remove_missing { Supersedes::Missing } else { Supersedes::Changed });
    let change = begin_change(path)?;
    let base = open_one(path, false)?;
    let (entries, (had, gone)) = (base.counts().entries, builder.compared_with(&base));
    let added = builder.len() - had;
    if gone.saturating_sub(added) * 10 > entries && !arguments.accept_shrink {
        return Err(Error::Input(format!(
            "{}: {gone} of {} would go, and {added} come; with --accept-shrink they go",
            path.display(),
            console::counted(entries, "entry", "entries"),
        )));
    }
    change.append(&base, &builder)?;
    if !quiet {
        let path = path.display();
        console::say(format_args!("{path}: {had} as before, {added} added, {gone} removed"));
    }
    Ok(exit)
}
