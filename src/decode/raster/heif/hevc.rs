//! Pictures in HEVC (ITU-T H.265), through decoders that are written in Rust.
//!
//! `rust_h265` decodes what telephones and encoders write: 4:2:0 and 4:4:4, with every tool of the standard's main profiles. Grey and 4:2:2, which it does not
//! know, go to `heic-decoder`.

use heic_decoder::isobmff::{HevcDecoderConfig, HevcNalArray, ResolvedImage};
use rust_h265::{DecodeError, DecodeLimits, Decoder, PixelData, parse_nal};

use super::super::deadline::Deadline;
use super::canvas::Canvas;
use super::numbers::Numbers;
use super::pixels::Planes;
use super::sps::Sps;
use super::{Announced, Coded, corrupt, painted};
use crate::decode::estimate::LEAST;
use crate::decode::frame::{Chroma, Meaning};
use crate::error::{Error, Result, words_alone};

/// Kinds of units with parameters for all others (ITU-T H.265, table 7-1).
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// Parts that a picture is coded in, at most. The highest level of the standard has 600 (table A.8).
const MOST_UNITS: usize = 1 << 14;

/// Kinds of units with pictures that need no other one.
const INDEPENDENT: std::ops::RangeInclusive<u8> = 16..=23;

/// The units of a coded picture, each with its header of two bytes.
struct Units<'a> {
    /// Those with parameters, in the order in which they are needed.
    parameters: Vec<&'a [u8]>,
    /// The others of the picture itself.
    slices: Vec<&'a [u8]>,
}

impl<'a> Units<'a> {
    fn of(coded: &'a Coded<'_>) -> Result<Units<'a>> {
        let (length, configured) =
            configured(coded.config).ok_or_else(|| corrupt("its decoder configuration breaks off"))?;
        let mut numbers = Numbers::of(&coded.data);
        let mut units = Units { parameters: Vec::new(), slices: Vec::new() };
        let mut within = Vec::new();
        while let Some(size) = numbers.number(length) {
            let unit = usize::try_from(size).ok().and_then(|size| numbers.take(size));
            let unit = unit.ok_or_else(|| corrupt("a part of its picture breaks off"))?;
            if within.len() == MOST_UNITS {
                return Err(corrupt("its picture has more parts than any"));
            }
            within.push(unit);
        }
        // Layers above the first are for other displays.
        let first_layer = |unit: &&'a [u8]| matches!(unit, [a, b, ..] if a & 1 == 0 && b >> 3 == 0);
        let all = configured.into_iter().chain(within).filter(first_layer);
        for unit in all {
            match kind(unit) {
                // What is not known of here is not known to a decoder, so that it takes what was announced and no more.
                SPS if Sps::read(unit).is_none() => {}
                VPS..=PPS => units.parameters.push(unit),
                0..=31 => units.slices.push(unit),
                _ => {}
            }
        }
        units.parameters.sort_by_key(|unit| kind(unit));
        if units.slices.iter().any(|unit| !INDEPENDENT.contains(&kind(unit))) {
            return Err(Error::Unsupported("HEVC: a picture that is predicted from another one".to_string()));
        }
        Ok(units)
    }

    /// The parameters of pictures; of several the largest.
    fn sps(&self) -> Result<Sps> {
        let all = self.parameters.iter().filter(|unit| kind(unit) == SPS);
        let largest = all
            .filter_map(|unit| Sps::read(unit))
            .max_by_key(|sps| u64::from(sps.coded.0) * u64::from(sps.coded.1));
        largest.ok_or_else(|| corrupt("its pictures have no parameters"))
    }
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(u8::MAX, |first| first >> 1 & 0x3F)
}

/// Bytes of the length of each unit, and the units of the configuration (ISO/IEC 14496-15, 8.3.3).
fn configured(config: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let mut numbers = Numbers::of(config);
    numbers.take(21)?;
    let length = usize::from(numbers.byte()? & 3) + 1;
    let mut units = Vec::new();
    for _ in 0..numbers.byte()? {
        numbers.byte()?;
        for _ in 0..numbers.short()? {
            let size = numbers.short()?;
            units.push(numbers.take(size.into())?);
        }
    }
    Some((length, units))
}

/// What a picture takes, by its parameters.
pub(super) fn announced(coded: &Coded<'_>) -> Result<Announced> {
    let sps = Units::of(coded)?.sps()?;
    let pixels = u64::from(sps.coded.0) * u64::from(sps.coded.1);
    let planes: u64 = match sps.chroma {
        Chroma::None => 1,
        _ => 3,
    };
    let per_pixel = match sps.chroma {
        // Numbers of four bytes with a mark each, twice, and what blocks have.
        Chroma::None | Chroma::Half => planes * 14 + 8,
        // Samples as decoded, filtered and given, and what blocks have.
        _ => planes * 3 * if sps.depth > 8 { 2 } else { 1 } + 4,
    };
    // Blocks of up to 64 pixels a side hang over the edge.
    let over = 64 * 64 + 64 * (u64::from(sps.coded.0) + u64::from(sps.coded.1));
    let memory = pixels
        .saturating_add(over)
        .saturating_mul(per_pixel)
        .saturating_add(2 * coded.data.len() as u64 + 2 * LEAST);
    Ok(Announced {
        size: sps.shown(),
        is_grey: sps.chroma == Chroma::None,
        pixels,
        memory,
        meaning: sps.meaning,
    })
}

/// Decodes a picture.
pub(super) fn picture(
    coded: &Coded<'_>,
    announced: &Announced,
    meaning: Option<Meaning>,
    luma: bool,
    spare: Vec<u8>,
) -> Result<Canvas> {
    let units = Units::of(coded)?;
    let sps = units.sps()?;
    // Without a word of it, levels are limited (E.2.1), and the matrix is that of most encoders.
    let meaning = meaning.or(announced.meaning).unwrap_or(Meaning { matrix: 2, full: false });
    match sps.chroma {
        Chroma::Quarter | Chroma::Full => usual(&units, announced, meaning, luma, spare),
        Chroma::None | Chroma::Half => unusual(&units, sps, meaning, luma, spare),
    }
}

/// 4:2:0 and 4:4:4.
fn usual(
    units: &Units<'_>,
    announced: &Announced,
    meaning: Meaning,
    luma: bool,
    spare: Vec<u8>,
) -> Result<Canvas> {
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
    match (&frame.y, &frame.u, &frame.v) {
        (PixelData::U8(y), PixelData::U8(u), PixelData::U8(v)) => painted(
            &Planes { width, height, depth, chroma, planes: [&y[..], u, v], strides },
            meaning,
            luma,
            spare,
        ),
        (PixelData::U16(y), PixelData::U16(u), PixelData::U16(v)) => painted(
            &Planes { width, height, depth, chroma, planes: [&y[..], u, v], strides },
            meaning,
            luma,
            spare,
        ),
        _ => Err(corrupt("its planes are of different kinds")),
    }
}

/// Grey and 4:2:2.
fn unusual(units: &Units<'_>, sps: Sps, meaning: Meaning, luma: bool, spare: Vec<u8>) -> Result<Canvas> {
    let arrays = [VPS, SPS, PPS].map(|kind_of| HevcNalArray {
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
        planes: [y, cb, cr],
        strides,
    };
    painted(&planes, meaning, luma, spare)
}

fn problem(error: DecodeError) -> Error {
    match error {
        DecodeError::Unsupported(what) => Error::Unsupported(format!("HEVC: {what}")),
        error => corrupt(words_alone(error.to_string())),
    }
}
