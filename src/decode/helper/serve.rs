//! The side of the helper: one picture after another, until its input ends.

use std::io::{self, Read, Write};

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::bounds::Bounds;
use super::{CHROMA, CORRUPT, DECODED, LONGEST_MESSAGE, REQUEST, UNSUPPORTED};
use crate::decode::frame::Chroma;

/// Why there is no picture: how the reply begins, and a message.
type Refusal = (u8, String);

/// Decodes what is asked for on `input`, answers on `output`, and returns when `input` ends.
///
/// The process gives up what it does not need for that before the first picture: files, other processes, and memory and time beyond those of each
/// picture. It may end at any picture.
///
/// # Errors
///
/// Those of reading and writing, and a request that is none.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    let bounds = Bounds::begin();
    loop {
        let mut head = [0; 28];
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let [length, pixels, memory] =
            [4, 12, 20].map(|at| head[at..].first_chunk().map_or(0, |number| u64::from_le_bytes(*number)));
        if head[..4] != REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bounds.set(pixels, memory.saturating_add(2 * length));
        let mut data = Vec::new();
        let read = Read::take(&mut *input, length).read_to_end(&mut data)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match decoded(data, pixels) {
            Ok(picture) => send(&picture, output)?,
            Err((kind, message)) => {
                let message = &message.as_bytes()[..message.len().min(LONGEST_MESSAGE.into())];
                output.write_all(&[kind])?;
                output.write_all(&(message.len() as u16).to_le_bytes())?;
                output.write_all(message)?;
            }
        }
        output.flush()?;
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::UnsupportedBitstream => (UNSUPPORTED, "a kind of AV1 that is not read".to_string()),
        Error::NotEnoughMemory => {
            (CORRUPT, "its picture takes more memory than its size lets expect".to_string())
        }
        _ => (CORRUPT, "its picture cannot be decoded".to_string()),
    }
}

/// The first picture that is shown of some data.
fn decoded(data: Vec<u8>, pixels: u64) -> Result<Picture, Refusal> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(refusal)?;
    let mut sent = decoder.send_data(data, None, None, None);
    loop {
        match decoder.get_picture() {
            Ok(picture) => return Ok(picture),
            Err(Error::Again) => {}
            Err(error) => return Err(refusal(error)),
        }
        match sent {
            Ok(()) => return Err((CORRUPT, "no picture came of its data".to_string())),
            Err(Error::Again) => sent = decoder.send_pending_data(),
            Err(error) => return Err(refusal(error)),
        }
    }
}

fn send(picture: &Picture, output: &mut dyn Write) -> io::Result<()> {
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => Chroma::None,
        PixelLayout::I420 => Chroma::Quarter,
        PixelLayout::I422 => Chroma::Half,
        PixelLayout::I444 => Chroma::Full,
    };
    let number = CHROMA.iter().position(|other| *other == chroma).unwrap_or(0);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let matrix = match picture.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance | MatrixCoefficients::BT2020ConstantLuminance => 9,
        _ => 2,
    };
    let full = u8::from(matches!(picture.color_range(), YUVRange::Full));
    output.write_all(&[DECODED])?;
    output.write_all(&picture.width().to_le_bytes())?;
    output.write_all(&picture.height().to_le_bytes())?;
    output.write_all(&[picture.bit_depth() as u8, number as u8, matrix, full])?;
    let bytes = if picture.bit_depth() > 8 { 2 } else { 1 };
    let (across, down) = chroma.shift();
    let chroma_size = (width.div_ceil(1 << across), height.div_ceil(1 << down));
    let planes = [
        (PlanarImageComponent::Y, (width, height)),
        (PlanarImageComponent::U, chroma_size),
        (PlanarImageComponent::V, chroma_size),
    ];
    for (plane, (width, height)) in planes.into_iter().take(if chroma == Chroma::None { 1 } else { 3 }) {
        let stride = picture.stride(plane) as usize;
        let samples = picture.plane(plane);
        for row in samples.chunks(stride.max(1)).take(height) {
            let row = row.get(..width * bytes).ok_or(io::ErrorKind::InvalidData)?;
            output.write_all(row)?;
        }
    }
    Ok(())
}
