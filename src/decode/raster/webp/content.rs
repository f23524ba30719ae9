//! What a WebP's chunks say of its (first) picture (WebP container specification).

use super::super::pieces::Pieces;
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
    /// Bytes of the longest chunk with a part of the (first) picture: its frame, its data or its opacity.
    pub(super) coded: usize,
    /// Its colour, where it is known without decoding that it has only one.
    pub(super) colour: Option<[u8; 3]>,
    /// Bytes that the chunk with it announces and the file does not have. The decoders of both codings run on past
    /// the end of a cut chunk, so this is what notices a cut.
    pub(super) missing: Option<usize>,
    /// Whether libwebp, which browsers use, may show nothing or refuse the file.
    pub(super) unusual: bool,
    /// Bytes of the file that lie about what there is, with their places, as they should be.
    pub(super) repairs: Vec<(usize, u8)>,
    /// Whether the header, or where there is no long one the data's, does not say that there is alpha.
    pub(super) is_silent: bool,
}

/// Where a file's header says what else there is, and what its flags mean (WebP container specification, extended file format).
pub(super) const FLAGS: usize = 20;
const ANIMATION: u8 = 2;
const XMP: u8 = 4;
const EXIF: u8 = 8;
pub(super) const ALPHA: u8 = 16;

/// Where VP8L's data says whether its alpha is used, and the bit (WebP lossless specification, 3).
const ALPHA_IS_USED: (usize, u8) = (4, 1 << 4);

/// Bytes of a frame before its chunks, and of a chunk before its data.
pub(super) const FRAME_HEAD: usize = 16;
const CHUNK_HEAD: usize = 8;

/// Frames that hold nothing and are left out, at most: the decoder seeks among what is between them.
const MOST_EMPTY: usize = 64;

/// A chunk, with as much of its data as is there.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) name: &'a [u8],
    pub(super) data: &'a [u8],
    pub(super) missing: usize,
}

/// The chunks one after another.
pub(super) fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (header, rest) = bytes.split_at_checked(8)?;
        let size = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let data = &rest[..size.min(rest.len())];
        bytes = rest.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some(Chunk { name: &header[..4], data, missing: size - data.len() })
    })
}

