//! What is written for one input.

use std::ffi::{OsStr, OsString};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::hasher::{FrameError, FrameHash, Hashed};
use crate::pipeline::RecordMatch;

mod skipped;

/// What a source is called, and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) key: OsString,
    pub(super) source: Option<Arc<OsStr>>,
    pub(super) tag: u64,
}

/// How long threads worked on one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Finding and loading it, waiting for memory included.
    pub read: Duration,
    /// Decoding and hashing it, waiting for memory included; without the time on a device.
    pub hash: Duration,
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Times) {
        self.read += other.read;
        self.hash += other.hash;
    }
}

/// What one source gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct Record {
    /// Position among the sources, from 0.
    pub index: u64,
    /// The source's name: its path if it is a file.
    pub key: OsString,
    /// The argument that the source came from, such as a folder, an archive or a list; `None` if it came from none.
    pub source: Option<Arc<OsStr>>,
    /// The number that [`Source::tag`](crate::pipeline::Source::tag) set; 0 otherwise.
    pub tag: u64,
    /// Length of the encoded file, in bytes; `None` if it was not read.
    pub bytes: Option<u64>,
    /// The signatures, or why there are none.
    pub outcome: Result<Hashed>,
    /// Its matches in galleries; `None` if it was not looked up.
    pub matches: Option<Vec<RecordMatch>>,
    /// How long threads worked on it.
    pub times: Times,
    /// Which frame of the file it is of, where [`DecodeOptions::frames`](crate::DecodeOptions::frames) asks for further ones; 0 for the file's own picture. A further
    /// frame has the index of its source, and a key that ends with `#frame-` and this number.
    pub frame: u64,
    /// Whether it was [known](crate::pipeline::Source::known) already, and nothing was read for it.
    pub is_known: bool,
    /// Places of other sources in the window of the run that its frames take.
    pub(super) places: usize,
}

/// The key of a frame of what has this key. A number alone behind `#` is that of an archive's member whose name comes again.
fn frame_key(key: &OsStr, number: u64) -> OsString {
    let mut key = key.to_os_string();
    key.push(format!("#frame-{number}"));
    key
}

impl Record {
    pub(super) fn new(index: u64, name: Name, bytes: Option<u64>, outcome: Result<Hashed>) -> Record {
        Record {
            index,
            key: name.key,
            source: name.source,
            tag: name.tag,
            bytes,
            outcome,
            matches: None,
            times: Times::default(),
            frame: 0,
            is_known: false,
            places: 0,
        }
    }

    /// The records of its further frames, which are taken from it.
    pub(super) fn take_frames(&mut self) -> Vec<Record> {
        let frames = match &mut self.outcome {
            Ok(hashed) => std::mem::take(&mut hashed.frames),
            Err(_) => Vec::new(),
        };
        let record = |frame: FrameHash| Record {
            index: self.index,
            key: frame_key(&self.key, frame.number),
            source: self.source.clone(),
            tag: self.tag,
            bytes: self.bytes,
            outcome: frame.outcome.map_err(FrameError::into_error),
            matches: None,
            times: Times::default(),
            frame: frame.number,
            is_known: self.is_known,
            places: 0,
        };
        frames.into_iter().map(record).collect()
    }

    /// Whether the input was not asked for and is no picture: it was found in a folder, in an archive or below a prefix, its first bytes are those
    /// of no format, and it is not called like a picture. Its record says so like any other failure, and the command does not count it as one.
    pub fn is_skipped(&self) -> bool {
        let found = || self.source.as_deref().is_some_and(|source| skipped::is_found(&self.key, source));
        matches!(self.outcome, Err(Error::NoPicture(_)))
            && !skipped::is_named_like_a_picture(&self.key)
            && found()
    }

    /// The same, with how long threads worked on it.
    pub(super) fn timed(self, times: Times) -> Record {
        Record { times, ..self }
    }
}
