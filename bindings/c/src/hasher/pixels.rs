//! Pixels of the caller's, copied into a picture: rows without padding, samples in the library's order.

use shadegrid::{Limits, Picture, Planes};

use crate::status::Failure;

/// One byte per pixel: grey.
pub const SHADEGRID_ORDER_GREY: i32 = 1;
/// Three bytes per pixel: red, green, blue.
pub const SHADEGRID_ORDER_RGB: i32 = 2;
/// Three bytes per pixel: blue, green, red.
pub const SHADEGRID_ORDER_BGR: i32 = 3;
/// Four bytes per pixel: red, green, blue, and one that does not count (padding, or alpha that is dropped without blending).
pub const SHADEGRID_ORDER_RGBX: i32 = 4;
/// Four bytes per pixel: blue, green, red, and one that does not count.
pub const SHADEGRID_ORDER_BGRX: i32 = 5;

/// How pixels lie in memory.
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from row to row; 0: rows without padding.
    pub(super) stride: usize,
    /// A constant `SHADEGRID_ORDER_*`.
    pub(super) order: i32,
}

/// The samples of the last picture, kept for the next one.
#[derive(Default)]
pub(super) struct Pixels {
    spare: Vec<u8>,
}

impl Pixels {
    /// A picture of these samples, whose limits are checked before memory is taken.
    pub(super) fn picture(
        &mut self,
        samples: &[u8],
        layout: &Layout,
        limits: &Limits,
    ) -> Result<Picture, Failure> {
        let &Layout { width, height, order, .. } = layout;
        let (bytes_per_pixel, channels) = match order {
            SHADEGRID_ORDER_GREY => (1, 1),
            SHADEGRID_ORDER_RGB | SHADEGRID_ORDER_BGR => (3, 3),
            SHADEGRID_ORDER_RGBX | SHADEGRID_ORDER_BGRX => (4, 3),
            _ => return Err(Failure::argument("`order` is none of its constants")),
        };
        limits.check_size(width, height)?;
        let row = u64::from(width) * bytes_per_pixel;
        let stride = if layout.stride == 0 { row } else { layout.stride as u64 };
        let least = stride.checked_mul(u64::from(height) - 1).and_then(|before| before.checked_add(row));
        if stride < row || least.is_none_or(|least| least > samples.len() as u64) {
            return Err(Failure::argument(format!(
                "{} bytes with {stride} from row to row are no {width}×{height} pixels of {bytes_per_pixel} bytes",
                samples.len()
            )));
        }
        let bytes = u64::from(width) * u64::from(height) * channels;
        limits.check_decoder_bytes(bytes)?;
        let mut copy = std::mem::take(&mut self.spare);
        copy.clear();
        // The caller's own samples are as many at least, so that the number fits `usize`.
        copy.try_reserve_exact(bytes as usize).map_err(|_| Failure::no_memory(bytes))?;
        for row in samples.chunks(stride as usize).take(height as usize).map(|rest| &rest[..row as usize]) {
            match order {
                SHADEGRID_ORDER_GREY | SHADEGRID_ORDER_RGB => copy.extend_from_slice(row),
                SHADEGRID_ORDER_BGR => copy.extend(row.as_chunks().0.iter().flat_map(|&[b, g, r]| [r, g, b])),
                SHADEGRID_ORDER_RGBX => {
                    copy.extend(row.as_chunks().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]));
                }
                _ => copy.extend(row.as_chunks().0.iter().flat_map(|&[b, g, r, _]| [r, g, b])),
            }
        }
        Ok(match channels {
            1 => Picture::from_grey(copy, width, height),
            _ => Picture::from_rgb(copy, width, height),
        })
    }

    /// Takes the picture's memory back.
    pub(super) fn recycle(&mut self, picture: Picture) {
        if let Planes::Rgb(plane) | Planes::Grey(plane) = picture.planes {
            self.spare = plane.samples;
        }
    }
}

impl Failure {
    fn no_memory(bytes: u64) -> Failure {
        let status = crate::status::SHADEGRID_LIMIT;
        Failure {
            status,
            limit: String::new(),
            message: format!("the system has no {bytes} bytes of memory"),
        }
    }
}
