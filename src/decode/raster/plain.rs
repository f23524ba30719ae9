//! Formats that give all of a picture or nothing, through `image`: icons and cursors of Windows by their largest picture, and portable any-maps.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::ico::IcoDecoder;
use image::codecs::pnm::PnmDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::{Opacity, Raster, blank, png};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result, words_alone};
use crate::limits::{self, Limits};

/// What decoding takes: the samples as they are stored, as they are given, and the file once more.
pub(super) fn estimate(format: Format, bytes: &[u8]) -> Result<Estimate> {
    let file = chosen(format, bytes)?;
    if let Some(png) = png_within(format, &file) {
        return Ok(Estimate { format, ..png::estimate(png)?.and(bytes.len() as u64) });
    }
    let decoder = open(format, &file)?;
    let stored = u64::from(decoder.color_type().bytes_per_pixel());
    let estimate = Estimate::new(format, decoder.dimensions(), 2 * stored + 5);
    Ok(estimate.and(3 * bytes.len() as u64))
}

/// Decodes a file; one that is cut is corrupt.
pub(super) fn decode(format: Format, bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let file = chosen(format, bytes)?;
    if let Some(png) = png_within(format, &file) {
        return png::decode(png, limits, samples);
    }
    let decoder = open(format, &file)?;
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    let length = usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX);
    let mut stored = Vec::new();
    blank(&mut stored, length)?;
    decoder.read_image(&mut stored).map_err(|error| problem(format, error))?;
    let channels = usize::from(colour.channel_count());
    let sample = usize::from(colour.bytes_per_pixel()) / channels.max(1);
    let (colours, has_alpha) = match colour {
        ColorType::L8 | ColorType::L16 => (1, false),
        ColorType::La8 | ColorType::La16 => (1, true),
        ColorType::Rgb8 | ColorType::Rgb16 => (3, false),
        ColorType::Rgba8 | ColorType::Rgba16 => (3, true),
        _ => return Err(Error::Unsupported(format!("{format} with samples of the kind {colour:?}"))),
    };
    // Of 16 bits, in the machine's order, the high byte.
    let high = if sample == 2 && cfg!(target_endian = "little") { 1 } else { 0 };
    let pixels = || stored.chunks_exact(channels * sample);
    blank(samples, width as usize * height as usize * colours)?;
    for (to, from) in samples.chunks_exact_mut(colours).zip(pixels()) {
        to.iter_mut().zip(from.chunks_exact(sample)).for_each(|(to, from)| *to = from[high]);
    }
    let mut opacity = Opacity::new(width as usize * height as usize);
    if has_alpha {
        opacity.note(0, pixels().map(|pixel| pixel[colours * sample + high]));
    }
    let viewing = Viewing::default();
    Ok(Raster {
        width,
        height,
        channels: colours,
        whole: None,
        orientation: None,
        viewing,
        alpha: opacity.alpha,
    })
}

/// The part of a file that is read.
fn chosen(format: Format, bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if format != Format::Ico {
        return Ok(bytes.into());
    }
    let largest = largest(bytes).ok_or_else(|| Error::corrupt(format.name(), "its directory breaks off"))?;
    Ok(largest.into())
}

/// The PNG that an icon of one picture holds.
fn png_within(format: Format, file: &[u8]) -> Option<&[u8]> {
    let content = file.get(ICON_HEADER..).filter(|_| format == Format::Ico)?;
    (Format::sniff(content) == Some(Format::Png)).then_some(content)
}

/// Bytes before the content of an icon of one picture.
const ICON_HEADER: usize = 22;

/// An icon with its largest picture alone, of several the one with most bits: what browsers show.
fn largest(bytes: &[u8]) -> Option<Vec<u8>> {
    let (start, entries) = entries(bytes)?;
    alone(bytes, start, &entries[chosen_entry(start, entries)?])
}

/// The pictures of an icon that viewers do not choose, each alone in a file, in the order of the directory; `None` in the place of one that is not in
/// the file, or that shares its bytes with so many others that all of them together are several times the file.
pub(in crate::decode) fn others(bytes: &[u8]) -> impl Iterator<Item = Option<Vec<u8>>> + '_ {
    let (start, entries) = entries(bytes).unwrap_or((&[0; 4], &[]));
    let chosen = chosen_entry(start, entries);
    let others = entries.iter().enumerate().filter(move |(number, _)| Some(*number) != chosen);
    let mut left = SHARED * bytes.len();
    others.map(move |(_, entry)| {
        let file = alone(bytes, start, entry)?;
        left = left.checked_sub(file.len())?;
        Some(file)
    })
}

/// How many times as long as the file its pictures may be together.
const SHARED: usize = 8;

/// How many pictures an icon has.
pub(in crate::decode) fn count(bytes: &[u8]) -> u64 {
    entries(bytes).map_or(0, |(_, entries)| entries.len() as u64)
}

