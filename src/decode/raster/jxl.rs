//! JPEG XL through `jxl`, the decoder in Rust of those who wrote the standard's own; the first frame of an animated one.
//!
//! Boxes around the picture hold metadata, which may be packed without any bound: nothing is read of them. The decoder works on the thread that asks.

use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlColorEncoding, JxlColorProfile, JxlColorType, JxlDecoder,
    JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat, ProfileLevel,
};

use super::composed::Composed;
use super::{Opacity, Raster, blank, ink_to_light};
use crate::decode::colours::{ColourSpace, profile_memory};
use crate::decode::estimate::{Estimate, LEAST};
use crate::decode::{Format, Viewing};
use crate::error::{Error, Result, words_alone};
use input::Input;

mod frames;
mod input;

/// What the headers say.
struct Header {
    width: usize,
    height: usize,
    is_grey: bool,
    has_alpha: bool,
    has_black: bool,
    is_animated: bool,
    /// Channels that are decoded.
    channels: u64,
    /// Bytes of the profile.
    profile: usize,
}

impl Header {
    fn of(decoder: &JxlDecoder) -> Result<Header> {
        let missing = || corrupt("the file ends before its picture begins");
        let info = decoder.basic_info().ok_or_else(missing)?;
        let is_grey = decoder.current_pixel_format().is_some_and(|format| format.color_type.is_grayscale());
        let has = |kind: ExtraChannel| info.extra_channels.iter().any(|channel| channel.ec_type == kind);
        let profile = match decoder.embedded_color_profile() {
            Some(JxlColorProfile::Icc(icc)) => icc.len(),
            _ => 0,
        };
        Ok(Header {
            width: info.size.0,
            height: info.size.1,
            is_grey,
            has_alpha: has(ExtraChannel::Alpha),
            has_black: !is_grey && decoder.embedded_color_profile().is_some_and(JxlColorProfile::is_cmyk),
            is_animated: info.animation.is_some(),
            channels: 3 + info.extra_channels.len() as u64,
            profile,
        })
    }

    fn pixels(&self) -> u64 {
        (self.width as u64).saturating_mul(self.height as u64)
    }

    /// How pixels are to come, and samples of each.
    fn format(&self) -> (JxlColorType, usize) {
        match (self.is_grey, self.has_alpha) {
            _ if self.has_black => (JxlColorType::Cmyk, 4),
            (true, false) => (JxlColorType::Grayscale, 1),
            (true, true) => (JxlColorType::GrayscaleAlpha, 2),
            (false, false) => (JxlColorType::Rgb, 3),
            (false, true) => (JxlColorType::Rgba, 4),
        }
    }

    fn colours(&self) -> usize {
        if self.is_grey { 1 } else { 3 }
    }
}

/// What decoding takes, by the headers.
pub(super) fn estimate(bytes: &[u8]) -> Result<Estimate> {
    let header = Reading::open(bytes).header()?;
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (_, samples) = header.format();
    // What is given, what is kept of it, and planes of frames that others build on: of a picture rarely more than one, and four at the most, which
    // no header says.
    let kept = if header.is_animated { 16 } else { 8 };
    let each =
        samples as u64 + header.colours() as u64 + u64::from(header.has_alpha) + kept * header.channels;
    let size = (side(header.width), side(header.height));
    let estimate = Estimate::new(Format::JpegXl, size, each);
    let worked = estimate.pixels.saturating_mul(header.channels) / 4;
    let memory = 16 * LEAST + 2 * bytes.len() as u64 + profile_memory(header.profile);
    let estimate = estimate.working_through(worked).and(memory);
    let estimate = if header.is_grey { estimate.coloured() } else { estimate };
    Ok(if header.is_animated { estimate.animated(0) } else { estimate })
}

/// Decodes the first frame; a file that ends within it is corrupt.
pub(super) fn decode(bytes: &[u8], samples: &mut Vec<u8>) -> Result<Raster> {
    let header = Reading::open(bytes).header()?;
    let mut reading = Reading::open_frames(bytes, &header);
    reading.begin(&header)?;
    let (mut pixels, mut opacity) = (Vec::new(), Opacity::new(header.width * header.height));
    let Some(has_more) = reading.next_frame(&header, &mut pixels)? else {
        return Err(corrupt("the file ends before the end of its picture"));
    };
    let (_, each) = header.format();
    let colours = header.colours();
    let stored = || pixels.chunks_exact(each);
    blank(samples, header.width * header.height * colours)?;
    for (to, from) in samples.chunks_exact_mut(colours).zip(stored()) {
        match from {
            // 0 is all of an ink.
            [.., black] if header.has_black => {
                to.iter_mut().zip(from).for_each(|(to, ink)| *to = ink_to_light(255 - ink, 255 - black));
            }
            _ => to.copy_from_slice(&from[..colours]),
        }
    }
    if header.has_alpha && !header.has_black {
        opacity.note(0, stored().map(|pixel| pixel[colours]));
    }
    Ok(Raster {
        width: header.width as u32,
        height: header.height as u32,
        channels: colours,
        whole: None,
        orientation: None,
        viewing: Viewing { animated: header.is_animated && has_more, ..Viewing::default() },
        alpha: opacity.alpha,
    })
}

