//! Inputs to be hashed, and where lists of them come from.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::hasher::Hashed;

#[cfg_attr(
    not(any(feature = "archives", feature = "parquet")),
    expect(dead_code, reason = "without a reader of archives there are no members")
)]
mod archive;
mod count;
mod detached;
mod extension_filter;
mod fetch_options;
mod item;
mod list;
mod listed;
mod names;
mod network;
mod omitted;
mod open;
mod place;
mod random_access;
mod read_ahead;
mod regular;
#[cfg(feature = "store")]
mod store;
#[cfg(not(feature = "store"))]
#[path = "source/store_absent.rs"]
mod store;
mod walk;

pub use archive::looks_like_archive;
pub use count::{Count, count_ahead, count_items};
pub use detached::DetachedReader;
pub(super) use detached::is_stop;
pub use extension_filter::ExtensionFilter;
pub use fetch_options::{FetchHost, FetchOptions};
pub use item::{Input, InputOptions, Item, ItemKind, Items, Notices, ReadAhead, items, resumes};
pub(super) use names::name_from_bytes;
pub use names::names;
pub use network::{Network, StoreOptions};
pub use omitted::Omitted;
pub use open::{Sources, open};
pub use place::understood;
pub use random_access::read;
pub(super) use read_ahead::Permit;
pub(super) use regular::{Special, open_regular};
#[cfg(all(feature = "job", feature = "store"))]
pub(crate) use store::Bucket;
pub use store::Mounts;
#[cfg(feature = "store")]
pub use store::mount;
#[cfg(feature = "service")]
pub(crate) use store::{ComingPicture, PictureFetcher};
pub use walk::{Walk, expand};

/// One input that should hold an encoded picture, and its name in the record.
#[derive(Debug)]
pub struct Source {
    pub(super) key: OsString,
    pub(super) source: Option<Arc<OsStr>>,
    pub(super) tag: u64,
    pub(super) content: Content,
}

/// Opens what a caller brings.
pub(super) type Open = Box<dyn FnOnce() -> std::io::Result<Box<dyn Read + Send>> + Send>;

/// Where a source's bytes come from.
pub(super) enum Content {
    /// A file that the caller named, which may be a pipe or a device.
    Named(PathBuf),
    /// A file that a walk or a list named.
    Found(PathBuf),
    /// With the permit that was taken to read them ahead, given back when the run has taken them.
    Bytes(Vec<u8>, Option<Permit>),
    /// Bytes that others have too.
    Shared(Arc<[u8]>),
    Stream(Box<dyn Read + Send>),
    /// Opened at its turn; with its length in bytes, where that is known.
    Reader(Option<u64>, Open),
    /// What comes of it is known already, with the length of its encoded file.
    Known(Box<(u64, Result<Hashed>)>),
    /// Finding it failed already.
    Failed(Error),
    /// Nothing: a mark between sources.
    Fence,
}

impl Source {
    pub(super) fn new(key: impl Into<OsString>, content: Content) -> Source {
        Source { key: key.into(), source: None, tag: 0, content }
    }

    /// The same source, with the argument that it came from.
    pub fn from_argument(self, argument: Arc<OsStr>) -> Source {
        Source { source: Some(argument), ..self }
    }

    /// The same source, with a number of the caller's choice that comes back in its record: [`Record::tag`](crate::pipeline::Record::tag).
    pub fn tag(self, tag: u64) -> Source {
        Source { tag, ..self }
    }

    /// The same source, with an error in place of its content.
    #[cfg(feature = "job")]
    pub(crate) fn failing(self, error: Error) -> Source {
        Source { content: Content::Failed(error), ..self }
    }

    /// Its name in the record: its path if it is a file.
    pub fn key(&self) -> &OsStr {
        &self.key
    }

    /// A file, opened when its turn comes; its key is the path. Pipes and devices are read as streams.
    pub fn file(path: impl Into<PathBuf>) -> Source {
        let path = path.into();
        Source::new(path.clone(), Content::Named(path))
    }

