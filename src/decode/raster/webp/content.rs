//! What a WebP's chunks say of its (first) picture (WebP container specification).

use super::flat;

/// What a WebP holds.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) animated: bool,
    /// VP8L rather than VP8.
    pub(super) lossless: bool,
    /// Whether alpha has a chunk of its own.
    pub(super) alpha: bool,
    /// Width and height of the (first) picture: of its frame, and of its data where that is larger.
    pub(super) frame: (u32, u32),
    /// Its colour, where it is known without decoding that it has only one.
    pub(super) colour: Option<[u8; 3]>,
    /// Bytes that the chunk with it announces and the file does not have. The decoders of both codings run on past
    /// the end of a cut chunk, so this is what notices a cut.
    pub(super) missing: Option<usize>,
}

/// A chunk, with as much of its data as is there.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    name: &'a [u8],
    data: &'a [u8],
    missing: usize,
}

/// The chunks one after another.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_at_checked(8)?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let data = &rest[..size.min(rest.len())];
        bytes = rest.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some(Chunk { name: &header[..4], data, missing: size - data.len() })
    })
}

impl Content {
    /// What follows the file's first twelve bytes.
    pub(super) fn of(bytes: &[u8]) -> Content {
        let chunks = || chunks(bytes.get(12..).unwrap_or_default());
        let first = |names: &[&[u8]]| chunks().find(|chunk| names.contains(&chunk.name));
        // Only the chunks up to the picture's must be whole.
        let mut until_picture = chunks().scan(false, |found, chunk| {
            let before = std::mem::replace(found, *found || is_picture(&chunk));
            (!before).then_some(chunk)
        });
        let cut =
            until_picture.find(|chunk| (is_picture(chunk) || chunk.name == b"ALPH") && chunk.missing > 0);
        let missing = cut.map(|chunk| chunk.missing);
        let animated =
            first(&[b"VP8X"]).is_some_and(|chunk| chunk.data.first().is_some_and(|flags| flags & 2 != 0));
        if let Some(frame) = first(&[b"ANMF"]).filter(|_| animated) {
            return Content { missing, ..Content::of_frame(frame.data) };
        }
        let data = first(&[b"VP8 ", b"VP8L"]);
        let colour = data.filter(|chunk| chunk.name == b"VP8L").and_then(|chunk| flat::colour(chunk.data));
        Content {
            animated,
            lossless: data.is_some_and(|chunk| chunk.name == b"VP8L"),
            alpha: first(&[b"ALPH"]).is_some(),
            frame: data.and_then(|chunk| size(&chunk)).unwrap_or_default(),
            colour,
            missing,
        }
    }

    /// An animation's frame: its place and size, then chunks.
    fn of_frame(frame: &[u8]) -> Content {
        let side = |at: usize| match frame.get(at..at + 3) {
            Some(side) => u32::from_le_bytes([side[0], side[1], side[2], 0]) + 1,
            None => 0,
        };
        let chunks = || chunks(frame.get(16..).unwrap_or_default()).take(2);
        let data = chunks().find(is_picture);
        let (width, height) = data.and_then(|chunk| size(&chunk)).unwrap_or_default();
        Content {
            animated: true,
            lossless: data.is_some_and(|chunk| chunk.name == b"VP8L"),
            alpha: chunks().any(|chunk| chunk.name == b"ALPH"),
            frame: (width.max(side(6)), height.max(side(9))),
            colour: None,
            missing: None,
        }
    }
}

fn is_picture(chunk: &Chunk<'_>) -> bool {
    matches!(chunk.name, b"VP8 " | b"VP8L" | b"ANMF")
}

/// Width and height in the data's own header (RFC 6386, 9.1; WebP lossless specification, 3).
fn size(chunk: &Chunk<'_>) -> Option<(u32, u32)> {
    if chunk.name == b"VP8L" {
        let packed = u32::from_le_bytes(*chunk.data.get(1..)?.first_chunk()?);
        return Some(((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1));
    }
    let side =
        |at: usize| Some(u32::from(u16::from_le_bytes(*chunk.data.get(at..)?.first_chunk()?)) & 0x3FFF);
    Some((side(6)?, side(8)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let padding = &[0][..data.len() % 2];
        [&name[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        [&[0; 6][..], &width.to_le_bytes(), &height.to_le_bytes()].concat()
    }

    fn of(chunks: &[Vec<u8>]) -> Content {
        Content::of(&[b"RIFF\0\0\0\0WEBP", &chunks.concat()[..]].concat())
    }

    #[test]
    fn a_picture_has_the_size_of_its_data() {
        let still = Content {
            animated: false,
            lossless: false,
            alpha: false,
            frame: (300, 200),
            colour: None,
            missing: None,
        };
        let header = chunk(b"VP8X", &[0x10, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
        assert_eq!(of(&[chunk(b"VP8 ", &lossy(300, 200))]), still);
        assert_eq!(of(&[header.clone(), chunk(b"VP8 ", &lossy(300, 200))]), still);
        let alpha = chunk(b"ALPH", b"abc");
        assert_eq!(of(&[header, alpha, chunk(b"VP8 ", &lossy(300, 200))]), Content { alpha: true, ..still });
        let packed = (299u32 | 199 << 14).to_le_bytes();
        let lossless = [&[0x2F][..], &packed].concat();
        let still = Content {
            animated: false,
            lossless: true,
            alpha: false,
            frame: (300, 200),
            colour: None,
            missing: None,
        };
        assert_eq!(of(&[chunk(b"VP8L", &lossless)]), still);
        assert_eq!(of(&[]).frame, (0, 0));
    }

    #[test]
    fn an_animation_is_told_by_its_first_frame() {
        let header = chunk(b"VP8X", &[0x02, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
        let frame = |data: &[u8]| {
            chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, 49, 0, 0, 59, 0, 0, 0, 0, 0, 0], data].concat())
        };
        let plain = frame(&chunk(b"VP8 ", &lossy(30, 900)));
        let found = of(&[header.clone(), plain.clone()]);
        assert_eq!((found.animated, found.frame, found.alpha), (true, (50, 900), false));
        let alpha = frame(&[chunk(b"ALPH", b""), chunk(b"VP8 ", &lossy(5, 5))].concat());
        let found = of(&[header, alpha, plain]);
        assert_eq!((found.frame, found.alpha), ((50, 60), true));
    }

    #[test]
    fn what_is_cut_is_missing() {
        let whole = chunk(b"VP8 ", &lossy(300, 200));
        assert_eq!(of(&[whole[..whole.len() - 3].to_vec()]).missing, Some(3));
        assert_eq!(of(&[whole.clone(), chunk(b"VP8 ", b"abcd")[..9].to_vec()]).missing, None);
        assert_eq!(of(&[chunk(b"EXIF", b"ab"), whole]).missing, None);
    }
}
