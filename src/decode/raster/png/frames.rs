//! Frames of an animated PNG: the high bytes of their samples, each frame on what the others left (PNG specification, third edition, 11.3.6).

use std::borrow::Cow;
use std::io::Cursor;
use std::time::Duration;

use png::{BlendOp, Decoder, DisposeOp, Reader, Transformations};

use super::super::composed::{After, Canvas, Place, Shown, over};
use super::chunks::{Chunk, chunks};
use super::{blank, corrupt_text};
use crate::error::Result;

/// Frames one after another.
pub(super) struct Frames<'a> {
    reader: Reader<Cursor<Cow<'a, [u8]>>>,
    /// Frames that are announced.
    pub(super) left: u64,
    canvas: Canvas,
    samples: Vec<u8>,
}

impl<'a> Frames<'a> {
    /// `None` where the file is not animated, or takes more bytes than `most`.
    pub(super) fn of(bytes: &'a [u8], most: u64) -> Option<Frames<'a>> {
        let open = |file: Cow<'a, [u8]>| {
            let limits = png::Limits { bytes: usize::try_from(most).unwrap_or(usize::MAX) };
            let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
            decoder.set_transformations(
                Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16,
            );
            decoder.read_info().ok()
        };
        let mut reader = open(bytes.into())?;
        let info = reader.info();
        let (width, height) = (info.width as usize, info.height as usize);
        let left = info.animation_control()?.num_frames.into();
        let canvas = Canvas::new((width, height)).ok()?;
        let mut samples = Vec::new();
        blank(&mut samples, width.checked_mul(height)?.checked_mul(4)?).ok()?;
        if reader.info().frame_control().is_none() && reader.next_frame(&mut samples).is_err() {
            reader = open(without_default(bytes)?.into())?;
        }
        Some(Frames { reader, left, canvas, samples })
    }

    fn shown(&mut self) -> Option<Result<Shown>> {
        let output = self.reader.next_frame(&mut self.samples).ok()?;
        let control = *self.reader.info().frame_control()?;
        let [left, top, width, height] =
            [control.x_offset, control.y_offset, control.width, control.height].map(|side| side as usize);
        let place = Place { left, top, width, height };
        let channels = output.color_type.samples();
        // Alpha is asked for, so there are two or four.
        if !self.canvas.holds(place) || !matches!(channels, 2 | 4) {
            return None;
        }
        let after = match control.dispose_op {
            DisposeOp::None => After::Keep,
            DisposeOp::Background => After::Clear,
            DisposeOp::Previous => After::Restore,
        };
        let samples = &self.samples;
        self.canvas.draw(place, after, |row, line| {
            let from = samples[row * width * channels..].chunks_exact(channels);
            for (to, from) in line.as_chunks_mut::<4>().0.iter_mut().zip(from) {
                let own = match *from {
                    [r, g, b, alpha] => [r, g, b, alpha],
                    _ => [from[0], from[0], from[0], from[1]],
                };
                *to = if control.blend_op == BlendOp::Over { over(own, *to) } else { own };
            }
        });
        // Hundredths where the file names no fraction of a second.
        let parts = if control.delay_den == 0 { 100 } else { control.delay_den };
        let time = Duration::from_secs(control.delay_num.into()) / parts.into();
        Some(self.canvas.shown(time))
    }
}

/// The file with the first frame, which has to be as large as the picture, in place of the default picture.
pub(super) fn without_default(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = bytes.get(..8)?.to_vec();
    let mut put = |name: &[u8], parts: [&[u8]; 2]| {
        let start = file.len() + 4;
        file.extend((parts.iter().map(|part| part.len()).sum::<usize>() as u32).to_be_bytes());
        file.extend([name, parts[0], parts[1]].into_iter().flatten());
        let checksum = crc32fast::hash(&file[start..]);
        file.extend(checksum.to_be_bytes());
    };
    let (mut size, mut frames, mut sequence) = (None, 0, 0u32);
    for Chunk { name, content, .. } in chunks(bytes) {
        match name {
            b"IHDR" => size = content.get(..8),
            b"IDAT" => continue,
            b"fcTL" => frames += 1,
            _ => {}
        }
        match name {
            b"fcTL" if frames == 1 && content.get(4..12) != size => return None,
            b"fdAT" if frames == 1 => put(b"IDAT", [content.get(4..)?, &[]]),
            b"fcTL" | b"fdAT" => {
                put(name, [&sequence.to_be_bytes(), content.get(4..)?]);
                sequence += 1;
            }
            _ => put(name, [content, &[]]),
        }
    }
    (frames > 0).then_some(file)
}

/// What is shown at each frame that is announced, and an error for the first that is not there or is broken.
impl Iterator for Frames<'_> {
    type Item = Result<Shown>;

    fn next(&mut self) -> Option<Result<Shown>> {
        self.left = self.left.checked_sub(1)?;
        let missing = || Err(corrupt_text("a frame that it announces is broken or not there"));
        let shown = self.shown().unwrap_or_else(missing);
        if shown.is_err() {
            self.left = 0;
        }
        Some(shown)
    }
}
