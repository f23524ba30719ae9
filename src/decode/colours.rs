//! How a file says that its colours are meant, and the way to what a screen of sRGB shows of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor, TransformOptions,
};
use sha2::{Digest, Sha256};

use crate::picture::{Picture, Planes};

/// How far a profile may move luma on average over all colours, of 255, before a picture is flagged. sRGB, Display P3 and Adobe RGB stay under it;
/// profiles of a gamma of 1.8, of single screens and of exchanged colours do not.
pub const NOTICEABLE: f64 = 12.0;

/// How far a profile may move luma of any colour but one in [`FEW`]: under it profiles of cameras and screens stay for all colours, and over it
/// those that move only the few colours that a picture is painted in.
const FAR: f64 = 64.0;

/// See [`FAR`].
const FEW: usize = 1000;

/// Longest profile that is looked into, in bytes; a longer one counts as one that moves colours.
pub(super) const LONGEST_PROFILE: usize = 1 << 20;

/// Memory that looking into a profile of so many bytes takes, at most: its bytes, its tables as numbers, and those of the way to sRGB.
pub(super) fn profile_memory(length: usize) -> u64 {
    if length == 0 { 0 } else { (1 << 21) + 8 * length.min(LONGEST_PROFILE) as u64 }
}

/// What a file says of its colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Meaning<'a> {
    /// Nothing, or that they are sRGB.
    #[default]
    Usual,
    /// An ICC profile (ICC.1:2022).
    Icc(Cow<'a, [u8]>),
    /// Codes of ITU-T H.273: primaries and transfer.
    Codes { primaries: u8, transfer: u8 },
    /// PNG's gAMA, the exponent of the file (0.45455 for what is like sRGB), and cHRM: x and y of white, red, green and blue.
    Gamma { exponent: f64, primaries: Option<[[f64; 2]; 4]> },
}

impl Meaning<'_> {
    /// A profile's bytes; empty ones say nothing.
    pub(super) fn icc(profile: &[u8]) -> Meaning<'_> {
        if profile.is_empty() { Meaning::Usual } else { Meaning::Icc(profile.into()) }
    }

    /// Whether it moves brightness noticeably from what sRGB makes of the same numbers. What cannot be read does nothing, as in viewers; a profile
    /// too long to be looked into, and one of inks, counts as one that does: no press prints as the plain formula has it.
    pub(super) fn moves(&self) -> bool {
        match self {
            Meaning::Usual => false,
            Meaning::Icc(icc) if icc.len() > LONGEST_PROFILE || is_of_inks(icc) => true,
            Meaning::Icc(icc) => remembered(icc, || self.way().is_some_and(|way| way.moves())),
            _ => self.way().is_some_and(|way| way.moves()),
        }
    }

    /// The way to sRGB; `None` where there is none, or none that can be read.
    pub(super) fn way(&self) -> Option<Way> {
        let profile = match self {
            Meaning::Usual => return None,
            Meaning::Icc(icc) if icc.len() > LONGEST_PROFILE => return None,
            Meaning::Icc(icc) => ColorProfile::new_from_slice(icc).ok()?,
            &Meaning::Codes { primaries, transfer } => {
                let color_primaries = CicpColorPrimaries::try_from(primaries).ok()?;
                let transfer_characteristics = TransferCharacteristics::try_from(transfer).ok()?;
                let profile = ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries,
                    transfer_characteristics,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                });
                // Codes that are not known leave it without curves.
                Some(profile).filter(|profile| profile.red_trc.is_some())?
            }
            &Meaning::Gamma { exponent, primaries } => with_gamma(exponent, primaries)?,
        };
        Way::of(&profile)
    }
}

