//! Icons and cursors of Windows by their largest picture: a PNG, or a bitmap without its first header and with a mask of what is open.

use super::{Raster, bmp, png};
use crate::decode::Format;
use crate::decode::estimate::Estimate;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// What decoding takes.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let content = content(bytes)?;
    if is_png(content) {
        return Ok(Estimate { format: Format::Ico, ..png::estimate(content)? });
    }
    let bitmap = Bitmap::of(content).ok_or_else(no_bitmap)?;
    let estimate = bmp::estimate(&bitmap.file)?;
    // The bitmap's file, and the opacity of pixels.
    Ok(Estimate { format: Format::Ico, ..estimate.and(bitmap.file.len() as u64).and(estimate.pixels) })
}

/// Decodes the largest picture. A bitmap that breaks off keeps its rows.
pub(super) fn decode(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let content = content(bytes)?;
    if is_png(content) {
        return png::decode(content, limits, samples);
    }
    let bitmap = Bitmap::of(content).ok_or_else(no_bitmap)?;
    let mut raster = bmp::decode(&bitmap.file, samples)?;
    let size = (raster.width as usize, raster.height as usize);
    if raster.alpha.is_empty() {
        raster.alpha = bitmap.opacity(size);
    }
    Ok(raster)
}

/// The PNG that viewers show of an icon, where it is one.
pub(super) fn png_of(bytes: &[u8]) -> Option<&[u8]> {
    content(bytes).ok().filter(|content| is_png(content))
}

fn is_png(content: &[u8]) -> bool {
    Format::sniff(content) == Some(Format::Png)
}

fn no_bitmap() -> Error {
    Error::corrupt(Format::Ico.name(), "its largest picture is neither a PNG nor a bitmap")
}

/// The largest picture, of several the one with most bits: what browsers show. It goes to the file's end, whatever length the directory names.
fn content(bytes: &[u8]) -> Result<&[u8]> {
    let breaks_off = |what: &str| Error::corrupt(Format::Ico.name(), format!("{what} breaks off"));
    let chosen = entries(bytes).and_then(|(start, entries)| Some(&entries[chosen_entry(start, entries)?]));
    let place = long(chosen.ok_or_else(|| breaks_off("its directory"))?, 12).unwrap_or(u32::MAX);
    bytes.get(place as usize..).filter(|content| !content.is_empty()).ok_or_else(|| breaks_off("it"))
}

/// A bitmap of an icon with a file's header, and what says which pixels are open.
struct Bitmap<'a> {
    file: Vec<u8>,
    /// Where the pixels begin in the file.
    pixels: usize,
    content: &'a [u8],
    bits: u16,
    from_top: bool,
    /// Whether the pixels are bytes of blue, green, red and alpha.
    may_have_alpha: bool,
}

/// Bytes of a bitmap file's header.
const FILE: usize = 14;

