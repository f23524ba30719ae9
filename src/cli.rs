//! The command line: parse, run, report, exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _};

#[cfg(feature = "service")]
mod addresses;
#[cfg(feature = "report")]
mod audit;
mod backend;
mod backfill;
mod bar;
mod bench;
mod bytes;
mod cache;
mod clock;
mod columns;
mod compare;
mod console;
#[cfg(feature = "avif")]
mod decoder;
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
mod listed;
mod log;
mod lookups;
mod matches;
mod matching;
mod network;
mod numbers;
mod output;
mod page;
mod pictures;
mod places;
#[cfg(feature = "report")]
mod process;
mod progress;
mod records;
mod report;
#[cfg(feature = "report")]
mod reports;
mod resources;
#[cfg(feature = "service")]
mod serve;
mod shells;
mod show;
mod skipping;
#[cfg(feature = "service")]
mod standin;
mod tally;
mod verbosity;
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

    /// Whether help, messages and drawings have colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    color: ColorChoice,
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
    0  every picture was hashed, compared, matched or written
    1  wrong usage, or the run could not be carried out (say, the disk is full)
    2  some input failed, or no picture was found under a path; the others are done
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
    #[cfg(feature = "avif")]
    Decoder(decoder::Arguments),
    Completions(shells::CompletionArguments),
    Man(shells::ManArguments),
}

/// Parses, runs the command, reports what stopped it, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    let mut command = command();
    let outcome = match parsed(&mut command, std::env::args_os()) {
        Ok(arguments) => console::without_panics(|| run(arguments.command, arguments.color)),
        Err(error) => return console::usage(&error, |shown| parsed(&mut command, shown).err()).into(),
    };
    outcome.unwrap_or_else(|failure| console::failure(&failure)).into()
}

/// What the command line says.
fn parsed<T: Into<OsString> + Clone>(
    command: &mut clap::Command,
    arguments: impl IntoIterator<Item = T>,
) -> Result<Arguments, clap::Error> {
    let matches = command.try_get_matches_from_mut(arguments);
    let parsed = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    parsed.map_err(|error| error.format(command))
}

/// The version, and what this build can do.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let features = [
        ("archives", true),
        ("cli", true),
        ("job", true),
        ("parquet", true),
        ("avif", cfg!(feature = "avif")),
        ("gpu", cfg!(feature = "gpu")),
        ("heic", cfg!(feature = "heic")),
        ("jxl", cfg!(feature = "jxl")),
        ("report", cfg!(feature = "report")),
        ("service", cfg!(feature = "service")),
        ("store", cfg!(feature = "store")),
    ];
    let names: Vec<&str> = features.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    format!("{}\nfeatures: {}", env!("CARGO_PKG_VERSION"), names.join(", "))
});

/// The command's definition.
fn command() -> clap::Command {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    Arguments::command().color(color(arguments)).long_version(VERSION.as_str())
}

/// What `--color` says, before all else is read: help and wrong usage are printed while it is.
fn color(mut arguments: impl Iterator<Item = String>) -> ColorChoice {
    while let Some(argument) = arguments.next() {
        let value = match argument.split_once('=') {
            Some(("--color", value)) => Some(value.to_string()),
            _ if argument == "--color" => arguments.next(),
            _ => None,
        };
        if let Some(choice) = value.and_then(|value| ColorChoice::from_str(&value, true).ok()) {
            return choice;
        }
    }
    ColorChoice::Auto
}

fn run(subcommand: Command, color: ColorChoice) -> Result<Exit, shadegrid::Error> {
    #[cfg(feature = "avif")]
    decoder::use_this_program();
    match subcommand {
        Command::Hash(arguments) => hash::run(*arguments),
        Command::Backfill(arguments) => backfill::run(*arguments),
        Command::Job(arguments) => job::run(arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Match(arguments) => matching::run(*arguments),
        Command::Gallery(arguments) => gallery::run(arguments),
        Command::Dedupe(arguments) => dedupe::run(&arguments),
        Command::Show(arguments) => show::run(&arguments, color),
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
        #[cfg(feature = "avif")]
        Command::Decoder(arguments) => decoder::run(arguments),
        Command::Completions(arguments) => shells::completions(&arguments, command()),
        Command::Man(arguments) => shells::man(&arguments, command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command and all below it, by their names.
    fn all(command: &clap::Command, name: &str) -> Vec<(String, clap::Command)> {
        let below =
            command.get_subcommands().flat_map(|below| all(below, &format!("{name} {}", below.get_name())));
        std::iter::once((name.to_string(), command.clone())).chain(below).collect()
    }

    /// The words of a line of a shell as far as examples need it, from `shadegrid` to the end of that command.
    fn words(line: &str) -> Option<Vec<String>> {
        let start =
            line.find("shadegrid ").filter(|start| line[..*start].ends_with([' ', '|']) || *start == 0)?;
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for letter in line[start..].chars().chain([' ']) {
            match (quote, letter) {
                (None, '\'' | '"') => quote = Some(letter),
                (Some(open), _) if open == letter => quote = None,
                (None, ' ') if matches!(word.as_str(), "|" | ">" | "&&" | "#") => break,
                (None, ' ') => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
                _ => word.push(letter),
            }
        }
        Some(words)
    }

    #[test]
    fn examples_of_help_are_commands() {
        assert_eq!(
            words("find 'a b' | shadegrid hash 'c d' - | sort").unwrap(),
            ["shadegrid", "hash", "c d", "-"]
        );
        let mut count = 0;
        for (name, command) in all(&Arguments::command(), "shadegrid") {
            let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            for words in help.lines().filter_map(|line| words(line.trim())) {
                let parsed = Arguments::try_parse_from(&words);
                assert!(parsed.is_ok(), "{name}: {words:?}: {}", parsed.unwrap_err());
                count += 1;
            }
        }
        assert!(count >= 20, "only {count} examples");
    }

    /// What has no heading of its own stands under none of another group's.
    #[test]
    fn options_stand_under_their_own_headings() {
        let mut count = 0;
        for (name, command) in all(&Arguments::command(), "shadegrid") {
            let plain = [
                "out",
                "force",
                "format",
                "threads",
                "memory",
                "quiet",
                "verbose",
                "cache",
                "skip-known",
                "log",
                "metrics",
                "fail-fast",
            ];
            for option in command
                .get_arguments()
                .filter(|option| option.get_long().is_some_and(|long| plain.contains(&long)))
            {
                assert_eq!(option.get_help_heading(), None, "{name}: {}", option.get_id());
                count += 1;
            }
        }
        assert!(count >= 30, "only {count} options");
    }
}
