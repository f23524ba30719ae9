//! A file under a name that nobody else has, gone again unless it takes another's place.
//!
//! The `tempfile` crate does this too, and does it for the features that need more of it. Galleries are written without any feature, and it would
//! bring seven crates to a library that promises to be no more than sixty.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

/// Letters and digits of a name that are drawn.
pub(super) const DRAWN: usize = 6;

/// Names that are tried before there is none.
const TRIED: usize = 1 << 10;

/// An open file, removed when it is dropped.
pub(super) struct Temporary {
    file: File,
    /// Empty once it has another name.
    path: PathBuf,
}

impl Temporary {
    /// Makes a file in `folder`, for its owner alone: `prefix`, [`DRAWN`] letters and digits, `suffix`.
    pub(super) fn new(folder: &Path, prefix: &OsStr, suffix: &str) -> io::Result<Temporary> {
        let folder = path::absolute(folder)?;
        let name = || {
            let mut name = prefix.to_os_string();
            name.push(drawn());
            name.push(suffix);
            name
        };
        for _ in 0..TRIED {
            let path = folder.join(name());
            match private().open(&path) {
                Ok(file) => return Ok(Temporary { file, path }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it the name `path`, whatever has that name now.
    pub(super) fn replace(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What cannot be removed harms nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How to make a file that is there for nobody else, and was not there before.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Letters and digits that another process does not draw too, but by chance.
fn drawn() -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut random = RandomState::new().hash_one(DRAWN);
    let digits = (0..DRAWN).map(|_| {
        let digit = DIGITS[(random % 36) as usize];
        random /= 36;
        char::from(digit)
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_unless_it_takes_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let there = || fs::read_dir(folder.path()).unwrap().count();
        let make = || Temporary::new(folder.path(), OsStr::new(".list."), ".partial").unwrap();
        let (one, other) = (make(), make());
        assert_eq!(there(), 2);
        assert_ne!(one.path, other.path);
        let name = one.path.file_name().unwrap().to_str().unwrap();
        assert_eq!(name.len(), ".list..partial".len() + DRAWN);
        drop(one);
        other.replace(&folder.path().join("list")).unwrap();
        assert_eq!(there(), 1);
        assert!(folder.path().join("list").exists());
    }
}
