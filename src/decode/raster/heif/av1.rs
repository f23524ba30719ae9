//! Pictures in AV1.

use std::borrow::Cow;

use super::canvas::Canvas;
use super::pixels::Rules;
use super::{Announced, Coded, UNSPECIFIED, corrupt, helped};
use crate::decode::frame::Meaning;
use crate::decode::helper::{Codec, Helper};
use crate::error::Result;

mod header;

/// What an AV1 picture takes, by the size that the tables have and its configuration (AV1 in ISOBMFF, 2.3.3). The decoder is held to these pixels.
pub(super) fn announced(coded: &Coded<'_>) -> Result<Announced> {
    let size = coded.size.filter(|(width, height)| *width > 0 && *height > 0);
    let size = size.ok_or_else(|| corrupt("its picture has no size"))?;
    let kind = coded.config.get(2).copied().unwrap_or(0b0100_1100);
    let is_grey = kind & 0b0001_0000 != 0;
    let sample = if kind & 0b0100_0000 != 0 { 2 } else { 1 };
    let pixels = u64::from(size.0) * u64::from(size.1);
    let memory = helped::memory(pixels, if is_grey { 1 } else { 3 }, sample);
    let primaries = codes(coded).map_or(UNSPECIFIED, |[primaries, _]| primaries);
    Ok(Announced { size, is_grey, pixels, memory, meaning: None, primaries, rules: Rules::Libyuv })
}

/// The codes of primaries and transfer that the picture's own header has.
pub(super) fn codes(coded: &Coded<'_>) -> Option<[u8; 2]> {
    header::codes(&coded.data).or_else(|| header::codes(coded.config.get(4..)?))
}

/// What the decoder takes of many pictures.
pub(super) fn stream<'a>(coded: &'a Coded<'_>) -> Result<(Codec, Cow<'a, [u8]>)> {
    Ok((Codec::Av1, (&*coded.data).into()))
}

/// Decodes a picture.
pub(super) fn picture(
    coded: &Coded<'_>,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    helper: &mut Helper,
    spare: Vec<u8>,
) -> Result<Canvas> {
    helped::picture((Codec::Av1, &coded.data), announced, meaning, luma, helper, spare)
}
