//! How much memory decoding a picture will take, from its header alone.
//!
//! An estimate for the byte budget, made without taking memory: the decoders check the limits themselves.

use imagesize::ImageType;

use crate::limits::Limits;

/// Bytes a pixel while a picture is decoded: its 3 of the result and what the decoder keeps beside them.
mod per_pixel {
    /// Rows are decoded a few at a time.
    pub(super) const JPEG: u64 = 3;
    /// All coefficients, 2 bytes for each of up to 3 components, and for rare kinds the samples once more.
    pub(super) const JPEG_IN_SCANS: u64 = 3 + 3 * 2 + 3;
    /// Rows are decoded one by one, at worst with alpha.
    pub(super) const PNG: u64 = 4;
    /// Indices, then colours.
    pub(super) const GIF: u64 = 1 + 3;
    /// At worst with alpha.
    pub(super) const BMP: u64 = 4;
    /// With alpha, and two more such copies in lossless pictures.
    pub(super) const WEBP: u64 = 3 * 4;
    /// A single strip is held as stored, up to 4 channels of 4 bytes, and as bytes.
    pub(super) const TIFF: u64 = 3 + 4 * 4 + 4;
}

/// Memory that decoding `encoded` is expected to take, in bytes.
///
/// 0 where decoding ends before memory is taken (no known format, or a size over the limits); the limit
/// on decoder memory where the format is known but its header does not say.
pub(super) fn decode_bytes(encoded: &[u8], limits: &Limits) -> u64 {
    let announced = match imagesize::image_type(encoded) {
        _ if encoded.starts_with(b"\xff\xd8\xff") => jpeg(encoded),
        _ if encoded.starts_with(b"GIF8") => gif(encoded),
        Ok(ImageType::Png) => sized(encoded, per_pixel::PNG),
        Ok(ImageType::Bmp) => sized(encoded, per_pixel::BMP),
        Ok(ImageType::Webp) => sized(encoded, per_pixel::WEBP),
        Ok(ImageType::Tiff) => sized(encoded, per_pixel::TIFF),
        _ => return 0,
    };
    match announced {
        Some((width, height, _)) if limits.check_size(width, height).is_err() => 0,
        Some((width, height, per_pixel)) => u64::from(width) * u64::from(height) * per_pixel,
        None => limits.max_decoder_bytes,
    }
}

/// Width, height and bytes a pixel.
type Announced = Option<(u32, u32, u64)>;

fn sized(encoded: &[u8], per_pixel: u64) -> Announced {
    let size = imagesize::blob_size(encoded).ok()?;
    Some((size.width.try_into().ok()?, size.height.try_into().ok()?, per_pixel))
}

/// Reads the frame header (ITU-T T.81, B.2.2) and, for whether all is in one scan, the first scan's (B.2.3).
fn jpeg(encoded: &[u8]) -> Announced {
    let mut frame = None;
    let mut at = 2;
    loop {
        let marker = *encoded.get(at + 1).filter(|_| encoded[at] == 0xff)?;
        // Fill bytes, and markers without a segment.
        if matches!(marker, 0xff | 0x01 | 0xd0..=0xd8) {
            at += if marker == 0xff { 1 } else { 2 };
            continue;
        }
        let segment = encoded.get(at + 4..)?;
        match marker {
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let side = |at| segment.get(at..at + 2).map(big_endian);
                frame = Some((marker, side(3)?, side(1)?, *segment.get(5)?));
            }
            0xda => {
                let (frame_marker, width, height, components) = frame?;
                let in_scans = !matches!(frame_marker, 0xc0 | 0xc1) || *segment.first()? < components;
                let per_pixel = if in_scans { per_pixel::JPEG_IN_SCANS } else { per_pixel::JPEG };
                return Some((width, height, per_pixel));
            }
            0xd9 => return None,
            _ => {}
        }
        at += 2 + big_endian(&encoded[at + 2..at + 4]) as usize;
    }
}

fn big_endian(bytes: &[u8]) -> u32 {
    u32::from(bytes[0]) << 8 | u32::from(bytes[1])
}

