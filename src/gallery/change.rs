//! Changing a gallery's file, one process at a time.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::file;
use super::{Gallery, GalleryBuilder};
use crate::error::{Error, Result};
use crate::folders;

/// How long another process's change is waited for before that is reported.
const PATIENCE: Duration = Duration::from_secs(1);

/// The exclusive right to change a gallery's file, on this machine and, if the file system locks across machines, on all of them.
///
/// It is a lock on a file in the gallery's folder (`.NAME.lock`). Dropping the change removes the file. A killed process loses the lock but
/// leaves the file, which blocks nobody.
#[derive(Debug)]
pub struct Change {
    path: PathBuf,
    lock: Option<Lock>,
}

impl Change {
    /// Waits for the right to change the gallery at `path`, which need not exist. Calls `report` if the wait is long or the file system has no locks.
    /// Removes temporary files of processes that were killed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the lock's file cannot be created.
    pub fn begin(path: impl AsRef<Path>, report: &mut dyn FnMut(&str)) -> Result<Change> {
        let path = file::resolved(path.as_ref());
        let cannot = |source| Error::io(format!("cannot change the gallery {}", path.display()), source);
        let waiting = || format!("another process changes {}; waiting for it", path.display());
        let lock = match Lock::take(&path, &mut || report(&waiting())) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                report(&format!(
                    "{} cannot be locked here: let no other process change it now",
                    path.display()
                ));
                None
            }
            Err(error) => return Err(cannot(error)),
        };
        if lock.is_some() {
            file::remove_stale(&path);
        }
        Ok(Change { path, lock })
    }

    /// The gallery as it is now.
    ///
    /// # Errors
    ///
    /// Those of [`Gallery::open`].
    pub fn gallery(&self) -> Result<Gallery> {
        Gallery::open(&self.path)
    }

    /// Writes a gallery of a builder's entries in place of what is there.
    ///
    /// # Errors
    ///
    /// Those of [`GalleryBuilder::create`].
    pub fn create(&self, builder: &GalleryBuilder) -> Result<()> {
        builder.create(&self.path)
    }

    /// Adds a builder's entries to `base`, which is [`gallery`](Change::gallery), and says how many it had already.
    ///
    /// # Errors
    ///
    /// Those of [`GalleryBuilder::append`].
    pub fn append(&self, base: &Gallery, builder: &GalleryBuilder) -> Result<u64> {
        builder.append(base, &self.path)
    }

    /// Whether other processes are kept out.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }
}

/// A locked file.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    fn take(gallery: &Path, waiting: &mut dyn FnMut()) -> io::Result<Lock> {
        let mut name = OsString::from(".");
        name.push(gallery.file_name().unwrap_or_default());
        name.push(".lock");
        let path = folders::of(gallery).join(name);
        let begun = Instant::now();
        let mut reported = false;
        loop {
            let file = open(&path)?;
            match file.try_lock() {
                // Who had it before removed the file: the lock is on what nobody else will find.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => return Ok(Lock { path, file }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) => {
                    if begun.elapsed() >= PATIENCE && !std::mem::replace(&mut reported, true) {
                        waiting();
                    }
                    sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held, so that it is this one's file; what fails leaves an empty file.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// Opens the lock's file, for all who may write to the folder.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o666);
    options.open(path)
}

/// Whether a file is the one of this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same =
        |(own, named): (fs::Metadata, fs::Metadata)| (own.dev(), own.ino()) == (named.dev(), named.ino());
    file.metadata().and_then(|own| Ok((own, fs::metadata(path)?))).is_ok_and(same)
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
