//! Encoded bytes to a [`Picture`], whatever the format.
//!
//! # Formats
//!
//! A format is known by the file's first bytes and never by its name. JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, PNM and QOI are read, and by
//! features JPEG XL, HEIC and AVIF; everything else is [`Error::Input`]. A picture must begin at the first byte:
//! like browsers, and unlike recovery tools, nothing is searched for inside other data. HEIC and AVIF are decoded by a [`helper`].
//!
//! # Colour
//!
//! What follows is of the stored pixels, which a signature is of. Where a file has viewers show something else, [`Decoder::faces`] gives that too.
//!
//! - Samples are what the file stores, as 8-bit R, G, B; no colour profile is applied. A picture that
//!   stores grey alone comes out as [`Planes::Grey`].
//! - Palette and 1-, 2- and 4-bit pictures are expanded to what they show.
//! - Of 16-bit samples the high byte is taken, as libpng's `strip_16` and Pillow's RGB do. Floating-point TIFF samples
//!   are clamped to 0..=1.
//! - CMYK and YCCK become RGB by `(255−C)·(255−K)/255`; the inversion that Adobe's marker announces is respected.
//! - Alpha is dropped without blending: a transparent pixel counts with the colour that it stores.
//! - Of an animation or of several pages the first is taken, and others where [`DecodeOptions::frames`] asks for them. What a GIF's first frame does not cover
//!   has the transparent colour or the palette's first, as in Pillow.
//! - EXIF orientation is ignored unless [`Orient::Exif`] asks for it: exchanged lists hash stored pixels. The turns, mirrors and cuts of HEIC, AVIF and
//!   JPEG XL are part of their coding, and always done.
//!
//! # Damage
//!
//! A picture that breaks off or is broken inside never passes for a whole one: [`Decoded::whole`] holds the share of its rows that
//! came out whole. [`DamagedPolicy::Refuse`] turns that into [`Error::Corrupt`], and a file from which not one
//! row comes is `Corrupt` under either policy. What is missing looks as browsers leave it:
//!
//! - **JPEG**: mid-grey after the break; a progressive one is as fine as its scans go, and counts as whole in no row
//!   before its last scan. Missing only its end marker, or followed by other bytes, it is whole. What entropy decoding
//!   cannot notice, such as a flipped bit that gives another valid code, is not noticed.
//! - **PNG**: black after the break; an interlaced one shows the coarse passes that came, and only rows with all their
//!   passes count. Checksums count: rows after the first wrong one are shown but are not whole. Missing only its last chunk
//!   it is whole.
//! - **GIF, BMP, TIFF, QOI**: black after the break (for TIFF, strips and tiles that do decode are kept; for GIF, the canvas). Of the first two, browsers
//!   show what lies behind, which is a face.
//! - **HEIC, AVIF**: black where a tile of a grid cannot be decoded; without a grid `Corrupt`.
//! - **WebP, JPEG XL, ICO, PNM**: `Corrupt`; their decoders give all or nothing.
//!
//! # Hostile input
//!
//! What a file takes, pixels and memory, follows from its headers ([`Decoder::memory`]) and held against every limit of [`Limits`] before it is
//! taken. Memory that the system does not have is a [`Limit`](crate::Error::Limit) too. A decoder that panics is caught and reported as `Corrupt`; this needs
//! the default `panic = "unwind"`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::picture::{Picture, Planes};
use crate::signature::Algorithm;
pub use colours::NOTICEABLE;
use colours::{ColourSpace, Sample};
use estimate::Estimate;
pub use estimate::Memory;

pub use faces::{Background, Face, MOST_FRAME_PIXELS, Part};
pub(crate) use frames::Further;
pub use frames::{Frames, MOST_FRAMES};
use helper::Helper;
use jpeg::{JpegReader, Reading, Wish};
pub(crate) use raster::no_picture;
#[cfg(feature = "parquet")]
pub(crate) use raster::no_pictures;
#[cfg(feature = "job")]
pub(crate) use raster::says_no_picture;
pub use viewing::Viewing;
pub(crate) use viewing::{Sources, Tables};