impl<'a> Bitmap<'a> {
    /// `None` where it begins with no header of a bitmap. The height that it announces counts the mask too.
    fn of(content: &'a [u8]) -> Option<Bitmap<'a>> {
        const MASKS: u32 = 3;
        const MASKS_WITH_ALPHA: u32 = 6;
        let header = long(content, 0).filter(|header| (40..=124).contains(header))? as usize;
        let (height, bits) = (long(content, 8)?.cast_signed(), short(content, 14)?);
        let (compression, colours) = (long(content, 16)?, long(content, 32)?);
        let masks = match (header, compression) {
            (40, MASKS) => 12,
            (40, MASKS_WITH_ALPHA) => 16,
            _ => 0,
        };
        let palette = match (bits, colours) {
            (1..=8, 1..=256) => colours.min(1 << bits) as usize,
            (1..=8, _) => 1 << bits,
            _ => colours.min(256) as usize,
        };
        let pixels = FILE + header + masks + 4 * palette;
        let mut file = Vec::new();
        file.try_reserve_exact(FILE + content.len()).ok()?;
        file.extend(b"BM\0\0\0\0\0\0\0\0");
        file.extend((pixels as u32).to_le_bytes());
        file.extend(content);
        file[FILE + 8..FILE + 12].copy_from_slice(&(height / 2).to_le_bytes());
        let may_have_alpha = bits == 32 && compression == 0;
        Some(Bitmap { file, pixels, content, bits, from_top: height < 0, may_have_alpha })
    }

    /// The opacity of pixels: of 32 bits the fourth byte where any is more than 0, else the mask behind the pixels. Empty where all are opaque, and
    /// whatever is not in the file is opaque as well.
    fn opacity(&self, (width, height): (usize, usize)) -> Vec<u8> {
        let stride = (width * usize::from(self.bits)).div_ceil(32) * 4;
        let from = self.pixels - FILE;
        let mut alpha = vec![u8::MAX; width * height];
        let line = |row: usize| if self.from_top { row } else { height - 1 - row };
        if self.may_have_alpha {
            let rows = self.content.get(from..).unwrap_or_default().chunks(stride.max(1)).take(height);
            for (row, stored) in rows.enumerate() {
                let to = &mut alpha[line(row) * width..][..width];
                to.iter_mut().zip(stored.as_chunks::<4>().0).for_each(|(to, pixel)| *to = pixel[3]);
            }
            if alpha.iter().any(|alpha| *alpha > 0) {
                return if alpha.iter().all(|alpha| *alpha == u8::MAX) { Vec::new() } else { alpha };
            }
            alpha.fill(u8::MAX);
        }
        let mask = self.content.get(from + stride * height..).unwrap_or_default();
        for (row, stored) in mask.chunks(width.div_ceil(32) * 4).take(height).enumerate() {
            for (column, to) in alpha[line(row) * width..][..width].iter_mut().enumerate() {
                if stored.get(column / 8).is_some_and(|byte| byte >> (7 - column % 8) & 1 == 1) {
                    *to = 0;
                }
            }
        }
        if alpha.contains(&0) { alpha } else { Vec::new() }
    }
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
pub(super) fn memory_of_others(bytes: &[u8]) -> u64 {
    let estimates = others(bytes).take(MOST_OF_ICON as usize).flatten();
    let most = estimates.filter_map(|file| estimate(&file).ok()).map(|one| one.memory).max();
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
    // A cursor has no bits there, but where it points. Then the number of colours says how many bits they take, as in browsers.
    let bits = |entry: &[u8; 16]| {
        let stored = if start[2] == 1 { u32::from(u16::from_le_bytes([entry[6], entry[7]])) } else { 0 };
        if stored > 0 { stored } else { u32::BITS - (side(entry[2]) - 1).leading_zeros() }
    };
    // The first of several that are the same.
    let entries = entries.iter().enumerate().rev();
    entries.max_by_key(|(_, entry)| (side(entry[0]) * side(entry[1]), bits(entry))).map(|(number, _)| number)
}

/// An icon with one of its pictures alone. One whose length is 0 goes to the file's end.
fn alone(bytes: &[u8], start: &[u8; 4], entry: &[u8; 16]) -> Option<Vec<u8>> {
    /// Bytes before the content of an icon of one picture.
    const HEADER: u32 = 22;
    let (length, place) = (long(entry, 8)?, long(entry, 12)?);
    let content = bytes.get(usize::try_from(place).ok()?..)?;
    let content = content.get(..usize::try_from(length).ok()?).filter(|_| length > 0).unwrap_or(content);
    let place = [(content.len() as u32).to_le_bytes(), HEADER.to_le_bytes()];
    Some([&start[..], &1u16.to_le_bytes(), &entry[..8], place.as_flattened(), content].concat())
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of an icon: its side, colours, bits and bytes.
    type Pictured<'a> = (u8, u8, u16, &'a [u8]);

    /// A file of an icon's (1) or a cursor's (2) pictures.
    fn icon(kind: u8, pictures: &[Pictured<'_>]) -> Vec<u8> {
        let mut file = [&[0, 0, kind, 0][..], &(pictures.len() as u16).to_le_bytes()].concat();
        let mut place = 6 + 16 * pictures.len();
        for (side, colours, bits, content) in pictures {
            file.extend([*side, *side, *colours, 0, 1, 0]);
            file.extend(bits.to_le_bytes());
            file.extend((content.len() as u32).to_le_bytes());
            file.extend((place as u32).to_le_bytes());
            place += content.len();
        }
        pictures.iter().for_each(|(.., content)| file.extend(*content));
        file
    }

    #[test]
    fn the_largest_picture_of_an_icon_is_taken() {
        let cases: [(u8, &[Pictured<'_>], &[u8]); 7] = [
            (1, &[(16, 0, 32, b"small"), (64, 0, 8, b"large")], b"large"),
            (1, &[(255, 0, 32, b"small"), (0, 0, 8, b"large"), (128, 0, 32, b"other")], b"large"),
            (1, &[(16, 0, 8, b"few"), (16, 0, 32, b"many")], b"many"),
            (1, &[(16, 0, 8, b"first"), (16, 0, 8, b"second")], b"first"),
            // Where bits are not said, colours are counted; 0 are 256.
            (1, &[(16, 4, 0, b"few"), (16, 0, 0, b"many")], b"many"),
            (1, &[(16, 16, 0, b"many"), (16, 2, 3, b"few")], b"many"),
            (2, &[(16, 4, 5000, b"few"), (16, 200, 1, b"many")], b"many"),
        ];
        for (kind, pictures, expected) in cases {
            let file = icon(kind, pictures);
            assert!(content(&file).unwrap().starts_with(expected), "{pictures:?}");
        }
        for wrong in [&b""[..], &icon(1, &[]), &icon(1, &[(16, 0, 8, b"first")])[..21]] {
            assert!(content(wrong).is_err());
        }
        let cut = icon(1, &[(16, 0, 8, b"first")]);
        assert_eq!(content(&cut[..24]).unwrap(), b"fi");
        assert!(content(&cut[..22]).is_err());
    }

    #[test]
    fn every_picture_but_the_largest_is_another() {
        let file = icon(1, &[(16, 0, 8, b"first"), (64, 0, 8, b"large"), (16, 0, 8, b"")]);
        let others: Vec<Option<Vec<u8>>> = others(&file).collect();
        assert_eq!(others[0].as_deref(), Some(&icon(1, &[(16, 0, 8, b"first")])[..]));
        // One without a length goes to the end, where nothing is left here.
        assert_eq!((others.len(), count(&file)), (2, 3));
    }
}
