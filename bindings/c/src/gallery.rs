//! Signatures in, matches out: known signatures in a file, shared by any number of threads.

use std::ffi::{CStr, c_char};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use shadegrid::gallery::{EntryView, Query, Scratch, SearchOptions};
use shadegrid::{Orientation, Pdq, PhotoDna};

use crate::hashed::{
    SHADEGRID_HAS_PDQ, SHADEGRID_HAS_PDQ_ORIENTATIONS, SHADEGRID_HAS_PHOTODNA, SHADEGRID_HAS_QUALITY,
    Signatures,
};
use crate::options::{self, Search, algorithm_bit};
use crate::status::{Failure, guarded, guarded_status};
use crate::text;

/// As it is. The constants SHADEGRID_ORIENTATION_* say how a query's picture lies against the entry's.
pub const SHADEGRID_ORIENTATION_UPRIGHT: u32 = 0;
/// Turned by 90 degrees counter-clockwise.
pub const SHADEGRID_ORIENTATION_ROTATE_90: u32 = 1;
/// Turned by 180 degrees.
pub const SHADEGRID_ORIENTATION_ROTATE_180: u32 = 2;
/// Turned by 270 degrees counter-clockwise.
pub const SHADEGRID_ORIENTATION_ROTATE_270: u32 = 3;
/// Top and bottom exchanged.
pub const SHADEGRID_ORIENTATION_FLIP: u32 = 4;
/// Left and right exchanged.
pub const SHADEGRID_ORIENTATION_MIRROR: u32 = 5;
/// Rows and columns exchanged.
pub const SHADEGRID_ORIENTATION_TRANSPOSE: u32 = 6;
/// Mirrored at the other diagonal.
pub const SHADEGRID_ORIENTATION_ANTI_TRANSPOSE: u32 = 7;

/// Known signatures, ready for search. Any number of threads may use one at a time.
pub struct Gallery {
    gallery: shadegrid::gallery::Gallery,
    /// Buffers of searches that are over, for those to come.
    scratches: Mutex<Vec<Scratch>>,
}

/// An entry within the threshold of a query. Its size is part of the ABI version.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The entry: see shadegrid_gallery_entry.
    pub entry: u64,
    /// Index of the query.
    pub query: u32,
    /// In the algorithm's own measure.
    pub distance: u32,
    /// Which signature matched: SHADEGRID_PHOTODNA or SHADEGRID_PDQ.
    pub algorithm: u32,
    /// How the query's picture lies against the entry's, a constant SHADEGRID_ORIENTATION_*.
    pub orientation: u32,
    /// 0.
    pub reserved: u64,
}

/// What is known about an entry. Its size is part of the ABI version.
///
/// Texts are UTF-8, belong to the gallery and live as long as it does. They have a length and no NUL behind them; print them by "%.*s".
#[repr(C)]
pub struct Entry {
    /// What its list calls it: an id, a file name, an MD5; may be empty.
    pub key: *const c_char,
    /// Bytes of `key`.
    pub key_length: usize,
    /// Its category or label; may be empty.
    pub label: *const c_char,
    /// Bytes of `label`.
    pub label_length: usize,
    /// The name of its list.
    pub source: *const c_char,
    /// Bytes of `source`.
    pub source_length: usize,
    /// The format of its list.
    pub format: *const c_char,
    /// Bytes of `format`.
    pub format_length: usize,
    /// Where in its list it stands: line, record or byte offset, whatever the format counts.
    pub position: u64,
    /// Which members hold something: bits SHADEGRID_HAS_PHOTODNA, SHADEGRID_HAS_PDQ, SHADEGRID_HAS_QUALITY.
    pub has: u32,
    /// PDQ quality, 0 to 100.
    pub quality: u8,
    /// 1: its PhotoDNA-class signature comes from a nearly flat picture.
    pub flat: u8,
    /// The PhotoDNA-class signature.
    pub photodna: [u8; 144],
    /// The PDQ signature.
    pub pdq: [u8; 32],
    /// 0.
    pub reserved: [u8; 32],
}

