//! A folder of a file system, perhaps one that many machines mount.
//!
//! A file is written under another name, synced and renamed, then its folder is synced: a name never stands for half
//! a file, and stays once it was seen.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::{DRAFTS, Listed, Location, NOBODY, Publish};
use crate::error::{Error, Result};
use crate::folders;

/// A [`Location`] in a folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder `root`, made if need be.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where it can be neither made nor written.
    pub fn create(root: impl Into<PathBuf>) -> Result<Folder> {
        let folder = Folder { root: root.into() };
        let drafts = folder.root.join(DRAFTS);
        fs::create_dir_all(&drafts).map_err(|error| folder.cannot("make the folder", DRAFTS, error))?;
        Ok(folder)
    }

    /// The folder `root`, which is there.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] where it is not.
    pub fn open(root: impl Into<PathBuf>) -> Result<Folder> {
        let root = root.into();
        if !root.is_dir() {
            return Err(Error::Input(format!("{} is no folder", root.display())));
        }
        Ok(Folder { root })
    }

    fn cannot(&self, what: &str, name: &str, error: io::Error) -> Error {
        Error::io(format!("cannot {what} {}", self.root.join(name).display()), error)
    }

    /// Where `name` is to be, in a folder that exists.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            fs::create_dir_all(folder).map_err(|error| self.cannot("make the folder for", name, error))?;
        }
        Ok(path)
    }

    /// Where `name` is to be written, and whether a file has that name.
    fn place_of(&self, name: &str) -> Result<(PathBuf, bool)> {
        let path = self.path(name)?;
        let there = is_there(&path).map_err(|error| self.cannot("write", name, error))?;
        Ok((path, there))
    }

    fn put(&self, name: &str, content: &[u8], durable: bool) -> Result<bool> {
        let (path, there) = self.place_of(name)?;
        if there {
            return Ok(false);
        }
        let mut draft = self.draft(NOBODY)?;
        draft.write_all(content).map_err(|error| self.cannot("write", name, error))?;
        if durable {
            return self.publish(draft, name, Publish::First);
        }
        self.persist(draft, &path, Publish::First).map_err(|error| self.cannot("create", name, error))
    }

    fn persist(&self, draft: NamedTempFile, path: &Path, how: Publish) -> io::Result<bool> {
        match how {
            Publish::Replace => draft.persist(path).map(|_| true).map_err(|error| error.error),
            Publish::First => match draft.persist_noclobber(path) {
                Ok(_) => Ok(true),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.error),
            },
        }
    }
}

/// Whether a file has that name. What is something else, such as a folder, a pipe or a link to nothing, is an error: it can be neither read nor
/// written, and opening a pipe may wait for ever.
fn is_there(path: &Path) -> io::Result<bool> {
    let other = |what: &str| Err(io::Error::other(format!("{what} is in its place; move that away")));
    // The name is looked at first and a link is followed second: the other way round, a file that another worker puts there between the two
    // looks would be taken for a link to nothing.
    let Some(named) = found(fs::symlink_metadata(path))? else { return Ok(false) };
    let metadata = if named.is_symlink() { found(fs::metadata(path))? } else { Some(named) };
    match metadata {
        Some(metadata) if metadata.is_file() => Ok(true),
        Some(metadata) if metadata.is_dir() => other("a folder"),
        Some(_) => other("something that is no file"),
        None => other("a link to nothing"),
    }
}

