//! PNG through the `png` crate, row by row, so that a broken file keeps the rows before the break.

use std::io;

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Reader, Transformations};

use super::composed::Composed;
use super::{Opacity, Raster, blank, divided, share};
use crate::decode::colours::profile_memory;
use crate::decode::estimate::Estimate;
use crate::decode::{Format, Viewing, orient};
use crate::error::{Error, Result};
use crate::limits::Limits;
use frames::Frames;
use palette::Palette;
use passes::PASSES;
use source::{Growing, Trusted, is_apples, trusted};

pub(in crate::decode) mod chunks;
mod frames;
mod palette;
mod passes;
mod source;

type Source<'a> = Reader<Growing<'a>>;

/// What decoding takes, by the header that every PNG begins with.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let what = if bytes.len() < HEADER { "it breaks off" } else { "it does not begin with its header" };
    let header = Header::read(bytes).ok_or_else(|| corrupt_text(what))?;
    let size = (header.width, header.height);
    let estimate = Estimate::new(Format::Png, size, header.channels() as u64);
    // Samples of 16 bits and alpha are read and dropped. Rows wait for the decoder by fours, and twice as many lie before its window.
    let row = u64::from(header.width) * header.stored_bits() / 8;
    let wide = estimate.pixels.saturating_mul(header.stored_bits()) / 32;
    let profile = profile_memory(chunks::longest_profile(bytes));
    // Rows that do not come are open, whatever kind of picture it is.
    let opacity = estimate.pixels;
    let estimate =
        estimate.working_through(wide).and(12 * row + bytes.len() as u64).and(profile).and(opacity);
    let may_be_coloured = [*b"iCCP", *b"cICP", *b"gAMA"].into_iter().any(|name| chunks::has(bytes, name));
    let estimate = if header.channels() == 1 && may_be_coloured { estimate.coloured() } else { estimate };
    Ok(if chunks::has(bytes, *b"acTL") {
        // One whose default picture is broken is put together anew.
        let estimate = estimate.and(2 * bytes.len() as u64);
        estimate.animated(estimate.memory.saturating_add(4 * estimate.pixels))
    } else {
        estimate
    })
}

/// Bytes of a PNG up to the end of its header.
const HEADER: usize = 33;

/// The header's chunk (PNG specification, 11.2.1).
struct Header {
    width: u32,
    height: u32,
    depth: u8,
    colour: u8,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        // Apple's tools put a chunk before it.
        let before =
            if is_apples(bytes) { 12 + u32::from_be_bytes(*bytes[8..].first_chunk()?) as usize } else { 0 };
        let header = bytes.get(8usize.checked_add(before)?..HEADER.checked_add(before)?)?;
        let side = |at: usize| header.get(at..)?.first_chunk().map(|side| u32::from_be_bytes(*side));
        (&header[4..8] == b"IHDR").then_some(())?;
        Some(Header { width: side(8)?, height: side(12)?, depth: header[16], colour: header[17] })
    }

    /// Of what comes out: 1 for grey, 3 for R, G, B.
    fn channels(&self) -> usize {
        if matches!(self.colour, 0 | 4) { 1 } else { 3 }
    }

    /// Bits of a pixel as it is stored, or as its palette is expanded.
    fn stored_bits(&self) -> u64 {
        let samples = [1, 1, 3, 4, 2, 1, 4].get(usize::from(self.colour)).copied().unwrap_or(4);
        samples * u64::from(self.depth.max(8))
    }
}

/// Decodes a PNG; an animated one by its default picture. Where nothing comes of that and it is no frame, by the first frame: browsers show those all
/// the same.
pub(super) fn decode(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let decoded = decode_default(bytes, limits, samples);
    if !matches!(decoded, Err(Error::Corrupt { .. })) || begins_with_default(bytes) {
        return decoded;
    }
    let mut first = || decode_default(&frames::without_default(bytes)?, limits, samples).ok();
    let Some(mut raster) = first() else { return decoded };
    raster.viewing = Viewing { unusual: true, ..chunks::viewing(bytes) };
    raster.orientation = chunks::exif(bytes).and_then(orient::from_exif);
    Ok(raster)
}

