//! Pictures that a [helper](crate::decode::helper) decodes.

use super::canvas::Canvas;
use super::pixels::Planes;
use super::{Announced, painted};
use crate::decode::estimate::LEAST;
use crate::decode::frame::{Frame, Meaning};
use crate::decode::helper::{Codec, Helper, Request};
use crate::error::Result;

/// Memory that decoding a picture takes on both sides, by its pixels, planes of their size at the most, and bytes of a sample.
pub(super) fn memory(pixels: u64, planes: u64, sample: u64) -> u64 {
    // The decoder's own, filtered, and grained, what it sends, what arrives, and one to spare; and blocks' properties.
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
    let Announced { pixels, memory, .. } = *announced;
    let frame = helper.decode(Request { codec, pixels, memory, count: 1 }, data)?;
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
    let meaning =
        meaning.or(announced.meaning).unwrap_or_else(|| frame.meaning.with_primaries(announced.primaries));
    match frame.depth {
        8 => painted(&planes(frame, announced, frame.planes()), meaning, luma, spare),
        _ => {
            let samples = frame.planes().map(|plane| plane.as_chunks::<2>().0);
            painted(&planes(frame, announced, samples), meaning, luma, spare)
        }
    }
}

fn planes<'a, T>(frame: &Frame, announced: &Announced, planes: [&'a [T]; 3]) -> Planes<'a, T> {
    let (across, _) = frame.chroma.shift();
    Planes {
        width: frame.width,
        height: frame.height,
        depth: frame.depth,
        chroma: frame.chroma,
        rules: announced.rules,
        planes,
        strides: [frame.width, frame.width.div_ceil(1 << across)],
    }
}