mod animation;
mod colours;
mod estimate;
mod faces;
#[cfg(any(feature = "avif", feature = "heic"))]
mod frame;
mod frames;
#[cfg(any(feature = "avif", feature = "heic"))]
pub mod helper;
#[cfg(not(any(feature = "avif", feature = "heic")))]
#[path = "decode/helper_absent.rs"]
mod helper;
mod interleave;
pub mod jpeg;
mod orient;
mod random;
mod raster;
mod sniff;
mod viewing;

/// How many processes that decode AVIF and HEIC ended, in this process' life, before they had decoded their picture, so that another was started: 0 without the
/// features `avif` and `heic`.
pub fn helpers_ended() -> u64 {
    helper::ended()
}

/// A picture format, known by its first bytes and never by a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// ITU-T T.81.
    Jpeg,
    /// Portable Network Graphics, animated ones by their first frame.
    Png,
    /// WebP, lossy and lossless, animated ones by their first frame.
    WebP,
    /// GIF, by its first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// TIFF, by its first page.
    Tiff,
    /// HEIF with HEVC, sequences by their first picture.
    Heic,
    /// AVIF, sequences by their first picture.
    Avif,
    /// JPEG XL, animated ones by their first frame.
    JpegXl,
    /// Icons and cursors of Windows, by their best picture.
    Ico,
    /// Portable any-maps: PBM, PGM, PPM and PAM.
    Pnm,
    /// The Quite OK Image format.
    Qoi,
}

/// How much of a picture is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Detail {
    /// Every pixel.
    #[default]
    Full,
    /// The lowest n×n frequencies of each block of a JPEG, those of them with u + v ≤ n; see [`jpeg`].
    Scaled(u8),
}

/// How much of a JPEG is read where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DetailChoice {
    /// As much as the signatures need, by [`jpeg::detail_for`].
    #[default]
    Auto,
    /// The same, and never every pixel of a JPEG whose blocks can be read at all.
    Scaled,
    /// Every pixel.
    Full,
    /// The lowest n×n frequencies, n = 1, 2, 3, 4, 6 or 8, whatever the picture's size.
    Lowest(u8),
}

/// `auto`, `scaled`, `full`, or 1, 2, 3, 4, 6 or 8.
impl fmt::Display for DetailChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DetailChoice::Auto => formatter.pad("auto"),
            DetailChoice::Scaled => formatter.pad("scaled"),
            DetailChoice::Full => formatter.pad("full"),
            DetailChoice::Lowest(n) => n.fmt(formatter),
        }
    }
}

impl FromStr for DetailChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<DetailChoice> {
        match text {
            "auto" => Ok(DetailChoice::Auto),
            "scaled" => Ok(DetailChoice::Scaled),
            "full" => Ok(DetailChoice::Full),
            "1" | "2" | "3" | "4" | "6" | "8" => Ok(DetailChoice::Lowest(text.as_bytes()[0] - b'0')),
            _ => Err(unknown("detail", text, "auto, scaled, full, 1, 2, 3, 4, 6, 8")),
        }
    }
}

/// The error for a choice that there is not.
pub(crate) fn unknown(what: &str, text: &str, choice: &str) -> Error {
    Error::Input(format!("unknown {what} {text:?}: the choice is {choice}"))
}

impl DetailChoice {
    fn of(self, width: u32, height: u32, algorithms: &[Algorithm]) -> Detail {
        match self {
            DetailChoice::Full => Detail::Full,
            DetailChoice::Lowest(n) => Detail::Scaled(n),
            DetailChoice::Auto => jpeg::detail_for(width, height, algorithms),
            DetailChoice::Scaled => match jpeg::detail_for(width, height, algorithms) {
                Detail::Full => Detail::Scaled(8),
                scaled @ Detail::Scaled(_) => scaled,
            },
        }
    }
}

/// What to do with the orientation that EXIF metadata names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orient {
    /// Hash the stored pixels, as every exchanged list does.
    #[default]
    Ignore,
    /// Turn the picture first, as viewers show it. JPEGs are then decoded in full: a turned picture's blocks
    /// would begin at the wrong edge.
    Exif,
}

impl Orient {
    /// The name in options: `ignore` or `exif`.
    pub fn name(self) -> &'static str {
        match self {
            Orient::Ignore => "ignore",
            Orient::Exif => "exif",
        }
    }
}

impl FromStr for Orient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Orient> {
        let found = [Orient::Ignore, Orient::Exif].into_iter().find(|orient| orient.name() == text);
        found.ok_or_else(|| unknown("orient", text, "ignore, exif"))
    }
}

