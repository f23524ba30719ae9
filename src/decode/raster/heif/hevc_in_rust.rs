//! Pictures in HEVC, through decoders that are written in Rust.
//!
//! `rust_h265` decodes what telephones and encoders write: 4:2:0 and 4:4:4, with every tool of the standard's main profiles. Grey and 4:2:2, which it does not
//! know, go to `heic-decoder`.

use heic_decoder::isobmff::{HevcDecoderConfig, HevcNalArray, ResolvedImage};
use rust_h265::{DecodeError, DecodeLimits, Decoder, PixelData, parse_nal};

use super::super::deadline::Deadline;
use super::canvas::Canvas;
use super::pixels::{Planes, Rules};
use super::sps::Sps;
use super::units::{PPS, Units, VPS, kind};
use super::{Announced, corrupt, painted};
use crate::decode::estimate::LEAST;
use crate::decode::frame::{Chroma, Meaning};
use crate::error::{Error, Result, words_alone};

/// Memory that a picture takes.
pub(super) fn memory(sps: &Sps, length: u64) -> u64 {
    let per_pixel = match sps.chroma {
        // Numbers of four bytes with a mark each, twice, and what blocks have.
        Chroma::None => 14 + 8,
        Chroma::Half => 3 * 14 + 8,
        // Samples as decoded, filtered and given, and what blocks have.
        _ => 3 * 3 * if sps.depth > 8 { 2 } else { 1 } + 4,
    };
    // Blocks of up to 64 pixels a side hang over the edge.
    let (width, height) = (u64::from(sps.coded.0), u64::from(sps.coded.1));
    let pixels = (width * height).saturating_add(64 * 64 + 64 * (width + height));
    pixels.saturating_mul(per_pixel).saturating_add(2 * length + 2 * LEAST)
}

/// Decodes a picture.
pub(super) fn picture(
    units: &Units<'_>,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
) -> Result<Canvas> {
    let sps = units.sps()?;
    // Without a word of it, levels are limited (E.2.1), and the matrix is that of most encoders.
    let meaning = meaning.or(announced.meaning).unwrap_or(Meaning { matrix: 2, full: false });
    match sps.chroma {
        Chroma::Quarter | Chroma::Full => usual(units, announced, meaning, luma),
        Chroma::None | Chroma::Half => unusual(units, sps, meaning, luma),
    }
}

/// 4:2:0 and 4:4:4.
fn usual(units: &Units<'_>, announced: &Announced, meaning: Meaning, luma: bool) -> Result<Canvas> {
    let mut decoder = Decoder::with_limits(DecodeLimits {
        max_picture_pixels: announced.pixels,
        max_picture_memory_bytes: announced.memory.saturating_mul(2),
    });
    let deadline = Deadline::of(announced.pixels);
    let mut first = None;
    for unit in units.parameters.iter().chain(&units.slices) {
        let unit = parse_nal(unit).ok_or_else(|| corrupt("a part of its picture has no header"))?;
        let frame = decoder.decode_nal(&unit).map_err(problem)?;
        first = first.or(frame);
        if first.is_some() {
            break;
        }
        // Each part may begin anywhere, also where others were.
        deadline.check().map_err(corrupt)?;
    }
    let frame = first.or_else(|| decoder.flush()).ok_or_else(|| corrupt("no picture came of its parts"))?;
    let chroma = if frame.chroma_format_idc == 3 { Chroma::Full } else { Chroma::Quarter };
    let (width, height, depth) = (frame.width as usize, frame.height as usize, u32::from(frame.bit_depth));
    let (across, _) = chroma.shift();
    let strides = [width, width.div_ceil(1 << across)];
    let rules = Rules::Libheif;
    match (&frame.y, &frame.u, &frame.v) {
        (PixelData::U8(y), PixelData::U8(u), PixelData::U8(v)) => painted(
            &Planes { width, height, depth, chroma, rules, planes: [&y[..], u, v], strides },
            meaning,
            luma,
            Vec::new(),
        ),
        (PixelData::U16(y), PixelData::U16(u), PixelData::U16(v)) => painted(
            &Planes { width, height, depth, chroma, rules, planes: [&y[..], u, v], strides },
            meaning,
            luma,
            Vec::new(),
        ),
        _ => Err(corrupt("its planes are of different kinds")),
    }
}

/// Grey and 4:2:2.
fn unusual(units: &Units<'_>, sps: Sps, meaning: Meaning, luma: bool) -> Result<Canvas> {
    let arrays = [VPS, VPS + 1, PPS].map(|kind_of| HevcNalArray {
        nal_unit_type: kind_of,
        nalus: units
            .parameters
            .iter()
            .filter(|unit| kind(unit) == kind_of)
            .map(|unit| unit.to_vec())
            .collect(),
    });
    let data =
        units.slices.iter().flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat()).collect();
    let hevc_config = HevcDecoderConfig {
        length_size_minus_one: 3,
        arrays: arrays.to_vec(),
        ..HevcDecoderConfig::default()
    };
    let decoded = heic_decoder::decode_one_image(&ResolvedImage { hevc_config, data });
    let (_, picture) = decoded.map_err(|error| match error {
        heic_decoder::HeifError::Unsupported(what) => Error::Unsupported(format!("HEVC: {what}")),
        error => corrupt(words_alone(error.to_string())),
    })?;
    let (width, height) = sps.shown();
    let [left, _, top, _] = sps.hidden.map(|side| side as usize);
    let (across, down) = sps.chroma.shift();
    let strides = [picture.y.width, picture.cb.width];
    let starts = [top * strides[0] + left, (top >> down) * strides[1] + (left >> across)];
    let [y, cb, cr] = [picture.y, picture.cb, picture.cr].map(heic_decoder::hevc::ctu::Plane::into_samples);
    // The rows that are not shown lie before the first.
    let from = |plane: &'_ [i32], start: usize| start.min(plane.len());
    let (y, cb, cr) = (&y[from(&y, starts[0])..], &cb[from(&cb, starts[1])..], &cr[from(&cr, starts[1])..]);
    let planes = Planes {
        width: width as usize,
        height: height as usize,
        depth: sps.depth,
        chroma: sps.chroma,
        rules: Rules::Libheif,
        planes: [y, cb, cr],
        strides,
    };
    painted(&planes, meaning, luma, Vec::new())
}

fn problem(error: DecodeError) -> Error {
    match error {
        DecodeError::Unsupported(what) => Error::Unsupported(format!("HEVC: {what}")),
        error => corrupt(words_alone(error.to_string())),
    }
}
