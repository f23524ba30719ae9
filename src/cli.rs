//! The command line: parse, run, report, exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(feature = "report")]
mod audit;
mod backend;
mod backfill;
mod bench;
mod bytes;
mod clock;
mod compare;
mod console;
mod dedupe;
mod devices;
mod exit;
mod gallery;
mod hash;
#[cfg(feature = "report")]
mod hooks;
mod inputs;
mod interrupt;
mod job;
#[cfg(feature = "service")]
mod key;
mod log;
mod lookups;
mod matches;
mod matching;
mod network;
mod output;
mod page;
mod pictures;
#[cfg(feature = "report")]
mod process;
mod progress;
mod report;
#[cfg(feature = "report")]
mod reports;
mod resources;
#[cfg(feature = "service")]
mod serve;
mod show;
#[cfg(feature = "service")]
mod standin;
mod watching;

use exit::Exit;

/// Perceptual image hashing: PhotoDNA-class and PDQ signatures, exact and fast
///
/// Shadegrid turns pictures into signatures that stay close when a picture is scaled, re-encoded or lightly edited.
/// Its PhotoDNA-class signature follows the published "Alleged PhotoDNA"; Shadegrid is not Microsoft's product, nor
/// endorsed by Microsoft.
#[derive(Debug, Parser)]
#[command(name = "shadegrid", version, max_term_width = 110, after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str =
    "Use `--help` for more, `shadegrid COMMAND --help` for a command's options and examples.";

const AFTER_LONG_HELP: &str = "\
Examples:
  Hash a folder of pictures, one JSON line each:
      shadegrid hash photos -o photos.jsonl
  Compare two pictures, also turned and mirrored:
      shadegrid compare a.jpg b.png --orientations all
  Bring a list into a gallery, and look pictures up in it:
      shadegrid gallery build known.gallery list.csv
      shadegrid match --gallery known.gallery photos --only-matches

Exit codes:
    0  everything was hashed, compared, matched or written
    1  wrong usage, or the run could not be carried out (say, the disk is full)
    2  some input failed; the others are done
    3  nothing matched, or a job that was checked is not finished
  130  interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    Hash(Box<hash::Arguments>),
    Backfill(Box<backfill::Arguments>),
    Job(job::Arguments),
    Compare(compare::Arguments),
    Match(Box<matching::Arguments>),
    Gallery(gallery::Arguments),
    Dedupe(Box<dedupe::Arguments>),
    Show(show::Arguments),
    #[cfg(feature = "service")]
    Serve(Box<serve::Arguments>),
    #[cfg(feature = "service")]
    Key(key::Arguments),
    #[cfg(feature = "service")]
    Standin(standin::Arguments),
    #[cfg(feature = "report")]
    Report(reports::Arguments),
    #[cfg(feature = "report")]
    Hook(hooks::Arguments),
    #[cfg(feature = "report")]
    Audit(audit::Arguments),
    Devices(devices::Arguments),
    Bench(bench::Arguments),
}

/// Parses, runs the command, reports what stopped it, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    let outcome = match Arguments::try_parse() {
        Ok(arguments) => console::without_panics(|| run(arguments.command)),
        Err(error) => return console::usage(&error).into(),
    };
    outcome.unwrap_or_else(|failure| console::failure(&failure)).into()
}

fn run(command: Command) -> Result<Exit, shadegrid::Error> {
    match command {
        Command::Hash(arguments) => hash::run(*arguments),
        Command::Backfill(arguments) => backfill::run(*arguments),
        Command::Job(arguments) => job::run(arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Match(arguments) => matching::run(*arguments),
        Command::Gallery(arguments) => gallery::run(arguments),
        Command::Dedupe(arguments) => dedupe::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        #[cfg(feature = "service")]
        Command::Serve(arguments) => serve::run(*arguments),
        #[cfg(feature = "service")]
        Command::Key(arguments) => key::run(arguments),
        #[cfg(feature = "service")]
        Command::Standin(arguments) => standin::run(arguments),
        #[cfg(feature = "report")]
        Command::Report(arguments) => reports::run(arguments),
        #[cfg(feature = "report")]
        Command::Hook(arguments) => hooks::run(arguments),
        #[cfg(feature = "report")]
        Command::Audit(arguments) => audit::run(arguments),
        Command::Devices(arguments) => devices::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
