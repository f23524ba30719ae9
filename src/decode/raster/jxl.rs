//! JPEG XL through `jxl-oxide`, which is written in Rust; the first frame of an animated one.
//!
//! The decoder gets the code of the picture alone. Boxes around it hold metadata, which may be packed without any bound, and nothing of it is shown. It
//! works on the thread that asks, and counts what it allocates against a limit that follows from the header.

use std::borrow::Cow;

use image::Frames;
use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool, Render};

use super::boxes::Parts;
use super::{Opacity, Raster, blank, divided, ink_to_light};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::{Estimate, LEAST};
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result};
use crate::limits::Limits;

mod frames;

/// Begins a file that is nothing but code.
const BARE: &[u8] = b"\xff\x0a";

/// What decoding takes, by the header of the code.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let code = code(bytes);
    let (image, _) = open(&code, HEADERS)?;
    let pixels = u64::from(image.width()) * u64::from(image.height());
    let channels = if image.pixel_format().is_grayscale() { 1 } else { 3 };
    let opacity = u64::from(image.pixel_format().has_alpha());
    let profile = profile_memory(image.original_icc().map_or(0, <[u8]>::len));
    // Channels beyond colours are decoded as these are.
    let worked = pixels.saturating_mul(planes(&image)) / 4;
    let estimate = Estimate::new(Format::JpegXl, (image.width(), image.height()), channels + opacity)
        .working_through(worked)
        .and(tracked(&image))
        .and(3 * bytes.len() as u64 + profile);
    let estimate = if channels == 1 { estimate.coloured() } else { estimate };
    let is_animated = image.image_header().metadata.animation.is_some();
    // Of several frames the decoder keeps those that others build on.
    Ok(if is_animated { estimate.animated().with_faces(2 * estimate.memory + 23 * pixels) } else { estimate })
}

/// Memory that the decoder may have before its picture begins.
const HEADERS: u64 = 16 * LEAST;

/// Memory that the decoder may have for its planes: samples of 32 bits, filtered from one copy into another, for each channel.
fn tracked(image: &JxlImage) -> u64 {
    let pixels = u64::from(image.width()) * u64::from(image.height());
    pixels.saturating_mul(planes(image)).saturating_mul(4 * COPIES).saturating_add(HEADERS)
}

/// Copies of a plane that decoding holds at the most, and one more for pictures of several layers.
const COPIES: u64 = 4;

/// Channels that are decoded: three even of what is grey, where that was mixed from three.
fn planes(image: &JxlImage) -> u64 {
    3 + image.image_header().metadata.ec_info.len() as u64
}

/// Decodes the first frame; a file that ends within it is corrupt.
pub(super) fn decode(bytes: &[u8], limits: &Limits, samples: &mut Vec<u8>) -> Result<Raster> {
    let code = code(bytes);
    let (header, _) = open(&code, HEADERS)?;
    let (mut image, rest) = open(&code, tracked(&header))?;
    drop(header);
    load(&mut image, rest, bytes.len(), limits, true)?;
    if image.num_loaded_keyframes() == 0 {
        return Err(corrupt("the file ends before the end of its picture"));
    }
    let render = image.render_frame(0).map_err(problem)?;
    let mut stored = Stored::new(&image, &render);
    let (width, height, channels) = (stored.width, stored.height, stored.colours);
    blank(samples, width * height * channels)?;
    let mut opacity = Opacity::new(width * height);
    for (row, line) in samples.chunks_exact_mut(width * channels).enumerate() {
        stored.next_row(line);
        if stored.has_alpha {
            opacity.note(row * width, stored.alpha.iter().copied());
        }
    }
    let animated = image.image_header().metadata.animation.is_some()
        && !(image.is_loading_done() && image.num_loaded_keyframes() == 1);
    Ok(Raster {
        width: width as u32,
        height: height as u32,
        channels,
        whole: None,
        orientation: None,
        viewing: Viewing { animated, ..Viewing::default() },
        alpha: opacity.alpha,
    })
}

/// What it says of its colours, as they are decoded.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'static> {
    let code = code(bytes);
    let Ok((image, _)) = open(&code, HEADERS) else { return ColourSpace::Usual };
    match image.rendered_cicp() {
        Some([1, 13, ..]) => ColourSpace::Usual,
        Some([primaries, transfer, ..]) => ColourSpace::Codes { primaries, transfer },
        None => ColourSpace::Icc(Cow::Owned(image.rendered_icc())),
    }
}

/// All frames, each on what the others left.
pub(in crate::decode) fn frames<'a>(bytes: &'a [u8], limits: &Limits, within: u64) -> Option<Frames<'a>> {
    frames::of(bytes, limits, within)
}

