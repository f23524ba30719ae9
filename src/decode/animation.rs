//! An animation that is opened: what is shown at each frame, one after another, by the rules of browsers.

use super::raster::{self, composed::Composed};
use super::{DecodeOptions, Format};
use crate::error::{Error, Result};
use crate::limits;

/// An animation whose frames are to come.
pub(super) struct Animation<'a> {
    /// Pixels of each frame.
    pub(super) pixels: u64,
    /// The first frame's number: 1 where the file's own picture is none of them.
    pub(super) number: u64,
    /// How many pictures there are with the file's own, as far as that is known.
    pub(super) count: Option<u64>,
    pub(super) frames: Composed<'a>,
}

impl<'a> Animation<'a> {
    /// Opens one, in the memory that its estimate names.
    ///
    /// # Errors
    ///
    /// No animation of a format that has some, one that takes more than the limits or the system let, and what is wrong with its beginning.
    pub(super) fn of(bytes: &'a [u8], format: Format, options: &'a DecodeOptions) -> Result<Animation<'a>> {
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
            _ => return Err(unreadable()),
        })
    }
}
