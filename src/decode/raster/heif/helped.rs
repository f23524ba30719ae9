//! Pictures that a [helper](crate::decode::helper) decodes.

use super::canvas::Canvas;
use super::pixels::Planes;
use super::{Announced, painted};
use crate::decode::estimate::LEAST;
use crate::decode::frame::{Frame, Meaning};
use crate::decode::helper::{Codec, Helper};
use crate::error::Result;

/// Memory that decoding a picture takes on both sides, by its pixels, planes of their size at the most, and bytes of a sample.
pub(super) fn memory(pixels: u64, planes: u64, sample: u64) -> u64 {
    // The decoder's own, filtered, and grained, what it sends, what arrives, and that as numbers; and blocks' properties.
    pixels.saturating_mul(planes * sample * 6 + 4).saturating_add(16 * LEAST)
}

/// Decodes a picture; where neither a table nor `announced` says how its colours are meant, its decoder does.
pub(super) fn picture(
    (codec, data): (Codec, &[u8]),
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    helper: &mut Helper,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let frame = helper.decode(codec, data, announced.pixels, announced.memory)?;
    shown(&frame, announced, meaning, luma, spare)
}

/// What is shown of a decoded picture.
pub(super) fn shown(
    frame: &Frame,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let meaning = meaning.or(announced.meaning).unwrap_or(frame.meaning);
    let (width, height, depth, chroma) = (frame.width, frame.height, frame.depth, frame.chroma);
    let (across, _) = chroma.shift();
    let strides = [width, width.div_ceil(1 << across)];
    let bytes = frame.planes();
    if depth == 8 {
        let planes = Planes { width, height, depth, chroma, planes: bytes, strides };
        return painted(&planes, meaning, luma, spare);
    }
    let [y, cb, cr] = bytes.map(|plane| -> Vec<u16> {
        plane.as_chunks::<2>().0.iter().map(|sample| u16::from_le_bytes(*sample)).collect()
    });
    let planes = Planes { width, height, depth, chroma, planes: [&y[..], &cb, &cr], strides };
    painted(&planes, meaning, luma, spare)
}
