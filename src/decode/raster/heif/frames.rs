//! The pictures of a sequence as a player shows them, one after another.

use super::super::composed::{Composed, Shown};
use super::{Announced, announced, av1, corrupt, helped, hevc, meaning, sequence};
use crate::decode::helper::{Helper, Request};
use crate::error::Result;
use crate::limits::Limits;

/// Pictures of a sequence that are read: one more than [`MOST_FRAMES`](crate::decode::MOST_FRAMES), so that more of them show.
pub(super) const MOST_PICTURES: usize = crate::decode::MOST_FRAMES as usize + 1;

/// Memory that decoding a file's sequence takes, in bytes; 0 where it has none that is read.
pub(super) fn memory(bytes: &[u8]) -> u64 {
    let first = sequence::first(bytes).and_then(|(coded, _)| announced(&coded).ok());
    // The data of all pictures: in one piece, as the decoder takes it, sent, and kept there.
    first.map_or(0, |first| of_many(&first).saturating_add(4 * bytes.len() as u64))
}

/// Bytes for a picture, those that it is predicted from, and those that wait for their turn.
fn of_many(announced: &Announced) -> u64 {
    announced.memory.saturating_mul(4)
}

/// What is shown at each picture of a file's sequence, and the pixels of each; the first that is broken is the last.
pub(super) fn composed<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(u64, Composed<'a>)> {
    let all = sequence::all(bytes, MOST_PICTURES);
    let ((coded, colours), times) =
        all.ok_or_else(|| corrupt("the pictures of its sequence are not there"))?;
    let announced = announced(&coded)?;
    limits.check_size(announced.size.0, announced.size.1)?;
    limits.check_density(announced.pixels, bytes.len() as u64)?;
    let (codec, data) = match &coded.kind {
        b"hvc1" | b"hev1" => hevc::stream(&coded)?,
        _ => av1::stream(&coded)?,
    };
    let (pixels, count) = (announced.pixels, times.len() as u64);
    let pictures = Helper::pictures(Request { codec, pixels, memory: of_many(&announced), count }, &data)?;
    let meaning = meaning(&colours);
    let mut size = None;
    let frames = pictures.zip(times).map(move |(frame, time)| {
        let canvas = helped::shown(&frame?, &announced, meaning, false, Vec::new())?;
        let found = (canvas.width as u32, canvas.height as u32);
        let (width, height) = *size.get_or_insert(found);
        if found != (width, height) {
            return Err(corrupt("its pictures are of different sizes"));
        }
        let pixels = canvas.samples.chunks_exact(canvas.channels);
        let rgba = pixels.flat_map(|pixel| match *pixel {
            [r, g, b] => [r, g, b, u8::MAX],
            _ => [pixel[0], pixel[0], pixel[0], u8::MAX],
        });
        Ok(Shown { width, height, rgba: rgba.collect(), time })
    });
    Ok((pixels, Box::new(frames)))
}
