//! Pictures in AV1, which the [helper](crate::decode::helper) decodes.

use super::canvas::Canvas;
use super::pixels::Planes;
use super::{Announced, Coded, corrupt, painted};
use crate::decode::av1::Av1;
use crate::decode::estimate::LEAST;
use crate::decode::frame::Meaning;
use crate::error::Result;

/// What an AV1 picture takes, by the size that the tables have and its configuration (AV1 in ISOBMFF, 2.3.3). The decoder is held to these pixels.
pub(super) fn announced(coded: &Coded<'_>) -> Result<Announced> {
    let size = coded.size.filter(|(width, height)| *width > 0 && *height > 0);
    let size = size.ok_or_else(|| corrupt("its picture has no size"))?;
    let kind = coded.config.get(2).copied().unwrap_or(0b0100_1100);
    let is_grey = kind & 0b0001_0000 != 0;
    let sample = if kind & 0b0100_0000 != 0 { 2 } else { 1 };
    let pixels = u64::from(size.0) * u64::from(size.1);
    // Three planes at the most: the decoder's own, filtered, and grained, what it sends, what arrives, and that as numbers; and blocks' properties.
    let memory =
        pixels.saturating_mul(if is_grey { 1 } else { 3 } * sample * 6 + 4).saturating_add(16 * LEAST);
    Ok(Announced { size, is_grey, pixels, memory, meaning: None })
}

/// Decodes a picture.
pub(super) fn picture(
    coded: &Coded<'_>,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    decoder: &mut Av1,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let frame = decoder.decode(&coded.data, announced.pixels, announced.memory)?;
    let meaning = meaning.or(announced.meaning).unwrap_or(frame.meaning);
    let (width, height, depth, chroma) = (frame.width, frame.height, frame.depth, frame.chroma);
    let (across, _) = chroma.shift();
    let strides = [width, width.div_ceil(1 << across)];
    let bytes = frame.planes();
    if depth == 8 {
        return painted(
            &Planes { width, height, depth, chroma, planes: bytes, strides },
            meaning,
            luma,
            spare,
        );
    }
    let [y, cb, cr] = bytes.map(|plane| -> Vec<u16> {
        plane.as_chunks::<2>().0.iter().map(|sample| u16::from_le_bytes(*sample)).collect()
    });
    painted(
        &Planes { width, height, depth, chroma, planes: [&y[..], &cb, &cr], strides },
        meaning,
        luma,
        spare,
    )
}
