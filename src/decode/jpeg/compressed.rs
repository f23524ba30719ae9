//! A baseline file that is decoded elsewhere: what its headers say, and its data as words without stuffing.
//!
//! What qualifies is a sequential picture in one scan of all components in frame order, grey or YCbCr with Cb and Cr alike, of which low
//! frequencies are wanted. Everything that [`read`](super::JpegReader::read) checks before it takes memory is checked here too; whatever fails, the
//! CPU's reader says it in its own words. So a file that qualifies and of which every block comes out has the picture that the reader makes of it.

use super::clipping::Judge;
use super::detail;
use super::frame::{Component, Frame, Process};
use super::header::Header;
use super::huffman::Code;
use super::level::wide;
use super::marker::{self, Markers, is_restart};
use super::planes::Source;
use super::reader::{Reader, check_scans, check_size};
use super::scan::Scan;
use super::selection::{Colour, Selection};
use super::transform;
use crate::decode::Detail;
use crate::decode::random::Random;
use crate::limits::Limits;
use crate::picture::{Picture, Plane, Planes};
use fearless_simd::Level;
use memchr::memchr;
use std::ops::Range;
use std::sync::Arc;

/// Blocks of an MCU at most: T.81 allows ten, and files with more are about.
const MOST_PLACES: usize = 16;

/// Pairs of Huffman codes at most: one for luma and one for chroma.
const MOST_PAIRS: usize = 2;

/// Bits that the smallest block takes.
const LEAST_BITS: u64 = 2;

/// Bytes that are unstuffed at a time: they stay in the first cache until they are copied.
const PIECE: usize = 4096;

/// One component of a picture that is still compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Its blocks across and down in an MCU.
    pub(crate) across: u32,
    pub(crate) down: u32,
    /// Blocks across and down that hold picture.
    pub(crate) wide: u32,
    pub(crate) high: u32,
    /// The last coefficient that is kept, in zigzag order.
    pub(crate) kept: u32,
    /// Samples across and down a block.
    pub(crate) cells: u32,
    /// Original pixels across and down one sample that is kept, and one of the component's own.
    pub(crate) cell: (u32, u32),
    pub(crate) times: (u32, u32),
    /// Which of the pairs of codes.
    pub(crate) pair: u32,
    /// The quantisation table in zigzag order.
    pub(crate) quantiser: [u16; 64],
}

/// A Huffman code for DC and one for AC symbols.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    dc: Arc<Code>,
    ac: Arc<Code>,
}

impl Pair {
    /// BITS and HUFFVAL of both (T.81, B.2.4.2): 16 counts by length, then the symbols.
    pub(crate) fn keys(&self) -> [&[u8]; 2] {
        [self.dc.key(), self.ac.key()]
    }
}

/// A baseline picture that qualifies.
#[derive(Debug, Clone)]
pub(crate) struct Compressed<'a> {
    bytes: &'a [u8],
    /// Where the scan's data begins.
    data: usize,
    /// Size of the picture in pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Y, and Cb and Cr where there are any.
    pub(crate) parts: Vec<Part>,
    /// The codes that they use, one or two pairs.
    pub(crate) pairs: Vec<Pair>,
    /// MCUs across, and all of them.
    pub(crate) mcus_wide: u32,
    pub(crate) mcus: u32,
    /// MCUs in a restart interval; all where there are none.
    pub(crate) restart: u32,
    /// How much is kept of luma.
    pub(crate) detail: Detail,
    /// As in [`Reading`](super::Reading).
    pub(crate) exif: Option<Range<usize>>,
    pub(crate) icc: Vec<u8>,
    /// What some blocks are judged by, where low frequencies count only if pixels would show the same.
    pub(super) judge: Option<Box<Judge>>,
}

/// What the data turned out to hold.
#[derive(Debug)]
pub(crate) struct Unstuffed {
    /// Where each restart interval lies, in bytes.
    pub(crate) intervals: Vec<Range<u32>>,
    /// What follows from the data.
    pub(super) random: Random,
}

impl Unstuffed {
    /// Bytes of the data.
    pub(super) fn bytes(&self) -> usize {
        self.intervals.last().map_or(0, |interval| interval.end as usize)
    }
}

