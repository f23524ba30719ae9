//! What a job looks up in galleries, written down with its settings and read again.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shadegrid::Error;
use shadegrid::gallery::{Gallery, SearchOptions};
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
    fn of(path: &Path, gallery: &Gallery) -> GalleryFile {
        let path = path.to_string_lossy().into_owned();
        GalleryFile { path, length: gallery.counts().bytes, crc: gallery.checksum() }
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
    let galleries = lookups::open(paths, false)?;
    let files = paths.iter().zip(&galleries).map(|(path, gallery)| GalleryFile::of(path, gallery));
    let written = Written {
        galleries: files.collect(),
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
    let matching = Matching { galleries, names: lookups::names(paths), options, threads };
    Ok((settings.matching(text), Some(Arc::new(matching))))
}

/// What a job that was started before looks up: the same galleries, unchanged.
pub(crate) fn of(settings: &Settings, threads: NonZeroUsize) -> Result<Option<Arc<Matching>>, Error> {
    let Some(text) = settings.what_is_matched() else { return Ok(None) };
    let written: Written = serde_json::from_value(text.clone())
        .map_err(|error| Error::Input(format!("the job's matching options cannot be read: {error}")))?;
    let paths: Vec<PathBuf> = written.galleries.iter().map(|gallery| gallery.path.clone().into()).collect();
    let galleries = lookups::open(&paths, false)?;
    for ((path, gallery), known) in paths.iter().zip(&galleries).zip(&written.galleries) {
        if GalleryFile::of(path, gallery) != *known {
            return Err(Error::Input(format!(
                "{} is not the gallery that the job was started with; its records would not fit the others",
                path.display()
            )));
        }
    }
    let options = SearchOptions::default()
        .photodna(written.photodna)
        .pdq(written.pdq)
        .joint(written.joint)
        .nearest(written.nearest)
        .all_orientations(written.all_orientations)
        .include_flat(written.include_flat)
        .quality_min(written.quality_min);
    Ok(Some(Arc::new(Matching { galleries, names: lookups::names(&paths), options, threads })))
}
