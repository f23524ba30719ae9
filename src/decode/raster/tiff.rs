//! The first page of a TIFF through the `tiff` crate, strip by strip or tile by tile.

use tiff::decoder::{self, ChunkType, Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::pieces::Pieces;
use super::{Opacity, Raster, blank, divided, share};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing, orient};
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use chroma::Clumps;
use directory::Directory;
use jpeg::Jpeg;
use repaired::Repaired;

mod changes;
mod chroma;
mod directory;
mod fax;
mod jpeg;
pub(in crate::decode) mod pages;
mod repaired;
mod strips;

pub(super) use pages::page_memory;

type Source<'a> = Decoder<Pieces<'a>>;

/// The tag of an ICC profile (ICC.1:2022, B.3).
const ICC: u16 = 34_675;

/// What the samples of a pixel mean; each may be followed by others, which are dropped.
enum Colour {
    Grey,
    Rgb,
    Cmyk,
    YCbCr,
    /// R, G, B of each index.
    Palette(Vec<[u8; 3]>),
}

/// How the page is cut into strips or tiles.
struct Grid {
    width: usize,
    height: usize,
    /// Pixels of a whole strip or tile, as far as it lies on the page.
    cell: (usize, usize),
    /// Pixels across a whole strip or tile as it is stored.
    stored: usize,
    across: usize,
    down: usize,
    /// Samples of a pixel.
    samples: usize,
    /// Bits of a sample.
    bits: u8,
    /// Whether each sample has strips of its own.
    planar: bool,
    /// The sample that is an alpha which the others are multiplied with.
    alpha: Option<usize>,
    /// The sample that is an alpha of either kind.
    any_alpha: Option<usize>,
}

/// What decoding takes, by the first page's directory.
pub(super) fn estimate(bytes: &[u8], limits: &Limits) -> Result<Estimate> {
    let directory = Directory::read(bytes);
    if directory.as_ref().is_some_and(Directory::lacks_tables) {
        return Err(Error::corrupt(Format::Tiff.name(), "a table of its directory is longer than the file"));
    }
    let tables = directory.map_or(0, |directory| directory.tables());
    limits.check_decoder_bytes(tables)?;
    limits::can_be_had(tables)?;
    let repaired = Repaired::directory(bytes)?;
    let mut decoder = open(repaired.pieces, limits)?;
    let (width, height) = decoder.dimensions().map_err(|error| problem(error, limits))?;
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok().flatten().unwrap_or(1);
    let bits = decoder.find_tag_unsigned_vec::<u8>(Tag::BitsPerSample).ok().flatten();
    let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
    let grid = grid(&mut decoder, (width, height), samples, bits)?;
    // At worst a palette's colours, and the file with its indices declared to be grey.
    let size = repaired.clumps.map_or((width, height), |clumps| (clumps.width, clumps.height));
    let repaired = repaired.memory.saturating_add(repaired.clumps.map_or(0, |clumps| clumps.bytes()));
    let estimate = Estimate::new(Format::Tiff, size, 3).and(tables + bytes.len() as u64).and(repaired);
    let jpeg = jpegs(&mut decoder, bytes);
    // The opacity of pixels with more samples than colours have.
    let opacity = if samples > 1 { u64::from(width) * u64::from(height) } else { 0 };
    let page = main_page(bytes).and_then(|file| self::estimate(&file, limits).ok());
    let estimate = estimate
        .and(opacity)
        .with_faces(page.map_or(0, |page| page.memory.saturating_add(bytes.len() as u64)))
        .working_through(grid.pixels_worked().max(jpeg.pixels))
        .and(grid.cell_memory().saturating_add(jpeg.memory))
        .and(profile_memory(profile(bytes).len()));
    Ok(if samples <= 2 && !profile(bytes).is_empty() { estimate.coloured() } else { estimate })
}

/// Memory that [`estimate`] takes itself, in bytes, whatever it ends with: the crate reads tables to tell what they are.
pub(in crate::decode) fn tables(bytes: &[u8]) -> u64 {
    let directory = Directory::read(bytes).filter(|directory| !directory.lacks_tables());
    directory.map_or(0, |directory| directory.tables())
}

