//! Strips and tiles that are packed as the `tiff` crate cannot read them: unpacked, behind the file's end.

use tiff::tags::Tag;
use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::super::lengthen;
use super::changes::{BEHIND, Changes, NOWHERE};
use super::fax::{self, Coding};
use crate::error::Result;

/// How strips or tiles are packed.
#[derive(Clone, Copy, PartialEq)]
enum Packed {
    /// LZW as it was before TIFF 6.0: bits from the low end, and codes that grow one later.
    OldLzw,
    /// The bits of each byte in reverse order.
    Reversed,
    /// CCITT Group 3, of rows so wide.
    Fax { coding: Coding, width: u32, reversed: bool },
}

/// What unpacking will give.
pub(super) struct Unpacked {
    packed: Packed,
    /// Tags of the lists, and what these say.
    names: [Tag; 2],
    places: Vec<u64>,
    lengths: Vec<u64>,
    /// Bytes that each has when it is unpacked.
    needs: Vec<u64>,
}

/// What is to be unpacked of a page, if the crate cannot do it.
pub(super) fn unpacked(page: &Changes<'_, '_>) -> Option<Unpacked> {
    let is_reversed = page.value(Tag::FillOrder) == Some(2);
    let compression = page.value(Tag::Compression).unwrap_or(1);
    if matches!(compression, 6 | 7) || !is_reversed && !matches!(compression, 2 | 3 | 5) {
        return None;
    }
    let (across, _, tiled) = page.cell()?;
    let names = match tiled {
        true => [Tag::TileOffsets, Tag::TileByteCounts],
        false => [Tag::StripOffsets, Tag::StripByteCounts],
    };
    let [places, lengths] = [page.values(names[0])?.into_owned(), page.values(names[1])?.into_owned()];
    let needs: Vec<u64> = (0..places.len() as u64).map(|index| needed(page, index)).collect::<Option<_>>()?;
    let file = page.directory.bytes;
    let start = slice(file, *places.first()?, 2)?;
    let (packed, lengths) = match compression {
        5 if !is_reversed && start[0] == 0 && start.get(1).is_some_and(|byte| byte & 1 == 1) => {
            (Packed::OldLzw, lengths)
        }
        2 | 3 => {
            let coding = coding(page, compression)?;
            (Packed::Fax { coding, width: u32::try_from(across).ok()?, reversed: is_reversed }, lengths)
        }
        1 if is_reversed => (Packed::Reversed, needs.clone()),
        _ if is_reversed => (Packed::Reversed, lengths),
        _ => return None,
    };
    let unpacked = Unpacked { packed, names, places, lengths, needs };
    // What is written is bounded by the page, or by the file.
    (packed != Packed::Reversed || unpacked.bytes() <= file.len() as u64).then_some(unpacked)
}

/// How Group 3 codes a page's rows; `None` where it is not read: a page of more than one bit, or with rows that are not coded.
fn coding(page: &Changes<'_, '_>, compression: u64) -> Option<Coding> {
    const UNCOMPRESSED: u64 = 2;
    let one = |tag| page.value(tag).unwrap_or(1) == 1;
    let options = page.value(T4_OPTIONS).unwrap_or(0);
    if !one(Tag::BitsPerSample) || !one(Tag::SamplesPerPixel) || options & UNCOMPRESSED != 0 {
        return None;
    }
    Some(match compression {
        2 => Coding::Runs,
        _ if options & 1 == 1 => Coding::TwoDimensional,
        _ => Coding::Lines,
    })
}

/// What is said of Group 3 (TIFF 6.0, section 11).
const T4_OPTIONS: Tag = Tag::Unknown(292);

/// Bytes of a strip's or tile's samples.
fn needed(page: &Changes<'_, '_>, index: u64) -> Option<u64> {
    let (across, down, tiled) = page.cell()?;
    let is_planar = page.value(Tag::PlanarConfiguration) == Some(2);
    let samples = if is_planar { 1 } else { page.value(Tag::SamplesPerPixel).unwrap_or(1) };
    let bits = page.value(Tag::BitsPerSample).unwrap_or(1).checked_mul(samples)?;
    let height = page.value(Tag::ImageLength)?;
    let rows = if tiled { down } else { down.min(height - index % height.div_ceil(down) * down) };
    across.checked_mul(bits)?.div_ceil(8).checked_mul(rows)
}

impl Unpacked {
    fn rooms(&self) -> &[u64] {
        if self.packed == Packed::Reversed { &self.lengths } else { &self.needs }
    }

    /// Bytes of all that will be written.
    pub(super) fn bytes(&self) -> u64 {
        self.rooms().iter().fold(0, |all, length| all.saturating_add(*length))
    }

    /// Unpacks everything, to lie behind the file's end, and notes in the directory where.
    pub(super) fn write(self, page: &mut Changes<'_, '_>) -> Result<Vec<u8>> {
        let file = page.directory.bytes;
        let mut data = Vec::new();
        lengthen(&mut data, self.bytes() as usize)?;
        let (mut places, mut rest) = (Vec::new(), &mut data[..]);
        let mut place = BEHIND;
        let rooms = self.rooms().to_vec();
        for ((from, length), room) in self.places.iter().zip(&self.lengths).zip(&rooms) {
            let (to, after) = rest.split_at_mut(*room as usize);
            let is_whole = slice(file, *from, *length).is_some_and(|stored| match self.packed {
                Packed::OldLzw => unpack(stored, to) == to.len(),
                Packed::Fax { coding, width, reversed } => {
                    let bytes = stored.iter().map(|byte| if reversed { byte.reverse_bits() } else { *byte });
                    fax::unpack(bytes, coding, width, to) == to.len()
                }
                Packed::Reversed => {
                    to.iter_mut().zip(stored).for_each(|(to, from)| *to = from.reverse_bits());
                    stored.len() == to.len()
                }
            });
            places.push(if is_whole { place } else { NOWHERE });
            (rest, place) = (after, place + room);
        }
        page.set(self.names[0], places);
        page.set(self.names[1], rooms);
        page.remove(Tag::FillOrder);
        if self.packed != Packed::Reversed {
            page.set(Tag::Compression, vec![1]);
        }
        Ok(data)
    }
}

/// As much of a strip as is in the file.
fn slice(file: &[u8], place: u64, length: u64) -> Option<&[u8]> {
    let rest = file.get(usize::try_from(place).ok()?..)?;
    rest.get(..rest.len().min(usize::try_from(length).ok()?)).filter(|data| !data.is_empty())
}

/// Unpacks a strip; returns how many bytes came.
fn unpack(stored: &[u8], to: &mut [u8]) -> usize {
    let mut decoder = Decoder::new(BitOrder::Lsb, 8);
    let (mut read, mut written) = (0, 0);
    while written < to.len() {
        let step = decoder.decode_bytes(&stored[read..], &mut to[written..]);
        (read, written) = (read + step.consumed_in, written + step.consumed_out);
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            _ => break,
        }
    }
    written
}
