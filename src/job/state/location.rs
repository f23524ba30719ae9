//! Where a job keeps its plan, claims, ledger and records: one small set of operations that a folder and an object store both have.
//!
//! Names are relative, with `/` between folder and name. What an operation has written is there after a power
//! cut, whole or not at all; only [`Location::claim`] and [`Location::beat`] promise less.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use tempfile::NamedTempFile;

#[cfg(not(feature = "store"))]
use crate::error::Error;
use crate::error::Result;
use crate::pipeline::Network;

mod folder;
#[cfg(feature = "store")]
mod store;

pub use folder::Folder;
#[cfg(feature = "store")]
pub use store::Store;

/// The location at a path or an object store's URL; a folder is made if need be and `new`.
///
/// # Errors
///
/// [`Error::Io`](crate::Error::Io) where there can be none, [`Error::Input`](crate::Error::Input) where the folder does not exist, [`Error::Unsupported`](crate::Error::Unsupported) where this build has no
/// object stores.
pub fn at(place: &OsStr, new: bool) -> Result<Arc<dyn Location>> {
    at_with(place, new, &Network::default())
}

/// The same with the endpoints, credentials and mounted stores of `network`.
///
/// # Errors
///
/// Those of [`at`].
pub fn at_with(place: &OsStr, new: bool, network: &Network) -> Result<Arc<dyn Location>> {
    if let Some(url) = place.to_str().filter(|text| text.contains("://")) {
        return store_at(url, network);
    }
    Ok(Arc::new(if new { Folder::create(place)? } else { Folder::open(place)? }))
}

#[cfg(feature = "store")]
fn store_at(url: &str, network: &Network) -> Result<Arc<dyn Location>> {
    Ok(Arc::new(Store::open_with(url, network)?))
}

#[cfg(not(feature = "store"))]
fn store_at(url: &str, _network: &Network) -> Result<Arc<dyn Location>> {
    Err(Error::Unsupported(format!("{url}: this build writes to no stores; build with the feature `store`")))
}

/// A name in a folder of a [`Location`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name, without its folder.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// When it was written last, by the clock of whatever keeps it: for people to read, never to decide by.
    pub written: Option<SystemTime>,
}

/// What becomes of a name that exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// It stays as it is, and what was to be published is dropped.
    First,
    /// It is replaced, at one instant.
    Replace,
}

/// The operations that a job is built from. Safe to use from many processes and machines at once.
pub trait Location: Debug + Send + Sync {
    /// What a folder holds, sorted by name; nothing where it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io)(crate::Error::Io), as everywhere here.
    fn list(&self, folder: &str) -> Result<Vec<Listed>>;

    /// The whole content, `None` where there is no such name.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// `length` bytes from `offset`, fewer where the content ends.
    fn read_range(&self, name: &str, offset: u64, length: u64) -> Result<Vec<u8>>;

    /// Whether there is such a name.
    fn exists(&self, name: &str) -> Result<bool>;

    /// The content as a file, at its beginning; `None` where there is no such name.
    fn open(&self, name: &str) -> Result<Option<File>>;

    /// Creates `name` unless it exists; whether it did.
    fn create(&self, name: &str, content: &[u8]) -> Result<bool>;

    /// The same, quickly: it need not survive a power cut.
    fn claim(&self, name: &str, content: &[u8]) -> Result<bool>;

    /// Writes `name` anew, quickly: it need not survive a power cut, and a reader may find it empty.
    fn beat(&self, name: &str, content: &[u8]) -> Result<()>;

    /// Appends to `name`, which nobody else writes.
    fn append(&self, name: &str, content: &[u8]) -> Result<()>;

    /// How often a name is worth appending to before another one is begun: less often where each time writes all of it anew.
    fn appends(&self) -> usize {
        4_096
    }

    /// Removes `name`, if it is there.
    fn remove(&self, name: &str) -> Result<()>;

    /// A file that becomes visible by [`publish`](Location::publish), and goes when it is dropped. `owner` begins its name, so that what
    /// a killed process left behind can be recognised.
    fn draft(&self, owner: &str) -> Result<NamedTempFile>;