impl Grid {
    /// Pixels of all strips or tiles, those beyond the page's right edge too; as many more as they are wider than 4 bytes.
    fn pixels_worked(&self) -> u64 {
        let stored =
            (self.stored as u64).saturating_mul(self.across as u64).saturating_mul(self.height as u64);
        let bits = self.samples as u64 * u64::from(self.bits);
        stored.saturating_mul(bits.div_ceil(32))
    }

    /// Bytes of a strip or tile: as it is stored, as bytes, once more where planes are put together; and a row with what lies beyond the edge.
    fn cell_memory(&self) -> u64 {
        let pixels = (self.cell.0 as u64).saturating_mul(self.cell.1 as u64);
        let samples = pixels.saturating_mul(self.samples as u64);
        let row = (self.stored as u64 * self.samples as u64).saturating_mul(u64::from(self.bits)) / 8;
        samples.saturating_mul(u64::from(self.bits.div_ceil(8)) + 2).saturating_add(row)
    }
}

/// What JPEGs in strips or tiles take: the pixels of all of them, and the memory of the largest.
fn jpegs(decoder: &mut Source<'_>, bytes: &[u8]) -> Jpeg {
    let mut all = Jpeg::default();
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten();
    if !matches!(compression, Some(6 | 7)) {
        return all;
    }
    let mut list = |tag| decoder.get_tag_u64_vec(tag).unwrap_or_default();
    let places = [list(Tag::StripOffsets), list(Tag::TileOffsets)].concat();
    let lengths = [list(Tag::StripByteCounts), list(Tag::TileByteCounts)].concat();
    for (place, length) in places.into_iter().zip(lengths) {
        let data = bytes.get(usize::try_from(place).unwrap_or(usize::MAX)..).unwrap_or_default();
        let data = &data[..data.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
        let one = jpeg::announced(data);
        all.pixels = all.pixels.saturating_add(one.pixels);
        all.memory = all.memory.max(one.memory + 2 * data.len() as u64);
    }
    all
}

/// Decodes the first page. What cannot be decoded stays black.
pub(super) fn decode(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let repaired = Repaired::samples(bytes)?;
    let mut decoder = open(repaired.pieces, limits)?;
    let (width, height) = decoder.dimensions().map_err(|error| problem(error, limits))?;
    if decoder.find_tag_unsigned::<u16>(Tag::FillOrder).ok().flatten() == Some(2) {
        return Err(Error::Unsupported("TIFF with the bits of its bytes in reverse order".into()));
    }
    let colour =
        if repaired.indexed { palette(&mut decoder, limits)? } else { colour(&mut decoder, limits)? };
    let kind = decoder.colortype().map_err(|error| problem(error, limits))?;
    if let Some(meaning) = unread(&mut decoder) {
        let bits = kind.bit_depth();
        return Err(Error::Unsupported(format!("TIFF with samples that are {meaning} of {bits} bits")));
    }
    let mut grid = grid(&mut decoder, (width, height), kind.num_samples(), kind.bit_depth())?;
    grid.alpha = alpha(&mut decoder, &colour, &[1]);
    grid.any_alpha = alpha(&mut decoder, &colour, &[1, 2]).or_else(|| unsaid_alpha(&mut decoder, &colour));
    let channels = if matches!(colour, Colour::Grey) { 1 } else { 3 };
    blank(samples, grid.width * grid.height * channels)?;
    let mut opacity = Opacity::new(grid.width * grid.height);
    let (mut rows, broken) = read_cells(&mut decoder, &grid, &colour, channels, samples, &mut opacity);
    let unusual = Directory::read(bytes).is_some_and(|directory| directory.main_page().is_some());
    let viewing = Viewing { unusual, pages: pages::are_several(bytes), ..Viewing::default() };
    let alpha = opacity.alpha;
    let mut raster = Raster { width, height, channels, whole: None, orientation: None, viewing, alpha };
    if let Some(clumps) = repaired.clumps {
        rows = (rows * clumps.down).min(clumps.height);
        raster = Raster { width: clumps.width, height: clumps.height, channels: 3, ..raster };
        spread(&clumps, samples)?;
    }
    if let Some(error) = broken {
        if matches!(error, TiffError::UnsupportedError(_) | TiffError::LimitsExceeded) {
            return Err(problem(error, limits));
        }
        raster.whole = share(Format::Tiff, rows, raster.height, &error)?;
    }
    let tag = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
    raster.orientation = tag.and_then(orient::from_number);
    Ok(raster)
}

/// What the page says of its colours.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'_> {
    ColourSpace::icc(profile(bytes))
}