/// The code of the picture: of a file with boxes, what `jxlc` or all `jxlp` hold (ISO/IEC 18181-2, clause 9).
fn code(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.starts_with(BARE) {
        return bytes.into();
    }
    let mut parts = Vec::new();
    for part in Parts::of(bytes) {
        match &part.name {
            b"jxlc" => return part.content.into(),
            b"jxlp" => parts.push(part.content.get(4..).unwrap_or_default()),
            _ => {}
        }
    }
    parts.concat().into()
}

/// Reads the headers; gives what has not been read of the code.
fn open(code: &[u8], memory: u64) -> Result<(JxlImage, &[u8])> {
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    let builder =
        JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(memory));
    let (mut image, mut rest, mut step) = (builder.build_uninit(), code, FIRST);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(step.min(rest.len()));
        image.feed_bytes(piece).map_err(|error| problem(error.into()))?;
        rest = behind;
        // Each time the headers are read from their beginning.
        step *= 2;
        match image.try_init().map_err(problem)? {
            InitializeResult::NeedMoreData(more) => image = more,
            InitializeResult::Initialized(image) => return Ok((image, rest)),
        }
    }
    Err(corrupt("the file ends before its picture begins"))
}

/// Bytes that hold the headers of most files.
const FIRST: usize = 1 << 12;

/// Bytes that are read between two looks at what they were.
const STEP: usize = 1 << 16;

/// Reads frames: the first one that is shown with those that it builds on, or all.
fn load(image: &mut JxlImage, code: &[u8], file: usize, limits: &Limits, only_first: bool) -> Result<()> {
    let (mut pieces, mut seen, mut pixels) = (code.chunks(STEP), 0, 0u64);
    loop {
        while seen < image.num_loaded_frames() {
            let header = image.frame(seen).map(|frame| frame.header());
            let (width, height) = header.map_or((0, 0), |header| (header.width, header.height));
            pixels = pixels.saturating_add((u64::from(width) * u64::from(height)).max(LEAST_FRAME));
            seen += 1;
        }
        limits.check_density(pixels, file as u64)?;
        if image.is_loading_done() || only_first && image.num_loaded_keyframes() > 0 {
            return Ok(());
        }
        let Some(piece) = pieces.next() else { return Ok(()) };
        image.feed_bytes(piece).map_err(problem)?;
    }
}

/// Pixels that a frame counts for at least, since each takes some memory and time.
const LEAST_FRAME: u64 = 1 << 12;

/// The pixels of a frame, row by row.
struct Stored<'a> {
    stream: jxl_oxide::ImageStream<'a>,
    width: usize,
    height: usize,
    /// 1 for grey, 3 for R, G, B.
    colours: usize,
    has_black: bool,
    has_alpha: bool,
    /// Whether colours are stored multiplied with alpha.
    is_multiplied: bool,
    row: Vec<u8>,
    /// The opacity of the row's pixels.
    alpha: Vec<u8>,
}

impl<'a> Stored<'a> {
    fn new(image: &JxlImage, render: &'a Render) -> Stored<'a> {
        let (stream, format) = (render.stream(), image.pixel_format());
        let alpha = image.image_header().metadata.ec_info.iter().find(|channel| channel.is_alpha());
        let (width, height) = (stream.width() as usize, stream.height() as usize);
        let channels = stream.channels() as usize;
        Stored {
            width,
            height,
            colours: if format.is_grayscale() { 1 } else { 3 },
            has_black: format.has_black(),
            has_alpha: format.has_alpha(),
            is_multiplied: alpha.and_then(|alpha| alpha.alpha_associated()).unwrap_or(false),
            row: vec![0; width * channels],
            alpha: vec![u8::MAX; width],
            stream,
        }
    }

    /// Gives the next row's colours, and keeps its opacity.
    fn next_row(&mut self, colours: &mut [u8]) {
        self.stream.write_to_buffer(&mut self.row);
        let channels = self.row.len() / self.width.max(1);
        let pixels = self.row.chunks_exact(channels.max(1));
        for ((to, from), alpha) in colours.chunks_exact_mut(self.colours).zip(pixels).zip(&mut self.alpha) {
            *alpha = match (self.has_alpha, from.last()) {
                (true, Some(alpha)) => *alpha,
                _ => u8::MAX,
            };
            for (to, from_one) in to.iter_mut().zip(from) {
                *to = match (self.has_black, self.is_multiplied) {
                    // 0 is all of an ink.
                    (true, _) => ink_to_light(255 - from_one, 255 - from.get(3).copied().unwrap_or(u8::MAX)),
                    (_, true) => divided(*from_one, *alpha),
                    _ => *from_one,
                };
            }
        }
    }
}

/// What the decoder says; it has no kinds of errors, only words.
fn problem(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    let message = error.to_string();
    if message.contains("failed to allocate") {
        return Error::Unsupported(
            "JPEG XL whose layers take more memory than its size lets expect".to_string(),
        );
    }
    if message.contains("not supported") || message.contains("unsupported") {
        return Error::Unsupported(format!("JPEG XL: {message}"));
    }
    corrupt(message)
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt(Format::JpegXl.name(), message)
}