fn decode_default(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let source = Growing::new(bytes, trusted(bytes));
    let checksums = match source.trusted() {
        Trusted::All => Checksums::Known,
        Trusted::Unsure => Checksums::Checked,
        Trusted::Before(_) | Trusted::Nothing => Checksums::Ignored,
    };
    let mut reader = open(&source, limits, checksums)?;
    let (width, height) = reader.info().size();
    let channels = if is_grey(&reader) { 1 } else { 3 };
    let is_announced =
        |header: Header| (header.width, header.height, header.channels()) == (width, height, channels);
    if !Header::read(bytes).is_some_and(is_announced) {
        return Err(corrupt_text("its header contradicts itself"));
    }
    blank(samples, width as usize * height as usize * channels)?;
    let mut rows = read_rows(&mut reader, &source, channels, samples);
    let viewing = chunks::viewing(bytes);
    let alpha = Vec::new();
    let mut raster = Raster { width, height, channels, whole: None, orientation: None, viewing, alpha };
    if let Some(why) = rows.broken.take() {
        raster.whole = Some(rows.trusted(source.trusted()) as f32 / height as f32);
        if checksums != Checksums::Ignored && rows.might_go_on(&why) {
            samples.fill(0);
            let mut again = open(&source, limits, Checksums::Ignored)?;
            rows = read_rows(&mut again, &source, channels, samples);
        }
        share(Format::Png, rows.came(), height, &why)?;
        rows.open_missing(source.trusted());
    }
    raster.viewing.unusual |= rows.unusual;
    raster.alpha = rows.opacity.alpha;
    raster.orientation = chunks::exif(bytes).and_then(orient::from_exif);
    Ok(raster)
}

/// What becomes of the checksums.
#[derive(Clone, Copy, PartialEq)]
enum Checksums {
    /// A wrong one ends the picture.
    Checked,
    /// Those of the chunks are known to be right, so that only that of the data is checked.
    Known,
    Ignored,
}

fn open<'a>(source: &Growing<'a>, limits: &Limits, checksums: Checksums) -> Result<Source<'a>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(checksums == Checksums::Ignored || source.is_apples());
    options.set_ignore_crc(checksums != Checksums::Checked);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(source.again(), options);
    decoder
        .set_limits(png::Limits { bytes: usize::try_from(limits.max_decoder_bytes).unwrap_or(usize::MAX) });
    let problem = |error| match error {
        DecodingError::LimitsExceeded => limits.over_decoder_bytes(),
        error => corrupt_text(&error.to_string()),
    };
    let is_indexed = decoder.read_header_info().map_err(problem)?.color_type == ColorType::Indexed;
    decoder.set_transformations(match is_indexed {
        true => Transformations::IDENTITY,
        false => Transformations::EXPAND | Transformations::STRIP_16,
    });
    decoder.read_info().map_err(problem)
}

fn is_grey(reader: &Source<'_>) -> bool {
    matches!(reader.output_color_type().0, ColorType::Grayscale | ColorType::GrayscaleAlpha)
}

/// How far the rows came.
struct Rows {
    width: u32,
    height: u32,
    interlaced: bool,
    /// Rows of each pass; of a plain picture those of the first.
    done: [u32; 7],
    /// The same when the source was at the end of what can be trusted.
    done_trusted: Option<[u32; 7]>,
    /// Why no more came, if anything is wrong at all.
    broken: Option<DecodingError>,
    opacity: Opacity,
    /// Whether an index has no colour, of which viewers make different ones.
    unusual: bool,
}

impl Rows {
    /// Rows of any pass that came.
    fn came(&self) -> u32 {
        self.done.iter().sum()
    }

    /// Rows of the picture whose every sample came.
    fn whole(&self, done: &[u32; 7]) -> u32 {
        if self.interlaced { passes::whole_rows(done, self.width, self.height) } else { done[0] }
    }