/// The file with its main page first, where it begins with a reduced one.
pub(in crate::decode) fn main_page(bytes: &[u8]) -> Option<Vec<u8>> {
    let directory = Directory::read(bytes)?;
    directory.main_page().map(|place| directory.with_first(place))
}

/// The page's ICC profile, empty where there is none.
fn profile(bytes: &[u8]) -> &[u8] {
    Directory::read(bytes).and_then(|directory| directory.content(Tag::Unknown(ICC))).unwrap_or_default()
}

/// Makes pixels of samples that share their chroma.
fn spread(clumps: &Clumps, samples: &mut Vec<u8>) -> Result<()> {
    let stored = std::mem::take(samples);
    blank(samples, clumps.width as usize * clumps.height as usize * 3)?;
    samples
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(clumps.pixels(&stored))
        .for_each(|(to, from)| *to = from_ycbcr(from));
    Ok(())
}

/// Which sample of a pixel is an alpha of these kinds (TIFF 6.0, section 18): 1 with which colours are multiplied, 2 with which they are not.
fn alpha(decoder: &mut Source<'_>, colour: &Colour, kinds: &[u16]) -> Option<usize> {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()??;
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok()??;
    let is_so = extra.first().is_some_and(|kind| kinds.contains(kind))
        && matches!(colour, Colour::Grey | Colour::Rgb);
    is_so.then(|| usize::from(samples).checked_sub(extra.len())).flatten()
}

/// The fourth sample of R, G and B that nothing is said of, which libtiff and others take for alpha.
fn unsaid_alpha(decoder: &mut Source<'_>, colour: &Colour) -> Option<usize> {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()?;
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok()??;
    (samples == 4 && matches!(colour, Colour::Rgb) && extra.is_none()).then_some(3)
}

fn open<'a>(file: Pieces<'a>, limits: &Limits) -> Result<Source<'a>> {
    let most = usize::try_from(limits.max_decoder_bytes).unwrap_or(usize::MAX);
    let mut own = decoder::Limits::default();
    own.decoding_buffer_size = most;
    own.intermediate_buffer_size = most;
    own.ifd_value_size = most.min(64 << 20);
    let decoder = Decoder::new(file).map_err(|error| problem(error, limits))?;
    Ok(decoder.with_limits(own))
}

fn colour(decoder: &mut Source<'_>, limits: &Limits) -> Result<Colour> {
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).ok().flatten();
    match decoder.colortype().map_err(|error| problem(error, limits))? {
        ColorType::Gray(_) | ColorType::GrayA(_) => Ok(Colour::Grey),
        ColorType::Multiband { .. } if matches!(photometric, Some(0 | 1)) => Ok(Colour::Grey),
        ColorType::RGB(_) | ColorType::RGBA(_) => Ok(Colour::Rgb),
        ColorType::CMYK(_) | ColorType::CMYKA(_) => Ok(Colour::Cmyk),
        ColorType::YCbCr(8) => Ok(Colour::YCbCr),
        other => Err(Error::Unsupported(format!("TIFF with samples of the kind {}", kind(other)))),
    }
}

/// What the samples are where they are no numbers that are read (TIFF 6.0, SampleFormat; the Library of Congress lists 5 and 6).
fn unread(decoder: &mut Source<'_>) -> Option<&'static str> {
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok().flatten().unwrap_or_default();
    formats.iter().find_map(|format| match format {
        2 => Some("whole numbers with a sign"),
        5 => Some("complex whole numbers"),
        6 => Some("complex numbers"),
        _ => None,
    })
}

/// What samples are, in words.
fn kind(colour: ColorType) -> String {
    let (name, bits) = match colour {
        ColorType::Palette(bits) => ("palette", bits),
        ColorType::YCbCr(bits) => ("YCbCr", bits),
        ColorType::Lab(bits) => ("L*a*b*", bits),
        ColorType::Multiband { bit_depth, num_samples } => {
            return format!("{num_samples} channels of {bit_depth} bits");
        }
        _ => return "that is not known".to_string(),
    };
    format!("{name} of {bits} bits")
}

fn palette(decoder: &mut Source<'_>, limits: &Limits) -> Result<Colour> {
    let bits = decoder.colortype().map_err(|error| problem(error, limits))?.bit_depth();
    if bits > 8 {
        return Err(Error::Unsupported(format!("TIFF with a palette for {bits} bits")));
    }
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| problem(error, limits))?;
    let colours = 1 << bits;
    if map.len() < 3 * colours {
        return Err(Error::corrupt(Format::Tiff.name(), "its colour map is shorter than its samples need"));
    }
    // Some writers fill the map with 0..=255 instead of 0..=65535.
    let shift = if map.iter().any(|value| *value > 255) { 8 } else { 0 };
    let channel = |index: usize, channel: usize| (map[index + channel * colours] >> shift) as u8;
    Ok(Colour::Palette((0..colours).map(|index| [0, 1, 2].map(|c| channel(index, c))).collect()))
}

