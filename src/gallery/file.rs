//! A gallery's file: header, the sections of every segment, directory.
//!
//! All numbers are little-endian. The header says where the directory lies, the directory where every section lies,
//! how long it is and what its CRC-32 is; header and directory have their own. Sections start at multiples of 64.
//! A file is written under a temporary name and renamed, and never changed afterwards: adding to a gallery writes
//! a new file that starts with a copy of the old one's sections, so those who have the old one mapped keep it.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::{Deref, Range};
use std::path::Path;

use super::damaged;
use super::segment::{Made, SECTIONS, Segment};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"SHADEGAL";
/// Version 1 had its PhotoDNA-class rows in the order of their entries, and another multi-index.
const VERSION: u32 = 2;
pub(super) const HEADER: usize = 64;
const ALIGNMENT: u64 = 64;

/// Bytes of a segment and of a section in the directory.
const SEGMENT_RECORD: usize = 20;
const SECTION_RECORD: usize = 20;

/// Where a section lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Section {
    pub(super) range: Range<usize>,
    pub(super) checksum: u32,
}

/// A gallery's bytes.
pub(super) enum Storage {
    Memory(Vec<u8>),
    Map(memmap2::Mmap),
}

impl Storage {
    /// Maps a file.
    pub(super) fn map(path: &Path) -> Result<Storage> {
        let cannot = |source| Error::io(format!("cannot open the gallery {}", path.display()), source);
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.len() < HEADER as u64 {
            return Err(Error::Input(format!("{} is not a gallery: too short", path.display())));
        }
        #[expect(
            unsafe_code,
            reason = "a map's bytes could change under us; galleries are replaced by renaming, never changed in place"
        )]
        // SAFETY: the file is opened read-only and nothing in this crate writes to a gallery that exists. Reads
        // go through slices whose bounds were checked against the length at the time of mapping.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(cannot)?;
        Ok(Storage::Map(map))
    }
}

impl Deref for Storage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Storage::Memory(bytes) => bytes,
            Storage::Map(map) => map,
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

/// Where the directory of a valid file starts.
pub(super) fn directory_start(bytes: &[u8]) -> usize {
    u64_at(bytes, 16) as usize
}

/// The checksum of a valid file's directory.
pub(super) fn directory_checksum(bytes: &[u8]) -> u32 {
    u32_at(bytes, 40)
}

/// Reads and checks header and directory.
pub(super) fn read_directory(bytes: &[u8]) -> Result<Vec<Segment>> {
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err(Error::Input("this file is not a gallery".into()));
    }
    let version = u32_at(bytes, 8);
    if version > VERSION {
        return Err(Error::Unsupported(format!(
            "the gallery has version {version}; this program reads up to {VERSION}: use a newer one"
        )));
    }
    if crc32fast::hash(&bytes[..44]) != u32_at(bytes, 44) {
        return Err(damaged("the header does not agree with its checksum"));
    }
    let (start, length, whole) = (u64_at(bytes, 16), u64_at(bytes, 24), u64_at(bytes, 32));
    if whole != bytes.len() as u64 {
        return Err(damaged(format!("the file has {} bytes where its header says {whole}", bytes.len())));
    }
    let end = start.checked_add(length).filter(|&end| end <= whole && start >= HEADER as u64);
    let Some(end) = end else { return Err(damaged("the directory lies outside the file")) };
    let directory = &bytes[start as usize..end as usize];
    if crc32fast::hash(directory) != directory_checksum(bytes) {
        return Err(damaged("the directory does not agree with its checksum"));
    }
    let record = SEGMENT_RECORD + SECTIONS * SECTION_RECORD;
    if !directory.len().is_multiple_of(record) {
        return Err(damaged("the directory has an odd length"));
    }
    directory.chunks_exact(record).map(|record| read_segment(record, start)).collect()
}

