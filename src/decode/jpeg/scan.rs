//! The scan header (T.81, B.2.3 and A.2).

use super::frame::{Component, Frame};
use super::marker::{Segment, corrupt};
use crate::error::Result;

/// One component of a scan.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ScanComponent {
    /// Its index in the frame.
    pub(super) component: usize,
    /// Td and Ta, the Huffman tables' places; whether there are such tables, and whole ones, matters to who reads with them.
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// A scan header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scan {
    parts: [ScanComponent; 4],
    count: usize,
    /// Ss and Se, first and last coefficient in zigzag order.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Ah and Al, bit positions before and after.
    pub(super) high: u32,
    pub(super) low: u32,
    /// MCUs across and down in this scan.
    pub(super) wide: usize,
    pub(super) mcus: usize,
}

impl Scan {
    /// Reads the header behind SOS.
    ///
    /// Where components share a name, it stands for the first of them whose place in the frame is not before its own place in the scan: that
    /// is libjpeg's rule, under which a scan cannot name components in another order than the frame.
    pub(super) fn parse(frame: &Frame, mut segment: Segment<'_>) -> Result<Scan> {
        let count = usize::from(segment.u8()?);
        if !(1..=4).contains(&count) || segment.len() != 2 * count + 3 {
            return Err(corrupt(format!("a scan has {count} components, or a header of another length")));
        }
        let mut parts = [ScanComponent::default(); 4];
        for index in 0..count {
            let id = segment.u8()?;
            let (dc, ac) = segment.nibbles()?;
            let mut named = frame.components().iter().enumerate().skip(index);
            let found = named.find(|(_, component)| component.id == id);
            let (component, _) =
                found.ok_or_else(|| corrupt("a scan names a component that is not there"))?;
            if parts[..index].iter().any(|part| part.component == component) {
                return Err(corrupt("a scan names a component twice"));
            }
            parts[index] = ScanComponent { component, dc: dc.into(), ac: ac.into() };
        }
        let (first, last) = (segment.u8()?.into(), segment.u8()?.into());
        let (high, low) = segment.nibbles()?;
        let mut scan =
            Scan { parts, count, first, last, high: high.into(), low: low.into(), wide: 0, mcus: 0 };
        scan.set_size(frame);
        Ok(scan)
    }

    /// Counts MCUs, anew where the frame's height was not known.
    pub(super) fn set_size(&mut self, frame: &Frame) {
        (self.wide, self.mcus) = match self.alone(frame) {
            Some(component) => (component.blocks_wide, component.blocks_wide * component.blocks_high),
            None => (frame.mcus_wide, frame.mcus_wide * frame.mcus_high),
        };
    }

    pub(super) fn parts(&self) -> &[ScanComponent] {
        &self.parts[..self.count]
    }

    /// The component of a scan that is not interleaved.
    pub(super) fn alone<'a>(&self, frame: &'a Frame) -> Option<&'a Component> {
        (self.count == 1).then(|| &frame.components()[self.parts[0].component])
    }

    /// Checks the progression parameters (T.81, G.1.1.1).
    pub(super) fn check_progressive(&self) -> Result<()> {
        let dc = self.first == 0 && self.last == 0;
        let ac = self.first >= 1 && self.first <= self.last && self.last <= 63 && self.count == 1;
        let bits = self.low <= 13 && (self.high == 0 || self.high == self.low + 1);
        if !(dc || ac) || !bits {
            return Err(corrupt("a scan's progression parameters contradict each other"));
        }
        Ok(())
    }
}
