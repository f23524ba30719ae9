//! Files that are read at any position, on disk or in a store.

use std::ffi::OsStr;
#[cfg(any(feature = "archives", feature = "store"))]
use std::io::SeekFrom;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::{InputOptions, open_regular, store};

/// A file that can be read at any position.
pub(super) trait RandomAccess: Read + Seek + Send {}

impl<T: Read + Seek + Send> RandomAccess for T {}

/// Where in something of `length` bytes a seek leads, from where reading stands.
#[cfg(any(feature = "archives", feature = "store"))]
pub(super) fn sought(to: SeekFrom, at: u64, length: u64) -> io::Result<u64> {
    let to = match to {
        SeekFrom::Start(to) => Some(to),
        SeekFrom::End(by) => length.checked_add_signed(by),
        SeekFrom::Current(by) => at.checked_add_signed(by),
    };
    to.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Opens a path or an object's URL. A pipe or a device is refused: it has no positions.
pub(super) fn open(location: &OsStr, options: &InputOptions) -> io::Result<Box<dyn RandomAccess>> {
    if let Some(url) = store::url(location, &options.network.mounts) {
        return store::open(url, options);
    }
    let (file, _) = open_regular(Path::new(location))?;
    Ok(Box::new(file))
}

/// Reads a file, or what a URL leads to, from its start.
///
/// # Errors
///
/// The system's or the store's, where it cannot be opened.
pub fn read(location: &OsStr, options: &InputOptions) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(open(location, options)?))
}

/// Whether an error came from the store rather than from the content.
pub(super) fn is_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<store::Failure>())
}

/// Whether a path is a pipe or the like, which is read once from its start.
pub(super) fn is_stream(path: &OsStr) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}