/// Pictures of one icon that are looked at. Real icons have about ten.
pub(in crate::decode) const MOST_OF_ICON: u64 = 256;

/// Memory that the largest of an icon's further pictures takes, in bytes, with the files that they are put into.
pub(super) fn icon_memory(bytes: &[u8]) -> u64 {
    let estimates = others(bytes).take(MOST_OF_ICON as usize).flatten();
    let most = estimates.filter_map(|file| estimate(Format::Ico, &file).ok()).map(|one| one.memory).max();
    most.map_or(0, |most| most.saturating_add(2 * bytes.len() as u64))
}

/// The first bytes of an icon, which say of what kind it is, and its directory.
fn entries(bytes: &[u8]) -> Option<(&[u8; 4], &[[u8; 16]])> {
    let (start, rest) = bytes.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first_chunk()?;
    let entries = rest.as_chunks::<16>().0;
    Some((start, &entries[..entries.len().min(u16::from_le_bytes(*count).into())]))
}

/// The number of the largest picture.
fn chosen_entry(start: &[u8; 4], entries: &[[u8; 16]]) -> Option<usize> {
    let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
    // Of a cursor there are no bits, but where it points.
    let bits = |entry: &[u8; 16]| if start[2] == 1 { u16::from_le_bytes([entry[6], entry[7]]) } else { 0 };
    // The first of several that are the same.
    let entries = entries.iter().enumerate().rev();
    entries.max_by_key(|(_, entry)| (side(entry[0]) * side(entry[1]), bits(entry))).map(|(number, _)| number)
}

/// An icon with one of its pictures alone.
fn alone(bytes: &[u8], start: &[u8; 4], entry: &[u8; 16]) -> Option<Vec<u8>> {
    let [length, place] =
        [8, 12].map(|at| entry[at..].first_chunk().map_or(0, |number| u32::from_le_bytes(*number)));
    let content = bytes.get(usize::try_from(place).ok()?..)?;
    let content = content.get(..usize::try_from(length).ok()?).unwrap_or(content);
    let place = [(content.len() as u32).to_le_bytes(), (ICON_HEADER as u32).to_le_bytes()];
    Some([&start[..], &1u16.to_le_bytes(), &entry[..8], place.as_flattened(), content].concat())
}

fn open(format: Format, bytes: &[u8]) -> Result<Box<dyn ImageDecoder + '_>> {
    let source = Cursor::new(bytes);
    let opened: Result<Box<dyn ImageDecoder + '_>, ImageError> = match format {
        Format::Ico => IcoDecoder::new(source).map(|decoder| Box::new(decoder) as Box<dyn ImageDecoder>),
        _ => PnmDecoder::new(source).map(|decoder| Box::new(decoder) as Box<dyn ImageDecoder>),
    };
    opened.map_err(|error| problem(format, error))
}

fn problem(format: Format, error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(error) => Error::Unsupported(format!("{format}: {error}")),
        ImageError::Limits(_) => limits::refused(u64::MAX),
        error => Error::corrupt(format.name(), words_alone(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of an icon: its side, bits and bytes.
    type Pictured<'a> = (u8, u16, &'a [u8]);

    /// A file of an icon's pictures.
    fn icon(pictures: &[Pictured<'_>]) -> Vec<u8> {
        let mut file = [&[0, 0, 1, 0][..], &(pictures.len() as u16).to_le_bytes()].concat();
        let mut place = 6 + 16 * pictures.len();
        for (side, bits, content) in pictures {
            file.extend([*side, *side, 0, 0, 1, 0]);
            file.extend(bits.to_le_bytes());
            file.extend((content.len() as u32).to_le_bytes());
            file.extend((place as u32).to_le_bytes());
            place += content.len();
        }
        pictures.iter().for_each(|(_, _, content)| file.extend(*content));
        file
    }

    #[test]
    fn the_largest_picture_of_an_icon_is_taken() {
        let cases: [(&[Pictured<'_>], Pictured<'_>); 4] = [
            (&[(16, 32, b"small"), (64, 8, b"large")], (64, 8, b"large")),
            (&[(255, 32, b"small"), (0, 8, b"large"), (128, 32, b"other")], (0, 8, b"large")),
            (&[(16, 8, b"few"), (16, 32, b"many")], (16, 32, b"many")),
            (&[(16, 8, b"first"), (16, 8, b"second")], (16, 8, b"first")),
        ];
        for (pictures, expected) in cases {
            assert_eq!(largest(&icon(pictures)), Some(icon(&[expected])), "{pictures:?}");
        }
        for wrong in [&b""[..], &icon(&[]), &icon(&[(16, 8, b"first")])[..21]] {
            assert_eq!(largest(wrong), None);
        }
        let cut = icon(&[(16, 8, b"first")]);
        assert_eq!(largest(&cut[..24]), Some(icon(&[(16, 8, b"fi")])));
    }
}
