//! Every file that a command writes: what may be written over, and how a file appears whole or not at all.
//!
//! A command first checks its outputs against what it reads ([`Overwrite::check`]), before anything is touched. Then the
//! target is begun: a file is written under a name of its own in the folder of the final one, and renamed once it is whole.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use shadegrid::Error;
use shadegrid::pipeline::{RecordFormat, StoredSink};

use super::console;

mod draft;
mod kind;
mod own;
mod reads;

use draft::Draft;
pub(crate) use kind::Kind;
pub(crate) use own::Own;
pub(crate) use reads::Reads;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// One JSON object a line.
    #[value(alias = "json", alias = "ndjson")]
    Jsonl,
    /// Comma-separated values with a row of names.
    Csv,
    /// Parquet, compressed with zstd; needs a file.
    Parquet,
}

/// Endings of files that are neither text nor tables as they are written here.
const OTHERS: &[&str] = &[
    "7z", "arrow", "avro", "br", "bz2", "db", "feather", "gz", "htm", "html", "lz4", "orc", "pdf", "sqlite",
    "tar", "xls", "xlsx", "xml", "xz", "zip", "zst",
];

/// Refuses a file whose name announces something else than what is written. Of what is there already, more is known: that is for others to judge.
///
/// # Errors
///
/// [`Error::Input`] for the ending of an archive, a compressed file, a page or another kind of table.
pub(crate) fn refuse_others(path: &Path) -> Result<(), Error> {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    if !OTHERS.iter().any(|other| ending.eq_ignore_ascii_case(other)) || path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let path = path.display();
    Err(Error::Input(format!(
        "{path}: what is written is no .{ending}: name a file that ends in .jsonl, .csv or .parquet, or say which it is with --format"
    )))
}

impl OutputFormat {
    /// The format that was asked for, by its name or by the ending of the output's; JSON lines where neither says.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the two contradict each other, and for Parquet without a file, which has its contents at its end.
    pub(crate) fn choose(asked: Option<OutputFormat>, path: Option<&Path>) -> Result<OutputFormat, Error> {
        let path = path.filter(|path| !is_dash(path));
        match (OutputFormat::asked(asked, path)?.unwrap_or(OutputFormat::Jsonl), path) {
            (OutputFormat::Parquet, None) => {
                let message = "Parquet needs a file, since it has its contents at its end: name one with -o";
                Err(Error::Input(message.to_string()))
            }
            (format, _) => Ok(format),
        }
    }

    /// The same where neither may say.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where the two contradict each other.
    pub(crate) fn asked(
        asked: Option<OutputFormat>,
        path: Option<&Path>,
    ) -> Result<Option<OutputFormat>, Error> {
        let named = path.and_then(OutputFormat::of_name);
        if let (Some(asked), Some(named), Some(path)) = (asked, named, path)
            && asked != named
        {
            let path = path.display();
            return Err(Error::Input(format!(
                "--format {} and the name {path} contradict each other; leave --format away, or choose another name",
                asked.name()
            )));
        }
        if let (None, None, Some(path)) = (asked, named, path) {
            refuse_others(path)?;
        }
        Ok(asked.or(named))
    }

    /// The format that a file's name announces: `.jsonl` (also `.ndjson` and `.json`), `.csv`, `.parquet`.
    pub(crate) fn of_name(path: &Path) -> Option<OutputFormat> {
        OutputFormat::from_str(path.extension()?.to_str()?, true).ok()
    }

    fn name(self) -> &'static str {
        match self {
            OutputFormat::Jsonl => "jsonl",
            OutputFormat::Csv => "csv",
            OutputFormat::Parquet => "parquet",
        }
    }

    /// A sink of this format; `about` is a Parquet file's metadata.
    pub(crate) fn sink(
        self,
        to: Box<dyn Write + Send>,
        about: &[(String, String)],
    ) -> Result<Box<dyn StoredSink + Send>, Error> {
        RecordFormat::from(self).sink(to, about)
    }
}

impl From<OutputFormat> for RecordFormat {
    fn from(format: OutputFormat) -> RecordFormat {
        match format {
            OutputFormat::Jsonl => RecordFormat::JsonLines,
            OutputFormat::Csv => RecordFormat::Csv,
            OutputFormat::Parquet => RecordFormat::Parquet,
        }
    }
}

/// Whether a file of another kind may be written over.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Overwrite {
    /// Write over a file that is there, whatever it holds
    ///
    /// Without it, only an empty file and one that this command wrote are replaced. What the command reads is never written over; an output in a
    /// folder that is read is no input, nor what an earlier run wrote there under its name.
    #[arg(long)]
    force: bool,
}

