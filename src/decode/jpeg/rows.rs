//! Which of a picture's rows came out whole.

use super::frame::Frame;
use super::scan::Scan;
use std::ops::Range;

/// One flag for each row of interleaved MCUs.
#[derive(Debug, Default)]
pub(super) struct Rows {
    broken: Vec<bool>,
}

impl Rows {
    pub(super) fn reset(&mut self, frame: &Frame) {
        self.broken.clear();
        self.broken.resize(frame.mcus_high, false);
    }

    /// Notes a scan: `whole` are its MCUs that came out, in order.
    pub(super) fn note(&mut self, frame: &Frame, scan: &Scan, whole: impl Iterator<Item = Range<usize>>) {
        let mut done = 0;
        for range in whole {
            self.mark(frame, scan, done..range.start);
            done = done.max(range.end);
        }
        self.mark(frame, scan, done..scan.mcus);
    }

    /// Marks the rows of missing MCUs.
    fn mark(&mut self, frame: &Frame, scan: &Scan, missing: Range<usize>) {
        if missing.is_empty() {
            return;
        }
        let down = scan.alone(frame).map_or(1, |component| component.down);
        let first = missing.start / scan.wide / down;
        let last = (missing.end - 1) / scan.wide / down;
        self.broken[first..=last].fill(true);
    }

    pub(super) fn mark_all(&mut self) {
        self.broken.fill(true);
    }

    /// The share of the picture's rows that is whole; `None` for all of them.
    pub(super) fn whole(&self, frame: &Frame) -> Option<f32> {
        if !self.broken.contains(&true) {
            return None;
        }
        let high = 8 * frame.down;
        let rows = |(index, _): (usize, &bool)| high.min(frame.height - index * high);
        let whole: usize = self.broken.iter().enumerate().filter(|(_, broken)| !**broken).map(rows).sum();
        Some(whole as f32 / frame.height as f32)
    }
}
