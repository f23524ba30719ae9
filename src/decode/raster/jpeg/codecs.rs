//! The two decoders that a rewritten JPEG can be handed to.

use jpeg_decoder::PixelFormat;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::layout::Layout;
use crate::decode::raster::ink_to_light;

/// Whether `zune-jpeg` stops at the first thing wrong or makes the best of it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    Strict,
    Tolerant,
}

/// Decodes into `samples`, which are `width·height·channels` long.
///
/// In tolerant mode what does not come is mid-grey. In strict mode rows that do not come are left as they were.
pub(super) fn zune(layout: &Layout, stream: &[u8], mode: Mode, samples: &mut [u8]) -> Result<(), String> {
    let colours = if layout.channels() == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default()
        .set_max_width(layout.width as usize)
        .set_max_height(layout.height as usize)
        .set_strict_mode(mode == Mode::Strict)
        .jpeg_set_max_scans(layout.scans)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    if decoder.output_buffer_size() != Some(samples.len()) {
        return Err("the decoder and the frame header disagree on the size".into());
    }
    decoder.decode_into(samples).map_err(|error| error.to_string())
}

/// Decodes into `samples` through `jpeg-decoder`, which gives a whole picture or none.
pub(super) fn second(layout: &Layout, stream: &[u8], samples: &mut [u8]) -> Result<(), String> {
    let mut decoder = jpeg_decoder::Decoder::new(stream);
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let format = decoder.info().map(|info| info.pixel_format);
    match (format, layout.channels()) {
        (Some(PixelFormat::L8), 1) | (Some(PixelFormat::RGB24), 3) if pixels.len() == samples.len() => {
            samples.copy_from_slice(&pixels);
        }
        (Some(PixelFormat::CMYK32), 3) if pixels.len() / 4 == samples.len() / 3 => {
            for (to, from) in samples.chunks_exact_mut(3).zip(pixels.chunks_exact(4)) {
                to.copy_from_slice(&[0, 1, 2].map(|ink| ink_to_light(from[ink], from[3])));
            }
        }
        _ => return Err("the decoder and the frame header disagree on the picture".into()),
    }
    Ok(())
}
