//! Encoded bytes to a [`Picture`], whatever the format.
//!
//! # Formats
//!
//! A format is known by the file's first bytes and never by its name. JPEG, PNG, WebP, GIF, BMP and TIFF are
//! read; HEIC, AVIF and JPEG XL are recognised and reported as [`Error::Unsupported`](crate::Error::Unsupported)
//! by name; everything else is [`Error::Input`](crate::Error::Input). A picture must begin at the first byte:
//! like browsers, and unlike recovery tools, nothing is searched for inside other data.
//!
//! # Colour
//!
//! - Samples are what the file stores, as 8-bit R, G, B; no colour profile is applied. A picture that
//!   stores grey alone comes out as [`Planes::Grey`].
//! - Palette and 1-, 2- and 4-bit pictures are expanded to what they show.
//! - Of 16-bit samples the high byte is taken, as libpng's `strip_16` and Pillow's RGB do. Floating-point TIFF samples
//!   are clamped to 0..=1.
//! - CMYK and YCCK become RGB by `(255−C)·(255−K)/255`; the inversion that Adobe's marker announces is respected.
//! - Alpha is dropped without blending: a transparent pixel counts with the colour that it stores.
//! - Of an animation or of several pages the first is taken. What a GIF's first frame does not cover
//!   has the transparent colour or the palette's first, as in Pillow.
//! - EXIF orientation is ignored unless [`Orient::Exif`] asks for it: exchanged lists hash stored pixels.
//!
//! # Damage
//!
//! A picture that breaks off or is broken inside never passes for a whole one: [`Decoded::whole`] holds the share of its rows that
//! came out whole. [`DamagedPolicy::Refuse`] turns that into [`Error::Corrupt`](crate::Error::Corrupt), and a file from which not one
//! row comes is `Corrupt` under either policy. What is missing looks as browsers leave it:
//!
//! - **JPEG**: mid-grey after the break; a progressive one is as fine as its scans go, and counts as whole in no row
//!   before its last scan. Missing only its end marker, or followed by other bytes, it is whole. What entropy decoding
//!   cannot notice, such as a flipped bit that gives another valid code, is not noticed.
//! - **PNG**: black after the break; an interlaced one shows the coarse passes that came, and only rows with all their
//!   passes count. Checksums count: rows after the first wrong one are shown but are not whole. Missing only its last chunk
//!   it is whole.
//! - **GIF, BMP, TIFF**: black after the break (for TIFF, strips and tiles that do decode are kept; for GIF, the canvas).
//! - **WebP**: `Corrupt`; its decoder gives all or nothing.
//!
//! # Hostile input
//!
//! What a file takes, pixels and memory, is told by its headers ([`Decoder::memory`]) and held against every limit of [`Limits`] before it is
//! taken: a file of a hundred kilobytes costs less than a second and half a gigabyte, whatever it says. Memory that the
//! system does not have is a [`Limit`](crate::Error::Limit) too. A decoder that panics is caught and reported as `Corrupt`; this needs
//! the default `panic = "unwind"`.

use crate::error::Result;
use crate::limits::Limits;
use crate::picture::{Picture, Planes};
use crate::signature::Algorithm;
pub use estimate::Memory;
use jpeg::{JpegReader, Reading, Verdict};
pub(crate) use raster::no_picture;

mod estimate;
pub mod jpeg;
mod orient;
mod raster;
mod sniff;

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
    /// HEIF with HEVC; recognised, not read.
    Heic,
    /// AVIF; recognised, not read.
    Avif,
    /// JPEG XL; recognised, not read.
    JpegXl,
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

/// What to do with a file that breaks off or is broken inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DamagedPolicy {
    /// Hash what a browser would show; [`Decoded::whole`] says how much of it is real.
    #[default]
    Hash,
    /// Report [`Error::Corrupt`](crate::Error::Corrupt).
    Refuse,
}

