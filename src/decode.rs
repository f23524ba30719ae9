//! Encoded bytes to a [`Picture`], whatever the format.

use crate::error::Result;
use crate::limits::Limits;
use crate::picture::{Picture, Planes};

pub mod jpeg;
mod raster;

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
    /// The lowest n×n frequencies of each block of a JPEG.
    Scaled(u8),
}

/// What to do with the orientation that EXIF metadata names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orient {
    /// Hash the stored pixels, as every exchanged list does.
    #[default]
    Ignore,
    /// Turn the picture first, as viewers show it.
    Exif,
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

/// The choices of [`Decoder`].
#[derive(Debug, Clone, Default)]
pub struct DecodeOptions {
    /// What is too large.
    pub limits: Limits,
    /// Whether EXIF orientation counts.
    pub orient: Orient,
    /// Whether damaged pictures are refused.
    pub damaged: DamagedPolicy,
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

/// Decodes one picture after another, keeping its buffers between them.
#[derive(Debug, Default)]
pub struct Decoder {
    options: DecodeOptions,
    /// Samples of the last picture, handed back by [`Decoder::recycle`].
    spare: Vec<u8>,
}

impl Decoder {
    /// A decoder with these choices.
    pub fn new(options: DecodeOptions) -> Decoder {
        Decoder { options, spare: Vec::new() }
    }

    /// The choices.
    pub fn options(&self) -> &DecodeOptions {
        &self.options
    }

    /// Decodes one encoded picture.
    ///
    /// # Errors
    ///
    /// Every variant of [`Error`] but `Device` and `Io`; no input makes it panic.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded> {
        raster::decode(bytes, &self.options, std::mem::take(&mut self.spare))
    }

    /// Takes a picture's memory back for the next one.
    pub fn recycle(&mut self, picture: Picture) {
        if let Planes::Rgb(plane) | Planes::Grey(plane) = picture.planes {
            self.spare = plane.samples;
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
