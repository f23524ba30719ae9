//! What a PNG's chunks say of how it is shown (PNG specification, third edition, 11.3).

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::decode::colours::{ColourSpace, LONGEST_PROFILE, take_as_rgb};
use crate::decode::viewing::Viewing;

/// Whether the picture is one of several.
pub(super) fn viewing(bytes: &[u8]) -> Viewing {
    let (mut frames, mut is_frame) = (0, false);
    for Chunk { name, content, .. } in before_data(bytes) {
        match name {
            b"acTL" => frames = content.first_chunk().map_or(1, |count| u32::from_be_bytes(*count)),
            b"fcTL" => is_frame = true,
            _ => {}
        }
    }
    let animated = frames > 1 || frames == 1 && !is_frame;
    Viewing { animated, ..Viewing::default() }
}

/// What it says of its colours: by cICP, else an ICC profile, else unless it is sRGB a gamma, and with that primaries. As in browsers the first
/// chunk of a name counts. One with a wrong checksum, length or value is none, codes that name no colours of the full range say nothing, and an
/// iCCP that cannot be unpacked stands for itself and those behind it.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'static> {
    let (mut codes, mut icc, mut srgb, mut gamma, mut points) = (None, None, false, None, None);
    for Chunk { name, content, .. } in before_data(bytes).filter(Chunk::is_of_colours).filter(Chunk::is_right)
    {
        match (name, content.as_chunks::<4>()) {
            (b"cICP", ([content], [])) => codes = codes.or(Some(*content)),
            (b"iCCP", _) => icc = icc.or_else(|| Some(profile(content))),
            (b"sRGB", _) => srgb |= matches!(content, [0..=MOST_INTENT]),
            (b"gAMA", ([exponent], [])) => gamma = gamma.or(Some(fraction(exponent)).filter(|it| *it > 0.0)),
            (b"cHRM", (numbers, [])) if numbers.len() == 8 => {
                let point = |index: usize| [fraction(&numbers[2 * index]), fraction(&numbers[2 * index + 1])];
                points = points.or_else(|| Some([point(0), point(1), point(2), point(3)]));
            }
            _ => {}
        }
    }
    let codes = codes.and_then(|[primaries, transfer, _, is_full]| {
        let codes = ColourSpace::of_png(primaries, transfer);
        (is_full == 1 && codes.is_known()).then_some(codes)
    });
    let icc = icc.flatten().map(|icc| ColourSpace::Icc(icc.into()));
    match (codes, icc, gamma.filter(|_| !srgb)) {
        (Some(codes), ..) => codes,
        // A profile that browsers do not take says nothing next to a gamma.
        (_, Some(icc), gamma) if gamma.is_none() || icc.is_known() => icc,
        (_, _, Some(exponent)) => ColourSpace::Gamma { exponent, primaries: points },
        _ => ColourSpace::Usual,
    }
}

/// The last of sRGB's rendering intents (11.3.2.5).
const MOST_INTENT: u8 = 3;

/// Bytes of an iCCP's name, at most (11.3.2.3).
const LONGEST_NAME: usize = 79;

/// A number that is stored a hundred thousand times as large.
fn fraction(stored: &[u8; 4]) -> f64 {
    f64::from(u32::from_be_bytes(*stored)) / 100_000.0
}

/// The EXIF block, wherever it stands.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    chunks(bytes).find(|chunk| chunk.name == b"eXIf").map(|chunk| chunk.content)
}

/// Whether there is a chunk of this name before the picture's data.
pub(super) fn has(bytes: &[u8], name: [u8; 4]) -> bool {
    before_data(bytes).any(|chunk| *chunk.name == name)
}

/// Bytes that the ICC profile may have once it is unpacked; 0 where there is none.
pub(super) fn longest_profile(bytes: &[u8]) -> usize {
    if has(bytes, *b"iCCP") { LONGEST_PROFILE } else { 0 }
}

/// A chunk (5.3).
pub(super) struct Chunk<'a> {
    pub(super) name: &'a [u8; 4],
    pub(super) content: &'a [u8],
    checksum: u32,
}

impl Chunk<'_> {
    fn is_of_colours(&self) -> bool {
        matches!(self.name, b"cICP" | b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM")
    }

    /// Whether its checksum holds.
    fn is_right(&self) -> bool {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(self.name);
        checksum.update(self.content);
        checksum.finalize() == self.checksum
    }
}