/// The profile of PNG's gamma and primaries.
fn with_gamma(exponent: f64, primaries: Option<[[f64; 2]; 4]>) -> Option<ColorProfile> {
    let is_some = exponent > 0.01 && exponent < 100.0;
    is_some.then_some(())?;
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    let curve = ToneReprCurve::Parametric(vec![(1.0 / exponent) as f32]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    if let Some(points) = primaries.filter(|points| points.iter().all(|[_, y]| *y > 0.0)) {
        let [white, red, green, blue] = points.map(|[x, y]| Chromaticity::new(x as f32, y as f32));
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    Some(profile)
}

/// From a file's colours to sRGB.
pub(super) struct Way {
    transform: Arc<Transform8BitExecutor>,
    layout: Layout,
    /// Colours at which it is looked at.
    looks: usize,
}

/// Colours that a table in three dimensions is looked at, and three curves, each of which has 256 levels.
const TABLE_LOOKS: usize = 1 << 13;
const CURVE_LOOKS: usize = 1 << 10;

/// Pixels that take the way at a time.
const AT_A_TIME: usize = 1 << 13;

impl Way {
    fn of(profile: &ColorProfile) -> Option<Way> {
        let layout = match profile.color_space {
            DataColorSpace::Rgb => Layout::Rgb,
            DataColorSpace::Gray => Layout::Gray,
            _ => return None,
        };
        let (to, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let transform = profile.create_transform_8bit(layout, &to, Layout::Rgb, options).ok()?;
        let tables = [
            &profile.lut_a_to_b_perceptual,
            &profile.lut_a_to_b_colorimetric,
            &profile.lut_a_to_b_saturation,
        ];
        let has_table = tables.into_iter().any(Option::is_some);
        Some(Way { transform, layout, looks: if has_table { TABLE_LOOKS } else { CURVE_LOOKS } })
    }

    /// Whether luma moves by more than [`NOTICEABLE`] on average, or more than [`FAR`] for too many colours.
    fn moves(&self) -> bool {
        let channels = self.channels();
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let stored: Vec<u8> = match self.layout {
            Layout::Gray => (0..=255).collect(),
            _ => (0..self.looks * channels).map(|_| random()).collect(),
        };
        let mut shown = vec![0; stored.len() / channels * 3];
        if self.transform.transform(&stored, &mut shown).is_err() {
            return false;
        }
        let plain = |pixel: &[u8]| match *pixel {
            [grey] => [grey; 3],
            _ => [pixel[0], pixel[1], pixel[2]],
        };
        let moved: Vec<f64> = stored
            .chunks_exact(channels)
            .zip(shown.as_chunks::<3>().0)
            .map(|(from, to)| (luma(plain(from)) - luma(*to)).abs())
            .collect();
        let far = moved.iter().filter(|moved| **moved > FAR).count();
        moved.iter().sum::<f64>() / moved.len() as f64 > NOTICEABLE || far > moved.len() / FEW
    }

    fn channels(&self) -> usize {
        match self.layout {
            Layout::Gray => 1,
            _ => 3,
        }
    }

    /// The picture as it is shown; as it was where its samples are not of the kind that the profile is for.
    pub(super) fn take(&self, picture: Picture) -> Result<Picture, Picture> {
        let (width, height) = (picture.width, picture.height);
        match picture.planes {
            Planes::Rgb(mut plane) if matches!(self.layout, Layout::Rgb) => {
                let mut stored = vec![0; AT_A_TIME * 3];
                for shown in plane.samples.chunks_mut(AT_A_TIME * 3) {
                    let stored = &mut stored[..shown.len() / 3 * 3];
                    let shown = &mut shown[..stored.len()];
                    stored.copy_from_slice(shown);
                    // Both are whole pixels, as many of the one as of the other.
                    let _ = self.transform.transform(stored, shown);
                }
                Ok(Picture::from_rgb(plane.samples, width, height))
            }
            Planes::Grey(plane) => {
                let stored: Vec<u8> = match self.layout {
                    Layout::Gray => (0..=255).collect(),
                    _ => (0..=255).flat_map(|grey| [grey; 3]).collect(),
                };
                let mut shown = [0; 256 * 3];
                let _ = self.transform.transform(&stored, &mut shown);
                let colours = shown.as_chunks::<3>().0;
                let samples = plane.samples.iter().flat_map(|grey| colours[usize::from(*grey)]).collect();
                Ok(Picture::from_rgb(samples, width, height))
            }
            planes => Err(Picture { width, height, planes }),
        }
    }
}

/// Whether a profile is of cyan, magenta, yellow and black, by its header (ICC.1:2022, 7.2.6).
fn is_of_inks(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"CMYK")
}

/// Profiles whose effect is remembered: most pictures have one of a few.
const REMEMBERED: usize = 256;

/// What was found of a profile before, else what is found now.
fn remembered(icc: &[u8], find: impl FnOnce() -> bool) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<[u8; 32], bool>>> = LazyLock::new(Mutex::default);
    let digest: [u8; 32] = Sha256::digest(icc).into();
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).copied();
    known.unwrap_or_else(|| {
        let found = find();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest, found);
        found
    })
}