    /// The same for a path that was found in a folder or a list: a pipe or a device in its place is an error, so that opening never blocks.
    pub fn found(path: impl Into<PathBuf>) -> Source {
        let path = path.into();
        Source::new(path.clone(), Content::Found(path))
    }

    /// Bytes in memory.
    pub fn bytes(key: impl Into<OsString>, bytes: Vec<u8>) -> Source {
        Source::new(key, Content::Bytes(bytes, None))
    }

    /// Bytes in memory that others have too, and that are not copied. They count as the run's own while it uses them.
    pub fn shared(key: impl Into<OsString>, bytes: Arc<[u8]>) -> Source {
        Source::new(key, Content::Shared(bytes))
    }

    /// A stream, read to its end when its turn comes. No other source is read meanwhile, because the length of a stream is
    /// unknown. If it panics, its record says so.
    pub fn stream(key: impl Into<OsString>, stream: impl Read + Send + 'static) -> Source {
        Source::new(key, Content::Stream(Box::new(stream)))
    }

    /// A source that `open` opens when its turn comes, on a reading thread. If `length` is known, several are read at a time; otherwise it is read
    /// like a [`stream`](Source::stream). If it gives another number of bytes, or panics, its record says so.
    pub fn reader<R: Read + Send + 'static>(
        key: impl Into<OsString>,
        length: Option<u64>,
        open: impl FnOnce() -> std::io::Result<R> + Send + 'static,
    ) -> Source {
        let open: Open = Box::new(|| open().map(|reader| Box::new(reader) as Box<dyn Read + Send>));
        Source::new(key, Content::Reader(length, open))
    }

    /// A source that could not be found or opened; it gives a record with this error.
    pub fn failed(key: impl Into<OsString>, error: Error) -> Source {
        Source::new(key, Content::Failed(error))
    }

    /// The same source, of which is known already what hashing it gives, so that it is not read; `bytes` is the length of its encoded file. Its record says
    /// [`is_known`](crate::pipeline::Record::is_known).
    pub fn known(self, bytes: u64, outcome: Result<Hashed>) -> Source {
        Source { content: Content::Known(Box::new((bytes, outcome))), ..self }
    }

    /// The argument that it came from, where [`from_argument`](Source::from_argument) said one.
    pub fn argument(&self) -> Option<&Arc<OsStr>> {
        self.source.as_ref()
    }

    /// The path of the file that it reads; `None` where it is no file of its own, such as a member of an archive.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Named(path) | Content::Found(path) => Some(path),
            _ => None,
        }
    }

    /// The length of its encoded file, as far as that is known without reading it.
    pub fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Bytes(bytes, _) => Some(bytes.len() as u64),
            Content::Shared(bytes) => Some(bytes.len() as u64),
            Content::Reader(length, _) => *length,
            Content::Named(path) | Content::Found(path) => {
                let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
                metadata.map(|metadata| metadata.len())
            }
            _ => None,
        }
    }

    /// A mark between the sources before it and those after it. It has no record. Instead [`Sink::fence`](crate::pipeline::Sink::fence) is called with
    /// its number once the sink has taken all records before it, and before any record after it. It counts in
    /// [`Record::index`](crate::pipeline::Record::index) like a source.
    pub fn fence(tag: u64) -> Source {
        Source::new("", Content::Fence).tag(tag)
    }
}

/// Shows no picture's bytes.
impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Named(path) => formatter.debug_tuple("Named").field(path).finish(),
            Content::Found(path) => formatter.debug_tuple("Found").field(path).finish(),
            Content::Bytes(bytes, _) => write!(formatter, "Bytes({})", bytes.len()),
            Content::Shared(bytes) => write!(formatter, "Shared({})", bytes.len()),
            Content::Known(_) => formatter.write_str("Known"),
            Content::Stream(_) => formatter.write_str("Stream"),
            Content::Reader(length, _) => formatter.debug_tuple("Reader").field(length).finish(),
            Content::Fence => formatter.write_str("Fence"),
            Content::Failed(error) => formatter.debug_tuple("Failed").field(error).finish(),
        }
    }
}
