//! What a PNG's chunks say of how it is shown (PNG specification, third edition, 11.3).

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::decode::colours::{ColourSpace, LONGEST_PROFILE};
use crate::decode::viewing::Viewing;

/// Whether the picture is one of several.
pub(super) fn viewing(bytes: &[u8]) -> Viewing {
    let (mut frames, mut is_frame) = (0, false);
    for (name, content) in before_data(bytes) {
        match name {
            b"acTL" => frames = content.first_chunk().map_or(1, |count| u32::from_be_bytes(*count)),
            b"fcTL" => is_frame = true,
            _ => {}
        }
    }
    let animated = frames > 1 || frames == 1 && !is_frame;
    Viewing { animated, ..Viewing::default() }
}

/// What it says of its colours: by cICP, else an ICC profile, else unless it is sRGB a gamma, and with that primaries.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'static> {
    let (mut codes, mut icc, mut srgb, mut gamma, mut points) = (None, None, false, None, None);
    for (name, content) in before_data(bytes) {
        match name {
            b"cICP" => codes = content.first_chunk::<2>().copied(),
            b"iCCP" => icc = icc.or_else(|| profile(content)),
            b"sRGB" => srgb = true,
            b"gAMA" => gamma = content.first_chunk().map(fraction),
            b"cHRM" => {
                let numbers = content.as_chunks::<4>().0;
                let point =
                    |index: usize| Some([numbers.get(2 * index)?, numbers.get(2 * index + 1)?].map(fraction));
                points = (|| Some([point(0)?, point(1)?, point(2)?, point(3)?]))();
            }
            _ => {}
        }
    }
    match (codes, icc, gamma) {
        (Some([primaries, transfer]), ..) => ColourSpace::Codes { primaries, transfer },
        (_, Some(icc), _) => ColourSpace::Icc(icc.into()),
        (_, _, Some(exponent)) if !srgb => ColourSpace::Gamma { exponent, primaries: points },
        _ => ColourSpace::Usual,
    }
}

/// A number that is stored a hundred thousand times as large.
fn fraction(stored: &[u8; 4]) -> f64 {
    f64::from(u32::from_be_bytes(*stored)) / 100_000.0
}

/// The EXIF block, wherever it stands.
pub(super) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    chunks(bytes).find(|(name, _)| *name == b"eXIf").map(|(_, content)| content)
}

/// Whether there is a chunk of this name before the picture's data.
pub(super) fn has(bytes: &[u8], name: [u8; 4]) -> bool {
    before_data(bytes).any(|(found, _)| *found == name)
}

/// Bytes that the ICC profile may have once it is unpacked; 0 where there is none.
pub(super) fn longest_profile(bytes: &[u8]) -> usize {
    if has(bytes, *b"iCCP") { LONGEST_PROFILE } else { 0 }
}

/// The chunks before the picture's data, by name.
fn before_data(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    chunks(bytes).take_while(|(name, _)| *name != b"IDAT")
}

/// The chunks, by name.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk()?;
        let (name, behind) = behind.split_first_chunk()?;
        let (content, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = behind.get(4..)?;
        Some((name, content))
    })
}

/// The profile in an iCCP chunk: a name, a zero, the method 0, and the profile packed.
fn profile(content: &[u8]) -> Option<Vec<u8>> {
    let packed = &content[content.iter().position(|byte| *byte == 0)? + 1..];
    let mut profile = Vec::new();
    let unpacked = ZlibDecoder::new(packed.strip_prefix(b"\0")?);
    unpacked.take(LONGEST_PROFILE as u64 + 1).read_to_end(&mut profile).ok()?;
    Some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 8];
        for (name, content) in chunks {
            file.extend((content.len() as u32).to_be_bytes());
            file.extend([&name[..], content, &[0; 4]].concat());
        }
        file
    }

    #[test]
    fn frames_and_colours_are_told() {
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
        assert_eq!(found(&[(b"iCCP", b"name\0\0broken"), (b"gAMA", dark)]), gamma(None));
        assert_eq!(found(&[]), ColourSpace::Usual);
    }

    #[test]
    fn a_picture_is_turned_by_exif_before_or_behind_its_data() {
        let (exif, data) = ((b"eXIf", &b"II"[..]), (b"IDAT", &b""[..]));
        assert_eq!(super::exif(&png(&[exif, data])), Some(&b"II"[..]));
        assert_eq!(super::exif(&png(&[data, exif])), Some(&b"II"[..]));
        assert_eq!(super::exif(&png(&[data])), None);
    }
}
