//! The frames of a file: every picture that it holds, where somebody asks for more than the first.
//!
//! What is hashed of a file is its first picture, and [faces](super::faces) are at most three more of an animation. Whoever hides a picture among
//! hundreds of frames is found by hashing all of them. A frame is what a viewer shows at its time, with everything that earlier ones left, by the rules of
//! browsers:
//!
//! | format | frames |
//! | --- | --- |
//! | GIF | each on its canvas, with disposal and transparency; a frame may reach beyond the canvas, where nobody sees it |
//! | PNG | those of an animation, with disposal and blending; number 0 is the default picture, also where that is no frame: then the first frame is number 1 |
//! | WebP | those of an animation, with disposal and blending |
//! | JPEG XL | as the decoder gives them |
//! | TIFF | the pages, reduced ones and masks too |
//! | JPEG | the others of several in one file, by the Multi-Picture Format; gain maps and smaller copies too |
//! | ICO | the other pictures of an icon, in the order of its directory; number 0 is the best one |
//! | HEIC, AVIF | those of a sequence, as the decoder gives them; number 0 is the file's picture, also where that is none of them |
//!
//! Number 0 is the file's own picture, which is decoded as ever and is not among them.
//!
//! # Bounds
//!
//! Frames are looked at one after another, in the memory that [`Decoder::memory`] announces for the largest. The pixels of all of them, of a small frame
//! [`LEAST_PIXELS`], are held against the limits; at most [`MOST_FRAMES`] of a file are given. The first that is broken, beyond a limit or not there
//! is an error, and the last of an animation; a page that is broken is an error, and others follow.

use std::fmt;
use std::str::FromStr;

use super::animation;
use super::colours::ToSrgb;
use super::estimate::Estimate;
use super::jpeg::further;
use super::raster::composed::Animation;
use super::raster::tiff::pages::{self, Pages};
use super::raster::{self, icon};
use super::viewing::Sources;
use super::{DecodeOptions, Decoded, Decoder, Detail, Face, Format, Part, Viewing, unknown};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::picture::Picture;

/// Frames of one file that are hashed at most, the first included.
pub const MOST_FRAMES: u32 = 4096;

/// Pixels that a frame counts as at least: a file of tiny frames takes its time too.
const LEAST_PIXELS: u64 = 1024;

/// Which frames of a file are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Frames {
    /// The first alone.
    #[default]
    First,
    /// All, up to [`MOST_FRAMES`].
    All,
    /// At most so many, spread evenly, the first and the last among them; from 2 to [`MOST_FRAMES`].
    Most(u32),
}

/// `first`, `all`, or a number.
impl fmt::Display for Frames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frames::First => formatter.pad("first"),
            Frames::All => formatter.pad("all"),
            Frames::Most(most) => most.fmt(formatter),
        }
    }
}

impl FromStr for Frames {
    type Err = Error;

    fn from_str(text: &str) -> Result<Frames> {
        match (text, text.parse()) {
            ("first", _) | (_, Ok(1)) => Ok(Frames::First),
            ("all", _) => Ok(Frames::All),
            (_, Ok(most @ 2..=MOST_FRAMES)) => Ok(Frames::Most(most)),
            _ => Err(unknown("frames", text, &format!("first, all, or a number from 1 to {MOST_FRAMES}"))),
        }
    }
}

impl Frames {
    /// How many of a file are hashed at most, the first included.
    pub(super) fn most(self) -> u64 {
        match self {
            Frames::First => 1,
            Frames::All => MOST_FRAMES.into(),
            Frames::Most(most) => most.into(),
        }
    }

    /// Whether frame `number` of `count` is among them, both counted with the file's own.
    fn wants(self, number: u64, count: u64) -> bool {
        let Frames::Most(most) = self else { return self == Frames::All };
        let (parts, last) = (u64::from(most.max(2) - 1), count.saturating_sub(1));
        if last <= parts {
            return true;
        }
        // Frame i of them is the one nearest to i × last / parts.
        let nearest = |part: u64| {
            (u128::from(part) * u128::from(last) * 2 + u128::from(parts)) / (2 * u128::from(parts))
        };
        let part = (u128::from(number) * u128::from(parts) / u128::from(last)) as u64;
        [part, part + 1].into_iter().any(|part| nearest(part) == u128::from(number))
    }
}

