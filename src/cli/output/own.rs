//! What a command writes into a folder that it reads: the folder is read without it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use shadegrid::pipeline::Omitted;

use super::draft;
use crate::cli::pictures::is_picture;

/// Files that a command writes: each output, its drafts (of this run, of others, and of those that were killed), and a cache with its journal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own(Vec<(PathBuf, IsOwn)>);

/// Whether the second name is of a file that goes with the first.
type IsOwn = fn(&OsStr, &OsStr) -> bool;

impl Own {
    /// These outputs.
    pub(crate) fn outputs<'a>(outputs: impl IntoIterator<Item = &'a PathBuf>) -> Own {
        let is_own: IsOwn = |name, other| name == other || draft::is_of(name, other);
        Own(outputs.into_iter().map(|output| (output.clone(), is_own)).collect())
    }

    /// These, and a cache.
    pub(crate) fn and_cache(mut self, cache: Option<&PathBuf>) -> Own {
        let is_own: IsOwn = |name, other| {
            let rest = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
            matches!(rest, Some(b"" | b"-journal" | b"-wal" | b"-shm"))
        };
        self.0.extend(cache.map(|cache| (cache.clone(), is_own)));
        self
    }

    /// The rule by which folders are read without them. A name decides first, so that other files cost nothing; then the folder that it is in, whatever
    /// that is called.
    pub(crate) fn omitted(self) -> Omitted {
        Omitted::new(move |path| self.0.iter().any(|(own, is_own)| is_it(path, own, *is_own)))
    }
}

fn is_it(path: &Path, own: &Path, is_own: IsOwn) -> bool {
    let (Some(name), Some(own_name)) = (path.file_name(), own.file_name()) else { return false };
    // Whoever puts a picture there under such a name cannot have it left out.
    is_own(own_name, name)
        && folder(path).is_some_and(|there| folder(own) == Some(there))
        && !is_picture(path)
}

fn folder(of: &Path) -> Option<OsString> {
    fs::canonicalize(draft::folder_of(of)).ok().map(PathBuf::into_os_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_goes_with_its_drafts_and_a_cache_with_its_journal() {
        let at = tempfile::tempdir().unwrap();
        let place = |name: &str| at.path().join(name);
        fs::create_dir(place("below")).unwrap();
        let own = Own::outputs([&place("x.csv")]).and_cache(Some(&place("k.cache")));
        let passed = |name: &str| own.0.iter().any(|(own, is_own)| is_it(&place(name), own, *is_own));
        for name in
            ["x.csv", "x.csv.aB3xY9.partial", "k.cache", "k.cache-journal", "k.cache-wal", "below/../x.csv"]
        {
            assert!(passed(name), "{name}");
        }
        fs::write(place("x.csv.123456.partial"), b"\xff\xd8\xff\xe0").unwrap();
        fs::write(place("x.csv.654321.partial"), b"key,key_bytes,status").unwrap();
        assert!(!passed("x.csv.123456.partial") && passed("x.csv.654321.partial"), "a picture is an input");
        for name in [
            "x.csv.jpg",
            "x.csv.partial",
            "x.csv.aB3xY9.partial.jpg",
            "x.csv.a-3xY9.partial",
            "k.cache-1.jpg",
            "k.cache.aB3xY9.partial",
            "below/x.csv",
            "y.csv",
        ] {
            assert!(!passed(name), "{name}");
        }
    }
}
