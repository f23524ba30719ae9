//! `shadegrid gallery`: galleries are built, added to, taken from, checked and read out.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use shadegrid::Error;
use shadegrid::gallery::lists::{
    self, Import, ImportOptions, KeepColumns, LeaveOut, ListFormat, Overrepresented, Report, Unread,
};
use shadegrid::gallery::{Change, Columns, GalleryBuilder};

use super::exit::Exit;
use super::listed::{self, Listed};
use super::lookups::{glance, json, named, open_one};
use super::output::{Kind as Written, Output, Overwrite, Reads};
use super::page::without_query;
use super::{console, places};
use reading::Reading;

mod info;
mod reading;
#[cfg(feature = "service")]
mod sync;
mod update;

/// Build galleries of known signatures from hash lists, change and check them
///
/// A gallery is one file that `match` searches. It is replaced as a whole when it changes, by one process at a time: who has the old one
/// open keeps it. To bring a gallery from elsewhere, copy it into the folder of the old one and rename it over that: never copy onto a gallery that is
/// in use. Signatures are sensitive: a coarse picture can be rebuilt from one. A new gallery is for its owner alone (mode 0600), one that
/// replaces another keeps its mode and owner.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new gallery from lists, in place of one that is there
    Build(ListArguments),
    /// Add lists to a gallery; entries that a list takes back are removed
    Add(ListArguments),
    Update(update::Arguments),
    /// Remove entries by their keys, or all of a list
    Remove(RemoveArguments),
    /// Say how much a gallery holds, and from which lists
    Info(info::Arguments),
    /// Check every byte of a gallery
    Verify(OneArguments),
    /// Write all entries as JSON lines, which `build` reads
    Export(ExportArguments),
    #[cfg(feature = "service")]
    Sync(sync::Arguments),
}

#[derive(Debug, Args)]
#[command(after_long_help = FORMATS)]
struct ListArguments {
    /// The gallery's file
    #[arg(value_name = "GALLERY")]
    gallery: PathBuf,

    /// Lists of known signatures: files, pipes, URLs (s3://, https:// …), or `-` for standard input; perhaps packed (.gz, .zst, .zip)
    #[arg(value_name = "LIST", required = true, value_parser = places::path_parser())]
    lists: Vec<PathBuf>,

    /// Format of the lists [default: found out from each file]
    #[arg(long, value_name = "FORMAT")]
    list_format: Option<ListFormat>,

    /// Name by which matches call the list [default: the file's name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Keep further columns of the lists, such as series,md5; `all` for every one, `none` for none [default: build none, else those the gallery has]
    ///
    /// Matches give them back in `columns`. Case and punctuation of names do not matter. Nothing is kept that is not named: what lists say of pictures is
    /// often more sensitive than their signatures. A value has up to 64 KiB, all of an entry 256 KiB; what is longer is reported and not kept.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,

    /// Leave out entries of these kinds, with commas between
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    leave_out: Vec<Kind>,

    /// How often a value has to occur to be over-represented
    #[arg(long, value_name = "N", default_value_t = ImportOptions::default().overrepresented_from)]
    overrepresented_from: u32,

    /// Write what could be read of a list that broke off, that gives nothing or that is none
    ///
    /// Without it, such a list leaves the gallery as it is.
    #[arg(long)]
    accept_partial: bool,

    /// Write records that give no entry to a file, as JSON lines with list, position and reason
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,

    /// No report
    #[arg(short, long)]
    quiet: bool,
}

const FORMATS: &str = "\
Formats:
  text          one signature a line, key and label behind it; ThreatExchange's .pdna and .pdq
  text-quality  a PDQ signature, its quality and a key a line; only where it is named
  csv           with a row of names, such as photodna, pdna, pdq, hash, id, label; INTERPOL's ICSE export
  jsonl         one object a line with the same names; records of `hash`
  json          Project VIC (VICS) 1.x and 2.0, ThreatExchange's pages, or an array of objects
  ncmec         NCMEC's hash sharing, version 2 (XML)
  parquet       columns named as in csv
  bin-photodna  144 bytes a signature; only where it is named
  bin-pdq       32 bytes a signature; only where it is named

Text may be UTF-8, UTF-16 or Windows-1252. Every signature of a record is an entry. A list has a key with the same signatures once,
no matter how often it is read.

Exit codes:
    0  the gallery is written
    1  wrong usage, or it could not be written
    2  some record, or a list, could not be read: with a list that is broken the gallery is as it was, else it is written";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Values that occur very often in one list
    Overrepresented,
    /// Signatures that no picture gives, or that carry almost no information
    Suspicious,
    /// Signatures of nearly flat pictures
    Flat,
}

