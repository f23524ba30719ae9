//! The walk through a file: headers, scans, planes, top to bottom.

use super::bits::Stream;
use super::detail;
use super::frame::{Frame, Process};
use super::header::{Header, Next};
use super::huffman::Codes;
use super::lookup::Tables;
use super::marker::{self, Segment, corrupt};
use super::plan::{Colour, Listed, Plan};
use super::planes::{self, Source, Stored};
use super::progressive::Pass;
use super::rows::Rows;
use super::scan::{self, Interval, Scan};
use super::sequential::Sequential;
use super::{Coarse, Reading, Refer, Verdict};
use crate::decode::Detail;
use crate::error::Result;
use crate::limits::{self, Limits};
use crate::picture::{Picture, Plane, Planes};
use fearless_simd::Level;
use std::ops::Range;

/// Everything that is kept from one file to the next.
#[derive(Debug)]
pub(super) struct Reader {
    level: Level,
    codes: Codes,
    tables: Tables,
    stream: Stream,
    intervals: Vec<Interval>,
    sequential: Sequential,
    pub(super) stored: [Stored; 4],
    /// By all scans that were read, and by those with DC coefficients.
    rows: Rows,
    coarse: Rows,
    /// MCUs that came out whole, for one scan.
    whole: Vec<Range<usize>>,
    /// Of a progressive file: each scan's place and whether it is wanted.
    wanted: Vec<Listed>,
    spare: Vec<Vec<u16>>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            level: Level::new(),
            codes: Codes::default(),
            tables: Tables::default(),
            stream: Stream::default(),
            intervals: Vec::new(),
            sequential: Sequential::default(),
            stored: Default::default(),
            rows: Rows::default(),
            coarse: Rows::default(),
            whole: Vec::new(),
            wanted: Vec::new(),
            spare: Vec::new(),
        }
    }
}

/// How far the walk came.
#[derive(Debug, Clone, Copy)]
struct Progress {
    scans: u32,
    unread: u32,
    /// Whether any MCU came out.
    any: bool,
    /// Whether the end of image was met.
    ended: bool,
    /// For each coefficient of each component, the lowest bit that was sent; [`UNSENT`] before any.
    sent: [[u32; 64]; 4],
}

/// Buffers kept for planes.
const SPARE: usize = 6;

const UNSENT: u32 = u32::MAX;

impl Default for Progress {
    fn default() -> Progress {
        Progress { scans: 0, unread: 0, any: false, ended: false, sent: [[UNSENT; 64]; 4] }
    }
}

impl Progress {
    fn send(&mut self, frame: &Frame, scan: &Scan) {
        let (band, low) = match frame.process {
            Process::Sequential => (0..=63, 0),
            Process::Progressive => (scan.first as usize..=scan.last as usize, scan.low),
        };
        for part in scan.parts() {
            self.sent[part.component][band.clone()].fill(low);
        }
    }
}

impl Reader {
    pub(super) fn recycle(&mut self, samples: Vec<u16>) {
        self.spare.push(samples);
        self.spare.truncate(SPARE);
    }

