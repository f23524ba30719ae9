//! The Quite OK Image format, version 1.0. A file that breaks off keeps its rows.

use super::{Opacity, Raster, blank, share};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result};

/// Bytes before the pixels.
const HEADER: usize = 14;

/// Pixels that codes may name by their place.
const SEEN: usize = 64;

/// Width and height.
fn size(bytes: &[u8]) -> Result<(u32, u32)> {
    let sides = bytes.get(4..12).map(|sides| sides.as_chunks::<4>().0);
    match sides {
        Some([width, height]) if bytes.len() >= HEADER => {
            Ok((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
        }
        _ => Err(Error::corrupt(Format::Qoi.name(), "it breaks off")),
    }
}

/// What decoding takes: colours and opacity.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    Ok(Estimate::new(Format::Qoi, size(bytes)?, 4))
}

/// Decodes a file.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Result<Raster> {
    let (width, height) = size(bytes)?;
    let pixels = width as usize * height as usize;
    blank(samples, pixels * 3)?;
    let mut opacity = Opacity::new(pixels);
    let mut codes = Codes {
        bytes: bytes.get(HEADER..).unwrap_or_default(),
        pixel: [0, 0, 0, 255],
        seen: [[0; 4]; SEEN],
        run: 0,
    };
    let mut done = 0;
    for to in samples.as_chunks_mut::<3>().0 {
        let Some([r, g, b, alpha]) = codes.next() else { break };
        *to = [r, g, b];
        if alpha < u8::MAX {
            opacity.note(done, std::iter::once(alpha));
        }
        done += 1;
    }
    let whole = match done == pixels {
        true => None,
        false => share(
            Format::Qoi,
            (done / (width as usize).max(1)) as u32,
            height,
            &"the file ends before its pixels do",
        )?,
    };
    let viewing = Viewing::default();
    Ok(Raster { width, height, channels: 3, whole, orientation: None, viewing, alpha: opacity.alpha })
}

/// What has not been decoded yet.
struct Codes<'a> {
    bytes: &'a [u8],
    /// R, G, B and alpha of the pixel before.
    pixel: [u8; 4],
    seen: [[u8; 4]; SEEN],
    /// How often the pixel before comes again.
    run: u8,
}

impl Codes<'_> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn next(&mut self) -> Option<[u8; 4]> {
        if self.run > 0 {
            self.run -= 1;
            return Some(self.pixel);
        }
        let [code] = self.take()?;
        let [r, g, b, alpha] = self.pixel;
        let low = code & 0x3F;
        self.pixel = match code {
            0xFE => {
                let [r, g, b] = self.take()?;
                [r, g, b, alpha]
            }
            0xFF => self.take()?,
            0..0x40 => self.seen[usize::from(low)],
            0x40..0x80 => {
                let moved = |level: u8, shift: u8| level.wrapping_add(low >> shift & 3).wrapping_sub(2);
                [moved(r, 4), moved(g, 2), moved(b, 0), alpha]
            }
            0x80..0xC0 => {
                let [both] = self.take()?;
                let green = low.wrapping_sub(32);
                let with = |level: u8, more: u8| level.wrapping_add(green).wrapping_add(more).wrapping_sub(8);
                [with(r, both >> 4), g.wrapping_add(green), with(b, both & 15), alpha]
            }
            0xC0.. => {
                self.run = low;
                return Some(self.pixel);
            }
        };
        let [r, g, b, alpha] = self.pixel.map(usize::from);
        self.seen[(r * 3 + g * 5 + b * 7 + alpha * 11) % SEEN] = self.pixel;
        Some(self.pixel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three pixels across and two down.
    fn file(codes: &[u8]) -> Vec<u8> {
        [b"qoif\0\0\0\x05\0\0\0\x05\x04\0", codes].concat()
    }

    #[test]
    fn every_code_is_read() {
        let codes = [
            &[0xFE, 10, 20, 30][..],
            // One more of each, then green by 5 and the others by 5 + 1 and 5 - 1.
            &[0x40 | 3 << 4 | 3 << 2 | 3],
            &[0x80 | 37, 0x97],
            // The first one again, by its place, and three times more.
            &[(10 * 3 + 20 * 5 + 30 * 7 + 255 * 11) as u8 % 64],
            &[0xC0 | 2],
            &[0xFF, 1, 2, 3, 4],
            &[0xC0 | 15],
        ]
        .concat();
        let mut samples = Vec::new();
        let raster = decode(&file(&codes), &mut samples).unwrap();
        let pixels: Vec<[u8; 3]> = samples.as_chunks::<3>().0[..9].to_vec();
        let first = [10, 20, 30];
        assert_eq!(pixels[..7], [first, [11, 21, 31], [17, 26, 35], first, first, first, first]);
        assert_eq!(pixels[7..], [[1, 2, 3]; 2]);
        assert_eq!((raster.alpha[6], raster.alpha[7], raster.alpha.len()), (255, 4, 25));
        assert_eq!(raster.whole, Some(0.8));
        assert!(decode(&file(&[]), &mut samples).is_err());
    }
}
