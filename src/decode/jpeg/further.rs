//! The pictures behind the first of a JPEG in the Multi-Picture Format (CIPA DC-007): whole JPEGs that an APP2 segment of the first one lists.
//!
//! Viewers show the first alone; those that know the format show the others too, such as the second eye's of a stereo camera. Phones list gain maps
//! there, and cameras smaller copies of the picture: neither is another picture to look at.

use std::ops::Range;

use memchr::memmem;

use super::marker::{self, Markers};

/// The others, each where it is in the file, in the order of the list; `None` in the place of one that is not there. Empty without a list.
pub(in crate::decode) fn others(bytes: &[u8]) -> Vec<Option<&[u8]>> {
    let picture = |entry: Entry| bytes.get(entry.place).filter(|picture| !picture.is_empty());
    entries(bytes).unwrap_or_default().into_iter().map(picture).collect()
}

/// How many pictures the file lists, the first included.
pub(in crate::decode) fn count(bytes: &[u8]) -> u64 {
    1 + entries(bytes).map_or(0, |entries| entries.len() as u64)
}

/// Others that are looked at for what they are; a list of more is one of pictures.
const MOST: usize = 64;

/// Bytes of another in which it says what it is: the longest segments are of 64 KiB.
const MOST_HEADERS: usize = 1 << 18;

/// Whether one of the others is a picture by itself: neither a smaller copy of the first, nor what only helps to show that one.
pub(in crate::decode) fn are_pictures(bytes: &[u8]) -> bool {
    let entries = entries(bytes).unwrap_or_default();
    let is_picture = |entry: Entry| {
        let picture = bytes.get(entry.place).unwrap_or_default();
        !entry.is_smaller
            && picture.starts_with(&[0xFF, marker::SOI, 0xFF])
            && !is_auxiliary(&picture[..picture.len().min(MOST_HEADERS)])
    };
    entries.len() > MOST || entries.into_iter().any(is_picture)
}

/// An entry of the list.
struct Entry {
    place: Range<usize>,
    /// Whether its type is that of a large thumbnail (DC-007, 5.2.3.3).
    is_smaller: bool,
}

/// The entries of the list but for the first picture's; `None` without one.
fn entries(bytes: &[u8]) -> Option<Vec<Entry>> {
    /// The list of pictures (DC-007, 5.2.3.3), and the bytes of an entry.
    const MP_ENTRY: u64 = 0xB002;
    const LENGTH: usize = 16;
    let header = header(bytes)?;
    let list = bytes.get(header.clone())?;
    let little = list.starts_with(b"II");
    let number = |at: usize, length: usize| -> Option<u64> {
        let field = list.get(at..at.checked_add(length)?)?;
        let fold = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(if little { field.iter().rev().fold(0, fold) } else { field.iter().fold(0, fold) })
    };
    let directory = usize::try_from(number(4, 4)?).ok()?;
    let fields = (0..number(directory, 2)? as usize).map(|index| directory + 2 + 12 * index);
    let field = fields.take_while(|at| *at < list.len()).find(|at| number(*at, 2) == Some(MP_ENTRY))?;
    let (count, first) = (number(field + 4, 4)? as usize / LENGTH, number(field + 8, 4)? as usize);
    let entry = |index: usize| {
        let at = first.checked_add(LENGTH * index)?;
        let [attributes, length, place] = [number(at, 4)?, number(at + 4, 4)?, number(at + 8, 4)?];
        // Places count from the list's own header; the first picture has none.
        let start = header.start.checked_add(usize::try_from(place).ok().filter(|place| *place > 0)?)?;
        let place = start..start.saturating_add(usize::try_from(length).ok()?).min(bytes.len());
        Some(Entry { place, is_smaller: attributes >> 16 & 0xFF == 1 })
    };
    let there = count.min(list.len() / LENGTH);
    Some((0..there).filter_map(entry).collect())
}

/// Where the list lies, from its header on.
fn header(bytes: &[u8]) -> Option<Range<usize>> {
    let mut markers = Markers::of(bytes).ok()?;
    while let Ok(Some(mark)) = markers.next() {
        match mark.code {
            marker::APP2 if mark.segment.starts_with(b"MPF\0") => {
                return Some(mark.place.start + 4..mark.place.end);
            }
            marker::SOS => return None,
            _ => {}
        }
    }
    None
}

/// Whether a picture calls itself a gain map, a depth map or a matte, by its XMP or by ISO 21496-1.
fn is_auxiliary(picture: &[u8]) -> bool {
    const NAMES: [&[u8]; 3] =
        [b"http://ns.adobe.com/hdr-gain-map/", b"http://ns.apple.com/HDRGainMap/", b"urn:com:apple:photo:"];
    let Ok(mut markers) = Markers::of(picture) else { return false };
    while let Ok(Some(mark)) = markers.next() {
        let content = picture.get(mark.place).unwrap_or_default();
        match mark.code {
            marker::APP1 if NAMES.iter().any(|name| memmem::find(content, name).is_some()) => return true,
            marker::APP2 if content.starts_with(b"urn:iso:std:iso:ts:21496:-1\0") => return true,
            marker::SOS => return false,
            _ => {}
        }
    }
    false
}
