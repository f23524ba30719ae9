//! What a job looks up in galleries, written down with its settings and read again.

use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shadegrid::Error;
use shadegrid::gallery::SearchOptions;
use shadegrid::job::{Matching, Settings};

use super::lookups;

/// What a job looks up, as its settings hold it.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    galleries: Vec<GalleryFile>,
    photodna: Option<u32>,
    pdq: Option<u32>,
    joint: bool,
    nearest: Option<usize>,
    all_orientations: bool,
    include_flat: bool,
    quality_min: u8,
}

/// A gallery, and which one it was.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct GalleryFile {
    path: String,
    length: u64,
    crc: u32,
}

impl GalleryFile {
    fn of(path: &Path) -> Result<GalleryFile, Error> {
        let (crc, length) = checksum(path)
            .map_err(|error| Error::io(format!("cannot read the gallery {}", path.display()), error))?;
        Ok(GalleryFile { path: path.to_string_lossy().into_owned(), length, crc })
    }
}

fn checksum(path: &Path) -> io::Result<(u32, u64)> {
    let mut file = File::open(path)?;
    let (mut crc, mut length, mut piece) = (crc32fast::Hasher::new(), 0, vec![0; 1 << 18]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((crc.finalize(), length));
        }
        crc.update(&piece[..read]);
        length += read as u64;
    }
}

/// The settings with what is looked up, and what looks it up.
pub(crate) fn with(
    settings: Settings,
    paths: &[PathBuf],
    options: SearchOptions,
    threads: NonZeroUsize,
) -> Result<(Settings, Option<Arc<Matching>>), Error> {
    if paths.is_empty() {
        return Ok((settings, None));
    }
    let written = Written {
        galleries: paths.iter().map(|path| GalleryFile::of(path)).collect::<Result<_, _>>()?,
        photodna: options.photodna,
        pdq: options.pdq,
        joint: options.joint,
        nearest: options.nearest,
        all_orientations: options.all_orientations,
        include_flat: options.include_flat,
        quality_min: options.quality_min,
    };
    let text =
        serde_json::to_value(&written).map_err(|error| Error::io("cannot write JSON", error.into()))?;
    let matching = open(paths, options, threads)?;
    Ok((settings.matching(text), Some(Arc::new(matching))))
}

fn open(paths: &[PathBuf], options: SearchOptions, threads: NonZeroUsize) -> Result<Matching, Error> {
    let galleries = lookups::open(paths, false)?;
    let names = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    Ok(Matching { galleries, names, options, threads })
}

/// What a job that was started before looks up: the same galleries, unchanged.
pub(crate) fn of(settings: &Settings, threads: NonZeroUsize) -> Result<Option<Arc<Matching>>, Error> {
    let Some(text) = settings.what_is_matched() else { return Ok(None) };
    let written: Written = serde_json::from_value(text.clone())
        .map_err(|error| Error::Input(format!("the job's matching options cannot be read: {error}")))?;
    let paths: Vec<PathBuf> = written.galleries.iter().map(|gallery| gallery.path.clone().into()).collect();
    for (path, known) in paths.iter().zip(&written.galleries) {
        if GalleryFile::of(path)? != *known {
            return Err(Error::Input(format!(
                "{} is not the gallery that the job was started with; its records would not fit the others",
                path.display()
            )));
        }
    }
    let options = SearchOptions {
        photodna: written.photodna,
        pdq: written.pdq,
        joint: written.joint,
        nearest: written.nearest,
        all_orientations: written.all_orientations,
        include_flat: written.include_flat,
        quality_min: written.quality_min,
    };
    open(&paths, options, threads).map(|matching| Some(Arc::new(matching)))
}