/// The choices of [`Decoder`].
#[derive(Debug, Clone, Default)]
pub struct DecodeOptions {
    /// What is too large.
    pub limits: Limits,
    /// Whether EXIF orientation counts.
    pub orient: Orient,
    /// Whether damaged pictures are refused.
    pub damaged: DamagedPolicy,
    /// How much of a JPEG [`Decoder::decode_for`] reads.
    pub detail: DetailChoice,
}

/// A decoded picture and what was learned on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The picture, turned if asked for.
    pub picture: Picture,
    /// The format that its bytes showed.
    pub format: Format,
    /// How much of it was decoded.
    pub detail: Detail,
    /// The share of rows, 0..1, that came out whole; `None` for an undamaged picture.
    pub whole: Option<f32>,
}

/// What reading the low frequencies of a JPEG came to.
pub(crate) enum Coarse {
    /// They are all that is needed.
    Enough(Decoded),
    /// It is damaged, so that every pixel is needed; this share of its rows is whole.
    Damaged(f32),
}

/// Decodes one picture after another, keeping its buffers between them.
#[derive(Debug, Default)]
pub struct Decoder {
    options: DecodeOptions,
    spare: Spare,
    jpeg: JpegReader,
}

/// Memory kept from one picture to the next.
#[derive(Debug, Default)]
struct Spare {
    /// Samples of the last picture, handed back by [`Decoder::recycle`].
    samples: Vec<u8>,
    /// The rewritten stream of the last JPEG.
    stream: Vec<u8>,
}

impl Decoder {
    /// A decoder with these choices.
    pub fn new(options: DecodeOptions) -> Decoder {
        Decoder { options, spare: Spare::default(), jpeg: JpegReader::default() }
    }

    /// The choices.
    pub fn options(&self) -> &DecodeOptions {
        &self.options
    }