/// Opens a gallery's file, as "shadegrid gallery build" writes it. A file of at most a quarter of the free memory is read, a larger one is mapped: replace
/// it by renaming, and do not write to it.
///
/// `path` ends with a NUL: bytes as the system has them, on Windows UTF-8. Where the status is not SHADEGRID_OK, `*gallery` is null, and `message` (null, or
/// `length` bytes) holds why.
///
/// SHADEGRID_IO: it cannot be read. SHADEGRID_CORRUPT: it is damaged or truncated. SHADEGRID_UNSUPPORTED: a newer version wrote it. SHADEGRID_INPUT: it is
/// no gallery. SHADEGRID_ARGUMENT: a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_gallery_open(
    path: *const c_char,
    gallery: *mut *mut Gallery,
    message: *mut c_char,
    length: usize,
) -> i32 {
    guarded_status(|| {
        // SAFETY: the caller passes null or room for `length` bytes.
        let say = |said: &str| unsafe { text::write(said, message, length) };
        say("");
        let open = || {
            if path.is_null() || gallery.is_null() {
                return Err(Failure::argument("`path` or `gallery` is null"));
            }
            // SAFETY: the caller passes room for a pointer.
            unsafe { gallery.write(std::ptr::null_mut()) };
            // SAFETY: the caller passes a text with a NUL at its end.
            let opened = shadegrid::gallery::Gallery::open(path_of(unsafe { CStr::from_ptr(path) })?)?;
            let new = Box::new(Gallery { gallery: opened, scratches: Mutex::default() });
            // SAFETY: as above.
            unsafe { gallery.write(Box::into_raw(new)) };
            Ok(())
        };
        open().inspect_err(|failure| say(&failure.message))
    })
}

/// Closes a gallery; null is allowed. No other thread may be using it or its texts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_gallery_free(gallery: *mut Gallery) {
    guarded((), || {
        if !gallery.is_null() {
            // SAFETY: it came from `shadegrid_gallery_open`, and the caller does not use it again.
            drop(unsafe { Box::from_raw(gallery) });
        }
    });
}

/// Finds every entry that matches one of `count` queries: `signatures` of results and of faces, or what a program fills itself (`has`, and the members
/// that it names). `search` may be null for the defaults. Exact: no match is missed, whatever the thresholds are.
///
/// Up to `capacity` matches are written to `out` (null where `capacity` is 0), by query, then algorithm, then distance; `*found` is how many there are.
/// Where that is more, call again with more room. Batches of some hundred queries are several times as fast per query as single ones.
///
/// SHADEGRID_ARGUMENT: a null pointer, or a search of another size or with a wrong value. SHADEGRID_INPUT: the file was written to since it was
/// opened, so that what was found does not count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_gallery_find(
    gallery: *const Gallery,
    queries: *const Signatures,
    count: usize,
    search: *const Search,
    out: *mut Match,
    capacity: usize,
    found: *mut usize,
) -> i32 {
    guarded_status(|| {
        // SAFETY: the caller passes null or a gallery.
        let gallery = unsafe { gallery.as_ref() };
        let is_wrong = count > 0 && queries.is_null() || capacity > 0 && out.is_null() || found.is_null();
        let (Some(gallery), false, Ok(_)) = (gallery, is_wrong, u32::try_from(count)) else {
            return Err(Failure::argument("a pointer is null, or `count` is too large"));
        };
        // SAFETY: the caller passes room for a number.
        unsafe { found.write(0) };
        // SAFETY: the caller passes null or a search that begins with its size.
        let options = unsafe { options::read(search) }?.search_options()?;
        // SAFETY: the caller passes `count` of them.
        let queries: Vec<Query> = (0..count).map(|index| unsafe { query(&*queries.add(index)) }).collect();
        let matches = gallery.find(&queries, &options)?;
        for (index, found) in matches.iter().take(capacity).enumerate() {
            // SAFETY: the caller passes room for `capacity` of them.
            unsafe { out.add(index).write(Match::new(found)) };
        }
        // SAFETY: as above.
        unsafe { found.write(matches.len()) };
        Ok(())
    })
}