/// A frame that was decoded, and what its faces are made of.
pub(crate) struct Further<'a> {
    pub(crate) decoded: Decoded,
    of: Of<'a>,
}

enum Of<'a> {
    /// One of an animation, seen through the file's colours.
    Animation(Option<&'a ToSrgb>),
    /// A file of its own.
    File(&'a [u8]),
}

/// Takes frames as they come: the decoder, the frame's number, and the frame or why there is none.
type See<'s> = &'s mut dyn FnMut(&mut Decoder, u64, Result<Further<'_>>);

impl Decoder {
    /// Whether a file of this format has further frames that are asked for.
    pub(crate) fn has_frames(&self, bytes: &[u8], format: Format, viewing: Viewing) -> bool {
        let is_several = || match format {
            Format::Gif => raster::gif::count(bytes) > 1,
            Format::WebP => viewing.animated && raster::webp::composed::count(bytes) > 1,
            Format::Tiff => pages::are_in(bytes),
            Format::Ico => icon::count(bytes) > 1,
            Format::Jpeg => further::count(bytes) > 1,
            _ => viewing.animated,
        };
        self.options.frames != Frames::First && is_several()
    }

    /// Gives the frames of a file that are asked for to `see`, one after another, but for the first; `format` and `viewing` are those of the first.
    pub(crate) fn frames_of(&mut self, bytes: &[u8], format: Format, viewing: Viewing, see: See<'_>) {
        match format {
            Format::Tiff | Format::Ico | Format::Jpeg => self.pages(bytes, format, see),
            _ => self.animation(bytes, format, viewing, see),
        }
    }

    /// Gives the faces of a frame to `see`, as [`faces`](Decoder::faces) does those of a file; takes its memory back.
    pub(crate) fn faces_of_frame(&mut self, frame: Further<'_>, see: &mut dyn FnMut(Face, &Picture)) {
        let Further { mut decoded, of } = frame;
        match of {
            Of::File(file) => {
                // Which page of several is the main one is the first page's affair.
                decoded.viewing.unusual = false;
                self.faces(file, decoded, see);
            }
            Of::Animation(to_srgb) => {
                let again = (to_srgb.is_some() && decoded.viewing.alpha).then(|| decoded.clone());
                self.face(Part::Stored, &[], decoded, to_srgb, see);
                if let Some(decoded) = again {
                    self.face(Part::Stored, &[], decoded, None, see);
                }
            }
        }
    }

    /// What every pixel of a JPEG takes by itself, whatever it lists behind it.
    fn of_jpeg(&mut self, bytes: &[u8]) -> Result<Estimate> {
        let full = |_, _| Detail::Full;
        raster::guarded(Format::Jpeg, || self.jpeg.estimate(bytes, full)).map(|(estimate, _)| estimate)
    }

    /// A JPEG's estimate with what the others in its file take, one after another.
    pub(super) fn with_others(&mut self, estimate: Estimate, bytes: &[u8]) -> Estimate {
        let others = further::others(bytes);
        let kept = (others.len() as u64).min(self.options.frames.most()) * raster::FRAME_BYTES;
        let (limits, mut cost) = (self.options.limits.clone(), 0u64);
        let others = others.into_iter().flatten().take_while(|other| {
            cost = cost.saturating_add(other.len() as u64 / 4);
            limits.check_frames(cost, bytes.len() as u64).is_ok()
        });
        let estimates = others.filter_map(|other| self.of_jpeg(other).ok());
        match estimates.map(|other| other.memory).max() {
            Some(most) => estimate.with_faces(most.max(estimate.memory).saturating_add(kept)),
            None => estimate,
        }
    }

    fn animation(&mut self, bytes: &[u8], format: Format, viewing: Viewing, see: See<'_>) {
        let options = self.options.clone();
        let Animation { pixels, mut number, count, mut frames } =
            match raster::guarded(format, || animation::open(bytes, format, &options)) {
                Ok(animation) => animation,
                Err(error) => return see(self, 1, Err(error)),
            };
        let to_srgb = viewing.profile.then(|| self.shown_through(bytes, format)).flatten();
        let (wanted, mut bounds) = (options.frames, Bounds::new(&options.limits, bytes));
        // Where no header says how many there are, they are counted first.
        let is_spread = matches!(wanted, Frames::Most(_));
        let count = count.or_else(|| is_spread.then(|| counted(bytes, format, &options)).flatten());
        loop {
            let next =
                bounds.take(pixels).and_then(|()| raster::guarded(format, || frames.next().transpose()));
            let shown = match next {
                Ok(Some(shown)) => shown,
                Ok(None) => {
                    // There are at least two, or nobody would ask.
                    let count = count.unwrap_or(2);
                    if number < count {
                        let what = format!("frame {number} of {count} is broken or not there");
                        see(self, number.max(1), Err(Error::corrupt(format.name(), what)));
                    }
                    return;
                }
                Err(error) => return see(self, number.max(1), Err(error)),
            };
            if number > 0 && wanted.wants(number, count.unwrap_or(u64::MAX)) {
                if let Err(error) = bounds.give() {
                    return see(self, number, Err(error));
                }
                let mut samples = shown.rgba;
                let alpha = raster::take_alpha(&mut samples);
                let viewing = Viewing {
                    animated: true,
                    alpha: !alpha.is_empty(),
                    profile: to_srgb.is_some(),
                    ..Viewing::default()
                };
                let picture = Picture::from_rgb(samples, shown.width, shown.height);
                let sources = Sources { alpha, ..Sources::default() };
                let decoded =
                    Decoded { picture, format, detail: Detail::Full, whole: None, viewing, sources };
                see(self, number, Ok(Further { decoded, of: Of::Animation(to_srgb.as_deref()) }));
            }
            number += 1;
        }
    }

    /// The further pages of a TIFF, or pictures of an icon.
    fn pages(&mut self, bytes: &[u8], format: Format, see: See<'_>) {
        let limits = self.options.limits.clone();
        let first = DecodeOptions { frames: Frames::First, ..self.options.clone() };
        let (wanted, mut bounds) = (self.options.frames, Bounds::new(&limits, bytes));
        let mut files = match format {
            Format::Ico => Files::Icon(Box::new(icon::others(bytes)), None),
            Format::Jpeg => Files::Jpeg(further::others(bytes)),
            _ => Files::Tiff(Pages::of(bytes)),
        };
        let (count, most) = match &files {
            Files::Icon(..) => (icon::count(bytes), icon::MOST_OF_ICON),
            Files::Tiff(pages) => (pages.count(), pages::MOST_PAGES),
            Files::Jpeg(others) => (1 + others.len() as u64, MOST_FRAMES.into()),
        };
        for number in 1..count.min(most) {
            let cost = files.cost(number);
            let file = files.at(number);
            if !wanted.wants(number, count) {
                continue;
            }
            if let Err(error) = bounds.give().and_then(|()| bounds.take(cost)) {
                return see(self, number, Err(error));
            }
            let Some(file) = file else {
                let what = "a picture that it names is not in the file";
                see(self, number, Err(Error::corrupt(format.name(), what)));
                continue;
            };
            // What is beyond a limit by itself costs nothing, and another may be within.
            let is_jpeg = Format::sniff(file) == Some(Format::Jpeg);
            let estimate = if is_jpeg { self.of_jpeg(file) } else { raster::estimate(file, &first) };
            let pixels = estimate.map_or(0, |estimate| estimate.pixels);
            if limits.check_density(pixels, bytes.len() as u64).is_ok()
                && let Err(error) = bounds.take(pixels)
            {
                return see(self, number, Err(error));
            }
            let decoded = match is_jpeg {
                true => self.decode(file),
                false => raster::decode(file, &first, &mut self.helper, &mut self.spare),
            };
            // Which others there are is said once, of the file.
            let decoded = decoded
                .map(|decoded| Decoded { viewing: Viewing { pages: false, ..decoded.viewing }, ..decoded });
            see(self, number, decoded.map(|decoded| Further { decoded, of: Of::File(file) }));
        }
        if count > most {
            see(self, most, Err(too_many(count, most)));
        }
    }
}

/// Pages or pictures as files, one after another.
enum Files<'a> {
    Tiff(Pages),
    /// The others, and the last that was taken.
    Icon(Box<dyn Iterator<Item = Option<Vec<u8>>> + 'a>, Option<Vec<u8>>),
    /// The others of several in one JPEG.
    Jpeg(Vec<Option<&'a [u8]>>),
}

impl Files<'_> {
    /// The next one, which is page `number` of a TIFF.
    fn at(&mut self, number: u64) -> Option<&[u8]> {
        match self {
            Files::Tiff(pages) => pages.at(number),
            Files::Icon(others, last) => {
                *last = others.next().flatten();
                last.as_deref()
            }
            Files::Jpeg(others) => {
                others.get(usize::try_from(number.checked_sub(1)?).ok()?).copied().flatten()
            }
        }
    }

    /// What looking at it costs before its pixels, in pixels that would take as long: several in one JPEG may share their bytes.
    fn cost(&mut self, number: u64) -> u64 {
        match self {
            Files::Tiff(pages) => pages.cost(number),
            Files::Icon(..) => 0,
            Files::Jpeg(_) => self.at(number).map_or(0, |file| file.len() as u64 / 4),
        }
    }
}

/// How much of a file was looked at.
struct Bounds<'a> {
    limits: &'a Limits,
    /// Length of the file.
    bytes: u64,
    pixels: u64,
    /// Frames that were given, the first included.
    given: u32,
}

impl<'a> Bounds<'a> {
    fn new(limits: &'a Limits, bytes: &[u8]) -> Bounds<'a> {
        Bounds { limits, bytes: bytes.len() as u64, pixels: 0, given: 1 }
    }

    /// Counts the pixels of a frame before it is decoded.
    fn take(&mut self, pixels: u64) -> Result<()> {
        self.pixels = self.pixels.saturating_add(pixels.max(LEAST_PIXELS));
        self.limits.check_frames(self.pixels, self.bytes)
    }

    /// Counts a frame before it is given.
    fn give(&mut self) -> Result<()> {
        if self.given == MOST_FRAMES {
            return Err(too_many(u64::from(MOST_FRAMES) + 1, MOST_FRAMES.into()));
        }
        self.given += 1;
        Ok(())
    }
}

fn too_many(count: u64, most: u64) -> Error {
    Error::Limit { what: "number of frames", actual: count, limit: most, field: Some("frames of one file") }
}

/// How many frames an animation gives within the limits.
fn counted(bytes: &[u8], format: Format, options: &DecodeOptions) -> Option<u64> {
    let mut bounds = Bounds::new(&options.limits, bytes);
    let count = raster::guarded(format, || {
        let Animation { pixels, frames, .. } = animation::open(bytes, format, options)?;
        Ok(frames.take_while(|frame| frame.is_ok() && bounds.take(pixels).is_ok()).count() as u64)
    });
    count.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_first_all_or_a_number() {
        for (text, frames) in [
            ("first", Frames::First),
            ("1", Frames::First),
            ("all", Frames::All),
            ("2", Frames::Most(2)),
            ("4096", Frames::Most(4096)),
        ] {
            assert_eq!(text.parse::<Frames>().unwrap(), frames);
        }
        for wrong in ["", "0", "4097", "-1", "last", "2.5", "All"] {
            assert!(wrong.parse::<Frames>().unwrap_err().to_string().contains("first, all"), "{wrong}");
        }
        assert_eq!(Frames::Most(12).to_string(), "12");
    }

    #[test]
    fn some_frames_are_spread_evenly_from_the_first_to_the_last() {
        let chosen = |most, count| -> Vec<u64> {
            (0..count).filter(|number| Frames::Most(most).wants(*number, count)).collect()
        };
        assert_eq!(chosen(3, 9), [0, 4, 8]);
        assert_eq!(chosen(4, 10), [0, 3, 6, 9]);
        assert_eq!(chosen(8, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(chosen(8, 3), [0, 1, 2]);
        assert_eq!(chosen(2, 1000), [0, 999]);
        for most in 2..=20 {
            for count in 1..=90 {
                let chosen = chosen(most, count);
                assert_eq!(chosen.len() as u64, u64::from(most).min(count), "{most} of {count}");
                assert_eq!((chosen[0], chosen[chosen.len() - 1]), (0, count - 1));
                let gaps: Vec<u64> = chosen.windows(2).map(|two| two[1] - two[0]).collect();
                let (least, greatest) = (gaps.iter().min(), gaps.iter().max());
                assert!(greatest.unwrap_or(&0) - least.unwrap_or(&0) <= 1, "{most} of {count}: {chosen:?}");
            }
        }
        assert!(Frames::All.wants(7, 9) && !Frames::First.wants(7, 9));
        assert!(Frames::Most(4096).wants(u64::MAX - 1, u64::MAX));
    }
}
