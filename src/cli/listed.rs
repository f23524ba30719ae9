//! Lists of signatures that lie in a store or behind a web address: they are fetched before they are read.

use std::io;
use std::path::{Path, PathBuf};

use shadegrid::Error;
use shadegrid::pipeline::{InputOptions, read};
use tempfile::{Builder, NamedTempFile};

use super::page::without_query;
use super::places::is_url;

/// A list that can be read from this machine: a file, a pipe, `-`, or what a URL leads to in a file that goes with this.
#[derive(Debug)]
pub(crate) enum Listed {
    Here(PathBuf),
    Fetched(NamedTempFile),
}

impl Listed {
    /// Fetches a list, if it is not here.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] that names the list where it cannot be fetched, or there is no room for it.
    pub(crate) fn fetch(list: &Path) -> Result<Listed, Error> {
        if !is_url(list) || list.exists() {
            return Ok(Listed::Here(list.to_path_buf()));
        }
        let cannot = |error| {
            Error::io(format!("cannot read the list {}", without_query(&list.to_string_lossy())), error)
        };
        let mut from = read(list.as_os_str(), &InputOptions::default()).map_err(cannot)?;
        // The name says how some lists are packed.
        let mut file = Builder::new().suffix(&name_of(list)).tempfile().map_err(cannot)?;
        io::copy(&mut from, &mut file).map_err(cannot)?;
        Ok(Listed::Fetched(file))
    }

    /// Where it is read from.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Listed::Here(path) => path,
            Listed::Fetched(file) => file.path(),
        }
    }
}

/// The last part of a list's path or URL, without the query of a web address.
pub(crate) fn name_of(list: &Path) -> String {
    let text = list.to_string_lossy();
    match text.split_once("://") {
        Some(("http" | "https", rest)) => {
            let path = rest.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_string()
        }
        _ => list.file_name().unwrap_or(list.as_os_str()).to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_called_by_the_end_of_its_place() {
        for (place, name) in [
            ("lists/known.csv", "known.csv"),
            ("s3://bucket/lists/known.csv.gz", "known.csv.gz"),
            ("https://example.org/known.csv?token=secret", "known.csv"),
            ("https://example.org/", ""),
            ("-", "-"),
        ] {
            assert_eq!(name_of(Path::new(place)), name, "{place}");
        }
    }

    #[test]
    fn what_is_here_is_not_fetched() {
        let path = Path::new("lists/known.csv");
        assert_eq!(Listed::fetch(path).unwrap().path(), path);
        let error = Listed::fetch(Path::new("https://127.0.0.1:1/known.csv")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the list https://127.0.0.1:1/known.csv"), "{error}");
    }
}
