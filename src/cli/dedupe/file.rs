//! A file as it was when its picture was hashed, and whether it is still that.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Which file a name led to, and what shows that its content has not changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileState {
    /// The device and the file's number on it, by which other names of the same file are known; the same for all where a system has no such numbers.
    id: (u64, u64),
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    /// How many names the file has.
    pub(super) names: u64,
}

/// Without the number of names, which changes with names that others are given.
impl PartialEq for FileState {
    fn eq(&self, other: &FileState) -> bool {
        (self.id, self.bytes, self.modified) == (other.id, other.bytes, other.modified)
    }
}

impl FileState {
    /// The file at `path`; `None` for anything else, a link to a file included.
    pub(super) fn at(path: &Path) -> Option<FileState> {
        fs::symlink_metadata(path).ok().filter(Metadata::is_file).map(|metadata| FileState::of(&metadata))
    }

    /// The file that `path` leads to, through links too.
    pub(super) fn behind(path: &Path) -> Option<FileState> {
        fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| FileState::of(&metadata))
    }

    fn of(metadata: &Metadata) -> FileState {
        let (id, names) = identity(metadata);
        FileState { id, bytes: metadata.len(), modified: metadata.modified().ok(), names }
    }

    /// The number that other names of the same file share; `None` where the system has none.
    pub(super) fn number(&self) -> Option<(u64, u64)> {
        (self.id != (0, 0)).then_some(self.id)
    }

    /// Whether both are one file by two names.
    pub(super) fn is_same_file(&self, other: &FileState) -> bool {
        self.number().is_some() && self.id == other.id
    }

    /// Opens the file at `path`, if it is still this one.
    ///
    /// # Errors
    ///
    /// The system's, and one that says that the file has changed.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        let file = open_at_once(path)?;
        let metadata = file.metadata()?;
        match metadata.is_file() && FileState::of(&metadata) == *self {
            true => Ok(file),
            false => Err(changed()),
        }
    }

    /// Checks that the file at `path` is still this one.
    ///
    /// # Errors
    ///
    /// One that says that it has changed.
    pub(super) fn check(&self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() && FileState::of(&metadata) == *self => Ok(()),
            Ok(_) => Err(changed()),
            Err(error) => Err(error),
        }
    }

    /// SHA-256 of the content of the file at `path`.
    ///
    /// # Errors
    ///
    /// As for [`check`](FileState::check), and where it cannot be read.
    pub(super) fn digest(&self, path: &Path) -> io::Result<[u8; 32]> {
        let mut file = self.open(path)?;
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => digest.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.check(path)?;
        Ok(digest.finalize().into())
    }
}

/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;

fn changed() -> io::Error {
    io::Error::other("it has changed since it was hashed")
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> ((u64, u64), u64) {
    use std::os::unix::fs::MetadataExt as _;
    ((metadata.dev(), metadata.ino()), metadata.nlink())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> ((u64, u64), u64) {
    ((0, 0), 1)
}

/// Opens without following a link and without waiting for somebody at the other end of a pipe.
#[cfg(unix)]
fn open_at_once(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

#[cfg(not(unix))]
fn open_at_once(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// Whether `path`, found below `argument`, leads through a link of a folder: what it leads to may lie anywhere. Where it does not lie below that, as where the argument is a list
/// of paths, no folder on the way may be a link.
pub(super) fn leads_through_link(path: &Path, argument: &Path) -> bool {
    let is_below = path.starts_with(argument);
    path.ancestors()
        .skip(1)
        .take_while(|above| !is_below || *above != argument && above.starts_with(argument))
        .any(|above| fs::symlink_metadata(above).is_ok_and(|metadata| metadata.is_symlink()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"one").unwrap();
        let state = FileState::at(&path).unwrap();
        assert!(state.check(&path).is_ok() && state.digest(&path).is_ok());
        fs::write(&path, b"other").unwrap();
        assert!(state.check(&path).is_err() && state.digest(&path).is_err());
        fs::remove_file(&path).unwrap();
        assert!(state.check(&path).is_err() && FileState::at(&path).is_none());
        assert!(FileState::at(folder.path()).is_none(), "a folder is no file");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_no_files_and_are_seen_on_the_way() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/file"), b"one").unwrap();
        symlink(at("a/b/file"), at("soft")).unwrap();
        symlink(at("a/b"), at("a/other")).unwrap();
        fs::hard_link(at("a/b/file"), at("hard")).unwrap();
        assert!(FileState::at(&at("soft")).is_none());
        let (file, hard) = (FileState::at(&at("a/b/file")).unwrap(), FileState::at(&at("hard")).unwrap());
        assert!(file.is_same_file(&hard) && file.names == 2);
        assert!(leads_through_link(&at("a/other/file"), &at("a")));
        assert!(!leads_through_link(&at("a/b/file"), &at("a")));
        assert!(!leads_through_link(&at("a/other/file"), &at("a/other")), "what was named is followed");
        assert!(leads_through_link(&at("a/other/file"), Path::new("list")), "what a list names is not");
    }
}
