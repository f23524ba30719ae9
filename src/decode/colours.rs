//! How a file says that its colours are meant, and the transform to what a screen of sRGB shows of them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor, TransformOptions,
};

use super::random::Random;
use crate::picture::{Picture, Planes};

use bright::Bright;
pub(super) use icc::take_as_rgb;

mod bright;
mod icc;

/// How far the correlation of what is shown with what is stored may fall from 1, over pixels of the picture, before it is flagged. Signatures look at
/// how a signal varies and not at its level or scale, so that this is what moves them: by some 40 (PhotoDNA) here.
pub const NOTICEABLE: f64 = 0.002;

/// Longest profile that is looked into, in bytes; a longer one counts as one that moves colours.
pub(super) const LONGEST_PROFILE: usize = 1 << 20;

/// Memory that looking into a profile of so many bytes takes, at most: its bytes, its tables as numbers, and those of the transform to sRGB.
pub(super) fn profile_memory(length: usize) -> u64 {
    if length == 0 { 0 } else { (1 << 21) + 8 * length.min(LONGEST_PROFILE) as u64 }
}

/// What a file says of its colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum ColourSpace<'a> {
    /// Nothing, or that they are sRGB.
    #[default]
    Usual,
    /// An ICC profile (ICC.1:2022).
    Icc(Cow<'a, [u8]>),
    /// Codes of ITU-T H.273: primaries and transfer.
    Codes { primaries: u8, transfer: u8 },
    /// Primaries of ITU-T H.273, with the curve of television's screens (ITU-R BT.1886).
    Television { primaries: u8 },
    /// PNG's gAMA, the exponent of the file (0.45455 for what is like sRGB), and cHRM: x and y of white, red, green and blue.
    Gamma { exponent: f64, primaries: Option<[[f64; 2]; 4]> },
}

impl ColourSpace<'_> {
    /// A profile's bytes; empty ones say nothing.
    pub(super) fn icc(profile: &[u8]) -> ColourSpace<'_> {
        if profile.is_empty() { ColourSpace::Usual } else { ColourSpace::Icc(profile.into()) }
    }

    /// Whether it says anything: codes that leave colours open or that nobody has defined do not, nor does a profile that cannot be read or that
    /// browsers do not take.
    pub(super) fn is_known(&self) -> bool {
        const OPEN: u8 = 2;
        match self {
            ColourSpace::Codes { primaries: OPEN, .. }
            | ColourSpace::Codes { transfer: OPEN, .. }
            | ColourSpace::Television { primaries: OPEN } => false,
            ColourSpace::Icc(icc) if icc.len() > LONGEST_PROFILE => true,
            ColourSpace::Icc(icc) if !icc::is_taken(icc) => false,
            _ => self.profile().is_some(),
        }
    }

    /// Whether it moves the picture that a sample is of noticeably from what sRGB makes of the same numbers. What cannot be read does nothing, as in
    /// viewers; a profile too long to be looked into, and one of inks, counts as one that does: no press prints as the plain formula has it.
    pub(super) fn moves(&self, sample: &Sample) -> bool {
        match self {
            ColourSpace::Icc(icc) if icc.len() > LONGEST_PROFILE || is_of_inks(icc) => true,
            _ => self.to_srgb().is_some_and(|to_srgb| to_srgb.moves(sample)),
        }
    }

    /// Whether it moves some pictures.
    #[cfg(feature = "gpu")]
    pub(super) fn may_move(&self) -> bool {
        match self {
            ColourSpace::Icc(icc) if icc.len() > LONGEST_PROFILE || is_of_inks(icc) => true,
            _ => self.to_srgb().is_some(),
        }
    }

    /// The transform to sRGB; `None` where there is none, none that can be read, or one that changes next to nothing.
    pub(super) fn to_srgb(&self) -> Option<Arc<ToSrgb>> {
        if matches!(self, ColourSpace::Usual)
            || matches!(self, ColourSpace::Icc(icc) if icc.len() > LONGEST_PROFILE)
        {
            return None;
        }
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = known().iter().find(|(space, _)| space == self).map(|(_, to_srgb)| to_srgb.clone());
        remembered.unwrap_or_else(|| {
            // Tables take milliseconds, and most profiles are sRGB's.
            let profile = || self.profile().filter(|profile| !is_srgb(profile));
            let to_srgb = ToSrgb::of_bright(self).or_else(|| profile().as_ref().and_then(ToSrgb::of));
            let to_srgb = to_srgb.filter(ToSrgb::matters).map(Arc::new);
            let mut known = known();
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.push((self.owned(), to_srgb.clone()));
            to_srgb
        })
    }

    fn owned(&self) -> ColourSpace<'static> {
        match self {
            ColourSpace::Usual => ColourSpace::Usual,
            ColourSpace::Icc(icc) => ColourSpace::Icc(Cow::Owned(icc.to_vec())),
            &ColourSpace::Codes { primaries, transfer } => ColourSpace::Codes { primaries, transfer },
            &ColourSpace::Television { primaries } => ColourSpace::Television { primaries },
            &ColourSpace::Gamma { exponent, primaries } => ColourSpace::Gamma { exponent, primaries },
        }
    }

    fn profile(&self) -> Option<ColorProfile> {
        match self {
            ColourSpace::Usual => None,
            ColourSpace::Icc(icc) => {
                let mut profile = ColorProfile::new_from_slice(icc).ok()?;
                // Primaries are in X, Y and Z whatever space its header names.
                if profile.color_space == DataColorSpace::Rgb && !has_table(&profile) {
                    profile.pcs = DataColorSpace::Xyz;
                }
                Some(profile)
            }
            &ColourSpace::Codes { primaries, transfer } => {
                let profile = ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
                    transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                });
                // Codes that are not known leave it without curves.
                Some(profile).filter(|profile| profile.red_trc.is_some())
            }
            &ColourSpace::Television { primaries } => {
                const EXPONENT: f32 = 2.4;
                Some(with_curve(bright::with_primaries(primaries)?, EXPONENT))
            }
            &ColourSpace::Gamma { exponent, primaries } => with_gamma(exponent, primaries),
        }
    }
}