/// The first frame may reach beyond the screen that the header announces, so its descriptor counts too
/// (GIF89a, sections 18 and 20).
fn gif(encoded: &[u8]) -> Announced {
    let side = |at: usize| Some(u32::from(*encoded.get(at)?) | u32::from(*encoded.get(at + 1)?) << 8);
    let table = |packed: u8| if packed & 0x80 == 0 { 0 } else { 6 << (packed & 7) };
    let (screen_width, screen_height) = (side(6)?, side(8)?);
    let mut at = 13 + table(*encoded.get(10)?);
    while *encoded.get(at)? == 0x21 {
        at += 2;
        while *encoded.get(at)? != 0 {
            at += 1 + usize::from(encoded[at]);
        }
        at += 1;
    }
    if encoded[at] != 0x2c {
        return None;
    }
    let width = screen_width.max(side(at + 1)? + side(at + 5)?);
    Some((width, screen_height.max(side(at + 3)? + side(at + 7)?), per_pixel::GIF))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    fn need(encoded: &[u8]) -> u64 {
        decode_bytes(encoded, &Limits::default())
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut encoded = Cursor::new(Vec::new());
        RgbImage::new(30, 20).write_to(&mut encoded, format).unwrap();
        encoded.into_inner()
    }

    #[test]
    fn sizes_are_found_in_every_format() {
        for (format, per_pixel) in [
            (ImageFormat::Png, per_pixel::PNG),
            (ImageFormat::Bmp, per_pixel::BMP),
            (ImageFormat::WebP, per_pixel::WEBP),
        ] {
            assert_eq!(need(&encoded(format)), 600 * per_pixel, "{format:?}");
        }
        let tiff = b"II*\0\x08\0\0\0\x02\0\x00\x01\x03\0\x01\0\0\0\x1e\0\0\0\x01\x01\x03\0\x01\0\0\0\x14\0\0\0\0\0\0\0";
        assert_eq!(need(tiff), 600 * per_pixel::TIFF);
    }

    /// A JPEG's headers: a comment, the frame header with this marker, a scan with so many components.
    fn jpeg_headers(frame: u8, in_scan: u8) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xfe\0\x05\xff\xc0\xda\xff".to_vec();
        bytes.extend([0xff, frame, 0, 17, 8, 0, 20, 0, 30, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        bytes.extend([0xff, 0xda, 0, 6 + 2 * in_scan, in_scan]);
        bytes
    }

    #[test]
    fn jpegs_in_several_scans_take_more() {
        assert_eq!(need(&jpeg_headers(0xc0, 3)), 600 * per_pixel::JPEG);
        assert_eq!(need(&jpeg_headers(0xc1, 3)), 600 * per_pixel::JPEG);
        assert_eq!(need(&jpeg_headers(0xc0, 1)), 600 * per_pixel::JPEG_IN_SCANS);
        assert_eq!(need(&jpeg_headers(0xc2, 3)), 600 * per_pixel::JPEG_IN_SCANS);
    }

    #[test]
    fn a_gif_frame_beyond_its_screen_counts() {
        let mut gif = b"GIF89a\x05\0\x07\0\x80\0\0rgbRGB!\xfe\x02hi\0,".to_vec();
        gif.extend([10, 0, 5, 0, 20, 0, 15, 0, 0]);
        assert_eq!(need(&gif), 30 * 20 * per_pixel::GIF);
    }

    #[test]
    fn what_is_no_picture_needs_nothing_and_what_is_cut_everything() {
        let unknown = Limits::default().max_decoder_bytes;
        assert_eq!((need(b""), need(b"a text"), need(b"%PDF-1.7 and so on")), (0, 0, 0));
        let mut jpeg = jpeg_headers(0xc0, 3);
        for length in 3..jpeg.len() {
            assert_eq!(need(&jpeg[..length]), unknown, "JPEG cut at {length}");
        }
        jpeg[17..19].copy_from_slice(&[0xff, 0xff]);
        jpeg[15..17].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(need(&jpeg), 0, "over the limit of pixels");
        let gif = b"GIF89a\x05\0\x07\0\x80\0\0rgbRGB!\xfe\x02hi\0,\x0a\0\x05\0\x14\0\x0f\0";
        for length in 4..gif.len() {
            assert_eq!(need(&gif[..length]), unknown, "GIF cut at {length}");
        }
    }
}