/// Opens a file; `None` where there is none.
fn open(path: &Path) -> io::Result<Option<File>> {
    if is_there(path)? { found(File::open(path)) } else { Ok(None) }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Location for Folder {
    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let cannot = |error| self.cannot("list", folder, error);
        let Some(entries) = found(fs::read_dir(self.root.join(folder))).map_err(cannot)? else {
            return Ok(Vec::new());
        };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(cannot)?;
            // What another process removes meanwhile was not there.
            if let Some(metadata) = found(fs::metadata(entry.path())).map_err(cannot)?
                && metadata.is_file()
            {
                let name = entry.file_name().to_string_lossy().into_owned();
                listed.push(Listed { name, length: metadata.len(), written: metadata.modified().ok() });
            }
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let read = || {
            let Some(mut file) = open(&self.root.join(name))? else { return Ok(None) };
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok(Some(content))
        };
        read().map_err(|error| self.cannot("read", name, error))
    }

    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        let read = || {
            let mut file = open(&self.root.join(name))?.ok_or(ErrorKind::NotFound)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut content = Vec::new();
            file.take(length).read_to_end(&mut content)?;
            Ok(content)
        };
        read().map_err(|error| self.cannot("read", name, error))
    }

    fn exists(&self, name: &str) -> Result<bool> {
        is_there(&self.root.join(name)).map_err(|error| self.cannot("look for", name, error))
    }

    fn open(&self, name: &str) -> Result<Option<File>> {
        open(&self.root.join(name)).map_err(|error| self.cannot("open", name, error))
    }

    fn create(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.put(name, content, true)
    }

    fn claim(&self, name: &str, content: &[u8]) -> Result<bool> {
        self.put(name, content, false)
    }

    fn beat(&self, name: &str, content: &[u8]) -> Result<()> {
        fs::write(self.place_of(name)?.0, content).map_err(|error| self.cannot("write", name, error))
    }

    fn append(&self, name: &str, content: &[u8]) -> Result<()> {
        let (path, there) = self.place_of(name)?;
        let append = || {
            let mut file = File::options().append(true).create(true).open(&path)?;
            file.write_all(content)?;
            file.sync_data()?;
            if there { Ok(()) } else { folders::sync(folders::of(&path)) }
        };
        append().map_err(|error| self.cannot("append to", name, error))
    }

    fn remove(&self, name: &str) -> Result<()> {
        found(fs::remove_file(self.root.join(name)))
            .map(drop)
            .map_err(|error| self.cannot("remove", name, error))
    }

    fn draft(&self, owner: &str) -> Result<NamedTempFile> {
        // Copies of a job may lack what is empty.
        self.path(&format!("{DRAFTS}/{owner}"))?;
        let mut builder = Builder::new();
        let prefix = format!("{owner}~");
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // What any new file gets, less what the umask takes.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(self.root.join(DRAFTS)).map_err(|error| self.cannot("write into", DRAFTS, error))
    }

    fn publish(&self, draft: NamedTempFile, name: &str, how: Publish) -> Result<bool> {
        let path = self.path(name)?;
        let publish = || {
            draft.as_file().sync_all()?;
            let published = self.persist(draft, &path, how)?;
            folders::sync(folders::of(&path))?;
            Ok(published)
        };
        publish().map_err(|error| self.cannot("write", name, error))
    }

    fn lock(&self, name: &str) -> Result<Option<File>> {
        let (path, _) = self.place_of(name)?;
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|error| self.cannot("write", name, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks: heartbeats have to do.
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }

    fn is_unlocked(&self, name: &str) -> Result<bool> {
        let path = self.root.join(name);
        let opened = is_there(&path).and_then(|_| found(File::options().write(true).open(&path)));
        match opened.map_err(|error| self.cannot("open", name, error))? {
            Some(file) => Ok(file.try_lock().is_ok()),
            None => Ok(true),
        }
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_file_that_another_worker_puts_there_is_no_link_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claim");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    File::create(&path).unwrap();
                    fs::remove_file(&path).unwrap();
                }
            });
            let failed = (0..20_000).find_map(|_| is_there(&path).err());
            done.store(true, Ordering::Relaxed);
            assert!(failed.is_none(), "{failed:?}");
        });
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("nowhere", path("nothing")).unwrap();
        File::create(path("file")).unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        fs::create_dir(path("folder")).unwrap();
        assert!(is_there(&path("file")).unwrap() && is_there(&path("link")).unwrap());
        assert!(!is_there(&path("none")).unwrap());
        for (name, what) in [("nothing", "a link to nothing"), ("folder", "a folder")] {
            let error = is_there(&path(name)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
