//! `shadegrid dedupe`: groups of near-duplicates among stored signatures.

use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use shadegrid::gallery::lists::{Import, ImportOptions, ListFormat, Unread};
use shadegrid::gallery::{Gallery, GalleryBuilder};
use shadegrid::{Error, pipeline};

use super::exit::Exit;
use super::lookups::{self, LookupArguments, json};
use super::output::{Kind, Overwrite, Reads};
use super::{console, numbers};

/// Group near-duplicates among stored signatures
///
/// Two records belong together if they are within a threshold, or both belong together with a third. One line of JSON for each group
/// of at least two, members in the order of the lists; the same lists give the same lines.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Signatures: records of `hash`, or any list that `gallery build` reads
    #[arg(value_name = "FILE", required = true)]
    lists: Vec<PathBuf>,

    /// Format of the lists: text, text-quality, csv, jsonl, json, ncmec, parquet, bin-photodna or bin-pdq [default: found out from each file]
    #[arg(long, value_name = "FORMAT")]
    list_format: Option<ListFormat>,

    /// Write the groups to a file instead of standard output
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// Threads [default: one per CPU]
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<NonZeroUsize>,

    /// No summary
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    lookup: LookupArguments,
}

const EXAMPLES: &str = "\
Examples:
  shadegrid hash photos -o photos.jsonl
  shadegrid dedupe photos.jsonl

Exit codes:
    0  groups were found
    1  wrong usage, or the run could not be carried out
    2  some record has no signature, or a list is damaged
    3  nothing belongs together";

/// A group as it is written.
#[derive(Serialize)]
struct Group<'a> {
    group: usize,
    size: usize,
    members: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    source: &'a str,
    position: u64,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Error> {
    let options = arguments.lookup.options()?;
    let reads = Reads::of(&arguments.lists);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Kind::Groups, &reads)?;
    let (builder, failed) = arguments.read()?;
    let gallery = Gallery::from_bytes(builder.to_bytes()?)?;
    drop(builder);
    let (output, to) = target.begin()?;
    let mut to = BufWriter::new(to);
    let cannot = |source| Error::io("cannot write the groups", source);
    let groups = pipeline::groups(&gallery, options, lookups::threads(arguments.threads));
    for (number, ids) in groups.iter().enumerate() {
        let entries = ids.iter().map(|id| gallery.entry(*id));
        let members = entries
            .map(|e| Member { key: e.key, label: e.label, source: e.source, position: e.position })
            .collect();
        let line = json(&Group { group: number + 1, size: ids.len(), members })?;
        writeln!(to, "{line}").map_err(cannot)?;
    }
    to.flush().map_err(cannot)?;
    output.complete()?;
    if !arguments.quiet {
        let (all, members) = (gallery.counts().entries, groups.iter().map(Vec::len).sum::<usize>());
        let groups = groups.len();
        let (all, groups) = (
            console::counted(all, "signature", "signatures"),
            console::counted(groups as u64, "group", "groups"),
        );
        let members = console::counted(members as u64, "member", "members");
        console::say(format_args!("{all}, {groups} with {members}, {failed} failed"));
    }
    Ok(match (failed, groups.len()) {
        (1.., _) => Exit::SomeFailed,
        (0, 0) => Exit::NothingMatched,
        _ => Exit::Done,
    })
}

impl Arguments {
    /// All lists, and how many records or lists failed.
    fn read(&self) -> Result<(GalleryBuilder, u64), Error> {
        let mut builder = GalleryBuilder::new();
        let mut import = Import::new(ImportOptions::default().repeats(true));
        let mut failed = 0;
        for path in &self.lists {
            let name = path.to_string_lossy();
            let mut quarantine = |Unread { position, reason, .. }: Unread<'_>| {
                console::say(format_args!("shadegrid: {name}: {position}: {reason}"));
                Ok(())
            };
            match import.list(path, &name, self.list_format, &mut builder, &mut quarantine) {
                Ok(report) => failed += report.bad + report.odd + report.without_signature,
                Err(error @ (Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_))) => {
                    console::say(format_args!("shadegrid: {name}: {error}"));
                    failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((builder, failed))
    }
}
