//! Stands in for `jxl` where the crate is built without the feature of that name.

use super::Raster;
use super::composed::Composed;
use crate::decode::colours::ColourSpace;
use crate::decode::estimate::Estimate;
use crate::error::{Error, Result};

pub(super) fn estimate(_: &[u8]) -> Result<Estimate> {
    Err(absent())
}

pub(super) fn decode(_: &[u8], _: &mut Vec<u8>) -> Result<Raster> {
    Err(absent())
}

pub(in crate::decode) fn colour_space(_: &[u8]) -> ColourSpace<'static> {
    ColourSpace::Usual
}

fn absent() -> Error {
    Error::Unsupported("this build reads no JPEG XL: build with the feature `jxl`".to_string())
}

/// There are none.
pub(in crate::decode) fn composed(_: &[u8]) -> Option<Composed<'static>> {
    None
}
