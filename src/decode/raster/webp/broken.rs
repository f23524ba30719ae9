//! What there is of a WebP whose picture's data is broken, although the file is as long as it announces.
//!
//! The decoders give all of a picture or nothing, and browsers show the rows before the break. So the data is decoded twice more, with other bytes
//! behind it each time: rows that come out alike come of the data itself.

use image::ImageDecoder;

use super::content::{ALPHA, Chunk, Content, FLAGS, chunks, size};
use super::open;
use crate::decode::raster::blank;

/// Bytes that are put behind the data, one after the other until two of them give a picture.
const FILLERS: [u8; 4] = [0, 0xFF, 0x55, 0x33];

/// Pixels of a picture that is tried, at most.
const MOST_PIXELS: u64 = 1 << 22;

/// Memory that this takes besides a picture's own, in bytes: the longer file, and what decoders hold of it.
pub(super) fn memory(content: &Content) -> u64 {
    let pixels = u64::from(content.frame.0) * u64::from(content.frame.1);
    if pixels > MOST_PIXELS || content.animated {
        return 0;
    }
    let more = filling(content.lossless, pixels);
    let longer = if content.lossless { more } else { 3 * more };
    let of_alpha = if content.alpha { 2 * filling(true, pixels) } else { 0 };
    // The opacity of pixels too.
    2 * content.coded as u64 + longer + of_alpha + pixels
}

/// Bytes that pixels may take, of such as decoders find in what is no picture.
fn filling(is_lossless: bool, pixels: u64) -> u64 {
    4096 + if is_lossless { 4 * pixels } else { pixels / 2 }
}

/// The picture, in as many channels as a decoder of the file has, and how many of its rows are the data's. `None` where there are none.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Option<u32> {
    let mut first: Option<Vec<u32>> = None;
    for filler in FILLERS {
        let file = lengthened(bytes, filler)?;
        let decoder = open(&Content::of(&file), &file).ok()?;
        let (width, height) = decoder.dimensions();
        let stride = width as usize * usize::from(decoder.color_type().bytes_per_pixel());
        blank(samples, stride * height as usize).ok()?;
        if decoder.read_image(samples).is_err() {
            continue;
        }
        let rows: Vec<u32> = samples.chunks_exact(stride).map(crc32fast::hash).collect();
        if let Some(other) = &first {
            let same = rows.iter().zip(other).take_while(|(row, other)| row == other).count();
            samples[same * stride..].fill(0);
            return Some(same as u32).filter(|same| *same > 0);
        }
        first = Some(rows);
    }
    None
}

/// The picture's chunks with more behind their data.
fn lengthened(bytes: &[u8], filler: u8) -> Option<Vec<u8>> {
    let first = |names: &[&[u8]]| chunks(bytes.get(12..)?).find(|chunk| names.contains(&chunk.name));
    let data = first(&[b"VP8 ", b"VP8L"])?;
    let (width, height) = size(&data)?;
    let pixels = u64::from(width) * u64::from(height);
    let is_announced = bytes.get(12..16) == Some(b"VP8X") && bytes.get(FLAGS)? & ALPHA != 0;
    let alpha = first(&[b"ALPH"]).filter(|_| is_announced && data.name == b"VP8 ");
    if pixels == 0 || pixels > MOST_PIXELS {
        return None;
    }
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    if alpha.is_some() {
        let ([w, x, y, _], [h, i, j, _]) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
        file.extend([b"VP8X\x0a\0\0\0", &[ALPHA, 0, 0, 0, w, x, y, h][..], &[i, j]].concat());
    }
    let mut put = |chunk: Chunk<'_>, more: u64| {
        let length = (chunk.data.len() + more as usize).next_multiple_of(2);
        file.extend(chunk.name);
        file.extend((length as u32).to_le_bytes());
        let start = file.len();
        file.extend(chunk.data);
        file.resize(start + length, filler);
    };
    alpha.into_iter().for_each(|alpha| put(alpha, filling(true, pixels)));
    put(data, filling(data.name == b"VP8L", pixels));
    let length = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&length);
    Some(file)
}
