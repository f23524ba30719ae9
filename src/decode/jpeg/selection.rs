//! How much of a frame is kept, and which scans that takes.

use super::detail;
use super::frame::{Component, Frame, Process};
use super::header::Header;
use super::machine::CodedComponent;
use super::planes::Source;
use super::scan::Scan;
use super::sequential;
use crate::decode::Detail;
use crate::error::Result;
use std::sync::Arc;

/// How a frame's components make colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Colour {
    #[default]
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// What is kept of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selection {
    pub(super) detail: Detail,
    /// n of each component.
    pub(super) details: [u8; 4],
    pub(super) colour: Colour,
    /// Coefficients stored a block.
    pub(super) slots: usize,
    /// Whether scans behind one with every component count.
    pub(super) overlaid: bool,
    /// Whether low frequencies count only where pixels would show the same.
    pub(super) guarded: bool,
}

/// A scan of a progressive file, found before any is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) scan: Scan,
    /// The place behind the scan's entropy-coded data.
    pub(super) end: usize,
    pub(super) wanted: bool,
    /// Whether rows that it lacks are damaged.
    pub(super) counts: bool,
}

impl Selection {
    /// The selection for a detail: every pixel where low frequencies do not make up the picture.
    pub(super) fn new(header: &Header, frame: &Frame, detail: Detail) -> Selection {
        let colour = colour(header, frame);
        let scaled = match detail {
            Detail::Full => None,
            Detail::Scaled(n) => Selection::scaled(frame, colour, detail::at_least(n.into())),
        };
        scaled.unwrap_or(Selection {
            detail: Detail::Full,
            details: [8; 4],
            colour,
            slots: 64,
            overlaid: false,
            guarded: false,
        })
    }

    /// The selection for the lowest n×n frequencies. `None` where colours are no linear function of the components, or a cell is not made
    /// of whole pixels.
    fn scaled(frame: &Frame, colour: Colour, n: u8) -> Option<Selection> {
        let components = frame.components();
        let first = &components[0];
        let alike = |component: &Component| (component.across, component.down) == (first.across, first.down);
        let linear = match colour {
            Colour::Grey | Colour::YCbCr => true,
            Colour::Rgb => components.iter().all(alike),
            Colour::Cmyk | Colour::Ycck => false,
        };
        let mut details = [1; 4];
        for (index, component) in components.iter().enumerate().filter(|_| linear) {
            details[index] = match colour {
                Colour::YCbCr if index > 0 => chroma(frame, component, n),
                _ => refine(n, coarseness(frame, component)),
            };
            Source::cell(frame, component, details[index])?;
        }
        let most = details.into_iter().max().unwrap_or(1);
        let (detail, slots) = (Detail::Scaled(n), detail::slots(most));
        linear.then_some(Selection { detail, details, colour, slots, overlaid: false, guarded: false })
    }

    /// Everything kept, as coefficients.
    #[cfg(test)]
    pub(super) fn everything() -> Selection {
        Selection {
            detail: Detail::Scaled(8),
            details: [8; 4],
            colour: Colour::Grey,
            slots: 64,
            overlaid: false,
            guarded: false,
        }
    }

    /// Whether pixels are made.
    pub(super) fn is_full(&self) -> bool {
        self.detail == Detail::Full
    }

    /// Whether the first scan is the picture, and no other scan has a part in it: it holds every component.
    pub(super) fn ends_with(&self, frame: &Frame, scan: &Scan) -> bool {
        !self.overlaid && is_alone(frame, scan)
    }

    /// Whether the blocks of a scan become pixels as they come.
    pub(super) fn streams(&self, frame: &Frame, scan: &Scan) -> bool {
        self.is_full() && self.ends_with(frame, scan)
    }

