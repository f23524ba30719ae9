//! Whether the folder's disk can be written. The state itself would only say so once a change fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::private_file;

/// The file that is written again and again, to see whether that can be done.
const TRIED: &str = "serve.tried";

/// The disk of a folder.
#[derive(Debug)]
pub(crate) struct Disk {
    tried: PathBuf,
    is_writable: AtomicBool,
}

impl Disk {
    /// The one that this file is on.
    pub(super) fn of(file: &Path) -> Disk {
        Disk { tried: file.with_file_name(TRIED), is_writable: AtomicBool::new(true) }
    }

    /// Sees whether it can be written.
    pub(crate) fn try_it(&self) {
        // What the file held is given up first, and an empty file would fit onto a full disk.
        let written = private_file(&self.tried)
            .and_then(|mut file| file.set_len(0).and_then(|()| file.write_all(&[0; 4096])));
        self.is_writable.store(written.is_ok(), Ordering::Relaxed);
    }

    /// Whether it could be written when that was tried last.
    pub(crate) fn is_writable(&self) -> bool {
        self.is_writable.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_disk_that_cannot_be_written_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, aside) = (folder.path().join("data"), folder.path().join("aside"));
        fs::create_dir(&inside).unwrap();
        let disk = Disk::of(&inside.join("state"));
        let is_writable = || {
            disk.try_it();
            disk.is_writable()
        };
        assert!(is_writable() && is_writable());
        fs::rename(&inside, &aside).unwrap();
        assert!(!is_writable());
        fs::rename(&aside, &inside).unwrap();
        assert!(is_writable());
    }
}
