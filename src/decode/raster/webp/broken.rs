//! What there is of a WebP whose picture's data is broken, although the file is as long as it announces.
//!
//! The decoders give all of a picture or nothing, and browsers show the rows before the break. So the data is decoded twice more, with other bytes
//! behind it each time: rows that come out alike come of the data itself.

use image::ImageDecoder;

use super::content::{ALPHA, Content, FLAGS, chunks, size};
use super::open;
use crate::decode::random::Random;
use crate::decode::raster::blank;

/// How often bytes are put behind the data, others each time, until two of them give a picture. What they say of a picture without loss may copy pixels
/// beyond its end, which its decoder refuses.
const TRIES: u8 = 12;

/// Rows that libwebp gives at a time of a picture without loss.
const AT_A_TIME: usize = 16;

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
    for number in 0..TRIES {
        let file = lengthened(bytes, number)?;
        let content = Content::of(&file);
        let is_lossless = content.lossless;
        let decoder = open(&content, &file).ok()?;
        let (width, height) = decoder.dimensions();
        let stride = width as usize * usize::from(decoder.color_type().bytes_per_pixel());
        blank(samples, stride * height as usize).ok()?;
        if decoder.read_image(samples).is_err() {
            continue;
        }
        let rows: Vec<u32> = samples.chunks_exact(stride).map(crc32fast::hash).collect();
        if let Some(other) = &first {
            let same = rows.iter().zip(other).take_while(|(row, other)| row == other).count();
            // Without loss browsers show rows by sixteen.
            let same = if is_lossless && same >= AT_A_TIME { same / AT_A_TIME * AT_A_TIME } else { same };
            samples[same * stride..].fill(0);
            return Some(same as u32).filter(|same| *same > 0);
        }
        first = Some(rows);
    }
    None
}

/// The picture's chunks with more behind their data.
fn lengthened(bytes: &[u8], number: u8) -> Option<Vec<u8>> {
    let first = |names: &[&[u8]]| chunks(bytes.get(12..)?).find(|chunk| names.contains(&chunk.name));
    let data = first(&[b"VP8 ", b"VP8L"])?;
    let (width, height) = size(&data)?;
    let pixels = u64::from(width) * u64::from(height);
    let is_announced = bytes.get(12..16) == Some(b"VP8X") && bytes.get(FLAGS)? & ALPHA != 0;
    let alpha = first(&[b"ALPH"]).filter(|_| is_announced && data.name == b"VP8 ");
    if pixels == 0 || pixels > MOST_PIXELS {
        return None;
    }
    let mut random = Random::of(&[number; 8]);
    let mut filler = move |length: u64| {
        let byte = |_| match number {
            0 => 0,
            1 => u8::MAX,
            _ => random.below(256) as u8,
        };
        (0..length).map(byte).collect::<Vec<u8>>()
    };
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    let mut put = |name: &[u8], parts: &[&[u8]]| {
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        file.extend(name);
        file.extend((length as u32).to_le_bytes());
        parts.iter().for_each(|part| file.extend(*part));
        file.resize(file.len().next_multiple_of(2), 0);
    };
    if let Some(alpha) = alpha {
        let ([w, x, y, _], [h, i, j, _]) = ((width - 1).to_le_bytes(), (height - 1).to_le_bytes());
        put(b"VP8X", &[&[ALPHA, 0, 0, 0, w, x, y, h, i, j]]);
        put(alpha.name, &[alpha.data, &filler(filling(true, pixels))]);
    }
    let is_lossless = data.name == b"VP8L";
    let behind = filler(filling(is_lossless, pixels));
    match (is_lossless, first_partition(data.data)) {
        (false, Some((tag, first, rest))) => {
            // Its first part has a length of its own (RFC 6386, 9.1).
            let more = filler((MOST_OF_FIRST - first.len() as u64).min(filling(false, pixels) / 8));
            let length = (first.len() + more.len()) as u32;
            let [a, b, c, _] = (tag & 0x1F | length << 5).to_le_bytes();
            put(data.name, &[&[a, b, c], &data.data[3..PARTITIONS], first, &more, rest, &behind]);
        }
        _ => put(data.name, &[data.data, &behind]),
    }
    let length = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&length);
    Some(file)
}

/// Bytes of lossy data before its partitions, and those that the first of these may have.
const PARTITIONS: usize = 10;
const MOST_OF_FIRST: u64 = (1 << 19) - 1;

/// The first three bytes of lossy data, its first partition, and what is behind that; `None` where that is nothing.
fn first_partition(data: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let [a, b, c, ..] = *data else { return None };
    let tag = u32::from_le_bytes([a, b, c, 0]);
    let (first, rest) = data.get(PARTITIONS..)?.split_at_checked((tag >> 5) as usize)?;
    Some((tag, first, rest))
}