impl Content {
    /// The file with flags that do not lie, and without frames that hold nothing, which the decoder refuses.
    pub(super) fn repaired<'a>(&self, bytes: &'a [u8]) -> Pieces<'a> {
        let (mut pieces, mut from) = (Vec::new(), 0);
        for (place, byte) in &self.repairs {
            pieces.extend([bytes[from..*place].into(), vec![*byte].into()]);
            from = place + 1;
        }
        if self.animated {
            let empty = placed(bytes).filter(|(_, chunk)| is_empty_frame(chunk)).take(MOST_EMPTY);
            for (place, chunk) in empty {
                pieces.push(bytes[from..place - CHUNK_HEAD].into());
                from = (place + chunk.data.len().next_multiple_of(2)).min(bytes.len());
            }
        }
        pieces.push(bytes[from..].into());
        Pieces::new(pieces)
    }

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
        let flags = bytes.get(FLAGS).copied().filter(|_| bytes.get(12..16) == Some(b"VP8X"));
        if let Some(frame) = chunks().find(is_frame).filter(|_| animated) {
            // Frames may leave parts of the picture open, and have alpha, whatever the file's header says.
            let repairs = flags.filter(|flags| flags & ALPHA == 0).map(|flags| (FLAGS, flags | ALPHA));
            let (unusual, is_silent) = (!is_as_announced(bytes), repairs.is_some());
            let repairs = repairs.into_iter().collect();
            return Content { missing, unusual, repairs, is_silent, ..Content::of_frame(frame.data) };
        }
        let data = first(&[b"VP8 ", b"VP8L"]);
        let has = |name: &[u8]| first(&[name]).is_some();
        let is_lossless = data.is_some_and(|chunk| chunk.name == b"VP8L");
        let (mut repairs, mut is_silent) = (Vec::new(), false);
        if let Some(flags) = flags.filter(|_| data.is_some()) {
            let wrong = [
                (ANIMATION, has(b"ANMF")),
                (XMP, has(b"XMP ")),
                (EXIF, has(b"EXIF")),
                (ALPHA, has(b"ALPH") || is_lossless),
            ];
            let wrong = wrong.iter().filter(|(_, is_there)| !is_there).fold(0, |all, (flag, _)| all | flag);
            // A picture without loss has its alpha in itself, which browsers show without a word of it in any header.
            let right = flags & !wrong | if is_lossless { ALPHA } else { 0 };
            is_silent = flags & ALPHA == 0;
            if right != flags {
                repairs.push((FLAGS, right));
            }
        } else if let Some((place, chunk)) = placed(bytes).find(|(_, chunk)| is_picture(chunk))
            && chunk.name == b"VP8L"
            && let Some(byte) = chunk.data.get(ALPHA_IS_USED.0).filter(|byte| *byte & ALPHA_IS_USED.1 == 0)
        {
            is_silent = true;
            repairs.push((place + ALPHA_IS_USED.0, byte | ALPHA_IS_USED.1));
        }
        let parts = chunks().filter(|chunk| matches!(chunk.name, b"VP8 " | b"VP8L" | b"ALPH"));
        let colour = data.filter(|chunk| chunk.name == b"VP8L").and_then(|chunk| flat::colour(chunk.data));
        Content {
            animated: false,
            lossless: is_lossless,
            alpha: has(b"ALPH"),
            frame: data.and_then(|chunk| size(&chunk)).unwrap_or_default(),
            coded: parts.map(|part| part.data.len()).max().unwrap_or(0),
            colour,
            missing,
            unusual: !is_as_announced(bytes),
            repairs,
            is_silent,
        }
    }

    /// An animation's frame: its place and size, then chunks.
    fn of_frame(frame: &[u8]) -> Content {
        let side = |at: usize| match frame.get(at..at + 3) {
            Some(side) => u32::from_le_bytes([side[0], side[1], side[2], 0]) + 1,
            None => 0,
        };
        let chunks = || chunks(frame.get(FRAME_HEAD..).unwrap_or_default()).take(2);
        let data = chunks().find(is_picture);
        let (width, height) = data.and_then(|chunk| size(&chunk)).unwrap_or_default();
        Content {
            animated: true,
            lossless: data.is_some_and(|chunk| chunk.name == b"VP8L"),
            alpha: chunks().any(|chunk| chunk.name == b"ALPH"),
            frame: (width.max(side(6)), height.max(side(9))),
            coded: frame.len(),
            colour: None,
            missing: None,
            unusual: false,
            repairs: Vec::new(),
            is_silent: false,
        }
    }
}

/// The chunks, each with the place of its data in the file.
fn placed(bytes: &[u8]) -> impl Iterator<Item = (usize, Chunk<'_>)> {
    let mut at = 12;
    chunks(bytes.get(at..).unwrap_or_default()).map(move |chunk| {
        let place = at + CHUNK_HEAD;
        at = place + chunk.data.len() + chunk.data.len() % 2;
        (place, chunk)
    })
}

/// Whether a chunk is a frame that may hold a picture: browsers pass over others.
pub(super) fn is_frame(chunk: &Chunk<'_>) -> bool {
    chunk.name == b"ANMF" && !is_empty_frame(chunk)
}

fn is_empty_frame(chunk: &Chunk<'_>) -> bool {
    chunk.name == b"ANMF" && chunk.missing == 0 && chunk.data.len() < FRAME_HEAD + CHUNK_HEAD
}