/// What it says of its colours, as they are decoded: with a profile, a picture that is stored in the decoder's own colours comes in sRGB.
pub(in crate::decode) fn colour_space(bytes: &[u8]) -> ColourSpace<'static> {
    let mut reading = Reading::open(bytes);
    let Ok(header) = reading.header() else { return ColourSpace::Usual };
    let usual = JxlColorProfile::Simple(JxlColorEncoding::srgb(header.is_grey));
    match reading.decoder.output_color_profile() {
        Some(profile) if !profile.same_color_encoding(&usual) => {
            profile.try_as_icc().map_or(ColourSpace::Usual, |icc| ColourSpace::Icc(icc.into_owned().into()))
        }
        _ => ColourSpace::Usual,
    }
}

/// What is shown at each frame; `None` where nothing can be read of them.
pub(in crate::decode) fn composed(bytes: &[u8]) -> Option<Composed<'_>> {
    frames::composed(bytes)
}

/// A file under way.
struct Reading<'a> {
    decoder: JxlDecoder,
    input: Input<'a>,
}

impl<'a> Reading<'a> {
    /// Begins a file for its headers.
    fn open(bytes: &'a [u8]) -> Reading<'a> {
        Reading { decoder: JxlDecoder::new(options()), input: Input::new(bytes, u64::MAX) }
    }

    /// Begins a file with these headers, none of whose frames is noticeably larger than the picture, those that nobody sees among them.
    fn open_frames(bytes: &'a [u8], header: &Header) -> Reading<'a> {
        let mut options = options();
        let samples = header.pixels().saturating_add(MOST_BEYOND).saturating_mul(header.channels);
        options.sample_limit = usize::try_from(samples).ok();
        Reading { decoder: JxlDecoder::new(options), input: Input::new(bytes, header.pixels()) }
    }

    /// Reads the headers.
    fn header(&mut self) -> Result<Header> {
        match self.decoder.process(&mut self.input, None, None).map_err(problem)? {
            Event::BasicInfo => Header::of(&self.decoder),
            _ => Err(corrupt("the file ends before its picture begins")),
        }
    }

    /// Reads the headers again, and asks for pixels as they are wanted.
    fn begin(&mut self, header: &Header) -> Result<()> {
        self.header()?;
        let count = self.decoder.basic_info().map_or(0, |info| info.extra_channels.len());
        let (color_type, _) = header.format();
        self.decoder
            .set_pixel_format(JxlPixelFormat { color_type, ..JxlPixelFormat::rgb8(count) })
            .map_err(problem)
    }

    /// The pixels of the next frame, and whether there are more; `None` where the file ends before.
    fn next_frame(&mut self, header: &Header, pixels: &mut Vec<u8>) -> Result<Option<bool>> {
        self.next_frame_with(header, pixels, &mut None)
    }

    /// The same with the time that the frame is shown, in milliseconds.
    fn next_frame_with(
        &mut self,
        header: &Header,
        pixels: &mut Vec<u8>,
        duration: &mut Option<f64>,
    ) -> Result<Option<bool>> {
        let line = header.width * header.format().1;
        blank(pixels, line.saturating_mul(header.height))?;
        loop {
            let buffer = JxlOutputBuffer::new(pixels, header.height, line);
            match self.decoder.process(&mut self.input, Some(&mut [buffer]), None).map_err(problem)? {
                Event::FrameComplete { has_more_frames } => return Ok(Some(has_more_frames)),
                Event::NeedMoreInput { .. } | Event::Complete => return Ok(None),
                Event::FrameHeader => {
                    *duration = self.decoder.frame_header().and_then(|frame| frame.duration);
                }
                Event::BasicInfo => {}
            }
        }
    }
}

/// Pixels of a frame beyond those of the picture, at most: parts that come again and again lie in a frame of their own.
const MOST_BEYOND: u64 = 1 << 18;

fn options() -> JxlDecoderOptions {
    let mut options = JxlDecoderOptions::default();
    options.max_profile_level = ProfileLevel::Main10;
    options.alpha_mode = AlphaMode::Unpremultiplied;
    options
}

/// What the decoder says, by what it is about.
fn problem(error: jxl::error::Error) -> Error {
    use jxl::error::Error as Problem;
    match error {
        Problem::OutOfMemory(_) | Problem::ImageOutOfMemory(..) => {
            Error::Unsupported("JPEG XL whose picture takes more memory than there is".to_string())
        }
        error => corrupt(words_alone(error.to_string())),
    }
}

fn corrupt(message: impl Into<String>) -> Error {
    Error::corrupt(Format::JpegXl.name(), message)
}