    /// Decodes one encoded picture as far as the signatures of `algorithms` need it, which for most JPEGs is not far:
    /// see [`jpeg`] and [`DecodeOptions::detail`].
    ///
    /// A JPEG that is damaged where it was read is decoded in full, so that what is missing looks as browsers leave it; it is
    /// damaged though full decoding should notice nothing.
    /// [`decode`](Decoder::decode) itself does not ask [`jpeg`] for its verdict: walking a file once more takes a sixth of the time
    /// of decoding a sequential one in full and two fifths of a progressive one, and of 1,409 hostile files it tells more of two.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Decoder::decode).
    pub fn decode_for(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Result<Decoded> {
        match self.decode_coarse(bytes, algorithms) {
            Some(Coarse::Enough(decoded)) => Ok(decoded),
            Some(Coarse::Damaged(share)) => self.decode_damaged(bytes, share),
            None => self.decode(bytes),
        }
    }

    /// The low frequencies of a JPEG, where they are asked for and the reader does not refer to full decoding. No damage is
    /// looked for beyond what it read.
    pub(crate) fn decode_coarse(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Option<Coarse> {
        let coarse = self.coarse(bytes, algorithms)?;
        let Some(share) = coarse.whole else { return Some(Coarse::Enough(coarse)) };
        self.recycle(coarse.picture);
        Some(Coarse::Damaged(share))
    }

    /// Decodes every pixel of a JPEG of whose rows a share came out whole when its low frequencies were read.
    ///
    /// # Errors
    ///
    /// Those of [`decode`](Decoder::decode).
    pub(crate) fn decode_damaged(&mut self, bytes: &[u8], share: f32) -> Result<Decoded> {
        let decoded = self.decode(bytes)?;
        let whole = decoded.whole.unwrap_or(share);
        match self.options.damaged {
            DamagedPolicy::Hash => Ok(Decoded { whole: Some(whole), ..decoded }),
            DamagedPolicy::Refuse => Err(raster::damaged(Format::Jpeg, whole)),
        }
    }

    /// Memory that decoding a file for the signatures of `algorithms` will take, by its headers.
    pub fn memory(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Memory {
        self.memory_beside(bytes, algorithms, |_, _| 0)
    }

    /// The same with what `beside` says that a picture of so many pixels across and down takes beside.
    pub(crate) fn memory_beside(
        &mut self,
        bytes: &[u8],
        algorithms: &[Algorithm],
        beside: impl Fn(u32, u32) -> u64,
    ) -> Memory {
        let DecodeOptions { limits, detail, .. } = &self.options;
        let (mut every_pixel, mut tables) = (0, 0);
        if let Ok(estimate) = raster::estimate(bytes, &self.options) {
            tables = beside(estimate.width, estimate.height);
            every_pixel = estimate.check(limits, bytes.len()).map_or(0, |()| estimate.memory);
        }
        let rule = |width, height| detail.of(width, height, algorithms);
        let coarse = if self.reads_coarse(bytes) { self.jpeg.memory(bytes, rule) } else { None };
        let coarse = coarse.filter(|memory| limits.check_decoder_bytes(*memory).is_ok()).unwrap_or(0);
        let first = if coarse > 0 { coarse } else { every_pixel };
        Memory { first, worst: coarse.saturating_add(every_pixel) }.and(tables)
    }

    /// Whether the low frequencies of a file are asked for.
    fn reads_coarse(&self, bytes: &[u8]) -> bool {
        let DecodeOptions { limits, orient, detail, .. } = &self.options;
        *detail != DetailChoice::Full
            && *orient == Orient::Ignore
            && Format::sniff(bytes) == Some(Format::Jpeg)
            && limits.check_file_bytes(bytes.len() as u64).is_ok()
    }

    /// The low frequencies of a JPEG; `None` where every pixel is wanted, where the reader refers to full decoding, and where
    /// it finds nothing: full decoding has the last word on what is corrupt.
    fn coarse(&mut self, bytes: &[u8], algorithms: &[Algorithm]) -> Option<Decoded> {
        if !self.reads_coarse(bytes) {
            return None;
        }
        let DecodeOptions { limits, detail, .. } = &self.options;
        let rule = |width, height| detail.of(width, height, algorithms);
        let Ok(Reading::Coarse(coarse)) = self.jpeg.read(bytes, rule, limits) else { return None };
        // Scans that were stepped over are walked after all where the file breaks off.
        let cut = coarse.whole.is_none() && coarse.unread_scans > 0 && !coarse.ended;
        let whole = match cut.then(|| self.jpeg.judge(bytes, limits)) {
            None => coarse.whole,
            Some(Ok(Verdict::Read { whole, .. })) => whole,
            Some(_) => return None,
        };
        let (picture, detail) = (coarse.picture, Detail::Scaled(coarse.detail));
        Some(Decoded { picture, format: Format::Jpeg, detail, whole })
    }

    /// Decodes every pixel of one encoded picture.
    ///
    /// # Errors
    ///
    /// Every variant of [`Error`](crate::Error) but `Device` and `Io`; no input makes it panic.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded> {
        raster::decode(bytes, &self.options, &mut self.spare)
    }

    /// Memory kept for the next picture, in bytes.
    pub(crate) fn kept(&self) -> u64 {
        (self.spare.samples.capacity() + self.spare.stream.capacity()) as u64 + self.jpeg.kept()
    }

    /// Gives up what is kept.
    pub(crate) fn forget(&mut self) {
        self.spare = Spare::default();
        self.jpeg = JpegReader::default();
    }

    /// Takes a picture's memory back for the next one.
    pub fn recycle(&mut self, picture: Picture) {
        match picture.planes {
            Planes::Rgb(plane) | Planes::Grey(plane) => self.spare.samples = plane.samples,
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
    /// The name in records: `jpeg`, `png`, `webp`, `gif`, `bmp`, `tiff`, `heic`, `avif` or `jpeg-xl`.
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
