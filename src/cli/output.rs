//! Where records are written: standard output, or a file that appears when it is complete.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use shadegrid::Error;
use shadegrid::pipeline::{RecordFormat, RowSink};

/// How records are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OutputFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a row of names.
    Csv,
    /// Parquet, compressed with zstd; needs a file.
    Parquet,
}

impl OutputFormat {
    /// Checks that such records can go to `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] for Parquet without a file, which has its contents at its end.
    pub(crate) fn check(self, path: Option<&Path>) -> Result<(), Error> {
        match (self, path) {
            (OutputFormat::Parquet, None) => {
                Err(Error::Input("--format parquet needs a file: name one with -o".to_string()))
            }
            _ => Ok(()),
        }
    }

    /// A sink of this format; `about` is a Parquet file's metadata.
    pub(crate) fn sink(
        self,
        to: Box<dyn Write + Send>,
        about: &[(String, String)],
    ) -> Result<Box<dyn RowSink + Send>, Error> {
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

/// The output of one run.
pub(crate) enum Output {
    /// Standard output, or something that cannot be renamed: a pipe or a device.
    Direct,
    /// A file that is written under another name until it is complete.
    File { partial: PathBuf, complete: PathBuf },
}

impl Output {
    /// Opens `path`, or standard output.
    pub(crate) fn open(path: Option<&Path>) -> Result<(Output, Box<dyn Write + Send>), Error> {
        let Some(path) = path else {
            return Ok((Output::Direct, Box::new(io::stdout())));
        };
        let special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        let partial = if special { path.to_path_buf() } else { partial_name(path) };
        let opened = if special { File::options().write(true).open(path) } else { File::create(&partial) };
        let file = opened.map_err(|error| cannot("write", &partial, error))?;
        let output =
            if special { Output::Direct } else { Output::File { partial, complete: path.to_path_buf() } };
        Ok((output, Box::new(file)))
    }

    /// Begins the file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where something else than a file has that name.
    pub(crate) fn create(path: &Path) -> Result<(Output, File), Error> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::Input(format!("{} is there and is no file", path.display())));
        }
        let partial = partial_name(path);
        let file = File::create(&partial).map_err(|error| cannot("write", &partial, error))?;
        Ok((Output::File { partial, complete: path.to_path_buf() }, file))
    }

    /// Gives the file its name: it holds a record for every input.
    pub(crate) fn complete(self) -> Result<(), Error> {
        match self {
            Output::Direct => Ok(()),
            Output::File { partial, complete } => {
                fs::rename(&partial, &complete).map_err(|error| cannot("rename", &partial, error))
            }
        }
    }

    /// Throws away what was written so far.
    pub(crate) fn discard(self) {
        if let Output::File { partial, .. } = self {
            // What failed before is told, and not this.
            let _ = fs::remove_file(partial);
        }
    }

    /// Where the records of a run that ended early lie.
    pub(crate) fn partial(&self) -> Option<&Path> {
        match self {
            Output::Direct => None,
            Output::File { partial, .. } => Some(partial),
        }
    }
}

/// `photos.jsonl` is written as `photos.jsonl.partial`.
fn partial_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    name.into()
}

fn cannot(what: &str, path: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot {what} {}", path.display()), error)
}