/// Whether chunks fill the file as far as it announces itself, and hold one picture or frames. Of others libwebp's incremental reader, which browsers
/// use, waits for more and shows nothing, or it refuses them.
fn is_as_announced(bytes: &[u8]) -> bool {
    let size = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|size| u32::from_le_bytes(*size));
    let end = size.map_or(usize::MAX, |size| (size as usize).saturating_add(8));
    let Some(body) = bytes.get(12..end) else { return false };
    let (mut filled, mut pictures, mut frames) = (0, 0, 0);
    for chunk in chunks(body) {
        let length = chunk.data.len() + chunk.missing;
        filled = length.saturating_add(8 + length % 2).saturating_add(filled);
        pictures += usize::from(matches!(chunk.name, b"VP8 " | b"VP8L"));
        frames += usize::from(chunk.name == b"ANMF");
    }
    let is_extended = body.starts_with(b"VP8X");
    let is_animated = is_extended && body.get(8).is_some_and(|flags| flags & ANIMATION != 0);
    let expected = if is_animated && frames > 0 { 0 } else { 1 };
    filled == body.len() && (!is_extended || pictures == expected && (frames == 0) == (expected == 1))
}

fn is_picture(chunk: &Chunk<'_>) -> bool {
    matches!(chunk.name, b"VP8 " | b"VP8L" | b"ANMF")
}

