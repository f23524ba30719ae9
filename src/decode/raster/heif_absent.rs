//! Stands in for `heif` where the crate is built with neither the feature `heic` nor `avif`.

use super::Raster;
use super::composed::Animation;
use crate::decode::Format;
use crate::decode::colours::ColourSpace;
use crate::decode::estimate::Estimate;
use crate::decode::helper::Helper;
use crate::decode::viewing::Tables;
use crate::error::{Error, Result};
use crate::limits::Limits;

pub(super) fn estimate(format: Format, _: &[u8], _: Tables) -> Result<Estimate> {
    Err(absent(format))
}

pub(super) fn decode(format: Format, _: &[u8], _: Tables, _: &mut Helper, _: &mut Vec<u8>) -> Result<Raster> {
    Err(absent(format))
}

pub(in crate::decode) fn colour_space(_: &[u8], _: Tables) -> ColourSpace<'_> {
    ColourSpace::Usual
}

fn absent(format: Format) -> Error {
    Error::Unsupported(format!("this build reads no {format}: build with the feature `{format}`"))
}

pub(in crate::decode) fn composed<'a>(_: &'a [u8], _: &Limits) -> Result<Animation<'a>> {
    Err(Error::Unsupported("this build reads no sequences".to_string()))
}