    /// Gives a complete draft its name, at one instant; whether it did.
    fn publish(&self, draft: NamedTempFile, name: &str, how: Publish) -> Result<bool>;

    /// A lock on `name` that goes when the process ends, in whatever way it ends; `None` where another process has it, or where
    /// there are no such locks.
    fn lock(&self, name: &str) -> Result<Option<File>>;

    /// Whether nobody has the lock on `name` that somebody had; never where there are no locks.
    fn is_unlocked(&self, name: &str) -> Result<bool>;

    /// Where it is, for messages.
    fn place(&self) -> String;
}

/// The folder of drafts.
pub(in crate::job) const DRAFTS: &str = "drafts";

/// The owner of drafts that nobody in particular makes.
pub const NOBODY: &str = "new";

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// What every location must do.
    fn conforms(location: &dyn Location) {
        assert_eq!(location.list("a").unwrap(), []);
        assert_eq!(location.read("a/one").unwrap(), None);
        assert!(location.open("a/one").unwrap().is_none() && !location.exists("a/one").unwrap());
        assert!(location.create("a/one", b"first").unwrap());
        assert!(!location.create("a/one", b"second").unwrap(), "an existing name was created");
        assert!(!location.claim("a/one", b"second").unwrap());
        assert_eq!(location.read("a/one").unwrap().unwrap(), b"first");
        assert!(location.exists("a/one").unwrap());
        assert_eq!(location.read_range("a/one", 2, 2).unwrap(), b"rs");
        assert_eq!(location.read_range("a/one", 3, 99).unwrap(), b"st");
        assert!(location.claim("a/two", b"").unwrap());
        location.beat("a/two", b"1").unwrap();
        location.beat("a/two", b"22").unwrap();
        location.append("a/three", b"x").unwrap();
        location.append("a/three", b"yz").unwrap();
        assert_eq!(location.read("a/three").unwrap().unwrap(), b"xyz");
        let names: Vec<_> = location.list("a").unwrap().into_iter().map(|l| (l.name, l.length)).collect();
        assert_eq!(names, [("one".into(), 5), ("three".into(), 3), ("two".into(), 2)]);
        location.remove("a/two").unwrap();
        location.remove("a/two").unwrap();
        assert_eq!(location.read("a/two").unwrap(), None);
        drafts_appear_at_once(location);
    }

    fn drafts_appear_at_once(location: &dyn Location) {
        let draft = |text: &[u8]| {
            let mut draft = location.draft("me").unwrap();
            draft.write_all(text).unwrap();
            draft
        };
        let whole = draft(b"whole");
        assert_eq!(location.read("records/1").unwrap(), None);
        assert!(location.publish(whole, "records/1", Publish::First).unwrap());
        assert!(!location.publish(draft(b"late"), "records/1", Publish::First).unwrap());
        assert_eq!(location.read("records/1").unwrap().unwrap(), b"whole");
        assert!(location.publish(draft(b"new"), "records/1", Publish::Replace).unwrap());
        let mut text = String::new();
        location.open("records/1").unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "new");
        drop(draft(b"dropped"));
        assert_eq!(location.list("records").unwrap().len(), 1);
        assert_eq!(location.list(DRAFTS).unwrap(), [], "drafts stay behind");
    }

    #[test]
    fn a_folder_conforms() {
        let folder = tempfile::tempdir().unwrap();
        conforms(&Folder::create(folder.path().join("deep/job")).unwrap());
    }

    #[cfg(feature = "store")]
    #[test]
    fn an_object_store_conforms() {
        conforms(&Store::in_memory());
    }

    #[test]
    fn a_lock_is_held_once_and_goes_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let location = Folder::create(folder.path()).unwrap();
        let held = location.lock("workers/me").unwrap();
        assert!(held.is_some());
        assert!(location.lock("workers/me").unwrap().is_none());
        assert!(!location.is_unlocked("workers/me").unwrap());
        drop(held);
        assert!(location.is_unlocked("workers/me").unwrap() && location.is_unlocked("workers/you").unwrap());
        assert!(!location.exists("workers/you").unwrap(), "looking at a lock has made it");
        assert!(location.lock("workers/me").unwrap().is_some());
    }
}
