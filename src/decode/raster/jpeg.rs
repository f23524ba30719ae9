//! JPEG through `zune-jpeg`, told apart from damaged JPEG by reading its structure ourselves.
//!
//! `zune-jpeg` reads on past missing data as if it were zeros (release 0.5.15 even in its strict mode, where an end marker
//! follows: a file cut at any place and closed again is "whole"). So a JPEG is first rewritten, see [`layout`], into the segments that
//! matter for its pixels, with a *stopper* of one-bits at the end of entropy-coded data. No Huffman code consists of
//! one-bits alone (ITU-T T.81, annex C), so a decoder that needs more data than there is stops there with an error
//! instead of inventing the rest, and one that does not need more never looks at the stopper.
//!
//! Some rare kinds come out of `zune-jpeg` 0.5.15 wrong or not at all; `jpeg-decoder` reads these: sequential JPEGs in several scans,
//! sampling factors of 3, and a first component that is not the finest. Arithmetic coding, 12 bits,
//! lossless and hierarchical JPEGs are unsupported by name.

use super::{Raster, Wanted, lengthen};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, orient};
use crate::error::{Error, Result};

mod codecs;
mod damage;
mod layout;

use layout::Layout;

/// What decoding every pixel takes, by the headers up to the first scan.
pub(super) fn estimate(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Estimate> {
    let layout = Layout::announced(bytes, wanted.limits)?;
    let estimate = Estimate::new(Format::Jpeg, (layout.width, layout.height), 0);
    Ok(estimate.and(layout.memory(bytes.len())))
}

/// Decodes a JPEG; `stream` is memory for the rewritten file.
pub(super) fn decode(
    bytes: &[u8],
    wanted: &Wanted<'_>,
    samples: &mut Vec<u8>,
    stream: &mut Vec<u8>,
) -> Result<Raster> {
    let layout = Layout::rewrite(bytes, wanted.limits, stream)?;
    let channels = layout.channels();
    lengthen(samples, layout.width as usize * layout.height as usize * channels)?;
    let whole = damage::decode(&layout, stream, samples)?;
    let exif = layout.exif.clone().filter(|_| wanted.orientation);
    let orientation = exif.and_then(|range| orient::from_exif(&bytes[range]));
    Ok(Raster { width: layout.width, height: layout.height, channels, whole, orientation })
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt(Format::Jpeg.name(), message)
}