impl ColourSpace<'static> {
    /// Codes of a PNG: those of television are shown by the curve of its screens, where an AVIF's are shown by that of sRGB.
    pub(super) fn of_png(primaries: u8, transfer: u8) -> ColourSpace<'static> {
        match transfer {
            1 | 6 | 11 | 14 | 15 => ColourSpace::Television { primaries },
            _ => ColourSpace::Codes { primaries, transfer },
        }
    }
}

/// The profile of PNG's gamma and primaries.
fn with_gamma(exponent: f64, primaries: Option<[[f64; 2]; 4]>) -> Option<ColorProfile> {
    let is_some = exponent > 0.01 && exponent < 100.0;
    is_some.then_some(())?;
    let mut profile = with_curve(ColorProfile::new_srgb(), (1.0 / exponent) as f32);
    if let Some(points) = primaries.filter(|points| points.iter().all(|[_, y]| *y > 0.0)) {
        let [white, red, green, blue] = points.map(|[x, y]| Chromaticity::new(x as f32, y as f32));
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    Some(profile)
}

/// A profile with a power for its curve.
fn with_curve(mut profile: ColorProfile, exponent: f32) -> ColorProfile {
    profile.cicp = None;
    let curve = ToneReprCurve::Parametric(vec![exponent]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile
}

/// Pixels of a picture, at places that its file decides.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sample {
    pub(super) pixels: Vec<[u8; 3]>,
    /// Whether it has grey alone.
    pub(super) is_grey: bool,
}

/// Pixels of a sample, at most.
pub(super) const PIXELS: usize = 1024;

impl Sample {
    /// A sample of decoded pixels; `file` decides which.
    pub(super) fn of(picture: &Picture, file: &[u8]) -> Sample {
        let (samples, channels) = match &picture.planes {
            Planes::Rgb(plane) => (&plane.samples, 3),
            Planes::Grey(plane) => (&plane.samples, 1),
            Planes::Coarse { .. } => return Sample::default(),
        };
        let (count, mut random) = (samples.len() / channels, Random::of(file));
        let pixel = |_| match samples[random.below(count) * channels..] {
            [r, g, b, ..] if channels == 3 => [r, g, b],
            [grey, ..] => [grey; 3],
            [] => [0; 3],
        };
        Sample { pixels: (0..PIXELS.min(count)).map(pixel).collect(), is_grey: channels == 1 }
    }
}

/// From a file's colours to sRGB.
#[derive(Clone)]
pub(super) struct ToSrgb {
    transform: Arc<Transform8BitExecutor>,
    layout: Layout,
    /// Whether it has a table in three dimensions, which may change any few colours.
    has_table: bool,
}

/// Colours that are tried to find out whether a profile changes any.
const TRIED: usize = 1 << 10;

/// Levels by which a transform may change colours and count as none: those of roundings.
const ROUNDING: u8 = 3;

/// Pixels that are transformed at a time.
const AT_A_TIME: usize = 1 << 13;

impl ToSrgb {
    fn of(profile: &ColorProfile) -> Option<ToSrgb> {
        let layout = match profile.color_space {
            DataColorSpace::Rgb => Layout::Rgb,
            DataColorSpace::Gray => Layout::Gray,
            // The library's name for any four channels.
            DataColorSpace::Cmyk => Layout::Rgba,
            _ => return None,
        };
        let (to, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let transform = profile.create_transform_8bit(layout, &to, Layout::Rgb, options).ok()?;
        Some(ToSrgb { transform, layout, has_table: has_table(profile) })
    }

    /// That of codes for colours brighter than white.
    fn of_bright(space: &ColourSpace<'_>) -> Option<ToSrgb> {
        let &ColourSpace::Codes { primaries, transfer } = space else { return None };
        let transform = Arc::new(Bright::of(primaries, transfer)?);
        Some(ToSrgb { transform, layout: Layout::Rgb, has_table: false })
    }

    /// Whether pictures are to be held against it: what changes none of many colours, every level among them, changes no picture.
    fn matters(&self) -> bool {
        if self.has_table {
            return true;
        }
        let mut random = Random::default();
        let mut level = || random.below(256) as u8;
        let pixels: Vec<[u8; 3]> = match self.layout {
            Layout::Gray => (0..=255).map(|grey| [grey; 3]).collect(),
            _ => {
                let greys = (0..=255).map(|grey| [grey; 3]);
                greys.chain((0..TRIED).map(|_| [level(), level(), level()])).collect()
            }
        };
        let shown = self.shown(&pixels);
        let is_far =
            |(from, to): (&[u8; 3], &[u8; 3])| from.iter().zip(to).any(|(a, b)| a.abs_diff(*b) > ROUNDING);
        pixels.iter().zip(&shown).any(is_far)
    }

    /// Whether what is shown of a picture varies otherwise than what is stored, in luma or in R + G + B.
    fn moves(&self, sample: &Sample) -> bool {
        if matches!(self.layout, Layout::Gray) && !sample.is_grey {
            return false;
        }
        let shown = self.shown(&sample.pixels);
        let correlation = |signal: fn(&[u8; 3]) -> f64| {
            let pairs = || sample.pixels.iter().zip(&shown).map(|(from, to)| (signal(from), signal(to)));
            let count = sample.pixels.len().max(1) as f64;
            let (from, to) = pairs().fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
            let (from, to) = (from / count, to / count);
            let moments = pairs().fold([1.0; 3], |[aa, ab, bb], (a, b)| {
                let (a, b) = (a - from, b - to);
                [aa + a * a, ab + a * b, bb + b * b]
            });
            moments[1] / (moments[0] * moments[2]).sqrt()
        };
        let sum: fn(&[u8; 3]) -> f64 = |pixel| pixel.iter().map(|sample| f64::from(*sample)).sum();
        correlation(sum).min(correlation(luma)) < 1.0 - NOTICEABLE
    }

    /// Whether it is from cyan, magenta, yellow and black.
    pub(super) fn is_of_inks(&self) -> bool {
        matches!(self.layout, Layout::Rgba)
    }

    /// What is shown of inks, four bytes a pixel, 255 for all of an ink.
    pub(super) fn show_inks(&self, inks: &[u8], shown: &mut [u8]) {
        // Both are whole pixels, as many of the one as of the other.
        let _ = self.transform.transform(inks, shown);
    }

    /// What is shown of colours, R = G = B for grey.
    pub(super) fn shown(&self, pixels: &[[u8; 3]]) -> Vec<[u8; 3]> {
        let mut shown = vec![[0; 3]; pixels.len()];
        let stored: Vec<u8> = match self.layout {
            Layout::Gray => pixels.iter().map(|pixel| pixel[0]).collect(),
            _ => pixels.as_flattened().to_vec(),
        };
        // Both are whole pixels, as many of the one as of the other.
        let _ = self.transform.transform(&stored, shown.as_flattened_mut());
        shown
    }

    /// The picture as it is shown; as it was where its samples are not of the kind that the profile is for.
    pub(super) fn apply(&self, picture: Picture) -> Result<Picture, Picture> {
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
            Planes::Grey(plane) if !self.is_of_inks() => {
                let levels: Vec<[u8; 3]> = (0..=255).map(|grey| [grey; 3]).collect();
                let colours = self.shown(&levels);
                let mut samples = Vec::new();
                if samples.try_reserve_exact(plane.samples.len() * 3).is_err() {
                    return Err(Picture { width, height, planes: Planes::Grey(plane) });
                }
                plane.samples.iter().for_each(|grey| samples.extend(colours[usize::from(*grey)]));
                Ok(Picture::from_rgb(samples, width, height))
            }
            planes => Err(Picture { width, height, planes }),
        }
    }
}

impl fmt::Debug for ToSrgb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ToSrgb").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Whether a profile is sRGB's by another name: its primaries and curves are the same but for roundings.
fn is_srgb(profile: &ColorProfile) -> bool {
    const FAR: f64 = 1e-3;
    let srgb = ColorProfile::new_srgb();
    let colorants = |of: &ColorProfile| {
        let colorants = [of.red_colorant, of.green_colorant, of.blue_colorant];
        colorants.map(|colorant| [colorant.x, colorant.y, colorant.z])
    };
    let (own, usual) = (colorants(profile), colorants(&srgb));
    let mut pairs = own.as_flattened().iter().zip(usual.as_flattened());
    // IEC 61966-2-1, clause 5.2.
    let linear = |level: f64| {
        if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
    };
    let is_usual = |curve: &Option<ToneReprCurve>| match curve {
        Some(ToneReprCurve::Lut(values)) if (256..=4096).contains(&values.len()) => {
            let last = (values.len() - 1) as f64;
            let is_near = |(at, value): (usize, &u16)| {
                (f64::from(*value) / 65_535.0 - linear(at as f64 / last)).abs() < FAR
            };
            values.iter().enumerate().all(is_near)
        }
        curve => *curve == srgb.red_trc,
    };
    profile.color_space == DataColorSpace::Rgb
        && profile.pcs == DataColorSpace::Xyz
        && profile.cicp.is_none()
        && !has_table(profile)
        && pairs.all(|(own, usual)| (own - usual).abs() < FAR)
        && [&profile.red_trc, &profile.green_trc, &profile.blue_trc].into_iter().all(is_usual)
}

/// Whether a profile has a table in three dimensions.
fn has_table(profile: &ColorProfile) -> bool {
    let tables =
        [&profile.lut_a_to_b_perceptual, &profile.lut_a_to_b_colorimetric, &profile.lut_a_to_b_saturation];
    tables.into_iter().any(Option::is_some)
}

/// Whether a profile is of cyan, magenta, yellow and black, by its header (ICC.1:2022, 7.2.6).
fn is_of_inks(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"CMYK")
}

