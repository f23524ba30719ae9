//! Stands in for `heif` where the crate is built with neither the feature `heic` nor `avif`.

use super::Raster;
use crate::decode::Format;
use crate::decode::colours::ColourSpace;
use crate::decode::estimate::Estimate;
use crate::decode::helper::Helper;
use crate::error::{Error, Result};

pub(super) fn estimate(format: Format, _: &[u8]) -> Result<Estimate> {
    Err(absent(format))
}

pub(super) fn decode(format: Format, _: &[u8], _: &mut Helper, _: &mut Vec<u8>) -> Result<Raster> {
    Err(absent(format))
}

pub(in crate::decode) fn colour_space(_: &[u8]) -> ColourSpace<'_> {
    ColourSpace::Usual
}

fn absent(format: Format) -> Error {
    Error::Unsupported(format!("this build reads no {format}: build with the feature `{format}`"))
}

pub(in crate::decode) fn sequence_alone(_: &[u8]) -> Option<Vec<u8>> {
    None
}
