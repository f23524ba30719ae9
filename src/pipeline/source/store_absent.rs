//! In place of stores, where the feature `store` is off: every URL is an error that says so.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::random_access::RandomAccess;
use super::read_ahead::Semaphore;
use super::{InputOptions, Network, Source};
use crate::error::Error;
#[cfg(feature = "service")]
use crate::error::Result;
use crate::pipeline::Stop;

/// The location as a URL, where it is one.
pub(super) fn url<'a>(location: &'a OsStr, _mounts: &Mounts) -> Option<&'a str> {
    let text = location.to_str()?;
    let schemes =
        ["s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://", "http://", "https://"];
    schemes.iter().any(|scheme| text.starts_with(scheme)).then_some(text)
}

pub(super) fn lists(_url: &str, _mounts: &Mounts) -> bool {
    false
}

/// No stores: with the feature `store` a program can give its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mounts;

/// What a store fails with.
#[derive(Debug, thiserror::Error)]
#[error("this build reads no URLs: build with the feature `store`")]
pub(super) struct Failure;

fn absent() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, Failure)
}

/// Opens nothing.
pub(super) fn open(_url: &str, _options: &InputOptions) -> io::Result<Box<dyn RandomAccess>> {
    Err(absent())
}

pub(super) fn is_object(_url: &str, _network: &Network, _stop: &Stop) -> io::Result<bool> {
    Ok(true)
}

/// What a listing would find.
#[derive(Debug)]
#[expect(dead_code, reason = "without stores nothing is found")]
pub(super) enum Found {
    Object { url: String, version: Option<String> },
    LeftOut(String),
}

pub(super) fn list(
    _url: &str,
    _after: Option<&str>,
    _network: &Network,
    _stop: &Stop,
) -> Box<dyn Iterator<Item = io::Result<Found>> + Send> {
    Box::new(std::iter::once(Err(absent())))
}

/// Fetches nothing.
pub(super) struct Fetcher;

/// No object in flight.
pub(super) enum Coming {}

impl Fetcher {
    pub(super) fn new(_semaphore: &Arc<Semaphore>, _options: &Arc<InputOptions>) -> Fetcher {
        Fetcher
    }

    pub(super) fn fetch(
        &self,
        location: OsString,
        _number: u64,
        _network: &Network,
    ) -> Result<Coming, Source> {
        Err(Source::failed(location, Error::Unsupported(Failure.to_string())))
    }
}

/// Fetches no pictures of strangers.
#[cfg(feature = "service")]
#[derive(Debug)]
pub(crate) enum PictureFetcher {}

/// No picture of a stranger's.
#[cfg(feature = "service")]
pub(crate) enum ComingPicture {}

#[cfg(feature = "service")]
impl PictureFetcher {
    pub(crate) fn new(_options: &super::fetch_options::FetchOptions) -> Result<PictureFetcher> {
        Err(Error::Unsupported(Failure.to_string()))
    }

    pub(crate) async fn open(&self, _url: &str) -> Result<ComingPicture> {
        match *self {}
    }
}

#[cfg(feature = "service")]
impl ComingPicture {
    pub(crate) fn length(&self) -> Option<u64> {
        match *self {}
    }

    pub(crate) async fn next(&mut self) -> Result<Option<bytes::Bytes>> {
        match *self {}
    }
}

impl Coming {
    pub(super) fn wait(&mut self, _patience: Duration) -> Option<Source> {
        match *self {}
    }
}
