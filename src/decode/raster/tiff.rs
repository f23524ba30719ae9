//! The first page of a TIFF through the `tiff` crate, strip by strip or tile by tile.

use std::io::Cursor;

use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::{Raster, Wanted, blank, lengthen, share};
use crate::decode::estimate::Estimate;
use crate::decode::{Format, orient};
use crate::error::{Error, Result};
use crate::limits;
use directory::Directory;
use jpeg::Jpeg;

mod directory;
mod jpeg;

type Source<'a> = Decoder<Cursor<&'a [u8]>>;

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
}

/// What decoding takes, by the first page's directory.
pub(super) fn estimate(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Estimate> {
    let tables = Directory::read(bytes).map_or(0, |directory| directory.tables());
    wanted.limits.check_decoder_bytes(tables)?;
    limits::can_be_had(tables)?;
    let mut decoder = open(bytes, wanted)?;
    let (width, height) = decoder.dimensions().map_err(|error| problem(error, wanted))?;
    let samples = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok().flatten().unwrap_or(1);
    let bits = decoder.find_tag_unsigned_vec::<u8>(Tag::BitsPerSample).ok().flatten();
    let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
    let grid = grid(&mut decoder, (width, height), samples, bits)?;
    // At worst a palette's colours, and the file with its indices declared to be grey.
    let estimate = Estimate::new(Format::Tiff, (width, height), 3).and(tables + bytes.len() as u64);
    let jpeg = jpegs(&mut decoder, bytes);
    Ok(estimate.working_through(grid.pixels_worked().max(jpeg.pixels)).and(grid.cell_memory() + jpeg.memory))
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
        let samples = (self.cell.0 * self.cell.1) as u64 * self.samples as u64;
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
pub(super) fn decode(bytes: &[u8], wanted: &Wanted<'_>, samples: &mut Vec<u8>) -> Result<Raster> {
    let indexed = indices_as_grey(bytes)?;
    let mut decoder = open(indexed.as_deref().unwrap_or(bytes), wanted)?;
    let (width, height) = decoder.dimensions().map_err(|error| problem(error, wanted))?;
    if decoder.find_tag_unsigned::<u16>(Tag::FillOrder).ok().flatten() == Some(2) {
        return Err(Error::Unsupported("TIFF with the bits of its bytes in reverse order".into()));
    }
    let colour =
        if indexed.is_some() { palette(&mut decoder, wanted)? } else { colour(&mut decoder, wanted)? };
    let kind = decoder.colortype().map_err(|error| problem(error, wanted))?;
    let grid = grid(&mut decoder, (width, height), kind.num_samples(), kind.bit_depth())?;
    let channels = if matches!(colour, Colour::Grey) { 1 } else { 3 };
    blank(samples, grid.width * grid.height * channels)?;
    let mut raster = Raster { width, height, channels, whole: None, orientation: None };
    let (rows, broken) = read_cells(&mut decoder, &grid, &colour, channels, samples);
    if let Some(error) = broken {
        if matches!(error, TiffError::UnsupportedError(_) | TiffError::LimitsExceeded) {
            return Err(problem(error, wanted));
        }
        raster.whole = share(Format::Tiff, rows, height, &error)?;
    }
    if wanted.orientation {
        let tag = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        raster.orientation = tag.and_then(orient::from_number);
    }
    Ok(raster)
}

fn open<'a>(bytes: &'a [u8], wanted: &Wanted<'_>) -> Result<Source<'a>> {
    let most = usize::try_from(wanted.limits.max_decoder_bytes).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = most;
    limits.intermediate_buffer_size = most;
    limits.ifd_value_size = most.min(64 << 20);
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(|error| problem(error, wanted))?;
    Ok(decoder.with_limits(limits))
}

fn colour(decoder: &mut Source<'_>, wanted: &Wanted<'_>) -> Result<Colour> {
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).ok().flatten();
    match decoder.colortype().map_err(|error| problem(error, wanted))? {
        ColorType::Gray(_) | ColorType::GrayA(_) => Ok(Colour::Grey),
        ColorType::Multiband { .. } if matches!(photometric, Some(0 | 1)) => Ok(Colour::Grey),
        ColorType::RGB(_) | ColorType::RGBA(_) => Ok(Colour::Rgb),
        ColorType::CMYK(_) | ColorType::CMYKA(_) => Ok(Colour::Cmyk),
        ColorType::YCbCr(8) => Ok(Colour::YCbCr),
        other => Err(Error::Unsupported(format!("TIFF with samples of the kind {}", kind(other)))),
    }
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

/// The file with its palette indices declared to be grey; `None` where there are none.
///
/// The `tiff` crate (0.11) refuses palettes, but reads the same samples as grey.
fn indices_as_grey(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(directory) = Directory::read(bytes) else { return Ok(None) };
    let Some(at) = directory.palette_at() else { return Ok(None) };
    let mut grey = Vec::new();
    lengthen(&mut grey, bytes.len())?;
    grey.copy_from_slice(bytes);
    grey[at..at + 2].copy_from_slice(&directory.short(1));
    Ok(Some(grey))
}

fn palette(decoder: &mut Source<'_>, wanted: &Wanted<'_>) -> Result<Colour> {
    let bits = decoder.colortype().map_err(|error| problem(error, wanted))?.bit_depth();
    if bits > 8 {
        return Err(Error::Unsupported(format!("TIFF with a palette for {bits} bits")));
    }
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| problem(error, wanted))?;
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
    })
}

/// Decodes every strip or tile that can be; returns the rows that lie in whole ones only, and the first error.
fn read_cells(
    decoder: &mut Source<'_>,
    grid: &Grid,
    colour: &Colour,
    channels: usize,
    samples: &mut [u8],
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
                        paint(line, grid.samples, colour, &mut samples[start..start + width * channels]);
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
        DecodingResult::F32(samples) => {
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

fn paint(line: &[u8], samples: usize, colour: &Colour, row: &mut [u8]) {
    let pixels = line.chunks_exact(samples);
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

fn problem(error: TiffError, wanted: &Wanted<'_>) -> Error {
    match error {
        TiffError::UnsupportedError(error) => Error::Unsupported(format!("TIFF: {error}")),
        TiffError::LimitsExceeded => wanted.limits.over_decoder_bytes(),
        error => Error::corrupt(Format::Tiff.name(), error.to_string()),
    }
}
