//! Archives: many pictures in one file.

use std::ffi::OsStr;

/// Endings of archives' names.
const ENDINGS: [&str; 7] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".zip", ".parquet"];

/// Whether a name is that of an archive, by its ending: `.tar`, `.tar.gz`, `.tgz`, `.tar.zst`, `.tzst`, `.zip` or `.parquet`.
pub fn looks_like_archive(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}
