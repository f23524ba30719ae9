//! The faces of a file: what viewers show where they show something else than the stored pixels.
//!
//! A signature is of the stored pixels, as those in lists are. Whoever hides a picture puts it where viewers look and a hash does not: behind
//! transparency, a profile, a frame of an animation, a scan or page that viewers skip. Such a file has further faces, each a picture
//! of its own with signatures of its own:
//!
//! | face | shown by |
//! | --- | --- |
//! | `white`, `black` | viewers that put transparent pixels over this colour |
//! | `profile` | viewers that heed the ICC profile, cICP, gAMA or cHRM, where that moves the picture noticeably |
//! | `first` | players of an animated PNG whose first frame is not its default picture, and of a HEIC or AVIF with a sequence as well as a picture |
//! | `longest` | players of an animation, for longer than any other frame; 10 ms and less count as 100, as in browsers |
//! | `last` | players of an animation, at its end |
//! | `page` | readers of a TIFF whose first page is a reduced picture of this one |
//! | `scans` | readers of a sequential JPEG that holds a component more than once, other than browsers |
//! | `browser` | browsers, of a HEIC or AVIF whose tables they read as another picture than the one that is listed |
//!
//! Words are joined where several apply: `last-white`, `profile-black`. A file without any of this has none and costs nothing.
//!
//! # Bounds
//!
//! Frames are looked at up to [`MOST_FRAME_PIXELS`] together, and no more than the limits let a picture have for its bytes; behind that
//! there is no `last` face, and `longest` is of those that were looked at. What a face would take beyond the limits, and what cannot be
//! decoded, gives none: flags still say that there is something.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::animation;
use super::colours::{ColourSpace, ToSrgb};
use super::orient;
use super::raster::{self, composed::Animation};
use super::viewing::{Sources, Tables};
use super::{DecodeOptions, Decoded, Decoder, Detail, Format, Wish};
use crate::error::{Error, Result};
use crate::picture::{Picture, Planes};

/// Pixels of all frames of an animation that are looked at: 67,108,864, such as 256 of 512×512.
pub const MOST_FRAME_PIXELS: u64 = 1 << 26;

/// Memory that coefficients of scans over one another may take, in bytes: no estimate knows of them.
const MOST_OVERLAID: u64 = 32 << 20;

/// Which picture of a file a face is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The one that is hashed as stored.
    Stored,
    /// The first frame of an animation, where that is not the stored picture.
    First,
    /// The frame that is shown longest.
    Longest,
    /// The last frame.
    Last,
    /// A TIFF's main page.
    Page,
    /// A JPEG's other scans.
    Scans,
    /// What browsers make of a HEIC's or AVIF's tables.
    Browser,
}

/// What lies behind transparent pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Background {
    /// White, as on most pages.
    White,
    /// Black, as in many viewers.
    Black,
}

/// What is shown: a picture of the file, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Face {
    /// The picture.
    pub part: Part,
    /// Whether it is seen through a profile or gamma.
    pub profile: bool,
    /// What is seen through it, where it is not opaque.
    pub background: Option<Background>,
}

/// The name in records.
impl fmt::Display for Face {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Stored => "",
            Part::First => "first",
            Part::Longest => "longest",
            Part::Last => "last",
            Part::Page => "page",
            Part::Scans => "scans",
            Part::Browser => "browser",
        };
        let background = match self.background {
            None => "",
            Some(Background::White) => "white",
            Some(Background::Black) => "black",
        };
        let words = [part, if self.profile { "profile" } else { "" }, background];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        formatter.pad(&words.join("-"))
    }
}

/// The face of a name in records.
impl FromStr for Face {
    type Err = Error;

    fn from_str(name: &str) -> Result<Face> {
        let parts =
            [Part::Stored, Part::First, Part::Longest, Part::Last, Part::Page, Part::Scans, Part::Browser];
        let backgrounds = [None, Some(Background::White), Some(Background::Black)];
        let faces = parts.into_iter().flat_map(|part| {
            let of = move |background| [false, true].map(|profile| Face { part, profile, background });
            backgrounds.into_iter().flat_map(of)
        });
        let found = faces.into_iter().find(|face| face.to_string() == name);
        found.ok_or_else(|| Error::Input(format!("unknown face {name:?}")))
    }
}

