//! The bytes of a gallery's file: read, copied or mapped.

use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// Bytes of a gallery's header.
pub(super) const HEADER: usize = 64;

/// Where a section lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Section {
    pub(super) range: Range<usize>,
    pub(super) checksum: u32,
}

/// A gallery's bytes.
pub(super) enum Storage {
    Memory(Vec<u8>),
    /// A copy of a file.
    Copied(memmap2::MmapMut),
    Map(memmap2::Mmap, Stamped),
}

/// An open file, and what it was like when it was opened.
pub(super) struct Stamped {
    file: File,
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamped {
    fn new(file: File, path: &Path) -> io::Result<Stamped> {
        let metadata = file.metadata()?;
        Ok(Stamped { file, path: path.into(), length: metadata.len(), modified: metadata.modified().ok() })
    }

    /// Refuses a file that was written to since. Writing sets the time of the last change; renaming and removing do not.
    fn check(&self) -> Result<()> {
        let now = self.file.metadata();
        let now = now.map_err(|source| cannot_open(&self.path, source))?;
        if (now.len(), now.modified().ok()) == (self.length, self.modified) {
            return Ok(());
        }
        Err(Error::Input(format!(
            "the gallery {} was overwritten while it was searched, so what was found does not count: put a new file next to it and rename \
             it over the old one",
            self.path.display()
        )))
    }
}

/// So many bytes of a file, in memory of their own.
///
/// Most of the time goes into taking memory page by page, so that large pages are asked for: with those of 4 KiB a gallery of a million signatures took
/// three times as long.
fn copy(file: &mut File, length: u64) -> io::Result<memmap2::MmapMut> {
    let mut bytes = memmap2::MmapMut::map_anon(length as usize)?;
    #[cfg(target_os = "linux")]
    let _ = bytes.advise(memmap2::Advice::HugePage);
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn cannot_open(path: &Path, source: io::Error) -> Error {
    Error::io(format!("cannot open the gallery {}", path.display()), source)
}

impl Storage {
    /// Opens a file: reads one of up to `largest` bytes, or what is no regular file, and maps a larger one.
    pub(super) fn open(path: &Path, largest: u64) -> Result<Storage> {
        let cannot = |source| cannot_open(path, source);
        let mut stamped = File::open(path).and_then(|file| Stamped::new(file, path)).map_err(cannot)?;
        let is_file = stamped.file.metadata().map_err(cannot)?.is_file();
        if is_file && (1..=largest).contains(&stamped.length) {
            let bytes = copy(&mut stamped.file, stamped.length).map_err(cannot)?;
            stamped.check()?;
            return Ok(Storage::Copied(bytes));
        }
        if !is_file || stamped.length <= largest {
            let mut bytes = Vec::new();
            // Reading finds out the length where the system does not say it, or says more than there is.
            let _ = bytes.try_reserve_exact(stamped.length as usize + 1);
            stamped.file.read_to_end(&mut bytes).map_err(cannot)?;
            if is_file {
                stamped.check()?;
            }
            return Ok(Storage::Memory(bytes));
        }
        if stamped.length < HEADER as u64 {
            return Err(Error::Input(format!("{} is not a gallery: too short", path.display())));
        }
        #[expect(
            unsafe_code,
            reason = "a map's bytes could change under us; galleries are replaced by renaming, never changed in place"
        )]
        // SAFETY: the file is opened read-only and nothing in this crate writes to a gallery that exists. Reads
        // go through slices whose bounds were checked against the length at the time of mapping. Somebody else's writing is
        // noticed by `check_unchanged`, and only galleries that memory cannot take are open to it.
        let map = unsafe { memmap2::Mmap::map(&stamped.file) }.map_err(cannot)?;
        Ok(Storage::Map(map, stamped))
    }

    /// See [`Gallery::check_unchanged`](super::Gallery::check_unchanged).
    pub(super) fn check_unchanged(&self) -> Result<()> {
        match self {
            Storage::Memory(_) | Storage::Copied(_) => Ok(()),
            Storage::Map(_, stamped) => stamped.check(),
        }
    }
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Storage::Memory(bytes) => bytes,
            Storage::Copied(bytes) => bytes,
            Storage::Map(map, _) => map,
        }
    }
}

/// Shows no content.
impl std::fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Storage({} bytes)", self.len())
    }
}

/// A little-endian number at a place that is known to be there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|k| bytes[at + k]))
}

/// As [`u32_at`].
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|k| bytes[at + k]))
}
