//! What the segments before a scan say, kept together.

use super::frame::{Frame, Process};
use super::huffman::{Code, Codes, HuffmanTables};
use super::machine::Part;
use super::marker::{self, Segment, corrupt};
use super::plan::Plan;
use super::scan::Scan;
use super::{Refer, detail};
use crate::error::Result;
use std::sync::Arc;

/// The headers so far.
#[derive(Debug)]
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
    /// Why this file is not for this reader, once that is known.
    pub(super) refer: Option<Refer>,
}

/// What a marker leads to.
pub(super) enum Next {
    /// On, at this place.
    On(usize),
    /// A scan, its data at this place.
    Scan(Scan, usize),
    /// No further; `marked` by an EOI.
    End { marked: bool },
}

impl Header {
    pub(super) fn new(codes: &mut Codes) -> Result<Header> {
        Ok(Header {
            frame: None,
            huffman: HuffmanTables::standard(codes)?,
            quantisers: [None; 4],
            latched: [None; 4],
            restart: 0,
            jfif: false,
            adobe: None,
            refer: None,
        })
    }

    /// Takes the next marker at or behind `at` with its segment.
    pub(super) fn next(&mut self, bytes: &[u8], at: usize, codes: &mut Codes) -> Result<Next> {
        let Some((code, at)) = marker::next(bytes, at) else { return Ok(Next::End { marked: false }) };
        match code {
            // An SOI before any frame repeats the first; behind one, another picture begins.
            marker::SOI | marker::EOI if self.frame.is_none() => return Ok(Next::On(at)),
            marker::SOI => return Ok(Next::End { marked: false }),
            marker::EOI => return Ok(Next::End { marked: true }),
            _ if !marker::has_segment(code) => return Ok(Next::On(at)),
            _ => {}
        }
        let (mut segment, behind) = Segment::at(bytes, at)?;
        match code {
            marker::SOS => {
                let frame = self.frame.ok_or_else(|| corrupt("a scan comes before the frame"))?;
                return Ok(Next::Scan(Scan::parse(&frame, segment)?, behind));
            }
            marker::DQT => self.define_quantisers(segment)?,
            marker::DHT => self.huffman.define(segment, codes)?,
            marker::DRI => self.restart = segment.u16()?.into(),
            marker::DHP => self.refer = Some(Refer::Hierarchical),
            marker::APP0 => self.jfif |= segment.starts_with(b"JFIF\0"),
            marker::APP14 if segment.starts_with(b"Adobe") => self.adobe = segment.get(11).or(self.adobe),
            _ if marker::is_frame(code) => self.set_frame(code, segment)?,
            _ => {}
        }
        Ok(Next::On(behind))
    }

    fn set_frame(&mut self, code: u8, segment: Segment<'_>) -> Result<()> {
        if self.frame.is_some() {
            return Err(corrupt("a second frame begins"));
        }
        let process = match code {
            0xC0 | 0xC1 => Ok(Process::Sequential),
            0xC2 => Ok(Process::Progressive),
            0xC3 | 0xCB => Err(Refer::Lossless),
            0xC9 | 0xCA => Err(Refer::Arithmetic),
            _ => Err(Refer::Hierarchical),
        };
        match process {
            Err(refer) => self.refer = Some(refer),
            Ok(_) if segment.get(0) != Some(8) => self.refer = Some(Refer::Precision),
            Ok(process) => self.frame = Some(Frame::parse(process, segment)?),
        }
        Ok(())
    }

    /// Reads a DQT segment (T.81, B.2.4.1).
    fn define_quantisers(&mut self, mut segment: Segment<'_>) -> Result<()> {
        while !segment.is_empty() {
            let (precision, place) = segment.nibbles()?;
            if precision > 1 || place > 3 {
                return Err(corrupt("a quantisation table has no such precision or place"));
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
            let table = self.quantisers[frame.components()[part.component].quantiser];
            let latched = &mut self.latched[part.component];
            *latched = latched.or(table);
            if latched.is_none() {
                return Err(corrupt("a component's quantisation table is missing"));
            }
        }
        Ok(())
    }

    /// A component's quantisation table, in zigzag order.
    pub(super) fn quantiser(&self, component: usize) -> &[u16; 64] {
        self.latched[component].as_ref().unwrap_or(&[1; 64])
    }

    /// A sequential scan's components with their codes.
    pub(super) fn parts(
        &self,
        frame: &Frame,
        scan: &Scan,
        plan: &Plan,
    ) -> Result<impl Iterator<Item = Part>> {
        let mut parts: [Option<Part>; 4] = Default::default();
        for (to, part) in parts.iter_mut().zip(scan.parts()) {
            let missing = || corrupt("a scan's Huffman table is missing");
            let dc = self.huffman.dc[part.dc].as_ref().ok_or_else(missing)?;
            let ac = self.huffman.ac[part.ac].as_ref().ok_or_else(missing)?;
            if !Code::fits_dc(dc) {
                return Err(corrupt("a DC Huffman table has sizes over 15"));
            }
            let component = &frame.components()[part.component];
            let blocks = if scan.parts().len() == 1 { 1 } else { component.across * component.down };
            let kept = detail::kept(plan.details[part.component]);
            *to = Some(Part { dc: Arc::clone(dc), ac: Arc::clone(ac), blocks, kept });
        }
        Ok(parts.into_iter().flatten())
    }
}