impl Decoded {
    /// Whether the file may have further faces.
    pub fn has_faces(&self) -> bool {
        let viewing = &self.viewing;
        viewing.alpha
            || viewing.profile
            || viewing.animated
            || self.sources.scans.is_some()
            || viewing.unusual && matches!(self.format, Format::Tiff | Format::Heic | Format::Avif)
    }
}

impl Decoder {
    /// Gives every further face of a file to `see`, one after another, where `decoded` is what it gave; takes that one's memory back.
    pub fn faces(&mut self, bytes: &[u8], decoded: Decoded, see: &mut dyn FnMut(Face, &Picture)) {
        let ((format, bytes), viewing) = (raster::within(decoded.format, bytes), decoded.viewing);
        let (scans, has_alpha) = (decoded.sources.scans.clone(), viewing.alpha);
        let to_srgb = viewing.profile.then(|| self.shown_through(bytes, format)).flatten();
        let again = to_srgb.is_some() && has_alpha;
        if to_srgb.is_some() || has_alpha {
            self.face(Part::Stored, bytes, decoded, to_srgb.as_deref(), see);
        } else {
            self.recycle(decoded.picture);
        }
        if again && let Ok(decoded) = self.decode(bytes) {
            self.face(Part::Stored, bytes, decoded, None, see);
        }
        if viewing.animated {
            self.frames(bytes, format, to_srgb.as_deref(), see);
        }
        if format == Format::Tiff
            && viewing.unusual
            && let Some(file) = raster::tiff::main_page(bytes)
            && let Ok(decoded) = self.decode(&file)
        {
            let to_srgb = decoded.viewing.profile.then(|| self.shown_through(&file, format)).flatten();
            self.face(Part::Page, &file, decoded, to_srgb.as_deref(), see);
        }
        if matches!(format, Format::Heic | Format::Avif) && viewing.unusual {
            self.browsers(bytes, format, see);
        }
        if let Some(scans) = scans
            && let Some(decoded) = self.scans(bytes, (scans.start, scans.end))
        {
            self.face(Part::Scans, bytes, decoded, to_srgb.as_deref(), see);
        }
    }

    /// Gives the stored pixels over white and over black to `see`, where some are not opaque; takes the picture's memory back.
    pub(crate) fn backgrounds(
        &mut self,
        bytes: &[u8],
        decoded: Decoded,
        see: &mut dyn FnMut(Face, &Picture),
    ) {
        self.face(Part::Stored, bytes, decoded, None, see);
    }

    /// One picture, through the file's colours where they can be shown in sRGB, over what may lie behind it.
    pub(super) fn face(
        &mut self,
        part: Part,
        bytes: &[u8],
        decoded: Decoded,
        to_srgb: Option<&ToSrgb>,
        see: &mut dyn FnMut(Face, &Picture),
    ) {
        let is_coarse = matches!(decoded.picture.planes, Planes::Coarse { .. });
        if let Some(to_srgb) = to_srgb.filter(|to_srgb| to_srgb.is_of_inks())
            && (part, decoded.format) == (Part::Stored, Format::Jpeg)
        {
            // Its inks are no more to be had of R, G and B.
            self.recycle(decoded.picture);
            if let Some(picture) = self.shown(bytes, Detail::Full, to_srgb) {
                see(Face { part, profile: true, background: None }, &picture);
                self.recycle(picture);
            }
            return;
        }
        if is_coarse
            && let Some(to_srgb) = to_srgb
            && let Some(picture) = self.shown(bytes, decoded.detail, to_srgb)
        {
            self.recycle(decoded.picture);
            see(Face { part, profile: true, background: None }, &picture);
            return self.recycle(picture);
        }
        let Decoded { mut picture, sources, .. } = match is_coarse {
            true => {
                self.recycle(decoded.picture);
                let Ok(decoded) = self.decode(bytes) else { return };
                decoded
            }
            false => decoded,
        };
        let mut profile = false;
        if let Some(to_srgb) = to_srgb {
            picture = match to_srgb.apply(picture) {
                Ok(shown) => {
                    profile = true;
                    shown
                }
                Err(same) => same,
            };
        }
        if sources.alpha.is_empty() {
            if profile || part != Part::Stored {
                see(Face { part, profile, background: None }, &picture);
            }
        } else {
            over_white(&mut picture, &sources);
            see(Face { part, profile, background: Some(Background::White) }, &picture);
            from_white_to_black(&mut picture, &sources.alpha);
            see(Face { part, profile, background: Some(Background::Black) }, &picture);
        }
        self.recycle(picture);
    }

