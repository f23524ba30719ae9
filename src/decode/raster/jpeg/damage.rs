//! How much of a JPEG came out whole: the one place that judges it.

use super::codecs::{Mode, second, zune};
use super::corrupt;
use super::layout::Layout;
use crate::decode::Format;
use crate::decode::raster::{mark, marked, share};
use crate::error::Result;

/// What libjpeg-turbo shows where data is missing.
const MID_GREY: u8 = 128;

/// Decodes a rewritten JPEG into `samples` and judges it.
///
/// `None` for a whole picture, else the share of rows that came out whole. What did not come is mid-grey.
pub(super) fn decode(layout: &Layout, stream: &[u8], samples: &mut [u8]) -> Result<Option<f32>> {
    if layout.is_intact() && whole(layout, stream, samples) {
        return Ok(None);
    }
    if !layout.suits_zune() {
        second(layout, stream, samples).map_err(corrupt)?;
        return Ok(Some(0.0));
    }
    if layout.progressive { refined(layout, stream, samples) } else { cut(layout, stream, samples).map(Some) }
}

/// Whether one of the decoders finds nothing wrong. Two, because each refuses some odd files that are legal.
fn whole(layout: &Layout, stream: &[u8], samples: &mut [u8]) -> bool {
    (layout.suits_zune() && zune(layout, stream, Mode::Strict, samples).is_ok())
        || second(layout, stream, samples).is_ok()
}

/// A damaged progressive picture: coarse everywhere, so whole in no row that is known.
fn refined(layout: &Layout, stream: &[u8], samples: &mut [u8]) -> Result<Option<f32>> {
    zune(layout, stream, Mode::Tolerant, samples).map_err(corrupt)?;
    if samples.iter().all(|sample| *sample == MID_GREY) {
        return Err(corrupt("its data ends before anything can be seen"));
    }
    Ok(Some(0.0))
}

/// A damaged sequential picture: rows from the top are whole up to the break.
fn cut(layout: &Layout, stream: &[u8], samples: &mut [u8]) -> Result<f32> {
    let stride = layout.width as usize * layout.channels();
    mark(samples);
    let strict = zune(layout, stream, Mode::Strict, samples);
    let written = (samples.len() - marked(samples)).div_ceil(stride);
    let rows = (written as u32).min(layout.rows_in_order());
    let why = strict.err().unwrap_or_else(|| "restart markers are missing or out of order".into());
    let tolerant = zune(layout, stream, Mode::Tolerant, samples);
    if tolerant.is_err() || rows == layout.rows_in_order() {
        samples[rows as usize * stride..].fill(MID_GREY);
    }
    share(Format::Jpeg, rows, layout.height, &why).map(|share| share.unwrap_or(1.0))
}
