//! The files of galleries: what each is called, which are new, and one opened.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Known, Origin, Part, bank_name};
use crate::error::{Error, Result};
use crate::gallery::Gallery;

/// A gallery's file, and what the service calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryFile {
    /// Its name in answers; `None`: the file's own without its ending.
    pub name: Option<String>,
    /// The file, or a folder whose files that end in `.gallery` are meant.
    pub path: PathBuf,
}

/// What says whether a file is still the one that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: u64,
    modified: Option<SystemTime>,
    length: u64,
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Stamp {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(found);
        #[cfg(not(unix))]
        let file = 0;
        Stamp { file, modified: found.modified().ok(), length: found.len() }
    }

    /// That of the file which is there now; `None` where there is none.
    pub(super) fn at(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().map(|found| Stamp::of(&found))
    }
}

/// Opens one gallery and checks every byte. It has no number yet.
pub(super) fn open(name: &str, path: &Path) -> Result<Known> {
    let about = |error: Error| match error {
        Error::Io { .. } => error,
        other => Error::Input(format!("{}: {other}", path.display())),
    };
    // Looked at first: what is written while it is opened is new again.
    let found = fs::metadata(path);
    let found = found.map_err(|error| Error::io(format!("cannot read {}", path.display()), error))?;
    let gallery = Gallery::open(path).map_err(about)?;
    gallery.verify().map_err(about)?;
    Ok(Known {
        name: name.to_string(),
        number: 0,
        counts: gallery.counts(),
        version: format!("{:08x}", gallery.checksum()),
        loaded: SystemTime::now(),
        changed: found.modified().ok(),
        origin: Origin::File { path: path.into(), stamp: Stamp::of(&found) },
        parts: vec![Arc::new(Part { gallery: Arc::new(gallery), ids: None })],
    })
}

/// Refuses files of one name, and of names that are one to HMA's clients or that a followed list has.
pub(super) fn check_names(files: &[(String, PathBuf)], synced: &[GalleryFile]) -> Result<()> {
    for (at, (name, path)) in files.iter().enumerate() {
        let before = || files[..at].iter().map(|(other, _)| other);
        if before().any(|other| other == name) {
            return Err(Error::Input(format!(
                "two galleries are called {name}: name one of them, as NAME={}",
                path.display()
            )));
        }
        let is_one = |other: &&String| bank_name(other) == bank_name(name);
        if let Some(other) = before().find(is_one) {
            return Err(Error::Input(format!(
                "{other} and {name} are one name to HMA's clients: give one of the files another name"
            )));
        }
        if let Some(synced) = synced.iter().filter_map(|synced| synced.name.as_ref()).find(is_one) {
            return Err(Error::Input(format!("{synced} follows a list: give the file {name} another name")));
        }
    }
    Ok(())
}

/// Names and files, folders replaced by what is in them.
pub(super) fn expanded(files: &[GalleryFile]) -> Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for GalleryFile { name, path } in files {
        if !path.is_dir() {
            all.push((name.clone().unwrap_or_else(|| stem(path)), path.clone()));
            continue;
        }
        let cannot = |error| Error::io(format!("cannot list {}", path.display()), error);
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)? {
            inside.push(entry.map_err(cannot)?.path());
        }
        inside.retain(|path| path.extension() == Some(OsStr::new("gallery")) && path.is_file());
        inside.sort();
        all.extend(inside.into_iter().map(|path| (stem(&path), path)));
    }
    Ok(all)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
