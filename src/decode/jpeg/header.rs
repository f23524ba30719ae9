//! What the segments before a scan say, kept together.

use super::frame::{Frame, Process};
use super::huffman::{Codes, HuffmanTables};
use super::marker::{self, Mark, Markers, Segment, corrupt};
use super::profile::Profile;
use super::scan::Scan;
use crate::error::{Error, Result};
use std::ops::Range;

/// The headers so far.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) frame: Option<Frame>,
    pub(super) huffman: HuffmanTables,
    quantisers: [Option<[u16; 64]>; 4],
    /// Each component's quantisation table, taken at its first scan.
    latched: [Option<[u16; 64]>; 4],
    /// Ri, in MCUs; 0 for none.
    pub(super) restart: usize,
    pub(super) jfif: bool,
    /// The Adobe segment's transform flag.
    pub(super) adobe: Option<u8>,
    /// The TIFF-structured EXIF block, as a range of the file.
    pub(super) exif: Option<Range<usize>>,
    /// The ICC profile.
    pub(super) icc: Profile,
}

/// What a marker leads to.
pub(super) enum Next {
    /// On.
    On,
    /// A scan, whose data follows.
    Scan(Scan),
    /// No further.
    End,
}

impl Header {
    /// Takes the next marker with its segment.
    pub(super) fn next(&mut self, markers: &mut Markers<'_>, codes: &mut Codes) -> Result<Next> {
        let Some(Mark { code, mut segment, place }) = markers.next()? else { return Ok(Next::End) };
        match code {
            // An SOI before any frame repeats the first; behind one, another picture begins.
            marker::SOI | marker::EOI if self.frame.is_some() => return Ok(Next::End),
            marker::SOF55 if self.frame.is_none() => return Err(unread(code)),
            marker::SOS => {
                let frame = self.frame.ok_or_else(|| corrupt("a scan comes before the frame"))?;
                return Ok(Next::Scan(Scan::parse(&frame, segment)?));
            }
            marker::DQT => self.define_quantisers(segment)?,
            marker::DHT => self.huffman.define(segment, codes)?,
            marker::DHP => return Err(unread(code)),
            marker::DRI => self.restart = segment.u16()?.into(),
            // Segments of these names that are too short to hold what they should are something else's.
            marker::APP0 => self.jfif |= segment.starts_with(b"JFIF\0") && segment.len() >= 14,
            marker::APP14 if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).or(self.adobe),
            // One without anything in it leaves the place to the next.
            marker::APP1 if segment.starts_with(b"Exif\0") && segment.len() > 6 => {
                self.exif.get_or_insert(place.start + 6..place.end);
            }
            marker::APP2 => self.icc.take(&markers.bytes[place]),
            _ if marker::is_frame(code) => self.set_frame(code, segment)?,
            _ => {}
        }
        Ok(Next::On)
    }

    fn set_frame(&mut self, code: u8, segment: Segment<'_>) -> Result<()> {
        if self.frame.is_some() {
            return Err(corrupt("a second frame begins"));
        }
        let process = match code {
            0xC0 | 0xC1 => Process::Sequential,
            0xC2 => Process::Progressive,
            _ => return Err(unread(code)),
        };
        match segment.get(0) {
            Some(8) => {}
            Some(12) => return Err(Error::Unsupported("JPEG with 12 bits a sample".into())),
            _ => return Err(corrupt("the frame announces neither 8 nor 12 bits a sample")),
        }
        let frame = Frame::parse(process, segment)?;
        if frame.components().len() == 2 {
            return Err(Error::Unsupported("JPEG with 2 components".into()));
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// Reads a DQT segment (T.81, B.2.4.1).
    fn define_quantisers(&mut self, mut segment: Segment<'_>) -> Result<()> {
        while !segment.is_empty() {
            let (precision, place) = segment.nibbles()?;
            if place > 3 {
                return Err(corrupt("a quantisation table has no such place"));
            }
            let mut table = [0; 64];
            for step in &mut table {
                *step = if precision == 0 { segment.u8()?.into() } else { segment.u16()? };
            }
            self.quantisers[usize::from(place)] = Some(table);
        }
        Ok(())
    }

    /// Fixes the quantisation tables of the components whose first scan this is.
    pub(super) fn latch(&mut self, frame: &Frame, scan: &Scan) -> Result<()> {
        for part in scan.parts() {
            let latched = &mut self.latched[part.component];
            if latched.is_none() {
                let place = frame.components()[part.component].quantiser;
                *latched = self.quantisers.get(place).copied().flatten();
                if latched.is_none() {
                    return Err(corrupt("a component's quantisation table is missing"));
                }
            }
        }
        Ok(())
    }

    /// A component's quantisation table, in zigzag order.
    pub(super) fn quantiser(&self, component: usize) -> &[u16; 64] {
        self.latched[component].as_ref().unwrap_or(&[1; 64])
    }
}

/// Names a process that is not read by the marker of its frame.
fn unread(code: u8) -> Error {
    let kind = match code {
        0xC3 => "lossless JPEG",
        marker::SOF55 => "JPEG-LS",
        0xC9 => "JPEG with arithmetic coding",
        0xCA => "progressive JPEG with arithmetic coding",
        0xCB => "lossless JPEG with arithmetic coding",
        _ => "hierarchical JPEG",
    };
    Error::Unsupported(format!("{kind}; convert the file to baseline or progressive JPEG"))
}
