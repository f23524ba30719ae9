//! What the chunks before a PNG's data say of how it is shown (PNG specification, third edition, 11.3.2 and 11.3.5).

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::decode::viewing::{LONGEST_PROFILE, Viewing, gamma_moves, profile_moves};

/// Codes of ITU-T H.273 for transfers that a screen does not have: linear light, PQ and HLG.
const LINEAR: u8 = 8;
const PQ: u8 = 16;
const HLG: u8 = 18;

/// Whether the picture is one of several, and whether its colours are moved: by cICP, else an ICC profile, else unless it is sRGB a gamma.
pub(super) fn viewing(bytes: &[u8]) -> Viewing {
    let (mut frames, mut is_frame) = (0, false);
    let (mut cicp, mut icc, mut srgb, mut gamma) = (None, None, false, None);
    for (name, content) in chunks(bytes) {
        match name {
            b"acTL" => frames = content.first_chunk().map_or(1, |count| u32::from_be_bytes(*count)),
            b"fcTL" => is_frame = true,
            b"cICP" => cicp = content.get(1).copied(),
            b"iCCP" => icc = icc.or_else(|| profile(content)),
            b"sRGB" => srgb = true,
            b"gAMA" => {
                gamma = content.first_chunk().map(|gamma| f64::from(u32::from_be_bytes(*gamma)) / 100_000.0);
            }
            _ => {}
        }
    }
    let moves = match (cicp, icc, gamma) {
        (Some(transfer), ..) => matches!(transfer, LINEAR | PQ | HLG),
        (_, Some(icc), _) => profile_moves(&icc),
        (_, _, Some(gamma)) if !srgb => gamma_moves(gamma),
        _ => false,
    };
    Viewing { profile: moves, animated: frames > 1 || frames == 1 && !is_frame, ..Viewing::default() }
}

/// Bytes that the ICC profile may have once it is unpacked; 0 where there is none.
pub(super) fn longest_profile(bytes: &[u8]) -> usize {
    if chunks(bytes).any(|(name, _)| name == b"iCCP") { LONGEST_PROFILE } else { 0 }
}

/// The chunks before the picture's data, by name.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk()?;
        let (name, behind) = behind.split_first_chunk()?;
        let (content, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = behind.get(4..)?;
        (name != b"IDAT").then_some((name, content))
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
        let seen = |chunks: &[(&[u8; 4], &[u8])]| {
            let viewing = viewing(&png(chunks));
            (viewing.animated, viewing.profile)
        };
        let (two, one) = (&[0, 0, 0, 2, 0, 0, 0, 0][..], &[0, 0, 0, 1, 0, 0, 0, 0][..]);
        assert_eq!(seen(&[(b"IHDR", b""), (b"IDAT", b""), (b"acTL", two)]), (false, false));
        assert_eq!(seen(&[(b"acTL", two), (b"fcTL", b""), (b"IDAT", b"")]), (true, false));
        assert_eq!(seen(&[(b"acTL", one), (b"fcTL", b""), (b"IDAT", b"")]), (false, false));
        assert_eq!(seen(&[(b"acTL", one), (b"IDAT", b"")]), (true, false));
        let (dark, usual) = (&10_000u32.to_be_bytes()[..], &45_455u32.to_be_bytes()[..]);
        assert_eq!(seen(&[(b"gAMA", dark)]), (false, true));
        assert_eq!(seen(&[(b"gAMA", usual)]), (false, false));
        assert_eq!(seen(&[(b"gAMA", dark), (b"sRGB", b"\0")]), (false, false));
        assert_eq!(seen(&[(b"gAMA", dark), (b"cICP", &[1, 13, 0, 1])]), (false, false));
        assert_eq!(seen(&[(b"cICP", &[9, 16, 0, 1])]), (false, true));
        assert_eq!(seen(&[(b"iCCP", b"name\0\0broken"), (b"gAMA", dark)]), (false, true));
        assert_eq!(seen(&[]), (false, false));
    }
}