#[derive(Debug, Args)]
struct RemoveArguments {
    /// The gallery's file
    #[arg(value_name = "GALLERY")]
    gallery: PathBuf,

    /// Key of entries to remove; may be given several times
    #[arg(long, value_name = "KEY", required_unless_present_any = ["keys_from", "source"])]
    key: Vec<String>,

    /// Remove all entries of a list, by its name in `gallery info`; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "list_format")]
    source: Vec<String>,

    /// Read further keys from a file, one per line
    #[arg(long, value_name = "FILE")]
    keys_from: Option<PathBuf>,

    /// Only entries of lists in this format
    #[arg(long, value_name = "FORMAT")]
    list_format: Option<ListFormat>,
}

#[derive(Debug, Args)]
struct OneArguments {
    /// The gallery's file
    #[arg(value_name = "GALLERY")]
    gallery: PathBuf,
}

#[derive(Debug, Args)]
struct ExportArguments {
    /// The gallery's file
    #[arg(value_name = "GALLERY")]
    gallery: PathBuf,

    /// Write to a file instead of standard output
    #[arg(short, long = "out", visible_alias = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    overwrite: Overwrite,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Error> {
    match arguments.command {
        Command::Build(arguments) => arguments.build(),
        Command::Add(arguments) => arguments.add(),
        Command::Update(arguments) => update::run(&arguments),
        Command::Remove(arguments) => remove(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Verify(arguments) => verify(&arguments.gallery),
        Command::Export(arguments) => export(&arguments),
        #[cfg(feature = "service")]
        Command::Sync(arguments) => sync::run(&arguments),
    }
}

/// A record that gave no entry.
#[derive(Serialize)]
struct Quarantined<'a> {
    list: &'a str,
    /// The file in a zip archive.
    #[serde(skip_serializing_if = "str::is_empty")]
    member: &'a str,
    position: u64,
    reason: &'a str,
}

impl ListArguments {
    /// Writes the lists as a gallery.
    fn build(&self) -> Result<Exit, Error> {
        self.check()?;
        let (builder, exit) = self.read(&[])?;
        let Some(builder) = builder else { return Ok(exit) };
        begin_change(&self.gallery)?.create(&builder)?;
        Ok(exit)
    }

    /// Adds the lists to a gallery.
    fn add(&self) -> Result<Exit, Error> {
        self.check()?;
        // That there is one is seen before lists are read for long.
        let columns = glance(&self.gallery)?.column_names();
        let (builder, exit) = self.read(&columns)?;
        let Some(builder) = builder else { return Ok(exit) };
        let change = begin_change(&self.gallery)?;
        let base = open_one(&self.gallery, false)?;
        let had = change.append(&base, &builder)?;
        if had > 0 && !self.quiet {
            console::say(format_args!("{} had {had} of the entries", self.gallery.display()));
        }
        Ok(exit)
    }

    /// Checks that the gallery is none of the lists, nor a file of another kind.
    fn check(&self) -> Result<(), Error> {
        self.overwrite.check_file(&self.gallery, Written::Gallery, &Reads::of(&self.lists)).map(drop)
    }

