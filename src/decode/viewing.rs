//! What makes viewers show something else than the stored pixels, which are what is hashed.
//!
//! Signature lists are made of stored pixels, so these stay what a signature is of. A picture that is seen through a colour profile, through its own
//! transparency, turned, or as one frame of several, may look like another picture altogether. Flags say so, and [`faces`](super::faces) are what
//! is seen then.

/// What a viewer does beyond showing the stored pixels. All false for most pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Viewing {
    /// Some pixel is not opaque, or a GIF's frame leaves part of the picture open.
    pub alpha: bool,
    /// A profile, gamma or primaries move the picture noticeably; see [`NOTICEABLE`](super::NOTICEABLE).
    pub profile: bool,
    /// There are frames that are not hashed as the stored pixels.
    pub animated: bool,
    /// There are pictures that viewers show on further pages and that are not hashed as the stored pixels: pages of a TIFF, the others of a JPEG in the
    /// Multi-Picture Format. Smaller copies and gain maps are none.
    pub pages: bool,
    /// EXIF says that the picture is to be turned, and it was not.
    pub oriented: bool,
    /// Decoders do not agree on what is shown: a JPEG holds numbers beyond 16 bits
    /// ([`Reading::unusual`](super::jpeg::Reading::unusual)) or a component twice, a TIFF begins with a reduced page, a BMP's pixels have no place, a
    /// GIF's frame has no colours, a PNG's indices leave its palette, a WebP's chunks are not as its header says,
    /// or a HEIC's or AVIF's tables are read as another picture by browsers.
    pub unusual: bool,
}

/// How a HEIC's or AVIF's tables are read, where viewers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tables {
    /// As they stand: the picture that they name, and each item cut, turned and mirrored in the order in which its properties are listed.
    #[default]
    AsListed,
    /// As browsers read them, by libavif: the first picture of a group of alternatives; cut, turned and mirrored once, in this order, unless the cut
    /// leaves something out at its left or top; its opacity as it is; tiles as they are, with opacity of their own.
    AsBrowsers,
}

/// What faces are made of, apart from the picture itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sources {
    /// The opacity of each pixel; empty where all are opaque.
    pub(crate) alpha: Vec<u8>,
    /// Whether browsers take the colours for such as are multiplied with their opacity, because the file does not say that it has any.
    pub(crate) silent: bool,
    /// [`Reading::scans`](super::jpeg::Reading::scans).
    pub(crate) scans: Option<std::ops::Range<usize>>,
}