    /// Memory kept for coefficients, logs and planes, in bytes.
    pub(super) fn kept(&self) -> u64 {
        let stored: usize = self.stored.iter().map(Stored::kept).sum();
        let spare: usize = self.spare.iter().map(|samples| samples.capacity() * 2).sum();
        (stored + spare + self.stream.bytes.capacity() + self.sequential.kept()) as u64
    }

    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        rule: impl FnOnce(u32, u32) -> Detail,
        limits: &Limits,
    ) -> Result<Reading> {
        let mut header = Header::new(&mut self.codes)?;
        let walked = self.walk(bytes, limits, &mut header, |header, frame| {
            check_size(frame, bytes, limits)?;
            Ok(Plan::new(header, frame, rule(frame.width as u32, frame.height as u32)))
        })?;
        let (progress, frame, plan) = match walked {
            Ok(walked) => walked,
            Err(refer) => return Ok(Reading::Refer(refer)),
        };
        Ok(Reading::Coarse(Coarse {
            picture: self.picture(&header, &frame, &plan),
            detail: plan.detail,
            whole: self.rows.whole(&frame),
            unread_scans: progress.unread,
            ended: progress.ended,
        }))
    }

    /// Memory that [`read`](Reader::read) takes, in bytes, by the headers up to the first scan; `None` where it refers to full decoding or fails.
    pub(super) fn memory(&mut self, bytes: &[u8], rule: impl FnOnce(u32, u32) -> Detail) -> Option<u64> {
        let mut header = Header::new(&mut self.codes).ok()?;
        let mut at = marker::start(bytes).ok()?;
        loop {
            match header.next(bytes, at, &mut self.codes).ok()? {
                Next::On(behind) if header.refer.is_none() => at = behind,
                Next::Scan(_, data) if header.refer.is_none() => {
                    let mut frame = header.frame?;
                    frame.set_height(height(bytes, data, &frame).ok()?);
                    let detail = rule(frame.width as u32, frame.height as u32);
                    let plan = Plan::new(&header, &frame, detail).ok()?;
                    return Some(plan.memory(&frame, bytes.len() - data));
                }
                _ => return None,
            }
        }
    }

    pub(super) fn judge(&mut self, bytes: &[u8], limits: &Limits) -> Result<Verdict> {
        let mut header = Header::new(&mut self.codes)?;
        let walked = self.walk(bytes, limits, &mut header, |_, frame| {
            check_size(frame, bytes, limits)?;
            Ok(Ok(Plan::judge()))
        })?;
        Ok(match walked {
            Ok((_, frame, _)) => {
                Verdict::Read { whole: self.rows.whole(&frame), coarse: self.coarse.whole(&frame) }
            }
            Err(refer) => Verdict::Unknown(refer),
        })
    }

    /// Every coefficient of every component, block by block in zigzag order, with the frame.
    #[cfg(test)]
    pub(super) fn coefficients(&mut self, bytes: &[u8]) -> Result<Result<Frame, Refer>> {
        let mut header = Header::new(&mut self.codes)?;
        let walked = self.walk(bytes, &Limits::default(), &mut header, |_, _| Ok(Ok(Plan::everything())))?;
        Ok(walked.map(|(_, frame, _)| frame))
    }

    /// Cuts scans of at least so many bytes.
    #[cfg(test)]
    pub(super) fn cut_scans_from(&mut self, bytes: usize) {
        self.sequential.worth_cutting = bytes;
    }

    /// Pieces that the last sequential scan came from.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.sequential.pieces()
    }

    /// Walks from the first SOI to EOI, reading what the plan asks for.
    fn walk(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
        header: &mut Header,
        plan: impl FnOnce(&Header, &Frame) -> Result<Result<Plan, Refer>>,
    ) -> Result<Result<(Progress, Frame, Plan), Refer>> {
        limits.check_file_bytes(bytes.len() as u64)?;
        let mut at = marker::start(bytes)?;
        let mut plan = Some(plan);
        let mut chosen = None;
        let mut progress = Progress::default();
        loop {
            let next = match header.next(bytes, at, &mut self.codes) {
                Err(error) if progress.scans == 0 => return Err(error),
                // What comes behind a scan may be broken; the scans before it are not.
                Err(_) => break,
                Ok(next) => next,
            };
            if let Some(refer) = header.refer {
                return Ok(Err(refer));
            }
            let (mut scan, data) = match next {
                Next::On(behind) => {
                    at = behind;
                    continue;
                }
                Next::Scan(scan, data) => (scan, data),
                Next::End { marked } => {
                    progress.ended = marked;
                    break;
                }
            };
            let Some(mut frame) = header.frame else { break };
            progress.scans += 1;
            check_scans(progress.scans as usize, &frame, bytes, limits)?;
            let first = plan.take();
            let starts = first.is_some();
            if let Some(plan) = first {
                frame.set_height(height(bytes, data, &frame)?);
                header.frame = Some(frame);
                match plan(header, &frame)? {
                    Err(refer) => return Ok(Err(refer)),
                    Ok(plan) => chosen = Some(plan),
                }
            }
            let Some(plan) = chosen else { break };
            scan.set_size(&frame);
            if starts {
                self.prepare(bytes, (scan, data), limits, &frame, &plan)?;
            }
            match self.scan(bytes, data, header, &frame, &scan, &plan, &mut progress) {
                Err(error) if !progress.any => return Err(error),
                Err(_) => {
                    self.note(&frame, &scan, true);
                    break;
                }
                Ok(behind) => at = behind,
            }
        }
        match (header.frame, chosen) {
            (Some(frame), Some(plan)) if progress.any => {
                self.note_missing(&frame, &plan, &progress);
                Ok(Ok((progress, frame, plan)))
            }
            _ => Err(corrupt("no picture data")),
        }
    }

    /// Takes memory for a frame, and of a progressive one finds the scans that matter.
    fn prepare(
        &mut self,
        bytes: &[u8],
        first: (Scan, usize),
        limits: &Limits,
        frame: &Frame,
        plan: &Plan,
    ) -> Result<()> {
        let memory = plan.memory(frame, bytes.len() - first.1);
        limits.check_decoder_bytes(memory)?;
        limits::can_be_had(memory)?;
        self.rows.reset(frame);
        self.coarse.reset(frame);
        self.wanted.clear();
        if frame.process == Process::Progressive {
            self.list(bytes, first, limits, frame)?;
            plan.choose(&mut self.wanted, frame.components().len());
        }
        let store = !plan.judge || frame.process == Process::Progressive;
        let history = self.wanted.iter().any(|listed| listed.wanted && listed.scan.first > 0);
        for (stored, component) in self.stored.iter_mut().zip(frame.components()) {
            let blocks = if store { component.stride * component.rows } else { 0 };
            // Sequential scans write every block, whole or blank.
            let blank = frame.process == Process::Progressive;
            stored.reset(blocks, plan.slots, blank, history);
        }
        Ok(())
    }

    /// Lists a progressive file's scans, without reading any.
    fn list(
        &mut self,
        bytes: &[u8],
        (mut scan, mut data): (Scan, usize),
        limits: &Limits,
        frame: &Frame,
    ) -> Result<()> {
        loop {
            let end = marker::end_of_scan(bytes, data);
            self.wanted.push(Listed { scan, end, wanted: false });
            check_scans(self.wanted.len(), frame, bytes, limits)?;
            let Some(found) = next_scan(bytes, end, frame) else { return Ok(()) };
            (scan, data) = found;
            scan.set_size(frame);
        }
    }

    /// Reads one scan, or steps over it; returns the place behind its data.
    #[expect(clippy::too_many_arguments, reason = "the walk's whole state; a struct would only rename it")]
    fn scan(
        &mut self,
        bytes: &[u8],
        data: usize,
        header: &mut Header,
        frame: &Frame,
        scan: &Scan,
        plan: &Plan,
        progress: &mut Progress,
    ) -> Result<usize> {
        header.latch(frame, scan)?;
        if frame.process == Process::Progressive {
            scan.check_progressive()?;
            let listed = self.wanted.get(progress.scans as usize - 1).copied();
            if let Some(listed) = listed.filter(|listed| !listed.wanted) {
                progress.unread += 1;
                progress.send(frame, scan);
                return Ok(listed.end);
            }
        }
        let end = self.stream.fill(bytes, data, header.restart > 0);
        scan::place(&self.stream.stretches, header.restart, scan.mcus, &mut self.intervals);
        self.whole.clear();
        match frame.process {
            Process::Sequential => self.sequential(header, frame, scan, plan)?,
            Process::Progressive => self.progressive(header, frame, scan, plan)?,
        }
        progress.send(frame, scan);
        progress.any |= self.whole.iter().any(|range| !range.is_empty());
        self.note(frame, scan, false);
        Ok(end)
    }

    fn sequential(&mut self, header: &Header, frame: &Frame, scan: &Scan, plan: &Plan) -> Result<()> {
        let parts = header.parts(frame, scan, plan)?;
        self.sequential.machine.set(parts, plan.slots, &mut self.tables);
        match plan.slots {
            1 => self.sequential_with::<1>(frame, scan, plan),
            8 => self.sequential_with::<8>(frame, scan, plan),
            16 => self.sequential_with::<16>(frame, scan, plan),
            32 => self.sequential_with::<32>(frame, scan, plan),
            _ => self.sequential_with::<64>(frame, scan, plan),
        }
        self.whole.extend(self.sequential.whole());
        Ok(())
    }

    fn sequential_with<const SLOTS: usize>(&mut self, frame: &Frame, scan: &Scan, plan: &Plan) {
        self.sequential.decode::<SLOTS>(&self.stream, &self.intervals, &self.tables);
        if !plan.judge {
            self.sequential.assemble::<SLOTS>(frame, scan, &mut self.stored);
        }
    }

    fn progressive(&mut self, header: &Header, frame: &Frame, scan: &Scan, plan: &Plan) -> Result<()> {
        let kept = plan.details.map(detail::kept);
        let pass = Pass { frame, scan, tables: &header.huffman, level: self.level, slots: plan.slots, kept };
        let whole = &mut self.whole;
        pass.decode(&self.stream, &self.intervals, &mut self.stored, |range| whole.push(range))
    }

    /// Counts the rows of a scan that was read, or that was lost as a whole.
    fn note(&mut self, frame: &Frame, scan: &Scan, lost: bool) {
        let whole = if lost { &[][..] } else { &self.whole[..] };
        self.rows.note(frame, scan, whole.iter().cloned());
        if frame.process == Process::Sequential || scan.first == 0 {
            self.coarse.note(frame, scan, whole.iter().cloned());
        }
    }

    /// Counts what never came: components without a scan, and, where the file breaks off, bits that
    /// were still to be sent.
    fn note_missing(&mut self, frame: &Frame, plan: &Plan, progress: &Progress) {
        for (index, sent) in progress.sent[..frame.components().len()].iter().enumerate() {
            let last = if plan.judge { 63 } else { detail::kept(plan.details[index]) as usize };
            let open = |band: &[u32]| !progress.ended && band.iter().any(|&low| low != 0);
            if sent[0] == UNSENT {
                self.stored[index].coefficients.fill(0);
            }
            if sent[0] == UNSENT || open(&sent[..1]) {
                self.coarse.mark_all();
                self.rows.mark_all();
            }
            if open(&sent[..=last]) {
                self.rows.mark_all();
            }
        }
    }

    /// The planes of what was stored.
    fn picture(&mut self, header: &Header, frame: &Frame, plan: &Plan) -> Picture {
        let planes = match plan.colour {
            Colour::Grey => Planes::Coarse { luma: self.plane(header, frame, plan, 0), colour: None },
            Colour::YCbCr => {
                let luma = self.plane(header, frame, plan, 0);
                let [cb, cr] = [1, 2].map(|index| self.plane(header, frame, plan, index));
                let colour = planes::colour(frame, &cb, &cr, self.spare());
                [cb, cr].into_iter().for_each(|plane| self.recycle(plane.samples));
                Planes::Coarse { luma, colour: Some(colour) }
            }
            Colour::Rgb => {
                let rgb = [0, 1, 2].map(|index| self.plane(header, frame, plan, index));
                let luma = planes::luma_of_rgb(frame, rgb.each_ref(), self.spare());
                let colour = planes::colour_of_rgb(frame, rgb.each_ref(), self.spare());
                rgb.into_iter().for_each(|plane| self.recycle(plane.samples));
                Planes::Coarse { luma, colour: Some(colour) }
            }
        };
        Picture { width: frame.width as u32, height: frame.height as u32, planes }
    }

    fn plane(&mut self, header: &Header, frame: &Frame, plan: &Plan, index: usize) -> Plane<u16> {
        let samples = self.spare();
        let source = Source {
            frame,
            component: &frame.components()[index],
            stored: &self.stored[index],
            slots: plan.slots,
            // A component without a scan has no table, and nothing but zeros to scale.
            quantiser: header.quantiser(index),
            detail: plan.details[index],
            from_black: index == 0 && plan.colour != Colour::Rgb,
        };
        source.plane(samples, self.level)
    }

    fn spare(&mut self) -> Vec<u16> {
        self.spare.pop().unwrap_or_default()
    }
}

