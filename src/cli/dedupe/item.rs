//! What is grouped: a picture that was hashed now, or an entry of a list.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use shadegrid::decode::Frames;
use shadegrid::hasher::Faces;
use shadegrid::{Algorithm, DecodeOptions, Format, HashOptions, Hasher};

use super::file::{FileState, leads_through_link};

/// A picture or an entry, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    /// Its name: a file's path, an archive's member, a URL, or an entry's key.
    pub(super) key: OsString,
    pub(super) label: String,
    /// The argument or the list that it came from.
    pub(super) source: OsString,
    /// From 1, among all pictures; an entry's is its list's.
    pub(super) position: u64,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) bytes: Option<u64>,
    /// Whether part of the picture is missing.
    pub(super) is_damaged: bool,
    /// What it is, and whether a flag says that it has further frames, pages or pictures; of what was hashed now.
    pub(super) format: Option<Format>,
    pub(super) has_further: bool,
    /// Whether viewers turn it, or see it through a profile that moves it noticeably.
    pub(super) is_turned: bool,
    pub(super) is_profiled: bool,
    /// The file, where it is one on this machine that did not change while it was hashed.
    pub(super) file: Option<FileState>,
    /// The files of the same bytes, by a number.
    pub(super) class: Option<u32>,
    /// Whether it is kept whatever is found.
    pub(super) is_reference: bool,
}

impl Item {
    /// Its path, where it is a file.
    pub(super) fn path(&self) -> &Path {
        Path::new(&self.key)
    }

    pub(super) fn name(&self) -> String {
        self.key.to_string_lossy().into_owned()
    }

    pub(super) fn pixels(&self) -> Option<u64> {
        Some(u64::from(self.width?) * u64::from(self.height?))
    }

    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.file.and_then(|file| file.modified)
    }

    /// Whether both are files of the same bytes.
    pub(super) fn is_copy_of(&self, other: &Item) -> bool {
        self.class.is_some() && self.class == other.class
    }

    /// Whether both are names of one file.
    pub(super) fn is_same_file(&self, other: &Item) -> bool {
        self.file.zip(other.file).is_some_and(|(own, other)| own.is_same_file(&other))
    }

    /// The file, if it may be taken away: it was asked for, is no reference, and lies where it seems to.
    pub(super) fn removable(&self) -> Option<FileState> {
        let file = self.file.filter(|_| !self.is_reference)?;
        (!leads_through_link(self.path(), Path::new(&self.source))).then_some(file)
    }

    /// Whether it holds more pictures than the one that it is grouped by, or may: an animation, a further page, a further picture of an icon.
    pub(super) fn holds_more(&self) -> bool {
        match self.format {
            _ if self.has_further => true,
            Some(Format::Tiff | Format::Ico) => has_further_frame(self.path()),
            Some(_) => false,
            None => true,
        }
    }
}

/// Whether a file has a second frame, or cannot be asked.
fn has_further_frame(path: &Path) -> bool {
    let decode = DecodeOptions::default().frames(Frames::Most(2));
    let options =
        HashOptions::default().algorithms(vec![Algorithm::PhotoDna]).decode(decode).faces(Faces::Stored);
    let hashed = fs::read(path).ok().and_then(|encoded| Hasher::new(options).hash(&encoded).ok());
    hashed.is_none_or(|hashed| !hashed.frames.is_empty())
}
