//! How far a gallery has come: a small file next to it, whole or not there.
//!
//! It is no table of the service's database, because it has to agree with the gallery's file whoever writes that: the service, or a person by the command. So both lie
//! next to one another, are copied and restored together, and each says which of the other it belongs to. A gallery that a checkpoint does not know was put
//! there by somebody else; the list is fetched anew then.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{folders, private};

/// The version of the file.
const VERSION: u32 = 1;

/// For how long a place within a window is known.
const CURSOR_LIVES: u64 = 12 * 3600;

/// Bytes of the keys that were taken back within a window, and of what each of them takes besides.
const MOST_REMOVED: usize = 32 << 20;
const REMOVED: usize = 64;

/// How far a gallery has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Checkpoint {
    pub(crate) version: u32,
    /// The list that is followed.
    pub(crate) identity: String,
    /// The checksum of the gallery that this is about.
    pub(crate) gallery: Option<u32>,
    /// That of the gallery that takes its place while this is written.
    pub(crate) coming: Option<u32>,
    /// What changed before this time is in the gallery.
    pub(crate) from: u64,
    /// When the list was fetched from its begin.
    pub(crate) begun: u64,
    /// When the gallery was the same as the list.
    pub(crate) synced: Option<u64>,
    /// How many entries it had then, or the gallery whose place it is to take: what a shrink is compared with.
    pub(crate) agreed: u64,
    /// How many of them have lost a signature since.
    #[serde(default)]
    pub(crate) lost: u64,
    /// What is in the middle of being fetched.
    pub(crate) window: Option<Window>,
    /// Keys that were taken back within the window, and when: an older state that comes later does not count.
    #[serde(default)]
    pub(crate) removed: BTreeMap<String, u64>,
}

/// A part of a list's time that is in the middle of being fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Its end.
    pub(crate) to: u64,
    /// The exchange's clock when it began, less a little, if that was earlier than the end: later changes may be missing.
    pub(crate) seen: Option<u64>,
    /// Where the next round begins, as the pages so far say; the earliest of them, as the list may have changed meanwhile.
    pub(crate) until: Option<u64>,
    /// Where the rest is.
    pub(crate) cursor: String,
    /// When that was said.
    pub(crate) given: u64,
    /// Pages of it so far.
    pub(crate) pages: u64,
}

impl Window {
    /// Whether the exchange should still know where the rest is.
    pub(crate) fn is_known(&self, now: u64) -> bool {
        now.checked_sub(self.given).is_some_and(|age| age < CURSOR_LIVES)
    }
}

impl Checkpoint {
    /// The begin of a list.
    pub(crate) fn begin(identity: String, now: u64) -> Checkpoint {
        Checkpoint { version: VERSION, identity, begun: now, ..Checkpoint::default() }
    }

    /// Whether the exchange may have forgotten what was removed since.
    pub(crate) fn is_stale(&self, after: Option<u64>, now: u64) -> bool {
        let last = self.synced.unwrap_or(self.begun);
        after.is_some_and(|after| now.saturating_sub(last) >= after)
    }

    /// Forgets the older half of what was taken back, as often as it is too much: older states of these keys have come before, unless pages come in
    /// no order at all.
    pub(crate) fn forget(&mut self) {
        while self.removed.keys().map(|key| key.len() + REMOVED).sum::<usize>() > MOST_REMOVED {
            let mut times: Vec<u64> = self.removed.values().copied().collect();
            let half = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(half);
            let median = *median;
            self.removed.retain(|_, time| *time > median);
        }
    }

    /// Reads one; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where it is damaged, [`Error::Io`] where it cannot be read, [`Error::Unsupported`] where a newer version wrote it.
    pub(crate) fn read(path: &Path) -> Result<Option<Checkpoint>> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(format!("cannot read {}", path.display()), error)),
        };
        let damaged = || Error::corrupt("checkpoint", "it does not agree with its checksum");
        let (sum, content) = text.split_at_checked(9).ok_or_else(damaged)?;
        if sum != format!("{:08x}\n", crc32fast::hash(content)).as_bytes() {
            return Err(damaged());
        }
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let versioned: Versioned = serde_json::from_slice(content).map_err(|_| damaged())?;
        if versioned.version != VERSION {
            return Err(Error::Unsupported(format!(
                "{}: another version of this program wrote it",
                path.display()
            )));
        }
        serde_json::from_slice(content).map(Some).map_err(|_| damaged())
    }

    /// Writes it, whole or not at all, and on the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where that cannot be done; what was there stays.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let cannot = |error| Error::io(format!("cannot write {}", path.display()), error);
        let content = serde_json::to_vec(self).map_err(|error| cannot(error.into()))?;
        // One process at a time is here, so the name is nobody else's.
        let draft = path.with_extension("sync.partial");
        let written = || -> std::io::Result<()> {
            let mut file = private::file(&draft, OpenOptions::new().write(true).create(true).truncate(true))?;
            file.write_all(format!("{:08x}\n", crc32fast::hash(&content)).as_bytes())?;
            file.write_all(&content)?;
            file.sync_all()?;
            fs::rename(&draft, path)
        };
        written().map_err(cannot)?;
        // Not every file system can.
        let _ = folders::sync(folders::of(path));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sync");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        let mut checkpoint = Checkpoint::begin("ncmec https://a.example ".into(), 7);
        checkpoint.window = Some(Window { to: 9, cursor: "x".into(), ..Window::default() });
        checkpoint.removed.insert("1/a".into(), 3);
        checkpoint.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            fs::write(&path, other).unwrap();
            assert_eq!(Checkpoint::read(&path).unwrap_err().code(), "corrupt", "{at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert_eq!(Checkpoint::read(&path).unwrap_err().code(), "corrupt", "{at}");
        }
    }

    #[test]
    fn what_was_taken_back_is_bounded() {
        let mut checkpoint = Checkpoint::begin(String::new(), 0);
        let key = |number: u64| format!("{number}{}", "k".repeat(4000));
        checkpoint.removed.extend((0..8000).map(|number| (key(number), number)));
        checkpoint.forget();
        assert_eq!(checkpoint.removed.len(), 8000);
        checkpoint.removed.extend((8000..12_000).map(|number| (key(number), number)));
        checkpoint.forget();
        assert_eq!(checkpoint.removed.len(), 5999);
        assert!(checkpoint.removed.values().all(|time| *time > 6000));
        // Of one time.
        checkpoint.removed.extend((0..12_000).map(|number| (key(number), 1)));
        checkpoint.forget();
        assert!(checkpoint.removed.is_empty());
    }

    #[test]
    fn what_is_old_is_stale_and_what_is_ahead_is_not_trusted() {
        let mut checkpoint = Checkpoint::begin(String::new(), 100);
        assert!(checkpoint.is_stale(Some(50), 150) && !checkpoint.is_stale(Some(50), 149));
        checkpoint.synced = Some(140);
        assert!(!checkpoint.is_stale(Some(50), 150) && !checkpoint.is_stale(None, u64::MAX));
        let window = Window { given: 100, ..Window::default() };
        assert!(window.is_known(100) && window.is_known(100 + CURSOR_LIVES - 1));
        assert!(!window.is_known(100 + CURSOR_LIVES) && !window.is_known(99));
    }
}
