//! A file under a name of its own, until it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// What is written so far. Dropped, it is removed; a process that is killed leaves it behind, and nothing reads it.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    path: TempPath,
    /// The same as the user would write it.
    shown: PathBuf,
}

/// Longest part of a file's name that its draft's name repeats; names have at most 255 bytes on most file systems.
const LONGEST: usize = 200;

/// Letters and digits of a draft's name that are its own, and how it ends.
const RANDOM: usize = 6;
const SUFFIX: &str = ".partial";

/// How the names of drafts begin.
fn prefix(name: &OsStr) -> OsString {
    let mut prefix = if name.len() <= LONGEST { name.to_os_string() } else { OsString::from(".shadegrid") };
    prefix.push(".");
    prefix
}

/// Whether `other` is the name of a draft of `name`, of whichever run.
pub(super) fn is_of(name: &OsStr, other: &OsStr) -> bool {
    let rest = other.as_encoded_bytes().strip_prefix(prefix(name).as_encoded_bytes());
    let own = rest.and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
    own.is_some_and(|own| own.len() == RANDOM && own.iter().all(u8::is_ascii_alphanumeric))
}

impl Draft {
    /// Begins a draft of `path` in the same folder: `photos.jsonl` becomes `photos.jsonl.Ab3xY9.partial`. The file is new, so no link is followed and no
    /// other run writes to it. A private one is its owner's alone, others are as the user's mask says.
    pub(super) fn new(path: &Path, private: bool) -> io::Result<Draft> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut builder = Builder::new();
        let prefix = prefix(name);
        builder.prefix(&prefix).rand_bytes(RANDOM).suffix(SUFFIX);
        #[cfg(unix)]
        if !private {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let (file, own) = builder.tempfile_in(folder_of(path))?.into_parts();
        let shown = own.file_name().map_or(path.to_path_buf(), |name| path.with_file_name(name));
        Ok(Draft { file, path: own, shown })
    }

    /// Where to write.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Puts the file in the place of `path`, durably. One that was there leaves its mode and owner to it; a link that was there is replaced.
    ///
    /// # Errors
    ///
    /// The system's, with the draft where it still has its own name.
    pub(super) fn replace(self, path: &Path) -> Result<(), (io::Error, Option<Draft>)> {
        if let Err(error) = self.prepare(path) {
            return Err((error, Some(self)));
        }
        let Draft { file, path: own, shown } = self;
        match own.persist(path) {
            Ok(()) => sync(folder_of(path)).map_err(|error| (error, None)),
            Err(failed) => Err((failed.error, Some(Draft { file, path: failed.path, shown }))),
        }
    }

    fn prepare(&self, path: &Path) -> io::Result<()> {
        if let Ok(there) = fs::symlink_metadata(path)
            && there.is_file()
        {
            keep_access(&self.file, &there)?;
        }
        self.file.sync_all()
    }

    /// Leaves the file under the name it has, unless it is empty.
    pub(super) fn keep(self) -> Option<PathBuf> {
        let written = self.file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        (written && self.path.keep().is_ok()).then_some(self.shown)
    }
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes sure that a folder keeps the names that were put into it.
fn sync(folder: &Path) -> io::Result<()> {
    // Other systems sync names with the file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Gives `file` the mode and the owner of the one that it replaces. Where the group cannot be kept, it loses its rights: they would be another
/// group's.
#[cfg(unix)]
fn keep_access(file: &File, there: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

    let own = file.metadata()?;
    let mut mode = there.mode() & 0o777;
    let is_same = (own.uid(), own.gid()) == (there.uid(), there.gid());
    if !is_same && fchown(file, Some(there.uid()), Some(there.gid())).is_err() {
        let group = own.gid() == there.gid() || fchown(file, None, Some(there.gid())).is_ok();
        mode &= if group { 0o777 } else { 0o707 };
    }
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn keep_access(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
