//! `shadegrid audit`: who did what.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shadegrid::Error;
use shadegrid::audit::{AuditLog, AuditVerdict, verify};

use super::console;
use super::exit::Exit;
use super::hooks::Place;
use super::output::{Kind, Overwrite, Reads};

/// Export and verify the audit log: who did what with reports and reviews
///
/// Lines are only added to the log, and each holds the SHA-256 of the one before: what is changed, removed or moved is found. What is cut off at the end is found by
/// `--expect` with the hash of a line that was there, so note what `export` says of the last one, and keep it elsewhere.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Export the log, and note where it ends:
      shadegrid audit export --data /var/lib/shadegrid -o audit.jsonl
  See later that the log still holds all that it held then:
      shadegrid audit verify --data /var/lib/shadegrid --expect 5feceb66…

Exit codes:
    0  the log was exported, or every line is as it was written
    1  wrong usage, or there is no log that could be read
    2  a line was changed, is missing or stands elsewhere";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write every line, and say how many there are and what the hash of the last one is
    Export(Export),
    /// Say whether every line is as it was written, or name the first one that is not
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    place: Place,

    /// Write the lines to a file; otherwise they go to standard output
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,
}

#[derive(Debug, Args)]
struct Verify {
    /// An exported log; - is standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// The folder of a service, or of reports, whose own log is verified
    #[arg(long, value_name = "DIR", conflicts_with = "file", required_unless_present = "file")]
    data: Option<PathBuf>,

    /// The hash of a line that has to be there
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::Export(arguments) => export(&arguments),
        Command::Verify(arguments) => verify_log(&arguments),
    }
}

fn export(arguments: &Export) -> Result<Exit, Error> {
    let folder = arguments.place.folder()?;
    let log = AuditLog::open(&folder)?;
    let reads = Reads::of([folder]);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Audit, &reads)?;
    let (output, to) = target.begin()?;
    let mut to = BufWriter::new(to);
    let end = log.export(&mut to)?;
    to.flush().map_err(|error| Error::io("cannot write the audit log", error))?;
    drop(to);
    output.complete()?;
    let said = json!({ "lines": end.lines, "hash": end.hash });
    match arguments.output {
        Some(_) => console::print(&format!("{said}\n"))?,
        None => console::say_json(said),
    }
    Ok(Exit::Done)
}

fn verify_log(arguments: &Verify) -> Result<Exit, Error> {
    let expect = arguments.expect.as_deref();
    let verdict = match (&arguments.data, &arguments.file) {
        (Some(data), _) => AuditLog::open(data)?.verify(expect)?,
        (None, Some(file)) if file.as_os_str() != "-" => {
            let cannot = |error| Error::io(format!("cannot read {}", file.display()), error);
            verify(BufReader::with_capacity(1 << 20, File::open(file).map_err(cannot)?), expect)?
        }
        _ => verify(std::io::stdin().lock(), expect)?,
    };
    console::print(&format!("{}\n", shown(&verdict)))?;
    Ok(if verdict.is_whole() { Exit::Done } else { Exit::SomeFailed })
}

/// How many lines are right, the hash of the last of them, and what is wrong.
fn shown(verdict: &AuditVerdict) -> Value {
    let mut shown = json!({ "valid": verdict.is_whole(), "lines": verdict.lines, "hash": verdict.hash });
    if let Some(line) = verdict.expected {
        shown["expected_line"] = line.into();
    }
    if let Some(broken) = &verdict.broken {
        shown["line"] = broken.line.into();
        shown["why"] = broken.why.as_str().into();
    }
    shown
}
