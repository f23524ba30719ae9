//! What makes viewers show something else than the stored pixels, which are what is hashed.
//!
//! Signature lists are made of stored pixels, so these stay what a signature is of. A picture that is seen through a colour profile, through its own
//! transparency, turned, or as one frame of several, may look like another picture altogether; who looks for such has them by a flag.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use sha2::{Digest, Sha256};

/// What a viewer does beyond showing the stored pixels. All false for most pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewing {
    /// Some pixel is not opaque, or a GIF's frame leaves part of the picture open.
    pub alpha: bool,
    /// A profile or gamma moves brightness by more than [`NOTICEABLE`] on average.
    pub profile: bool,
    /// There are frames that are not hashed.
    pub animated: bool,
    /// EXIF says that the picture is to be turned, and it was not.
    pub oriented: bool,
    /// A JPEG holds numbers that decoders do not agree on; [`Reading::unusual`](super::jpeg::Reading::unusual).
    pub unusual: bool,
}

/// How far a profile may move luma on average over all colours, of 255. sRGB, Display P3 and Adobe RGB stay under it; profiles of a gamma of 1.8, of
/// single screens and of exchanged colours do not.
pub const NOTICEABLE: f64 = 12.0;

/// Longest profile that is looked into, in bytes; a longer one counts as one that moves colours.
pub(super) const LONGEST_PROFILE: usize = 1 << 20;

/// Memory that looking into a profile of so many bytes takes, at most: its bytes, its tables as numbers, and those of the way to sRGB.
pub(super) fn profile_memory(length: usize) -> u64 {
    if length == 0 { 0 } else { (1 << 21) + 8 * length.min(LONGEST_PROFILE) as u64 }
}

/// Profiles whose effect is remembered: most pictures have one of a few.
const REMEMBERED: usize = 256;

/// Whether an ICC profile moves brightness noticeably from what sRGB makes of the same numbers. One that cannot be read does nothing, as in viewers.
pub(super) fn profile_moves(icc: &[u8]) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<[u8; 32], bool>>> = LazyLock::new(Mutex::default);
    if icc.is_empty() || icc.len() > LONGEST_PROFILE {
        return !icc.is_empty();
    }
    let digest: [u8; 32] = Sha256::digest(icc).into();
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied();
    known.unwrap_or_else(|| {
        let moves = shift(icc).is_some_and(|shift| shift > NOTICEABLE);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, moves);
        moves
    })
}

/// Whether a gamma (PNG's, of the file: 0.45455 for sRGB's like) moves brightness noticeably on a screen of 2.2.
pub(super) fn gamma_moves(gamma: f64) -> bool {
    let exponent = 1.0 / (gamma * 2.2);
    let shift: f64 = (0..=255)
        .map(|value| (f64::from(value) / 255.0).powf(exponent) * 255.0 - f64::from(value))
        .map(f64::abs)
        .sum();
    gamma > 0.0 && shift / 256.0 > NOTICEABLE
}

/// How far luma moves on average, over colours six to an axis; `None` for profiles of inks and of what cannot be read.
fn shift(icc: &[u8]) -> Option<f64> {
    let profile = ColorProfile::new_from_slice(icc).ok()?;
    let steps = || (0..=5u8).map(|step| step * 51);
    let (colours, layout): (Vec<[u8; 3]>, Layout) = match profile.color_space {
        DataColorSpace::Rgb => {
            let rest = |r: u8| steps().flat_map(move |g| steps().map(move |b| [r, g, b]));
            (steps().flat_map(rest).collect(), Layout::Rgb)
        }
        DataColorSpace::Gray => ((0..=255).map(|grey| [grey; 3]).collect(), Layout::Gray),
        _ => return None,
    };
    let stored: Vec<u8> = match layout {
        Layout::Gray => colours.iter().map(|colour| colour[0]).collect(),
        _ => colours.concat(),
    };
    let mut shown = vec![0; colours.len() * 3];
    let to = ColorProfile::new_srgb();
    let transform =
        profile.create_transform_8bit(layout, &to, Layout::Rgb, TransformOptions::default()).ok()?;
    transform.transform(&stored, &mut shown).ok()?;
    let moved =
        colours.iter().zip(shown.as_chunks::<3>().0).map(|(from, to)| (luma(*from) - luma(*to)).abs());
    Some(moved.sum::<f64>() / colours.len() as f64)
}

fn luma([r, g, b]: [u8; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_of_screens_move_little_and_others_much() {
        let encoded = |profile: ColorProfile| profile.encode().unwrap();
        assert!(!profile_moves(&encoded(ColorProfile::new_srgb())));
        assert!(!profile_moves(&encoded(ColorProfile::new_display_p3())));
        assert!(!profile_moves(&encoded(ColorProfile::new_adobe_rgb())));
        assert!(!profile_moves(&encoded(ColorProfile::new_gray_with_gamma(2.2))));
        for _ in 0..2 {
            assert!(profile_moves(&encoded(ColorProfile::new_gray_with_gamma(1.0))));
        }
        assert!(!profile_moves(b"no profile") && !profile_moves(&[]));
        assert!(profile_moves(&vec![0; LONGEST_PROFILE + 1]));
    }

    #[test]
    fn gammas_near_that_of_screens_are_none() {
        assert!([0.45455, 0.5, 0.4].iter().all(|gamma| !gamma_moves(*gamma)));
        assert!([0.1, 0.25, 1.0, 20.0].iter().all(|gamma| gamma_moves(*gamma)));
        assert!(!gamma_moves(0.0));
    }
}