fn check_size(frame: &Frame, bytes: &[u8], limits: &Limits) -> Result<()> {
    limits.check_size(frame.width as u32, frame.height as u32)?;
    limits.check_density(frame.width as u64 * frame.height as u64, bytes.len() as u64)
}

fn check_scans(scans: usize, frame: &Frame, bytes: &[u8], limits: &Limits) -> Result<()> {
    limits.check_scans(scans, frame.width as u32, frame.height as u32, bytes.len() as u64)
}

/// The next scan header at or behind `at`, with the place of its data; nothing else is looked at.
fn next_scan(bytes: &[u8], mut at: usize, frame: &Frame) -> Option<(Scan, usize)> {
    loop {
        let (code, behind) = marker::next(bytes, at)?;
        at = match code {
            marker::EOI | marker::SOI => return None,
            marker::SOS => {
                let (segment, behind) = Segment::at(bytes, behind).ok()?;
                return Some((Scan::parse(frame, segment).ok()?, behind));
            }
            _ if marker::has_segment(code) => Segment::at(bytes, behind).ok()?.1,
            _ => behind,
        };
    }
}

/// The frame's height, from the DNL segment behind the first scan where the frame header leaves it open.
///
/// A DNL segment that contradicts the frame header is passed over, as every decoder in use does.
fn height(bytes: &[u8], data: usize, frame: &Frame) -> Result<usize> {
    if frame.height > 0 {
        return Ok(frame.height);
    }
    let end = marker::end_of_scan(bytes, data);
    let lines = match marker::next(bytes, end) {
        Some((marker::DNL, at)) => Segment::at(bytes, at)?.0.u16()?.into(),
        _ => 0,
    };
    if lines == 0 { Err(corrupt("the frame is 0 pixels high")) } else { Ok(lines) }
}