/// What is known about an entry, by the number that a match gives.
///
/// SHADEGRID_ARGUMENT: a null pointer, or the gallery has no such entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shadegrid_gallery_entry(gallery: *const Gallery, id: u64, out: *mut Entry) -> i32 {
    guarded_status(|| {
        // SAFETY: the caller passes null or a gallery.
        let gallery = unsafe { gallery.as_ref() };
        let entry = gallery.and_then(|gallery| Entry::of(&gallery.gallery, id));
        let (Some(entry), false) = (entry, out.is_null()) else {
            return Err(Failure::argument("a pointer is null, or there is no such entry"));
        };
        // SAFETY: the caller passes room for an entry.
        unsafe { out.write(entry) };
        Ok(())
    })
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not every text is a path")]
fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
fn path_of(path: &CStr) -> Result<PathBuf, Failure> {
    let text = path.to_str();
    text.map(PathBuf::from).map_err(|_| Failure::argument("`path` is not UTF-8"))
}

/// What is looked up of some signatures.
fn query(of: &Signatures) -> Query {
    let orientations = of.has(SHADEGRID_HAS_PDQ_ORIENTATIONS).then(|| of.pdq_orientations.map(Pdq));
    Query::default()
        .photodna(of.has(SHADEGRID_HAS_PHOTODNA).then_some(PhotoDna(of.photodna)))
        .pdq(of.has(SHADEGRID_HAS_PDQ).then_some(Pdq(of.pdq)))
        .pdq_orientations(orientations)
        .flat(of.is_flat())
        .quality(of.has(SHADEGRID_HAS_QUALITY).then_some(of.quality))
}

impl Gallery {
    fn find(
        &self,
        queries: &[Query],
        options: &SearchOptions,
    ) -> Result<Vec<shadegrid::gallery::Match>, Failure> {
        let scratches = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = scratches().pop().unwrap_or_default();
        let mut matches = Vec::new();
        self.gallery.search(queries, options, &mut scratch, &mut matches);
        scratches().push(scratch);
        self.gallery.check_unchanged()?;
        Ok(matches)
    }
}

impl Match {
    fn new(found: &shadegrid::gallery::Match) -> Match {
        Match {
            entry: found.entry.number(),
            query: found.query,
            distance: found.distance,
            algorithm: algorithm_bit(found.algorithm),
            orientation: orientation(found.orientation),
            reserved: 0,
        }
    }
}

fn orientation(orientation: Orientation) -> u32 {
    match orientation {
        Orientation::Upright => SHADEGRID_ORIENTATION_UPRIGHT,
        Orientation::Rotate90 => SHADEGRID_ORIENTATION_ROTATE_90,
        Orientation::Rotate180 => SHADEGRID_ORIENTATION_ROTATE_180,
        Orientation::Rotate270 => SHADEGRID_ORIENTATION_ROTATE_270,
        Orientation::Flip => SHADEGRID_ORIENTATION_FLIP,
        Orientation::Mirror => SHADEGRID_ORIENTATION_MIRROR,
        Orientation::Transpose => SHADEGRID_ORIENTATION_TRANSPOSE,
        Orientation::AntiTranspose => SHADEGRID_ORIENTATION_ANTI_TRANSPOSE,
    }
}

impl Entry {
    fn of(gallery: &shadegrid::gallery::Gallery, number: u64) -> Option<Entry> {
        let id = gallery.id(number)?;
        let EntryView { key, label, source, format, position, flat, quality, .. } = gallery.entry(id);
        let (photodna, pdq) = (gallery.photodna(id), gallery.pdq(id));
        let all = [
            (photodna.is_some(), SHADEGRID_HAS_PHOTODNA),
            (pdq.is_some(), SHADEGRID_HAS_PDQ),
            (quality.is_some(), SHADEGRID_HAS_QUALITY),
        ];
        Some(Entry {
            key: key.as_ptr().cast(),
            key_length: key.len(),
            label: label.as_ptr().cast(),
            label_length: label.len(),
            source: source.as_ptr().cast(),
            source_length: source.len(),
            format: format.as_ptr().cast(),
            format_length: format.len(),
            position,
            has: all.iter().filter_map(|(is_there, bit)| is_there.then_some(*bit)).sum(),
            quality: quality.unwrap_or(0),
            flat: flat.into(),
            photodna: photodna.map_or([0; 144], |signature| signature.0),
            pdq: pdq.map_or([0; 32], |signature| signature.0),
            reserved: [0; 32],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_are_numbered_as_the_library_orders_them() {
        for (index, name) in Orientation::ALL.into_iter().enumerate() {
            assert_eq!(orientation(name) as usize, index);
        }
    }
}