    /// What a file's colours are shown through.
    pub(super) fn shown_through(&mut self, bytes: &[u8], format: Format) -> Option<Arc<ToSrgb>> {
        if format == Format::Jpeg {
            return ColourSpace::icc(&self.jpeg.icc(bytes).ok()?).to_srgb();
        }
        raster::colour_space(format, bytes, Tables::AsListed).to_srgb()
    }

    /// A HEIC or AVIF as browsers read its tables.
    fn browsers(&mut self, bytes: &[u8], format: Format, see: &mut dyn FnMut(Face, &Picture)) {
        let tables = Tables::AsBrowsers;
        let options = DecodeOptions { tables, ..self.options.clone() };
        if let Ok(decoded) = raster::decode(bytes, &options, &mut self.helper, &mut self.spare) {
            let colours = || raster::colour_space(format, bytes, tables).to_srgb();
            let to_srgb = decoded.viewing.profile.then(colours).flatten();
            self.face(Part::Browser, bytes, decoded, to_srgb.as_deref(), see);
        }
    }

    /// Frames of an animation that are shown otherwise than the stored pixels.
    fn frames(
        &mut self,
        bytes: &[u8],
        format: Format,
        to_srgb: Option<&ToSrgb>,
        see: &mut dyn FnMut(Face, &Picture),
    ) {
        let chosen = raster::guarded(format, || Chosen::of(bytes, format, &self.options));
        let Ok(Chosen { width, height, first, longest, last }) = chosen else { return };
        let parts = [(Part::First, first), (Part::Longest, longest), (Part::Last, last)];
        for (part, mut samples) in parts.into_iter().filter_map(|(part, frame)| Some((part, frame?))) {
            let alpha = raster::take_alpha(&mut samples);
            let picture = Picture::from_rgb(samples, width, height);
            let sources = Sources { alpha, ..Sources::default() };
            let viewing = super::Viewing::default();
            let decoded = Decoded { picture, format, detail: Detail::Full, whole: None, viewing, sources };
            self.face(part, bytes, decoded, to_srgb, see);
        }
    }

    /// A JPEG through its profile: its low frequencies, in as much detail as the stored ones, or its inks.
    fn shown(&mut self, bytes: &[u8], detail: Detail, to_srgb: &ToSrgb) -> Option<Picture> {
        let only_coarse = detail != Detail::Full;
        let detail = &|_, _| detail;
        let to_srgb = Some(to_srgb);
        // The guards have seen the stored colours.
        let wish = Wish { detail, judged: detail, only_coarse, guarded: false, scans: None, to_srgb };
        let limits = &self.options.limits;
        let read = || self.jpeg.read_into(bytes, &wish, limits, &mut self.spare);
        let reading = raster::guarded(Format::Jpeg, read).ok()??;
        let orientation = reading.exif.and_then(|exif| orient::from_exif(&bytes[exif]));
        let viewing = super::Viewing::default();
        Some(raster::turned(orientation, self.options.orient, reading.picture, viewing).0)
    }

