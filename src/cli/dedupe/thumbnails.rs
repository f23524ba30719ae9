//! Small pictures of what browsers do not show: HEIC, TIFF, JPEG XL, PNM and QOI.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use shadegrid::decode::Frames;
use shadegrid::hasher::Faces;
use shadegrid::pipeline::Stop;
use shadegrid::{Algorithm, Format, HashOptions, Hasher, Orient};

use super::item::Item;
use crate::cli::show::Canvas;

/// The longest side of one, in pixels: what a page has room for.
const SIDE: u32 = 176;

/// As many are made, so that a page takes some 200 MB at most.
const MOST: usize = 4_096;

/// Addresses of small pictures, `data:…`, by the names of the files.
#[derive(Debug, Default)]
pub(super) struct Thumbnails(HashMap<OsString, String>);

impl Thumbnails {
    /// Decodes the files among `items` that browsers do not show, on so many threads, turned as they are seen. What cannot be decoded now has none.
    pub(super) fn of<'a>(
        items: impl Iterator<Item = &'a Item>,
        options: HashOptions,
        threads: NonZeroUsize,
        stop: &Stop,
    ) -> Thumbnails {
        let hidden =
            |item: &&Item| item.file.is_some() && item.format.is_some_and(|format| !is_shown(format));
        let items: Vec<&Item> = items.filter(hidden).take(MOST).collect();
        let decode = options.decode.clone().orient(Orient::Exif).frames(Frames::First);
        let options = options.decode(decode).faces(Faces::Stored).algorithms(vec![Algorithm::PhotoDna]);
        let options = options.thumbnail(Some(SIDE));
        let next = AtomicUsize::new(0);
        let (give, take) = mpsc::channel();
        let work = |give: mpsc::Sender<(OsString, String)>| {
            let mut hasher = Hasher::new(options.clone());
            while let Some(item) =
                items.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| !stop.requested())
            {
                let small = thumbnail(&mut hasher, item);
                small.into_iter().for_each(|small| drop(give.send((item.key.clone(), small))));
            }
        };
        thread::scope(|scope| {
            // Where no thread is to be had, this one does it all.
            for _ in 1..threads.get().min(items.len()) {
                let give = give.clone();
                drop(thread::Builder::new().spawn_scoped(scope, || work(give)));
            }
            work(give);
        });
        Thumbnails(take.into_iter().collect())
    }

    /// The address of a file's.
    pub(super) fn get(&self, key: &OsStr) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

fn thumbnail(hasher: &mut Hasher, item: &Item) -> Option<String> {
    let hashed = hasher.hash(&fs::read(item.path()).ok()?).ok()?;
    let png = Canvas::of(&hashed.thumbnail?)?.png().ok()?;
    Some(format!("data:image/png;base64,{}", BASE64.encode(png)))
}

/// Whether browsers show files of a format.
fn is_shown(format: Format) -> bool {
    !matches!(format, Format::Heic | Format::Tiff | Format::JpegXl | Format::Pnm | Format::Qoi)
}
