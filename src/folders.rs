//! Folders, which keep the names of files that were put into them only once they are synced themselves.

use std::fs::File;
use std::io;
use std::path::Path;

/// The folder that a file is in.
pub(crate) fn of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes sure that a folder keeps the names that were put into it, also where the machine loses its power.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    // Other systems sync names with the file.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
