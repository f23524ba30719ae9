//! Turns a picture the way its EXIF metadata says that it is meant.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};

use super::Orient;
use crate::picture::{Picture, Planes};

/// The orientation that a TIFF-structured EXIF block names, where it names a valid one.
///
/// It should be a SHORT (EXIF 2.32, 4.6.4). Writers that take a BYTE or a LONG are understood by every tool in use but `image`'s
/// parser, so the tag is looked for here (TIFF 6.0, section 2).
pub(super) fn from_exif(exif: &[u8]) -> Option<Orientation> {
    let is_big = match exif.first_chunk()? {
        b"MM\0\x2a" => true,
        b"II\x2a\0" => false,
        _ => return None,
    };
    // A number in the file's order of bytes.
    let number = |bytes: &[u8]| {
        let shifted = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        if is_big { bytes.iter().fold(0, shifted) } else { bytes.iter().rev().fold(0, shifted) }
    };
    let in_directory = |place: &[u8]| -> Option<[Option<u64>; 2]> {
        let directory = exif.get(number(place) as usize..)?;
        let entries =
            directory.get(2..)?.as_chunks::<12>().0.iter().take(number(directory.get(..2)?) as usize);
        let value = |entry: &[u8; 12]| {
            let size = match number(&entry[2..4]) {
                BYTE => 1,
                SHORT => 2,
                LONG => 4,
                _ => return None,
            };
            (number(&entry[4..8]) == 1).then(|| number(&entry[8..8 + size]))
        };
        let mut found = [None; 2];
        for entry in entries {
            match number(&entry[..2]) {
                // As in browsers, the first that means anything counts.
                ORIENTATION => {
                    found[0] = found[0].or_else(|| value(entry).filter(|value| (1..=8).contains(value)));
                }
                EXIF => found[1] = found[1].or_else(|| value(entry)),
                _ => {}
            }
        }
        Some(found)
    };
    let [orientation, further] = in_directory(exif.get(4..8)?)?;
    let place = |place: u64| if is_big { (place as u32).to_be_bytes() } else { (place as u32).to_le_bytes() };
    let in_further = || in_directory(&place(further?)).and_then(|[orientation, _]| orientation);
    from_number(u8::try_from(orientation.or_else(in_further)?).ok()?)
}

/// The tag, and the types that its value may have.
const ORIENTATION: u64 = 0x112;
/// The tag of the directory with what is EXIF's own, in which browsers look as well (EXIF 2.32, 4.6.3).
const EXIF: u64 = 0x8769;
const BYTE: u64 = 1;
const SHORT: u64 = 3;
const LONG: u64 = 4;

/// Numbers of each pixel of a picture, turned where that is asked for as it is.
pub(super) fn turn_plane(
    plane: Vec<u8>,
    (width, height): (u32, u32),
    orientation: Option<Orientation>,
    orient: Orient,
) -> Vec<u8> {
    let Some(orientation) = orientation.filter(|_| orient == Orient::Exif && !plane.is_empty()) else {
        return plane;
    };
    match turn(Picture::from_grey(plane, width, height), orientation).planes {
        Planes::Grey(turned) => turned.samples,
        _ => Vec::new(),
    }
}

/// The picture turned so that the orientation is the plain one. Takes a second picture's memory for quarter turns.
pub(super) fn turn(picture: Picture, orientation: Orientation) -> Picture {
    let (width, height) = (picture.width, picture.height);
    match picture.planes {
        Planes::Rgb(plane) => {
            let image = RgbImage::from_raw(width, height, plane.samples).map(DynamicImage::ImageRgb8);
            let turned = applied(image, orientation).into_rgb8();
            let (width, height) = turned.dimensions();
            Picture::from_rgb(turned.into_raw(), width, height)
        }
        Planes::Grey(plane) => {
            let image = GrayImage::from_raw(width, height, plane.samples).map(DynamicImage::ImageLuma8);
            let turned = applied(image, orientation).into_luma8();
            let (width, height) = turned.dimensions();
            Picture::from_grey(turned.into_raw(), width, height)
        }
        planes @ Planes::Coarse { .. } => Picture { width, height, planes },
    }
}