impl Overwrite {
    /// Checks that `path`, or standard output, can take what is of `kind`, and is nothing of what is read.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it cannot; nothing has been touched then.
    pub(crate) fn check(self, path: Option<&Path>, kind: Kind, reads: &Reads) -> Result<Target, Error> {
        let Some(path) = path else {
            reads.check_standard_output()?;
            return Ok(Target::StandardOutput);
        };
        if is_standard_output(path) {
            reads.check_standard_output()?;
            return Ok(Target::StandardOutput);
        }
        if is_called_a_folder(path) {
            return Err(Error::Input(format!("{} is a folder; name a file in it", path.display())));
        }
        reads.check(path, Some(kind))?;
        let there = fs::metadata(path);
        if there.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Err(Error::Input(format!("{} is a folder; name a file in it", path.display())));
        }
        if there.as_ref().is_ok_and(|there| !there.is_file()) || reads::is_descriptor(path) {
            return Ok(Target::Direct(path.to_path_buf()));
        }
        let place = OutputFile { path: path.to_path_buf(), kind, force: self.force };
        place.check().map(|()| Target::File(place))
    }

    /// The same for something that has its contents at its end, and so needs a file that can be renamed.
    ///
    /// # Errors
    ///
    /// [`Error::Input`], also where `path` is a pipe or a device.
    pub(crate) fn check_file(self, path: &Path, kind: Kind, reads: &Reads) -> Result<OutputFile, Error> {
        match self.check(Some(path), kind, reads)? {
            Target::File(place) => Ok(place),
            Target::StandardOutput => {
                Err(Error::Input(format!("{} is standard output, and a file is needed", path.display())))
            }
            Target::Direct(_) => Err(Error::Input(format!("{} is there and is no file", path.display()))),
        }
    }
}

/// Whether an output is what the user looks at.
pub(crate) fn is_seen(path: Option<&Path>) -> bool {
    path.is_none_or(is_standard_output) && io::stdout().is_terminal()
}

/// Whether a path is standard output, by whatever name.
fn is_standard_output(path: &Path) -> bool {
    is_dash(path) || reads::is_standard_output(path)
}

/// Whether a path names a folder by a separator at its end, whether or not there is one.
fn is_called_a_folder(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator(char::from(*last)))
}

/// Whether a path is `-`, which is standard output here as it is standard input elsewhere; a file of that name is `./-`.
fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where a file is to be, and what may be there before.
#[derive(Debug)]
pub(crate) struct OutputFile {
    path: PathBuf,
    kind: Kind,
    force: bool,
}

impl OutputFile {
    /// That what is there, if anything, may go.
    fn check(&self) -> Result<(), Error> {
        let path = self.path.display();
        let cannot = |error| Error::io(format!("cannot look at {path}"), error);
        if self.force || !self.path.exists() || self.kind.holds(&self.path).map_err(cannot)? {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{path} is there and is not {}; choose another name, or write over it with --force",
            self.kind.name()
        )))
    }

    /// Begins the file, in the folder where it is to be.
    pub(crate) fn begin(self) -> Result<(Output, File), Error> {
        let cannot = |error| Error::io(format!("cannot write {}", self.path.display()), error);
        let draft = Draft::new(&self.path, self.kind.is_private()).map_err(cannot)?;
        let file = draft.file().map_err(cannot)?;
        Ok((Output::File { draft, place: self }, file))
    }
}

/// Where a command's output goes, checked.
#[derive(Debug)]
pub(crate) enum Target {
    StandardOutput,
    /// A pipe or a device, which is opened and not replaced.
    Direct(PathBuf),
    File(OutputFile),
}

impl Target {
    /// Begins to write. A pipe without a reader is waited for.
    pub(crate) fn begin(self) -> Result<(Output, Box<dyn Write + Send>), Error> {
        match self {
            Target::StandardOutput => Ok((Output::Direct, Box::new(io::stdout()))),
            Target::Direct(path) => {
                let opened = File::options().append(true).open(&path);
                let file =
                    opened.map_err(|error| Error::io(format!("cannot write {}", path.display()), error))?;
                Ok((Output::Direct, Box::new(file)))
            }
            Target::File(place) => place.begin().map(|(output, file)| (output, Box::new(file) as _)),
        }
    }

    /// Writes all of a text.
    pub(crate) fn write(self, text: &str) -> Result<(), Error> {
        let (output, mut to) = self.begin()?;
        to.write_all(text.as_bytes()).map_err(|error| Error::io("cannot write", error))?;
        output.complete()
    }
}

/// The output of one run. Dropped, it throws away what was written to a file so far.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output, or something that cannot be renamed: a pipe or a device.
    Direct,
    /// A file that is written under another name until it is complete.
    File { draft: Draft, place: OutputFile },
}

impl Output {
    /// Gives the file its name: it is whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it cannot be synced or renamed, [`Error::Input`] where a file of another kind took its place meanwhile. What was written
    /// is kept under its other name then.
    pub(crate) fn complete(self) -> Result<(), Error> {
        let Output::File { draft, place } = self else { return Ok(()) };
        let cannot = |error| Error::io(format!("cannot complete {}", place.path.display()), error);
        let (error, draft) = match place.check() {
            Ok(()) => match draft.replace(&place.path) {
                Ok(()) => return Ok(()),
                Err((error, draft)) => (cannot(error), draft),
            },
            Err(error) => (error, Some(draft)),
        };
        Err(match draft.and_then(Draft::keep) {
            Some(kept) => said_with(error, &format!("what was written is in {}", kept.display())),
            None => error,
        })
    }

    /// Keeps the records that a run has written before it ended early or failed, under the name they have, and says it.
    pub(crate) fn keep(self, quiet: bool) {
        let Output::File { draft, .. } = self else { return };
        if let Some(kept) = draft.keep().filter(|_| !quiet) {
            console::say(format_args!("ended early; the records so far are in {}", kept.display()));
        }
    }
}

fn said_with(error: Error, more: &str) -> Error {
    match error {
        Error::Io { context, source } => Error::Io { context: format!("{context} ({more})"), source },
        other => Error::Input(format!("{other}; {more}")),
    }
}
