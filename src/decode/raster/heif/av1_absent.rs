//! Stands in for `av1` where the crate is built without the feature `avif`.

use std::borrow::Cow;

use super::canvas::Canvas;
use super::{Announced, Coded};
use crate::decode::frame::Meaning;
use crate::decode::helper::{Codec, Helper};
use crate::error::{Error, Result};

pub(super) fn announced(_: &Coded<'_>) -> Result<Announced> {
    Err(absent())
}

pub(super) fn picture(
    _: &Coded<'_>,
    _: &Announced,
    _: Option<Meaning>,
    _: bool,
    _: &mut Helper,
    _: Vec<u8>,
) -> Result<Canvas> {
    Err(absent())
}

pub(super) fn stream<'a>(_: &'a Coded<'_>) -> Result<(Codec, Cow<'a, [u8]>)> {
    Err(absent())
}

pub(super) fn codes(_: &Coded<'_>) -> Option<[u8; 2]> {
    None
}

fn absent() -> Error {
    Error::Unsupported("this build reads no AVIF: build with the feature `avif`".to_string())
}
