//! The side of the helper: one picture after another, until its input ends.

use std::io::{self, BufWriter, Read, Write};

#[cfg(feature = "avif")]
use super::av1;
use super::bounds::Bounds;
use super::given::{Give, Given, Sent};
use super::{CHROMA, Codec, DECODED, LONGEST_MESSAGE, NO_MORE, READY};
#[cfg(feature = "heic")]
use super::{UNSUPPORTED, hevc};

/// Bytes of a picture that are sent at once.
const PIECE: usize = 1 << 18;

/// The decoders of a helper, with what they need of the system's files.
pub(super) struct Decoders {
    #[cfg(feature = "heic")]
    hevc: Option<hevc::Library>,
}

impl Decoders {
    pub(super) fn load() -> Decoders {
        Decoders {
            #[cfg(feature = "heic")]
            hevc: hevc::Library::load(),
        }
    }

    /// Decodes the first pictures of some data, each of so many pixels and so many altogether at the most, and has them given away.
    pub(super) fn decode(
        &self,
        codec: Codec,
        data: Vec<u8>,
        (pixels, count): (u64, u64),
        give: Give<'_>,
    ) -> Sent {
        match codec {
            #[cfg(feature = "avif")]
            Codec::Av1 => av1::decode(data, (pixels, count), give),
            #[cfg(feature = "heic")]
            Codec::Hevc => {
                // The library is held to the picture's pixels by the process' memory, and its reply by who asked.
                let _ = pixels;
                let library = self.hevc.as_ref().ok_or_else(|| (UNSUPPORTED, hevc::ABSENT.to_string()))?;
                library.decode(&data, count, give)
            }
        }
    }
}

/// Decodes what is asked for on `input`, answers on `output`, and returns when `input` ends.
///
/// The process gives up what it does not need for that before the first picture: files, other processes, and memory and time beyond those of each
/// picture. It may end at any picture.
///
/// # Errors
///
/// Those of reading and writing, and a request that is none.
pub fn serve(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    let decoders = Decoders::load();
    let bounds = Bounds::begin();
    output.write_all(&READY)?;
    output.flush()?;
    loop {
        let mut head = [0; 36];
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let [length, pixels, memory, count] = [4, 12, 20, 28]
            .map(|at| head[at..].first_chunk().map_or(0, |number| u64::from_le_bytes(*number)));
        let codec = Codec::of(&head[..4]).ok_or(io::ErrorKind::InvalidData)?;
        bounds.set(pixels.saturating_mul(count), memory.saturating_add(length.saturating_mul(2)));
        let mut data = Vec::new();
        let read = Read::take(&mut *input, length).read_to_end(&mut data)?;
        if read as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match decoders.decode(codec, data, (pixels, count), &mut |given| send(given, output)) {
            Ok(sent) => {
                if sent? < count {
                    output.write_all(&[NO_MORE])?;
                }
            }
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

pub(super) fn send(given: &Given<'_>, output: &mut dyn Write) -> io::Result<()> {
    let (width, height) = (given.width as usize, given.height as usize);
    let number = CHROMA.iter().position(|other| *other == given.chroma).unwrap_or(0);
    // Few large pieces: what is behind `output` may look through each for ends of lines.
    let mut output = BufWriter::with_capacity(PIECE, output);
    output.write_all(&[DECODED])?;
    output.write_all(&given.width.to_le_bytes())?;
    output.write_all(&given.height.to_le_bytes())?;
    output.write_all(&[given.depth, number as u8, given.meaning.matrix, given.meaning.full.into()])?;
    let bytes = if given.depth > 8 { 2 } else { 1 };
    let (across, down) = given.chroma.shift();
    let chroma_size = (width.div_ceil(1 << across), height.div_ceil(1 << down));
    for ((samples, stride), (width, height)) in
        given.planes.iter().zip([(width, height), chroma_size, chroma_size])
    {
        for row in samples.chunks((*stride).max(1)).take(height) {
            let row = row.get(..width * bytes).ok_or(io::ErrorKind::InvalidData)?;
            output.write_all(row)?;
        }
    }
    output.flush()
}
