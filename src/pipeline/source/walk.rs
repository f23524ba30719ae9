//! Paths to sources: a file is one, a folder is every regular file below it.

use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::Source;
use crate::error::Error;

/// How folders are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Walk {
    /// Whether symbolic links met on the way are followed; one that leads back to a folder above it
    /// is an error record, not an endless walk. Paths that were named are followed always.
    pub follow_links: bool,
}

/// The sources behind `paths`, in their order; folders recursively, each one's entries sorted by name (bytewise).
///
/// A folder is not listed ahead: its entries are read when their turn comes. A path that is neither a file nor a
/// folder, or a folder that cannot be listed, is a source that fails. Devices, sockets and the like below a folder are
/// left out; so are symbolic links, unless they are followed.
pub fn expand(
    paths: impl IntoIterator<Item = io::Result<PathBuf>>,
    walk: Walk,
) -> impl Iterator<Item = Source> {
    paths.into_iter().flat_map(move |path| match path {
        Ok(path) if path.is_dir() => Expanded::Folder(Box::new(folder(path, walk))),
        Ok(path) => Expanded::One(iter::once(Source::file(path))),
        Err(error) => {
            let error = Error::io("cannot read the list of inputs", error);
            Expanded::One(iter::once(Source::failed("", error)))
        }
    })
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
    entries.into_iter().filter_map(move |entry| entry_source(entry, &root))
}

fn entry_source(entry: walkdir::Result<DirEntry>, root: &Path) -> Option<Source> {
    match entry {
        Ok(entry) if entry.file_type().is_file() => Some(Source::found(entry.into_path())),
        Ok(_) => None,
        Err(error) => {
            let path = error.path().unwrap_or(root).to_path_buf();
            let error = if error.loop_ancestor().is_some() {
                io::Error::other("the symbolic link leads back to a folder above it")
            } else {
                error.into()
            };
            Some(Source::failed(path, Error::io("cannot walk the folder", error)))
        }
    }
}
