//! What each argument is: pictures that are hashed now, or a list of signatures.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use shadegrid::Format;
use shadegrid::gallery::lists::{self, ListFormat};
use shadegrid::pipeline::looks_like_archive;

use crate::cli::places::is_url;

/// Arguments by what they are, each kind in its order.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Pictures, folders, archives and URLs.
    pub(super) pictures: Vec<PathBuf>,
    pub(super) lists: Vec<PathBuf>,
}

/// First bytes that show whether a file is a picture.
const SNIFFED: u64 = 144;

impl Sorted {
    /// Looks at each argument. Where the format of lists is named, every file is a list.
    pub(super) fn new(arguments: &[PathBuf], format: Option<ListFormat>) -> Sorted {
        let is_list = |path: &&PathBuf| {
            let is_file = || path.as_os_str() == "-" || !is_url(path) && !path.is_dir();
            if format.is_some() { is_file() } else { is_list(path) }
        };
        let (lists, pictures) = arguments.iter().partition::<Vec<&PathBuf>, _>(is_list);
        let owned = |paths: Vec<&PathBuf>| paths.into_iter().cloned().collect();
        Sorted { pictures: owned(pictures), lists: owned(lists) }
    }
}

/// Whether an argument is a list: standard input, a pipe, or a file that is neither a picture by its first bytes nor an archive of pictures.
fn is_list(path: &Path) -> bool {
    if path.as_os_str() == "-" {
        return true;
    }
    if is_url(path) {
        return false;
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => false,
        Ok(metadata) if metadata.is_file() => !is_picture(path) && !is_archive(path),
        // What is not there is no picture of a known format either; a pipe can be read only once.
        _ => true,
    }
}

fn is_picture(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SNIFFED).read_to_end(&mut head));
    read.is_ok() && Format::sniff(&head).is_some()
}

/// Whether a file is an archive by its name, and none of the lists that may be packed by zip or have columns.
fn is_archive(path: &Path) -> bool {
    let ends = |ending: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    if !looks_like_archive(path.as_os_str()) || ends("parquet") {
        return false;
    }
    // `list.csv.zip` and the like. Any text may be a list of text, such as a note among pictures.
    let of =
        |ending: &str| path.file_stem().map(Path::new).and_then(Path::extension) == Some(OsStr::new(ending));
    let is_list = ["csv", "json", "jsonl", "tsv", "txt", "xml"].into_iter().any(of)
        || lists::sniff(path).is_ok_and(|format| format != ListFormat::Text);
    !(ends("zip") && is_list)
}
