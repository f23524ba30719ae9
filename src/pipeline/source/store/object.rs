//! An object read like a file: at any position, and ahead when it is read in sequence.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};

use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;

use super::remote::Remote;
use super::trouble::Trouble;
use super::version::Version;
use super::wire::pause;
use super::{runtime, wait, wait_for};
use crate::error::Error;
use crate::pipeline::Stop;
use crate::pipeline::source::InputOptions;
use crate::pipeline::source::random_access::{RandomAccess, sought};

/// Length of the first part after a jump, and of the largest.
const FIRST: u64 = 512 << 10;
const LARGEST: u64 = 4 << 20;

/// Parts that are in flight while one is read.
const AHEAD: usize = 4;

/// A part that is fetched.
type PartRead = JoinHandle<Result<Vec<u8>, Trouble>>;

/// An object, with its next parts in flight.
#[derive(Debug)]
pub(in crate::pipeline::source) struct Object {
    remote: Remote,
    length: u64,
    version: Version,
    /// Where the next read begins.
    at: u64,
    current: (u64, Vec<u8>),
    coming: VecDeque<(u64, PartRead)>,
    /// Where the part after those begins, and how long it is.
    next: u64,
    part: u64,
    stop: Stop,
}

/// An object that is read at any position. If its server supports no range requests, or gives nothing that distinguishes versions, it is first fetched
/// into a temporary file.
pub(in crate::pipeline::source) fn open(
    url: &str,
    options: &InputOptions,
) -> io::Result<Box<dyn RandomAccess>> {
    let (network, stop) = (&options.network, &options.stop);
    let remote = Remote::new(url, network)?;
    match Object::open(remote.clone(), stop) {
        Ok(object) => Ok(Box::new(object)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let most = network.max_temporary_bytes;
            Ok(Box::new(wait(stop, async move { in_a_file(remote, most).await })?))
        }
        Err(error) => Err(error),
    }
}

async fn in_a_file(remote: Remote, most: u64) -> io::Result<File> {
    let mut attempt = 0;
    loop {
        let mut file = tempfile::tempfile()?;
        let whole = remote.get().await?;
        check_temporary(whole.length.unwrap_or(0), most)?;
        let (announced, mut body, mut length) = (whole.length, whole.body, 0);
        let broken = loop {
            match body.try_next().await {
                Ok(Some(piece)) => {
                    length += piece.len() as u64;
                    check_temporary(length, most)?;
                    file.write_all(&piece)?;
                }
                Ok(None) if announced.is_none_or(|announced| announced == length) => break None,
                Ok(None) => break Some(Trouble::broke_off()),
                Err(trouble) => break Some(trouble),
            }
        };
        match broken {
            None => return file.rewind().map(|()| file),
            Some(trouble) if attempt >= trouble.kind.retries() => return Err(trouble.into()),
            Some(_) => pause(attempt).await,
        }
        attempt += 1;
    }
}

/// Refuses a temporary file of more than `most` bytes.
fn check_temporary(bytes: u64, most: u64) -> io::Result<()> {
    let what = "temporary file in bytes (the server gives no parts of files)";
    let field = Some("max_temporary_bytes");
    let over = Error::Limit { what, actual: bytes, limit: most, field };
    if bytes > most { Err(io::Error::other(over)) } else { Ok(()) }
}

impl Object {
    /// Asks how long it is.
    fn open(remote: Remote, stop: &Stop) -> io::Result<Object> {
        let asked = remote.clone();
        let (length, version) = wait(stop, async move { asked.length().await })?;
        if !version.tells() {
            return Err(Trouble::without_parts().into());
        }
        let (current, coming, stop) = ((0, Vec::new()), VecDeque::new(), stop.clone());
        Ok(Object { remote, length, version, at: 0, current, coming, next: 0, part: FIRST, stop })
    }

    /// Waits for the part that begins where the next read does.
    fn load(&mut self) -> io::Result<()> {
        if self.coming.front().is_none_or(|(start, _)| *start != self.at) {
            self.coming.drain(..).for_each(|(_, part)| part.abort());
            (self.next, self.part) = (self.at, FIRST);
        }
        // The first part after a jump comes alone: readers often jump again after it, and more would be fetched in vain.
        let wanted = if self.part == FIRST { 1 } else { AHEAD };
        self.request(wanted)?;
        let Some((start, mut part)) = self.coming.pop_front() else { return Ok(()) };
        let bytes = wait_for(&self.stop, &mut part)??;
        self.current = (start, bytes);
        self.part = LARGEST.min(2 * self.part);
        Ok(())
    }

    fn request(&mut self, parts: usize) -> io::Result<()> {
        while self.coming.len() < parts && self.next < self.length {
            let range = self.next..self.length.min(self.next + self.part);
            self.next = range.end;
            let (remote, version, start) = (self.remote.clone(), self.version.clone(), range.start);
            let part = async move { remote.range(range, &version).await };
            self.coming.push_back((start, runtime()?.spawn(part)));
        }
        Ok(())
    }
}

impl Read for Object {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.length || into.is_empty() {
            return Ok(0);
        }
        let (start, bytes) = &self.current;
        if !(*start..*start + bytes.len() as u64).contains(&self.at) {
            self.load()?;
        }
        let (start, bytes) = &self.current;
        let part = &bytes[(self.at - start) as usize..];
        let count = part.len().min(into.len());
        into[..count].copy_from_slice(&part[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Object {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = sought(to, self.at, self.length)?;
        Ok(self.at)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.coming.drain(..).for_each(|(_, part)| part.abort());
    }
}
