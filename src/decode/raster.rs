//! Full decoding of every pixel, through `zune-jpeg` and `image`.

use super::{DecodeOptions, Decoded, Detail, Format};
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Decodes every pixel of `bytes`, into `spare`'s memory where it fits.
pub(super) fn decode(bytes: &[u8], options: &DecodeOptions, _spare: Vec<u8>) -> Result<Decoded> {
    options.limits.check_file_bytes(bytes.len() as u64)?;
    let image = image::load_from_memory(bytes).map_err(|e| Error::corrupt("png", e.to_string()))?;
    options.limits.check_size(image.width(), image.height())?;
    if let image::DynamicImage::ImageLuma8(grey) = image {
        let (width, height) = grey.dimensions();
        let picture = Picture::from_grey(grey.into_raw(), width, height);
        return Ok(Decoded { picture, format: Format::Png, detail: Detail::Full, whole: None });
    }
    let rgb = image.into_rgb8();
    let (width, height) = rgb.dimensions();
    let picture = Picture::from_rgb(rgb.into_raw(), width, height);
    Ok(Decoded { picture, format: Format::Png, detail: Detail::Full, whole: None })
}