fn read_segment(record: &[u8], limit: u64) -> Result<Segment> {
    let (numbers, places) = record.split_at(SEGMENT_RECORD);
    let mut sections: [Section; SECTIONS] = Default::default();
    for (section, place) in sections.iter_mut().zip(places.chunks_exact(SECTION_RECORD)) {
        let (start, length) = (u64_at(place, 0), u64_at(place, 8));
        let end = start.checked_add(length).filter(|&end| end <= limit);
        let Some(end) = end else { return Err(damaged("a section lies outside the file")) };
        *section = Section { range: start as usize..end as usize, checksum: u32_at(place, 16) };
    }
    let [entries, photodna, pdq, index, error] = std::array::from_fn(|k| u32_at(numbers, 4 * k));
    Segment { entries, photodna, pdq, index, error, sections, made: Made::default() }.checked()
}

/// Writes a gallery: sections one after another, then directory and header.
pub(super) struct Writer<W> {
    sink: W,
    at: u64,
    start: u64,
    checksum: crc32fast::Hasher,
}

impl<W: Write + Seek> Writer<W> {
    /// Leaves room for the header.
    pub(super) fn new(mut sink: W) -> io::Result<Writer<W>> {
        sink.write_all(&[0; HEADER])?;
        let at = HEADER as u64;
        Ok(Writer { sink, at, start: at, checksum: crc32fast::Hasher::new() })
    }

    /// Appends bytes to the section at hand.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.at += bytes.len() as u64;
        self.sink.write_all(bytes)
    }

    /// Ends the section at hand.
    pub(super) fn end_section(&mut self) -> io::Result<Section> {
        let range = self.start as usize..self.at as usize;
        let checksum = std::mem::take(&mut self.checksum).finalize();
        self.copy(&vec![0; (self.at.next_multiple_of(ALIGNMENT) - self.at) as usize])?;
        Ok(Section { range, checksum })
    }

    /// Appends bytes that belong to no section of ours, or to sections that are done.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes)?;
        self.at += bytes.len() as u64;
        self.start = self.at;
        Ok(())
    }

    /// Writes directory and header.
    pub(super) fn finish(mut self, segments: &[Segment]) -> io::Result<W> {
        let mut directory = Vec::new();
        for segment in segments {
            for number in [segment.entries, segment.photodna, segment.pdq, segment.index, segment.error] {
                directory.extend(number.to_le_bytes());
            }
            for Section { range, checksum } in &segment.sections {
                directory.extend((range.start as u64).to_le_bytes());
                directory.extend((range.len() as u64).to_le_bytes());
                directory.extend(checksum.to_le_bytes());
            }
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend([0; 4]);
        for number in [self.at, directory.len() as u64, self.at + directory.len() as u64] {
            header.extend(number.to_le_bytes());
        }
        header.extend(crc32fast::hash(&directory).to_le_bytes());
        header.extend(crc32fast::hash(&header).to_le_bytes());
        header.resize(HEADER, 0);
        self.sink.write_all(&directory)?;
        self.sink.seek(SeekFrom::Start(0))?;
        self.sink.write_all(&header)?;
        self.sink.flush()?;
        Ok(self.sink)
    }
}

/// Writes a file through `fill` under a temporary name beside `path`, then renames it.
pub(super) fn replace(
    path: &Path,
    fill: impl FnOnce(BufWriter<File>) -> Result<BufWriter<File>>,
) -> Result<()> {
    let cannot = |source| Error::io(format!("cannot write the gallery {}", path.display()), source);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new()
        .prefix(".shadegrid-")
        .suffix(".partial")
        .tempfile_in(folder)
        .map_err(cannot)?;
    let file = temporary.as_file().try_clone().map_err(cannot)?;
    let file =
        fill(BufWriter::with_capacity(1 << 20, file))?.into_inner().map_err(|e| cannot(e.into_error()))?;
    file.sync_all().map_err(cannot)?;
    temporary.persist(path).map_err(|error| cannot(error.error))?;
    Ok(())
}
