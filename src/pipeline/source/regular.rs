//! Files, opened without blocking, and what is not a file.
//!
//! A pipe, a device or a socket may stand where a file is expected: opening or reading it could block for ever, or have effects.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

/// What is neither a file nor a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} stands where a file was expected; only a picture or a list that is named as an argument may be one"
)]
pub(in crate::pipeline) struct Special(&'static str);

impl Special {
    /// What stands at `path`, links followed; `None` for a file, a folder or nothing.
    pub(in crate::pipeline) fn at(path: &Path) -> Option<Special> {
        Special::of(&fs::metadata(path).ok()?)
    }

    fn of(metadata: &Metadata) -> Option<Special> {
        (!metadata.is_file() && !metadata.is_dir()).then(|| Special(name(metadata.file_type())))
    }

    /// What stood in a file's place, where opening it failed for that.
    pub(in crate::pipeline) fn refused(error: &io::Error) -> Option<Special> {
        error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
    }
}

#[cfg(unix)]
fn name(of: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match () {
        () if of.is_fifo() => "a pipe",
        () if of.is_socket() => "a socket",
        () => "a device",
    }
}

#[cfg(not(unix))]
fn name(_: FileType) -> &'static str {
    "a device"
}

/// Opens a regular file for reading and says how long it is. Never opens anything else and never blocks, even if the file is replaced meanwhile.
///
/// # Errors
///
/// Those of the system, [`ErrorKind::IsADirectory`] for a folder, [`Special`] for anything else.
pub(in crate::pipeline) fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let is_regular = |metadata: &Metadata| match Special::of(metadata) {
        Some(special) => Err(io::Error::new(ErrorKind::InvalidInput, special)),
        None if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        None => Ok(()),
    };
    // Before opening: that alone has effects on some devices. And again after it, in case another took the file's place.
    is_regular(&fs::metadata(path)?)?;
    let file = open_at_once(path)?;
    let metadata = file.metadata()?;
    is_regular(&metadata)?;
    Ok((file, metadata.len()))
}

/// How long another program may take to give up its lease of a file, and how often that is asked.
const LEASE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// Opens without waiting for somebody at the other end of a pipe. A file that another program holds a lease of (a file server, say) is asked for until
/// that gives it up.
#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let mut tries = LEASE.as_millis() / PAUSE.as_millis();
    loop {
        match options.open(path) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && tries > 0 => {
                tries -= 1;
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