/// The chunks before the picture's data.
fn before_data(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    chunks(bytes).take_while(|chunk| chunk.name != b"IDAT")
}

/// The chunks.
pub(super) fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk()?;
        let (name, behind) = behind.split_first_chunk()?;
        let (content, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let (checksum, behind) = behind.split_first_chunk()?;
        rest = behind;
        Some(Chunk { name, content, checksum: u32::from_be_bytes(*checksum) })
    })
}

/// The profile in an iCCP chunk: a name, a zero, the method 0, and the profile packed. Browsers read R, G and B by a profile of any three channels,
/// such as L\*a\*b\*: so it becomes one of these.
fn profile(content: &[u8]) -> Option<Vec<u8>> {
    let name = content.iter().position(|byte| *byte == 0).filter(|name| (1..=LONGEST_NAME).contains(name))?;
    let mut profile = Vec::new();
    let unpacked = ZlibDecoder::new(content[name + 1..].strip_prefix(b"\0")?);
    unpacked.take(LONGEST_PROFILE as u64 + 1).read_to_end(&mut profile).ok()?;
    take_as_rgb(&mut profile);
    Some(profile)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use moxcms::ColorProfile;

    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 8];
        for (name, content) in chunks {
            file.extend((content.len() as u32).to_be_bytes());
            file.extend(
                [&name[..], content, &crc32fast::hash(&[&name[..], content].concat()).to_be_bytes()].concat(),
            );
        }
        file
    }

    /// `no profile`, deflated without compression.
    const PACKED: [u8; 21] = *b"\x78\x01\x01\x0a\0\xf5\xffno profile\x15\x34\x03\xef";

    #[test]
    fn frames_and_colours_are_announced() {
        let seen = |chunks: &[(&[u8; 4], &[u8])]| viewing(&png(chunks)).animated;
        let (two, one) = (&[0, 0, 0, 2, 0, 0, 0, 0][..], &[0, 0, 0, 1, 0, 0, 0, 0][..]);
        assert!(!seen(&[(b"IHDR", b""), (b"IDAT", b""), (b"acTL", two)]));
        assert!(seen(&[(b"acTL", two), (b"fcTL", b""), (b"IDAT", b"")]));
        assert!(!seen(&[(b"acTL", one), (b"fcTL", b""), (b"IDAT", b"")]));
        assert!(seen(&[(b"acTL", one), (b"IDAT", b"")]));
        let found = |chunks: &[(&[u8; 4], &[u8])]| colour_space(&png(chunks));
        let dark = &10_000u32.to_be_bytes()[..];
        let gamma = |primaries| ColourSpace::Gamma { exponent: 0.1, primaries };
        assert_eq!(found(&[(b"gAMA", dark)]), gamma(None));
        let points = [[0.1; 2]; 4];
        assert_eq!(found(&[(b"gAMA", dark), (b"cHRM", &dark.repeat(8))]), gamma(Some(points)));
        assert_eq!(found(&[(b"cHRM", &dark.repeat(8))]), ColourSpace::Usual);
        assert_eq!(found(&[(b"gAMA", dark), (b"sRGB", b"\0")]), ColourSpace::Usual);
        let codes = ColourSpace::Codes { primaries: 9, transfer: 16 };
        assert_eq!(found(&[(b"gAMA", dark), (b"cICP", &[9, 16, 0, 1])]), codes);
        // The first of a name counts; codes that name nothing, and what has a wrong checksum, do not.
        let usual = &45_455u32.to_be_bytes()[..];
        assert_eq!(found(&[(b"gAMA", dark), (b"gAMA", usual)]), gamma(None));
        let other = &20_000u32.to_be_bytes().repeat(8)[..];
        assert_eq!(
            found(&[(b"gAMA", dark), (b"cHRM", &dark.repeat(8)), (b"cHRM", other)]),
            gamma(Some(points))
        );
        assert_eq!(found(&[(b"cICP", &[9, 16, 0, 1]), (b"cICP", &[1, 13, 0, 1])]), codes);
        for [primaries, transfer] in [[2, 2], [2, 13], [1, 2], [200, 13], [1, 200]] {
            let unknown = [primaries, transfer, 0, 1];
            assert_eq!(found(&[(b"cICP", &unknown), (b"gAMA", dark)]), gamma(None), "{unknown:?}");
        }
        assert_eq!(found(&[(b"iCCP", &[b"name\0\0", &PACKED[..]].concat()), (b"gAMA", dark)]), gamma(None));
        let mut broken = png(&[(b"sRGB", b"\0"), (b"gAMA", dark)]);
        broken[8 + 9] ^= 1;
        assert_eq!(colour_space(&broken), gamma(None));
        assert_eq!(found(&[(b"iCCP", b"name\0\0broken"), (b"gAMA", dark)]), gamma(None));
        assert_eq!(found(&[]), ColourSpace::Usual);
    }

    #[test]
    fn a_broken_chunk_of_colours_hides_no_gamma() {
        let dark = &10_000u32.to_be_bytes()[..];
        let gamma = ColourSpace::Gamma { exponent: 0.1, primaries: None };
        let points = &dark.repeat(8)[..];
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let packed = |name: &[u8]| {
            let mut packed = ZlibEncoder::new([name, b"\0\0"].concat(), Compression::fast());
            packed.write_all(&srgb).unwrap();
            packed.finish().unwrap()
        };
        let (longest, longer) = (packed(&[b'x'; 79]), packed(&[b'x'; 80]));
        let broken: [(&[u8; 4], &[u8]); 12] = [
            (b"sRGB", b""),
            (b"sRGB", b"\0\0"),
            (b"sRGB", b"\x04"),
            (b"cICP", &[1, 13, 0]),
            (b"cICP", &[1, 13, 0, 0]),
            (b"cICP", &[1, 13, 0, 1, 0]),
            (b"gAMA", &[0, 0, 0xB1, 0x8F, 0]),
            (b"gAMA", &[0; 4]),
            (b"cHRM", &points[1..]),
            (b"cHRM", &[0; 33]),
            (b"iCCP", &packed(b"")),
            (b"iCCP", &longer),
        ];
        for chunk in broken {
            assert_eq!(colour_space(&png(&[chunk, (b"gAMA", dark)])), gamma, "{chunk:?}");
        }
        assert_eq!(colour_space(&png(&[(b"iCCP", &longest), (b"gAMA", dark)])), ColourSpace::icc(&srgb));
        assert_eq!(colour_space(&png(&[(b"sRGB", &[3]), (b"gAMA", dark)])), ColourSpace::Usual);
        // The first of a name stands for all.
        let (bad, good) = ((b"iCCP", &longer[..]), (b"iCCP", &longest[..]));
        assert_eq!(colour_space(&png(&[bad, good, (b"gAMA", dark)])), gamma);
        let limited = [(b"cICP", &[1, 8, 0, 0][..]), (b"cICP", &[1, 8, 0, 1])];
        assert_eq!(colour_space(&png(&limited)), ColourSpace::Usual);
    }

    #[test]
    fn a_profile_of_other_channels_is_taken_as_of_colours() {
        let of = |space: &[u8; 4]| {
            let mut profile = ColorProfile::new_display_p3().encode().unwrap();
            profile[16..20].copy_from_slice(space);
            profile
        };
        let found = |profile: &[u8]| {
            let mut packed = ZlibEncoder::new(b"name\0\0".to_vec(), Compression::fast());
            packed.write_all(profile).unwrap();
            colour_space(&png(&[(b"iCCP", &packed.finish().unwrap())]))
        };
        for space in [b"RGB ", b"Lab ", b"XYZ ", b"HSV "] {
            assert_eq!(found(&of(space)), ColourSpace::icc(&of(b"RGB ")));
        }
        for space in [b"GRAY", b"CMYK"] {
            assert_eq!(found(&of(space)), ColourSpace::icc(&of(space)));
        }
    }

    #[test]
    fn a_picture_is_turned_by_exif_before_or_behind_its_data() {
        let (exif, data) = ((b"eXIf", &b"II"[..]), (b"IDAT", &b""[..]));
        assert_eq!(super::exif(&png(&[exif, data])), Some(&b"II"[..]));
        assert_eq!(super::exif(&png(&[data, exif])), Some(&b"II"[..]));
        assert_eq!(super::exif(&png(&[data])), None);
    }
}