fn applied(image: Option<DynamicImage>, orientation: Orientation) -> DynamicImage {
    let mut image = image.unwrap_or_default();
    image.apply_orientation(orientation);
    image
}

/// The orientation that a number 1..=8 stands for.
pub(super) fn from_number(number: u8) -> Option<Orientation> {
    Orientation::from_exif(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with one directory of two entries, the orientation behind another.
    fn exif(is_big: bool, kind: u16, count: u32, value: u32) -> Vec<u8> {
        let two = |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        let four = |number: u32| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
        let value = match kind {
            1 => vec![value as u8, 0, 0, 0],
            3 => [two(value as u16), [0; 2]].concat(),
            _ => four(value).to_vec(),
        };
        let start: &[u8] = if is_big { b"MM\0\x2a" } else { b"II\x2a\0" };
        let other = [&two(0x10F)[..], &two(2), &four(2), b"a\0\0\0"].concat();
        let entry = [&two(0x112)[..], &two(kind), &four(count), &value].concat();
        [start, &four(8), &two(2), &other, &entry].concat()
    }

    #[test]
    fn the_orientation_is_a_number_of_any_width() {
        for is_big in [true, false] {
            for kind in [1, 3, 4] {
                for number in 1..=8 {
                    let block = exif(is_big, kind, 1, number);
                    assert_eq!(from_exif(&block), Orientation::from_exif(number as u8), "type {kind}");
                    // The last bytes of a value of two or less only fill the entry.
                    assert!((0..block.len()).all(|length| from_exif(&block[..length]).is_none()));
                }
                for (count, number) in [(2, 6), (0, 6), (1, 0), (1, 9), (1, 0x106)] {
                    let cut_off = kind == 1 && number == 0x106;
                    assert_eq!(from_exif(&exif(is_big, kind, count, number)).is_some(), cut_off);
                }
            }
            assert_eq!(from_exif(&exif(is_big, 5, 1, 6)), None);
        }
        assert_eq!(from_exif(b"MM\0\x2b\0\0\0\x08"), None);
        // One that means nothing leaves the place to the next, and to one in EXIF's own directory.
        let entry = |tag: u16, kind: u16, value: u32| {
            let value = if kind == 3 { value << 16 } else { value };
            [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &[0, 0, 0, 1], &value.to_be_bytes()].concat()
        };
        let directory =
            |entries: &[Vec<u8>]| [&(entries.len() as u16).to_be_bytes()[..], &entries.concat()].concat();
        let block = |directories: &[Vec<u8>]| [&b"MM\0\x2a\0\0\0\x08"[..], &directories.concat()].concat();
        let (none, six, eight) = (entry(0x112, 3, 0), entry(0x112, 3, 6), entry(0x112, 3, 8));
        assert_eq!(
            from_exif(&block(&[directory(&[none.clone(), six.clone(), eight.clone()])])),
            Orientation::from_exif(6)
        );
        let further = |place| entry(0x8769, 4, place);
        let both = |first: &[Vec<u8>]| block(&[directory(first), directory(std::slice::from_ref(&eight))]);
        assert_eq!(from_exif(&both(&[further(22)])), Orientation::from_exif(8));
        assert_eq!(from_exif(&both(&[further(34), none])), Orientation::from_exif(8));
        assert_eq!(from_exif(&both(&[further(34), six])), Orientation::from_exif(6));
        // The directory itself, and no place at all.
        assert_eq!(from_exif(&both(&[further(8)])), None);
        assert_eq!(from_exif(&both(&[further(u32::MAX)])), None);
        assert_eq!(from_exif(b""), None);
    }
}