/// Width and height in the data's own header (RFC 6386, 9.1; WebP lossless specification, 3).
pub(super) fn size(chunk: &Chunk<'_>) -> Option<(u32, u32)> {
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

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = chunks.concat();
        [b"RIFF", &(body.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &body].concat()
    }

    fn of(chunks: &[Vec<u8>]) -> Content {
        Content::of(&file(chunks))
    }

    #[test]
    fn a_file_is_as_it_announces_itself() {
        let header = |flags| chunk(b"VP8X", &[flags, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
        let (picture, odd, frame) =
            (chunk(b"VP8 ", &lossy(30, 20)), chunk(b"VP8L", b"abc"), chunk(b"ANMF", &[0; 16]));
        for (chunks, expected) in [
            (&[picture.clone()][..], true),
            (std::slice::from_ref(&odd), true),
            (&[odd.clone(), picture.clone()], true),
            (&[header(0), odd.clone()], true),
            (&[header(0), chunk(b"ABCD", b"a"), odd.clone()], true),
            (&[header(0), odd.clone(), picture.clone()], false),
            (&[header(0), picture.clone(), frame.clone()], false),
            (&[header(2), frame.clone(), frame.clone()], true),
            (&[header(2), frame.clone(), picture.clone()], false),
            // A flag of what is not there is skipped.
            (&[header(2), picture.clone()], true),
            (&[odd.clone(), b"tail".to_vec()], false),
            (&[odd[..odd.len() - 1].to_vec()], false),
        ] {
            let mut file = file(chunks);
            assert_eq!(is_as_announced(&file), expected, "{file:?}");
            assert_eq!(is_as_announced(&[&file[..], b"behind"].concat()), expected, "{file:?}");
            assert!(!is_as_announced(&file[..file.len() - 1]));
            // One that is not right may become so with another size.
            for by in [1, 2, 3, 8, 12, 200].into_iter().filter(|_| expected) {
                let size = file[4];
                file[4] = size.wrapping_add(by);
                assert!(!is_as_announced(&[&file[..], b"longer"].concat()), "{by}: {file:?}");
                file[4] = size;
            }
        }
    }

    #[test]
    fn a_picture_has_the_size_of_its_data() {
        let still = Content {
            animated: false,
            lossless: false,
            alpha: false,
            frame: (300, 200),
            coded: 10,
            colour: None,
            missing: None,
            unusual: false,
            repairs: Vec::new(),
            is_silent: false,
        };
        let header = chunk(b"VP8X", &[0, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
        assert_eq!(of(&[chunk(b"VP8 ", &lossy(300, 200))]), still);
        let silent = Content { is_silent: true, ..still };
        assert_eq!(of(&[header.clone(), chunk(b"VP8 ", &lossy(300, 200))]), silent);
        let alpha = chunk(b"ALPH", b"abc");
        assert_eq!(of(&[header, alpha, chunk(b"VP8 ", &lossy(300, 200))]), Content { alpha: true, ..silent });
        let packed = (299u32 | 199 << 14).to_le_bytes();
        let lossless = [&[0x2F][..], &packed].concat();
        let still = Content {
            animated: false,
            lossless: true,
            alpha: false,
            frame: (300, 200),
            coded: 5,
            colour: None,
            missing: None,
            unusual: false,
            // Its alpha counts whatever it says.
            repairs: vec![(24, 0x10)],
            is_silent: true,
        };
        assert_eq!(of(&[chunk(b"VP8L", &lossless)]), still);
        assert_eq!(of(&[]).frame, (0, 0));
    }

    #[test]
    fn an_animation_is_known_by_its_first_frame() {
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
    fn flags_say_no_more_than_there_is() {
        let (picture, lossless) = (chunk(b"VP8 ", &lossy(30, 20)), chunk(b"VP8L", b"abcde"));
        let (alpha, exif, xmp) = (chunk(b"ALPH", b"a"), chunk(b"EXIF", b"a"), chunk(b"XMP ", b"a"));
        let flags = |flags: u8, rest: &[&[u8]]| {
            let header = chunk(b"VP8X", &[flags, 0, 0, 0, 9, 0, 0, 9, 0, 0]);
            let chunks = [vec![header], rest.iter().map(|chunk| chunk.to_vec()).collect()].concat();
            of(&chunks)
                .repairs
                .iter()
                .map(|(place, flags)| (*place == FLAGS).then_some(*flags))
                .next()
                .flatten()
        };
        assert_eq!(flags(0x3C, &[&alpha, &picture, &exif, &xmp]), None);
        assert_eq!(flags(0x3C, &[&picture, &exif, &xmp]), Some(0x2C));
        assert_eq!(flags(0x3C, &[&alpha, &picture, &xmp]), Some(0x34));
        assert_eq!(flags(0x3C, &[&alpha, &picture, &exif]), Some(0x38));
        assert_eq!(flags(0x10, &[&lossless]), None);
        assert_eq!(flags(0x12, &[&lossless]), Some(0x10));
        // No picture, no mending.
        assert_eq!(flags(0x3E, &[]), None);
        assert_eq!(of(&[picture]).repairs, []);
        // Frames and pictures without loss have alpha of their own.
        assert_eq!(flags(0, &[&lossless]), Some(0x10));
        assert_eq!(flags(2, &[&chunk(b"ANMF", &[0; 24])]), Some(0x12));
        assert_eq!(of(&[chunk(b"ABCD", b"abc"), lossless]).repairs, [(12 + 12 + 8 + 4, b'e' | 0x10)]);
    }

    #[test]
    fn frames_that_hold_nothing_are_passed_over() {
        let (header, empty) = (chunk(b"VP8X", &[0x12, 0, 0, 0, 9, 0, 0, 9, 0, 0]), chunk(b"ANMF", &[7; 16]));
        let (frame, other) = (chunk(b"ANMF", &[9; 40]), chunk(b"ABCD", b"abc"));
        let read = |chunks: &[&[u8]]| {
            let file = file(&chunks.iter().map(|chunk| chunk.to_vec()).collect::<Vec<_>>());
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut Content::of(&file).repaired(&file), &mut read).unwrap();
            read[12..].to_vec()
        };
        let expected = [&header[..], &other, &frame].concat();
        assert_eq!(read(&[&header, &empty, &other, &empty, &frame, &empty]), expected);
        assert_eq!(read(&[&header, &frame, &other]), [&header[..], &frame, &other].concat());
    }

    #[test]
    fn what_is_cut_is_missing() {
        let whole = chunk(b"VP8 ", &lossy(300, 200));
        assert_eq!(of(&[whole[..whole.len() - 3].to_vec()]).missing, Some(3));
        assert_eq!(of(&[whole.clone(), chunk(b"VP8 ", b"abcd")[..9].to_vec()]).missing, None);
        assert_eq!(of(&[chunk(b"EXIF", b"ab"), whole]).missing, None);
    }
}
