//! Archives: many pictures in one file, read as a stream, in bounded memory.
//!
//! The content decides what a file is. A broken archive gives the members before the break, then one failed source
//! with the archive's own name.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Seek, SeekFrom};

use super::random_access::{self, RandomAccess};
use super::read_ahead::Permit;
use super::{Content, InputOptions, Source, name_from_bytes};
use crate::decode::{Format, no_picture};
use crate::error::{Error, Result};

mod names;
#[cfg(feature = "archives")]
mod packed;
#[cfg(not(feature = "archives"))]
#[path = "archive/packed_absent.rs"]
mod packed;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "archive/parquet_absent.rs"]
mod parquet;

use names::Names;
pub(super) use parquet::{Holds, holds, names as names_in};

/// Endings of archives' names.
const ENDINGS: [&str; 7] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".zip", ".parquet"];

/// Whether a name is that of an archive, by its ending: `.tar`, `.tar.gz`, `.tgz`, `.tar.zst`, `.tzst`, `.zip` or `.parquet`.
pub fn looks_like_archive(name: &OsStr) -> bool {
    let name = in_lower_case(name);
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

/// The part of a name that shows its kind, in lower case: a URL without its query.
pub(super) fn in_lower_case(name: &OsStr) -> Vec<u8> {
    let mut name = name.as_encoded_bytes().to_ascii_lowercase();
    if name.starts_with(b"http://") || name.starts_with(b"https://") {
        name.truncate(name.iter().position(|byte| b"?#".contains(byte)).unwrap_or(name.len()));
    }
    name
}

/// Why reading an archive ended before its end.
enum Stopped {
    /// Nobody wants the members any more.
    Unwanted,
    Broken(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Broken(error)
    }
}

type Step<T = ()> = Result<T, Stopped>;

/// Where the members of an archive go.
pub(super) struct Members<'a> {
    pub(super) options: &'a InputOptions,
    /// Takes bytes before they are read.
    pub(super) permit: &'a dyn Fn(u64) -> Option<Permit>,
    /// Takes a source; false where nobody wants it.
    pub(super) give: &'a mut dyn FnMut(Source) -> bool,
}

/// Gives a source for every member of the archive at `location`, and one that fails where it breaks.
pub(super) fn read<'a>(location: &'a OsStr, members: Members<'a>) {
    let mut archive = Archive { location, names: Names::default(), members };
    if let Err(Stopped::Broken(error)) = archive.read() {
        (archive.members.give)(Source::failed(location, error));
    }
}

/// An archive that is being read.
struct Archive<'a> {
    location: &'a OsStr,
    names: Names,
    members: Members<'a>,
}

impl Archive<'_> {
    fn read(&mut self) -> Step {
        let cannot = |error| Error::io("cannot read the archive", error);
        let mut file = random_access::open(self.location, self.members.options).map_err(cannot)?;
        let mut start = Vec::new();
        file.by_ref().take(1024).read_to_end(&mut start).map_err(cannot)?;
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        match start.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => parquet::read(file, self),
            start => packed::read(file, start, self),
        }
    }

    /// The whole file as one picture.
    fn picture(&mut self, file: &mut (impl Read + Seek)) -> Step {
        let length = file.seek(SeekFrom::End(0)).and_then(|end| file.rewind().map(|()| end));
        let length = length.map_err(|error| Error::io("cannot read", error))?;
        let source = match self.held(length, file)? {
            Ok(content) => Source::new(self.location, content),
            Err(error) => Source::failed(self.location, error),
        };
        self.give(source)
    }

    /// Gives a member that is read now; whether all of it was there.
    fn member(&mut self, name: &[u8], length: u64, from: &mut dyn Read) -> Step<io::Result<()>> {
        match self.held(length, from)? {
            Ok(content) => {
                let key = self.key(name);
                self.give(Source::new(key, content)).map(Ok)
            }
            Err(Error::Io { source, .. }) => Ok(Err(source)),
            Err(error) => self.failed(name, error).map(Ok),
        }
    }

    /// The bytes of something within the limits that begins as a picture does: nothing else is held, whatever its length.
    fn held(&mut self, length: u64, from: &mut dyn Read) -> Step<Result<Content>> {
        if let Err(error) = self.members.options.limits.check_file_bytes(length) {
            return Ok(Err(error));
        }
        let mut bytes = Vec::new();
        let read = from.take(length.min(Format::SNIFFED as u64)).read_to_end(&mut bytes);
        let all_there = length.min(Format::SNIFFED as u64) == bytes.len() as u64;
        if read.is_ok() && all_there && Format::sniff(&bytes).is_none() {
            return Ok(Err(no_picture(&bytes)));
        }
        let permit = (self.members.permit)(length).ok_or(Stopped::Unwanted)?;
        let read = read.and_then(|_| {
            let left = length - bytes.len() as u64;
            bytes.try_reserve_exact(left as usize).map_err(|_| io::ErrorKind::OutOfMemory)?;
            from.take(left).read_to_end(&mut bytes)
        });
        Ok(match read {
            Ok(_) if (bytes.len() as u64) < length => {
                Err(Error::io("cannot read", io::ErrorKind::UnexpectedEof.into()))
            }
            Ok(_) => Ok(Content::Bytes(bytes, Some(permit))),
            Err(error) => Err(Error::io("cannot read", error)),
        })
    }

    /// Gives a member that cannot be read.
    fn failed(&mut self, name: &[u8], error: Error) -> Step {
        let key = self.key(name);
        self.give(Source::failed(key, error))
    }

    fn give(&mut self, source: Source) -> Step {
        if (self.members.give)(source) { Ok(()) } else { Err(Stopped::Unwanted) }
    }

    /// `ARCHIVE/MEMBER`.
    fn key(&mut self, name: &[u8]) -> OsString {
        let mut key = self.location.to_os_string();
        key.push("/");
        key.push(name_from_bytes(self.names.unique(name)));
        key
    }
}

/// What a failed read says of an archive: damage where what was read makes no sense or is not all there, else the system's error.
fn broken(format: &'static str, what: impl Into<String>, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof, Unsupported};
    let what = what.into();
    let of_archive = error.raw_os_error().is_none() && !random_access::is_ours(&error);
    match error.kind() {
        UnexpectedEof => Error::corrupt(format, format!("{what}: it breaks off")),
        InvalidData | InvalidInput | Other if of_archive => {
            Error::corrupt(format, format!("{what}: {error}"))
        }
        Unsupported if of_archive => Error::Unsupported(format!("{format}: {what}: {error}")),
        _ => Error::io(format!("cannot read the archive, {what}"), error),
    }
}
