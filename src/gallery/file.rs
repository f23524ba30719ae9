//! A gallery's file: header, the sections of every segment, directory.
//!
//! All numbers are little-endian. The header says where the directory lies, the directory where every section lies,
//! how long it is and what its CRC-32 is; header and directory have their own. Sections start at multiples of 64.
//! A file is written under a temporary name and renamed, and never changed afterwards: adding to a gallery writes
//! a new file that starts with a copy of the old one's sections, so those who have the old one open keep it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::damaged;
use super::segment::{Made, SECTIONS, SECTIONS_WITHOUT_COLUMNS, Segment};
use super::storage::{HEADER, Section, u32_at, u64_at};
use super::temporary::{DRAWN, Temporary};
use crate::error::{Error, Result};
use crate::folders;

const MAGIC: &[u8; 8] = b"SHADEGAL";
/// Version 1 had its PhotoDNA-class rows in the order of their entries, and another multi-index. Version 3 has the sections of further columns; a
/// gallery without any is written as before, so that programs that know nothing of them read it.
const VERSION: u32 = 3;
const VERSION_WITHOUT_COLUMNS: u32 = 2;
const ALIGNMENT: u64 = 64;

/// Bytes of a segment and of a section in the directory.
const SEGMENT_RECORD: usize = 20;
const SECTION_RECORD: usize = 20;

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
    let record = SEGMENT_RECORD + sections(version) * SECTION_RECORD;
    if !directory.len().is_multiple_of(record) {
        return Err(damaged("the directory has an odd length"));
    }
    directory.chunks_exact(record).map(|record| read_segment(record, start)).collect()
}

/// Sections of a segment in a file of this version.
fn sections(version: u32) -> usize {
    if version > VERSION_WITHOUT_COLUMNS { SECTIONS } else { SECTIONS_WITHOUT_COLUMNS }
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
        let has_columns = segments.iter().any(Segment::has_columns);
        let version = if has_columns { VERSION } else { VERSION_WITHOUT_COLUMNS };
        let mut directory = Vec::new();
        for segment in segments {
            for number in [segment.entries, segment.photodna, segment.pdq, segment.index, segment.error] {
                directory.extend(number.to_le_bytes());
            }
            for Section { range, checksum } in &segment.sections[..sections(version)] {
                directory.extend((range.start as u64).to_le_bytes());
                directory.extend((range.len() as u64).to_le_bytes());
                directory.extend(checksum.to_le_bytes());
            }
        }
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(version.to_le_bytes());
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

/// Writes a file through `fill` under a temporary name in the folder of `path`, then renames it. A file that is there is replaced by one of its
/// owner and mode; a new one is for its owner alone, as signatures are sensitive. Behind a link it is the file that the link names.
pub(super) fn replace(
    path: &Path,
    fill: impl FnOnce(BufWriter<File>) -> Result<BufWriter<File>>,
) -> Result<()> {
    let cannot = |source| Error::io(format!("cannot write the gallery {}", path.display()), source);
    let path = resolved(path);
    let folder = folders::of(&path);
    let temporary = Temporary::new(folder, &prefix(&path), SUFFIX).map_err(cannot)?;
    let file = temporary.file().try_clone().map_err(cannot)?;
    let file =
        fill(BufWriter::with_capacity(1 << 20, file))?.into_inner().map_err(|e| cannot(e.into_error()))?;
    if let Ok(old) = fs::metadata(&path) {
        keep_owner(&file, &old).map_err(cannot)?;
    }
    file.sync_all().map_err(cannot)?;
    temporary.replace(&path).map_err(cannot)?;
    // So that the name is on disk too; not every system can.
    let _ = folders::sync(folder);
    Ok(())
}

/// Gives the whole file `new` the name `path`, with owner and mode of what is there now. Both are in one folder.
#[cfg(feature = "service")]
pub(super) fn take_place(new: &Path, path: &Path) -> Result<()> {
    let cannot = |source| Error::io(format!("cannot write the gallery {}", path.display()), source);
    if let Ok(old) = fs::metadata(path) {
        let file = File::open(new).map_err(cannot)?;
        keep_owner(&file, &old).map_err(cannot)?;
        file.sync_all().map_err(cannot)?;
    }
    fs::rename(new, path).map_err(cannot)?;
    let _ = folders::sync(folders::of(path));
    Ok(())
}

/// The file itself where `path` is a link to one.
pub(super) fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

/// How temporary files of a gallery begin, and how they end.
fn prefix(path: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name
}

const SUFFIX: &str = ".partial";

/// Removes temporary files that others began for this gallery and never finished. Only the holder of its lock may do so: nobody else is
/// at work then.
pub(super) fn remove_stale(path: &Path) {
    let prefix = prefix(path);
    let stale = |name: &OsStr| {
        let (name, prefix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes());
        let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        random.is_some_and(|random| random.len() == DRAWN && random.iter().all(u8::is_ascii_alphanumeric))
    };
    for entry in fs::read_dir(folders::of(path)).into_iter().flatten().flatten() {
        if stale(&entry.file_name()) {
            // What cannot be removed harms nobody.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives a file the mode and owner of another. Where the system refuses its group, the group's rights would be other people's, and are
/// not given.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let whole = fchown(file, Some(old.uid()), Some(old.gid())).is_ok();
    let group = whole || fchown(file, None, Some(old.gid())).is_ok();
    let mode = old.mode() & if group { 0o777 } else { 0o707 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