    /// Reads the lists; no builder where one of them is not to be taken. Where nobody says which further columns are kept, it is those of `known` names.
    fn read(&self, known: &[String]) -> Result<(Option<GalleryBuilder>, Exit), Error> {
        let reading = Reading::new(self.quiet);
        let mut import = Import::new(self.options(known)?).counting(reading.records());
        let mut builder = GalleryBuilder::new();
        let mut quarantine = self.open_quarantine()?;
        let (mut exit, mut broken) = (Exit::Done, 0);
        for path in &self.lists {
            let list = path.to_string_lossy();
            let list = without_query(&list);
            let name = listed::name_of(path);
            let name = self.source.as_deref().unwrap_or(&name);
            reading.begin(list);
            let here = Listed::fetch(path)?;
            let mut faults = Faults::new(list, self.quarantine.is_some(), &reading);
            let mut tell = |unread: Unread<'_>| {
                faults.show(&unread);
                quarantined(&mut quarantine, list, &unread)
            };
            match import.list(here.path(), name, self.list_format, &mut builder, &mut tell) {
                Ok(report) if self.quiet => drop(report),
                Ok(report) => reading.suspend(|| say((list, name), &report)),
                Err(error @ (Error::Corrupt { .. } | Error::Input(_) | Error::Unsupported(_))) => {
                    reading.suspend(|| console::say(format_args!("shadegrid: {list}: {error}")));
                    broken += 1;
                }
                Err(error) => return Err(error),
            }
            if faults.end() > 0 || broken > 0 {
                exit = Exit::SomeFailed;
            }
        }
        if !self.columns.is_empty() {
            for name in import.missing_columns() {
                let name = console::printable(name);
                console::say(format_args!("shadegrid: no entry of the lists has a column called {name}"));
            }
        }
        if let Some(Quarantine { mut to, output }) = quarantine {
            to.flush().map_err(cannot_write)?;
            output.complete()?;
        }
        if broken == 0 || self.accept_partial {
            return Ok((Some(builder), exit));
        }
        console::say(format_args!(
            "shadegrid: {} is left as it was; with --accept-partial it gets what could be read",
            self.gallery.display()
        ));
        Ok((None, exit))
    }

    fn options(&self, known: &[String]) -> Result<ImportOptions, Error> {
        let leaves = |kind| self.leave_out.contains(&kind);
        let columns =
            if self.columns.is_empty() { KeepColumns::known(known) } else { KeepColumns::of(&self.columns)? };
        Ok(ImportOptions::default()
            .columns(columns)
            .leave_out(
                LeaveOut::default()
                    .overrepresented(leaves(Kind::Overrepresented))
                    .suspicious(leaves(Kind::Suspicious))
                    .flat(leaves(Kind::Flat)),
            )
            .overrepresented_from(self.overrepresented_from.max(1)))
    }

    fn open_quarantine(&self) -> Result<Option<Quarantine>, Error> {
        let Some(path) = &self.quarantine else { return Ok(None) };
        let reads = Reads::of(&self.lists).and([&self.gallery]);
        let (output, to) = self.overwrite.check(Some(path), Written::Quarantine, &reads)?.begin()?;
        Ok(Some(Quarantine { to: BufWriter::new(to), output }))
    }
}

/// Where records go that give no entry.
struct Quarantine {
    to: BufWriter<Box<dyn Write + Send>>,
    output: Output,
}

fn cannot_write(source: std::io::Error) -> Error {
    Error::io("cannot write the quarantine file", source)
}

fn quarantined(to: &mut Option<Quarantine>, list: &str, unread: &Unread<'_>) -> Result<(), Error> {
    let Some(Quarantine { to, .. }) = to else { return Ok(()) };
    let Unread { member, position, reason, .. } = *unread;
    let line = json(&Quarantined { list, member, position, reason })?;
    writeln!(to, "{line}").map_err(cannot_write)
}

/// The right to change a gallery; that others have it is said.
fn begin_change(gallery: &Path) -> Result<Change, Error> {
    Change::begin(gallery, &mut |message| console::say(format_args!("shadegrid: {message}")))
}

/// Records of a list that are shown one by one.
const FIRST: u64 = 3;

/// Shows the first faults of a list, and counts all.
struct Faults<'a> {
    list: &'a str,
    quarantined: bool,
    reading: &'a Reading,
    faults: u64,
}

impl<'a> Faults<'a> {
    fn new(list: &'a str, quarantined: bool, reading: &'a Reading) -> Faults<'a> {
        Faults { list, quarantined, reading, faults: 0 }
    }

    fn show(&mut self, unread: &Unread<'_>) {
        let Unread { member, position, reason, left_out, .. } = *unread;
        if left_out {
            return;
        }
        self.faults += 1;
        if self.faults <= FIRST {
            let slash = if member.is_empty() { "" } else { "/" };
            let list = self.list;
            self.reading.suspend(|| {
                console::say(format_args!("shadegrid: {list}{slash}{member}: {position}: {reason}"));
            });
        }
    }

    /// Says how many more there were, and gives their number.
    fn end(&self) -> u64 {
        if self.faults > FIRST {
            let hint = if self.quarantined { "" } else { "; --quarantine FILE writes all of them down" };
            let (list, more) = (self.list, self.faults - FIRST);
            self.reading.suspend(|| console::say(format_args!("shadegrid: {list}: {more} more such{hint}")));
        }
        self.faults
    }
}

/// Says what was in a list; its name is what entries call it.
fn say((list, name): (&str, &str), report: &Report) {
    let Report { entries, photodna, pdq, .. } = report;
    let mut line = format!(
        "{list}: {} ({photodna} photodna, {pdq} pdq)",
        console::counted(*entries, "entry", "entries")
    );
    let further = [
        (report.left_out, "left out"),
        (report.bad, "bad"),
        (report.odd, "read in part"),
        (report.repeated, "that its source had"),
        (report.without_signature, "without a signature"),
        (report.removed, "taken back"),
        (report.duplicates, "duplicate values"),
        (report.suspicious, "suspicious"),
        (report.flat, "flat"),
        (report.low_quality, "under quality 50"),
        (report.with_columns, "with further columns"),
    ];
    for (count, what) in further.into_iter().filter(|(count, _)| *count > 0) {
        line += &format!(", {count} {what}");
    }
    console::say(line);
    for of in report.overrepresented.iter().take(MOST_OVERREPRESENTED) {
        console::say(overrepresented((list, name), of));
    }
    let further = report.overrepresented.len().saturating_sub(MOST_OVERREPRESENTED);
    if further > 0 {
        console::say(format_args!("{list}: over-represented: {further} more"));
    }
}

