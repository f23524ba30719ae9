//! `shadegrid completions` and `shadegrid man`: what shells and manuals need to know of the command, made from its own definition.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::Shell;
use shadegrid::Error;

use super::console;
use super::exit::Exit;

/// Print what a shell needs to complete options and commands: bash, zsh, fish, elvish or powershell
///
/// For bash, say:  shadegrid completions bash > ~/.local/share/bash-completion/completions/shadegrid
#[derive(Debug, Args)]
pub(crate) struct CompletionArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page of the command, or of a subcommand
///
/// To read one:  shadegrid man gallery build | man -l -
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// The subcommand, such as `gallery build`
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,

    /// Write the pages of all subcommands into a folder instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// Runs `shadegrid completions`.
pub(crate) fn completions(
    arguments: &CompletionArguments,
    mut command: clap::Command,
) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "shadegrid", &mut script);
    console::print(&String::from_utf8_lossy(&script)).map(|()| Exit::Done)
}

/// Runs `shadegrid man`.
pub(crate) fn man(arguments: &ManArguments, mut command: clap::Command) -> Result<Exit, Error> {
    command.build();
    if let Some(dir) = &arguments.dir {
        let cannot = |error| Error::io(format!("cannot write manual pages into {}", dir.display()), error);
        fs::create_dir_all(dir).and_then(|()| write_pages(&command, dir)).map_err(cannot)?;
        return Ok(Exit::Done);
    }
    let mut page = &command;
    for name in &arguments.command {
        let unknown = || Error::Input(format!("there is no command {}", arguments.command.join(" ")));
        page = page.find_subcommand(name).ok_or_else(unknown)?;
    }
    let mut text = Vec::new();
    let cannot = |error: io::Error| Error::io("cannot write the manual page", error);
    clap_mangen::Man::new(page.clone()).source(SOURCE).render(&mut text).map_err(cannot)?;
    console::print(&String::from_utf8_lossy(&text)).map(|()| Exit::Done)
}

/// What a page says at its foot; subcommands have no version of their own.
const SOURCE: &str = concat!("shadegrid ", env!("CARGO_PKG_VERSION"));

/// Writes the pages of a command and of all below it.
fn write_pages(command: &clap::Command, dir: &Path) -> io::Result<()> {
    clap_mangen::Man::new(command.clone()).source(SOURCE).generate_to(dir)?;
    let shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    shown.filter(|below| below.get_name() != "help").try_for_each(|below| write_pages(below, dir))
}
