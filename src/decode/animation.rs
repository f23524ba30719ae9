//! Opens an animation: what is shown at each frame, one after another, by the rules of browsers.

use super::raster::{self, composed::Animation};
use super::{DecodeOptions, Format};
use crate::error::{Error, Result};
use crate::limits;

/// Opens one, in the memory that its estimate names.
///
/// # Errors
///
/// No animation of a format that has some, one that takes more than the limits or the system let, and what is wrong with its beginning.
pub(super) fn open<'a>(bytes: &'a [u8], format: Format, options: &'a DecodeOptions) -> Result<Animation<'a>> {
    let estimate = raster::estimate(bytes, options)?;
    let most = estimate.faces.max(estimate.memory);
    options.limits.check_decoder_bytes(most)?;
    limits::can_be_had(most)?;
    let pixels = estimate.pixels;
    let unreadable = || Error::corrupt(format.name(), "its frames cannot be read");
    Ok(match format {
        Format::Gif => {
            let frames = raster::gif::composed::of(bytes, &options.limits)?;
            Animation { pixels, number: 0, count: Some(raster::gif::count(bytes)), frames }
        }
        Format::WebP => {
            let frames = raster::webp::composed::of(bytes)?;
            Animation { pixels, number: 0, count: Some(raster::webp::composed::count(bytes)), frames }
        }
        Format::Png => {
            let number = u64::from(!raster::png::begins_with_default(bytes));
            let (count, frames) = raster::png::composed(bytes, most).ok_or_else(unreadable)?;
            Animation { pixels, number, count: Some(count + number), frames }
        }
        Format::JpegXl => {
            let frames = raster::jxl::composed(bytes).ok_or_else(unreadable)?;
            Animation { pixels, number: 0, count: None, frames }
        }
        Format::Heic | Format::Avif => raster::heif::composed(bytes, &options.limits)?,
        _ => return Err(unreadable()),
    })
}