    /// Whole rows that can be trusted.
    fn trusted(&self, trusted: Trusted) -> u32 {
        match trusted {
            Trusted::Nothing => 0,
            Trusted::Before(_) => self.done_trusted.map_or(0, |done| self.whole(&done)),
            Trusted::All | Trusted::Unsure => self.whole(&self.done),
        }
    }

    /// Rows that browsers do not show have no opacity: those that did not come, not even in part, and those behind a wrong checksum.
    fn open_missing(&mut self, trusted: Trusted) {
        // A row of the first pass stands for eight until others come.
        let covered =
            |done: &[u32; 7]| done[0].saturating_mul(if self.interlaced { PASSES[0][1] } else { 1 });
        let done = match trusted {
            Trusted::Before(_) => self.done_trusted.unwrap_or_default(),
            Trusted::All | Trusted::Unsure | Trusted::Nothing => self.done,
        };
        // Of a picture of which nothing could be trusted they show nothing at all.
        let rows = if covered(&done) == 0 { covered(&self.done) } else { covered(&done) };
        if rows < self.height {
            self.opacity.open_from(rows as usize * self.width as usize);
        }
    }

    /// Whether rows are missing that may come where checksums do not count: behind data that ends there is nothing.
    fn might_go_on(&self, why: &DecodingError) -> bool {
        self.whole(&self.done) < self.height && !matches!(why, DecodingError::IoError(_))
    }
}

type Step = std::result::Result<(), DecodingError>;

/// Reads rows into `samples`, which are zero, until all are there or the data breaks.
fn read_rows<'a>(reader: &mut Source<'a>, source: &Growing<'a>, channels: usize, samples: &mut [u8]) -> Rows {
    let (width, height) = reader.info().size();
    let interlaced = reader.info().interlaced;
    let opacity = Opacity::new(width as usize * height as usize);
    let (done, done_trusted, broken, unusual) = ([0; 7], None, None, false);
    let rows = Rows { width, height, interlaced, done, done_trusted, broken, opacity, unusual };
    let palette = Palette::of(reader.info());
    let with_alpha = if palette.is_some() { 4 } else { reader.output_color_type().0.samples() };
    let apples = source.is_apples() && channels == 3;
    let indices = if palette.is_some() { vec![0; width as usize] } else { Vec::new() };
    let mut reading = Reading { reader, source, rows, channels, with_alpha, apples, palette, indices };
    let read = if interlaced { reading.interlaced(samples) } else { reading.plain(samples) };
    let broken = read.and_then(|()| reading.row(&mut []));
    let mut rows = reading.rows;
    rows.broken = match broken {
        // Every row is there; only what follows the picture's data is missing.
        Err(DecodingError::IoError(_)) if rows.whole(&rows.done) == height => None,
        other => other.err(),
    };
    if matches!(source.trusted(), Trusted::Before(_) | Trusted::Nothing) {
        rows.broken = rows.broken.or_else(|| Some(io::Error::other("a checksum is wrong").into()));
    }
    rows
}

/// Rows while they are read.
struct Reading<'r, 'a> {
    reader: &'r mut Source<'a>,
    source: &'r Growing<'a>,
    rows: Rows,
    channels: usize,
    /// Channels as they are decoded.
    with_alpha: usize,
    /// Whether colours are stored in Apple's way.
    apples: bool,
    palette: Option<Palette>,
    /// A row of indices as they are stored.
    indices: Vec<u8>,
}

impl Reading<'_, '_> {
    /// The next row. At the end of what can be trusted, notes how far that went, and goes on.
    fn row(&mut self, to: &mut [u8]) -> Step {
        loop {
            match self.reader.read_row(to) {
                Err(DecodingError::IoError(error))
                    if error.kind() == io::ErrorKind::UnexpectedEof && self.source.grow() =>
                {
                    self.rows.done_trusted = Some(self.rows.done);
                }
                other => return other.map(drop),
            }
        }
    }

    /// The next row in colours, of so many pixels.
    fn line(&mut self, columns: usize, to: &mut [u8]) -> Step {
        if self.palette.is_none() {
            return self.row(to);
        }
        let mut indices = std::mem::take(&mut self.indices);
        let read = self.row(&mut indices);
        if let (Ok(()), Some(palette)) = (&read, &self.palette) {
            self.rows.unusual |= !palette.expand(&indices, &mut to[..4 * columns]);
        }
        self.indices = indices;
        read
    }