impl Compressed<'_> {
    /// Blocks of an MCU.
    pub(crate) fn per_mcu(&self) -> u32 {
        self.parts.iter().map(|part| part.across * part.down).sum()
    }

    /// Blocks of the frame, those that only fill MCUs included.
    pub(crate) fn blocks(&self) -> u64 {
        u64::from(self.mcus) * u64::from(self.per_mcu())
    }

    /// Bytes that the data takes at most once it is unstuffed.
    pub(crate) fn most_bytes(&self) -> usize {
        self.bytes.len() - self.data
    }

    /// Restart intervals; one where there are none.
    pub(crate) fn intervals(&self) -> u32 {
        self.mcus.div_ceil(self.restart)
    }

    /// Gives the data to `put`, four bytes a big-endian word in the host's order, a piece at a time and zeros up to the last word's end.
    /// `None` where the file does not qualify after all: a restart marker is missing, too much
    /// or out of its turn, fill bytes stand in the data, or another scan follows. What `put` got is of no use then.
    pub(crate) fn unstuff(&self, level: Level, mut put: impl FnMut(&[u8])) -> Option<Unstuffed> {
        let mut words = Words { piece: [0; PIECE], used: 0, given: 0, level, put: &mut put };
        let wanted = self.intervals() as usize;
        let mut intervals = Vec::with_capacity(wanted);
        let mut at = self.data;
        let end = loop {
            let start = words.position();
            let (code, behind) = self.copy(at, &mut words)?;
            intervals.push(start as u32..words.position() as u32);
            let expected = 0xD0 + ((intervals.len() - 1) as u8 & 7);
            match code {
                Some(code) if intervals.len() < wanted && code == expected => at = behind,
                Some(code) if is_restart(code) => return None,
                Some(_) => break behind - 2,
                None => break behind,
            }
        };
        words.finish();
        let is_whole = intervals.len() == wanted && self.is_last(end);
        is_whole.then(|| Unstuffed { intervals, random: Random::of(&self.bytes[self.data..end]) })
    }

    /// Whether low frequencies count only where pixels would show the same.
    pub(crate) fn is_guarded(&self) -> bool {
        self.judge.is_some()
    }

    /// The picture of low frequencies, without its samples.
    pub(crate) fn picture(&self) -> Picture {
        let plane = |part: &Part| Plane {
            samples: Vec::new(),
            stride: 0,
            columns: self.width.div_ceil(part.cell.0),
            rows: self.height.div_ceil(part.cell.1),
            channels: 1,
            cell_width: part.cell.0,
            cell_height: part.cell.1,
        };
        let planes = Planes::Coarse { luma: plane(&self.parts[0]), colour: self.parts.get(1).map(plane) };
        Picture { width: self.width, height: self.height, planes }
    }

    /// Copies data from `at` up to the next marker; its code, `None` where the file ends, and the place behind it.
    fn copy(&self, mut at: usize, words: &mut Words<'_>) -> Option<(Option<u8>, usize)> {
        loop {
            let rest = &self.bytes[at..];
            let Some(found) = memchr(0xFF, rest) else {
                words.put(rest);
                return Some((None, self.bytes.len()));
            };
            match rest.get(found + 1) {
                Some(0x00) => {
                    words.put(&rest[..=found]);
                    at += found + 2;
                }
                // A fill byte: see `bits`.
                Some(0xFF) => return None,
                code => {
                    words.put(&rest[..found]);
                    return Some((code.copied(), (at + found + 2).min(self.bytes.len())));
                }
            }
        }
    }

    /// Whether no scan comes from `at` on, before the end of image or of what can be read.
    fn is_last(&self, at: usize) -> bool {
        let mut markers = Markers { bytes: self.bytes, at };
        loop {
            match markers.next() {
                Ok(Some(mark)) if mark.code == marker::SOS => return false,
                Ok(Some(mark)) if !matches!(mark.code, marker::EOI | marker::SOI) => {}
                _ => return true,
            }
        }
    }
}

/// Bytes that become big-endian words.
struct Words<'a> {
    piece: [u8; PIECE],
    used: usize,
    /// Bytes given before the piece.
    given: usize,
    level: Level,
    put: &'a mut dyn FnMut(&[u8]),
}

