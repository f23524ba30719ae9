//! How much of a frame is kept, and which scans that takes.

use super::Refer;
use super::detail;
use super::frame::{Component, Frame};
use super::header::Header;
use super::planes::Source;
use super::scan::Scan;
use crate::decode::Detail;

/// How a frame's components make colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    YCbCr,
    Rgb,
}

/// What is kept of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// n, as it was asked for.
    pub(super) detail: u8,
    /// n of each component.
    pub(super) details: [u8; 4],
    pub(super) colour: Colour,
    /// Coefficients stored a block.
    pub(super) slots: usize,
    /// Whether every scan is read, for the rows alone.
    pub(super) judge: bool,
}

/// A scan of a progressive file, found before any is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) scan: Scan,
    /// The place behind the scan's entropy-coded data.
    pub(super) end: usize,
    pub(super) wanted: bool,
}

impl Plan {
    /// The plan for a detail, or why there is none.
    pub(super) fn new(header: &Header, frame: &Frame, detail: Detail) -> Result<Plan, Refer> {
        let detail = match detail {
            Detail::Full => return Err(Refer::Rule),
            Detail::Scaled(n) => detail::at_least(n.into()),
        };
        let colour = colour(header, frame)?;
        let mut details = [1; 4];
        for (index, component) in frame.components().iter().enumerate() {
            details[index] = match colour {
                Colour::YCbCr if index > 0 => chroma(frame, component, detail),
                _ => refine(detail, coarseness(frame, component)),
            };
            Source::cell(frame, component, details[index]).ok_or(Refer::Sampling)?;
        }
        let most = details.into_iter().max().unwrap_or(1);
        Ok(Plan { detail, details, colour, slots: detail::slots(most), judge: false })
    }

    /// Nothing kept, everything walked.
    pub(super) fn judge() -> Plan {
        Plan { detail: 1, details: [1; 4], colour: Colour::Grey, slots: 1, judge: true }
    }

    /// Everything kept.
    #[cfg(test)]
    pub(super) fn everything() -> Plan {
        Plan { detail: 8, details: [8; 4], colour: Colour::Grey, slots: 64, judge: false }
    }

    /// Memory that reading takes, in bytes, for a file of which `data` bytes are left.
    pub(super) fn memory(&self, frame: &Frame, data: usize) -> u64 {
        let samples = detail::cells(self.detail).pow(2) * 2 * 3;
        // Stored, logged, and the history of progressive frames.
        let block = 2 * self.slots * 2 + 8;
        frame.blocks() as u64 * (block + samples) as u64 + 2 * data as u64
    }

    /// Marks the scans that hold something kept, and those that a wanted refinement builds on.
    pub(super) fn choose(&self, scans: &mut [Listed], components: usize) {
        let mut needed: [u64; 4] = self.details.map(|detail| band(0, detail::kept(detail)));
        if self.judge {
            needed[..components].fill(u64::MAX);
        }
        for listed in scans.iter_mut().rev() {
            let scan = &listed.scan;
            let sent = band(scan.first, scan.last.min(63));
            listed.wanted = scan.parts().iter().any(|part| needed[part.component] & sent != 0);
            if listed.wanted && scan.first > 0 && scan.high > 0 {
                scan.parts().iter().for_each(|part| needed[part.component] |= sent);
            }
        }
    }
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

/// What the components mean, told as libjpeg tells it: by JFIF, then Adobe's flag, then their names.
fn colour(header: &Header, frame: &Frame) -> Result<Colour, Refer> {
    let components = frame.components();
    let rgb = match (components.len(), header.jfif, header.adobe) {
        (1, ..) => return Ok(Colour::Grey),
        (3, true, _) => false,
        (3, false, Some(transform)) => transform == 0,
        (3, false, None) => components.iter().map(|component| component.id).eq(*b"RGB"),
        _ => return Err(Refer::Components),
    };
    let first = &components[0];
    let alike = |component: &Component| (component.across, component.down) == (first.across, first.down);
    match rgb {
        false => Ok(Colour::YCbCr),
        true if components.iter().all(alike) => Ok(Colour::Rgb),
        true => Err(Refer::Sampling),
    }
}