    fn plain(&mut self, samples: &mut [u8]) -> Step {
        let stride = self.rows.width as usize * self.channels;
        let mut line = vec![0; self.rows.width as usize * self.with_alpha];
        for row in samples.chunks_exact_mut(stride) {
            if self.with_alpha == self.channels && !self.apples {
                self.row(row)?;
            } else {
                self.line(self.rows.width as usize, &mut line)?;
                self.without_alpha(&line, row);
                let first = self.rows.done[0] as usize * self.rows.width as usize;
                self.rows.opacity.note(first, alphas(&line, self.with_alpha));
            }
            self.rows.done[0] += 1;
        }
        Ok(())
    }

    fn interlaced(&mut self, samples: &mut [u8]) -> Step {
        let (width, height) = (self.rows.width, self.rows.height);
        let stride = width as usize * self.channels;
        let mut line = vec![0; width as usize * self.with_alpha];
        let mut opaque = vec![0; stride];
        for pass in 0..PASSES.len() {
            let (columns, rows) = passes::size(pass, width, height);
            for row in 0..rows {
                self.line(columns as usize, &mut line)?;
                let opaque = &mut opaque[..columns as usize * self.channels];
                self.without_alpha(&line, opaque);
                match self.channels {
                    1 => passes::place::<1>(samples, stride, pass, row, opaque),
                    _ => passes::place::<3>(samples, stride, pass, row, opaque),
                }
                let run = alphas(&line, self.with_alpha).take(columns as usize);
                if let Some(alpha) = self.rows.opacity.plane(run.clone()) {
                    let run: Vec<u8> = run.collect();
                    passes::place::<1>(alpha, width as usize, pass, row, &run);
                }
                self.rows.done[pass] += 1;
            }
        }
        Ok(())
    }

    fn without_alpha(&self, line: &[u8], to: &mut [u8]) {
        let with = self.with_alpha;
        if self.apples {
            from_apples(line, with, to);
        } else {
            without_alpha(line, with, to);
        }
    }
}

/// The alpha of each pixel of a line; none where there is none.
fn alphas(line: &[u8], with: usize) -> impl Iterator<Item = u8> + Clone {
    let pixels = line.chunks_exact(with).filter(move |_| matches!(with, 2 | 4));
    pixels.map(move |pixel| pixel[with - 1])
}

/// Whether the first frame of an animation is the default picture.
pub(in crate::decode) fn begins_with_default(bytes: &[u8]) -> bool {
    chunks::has(bytes, *b"fcTL")
}

/// What is shown at each frame, and how many are announced; `None` where nothing can be read of them.
pub(in crate::decode) fn composed(bytes: &[u8], most: u64) -> Option<(u64, Composed<'_>)> {
    let frames = Frames::of(bytes, most)?;
    Some((frames.left, Box::new(frames)))
}

/// R, G and B of pixels that are B, G, R and may have alpha, which colours are multiplied with; `with` counts the channels.
fn from_apples(line: &[u8], with: usize, to: &mut [u8]) {
    for (to, from) in to.as_chunks_mut::<3>().0.iter_mut().zip(line.chunks_exact(with)) {
        let alpha = from.get(3).copied().unwrap_or(255);
        *to = [2, 1, 0].map(|channel| divided(from[channel], alpha));
    }
}

/// The pixels of a line without their alpha, if they have any; `with` counts the channels with it.
fn without_alpha(line: &[u8], with: usize, to: &mut [u8]) {
    match with {
        2 => to.iter_mut().zip(line.as_chunks::<2>().0).for_each(|(to, [grey, _])| *to = *grey),
        4 => to
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .zip(line.as_chunks::<4>().0)
            .for_each(|(to, [r, g, b, _])| *to = [*r, *g, *b]),
        _ => to.copy_from_slice(&line[..to.len()]),
    }
}

fn corrupt_text(message: &str) -> Error {
    Error::corrupt(Format::Png.name(), message)
}
