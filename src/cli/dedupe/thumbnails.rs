//! Small pictures of what browsers do not show: HEIC, TIFF, JPEG XL, PNM and QOI.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shadegrid::pipeline::{Record, Source, Stop};
use shadegrid::{Algorithm, Devices, Error, Format, HashOptions, Picture, RunOptions};

use super::item::Item;
use super::looks::as_seen;
use crate::cli::resources::Resources;
use crate::cli::show::Canvas;

/// The longest side of one, in pixels: what a page has room for.
const SIDE: u32 = 176;

/// As many are made, so that a page takes some 200 MB at most.
const MOST: usize = 4_096;

/// Addresses of small pictures, `data:…`, by the names of the files.
#[derive(Debug, Default)]
pub(super) struct Thumbnails(HashMap<OsString, String>);

impl Thumbnails {
    /// Decodes the files among `items` that browsers do not show, turned as they are seen. What cannot be decoded now has none.
    pub(super) fn of<'a>(
        items: impl Iterator<Item = &'a Item>,
        options: HashOptions,
        resources: Resources,
        stop: &Stop,
    ) -> Result<Thumbnails, Error> {
        let hidden =
            |item: &&Item| item.file.is_some() && item.format.is_some_and(|format| !is_shown(format));
        let sources: Vec<Source> =
            items.filter(hidden).take(MOST).map(|item| Source::file(item.path())).collect();
        if sources.is_empty() {
            return Ok(Thumbnails::default());
        }
        let options = as_seen(options).algorithms(vec![Algorithm::PhotoDna]);
        let engine =
            resources.engine(Devices::none("small pictures are the CPU's"), options.thumbnail(Some(SIDE)))?;
        let mut run = engine.run(sources, &RunOptions::default().stop(stop.clone()))?;
        let small = |record: Record| Some((record.key, address(&record.outcome.ok()?.thumbnail?)?));
        let found = run.by_ref().filter_map(small).collect();
        run.finish()?;
        Ok(Thumbnails(found))
    }

    /// The address of a file's.
    pub(super) fn get(&self, key: &OsStr) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// A picture as an address that holds it.
fn address(small: &Picture) -> Option<String> {
    let png = Canvas::of(small)?.png().ok()?;
    Some(format!("data:image/png;base64,{}", BASE64.encode(png)))
}

/// Whether browsers show files of a format.
fn is_shown(format: Format) -> bool {
    !matches!(format, Format::Heic | Format::Tiff | Format::JpegXl | Format::Pnm | Format::Qoi)
}
