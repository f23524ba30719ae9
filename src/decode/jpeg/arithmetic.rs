//! JPEGs with arithmetic coding (T.81, annex D): written anew with Huffman codes, which the rest of the reader reads.
//!
//! Browsers show such files, and hardly any exist. So there is no second reader that stops early: all coefficients are decoded, and written behind the
//! file's own headers as a sequential picture whose codes are all of one length. What those headers mean, limits, low frequencies, odd values and
//! damage are then one and the same. Where the data of a sequential file breaks off, what is written does too.

use std::borrow::Cow;

use super::frame::{Frame, Process};
use super::marker::{self, Mark, Markers, SOS, Segment, corrupt, is_frame};
use super::scan::Scan;
use crate::error::{Error, Result};
use crate::limits::{self, Limits};
use coder::Conditioning;

mod coder;
mod models;
mod writer;

/// Frames with arithmetic coding: sequential and progressive.
const SOF9: u8 = 0xC9;
const SOF10: u8 = 0xCA;

/// The coefficients of a component, 64 a block in zigzag order.
type Coefficients = Vec<[i16; 64]>;

/// The file as one with Huffman codes; itself where it is no arithmetic-coded one that is read.
///
/// # Errors
///
/// [`Error::Corrupt`] where there is no picture, [`Error::Limit`] before memory is taken.
pub(super) fn with_huffman_codes<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>> {
    let Some(outline) = Outline::of(bytes)? else { return Ok(bytes.into()) };
    outline.check(bytes.len(), limits)?;
    outline.written(bytes, limits).map(Cow::Owned)
}

/// The headers as those of a file with Huffman codes and no data, and the memory that [`with_huffman_codes`] takes; nothing where it is the file itself.
pub(super) fn headers(bytes: &[u8]) -> Result<Option<(Vec<u8>, u64)>> {
    let Some(outline) = Outline::of(bytes)? else { return Ok(None) };
    let mut headers = outline.head(bytes);
    writer::begin_scan(
        &mut headers,
        &outline.frame,
        &(0..outline.frame.components().len()).collect::<Vec<_>>(),
    );
    let memory = outline.memory(bytes.len());
    Ok(Some((headers, memory)))
}

/// The frame, and where the first scan's marker lies.
struct Outline {
    frame: Frame,
    /// Where the frame's own marker has its code.
    code: usize,
    scan: usize,
}

impl Outline {
    /// `None` for every other file, whatever is wrong with it.
    fn of(bytes: &[u8]) -> Result<Option<Outline>> {
        let Ok(mut markers) = Markers::of(bytes) else { return Ok(None) };
        let mut found = None;
        loop {
            let before = markers.at;
            let Ok(Some(Mark { code, segment, place })) = markers.next() else {
                return if found.is_some() { Err(corrupt("no picture data")) } else { Ok(None) };
            };
            match code {
                SOF9 | SOF10 if found.is_none() && segment.get(0) == Some(8) => {
                    let process = if code == SOF9 { Process::Sequential } else { Process::Progressive };
                    let frame = Frame::parse(process, segment)?;
                    if frame.height == 0 {
                        return Err(Error::Unsupported(
                            "JPEG with arithmetic coding whose height comes behind its data".to_string(),
                        ));
                    }
                    found = Some((frame, place.start - 3));
                }
                SOS => return Ok(found.map(|(frame, code)| Outline { frame, code, scan: before })),
                _ if is_frame(code) => return Ok(None),
                _ => {}
            }
        }
    }

    /// Coefficients, and what is written of them, twice: at the worst 3 bytes each.
    fn memory(&self, file: usize) -> u64 {
        let blocks = self.frame.blocks() as u64;
        blocks.saturating_mul(128 + 2 * 192).saturating_add(file as u64)
    }

    fn check(&self, file: usize, limits: &Limits) -> Result<()> {
        let (width, height) = (self.frame.width as u32, self.frame.height as u32);
        limits.check_size(width, height)?;
        limits.check_density(u64::from(width) * u64::from(height), file as u64)?;
        limits.check_decoder_bytes(self.memory(file))?;
        limits::can_be_had(self.memory(file))
    }

    /// What lies before the first scan, with the frame's marker of a sequential file; places in it stay what they are.
    fn head(&self, bytes: &[u8]) -> Vec<u8> {
        let mut head = bytes.get(..self.scan).unwrap_or_default().to_vec();
        if let Some(code) = head.get_mut(self.code) {
            *code = 0xC1;
        }
        head
    }

    fn written(&self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>> {
        let frame = &self.frame;
        let mut stored: Vec<Coefficients> = Vec::new();
        for component in frame.components() {
            let mut coefficients = Vec::new();
            let blocks = component.stride * component.rows;
            coefficients.try_reserve_exact(blocks).map_err(|_| limits::refused(128 * blocks as u64))?;
            coefficients.resize(blocks, [0; 64]);
            stored.push(coefficients);
        }
        let mut markers = Markers::of(bytes)?;
        let (mut conditioning, mut restart) = (Conditioning::default(), 0);
        let (mut quantisers, mut scans, mut broken) = (Vec::new(), 0, None);
        while let Ok(Some(Mark { code, segment, place })) = markers.next() {
            match code {
                marker::DAC => conditioning.read(segment)?,
                marker::DRI => restart = segment.first_u16().map_or(restart, usize::from),
                // Tables that only later scans need.
                marker::DQT if scans > 0 => quantisers.extend_from_slice(&bytes[place.start - 4..place.end]),
                marker::EOI => break,
                SOS => {
                    scans += 1;
                    limits.check_scans(scans, frame.width as u32, frame.height as u32, bytes.len() as u64)?;
                    let Ok(scan) = Scan::parse(frame, segment) else {
                        broken.get_or_insert(0);
                        break;
                    };
                    if frame.process == Process::Progressive && scan.check_progressive().is_err() {
                        broken.get_or_insert(0);
                        break;
                    }
                    let data = bytes.get(markers.at..).unwrap_or_default();
                    let (read, done) = models::read(frame, &scan, &conditioning, restart, data, &mut stored);
                    markers.at += read;
                    if done < scan.mcus {
                        broken.get_or_insert(done);
                        break;
                    }
                }
                _ => {}
            }
        }
        match (broken, frame.process, scans) {
            (_, _, 0) => Err(corrupt("no picture data")),
            (Some(0), _, 1) => Err(corrupt("no picture data")),
            (Some(_), process, _) if process == Process::Progressive || scans > 1 => {
                Err(corrupt("a picture in several scans with arithmetic coding breaks off"))
            }
            (broken, ..) => {
                let mut written = self.head(bytes);
                written.extend(quantisers);
                writer::write(&mut written, frame, &stored, broken);
                Ok(written)
            }
        }
    }
}

impl Segment<'_> {
    /// The number that a segment begins with.
    fn first_u16(mut self) -> Option<u16> {
        self.u16().ok()
    }
}
