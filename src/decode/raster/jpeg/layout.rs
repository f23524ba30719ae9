//! The structure of a JPEG: its markers, what they announce, and the file rewritten to what its pixels need.
//!
//! The rewritten stream holds start, JFIF and Adobe headers, tables, frame header, scans and end, and nothing else: no metadata, no
//! bytes between segments, nothing after the last scan that matters. A height that only a DNL segment tells
//! (ITU-T T.81, B.2.5) is put into the frame header. Fill bytes before markers are allowed, as is a missing end.

use std::ops::Range;

use memchr::memchr;

use super::corrupt;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// 32 one-bits as entropy-coded data: longer than any code with its extra bits.
const STOPPER: [u8; 8] = [0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0];

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DNL: u8 = 0xDC;
const DRI: u8 = 0xDD;
const DHT: u8 = 0xC4;

/// Bit depth left for each of a component's 64 coefficients; this for one that no scan has touched.
const UNSEEN: u8 = u8::MAX;

/// What was read of a JPEG's structure.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) progressive: bool,
    /// Scans that were found and copied.
    pub(super) scans: usize,
    /// The TIFF-structured EXIF block, as a range of the file.
    pub(super) exif: Option<Range<usize>>,
    components: Vec<Component>,
    /// MCUs between restart markers; 0 for none.
    restart_interval: u32,
    /// Restart intervals of a sequential picture's scan before the first marker that is missing or out of order.
    intervals_in_order: Option<u32>,
    /// Where the frame header's content begins in the stream.
    frame_at: usize,
    /// Whether three components are R, G and B.
    rgb: bool,
    /// Components of the first scan.
    first_scan: usize,
}

#[derive(Debug)]
struct Component {
    id: u8,
    horizontal: u32,
    vertical: u32,
    /// For each coefficient in zigzag order the low bits that are still to come, or [`UNSEEN`].
    missing_bits: [u8; 64],
}

impl Layout {
    /// Reads a JPEG's structure and rewrites the file into `stream`.
    ///
    /// # Errors
    ///
    /// `Corrupt` where there is no frame or scan, `Unsupported` by name, `Limit`.
    pub(super) fn rewrite(bytes: &[u8], limits: &Limits, stream: &mut Vec<u8>) -> Result<Layout> {
        let layout = Layout::walk(bytes, limits, Until::End, stream)?;
        stream.extend([0xFF, EOI]);
        Ok(layout)
    }

    /// Reads a JPEG's structure up to its first scan.
    ///
    /// # Errors
    ///
    /// As [`rewrite`](Layout::rewrite).
    pub(super) fn announced(bytes: &[u8], limits: &Limits) -> Result<Layout> {
        Layout::walk(bytes, limits, Until::FirstScan, &mut Vec::new())
    }

    fn walk(bytes: &[u8], limits: &Limits, until: Until, stream: &mut Vec<u8>) -> Result<Layout> {
        stream.clear();
        stream.extend([0xFF, SOI]);
        let mut walk = Walk { until, ..Walk::new(bytes, 2, limits, stream) };
        while walk.step()? {}
        let Walk { exif, layout, .. } = walk;
        let mut layout = layout.ok_or_else(|| corrupt("it ends before its frame header"))?;
        if layout.scans == 0 {
            return Err(corrupt("it ends before its first scan"));
        }
        layout.exif = exif;
        Ok(layout)
    }

    /// 1 for grey, 3 for what becomes R, G, B.
    pub(super) fn channels(&self) -> usize {
        if self.components.len() == 1 { 1 } else { 3 }
    }

    /// Whether every coefficient has been announced in full and every restart marker is in its place.
    pub(super) fn is_intact(&self) -> bool {
        self.is_complete() && self.intervals_in_order.is_none()
    }

    fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.missing_bits.iter().all(|bits| *bits == 0))
    }

    /// Whether `zune-jpeg` reads this kind rightly; found by comparing with libjpeg-turbo over all kinds.
    pub(super) fn suits_zune(&self) -> bool {
        let finest = |side: fn(&Component) -> u32| self.components.iter().map(side).max();
        let first = &self.components[0];
        let power = self.components.iter().all(|c| c.horizontal != 3 && c.vertical != 3);
        let leads = Some(first.horizontal) == finest(|c| c.horizontal)
            && Some(first.vertical) == finest(|c| c.vertical);
        let one_scan = self.progressive || self.first_scan == self.components.len();
        let even =
            self.components.iter().all(|c| (c.horizontal, c.vertical) == (first.horizontal, first.vertical));
        power && leads && one_scan && (even || !self.rgb)
    }

    /// Rows above the first restart marker that is missing or out of order.
    pub(super) fn rows_in_order(&self) -> u32 {
        let Some(intervals) = self.intervals_in_order else { return self.height };
        let (across, _, rows) = self.mcus();
        let mcus = u64::from(intervals) * u64::from(self.restart_interval);
        u32::try_from(mcus / u64::from(across) * u64::from(rows)).unwrap_or(u32::MAX).min(self.height)
    }

    /// MCUs across and down the scan of all components, and the rows of one.
    fn mcus(&self) -> (u32, u32, u32) {
        let finest = |side: fn(&Component) -> u32| self.components.iter().map(side).max().unwrap_or(1);
        // The blocks of a lone component are not interleaved, whatever its sampling factors.
        let (horizontal, vertical) = if self.components.len() == 1 {
            (1, 1)
        } else {
            (finest(|c| c.horizontal), finest(|c| c.vertical))
        };
        (self.width.div_ceil(8 * horizontal), self.height.div_ceil(8 * vertical), 8 * vertical)
    }

    /// Memory that decoding takes at its worst, in bytes, for a file of so many.
    ///
    /// That is where the first decoder gives up and the second one has its turn: it holds whole planes, and hands their
    /// coefficients to threads of its own, which may be slow.
    pub(super) fn memory(&self, file: usize) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let (across, down, rows) = self.mcus();
        let blocks: u64 = self.components.iter().map(|c| u64::from(c.horizontal * c.vertical)).sum();
        let planes = u64::from(across) * u64::from(down) * blocks * 64;
        let coefficients = 2 * planes;
        let kept = if self.progressive { coefficients } else { 0 };
        let second = kept + coefficients + planes + pixels * self.components.len() as u64;
        // A row of MCUs of each component as samples, brought to full size, and as what they become.
        let line = u64::from(self.width) * u64::from(rows) * self.components.len() as u64 * 8;
        pixels * self.channels() as u64 + line + second + 2 * file as u64
    }
}

/// How far a walk goes.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    FirstScan,
    End,
}

/// A walk along the markers.
struct Walk<'a> {
    until: Until,
    bytes: &'a [u8],
    at: usize,
    stream: &'a mut Vec<u8>,
    limits: &'a Limits,
    interval: u32,
    exif: Option<Range<usize>>,
    jfif: bool,
    /// The colour transform that Adobe's marker names.
    adobe: Option<u8>,
    layout: Option<Layout>,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8], at: usize, limits: &'a Limits, stream: &'a mut Vec<u8>) -> Walk<'a> {
        let (interval, exif, jfif, adobe, layout) = (0, None, false, None, None);
        Walk { until: Until::End, bytes, at, stream, limits, interval, exif, jfif, adobe, layout }
    }
}