    /// Memory that reading takes, in bytes, for a file of which `data` bytes are left, whose first scan is `scan` and whose restart
    /// intervals have `restart` MCUs.
    pub(super) fn memory(&self, frame: &Frame, scan: &Scan, data: usize, restart: usize) -> u64 {
        let blocks = frame.blocks() as u64;
        // The unstuffed data, and where its intervals lie.
        let stream = 2 * data as u64 + 8 * (data as u64 / 2).min(blocks);
        let a_block = 2 * self.slots as u64;
        let per_mcu = frame.components().iter().map(|c| c.across * c.down).sum();
        let (logged, history) = match frame.process {
            Process::Progressive => (0, 8),
            Process::Sequential if self.slots < 64 => (blocks, 0),
            Process::Sequential => (sequential::most_logged(data, restart, per_mcu).min(blocks), 0),
        };
        let stored = if self.streams(frame, scan) { 0 } else { blocks * (a_block + history) };
        let made = if self.is_full() {
            let rows = frame.components().iter().map(|c| 2 * (8 * c.stride * 8 * c.down) as u64);
            (frame.width * frame.height * frame.channels()) as u64 + rows.sum::<u64>()
        } else {
            blocks * detail::cells(self.details[0]).pow(2) as u64 * 2 * 3
        };
        made + stored + logged * a_block + stream
    }

    /// Marks the scans that hold something kept, and those that a wanted refinement builds on.
    pub(super) fn choose(&self, scans: &mut [Listed], mut mark: impl FnMut(&mut Listed)) {
        let mut needed: [u64; 4] = self.details.map(|detail| band(0, detail::kept(detail)));
        for listed in scans.iter_mut().rev() {
            let scan = listed.scan;
            let sent = band(scan.first, scan.last.min(63));
            if scan.parts().iter().any(|part| needed[part.component] & sent != 0) {
                mark(listed);
                if scan.first > 0 && scan.high > 0 {
                    scan.parts().iter().for_each(|part| needed[part.component] |= sent);
                }
            }
        }
    }

    /// A sequential scan's components with their codes.
    pub(super) fn parts(
        &self,
        header: &Header,
        frame: &Frame,
        scan: &Scan,
    ) -> Result<impl Iterator<Item = CodedComponent>> {
        let mut parts: [Option<CodedComponent>; 4] = Default::default();
        for (to, part) in parts.iter_mut().zip(scan.parts()) {
            let (dc, ac) = (Arc::clone(header.huffman.dc(part.dc)?), Arc::clone(header.huffman.ac(part.ac)?));
            let component = &frame.components()[part.component];
            let blocks = if scan.parts().len() == 1 { 1 } else { component.across * component.down };
            *to = Some(CodedComponent { dc, ac, blocks, kept: detail::kept(self.details[part.component]) });
        }
        Ok(parts.into_iter().flatten())
    }
}

/// Whether a scan of a sequential frame holds every component: where it is the first, it is the picture, and nothing behind it counts.
pub(super) fn is_alone(frame: &Frame, scan: &Scan) -> bool {
    frame.process == Process::Sequential && scan.parts().len() == frame.components().len()
}

/// Bits `first` to `last`.
fn band(first: u32, last: u32) -> u64 {
    if first > last { 0 } else { u64::MAX >> (63 - last) & u64::MAX << first }
}

/// How many times wider or higher than the finest component's a component's samples are, rounded up.
fn coarseness(frame: &Frame, component: &Component) -> usize {
    frame.across.div_ceil(component.across).max(frame.down.div_ceil(component.down))
}

/// A detail for samples `times` as coarse.
fn refine(detail: u8, times: usize) -> u8 {
    detail::at_least(usize::from(detail) * times.next_power_of_two())
}

/// Of chroma, at its usual half resolution, less is enough.
fn chroma(frame: &Frame, component: &Component, detail: u8) -> u8 {
    let enough = match frame.width.min(frame.height) {
        800.. => 1,
        288.. => 2,
        _ => 4,
    };
    refine(detail.min(enough), coarseness(frame, component).div_ceil(2))
}

/// What the components mean, decided as libjpeg does: by JFIF, then Adobe's flag, then their names.
fn colour(header: &Header, frame: &Frame) -> Colour {
    let components = frame.components();
    match (components.len(), header.jfif, header.adobe) {
        (1, ..) => Colour::Grey,
        (3, false, Some(0)) => Colour::Rgb,
        (3, false, None) if components.iter().map(|component| component.id).eq(*b"RGB") => Colour::Rgb,
        (3, ..) => Colour::YCbCr,
        (_, _, None | Some(0)) => Colour::Cmyk,
        _ => Colour::Ycck,
    }
}