impl Words<'_> {
    fn position(&self) -> usize {
        self.given + self.used
    }

    #[inline]
    fn put(&mut self, mut bytes: &[u8]) {
        while bytes.len() >= PIECE - self.used {
            let (some, rest) = bytes.split_at(PIECE - self.used);
            self.piece[self.used..].copy_from_slice(some);
            self.used = PIECE;
            self.give();
            bytes = rest;
        }
        self.piece[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    /// Gives what there is, which is whole words.
    fn give(&mut self) {
        let piece = &mut self.piece[..self.used];
        wide(
            self.level,
            #[inline(always)]
            || {
                for word in piece.as_chunks_mut::<4>().0 {
                    *word = u32::from_be_bytes(*word).to_ne_bytes();
                }
            },
        );
        (self.put)(piece);
        self.given += self.used;
        self.used = 0;
    }

    fn finish(&mut self) {
        let end = self.used.next_multiple_of(4);
        self.piece[self.used..end].fill(0);
        self.used = end;
        if end > 0 {
            self.give();
        }
    }
}

/// What a coefficient counts in each cell of a block, for each that a component keeps at `cells` cells across: `[k][cell]`, with
/// [`BASIS_BITS`](transform::BASIS_BITS) behind the point.
pub(crate) fn matrix(kept: u32, cells: u32) -> Vec<i32> {
    let cells = cells as usize;
    let places = |k: usize| (0..cells * cells).map(move |cell| (k, cell % cells, cell / cells));
    let counts = |(k, x, y)| i32::from(transform::basis(transform::ZIGZAG[k], x, y, cells));
    (0..=kept as usize).flat_map(places).map(counts).collect()
}

impl Reader {
    /// The picture in a baseline file of which low frequencies are wanted by `rule`; `None` where it does not qualify.
    pub(super) fn compressed<'a>(
        &mut self,
        bytes: &'a [u8],
        rule: impl Fn(u32, u32) -> Detail,
        guarded: bool,
        limits: &Limits,
    ) -> Option<Compressed<'a>> {
        limits.check_file_bytes(bytes.len() as u64).ok()?;
        let (mut header, scan, markers) = self.headers(bytes).ok()?;
        let frame = header.frame.filter(|frame| frame.height > 0)?;
        check_size(&header, bytes, limits).ok()?;
        check_scans(1, &frame, bytes, limits).ok()?;
        let selection = Selection::new(&header, &frame, rule(frame.width as u32, frame.height as u32));
        if !is_simple(&frame, &scan, &selection) {
            return None;
        }
        header.latch(&frame, &scan).ok()?;
        header.huffman.complete(self.codes());
        let left = bytes.len() - markers.at;
        limits.check_decoder_bytes(selection.memory(&frame, &scan, left, header.restart)).ok()?;
        let mut pairs: Vec<Pair> = Vec::with_capacity(MOST_PAIRS);
        let mut parts = Vec::with_capacity(frame.components().len());
        for (index, coded) in selection.parts(&header, &frame, &scan).ok()?.enumerate() {
            let alike = |pair: &Pair| Arc::ptr_eq(&pair.dc, &coded.dc) && Arc::ptr_eq(&pair.ac, &coded.ac);
            let pair = pairs.iter().position(alike).unwrap_or(pairs.len());
            if pair == pairs.len() {
                pairs.push(Pair { dc: coded.dc, ac: coded.ac });
            }
            parts.push(part(&header, &frame, &scan, &selection, (index, pair as u32))?);
        }
        let judge = guarded.then(|| {
            let quantisers = [0, 1, 2, 3].map(|component| header.quantiser(component));
            Box::new(Judge::new(quantisers, detail::kept(selection.details[0]), parts.len() == 3))
        });
        // What every pixel may show otherwise is not looked at here.
        if guarded && selection.slots == 64 || judge.as_ref().is_some_and(|judge| judge.has_large_step()) {
            return None;
        }
        let mcus = scan.mcus as u32;
        let restart = if header.restart == 0 { mcus } else { (header.restart as u32).min(mcus) };
        let compressed = Compressed {
            bytes,
            data: markers.at,
            width: frame.width as u32,
            height: frame.height as u32,
            parts,
            pairs,
            mcus_wide: scan.wide as u32,
            mcus,
            restart,
            detail: selection.detail,
            exif: header.exif.take(),
            icc: std::mem::take(&mut header.icc).joined(),
            judge,
        };
        let has_bits = compressed.blocks() * LEAST_BITS <= 8 * left as u64;
        let fits = compressed.pairs.len() <= MOST_PAIRS && compressed.per_mcu() as usize <= MOST_PLACES;
        (has_bits && fits).then_some(compressed)
    }
}

/// Whether one scan holds all components in frame order, whose low frequencies make planes of grey or YCbCr, Cb and Cr alike.
fn is_simple(frame: &Frame, scan: &Scan, selection: &Selection) -> bool {
    let in_order = scan.parts().iter().enumerate().all(|(index, part)| part.component == index);
    let alike = match (selection.colour, frame.components()) {
        (Colour::Grey, _) => true,
        (Colour::YCbCr, [_, cb, cr]) => {
            let of = |component: &Component| (component.across, component.down);
            of(cb) == of(cr) && selection.details[1] == selection.details[2]
        }
        _ => false,
    };
    frame.process == Process::Sequential
        && !selection.is_full()
        && selection.ends_with(frame, scan)
        && in_order
        && alike
}

fn part(
    header: &Header,
    frame: &Frame,
    scan: &Scan,
    selection: &Selection,
    (index, pair): (usize, u32),
) -> Option<Part> {
    let component = &frame.components()[index];
    let n = selection.details[index];
    let (across, down) = scan.alone(frame).map_or((component.across, component.down), |_| (1, 1));
    Some(Part {
        across: across as u32,
        down: down as u32,
        wide: component.blocks_wide as u32,
        high: component.blocks_high as u32,
        kept: detail::kept(n),
        cells: detail::cells(n) as u32,
        cell: Source::cell(frame, component, n)?,
        times: ((frame.across / component.across) as u32, (frame.down / component.down) as u32),
        pair,
        quantiser: *header.quantiser(index),
    })
}
