//! What shows that a file's content is still what it was.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file without its content. Times are in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The device and the file's number on it; 0 where a system has none.
    pub(super) device: u64,
    pub(super) number: u64,
    pub(super) bytes: u64,
    pub(super) modified: i64,
    /// When anything about it changed last, which no program can set; as `modified` where a system does not say.
    pub(super) changed: i64,
}

/// How coarse a file system's clock may be: one that counts whole seconds, and others.
const COARSE: Duration = Duration::from_secs(2);
const FINE: Duration = Duration::from_millis(20);

impl Stamp {
    /// The file that `path` leads to; `None` for what is no regular file.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().filter(Metadata::is_file).and_then(|metadata| Stamp::from_metadata(&metadata))
    }

    /// Whether its last change lies so far back that another one would show. A file that was written at this very moment may be written once more
    /// with the same size and time.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let Ok(now) = now.duration_since(UNIX_EPOCH) else { return false };
        let is_whole = self.modified % 1_000_000_000 == 0 && self.changed % 1_000_000_000 == 0;
        let coarse = if is_whole { COARSE } else { FINE };
        let last = u64::try_from(self.modified.max(self.changed)).unwrap_or(0);
        Duration::from_nanos(last).saturating_add(coarse) < now
    }

    #[cfg(unix)]
    fn from_metadata(metadata: &Metadata) -> Option<Stamp> {
        use std::os::unix::fs::MetadataExt as _;
        let time =
            |seconds: i64, nanoseconds: i64| seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds);
        Some(Stamp {
            device: metadata.dev(),
            number: metadata.ino(),
            bytes: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec())?,
            changed: time(metadata.ctime(), metadata.ctime_nsec())?,
        })
    }

    #[cfg(not(unix))]
    fn from_metadata(metadata: &Metadata) -> Option<Stamp> {
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let modified = i64::try_from(modified.as_nanos()).ok()?;
        Some(Stamp { device: 0, number: 0, bytes: metadata.len(), modified, changed: modified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_is_not_settled() {
        let at = |nanoseconds: u64| UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        let stamp = |changed| Stamp { device: 1, number: 2, bytes: 3, modified: 4_000_000_007, changed };
        let fine = stamp(5_000_000_001);
        assert!(!fine.is_settled(at(5_000_000_001)) && !fine.is_settled(at(5_019_000_000)));
        assert!(fine.is_settled(at(5_021_000_000)));
        // A clock of whole seconds.
        let coarse = Stamp { modified: 4_000_000_000, ..stamp(5_000_000_000) };
        assert!(!coarse.is_settled(at(6_900_000_000)) && coarse.is_settled(at(7_000_000_001)));
        // From the future, or from before 1970.
        assert!(!stamp(i64::MAX).is_settled(at(5_000_000_000)));
        assert!(Stamp { modified: -5, ..stamp(-7) }.is_settled(at(5_000_000_000)));
    }

    #[test]
    fn a_file_that_takes_anothers_place_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), b"one").unwrap();
        fs::write(at("b"), b"two").unwrap();
        let before = Stamp::of(&at("a")).unwrap();
        assert_eq!(Stamp::of(&at("a")), Some(before));
        let times = fs::FileTimes::new().set_modified(fs::metadata(at("a")).unwrap().modified().unwrap());
        fs::File::options().write(true).open(at("b")).unwrap().set_times(times).unwrap();
        fs::rename(at("b"), at("a")).unwrap();
        let after = Stamp::of(&at("a")).unwrap();
        assert_eq!((after.bytes, after.modified), (before.bytes, before.modified));
        assert!(cfg!(not(unix)) || after != before);
        assert!(Stamp::of(folder.path()).is_none() && Stamp::of(&at("none")).is_none());
    }
}
