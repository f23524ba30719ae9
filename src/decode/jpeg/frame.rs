//! The frame header: size, components and how their blocks lie (T.81, B.2.2 and A.1–A.2).

use super::marker::{Mark, Markers, SOS, Segment, corrupt, is_frame};
use crate::error::Result;

/// How a frame's coefficients are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// SOF0 and SOF1: each block's coefficients in one scan.
    Sequential,
    /// SOF2: spread over scans.
    Progressive,
}

/// One component's parameters and layout.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Component {
    /// Ci, the name that scans call it by.
    pub(super) id: u8,
    /// Hi, horizontal sampling factor, 1..=4.
    pub(super) across: usize,
    /// Vi, vertical sampling factor, 1..=4.
    pub(super) down: usize,
    /// Tqi, the quantisation table's place; whether there is one matters to who reads with it.
    pub(super) quantiser: usize,
    /// Samples across and down that hold picture.
    pub(super) width: usize,
    pub(super) height: usize,
    /// The same in blocks: what a scan of this component alone codes.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
    /// Blocks across and down with those that fill the last MCUs: what is stored.
    pub(super) stride: usize,
    pub(super) rows: usize,
}

/// A frame header with the layout that follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) process: Process,
    /// X, in pixels.
    pub(super) width: usize,
    /// Y, in pixels; 0 where a DNL segment is to give it.
    pub(super) height: usize,
    /// Hmax and Vmax.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Interleaved MCUs across and down.
    pub(super) mcus_wide: usize,
    pub(super) mcus_high: usize,
    components: [Component; 4],
    count: usize,
}

/// Size and components that a frame header announces, whatever else is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) struct Announced {
    /// Of SOF0 and SOF1.
    pub(in crate::decode) is_sequential: bool,
    pub(in crate::decode) width: u16,
    pub(in crate::decode) height: u16,
    pub(in crate::decode) components: u8,
}

impl Announced {
    /// What the frame header before the first scan of a stream announces, of whatever process.
    pub(in crate::decode) fn of(bytes: &[u8]) -> Option<Announced> {
        let mut markers = Markers::of(bytes).ok()?;
        loop {
            let Mark { code, mut segment, .. } = markers.next().ok()??;
            if is_frame(code) {
                segment.u8().ok()?;
                let (height, width) = (segment.u16().ok()?, segment.u16().ok()?);
                let is_sequential = matches!(code, 0xC0 | 0xC1);
                return Some(Announced { is_sequential, width, height, components: segment.u8().ok()? });
            }
            if code == SOS {
                return None;
            }
        }
    }
}

impl Frame {
    /// Reads the header behind SOF0, SOF1 or SOF2, precision already checked.
    pub(super) fn parse(process: Process, mut segment: Segment<'_>) -> Result<Frame> {
        segment.u8()?;
        let height = usize::from(segment.u16()?);
        let width = usize::from(segment.u16()?);
        let count = usize::from(segment.u8()?);
        if width == 0 {
            return Err(corrupt("the frame is 0 pixels wide"));
        }
        if !(1..=4).contains(&count) {
            return Err(corrupt(format!("the frame has {count} components")));
        }
        let mut components = [Component::default(); 4];
        for place in &mut components[..count] {
            *place = component(&mut segment)?;
        }
        let across = components[..count].iter().map(|c| c.across).max().unwrap_or(1);
        let down = components[..count].iter().map(|c| c.down).max().unwrap_or(1);
        let mut frame =
            Frame { process, width, height, across, down, mcus_wide: 0, mcus_high: 0, components, count };
        frame.set_height(height);
        Ok(frame)
    }

    /// Lays the blocks out for a height in pixels.
    pub(super) fn set_height(&mut self, height: usize) {
        self.height = height;
        self.mcus_wide = self.width.div_ceil(8 * self.across);
        self.mcus_high = height.div_ceil(8 * self.down);
        for component in &mut self.components[..self.count] {
            component.width = (self.width * component.across).div_ceil(self.across);
            component.height = (height * component.down).div_ceil(self.down);
            component.blocks_wide = component.width.div_ceil(8);
            component.blocks_high = component.height.div_ceil(8);
            component.stride = self.mcus_wide * component.across;
            component.rows = self.mcus_high * component.down;
        }
    }

    pub(super) fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// Channels of the picture's pixels: 1 for grey, 3 for R, G, B.
    pub(super) fn channels(&self) -> usize {
        if self.count == 1 { 1 } else { 3 }
    }

    /// Stored blocks of all components.
    pub(super) fn blocks(&self) -> usize {
        self.components().iter().map(|c| c.stride * c.rows).sum()
    }
}

fn component(segment: &mut Segment<'_>) -> Result<Component> {
    let id = segment.u8()?;
    let (across, down) = segment.nibbles()?;
    let quantiser = usize::from(segment.u8()?);
    if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
        return Err(corrupt(format!("a component has sampling factors {across}×{down}")));
    }
    Ok(Component { id, across: across.into(), down: down.into(), quantiser, ..Component::default() })
}
