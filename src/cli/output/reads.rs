//! What a command reads, so that it writes over none of it.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use shadegrid::Error;
use shadegrid::pipeline::ExtensionFilter;

use super::Kind;
use crate::cli::places::is_url;

/// The files and folders that a command reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    paths: Vec<PathBuf>,
    /// What is read in folders.
    only: ExtensionFilter,
    /// Whether folders are read without what the command writes.
    without_own: bool,
}

impl Reads {
    /// These paths, as far as they are on this machine.
    pub(crate) fn of<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Reads {
        Reads::default().and(paths)
    }

    /// Those, and these.
    pub(crate) fn and<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Reads {
        let is_local = |path: &PathBuf| path.as_os_str() != "-" && !is_url(path);
        self.paths.extend(paths.into_iter().map(|path| path.as_ref().to_path_buf()).filter(is_local));
        self
    }

    /// The same, where only some names are read in folders.
    pub(crate) fn only(self, only: &ExtensionFilter) -> Reads {
        Reads { only: only.clone(), ..self }
    }

    /// The same, where folders are read without what the command writes ([`Own`](super::Own)).
    pub(crate) fn without_own(self) -> Reads {
        Reads { without_own: true, ..self }
    }

    /// Checks that `output` is none of them, whatever it is called, and lies in no folder of them. Where folders are read without it, it may lie there, unless
    /// a file in its place is of another kind than `kind`: that is an input. Whoever gives no kind looks at what is there by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is or does.
    pub(crate) fn check(&self, output: &Path, kind: Option<Kind>) -> Result<(), Error> {
        let target = fs::metadata(output).ok();
        for read in &self.paths {
            let Ok(input) = fs::metadata(read) else {
                // What is not there yet could only be met by its name.
                if resolved(read).is_some_and(|read| resolved(output) == Some(read)) {
                    return Err(is_input(output, read));
                }
                continue;
            };
            if target.as_ref().is_some_and(|target| is_same((output, target), (read, &input))) {
                return Err(is_input(output, read));
            }
            if input.is_dir() && self.only.lets(output.as_os_str()) && lies_in(output, (read, &input)) {
                self.check_within(
                    output,
                    read,
                    kind.filter(|_| target.as_ref().is_some_and(Metadata::is_file)),
                )?;
            }
        }
        Ok(())
    }

    /// Checks an output in a folder that is read; `there` is of which kind a file in its place has to be.
    fn check_within(&self, output: &Path, folder: &Path, there: Option<Kind>) -> Result<(), Error> {
        let (shown, folder) = (output.display(), folder.display());
        if !self.without_own {
            return Err(Error::Input(format!(
                "the output {shown} lies in {folder}, which is read; write it elsewhere"
            )));
        }
        let Some(kind) = there else { return Ok(()) };
        let holds = kind.holds(output);
        match holds.map_err(|error| Error::io(format!("cannot look at {shown}"), error))? {
            true => Ok(()),
            false => Err(Error::Input(format!(
                "{shown} is an input, since it lies in {folder} and is not {}; choose another name",
                kind.name()
            ))),
        }
    }

    /// Checks that standard output is none of them.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is.
    pub(super) fn check_standard_output(&self) -> Result<(), Error> {
        let Some(target) = standard_output().filter(Metadata::is_file) else { return Ok(()) };
        let name = Path::new("on standard output");
        let is_it = |read: &&PathBuf| {
            fs::metadata(read).is_ok_and(|input| input.is_file() && is_same((name, &target), (read, &input)))
        };
        match self.paths.iter().find(is_it) {
            Some(read) => Err(is_input(name, read)),
            None => Ok(()),
        }
    }
}

fn is_input(output: &Path, read: &Path) -> Error {
    let (output, read) = (output.display(), read.display());
    Error::Input(format!("the output {output} is the input {read}; choose another name"))
}

/// Whether a file, of which the last part need not exist, lies in a folder: below it, or below the same folder by another name.
fn lies_in(file: &Path, (folder, there): (&Path, &Metadata)) -> bool {
    let Some(file) = resolved(file) else { return false };
    file.ancestors()
        .skip(1)
        .any(|above| fs::metadata(above).is_ok_and(|metadata| is_same((above, &metadata), (folder, there))))
}

/// The path without links and `..` up to its last part, which need not exist.
fn resolved(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(folder).ok()?.join(name))
}

/// Whether two names are of one file or folder.
#[cfg(unix)]
fn is_same((_, one): (&Path, &Metadata), (_, other): (&Path, &Metadata)) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same((one, _): (&Path, &Metadata), (other, _): (&Path, &Metadata)) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether a path names what standard output is already, such as /dev/stdout: opening that anew would lose the place in it.
#[cfg(unix)]
pub(super) fn is_standard_output(path: &Path) -> bool {
    is_descriptor(path)
        && fs::metadata(path).is_ok_and(|there| {
            standard_output().is_some_and(|output| is_same((path, &there), (path, &output)))
        })
}

#[cfg(not(unix))]
pub(super) fn is_standard_output(_: &Path) -> bool {
    false
}

/// Whether a path is the name of an open file, such as /dev/fd/3, which cannot be replaced.
pub(super) fn is_descriptor(path: &Path) -> bool {
    resolved(path).is_some_and(|path| {
        path.exists()
            && (path.starts_with("/dev") && !path.starts_with("/dev/shm") || path.starts_with("/proc"))
    })
}

#[cfg(unix)]
fn standard_output() -> Option<Metadata> {
    use std::os::fd::AsFd as _;
    let output = std::io::stdout().as_fd().try_clone_to_owned().ok()?;
    fs::File::from(output).metadata().ok()
}

#[cfg(not(unix))]
fn standard_output() -> Option<Metadata> {
    None
}
