//! Paths to sources: a file is one, a folder is every regular file below it.

use std::fs;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::Source;
use crate::error::Error;

/// How folders are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Walk {
    /// Whether symbolic links below a folder are followed. A link that leads back to a folder above it
    /// is an error record, not an endless walk. Paths that were named are always followed.
    pub follow_links: bool,
}

setters!(Walk { follow_links: bool });

/// The sources behind `paths`, in their order; folders recursively, each one's entries sorted by name (bytewise).
///
/// A folder is not listed ahead: its entries are read when their turn comes. A path that is neither a file nor a
/// folder, or a folder that cannot be listed, is a source that fails. Devices, sockets and the like below a folder are
/// skipped, and so are symbolic links unless they are followed.
pub fn expand(
    paths: impl IntoIterator<Item = io::Result<PathBuf>>,
    walk: Walk,
) -> impl Iterator<Item = Source> {
    paths.into_iter().flat_map(move |path| match path {
        Ok(path) => match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Expanded::Folder(Box::new(folder(path, walk))),
            Err(error) if !is_of_path(&error, &path) => {
                Expanded::One(iter::once(Source::failed(path, Error::io("cannot look at the path", error))))
            }
            _ => Expanded::One(iter::once(Source::file(path))),
        },
        Err(error) => {
            let error = Error::io("cannot read the list of inputs", error);
            Expanded::One(iter::once(Source::failed("", error)))
        }
    })
}

/// Whether the error is the path's own, such as that nothing is there. Any other may hide a folder.
fn is_of_path(error: &io::Error, path: &Path) -> bool {
    use ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let own = [InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied];
    own.contains(&error.kind()) || is_link(path)
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// A link that leads back to a folder above it: listing it again would find the same.
#[derive(Debug, thiserror::Error)]
#[error("the symbolic link leads back to a folder above it")]
struct Loop;

/// Whether a failed source of [`expand`] is a single input. Otherwise it is a part of the listing, and nobody knows what it holds.
pub(super) fn is_one_input(failed: &Error) -> bool {
    matches!(failed, Error::Io { source, .. } if source.get_ref().is_some_and(|inner| inner.is::<Loop>()))
}

enum Expanded<F> {
    One(iter::Once<Source>),
    Folder(Box<F>),
}

impl<F: Iterator<Item = Source>> Iterator for Expanded<F> {
    type Item = Source;

    fn next(&mut self) -> Option<Source> {
        match self {
            Expanded::One(one) => one.next(),
            Expanded::Folder(folder) => folder.next(),
        }
    }
}

fn folder(root: PathBuf, walk: Walk) -> impl Iterator<Item = Source> {
    let entries = WalkDir::new(&root).follow_links(walk.follow_links).sort_by_file_name();
    // Errors in a folder come before its entries, and not all of them say where they are.
    let mut last = root;
    entries.into_iter().filter_map(move |entry| {
        if let Ok(entry) = &entry
            && entry.file_type().is_dir()
        {
            last = entry.path().to_path_buf();
        }
        entry_source(entry, &last)
    })
}

fn entry_source(entry: walkdir::Result<DirEntry>, folder: &Path) -> Option<Source> {
    match entry {
        Ok(entry) if entry.file_type().is_file() => Some(Source::found(entry.into_path())),
        Ok(_) => None,
        Err(error) => {
            let path = error.path().unwrap_or(folder).to_path_buf();
            let is_loop = error.loop_ancestor().is_some();
            let error = if is_loop { io::Error::other(Loop) } else { error.into() };
            // A link to nothing is a file that cannot be opened.
            Some(match error.kind() {
                ErrorKind::NotFound if is_link(&path) => Source::file(path),
                _ => Source::failed(path, Error::io("cannot walk the folder", error)),
            })
        }
    }
}
