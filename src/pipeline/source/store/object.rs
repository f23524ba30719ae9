//! An object read as a file: anywhere in it, and ahead where it is read on.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};

use futures_util::TryStreamExt as _;
use tokio::task::JoinHandle;

use super::client::{RETRIES, Remote, Version, pause};
use super::{failed, runtime, wait};
use crate::pipeline::Stop;
use crate::pipeline::source::place::Place;

/// Length of the first part after a jump, and of the largest.
const FIRST: u64 = 512 << 10;
const LARGEST: u64 = 4 << 20;

/// Parts that are on their way while one is read.
const AHEAD: usize = 4;

/// An object, its next parts on their way.
#[derive(Debug)]
pub(in crate::pipeline::source) struct Object {
    remote: Remote,
    length: u64,
    version: Option<Version>,
    /// Where the next read begins.
    at: u64,
    current: (u64, Vec<u8>),
    coming: VecDeque<(u64, JoinHandle<io::Result<Vec<u8>>>)>,
    /// Where the part after those begins, and how long it is.
    next: u64,
    part: u64,
    stop: Stop,
}

/// An object to be read anywhere in it; one whose server gives no parts is fetched into a temporary file first.
pub(in crate::pipeline::source) fn open(url: &str, stop: &Stop) -> io::Result<Box<dyn Place>> {
    let remote = Remote::new(url)?;
    match Object::open(remote.clone(), stop) {
        Ok(object) => Ok(Box::new(object)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            Ok(Box::new(wait(async move { in_a_file(remote).await })?))
        }
        Err(error) => Err(error),
    }
}

async fn in_a_file(remote: Remote) -> io::Result<File> {
    let mut attempt = 0;
    loop {
        let (mut file, mut length) = (tempfile::tempfile()?, 0);
        let mut body = remote.get().await?;
        let broken = loop {
            match body.bytes.try_next().await {
                Ok(Some(piece)) => {
                    file.write_all(&piece)?;
                    length += piece.len() as u64;
                }
                Ok(None) if body.length.is_none_or(|told| told == length) => break None,
                Ok(None) => break Some(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => break Some(error),
            }
        };
        match broken {
            None => return file.rewind().map(|()| file),
            Some(error) if attempt == RETRIES => return Err(error),
            Some(_) => pause(attempt).await,
        }
        attempt += 1;
    }
}

impl Object {
    /// Asks how long it is.
    fn open(remote: Remote, stop: &Stop) -> io::Result<Object> {
        let asked = remote.clone();
        let (length, version) = wait(async move { asked.length().await })?;
        let (current, coming, stop) = ((0, Vec::new()), VecDeque::new(), stop.clone());
        Ok(Object { remote, length, version, at: 0, current, coming, next: 0, part: FIRST, stop })
    }

    /// Waits for the part that begins where the next read does.
    fn load(&mut self) -> io::Result<()> {
        if self.stop.requested() {
            return Err(failed(io::ErrorKind::Interrupted, "the run was stopped").into_other());
        }
        if self.coming.front().is_none_or(|(start, _)| *start != self.at) {
            self.coming.drain(..).for_each(|(_, part)| part.abort());
            (self.next, self.part) = (self.at, FIRST);
        }
        // The first part after a jump comes alone: many jumps read no more.
        let wanted = if self.part == FIRST { 1 } else { AHEAD };
        self.request(wanted)?;
        let Some((start, part)) = self.coming.pop_front() else { return Ok(()) };
        let bytes = runtime()?.block_on(part).map_err(|error| failed(io::ErrorKind::Other, error))??;
        self.current = (start, bytes);
        self.part = LARGEST.min(2 * self.part);
        Ok(())
    }

    fn request(&mut self, parts: usize) -> io::Result<()> {
        while self.coming.len() < parts && self.next < self.length {
            let range = self.next..self.length.min(self.next + self.part);
            self.next = range.end;
            let (remote, version, start) = (self.remote.clone(), self.version.clone(), range.start);
            let part = async move { remote.range(range, version.as_ref()).await };
            self.coming.push_back((start, runtime()?.spawn(part)));
        }
        Ok(())
    }
}

/// `Interrupted` would be taken for a call to try again.
trait IntoOther {
    fn into_other(self) -> io::Error;
}

impl IntoOther for io::Error {
    fn into_other(self) -> io::Error {
        failed(io::ErrorKind::Other, self)
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
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.coming.drain(..).for_each(|(_, part)| part.abort());
    }
}