/// Values that are named one by one.
const MOST_OVERREPRESENTED: usize = 20;

/// Which entries have a value that occurs too often; the value itself is not said.
fn overrepresented((list, name): (&str, &str), of: &Overrepresented) -> String {
    let Overrepresented { algorithm, count, first: (first_list, first), reached: (key, position), .. } = of;
    let elsewhere = if first_list == name { String::new() } else { format!(" of {first_list}") };
    let key = if key.is_empty() { String::new() } else { format!(" ({key})") };
    let also = if (first_list.as_str(), first) == (name, position) {
        String::new()
    } else {
        format!(", also at {position}")
    };
    console::printable(&format!(
        "{list}: over-represented: one {algorithm} signature occurs {count} times, first at {first}{elsewhere}{also}{key}"
    ))
}

fn remove(arguments: &RemoveArguments) -> Result<Exit, Error> {
    let format = arguments.list_format.map_or("", ListFormat::name);
    let mut builder = GalleryBuilder::new();
    arguments.key.iter().for_each(|key| builder.remove(format, key));
    arguments.source.iter().for_each(|name| builder.remove_source(name));
    if let Some(path) = &arguments.keys_from {
        named(path, lists::keys(path, &mut |key| builder.remove(format, key)))?;
    }
    let change = begin_change(&arguments.gallery)?;
    let base = open_one(&arguments.gallery, false)?;
    let sources: Vec<String> = base.sources().into_iter().map(|(name, ..)| name).collect();
    let before = base.counts().removed;
    change.append(&base, &builder)?;
    let removed = glance(&arguments.gallery)?.counts().removed - before;
    console::say(format_args!("{} removed", console::counted(removed, "entry", "entries")));
    for name in arguments.source.iter().filter(|name| !sources.contains(name)) {
        let there = console::printable(&sources.join(", "));
        console::say(format_args!(
            "shadegrid: no list is called {}; there are: {there}",
            console::printable(name)
        ));
    }
    Ok(if removed > 0 { Exit::Done } else { Exit::NothingMatched })
}

fn verify(path: &Path) -> Result<Exit, Error> {
    match open_one(path, false) {
        Ok(gallery) => {
            let entries = console::counted(gallery.counts().entries, "entry", "entries");
            console::say(format_args!("{}: whole, {entries}; every checksum is right", path.display()));
            Ok(Exit::Done)
        }
        Err(error @ Error::Input(_)) => {
            console::say(format_args!("shadegrid: {error}"));
            Ok(Exit::SomeFailed)
        }
        Err(error) => Err(error),
    }
}

/// An entry as it is written.
#[derive(Serialize)]
struct ExportLine<'a> {
    key: &'a str,
    label: &'a str,
    source: &'a str,
    source_format: &'a str,
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    photodna: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdq: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    flags: &'a [&'a str],
    #[serde(skip_serializing_if = "Columns::is_empty")]
    columns: Columns,
}

fn export(arguments: &ExportArguments) -> Result<Exit, Error> {
    let reads = Reads::of([&arguments.gallery]);
    let target = arguments.overwrite.check(arguments.output.as_deref(), Written::Entries, &reads)?;
    let gallery = open_one(&arguments.gallery, false)?;
    let (output, to) = target.begin()?;
    let mut to = BufWriter::new(to);
    let cannot = |source| Error::io("cannot write the entries", source);
    for id in gallery.ids() {
        let entry = gallery.entry(id);
        let line = ExportLine {
            key: entry.key,
            label: entry.label,
            source: entry.source,
            source_format: entry.format,
            position: entry.position,
            photodna: gallery.photodna(id).map(|signature| signature.to_string()),
            pdq: gallery.pdq(id).map(|signature| signature.to_string()),
            quality: entry.quality,
            flags: if entry.flat { &["flat"] } else { &[] },
            columns: entry.columns.to_columns(),
        };
        writeln!(to, "{}", json(&line)?).map_err(cannot)?;
    }
    to.flush().map_err(cannot)?;
    output.complete()?;
    Ok(Exit::Done)
}