impl Walk<'_> {
    /// Takes one marker; false where there is nothing more to take.
    fn step(&mut self) -> Result<bool> {
        let Some(marker) = self.marker() else { return Ok(false) };
        match marker {
            0x01 | 0xD0..=SOI => return Ok(true),
            EOI => return Ok(false),
            _ => {}
        }
        let Some(segment) = self.segment() else { return Ok(false) };
        match marker {
            0xC0..=0xC2 => self.frame(marker, segment)?,
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDE => return Err(unsupported(marker)),
            DHT | DQT => self.copy(marker, segment),
            DRI => self.restart_interval(segment),
            SOS => return self.scan(segment),
            0xE0..=0xEF => self.application(marker, segment),
            0xFE | DNL | 0xCC | 0xDF => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The next marker's code, past anything before it.
    fn marker(&mut self) -> Option<u8> {
        loop {
            self.at += memchr(0xFF, self.bytes.get(self.at..)?)?;
            while self.bytes.get(self.at) == Some(&0xFF) {
                self.at += 1;
            }
            let code = *self.bytes.get(self.at)?;
            self.at += 1;
            if code != 0 {
                return Some(code);
            }
        }
    }

    /// The content of the segment that begins here, as a range of the file.
    fn segment(&mut self) -> Option<Range<usize>> {
        let length = self.bytes.get(self.at..self.at + 2)?;
        // Like libjpeg, an impossible length under 2 is taken for an empty segment.
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let segment = self.at + 2..self.at + length;
        if segment.end > self.bytes.len() {
            return None;
        }
        self.at = segment.end;
        Some(segment)
    }

    fn copy(&mut self, marker: u8, segment: Range<usize>) {
        let length = (segment.len() + 2) as u16;
        self.stream.extend([0xFF, marker]);
        self.stream.extend(length.to_be_bytes());
        self.stream.extend_from_slice(&self.bytes[segment]);
    }

    fn application(&mut self, marker: u8, segment: Range<usize>) {
        let content = &self.bytes[segment.clone()];
        match marker {
            0xE0 if content.starts_with(b"JFIF\0") && content.len() >= 14 => self.jfif = true,
            0xE1 if content.starts_with(b"Exif\0") && self.exif.is_none() => {
                self.exif = Some(segment.start + 6.min(content.len())..segment.end);
            }
            0xEE if content.starts_with(b"Adobe") => self.adobe = content.get(11).copied().or(self.adobe),
            _ => {}
        }
    }

    /// Tells both decoders the colours in the one way that they agree on: component numbers, and Adobe's marker for four components.
    ///
    /// The meaning is libjpeg's: JFIF before Adobe's marker before the letters R, G, B as component numbers.
    fn colours(&mut self, layout: &mut Layout) {
        let ids: Vec<u8> = layout.components.iter().map(|component| component.id).collect();
        layout.rgb =
            !self.jfif && ids.len() == 3 && self.adobe.map_or(ids == *b"RGB", |transform| transform == 0);
        for index in 0..ids.len() {
            self.stream[layout.frame_at + 6 + 3 * index] = layout.stream_id(index);
        }
        if let (4, Some(transform)) = (ids.len(), self.adobe) {
            self.stream.extend([0xFF, 0xEE, 0, 14]);
            self.stream.extend_from_slice(b"Adobe\0\x64\0\0\0\0");
            self.stream.push(if transform == 0 { 0 } else { 2 });
        }
    }

    /// Writes a scan header with the stream's component numbers, and the band that sequential scans always have.
    fn copy_scan_header(&mut self, segment: Range<usize>, layout: &Layout) {
        self.copy(SOS, segment.clone());
        let start = self.stream.len() - segment.len();
        let count = usize::from(self.stream[start]);
        for at in (start + 1..start + 1 + 2 * count).step_by(2) {
            let id = self.stream[at];
            let index = layout.components.iter().position(|component| component.id == id);
            self.stream[at] = layout.stream_id(index.unwrap_or(0));
        }
        if !layout.progressive {
            let band = start + 1 + 2 * count;
            self.stream[band..band + 3].copy_from_slice(&[0, 63, 0]);
        }
    }

    fn restart_interval(&mut self, segment: Range<usize>) {
        if let Some(value) = self.bytes[segment.clone()].get(..2) {
            self.interval = u32::from(u16::from_be_bytes([value[0], value[1]]));
            self.copy(DRI, segment);
        }
    }

    /// Reads a frame header, B.2.2.
    fn frame(&mut self, marker: u8, segment: Range<usize>) -> Result<()> {
        if self.layout.is_some() {
            return Err(corrupt("it has two frame headers"));
        }
        let header = &self.bytes[segment.clone()];
        let components = components(header).ok_or_else(|| corrupt("its frame header is not valid"))?;
        let word = |at: usize| u32::from(u16::from_be_bytes([header[at], header[at + 1]]));
        match header[0] {
            8 => {}
            12 => return Err(Error::Unsupported("JPEG with 12 bits a sample".into())),
            bits => return Err(corrupt(format!("its frame header announces {bits} bits a sample"))),
        }
        if components.len() == 2 {
            return Err(Error::Unsupported("JPEG with 2 components".into()));
        }
        let height = match word(1) {
            0 => self.late_height().ok_or_else(|| corrupt("it announces no height"))?,
            height => height,
        };
        let layout = Layout {
            width: word(3),
            height,
            progressive: marker == 0xC2,
            scans: 0,
            exif: None,
            components,
            restart_interval: 0,
            intervals_in_order: None,
            frame_at: 0,
            rgb: false,
            first_scan: 0,
        };
        if layout.width == 0 {
            return Err(corrupt("it announces no width"));
        }
        self.limits.check_size(layout.width, layout.height)?;
        self.copy(marker, segment.clone());
        let frame_at = self.stream.len() - segment.len();
        self.stream[frame_at + 1..frame_at + 3].copy_from_slice(&(height as u16).to_be_bytes());
        self.layout = Some(Layout { frame_at, ..layout });
        Ok(())
    }

    /// The height in the DNL segment behind the first scan, for a frame header that leaves it open.
    fn late_height(&self) -> Option<u32> {
        let mut stream = Vec::new();
        let bytes = self.bytes;
        let mut ahead = Walk::new(bytes, self.at, self.limits, &mut stream);
        while ahead.marker()? != SOS {
            ahead.segment()?;
        }
        ahead.segment()?;
        ahead.skip_entropy();
        let segment = if ahead.marker()? == DNL { ahead.segment()? } else { return None };
        let height =
            bytes[segment].first_chunk::<2>().map(|height| u32::from(u16::from_be_bytes(*height)))?;
        (height > 0).then_some(height)
    }

    fn skip_entropy(&mut self) {
        while let Some(found) = self.bytes.get(self.at..).and_then(|rest| memchr(0xFF, rest)) {
            self.at += found;
            match self.bytes.get(self.at + 1) {
                Some(0 | 0xD0..=0xD7) => self.at += 2,
                Some(0xFF) => self.at += 1,
                _ => return,
            }
        }
        self.at = self.bytes.len();
    }

    /// Takes a scan, B.2.3; false where the picture needs no more, or its header is not valid.
    fn scan(&mut self, segment: Range<usize>) -> Result<bool> {
        let Some(mut layout) = self.layout.take() else {
            return Err(corrupt("it has a scan before its frame header"));
        };
        let taken = layout.take_scan(&self.bytes[segment.clone()]);
        if let Some(components) = taken {
            layout.restart_interval = self.interval;
            layout.scans += 1;
            if layout.scans == 1 {
                layout.first_scan = components;
                self.colours(&mut layout);
            }
            self.limits.check_scans(layout.scans, layout.width, layout.height, self.bytes.len() as u64)?;
            if self.until == Until::End {
                self.copy_scan_header(segment, &layout);
                self.entropy(&mut layout);
            }
        }
        let more =
            taken.is_some() && (layout.progressive || !layout.is_complete()) && self.until == Until::End;
        self.layout = Some(layout);
        Ok(more)
    }

    /// Copies entropy-coded data with a stopper before each restart marker and at the end.
    fn entropy(&mut self, layout: &mut Layout) {
        let sequential = !layout.progressive && layout.first_scan == layout.components.len();
        let (across, down, _) = layout.mcus();
        let most = if self.interval == 0 { 0 } else { (across * down).div_ceil(self.interval) };
        let (mut start, mut restarts) = (self.at, 0);
        // A restart marker that nothing announced ends the data, as in libjpeg.
        loop {
            let Some(found) = memchr(0xFF, &self.bytes[self.at..]) else {
                self.at = self.bytes.len();
                break;
            };
            self.at += found;
            match self.bytes.get(self.at + 1) {
                Some(0) => self.at += 2,
                Some(0xFF) => self.at += 1,
                Some(code @ 0xD0..=0xD7) if self.interval > 0 => {
                    self.stream.extend_from_slice(&self.bytes[start..self.at]);
                    if sequential && restarts < most {
                        self.stream.extend(STOPPER);
                        if u32::from(code - 0xD0) != restarts % 8 {
                            layout.intervals_in_order.get_or_insert(restarts + 1);
                        }
                    }
                    self.stream.extend([0xFF, *code]);
                    restarts += 1;
                    self.at += 2;
                    start = self.at;
                }
                _ => break,
            }
        }
        self.stream.extend_from_slice(&self.bytes[start..self.at]);
        if sequential || layout.scans > 1 {
            self.stream.extend(STOPPER);
        }
        if sequential && restarts + 1 < most {
            layout.intervals_in_order.get_or_insert(restarts + 1);
        }
    }
}

impl Layout {
    /// A component's number in the stream: the letters where they mean colours, else counted from 1.
    fn stream_id(&self, index: usize) -> u8 {
        if self.rgb { b"RGB"[index] } else { index as u8 + 1 }
    }

    /// Notes what a scan brings; the number of its components, `None` for a header that is not valid.
    fn take_scan(&mut self, header: &[u8]) -> Option<usize> {
        let count = usize::from(*header.first()?);
        let [first, last, bits] = *header.get(1 + 2 * count..)?.first_chunk::<3>()?;
        let valid_band = last <= 63 && first <= last;
        if count == 0 || count > self.components.len() || (self.progressive && !valid_band) {
            return None;
        }
        let ids: Vec<u8> = header[1..1 + 2 * count].iter().step_by(2).copied().collect();
        let (band, low) = if self.progressive { (first..=last, bits & 15) } else { (0..=63, 0) };
        for id in ids {
            let component = self.components.iter_mut().find(|component| component.id == id)?;
            for coefficient in band.clone() {
                component.missing_bits[usize::from(coefficient)] = low;
            }
        }
        Some(count)
    }
}

/// The components of a frame header; `None` where it is not valid.
fn components(header: &[u8]) -> Option<Vec<Component>> {
    let count = usize::from(*header.get(5)?);
    let specifications = header.get(6..6 + 3 * count)?;
    let components = specifications.chunks_exact(3).map(|c| Component {
        id: c[0],
        horizontal: u32::from(c[1] >> 4),
        vertical: u32::from(c[1] & 15),
        missing_bits: [UNSEEN; 64],
    });
    let components: Vec<Component> = components.collect();
    let valid = |c: &Component| (1..=4).contains(&c.horizontal) && (1..=4).contains(&c.vertical);
    ((1..=4).contains(&count) && components.iter().all(valid)).then_some(components)
}

/// Names the kinds of JPEG that are not read, by the marker of their frame header.
fn unsupported(marker: u8) -> Error {
    let kind = match marker {
        0xC3 => "lossless JPEG",
        0xC9 => "JPEG with arithmetic coding",
        0xCA => "progressive JPEG with arithmetic coding",
        0xCB => "lossless JPEG with arithmetic coding",
        _ => "hierarchical JPEG",
    };
    Error::Unsupported(format!("{kind}; convert the file to baseline or progressive JPEG"))
}