/// The grid of a page whose pixels have so many samples of so many bits.
fn grid(decoder: &mut Source<'_>, (width, height): (u32, u32), samples: u16, bits: u8) -> Result<Grid> {
    let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).ok().flatten() == Some(2);
    let (across, down) = decoder.chunk_dimensions();
    let across = if decoder.get_chunk_type() == ChunkType::Strip { width } else { across };
    if across == 0 || down == 0 {
        return Err(Error::corrupt(Format::Tiff.name(), "its strips or tiles have no size"));
    }
    Ok(Grid {
        width: width as usize,
        height: height as usize,
        cell: (across.min(width) as usize, down.min(height) as usize),
        stored: across as usize,
        across: width.div_ceil(across) as usize,
        down: height.div_ceil(down) as usize,
        samples: samples.into(),
        bits,
        planar: planar && samples > 1,
        alpha: None,
        any_alpha: None,
    })
}

/// Decodes every strip or tile that can be; returns the rows that lie in whole ones only, and the first error.
fn read_cells(
    decoder: &mut Source<'_>,
    grid: &Grid,
    colour: &Colour,
    channels: usize,
    samples: &mut [u8],
    opacity: &mut Opacity,
) -> (u32, Option<TiffError>) {
    let (mut rows, mut broken) = (0, None);
    let palette = matches!(colour, Colour::Palette(_));
    for down in 0..grid.down {
        let top = down * grid.cell.1;
        let height = grid.cell.1.min(grid.height - top);
        let mut whole = true;
        for across in 0..grid.across {
            match read_cell(decoder, grid, down * grid.across + across) {
                Ok(cell) => {
                    let left = across * grid.cell.0;
                    let width = grid.cell.0.min(grid.width - left);
                    let cell = if palette { cell } else { stretched(cell, grid.bits) };
                    for (row, line) in cell.chunks_exact(width * grid.samples).take(height).enumerate() {
                        let start = ((top + row) * grid.width + left) * channels;
                        paint(line, grid, colour, &mut samples[start..start + width * channels]);
                        if let Some(alpha) = grid.any_alpha.filter(|alpha| *alpha < grid.samples) {
                            let first = (top + row) * grid.width + left;
                            opacity.note(first, line.chunks_exact(grid.samples).map(|pixel| pixel[alpha]));
                        }
                    }
                    whole &= cell.len() >= width * grid.samples * height;
                }
                Err(error) => {
                    whole = false;
                    broken.get_or_insert(error);
                }
            }
        }
        rows += if whole { height as u32 } else { 0 };
    }
    (rows, broken)
}

/// The samples of one strip or tile as bytes, interleaved, without padding.
fn read_cell(decoder: &mut Source<'_>, grid: &Grid, index: usize) -> Result<Vec<u8>, TiffError> {
    let planes = if grid.planar { grid.samples } else { 1 };
    let mut cell = Vec::new();
    for plane in 0..planes {
        let index = (plane * grid.across * grid.down + index) as u32;
        let (width, _) = decoder.chunk_data_dimensions(index);
        let in_row = width as usize * if grid.planar { 1 } else { grid.samples };
        let samples = bytes(decoder.read_chunk(index)?, in_row, grid.bits)?;
        if planes == 1 {
            return Ok(samples);
        }
        cell.resize(samples.len() * planes, 0);
        for (sample, pixel) in samples.into_iter().zip(cell.chunks_exact_mut(planes)) {
            pixel[plane] = sample;
        }
    }
    Ok(cell)
}