    /// Other scans than viewers take of a JPEG.
    fn scans(&mut self, bytes: &[u8], scans: (usize, usize)) -> Option<Decoded> {
        let full = &|_, _| Detail::Full;
        let (wish, most) = (
            Wish {
                detail: full,
                judged: full,
                only_coarse: false,
                guarded: false,
                scans: Some(scans),
                to_srgb: None,
            },
            self.jpeg.estimate(bytes, full).ok()?.0.memory.max(MOST_OVERLAID),
        );
        let mut limits = self.options.limits.clone();
        limits.max_decoder_bytes = limits.max_decoder_bytes.min(most);
        let read = || self.jpeg.read_into(bytes, &wish, &limits, &mut self.spare);
        let reading = raster::guarded(Format::Jpeg, read).ok()??;
        let (picture, detail) = (reading.picture, reading.detail);
        let (viewing, sources) = (super::Viewing::default(), Sources::default());
        Some(Decoded { picture, format: Format::Jpeg, detail, whole: None, viewing, sources })
    }
}

/// The frames of an animation that are faces, as R, G, B and alpha.
struct Chosen {
    width: u32,
    height: u32,
    first: Option<Vec<u8>>,
    longest: Option<Vec<u8>>,
    last: Option<Vec<u8>>,
}

impl Chosen {
    fn of(bytes: &[u8], format: Format, options: &DecodeOptions) -> Result<Chosen> {
        let Animation { pixels, number, frames, .. } = animation::open(bytes, format, options)?;
        let mut chosen = Chosen { width: 0, height: 0, first: None, longest: None, last: None };
        let (mut longest, mut all) = (Duration::ZERO, 0u64);
        // What comes behind a broken frame nobody sees.
        for (index, shown) in frames.map_while(Result::ok).enumerate() {
            (chosen.width, chosen.height) = (shown.width, shown.height);
            all = all.saturating_add(pixels);
            if all > MOST_FRAME_PIXELS || options.limits.check_density(all, bytes.len() as u64).is_err() {
                chosen.last = None;
                break;
            }
            let time = if shown.time <= SHORTEST { AS_SHORTEST } else { shown.time };
            // The first frame is the stored picture, but for a PNG whose default picture is no frame.
            let samples = Some(shown.rgba).filter(|_| index > 0 || number > 0);
            match (index, time > longest) {
                (0, _) => chosen.first = samples,
                (_, true) => (chosen.longest, chosen.last) = (samples, None),
                (_, false) => chosen.last = samples,
            }
            longest = longest.max(time);
        }
        Ok(chosen)
    }
}

/// Frames of so short a time and less are shown for [`AS_SHORTEST`], as in browsers.
const SHORTEST: Duration = Duration::from_millis(10);
const AS_SHORTEST: Duration = Duration::from_millis(100);

/// Puts a picture over white.
fn over_white(picture: &mut Picture, sources: &Sources) {
    if sources.silent {
        return each(picture, &sources.alpha, |sample, alpha| *sample = sample.saturating_add(255 - alpha));
    }
    each(picture, &sources.alpha, |sample, alpha| {
        let product = u32::from(*sample) * u32::from(alpha) + 127;
        *sample = (product / 255) as u8 + (255 - alpha);
    });
}

/// Makes one that was put over white one that is over black.
fn from_white_to_black(picture: &mut Picture, alpha: &[u8]) {
    each(picture, alpha, |sample, alpha| *sample -= 255 - alpha);
}

fn each(picture: &mut Picture, alpha: &[u8], change: impl Fn(&mut u8, u8)) {
    match &mut picture.planes {
        Planes::Rgb(plane) => {
            let pixels = plane.samples.as_chunks_mut::<3>().0.iter_mut();
            pixels.zip(alpha).for_each(|(pixel, alpha)| pixel.iter_mut().for_each(|c| change(c, *alpha)));
        }
        Planes::Grey(plane) => {
            plane.samples.iter_mut().zip(alpha).for_each(|(grey, alpha)| change(grey, *alpha));
        }
        Planes::Coarse { .. } => {}
    }
}