/// What to do with a file that breaks off or is broken inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DamagedPolicy {
    /// Hash what a browser would show; [`Decoded::whole`] says how much of it is real.
    #[default]
    Hash,
    /// Report [`Error::Corrupt`].
    Refuse,
}

impl DamagedPolicy {
    /// The name in options: `hash` or `refuse`.
    pub fn name(self) -> &'static str {
        match self {
            DamagedPolicy::Hash => "hash",
            DamagedPolicy::Refuse => "refuse",
        }
    }
}

impl FromStr for DamagedPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<DamagedPolicy> {
        let found =
            [DamagedPolicy::Hash, DamagedPolicy::Refuse].into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| unknown("damaged", text, "hash, refuse"))
    }
}

/// The choices of [`Decoder`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// What is too large.
    pub limits: Limits,
    /// Whether EXIF orientation counts.
    pub orient: Orient,
    /// Whether damaged pictures are refused.
    pub damaged: DamagedPolicy,
    /// How much of a JPEG [`Decoder::decode_for`] reads.
    pub detail: DetailChoice,
    /// Which frames of a file a [`Hasher`](crate::Hasher) hashes besides what a [`Decoder`] gives.
    pub frames: Frames,
    /// How a HEIC's or AVIF's tables are read.
    pub(crate) tables: Tables,
}

setters!(DecodeOptions {
    limits: Limits,
    orient: Orient,
    damaged: DamagedPolicy,
    detail: DetailChoice,
    frames: Frames,
});

/// A decoded picture and what was learned on the way.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The picture, turned if asked for.
    pub picture: Picture,
    /// The format that its bytes showed.
    pub format: Format,
    /// How much of it was decoded.
    pub detail: Detail,
    /// The share of rows, 0..1, that came out whole; `None` for an undamaged picture.
    pub whole: Option<f32>,
    /// What viewers do beyond showing these pixels.
    pub viewing: Viewing,
    /// What else its [`faces`](Decoder::faces) are made of.
    pub(crate) sources: Sources,
}

/// Decodes one picture after another, keeping its buffers between them.
#[derive(Debug, Default)]
pub struct Decoder {
    options: DecodeOptions,
    /// Samples of the last picture, handed back by [`Decoder::recycle`].
    spare: Vec<u8>,
    jpeg: JpegReader,
    helper: Helper,
}

impl Decoder {
    /// A decoder with these choices.
    pub fn new(options: DecodeOptions) -> Decoder {
        Decoder { options, spare: Vec::new(), jpeg: JpegReader::default(), helper: Helper::default() }
    }

    /// The choices.
    pub fn options(&self) -> &DecodeOptions {
        &self.options
    }

