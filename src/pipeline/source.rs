//! What is to be hashed, and where lists of it come from.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use crate::error::Error;

mod archive;
mod count;
mod detached;
mod item;
mod names;
mod only;
mod open;
mod walk;

pub use archive::looks_like_archive;
pub use count::{Count, count_ahead};
pub use detached::DetachedReader;
pub use item::{Input, InputOptions, Item, ItemKind, Items, ReadAhead, items};
pub use names::names;
pub use only::Only;
pub use open::{Sources, open};
pub use walk::{Walk, expand};

/// One encoded picture to be, and what it is called in its record.
#[derive(Debug)]
pub struct Source {
    pub(super) key: OsString,
    pub(super) content: Content,
}

/// Where a source's bytes come from.
pub(super) enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
    Stream(Box<dyn Read + Send>),
    /// Finding it failed already.
    Failed(Error),
}

impl Source {
    /// What it is called in its record: its path, where it is a file.
    pub fn key(&self) -> &std::ffi::OsStr {
        &self.key
    }

    /// A file, opened when its turn comes; its key is the path.
    pub fn file(path: impl Into<PathBuf>) -> Source {
        let path = path.into();
        Source { key: path.clone().into(), content: Content::File(path) }
    }

    /// Bytes in memory.
    pub fn bytes(key: impl Into<OsString>, bytes: Vec<u8>) -> Source {
        Source { key: key.into(), content: Content::Bytes(bytes) }
    }

    /// A stream, read to its end when its turn comes. No other source is read meanwhile, because it does not say how
    /// long it is.
    pub fn stream(key: impl Into<OsString>, stream: impl Read + Send + 'static) -> Source {
        Source { key: key.into(), content: Content::Stream(Box::new(stream)) }
    }

    /// A source that could not be had; it gives a record with this error.
    pub fn failed(key: impl Into<OsString>, error: Error) -> Source {
        Source { key: key.into(), content: Content::Failed(error) }
    }
}

/// Shows no picture's bytes.
impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Content::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Content::Stream(_) => formatter.write_str("Stream"),
            Content::Failed(error) => formatter.debug_tuple("Failed").field(error).finish(),
        }
    }
}