/// What files said, byte for byte, and the transforms.
type Known = Vec<(ColourSpace<'static>, Option<Arc<ToSrgb>>)>;

/// Transforms that are remembered: most pictures have one of a few, and one may take some megabytes, its profile one more.
const REMEMBERED: usize = 16;

fn luma([r, g, b]: &[u8; 3]) -> f64 {
    0.299 * f64::from(*r) + 0.587 * f64::from(*g) + 0.114 * f64::from(*b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().unwrap()
    }

    /// Pixels about a colour, of levels that vary together, as in most photographs, and a little by themselves.
    fn soft() -> Sample {
        let pixel = |n: u32| {
            let (level, own) = ((n * 37) % 200, (n * 11) % 25);
            [level + 20 + own, level + 25, level + 30 - own / 2].map(|level| level.min(255) as u8)
        };
        Sample { pixels: (0..1000).map(pixel).collect(), is_grey: false }
    }

    fn grey() -> Sample {
        Sample { pixels: (0..=255).map(|grey| [grey; 3]).collect(), is_grey: true }
    }

    /// Red and green about as bright as each other.
    fn gaudy() -> Sample {
        let pixel =
            |n: u32| if n.is_multiple_of(3) { [250, (n % 40) as u8, 0] } else { [0, 125 + (n % 9) as u8, 0] };
        Sample { pixels: (0..1000).map(pixel).collect(), is_grey: false }
    }

    #[test]
    fn what_moves_a_picture_is_found_by_its_own_colours() {
        let icc = |profile: &ColorProfile| encoded(profile);
        let (p3, srgb) = (icc(&ColorProfile::new_display_p3()), icc(&ColorProfile::new_srgb()));
        assert!(ColourSpace::icc(&srgb).to_srgb().is_none());
        assert!(!ColourSpace::icc(&p3).moves(&soft()) && ColourSpace::icc(&p3).moves(&gaudy()));
        let (usual, linear) =
            (icc(&ColorProfile::new_gray_with_gamma(2.2)), icc(&ColorProfile::new_gray_with_gamma(1.0)));
        assert!(!ColourSpace::icc(&usual).moves(&grey()));
        for _ in 0..2 {
            assert!(ColourSpace::icc(&linear).moves(&grey()));
        }
        assert!(!ColourSpace::icc(&linear).moves(&soft()), "a profile for grey is none for colours");
        assert!(!ColourSpace::icc(b"no profile").moves(&soft()) && !ColourSpace::icc(&[]).moves(&soft()));
        assert!(ColourSpace::icc(&vec![0; LONGEST_PROFILE + 1]).moves(&soft()));
        let mut inks = srgb;
        inks[16..20].copy_from_slice(b"CMYK");
        assert!(ColourSpace::icc(&inks).moves(&soft()) && ColourSpace::icc(&inks).to_srgb().is_none());
    }

    #[test]
    fn a_profile_that_moves_a_few_colours_moves_a_picture_of_these() {
        // Identity but for levels 100 to 103, which are black.
        let level = |level: u32| if (100..104).contains(&level) { 0 } else { (level * 257) as u16 };
        let curve = ToneReprCurve::Lut((0..256).map(level).collect());
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        (profile.red_trc, profile.green_trc) = (Some(curve.clone()), Some(curve.clone()));
        profile.blue_trc = Some(curve);
        let icc = encoded(&profile);
        let of_these = |n: u32| [if n.is_multiple_of(2) { 101 } else { 90 + (n % 5) as u8 }; 3];
        let painted = Sample { pixels: (0..500).map(of_these).collect(), is_grey: false };
        assert!(ColourSpace::icc(&icc).moves(&painted));
    }

    #[test]
    fn srgb_is_known_by_its_curves_and_primaries() {
        let linear =
            |level: f64| if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) };
        let values: Vec<u16> =
            (0..1024).map(|at| (linear(f64::from(at) / 1023.0) * 65_535.0) as u16).collect();
        let with = |mut profile: ColorProfile, values: &[u16]| {
            let curve = Some(ToneReprCurve::Lut(values.to_vec()));
            (profile.red_trc, profile.green_trc, profile.blue_trc) = (curve.clone(), curve.clone(), curve);
            profile.cicp = None;
            profile
        };
        let matters = |profile: &ColorProfile| ToSrgb::of(profile).unwrap().matters();
        let srgb = with(ColorProfile::new_srgb(), &values);
        assert!(is_srgb(&srgb) && !matters(&srgb));
        let mut parametric = ColorProfile::new_srgb();
        parametric.cicp = None;
        assert!(is_srgb(&parametric));
        let p3 = with(ColorProfile::new_display_p3(), &values);
        assert!(!is_srgb(&p3) && matters(&p3));
        // One value between two levels that stand for pixels' is enough.
        let mut dented = values;
        dented[402] = 0;
        assert!(!is_srgb(&with(ColorProfile::new_srgb(), &dented)));
    }

    #[test]
    fn primaries_are_in_xyz_whatever_the_header_says() {
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        let dark = Some(ToneReprCurve::Parametric(vec![5.0]));
        (profile.red_trc, profile.green_trc, profile.blue_trc) = (dark.clone(), dark.clone(), dark);
        let mut icc = encoded(&profile);
        let right = ColourSpace::icc(&icc).to_srgb().unwrap().shown(&gaudy().pixels);
        icc[20..24].copy_from_slice(b"Lab ");
        assert_eq!(ColourSpace::icc(&icc).to_srgb().unwrap().shown(&gaudy().pixels), right);
    }

    #[test]
    fn gammas_near_that_of_screens_are_none() {
        let gamma = |exponent| ColourSpace::Gamma { exponent, primaries: None };
        assert!(!gamma(0.45455).moves(&soft()));
        assert!([0.1, 1.0, 20.0].iter().all(|exponent| gamma(*exponent).moves(&soft())));
        assert!(!gamma(0.0).moves(&soft()));
        let srgb = [[0.3127, 0.329], [0.64, 0.33], [0.3, 0.6], [0.15, 0.06]];
        let [white, red, green, blue] = srgb;
        let with = |primaries| ColourSpace::Gamma { exponent: 0.45455, primaries: Some(primaries) };
        assert!(!with(srgb).moves(&soft()));
        assert!(with([white, green, blue, red]).moves(&gaudy()), "exchanged colours");
    }

    #[test]
    fn codes_of_screens_are_none() {
        let codes = |primaries, transfer| ColourSpace::Codes { primaries, transfer };
        assert!(codes(1, 13).to_srgb().is_none(), "sRGB");
        assert!(codes(1, 8).moves(&soft()), "linear light");
        assert!(!codes(200, 200).moves(&soft()));
        // Chromium 156 shows greys of a PNG with codes of television so.
        let shown =
            ColourSpace::of_png(9, 14).to_srgb().unwrap().shown(&[[32; 3], [96; 3], [160; 3], [64, 0, 0]]);
        let expected = [[20; 3], [87; 3], [155; 3], [69, 0, 0]];
        let is_near =
            |(shown, expected): (&[u8; 3], &[u8; 3])| (0..3).all(|at| shown[at].abs_diff(expected[at]) <= 1);
        assert!(shown.iter().zip(&expected).all(is_near), "{shown:?}");
        assert_eq!(ColourSpace::of_png(9, 16), codes(9, 16));
    }

    #[test]
    fn a_picture_takes_the_way_of_its_samples() {
        let grey = Picture::from_grey((0..=255).collect(), 16, 16);
        let rgb = Picture::from_rgb((0..=255).flat_map(|level| [level; 3]).collect(), 16, 16);
        let linear = ColourSpace::Gamma { exponent: 1.0, primaries: None }.to_srgb().unwrap();
        let shown = linear.apply(rgb.clone()).unwrap();
        assert_eq!(linear.apply(grey.clone()).unwrap(), shown);
        let Planes::Rgb(plane) = &shown.planes else { panic!("grey") };
        assert!(plane.samples[64 * 3] > 120, "{}", plane.samples[64 * 3]);
        // A profile for grey is none for colours.
        let grey_alone =
            ColourSpace::icc(&encoded(&ColorProfile::new_gray_with_gamma(1.0))).to_srgb().unwrap();
        assert!(grey_alone.apply(grey).is_ok());
        assert_eq!(grey_alone.apply(rgb.clone()).unwrap_err(), rgb);
    }
}