    /// Decodes one encoded picture as far as the signatures of `algorithms` need it, which for most JPEGs is not far:
    /// see [`jpeg`] and [`DecodeOptions::detail`].
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Decoder::decode).
    pub fn decode_for(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Result<Decoded> {
        if self.reads_coarse(bytes)
            && let Some(decoded) = self.decode_as_chosen(bytes, algorithms, false)
        {
            return Ok(decoded);
        }
        self.decode_every_pixel(bytes, algorithms)
    }

    /// The low frequencies of a JPEG, where they are asked for and are all that is needed.
    pub(crate) fn decode_coarse(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Option<Decoded> {
        if self.reads_coarse(bytes) { self.decode_as_chosen(bytes, algorithms, true) } else { None }
    }

    /// Memory that decoding a file for the signatures of `algorithms` will take, by its headers.
    pub fn memory(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Memory {
        self.memory_with(bytes, algorithms, |_, _| 0)
    }

    /// The same with what `tables` says that a picture of so many pixels across and down takes besides.
    pub(crate) fn memory_with(
        &mut self,
        bytes: &[u8],
        algorithms: &[Algorithm],
        tables: impl Fn(u32, u32) -> u64,
    ) -> Memory {
        let estimating = raster::estimating(bytes, &self.options.limits);
        let Ok((full, coarse)) = self.estimate(bytes, algorithms) else {
            return Memory { first: estimating, worst: estimating };
        };
        let limits = &self.options.limits;
        let every_pixel = full.check(limits, bytes.len()).map_or(estimating, |()| full.memory);
        let coarse = coarse.filter(|memory| limits.check_decoder_bytes(*memory).is_ok()).unwrap_or(0);
        let faces = limits.check_decoder_bytes(full.faces).map_or(0, |()| full.faces);
        let every_pixel = if every_pixel > 0 { every_pixel.max(faces) } else { 0 };
        let first = if coarse > 0 { coarse } else { every_pixel };
        Memory { first, worst: coarse.saturating_add(every_pixel) }.and(tables(full.width, full.height))
    }

    /// What every pixel of a file takes, and the memory that the low frequencies take where they are asked for.
    fn estimate(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Result<(Estimate, Option<u64>)> {
        if Format::sniff(bytes) != Some(Format::Jpeg) {
            return raster::estimate(bytes, &self.options).map(|estimate| (estimate, None));
        }
        self.options.limits.check_file_bytes(bytes.len() as u64)?;
        let choice = if self.reads_coarse(bytes) { self.options.detail } else { DetailChoice::Full };
        let rule = |width, height| choice.of(width, height, algorithms);
        let (full, coarse) = raster::guarded(Format::Jpeg, || self.jpeg.estimate(bytes, rule))?;
        let full = if self.options.frames == Frames::First { full } else { self.with_others(full, bytes) };
        Ok((raster::turning(full, &self.options), coarse))
    }

    /// Whether the low frequencies of a file are asked for.
    fn reads_coarse(&self, bytes: &[u8]) -> bool {
        let DecodeOptions { limits, orient, detail, .. } = &self.options;
        *detail != DetailChoice::Full
            && *orient == Orient::Ignore
            && Format::sniff(bytes) == Some(Format::Jpeg)
            && limits.check_file_bytes(bytes.len() as u64).is_ok()
    }

    /// A JPEG as far as [`DecodeOptions::detail`] says. `None` where its low frequencies do not do, and where nothing is found: full decoding
    /// has the last word on what is corrupt.
    fn decode_as_chosen(
        &mut self,
        bytes: &[u8],
        algorithms: &[Algorithm],
        only_coarse: bool,
    ) -> Option<Decoded> {
        let choice = self.options.detail;
        let detail = |width, height| choice.of(width, height, algorithms);
        self.read_jpeg(bytes, algorithms, &detail, only_coarse).ok().flatten()
    }

    /// Decodes every pixel of one encoded picture.
    ///
    /// # Errors
    ///
    /// Every variant of [`Error`] but `Device` and `Io`; no input makes it panic.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded> {
        self.decode_every_pixel(bytes, &Algorithm::ALL)
    }

    /// The same for the signatures of `algorithms`: what of it is damaged, these decide, as they do in
    /// [`decode_for`](Decoder::decode_for).
    pub(crate) fn decode_every_pixel(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Result<Decoded> {
        if Format::sniff(bytes) != Some(Format::Jpeg) {
            return raster::decode(bytes, &self.options, &mut self.helper, &mut self.spare);
        }
        let decoded = self.read_jpeg(bytes, algorithms, &|_, _| Detail::Full, false)?;
        decoded.ok_or_else(|| raster::gave_up(Format::Jpeg))
    }

    /// Reads a JPEG as far as `detail` asks; `None` where the low frequencies do not do, and where `only_coarse` are
    /// wanted and more is asked for.
    fn read_jpeg(
        &mut self,
        bytes: &[u8],
        algorithms: &[Algorithm],
        detail: &dyn Fn(u32, u32) -> Detail,
        only_coarse: bool,
    ) -> Result<Option<Decoded>> {
        let DecodeOptions { limits, orient, damaged, .. } = &self.options;
        let judged = |width, height| jpeg::detail_for(width, height, algorithms);
        let guarded = self.options.detail == DetailChoice::Auto;
        let wish = Wish { detail, judged: &judged, only_coarse, guarded, scans: None, to_srgb: None };
        let reading =
            raster::guarded(Format::Jpeg, || self.jpeg.read_into(bytes, &wish, limits, &mut self.spare))?;
        let Some(Reading { picture, detail, whole, unusual, exif, icc, scans, sample }) = reading else {
            return Ok(None);
        };
        if let (Some(share), DamagedPolicy::Refuse) = (whole, damaged) {
            return Err(raster::damaged(Format::Jpeg, share));
        }
        let orientation = exif.and_then(|exif| orient::from_exif(&bytes[exif]));
        let sample = match picture.planes {
            Planes::Coarse { .. } => sample,
            _ if icc.is_empty() => Sample::default(),
            _ => Sample::of(&picture, bytes),
        };
        let profile = ColourSpace::icc(&icc).moves(&sample);
        let unusual = unusual || scans.is_some();
        let viewing =
            Viewing { unusual, profile, pages: jpeg::further::are_pictures(bytes), ..Viewing::default() };
        let (picture, viewing) = raster::turned(orientation, *orient, picture, viewing);
        let sources = Sources { scans, ..Sources::default() };
        Ok(Some(Decoded { picture, format: Format::Jpeg, detail, whole, viewing, sources }))
    }

    /// A JPEG as it is compressed, for a device to decode as [`decode_for`](Decoder::decode_for) does, with what that says of it, the picture without samples. `None` where the
    /// file does not qualify: the CPU has to read it.
    #[cfg(feature = "gpu")]
    pub(crate) fn compressed<'a>(
        &mut self,
        bytes: &'a [u8],
        algorithms: &[Algorithm],
    ) -> Option<(Decoded, jpeg::Compressed<'a>)> {
        let DecodeOptions { limits, orient, detail: choice, .. } = &self.options;
        if !self.reads_coarse(bytes) {
            return None;
        }
        let rule = |width, height| choice.of(width, height, algorithms);
        let guarded = *choice == DetailChoice::Auto;
        let compressed = || Ok(self.jpeg.compressed(bytes, rule, guarded, limits));
        let compressed = raster::guarded(Format::Jpeg, compressed).ok().flatten()?;
        // A sample of the colours would decide.
        if ColourSpace::icc(&compressed.icc).may_move() {
            return None;
        }
        let orientation = compressed.exif.clone().and_then(|exif| orient::from_exif(&bytes[exif]));
        let viewing = Viewing { pages: jpeg::further::are_pictures(bytes), ..Viewing::default() };
        let (picture, viewing) = raster::turned(orientation, *orient, compressed.picture(), viewing);
        let detail = compressed.detail;
        let sources = Sources::default();
        let decoded = Decoded { picture, format: Format::Jpeg, detail, whole: None, viewing, sources };
        Some((decoded, compressed))
    }

    /// Memory kept for the next picture, in bytes.
    pub(crate) fn kept(&self) -> u64 {
        self.spare.capacity() as u64 + self.jpeg.kept()
    }

    /// Gives up what is kept.
    pub(crate) fn forget(&mut self) {
        self.spare = Vec::new();
        self.jpeg = JpegReader::default();
    }

    /// Takes a picture's memory back for the next one.
    pub fn recycle(&mut self, picture: Picture) {
        match picture.planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => self.spare = plane.samples,
            Planes::Coarse { .. } => self.jpeg.recycle(picture),
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

impl Format {
    /// The name in records: `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `heic`, `avif`, `jpeg-xl`, `ico`, `pnm` or `qoi`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
            Format::WebP => "webp",
            Format::Gif => "gif",
            Format::Bmp => "bmp",
            Format::Tiff => "tiff",
            Format::Heic => "heic",
            Format::Avif => "avif",
            Format::JpegXl => "jpeg-xl",
            Format::Ico => "ico",
            Format::Pnm => "pnm",
            Format::Qoi => "qoi",
        }
    }
}

impl Format {
    const ALL: [Format; 12] = [
        Format::Jpeg,
        Format::Png,
        Format::WebP,
        Format::Gif,
        Format::Bmp,
        Format::Tiff,
        Format::Heic,
        Format::Avif,
        Format::JpegXl,
        Format::Ico,
        Format::Pnm,
        Format::Qoi,
    ];

    /// The format of this [`name`](Format::name).
    pub(crate) fn of_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }
}

impl Detail {
    /// What has this name in records.
    pub(crate) fn of_name(name: &str) -> Option<Detail> {
        match name.strip_prefix("scaled-") {
            Some(n) => n.parse().ok().map(Detail::Scaled),
            None => (name == "full").then_some(Detail::Full),
        }
    }
}

impl std::fmt::Display for Detail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Detail::Full => formatter.pad("full"),
            Detail::Scaled(n) => formatter.pad(&format!("scaled-{n}")),
        }
    }
}
