//! The frames of an animated WebP, each on what the others left (WebP container specification, "Animation").
//!
//! Each is decoded as a file of its own. The crate's own composition leaves out that frames are cleared.

use std::time::Duration;

use super::super::composed::{After, Canvas, Composed, Place, Shown, over};
use super::content::{Chunk, FRAME_HEAD, chunks, is_frame};
use super::{Raster, corrupt_text, decode, open, with_loss, without_loss};
use crate::decode::raster::webp::content::Content;
use crate::error::Result;

/// Flags: the frame takes the place of what is there, and goes when it was shown.
const REPLACES: u8 = 2;
const CLEARS: u8 = 1;

/// Bytes for the largest frame of a canvas, in the dearest coding, as a file of its own. How long the file is does not matter: each frame is decoded
/// by itself, so that only the longest one's data counts.
pub(in crate::decode::raster) fn frame_memory((width, height): (u32, u32), bytes: &[u8]) -> u64 {
    let coded = frames(bytes).map(|frame| frame.data.len()).max().unwrap_or(0);
    let pixels = u64::from(width) * u64::from(height);
    let memory = 2 * without_loss(pixels, coded) + with_loss((width, height), coded);
    memory.saturating_add(pixels.saturating_mul(4 + 1)).saturating_add(coded as u64)
}

/// How many frames there are; one that breaks off is among them.
pub(in crate::decode) fn count(bytes: &[u8]) -> u64 {
    frames(bytes).count() as u64
}

/// All frames.
pub(in crate::decode) fn of(bytes: &[u8]) -> Result<Composed<'_>> {
    let (width, height) = image::ImageDecoder::dimensions(&open(&Content::of(bytes), bytes)?);
    let mut canvas = Canvas::new((width as usize, height as usize))?;
    let (mut samples, mut is_over) = (Vec::new(), false);
    Ok(Box::new(frames(bytes).map_while(move |frame| {
        if is_over {
            return None;
        }
        let shown = draw(&frame, &mut canvas, &mut samples);
        is_over = shown.is_err();
        Some(shown)
    })))
}

fn frames(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    chunks(bytes.get(12..).unwrap_or_default()).filter(is_frame)
}

/// Draws a frame.
fn draw(frame: &Chunk<'_>, canvas: &mut Canvas, samples: &mut Vec<u8>) -> Result<Shown> {
    let cut = || corrupt_text("the file ends within a frame");
    let (head, data) = frame.data.split_first_chunk::<FRAME_HEAD>().ok_or_else(cut)?;
    if frame.missing > 0 {
        return Err(cut());
    }
    let three = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let [left, top, width, height] = [2 * three(0), 2 * three(3), three(6) + 1, three(9) + 1];
    let [left, top, across, down] = [left, top, width, height].map(|side| side as usize);
    let place = Place { left, top, width: across, height: down };
    if !canvas.holds(place) {
        return Err(corrupt_text("a frame lies outside of the picture"));
    }
    let file = alone(data, (width, height)).ok_or_else(|| corrupt_text("a frame has no picture"))?;
    let found = image::ImageDecoder::dimensions(&open(&Content::of(&file), &file)?);
    if found != (width, height) {
        return Err(corrupt_text("a frame's picture has another size than the frame announces"));
    }
    let Raster { alpha, whole, .. } = decode(&file, samples)?;
    if whole.is_some() {
        return Err(corrupt_text("a frame's data is broken"));
    }
    let after = if head[15] & CLEARS == 0 { After::Keep } else { After::Clear };
    let blends = head[15] & REPLACES == 0;
    canvas.draw(place, after, |row, line| {
        let from = row * across;
        let colours = samples[from * 3..].as_chunks::<3>().0;
        for (number, (pixel, [r, g, b])) in line.as_chunks_mut::<4>().0.iter_mut().zip(colours).enumerate() {
            let own = [*r, *g, *b, alpha.get(from + number).copied().unwrap_or(u8::MAX)];
            *pixel = if blends { over(own, *pixel) } else { own };
        }
    });
    canvas.shown(Duration::from_millis(three(12).into()))
}

/// A frame's picture as a file.
fn alone(data: &[u8], (width, height): (u32, u32)) -> Option<Vec<u8>> {
    let found = |name: &[u8; 4]| chunks(data).find(|chunk| chunk.name == name && chunk.missing == 0);
    let chunk = |name: &[u8], data: &[u8]| {
        let padding = &[0][..data.len() % 2];
        [name, &(data.len() as u32).to_le_bytes(), data, padding].concat()
    };
    let body = match (found(b"VP8L"), found(b"VP8 "), found(b"ALPH")) {
        (Some(lossless), ..) => chunk(lossless.name, lossless.data),
        (_, Some(lossy), None) => chunk(lossy.name, lossy.data),
        (_, Some(lossy), Some(alpha)) => {
            let side = |side: u32| (side - 1).to_le_bytes();
            let ([w, x, y, _], [h, i, j, _]) = (side(width), side(height));
            let head = chunk(b"VP8X", &[0x10, 0, 0, 0, w, x, y, h, i, j]);
            [head, chunk(alpha.name, alpha.data), chunk(lossy.name, lossy.data)].concat()
        }
        _ => return None,
    };
    let size = (body.len() as u32).checked_add(4)?;
    Some([b"RIFF", &size.to_le_bytes()[..], b"WEBP", &body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_short_frames_take_no_more_than_one() {
        let frame = |length: usize| [&b"ANMF"[..], &(length as u32).to_le_bytes(), &vec![0; length]].concat();
        let file = |lengths: &[usize]| {
            let frames: Vec<Vec<u8>> = lengths.iter().map(|length| frame(*length)).collect();
            [b"RIFF\0\0\0\0WEBP", &frames.concat()[..]].concat()
        };
        let memory = |lengths: &[usize]| frame_memory((30, 20), &file(lengths));
        assert_eq!(memory(&[1000; 500]), memory(&[1000]));
        assert_eq!(memory(&[10, 4000, 10]), memory(&[4000]));
        assert!(memory(&[4000]) >= memory(&[1000]) + 20 * 3000);
    }
}