/// Samples of any kind as bytes: indices and packed bits as they are, wider ones by their high byte.
fn bytes(cell: DecodingResult, in_row: usize, bits: u8) -> Result<Vec<u8>, TiffError> {
    Ok(match cell {
        DecodingResult::U8(samples) if bits < 8 => unpack(&samples, in_row, bits),
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => samples.into_iter().map(|sample| (sample >> 8) as u8).collect(),
        DecodingResult::U32(samples) => samples.into_iter().map(|sample| (sample >> 24) as u8).collect(),
        DecodingResult::U64(samples) => samples.into_iter().map(|sample| (sample >> 56) as u8).collect(),
        DecodingResult::F16(samples) => {
            samples.into_iter().map(|sample| (sample.to_f32() * 255.0).round() as u8).collect()
        }
        DecodingResult::F32(samples) => {
            samples.into_iter().map(|sample| (sample * 255.0).round() as u8).collect()
        }
        DecodingResult::F64(samples) => {
            samples.into_iter().map(|sample| (sample * 255.0).round() as u8).collect()
        }
        _ => return Err(TiffError::UnsupportedError(tiff::TiffUnsupportedError::UnsupportedDataType)),
    })
}

/// One byte for each of the samples that are packed into rows of whole bytes.
fn unpack(packed: &[u8], in_row: usize, bits: u8) -> Vec<u8> {
    let row_bytes = (in_row * usize::from(bits)).div_ceil(8).max(1);
    let sample = |row: &[u8], index: usize| {
        let at = index * usize::from(bits);
        let pair = u16::from(row[at / 8]) << 8 | u16::from(row.get(at / 8 + 1).copied().unwrap_or(0));
        (pair >> (16 - usize::from(bits) - at % 8)) as u8 & ((1 << bits) - 1)
    };
    let rows = packed.chunks_exact(row_bytes);
    rows.flat_map(|row| (0..in_row).map(move |index| sample(row, index))).collect()
}

/// Samples of fewer than 8 bits, stretched to 0..=255.
fn stretched(mut samples: Vec<u8>, bits: u8) -> Vec<u8> {
    if bits < 8 {
        let most = (1 << bits) - 1;
        samples.iter_mut().for_each(|sample| *sample = (u16::from(*sample) * 255 / most) as u8);
    }
    samples
}

fn paint(line: &[u8], grid: &Grid, colour: &Colour, row: &mut [u8]) {
    let pixels = line.chunks_exact(grid.samples);
    if let Some(alpha) = grid.alpha.filter(|alpha| *alpha < grid.samples) {
        let channels = if matches!(colour, Colour::Grey) { 1 } else { 3 };
        for (to, from) in row.chunks_exact_mut(channels).zip(pixels) {
            to.iter_mut().zip(from).for_each(|(to, colour)| *to = divided(*colour, from[alpha]));
        }
        return;
    }
    match colour {
        Colour::Grey => row.iter_mut().zip(pixels).for_each(|(to, from)| *to = from[0]),
        _ => {
            for (to, from) in row.chunks_exact_mut(3).zip(pixels) {
                to.copy_from_slice(&rgb(from, colour));
            }
        }
    }
}

fn rgb(pixel: &[u8], colour: &Colour) -> [u8; 3] {
    match colour {
        Colour::Cmyk => [0, 1, 2].map(|ink| super::ink_to_light(pixel[ink], pixel[3])),
        Colour::YCbCr => from_ycbcr([pixel[0], pixel[1], pixel[2]]),
        Colour::Palette(colours) => colours.get(usize::from(pixel[0])).copied().unwrap_or_default(),
        Colour::Grey | Colour::Rgb => [pixel[0], pixel[1], pixel[2]],
    }
}

/// ITU-R BT.601 with full range, the default of the TIFF 6.0 specification, section 21.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| value.round() as u8)
}

fn problem(error: TiffError, limits: &Limits) -> Error {
    match error {
        TiffError::UnsupportedError(error) => {
            Error::Unsupported(format!("TIFF: {}", error.to_string().trim_end_matches('.')))
        }
        TiffError::LimitsExceeded => limits.over_decoder_bytes(),
        error => Error::corrupt(Format::Tiff.name(), error.to_string()),
    }
}