fn luma([r, g, b]: [u8; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().unwrap()
    }

    #[test]
    fn profiles_of_cameras_move_little_and_others_much() {
        for usual in [ColorProfile::new_srgb(), ColorProfile::new_display_p3(), ColorProfile::new_adobe_rgb()]
        {
            assert!(!Meaning::icc(&encoded(&usual)).moves());
        }
        assert!(!Meaning::icc(&encoded(&ColorProfile::new_gray_with_gamma(2.2))).moves());
        for _ in 0..2 {
            assert!(Meaning::icc(&encoded(&ColorProfile::new_gray_with_gamma(1.0))).moves());
        }
        assert!(!Meaning::icc(b"no profile").moves() && !Meaning::icc(&[]).moves());
        assert!(Meaning::icc(&vec![0; LONGEST_PROFILE + 1]).moves());
        let mut inks = encoded(&ColorProfile::new_srgb());
        inks[16..20].copy_from_slice(b"CMYK");
        assert!(Meaning::icc(&inks).moves() && Meaning::icc(&inks).way().is_none());
    }

    #[test]
    fn a_profile_that_moves_few_colours_is_found() {
        // Identity but for levels 100 to 103, which are black.
        let table =
            (0..256u32).map(|level| if (100..104).contains(&level) { 0 } else { (level * 257) as u16 });
        let curve = ToneReprCurve::Lut(table.collect());
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        (profile.red_trc, profile.green_trc) = (Some(curve.clone()), Some(curve.clone()));
        profile.blue_trc = Some(curve);
        assert!(Meaning::icc(&encoded(&profile)).moves());
    }

    #[test]
    fn gammas_near_that_of_screens_are_none() {
        let gamma = |exponent| Meaning::Gamma { exponent, primaries: None };
        assert!([0.45455, 0.5, 0.42].iter().all(|exponent| !gamma(*exponent).moves()));
        assert!([0.1, 0.25, 1.0, 20.0].iter().all(|exponent| gamma(*exponent).moves()));
        assert!(!gamma(0.0).moves());
        let srgb = [[0.3127, 0.329], [0.64, 0.33], [0.3, 0.6], [0.15, 0.06]];
        let [white, red, green, blue] = srgb;
        let with = |primaries| Meaning::Gamma { exponent: 0.45455, primaries: Some(primaries) };
        assert!(!with(srgb).moves());
        assert!(with([white, green, blue, red]).moves(), "exchanged colours");
    }

    #[test]
    fn codes_of_screens_are_none() {
        let codes = |primaries, transfer| Meaning::Codes { primaries, transfer };
        assert!(!codes(1, 13).moves(), "sRGB");
        assert!(!codes(12, 13).moves(), "Display P3");
        assert!(codes(1, 8).moves(), "linear light");
        assert!(codes(9, 16).moves(), "PQ");
        assert!(!codes(200, 200).moves());
    }

    #[test]
    fn a_picture_takes_the_way_of_its_samples() {
        let grey = Picture::from_grey((0..=255).collect(), 16, 16);
        let rgb = Picture::from_rgb((0..=255).flat_map(|level| [level; 3]).collect(), 16, 16);
        let linear = Meaning::Gamma { exponent: 1.0, primaries: None }.way().unwrap();
        let shown = linear.take(rgb.clone()).unwrap();
        assert_eq!(linear.take(grey.clone()).unwrap(), shown);
        let Planes::Rgb(plane) = &shown.planes else { panic!("grey") };
        assert!(plane.samples[64 * 3] > 120, "{}", plane.samples[64 * 3]);
        // A profile for grey is none for colours.
        let grey_alone = Meaning::icc(&encoded(&ColorProfile::new_gray_with_gamma(1.0))).way().unwrap();
        assert!(grey_alone.take(grey).is_ok());
        assert_eq!(grey_alone.take(rgb.clone()).unwrap_err(), rgb);
    }
}
