//! One batch by itself, waited for: for the probe, for measurements and for tests.

use std::sync::Arc;
use std::time::Duration;

use super::batch::{Allocation, Batch};
use super::capacity::Capacity;
use super::device::{Device, Timestamps};
use super::slot::{Slot, Timings};
use super::tables::Tables;
use crate::backend::Sums;
use crate::backend::layout::{Layout, Shape};
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::signature::Algorithm;

/// What one batch gave, with the grid points in between.
#[derive(Debug)]
pub(crate) struct Run {
    /// One per picture.
    pub(crate) sums: Vec<Sums>,
    /// One per picture: its grids one after the other, row-major; luma first, then colour.
    pub(crate) points: Vec<Vec<u64>>,
}

/// Runs `pictures` as one batch and waits for it.
///
/// # Errors
///
/// [`Error::Device`] where the pictures do not fit, the device fails, or `patience` ends.
pub(crate) fn run(
    device: &Device,
    capacity: Capacity,
    pictures: &[Picture],
    algorithms: &[Algorithm],
    patience: Duration,
) -> Result<Run> {
    let slot = Slot::new(device, capacity, Timestamps::None);
    let single = Single::fill(device, slot, capacity, pictures, algorithms)?;
    let (sums, _) = single.turn(patience)?;
    Ok(Run { sums, points: single.points(patience)? })
}

/// A batch in the buffers of a slot, which can be run any number of times.
pub(super) struct Single<'a> {
    device: &'a Device,
    slot: Slot,
    batch: Batch,
    allocations: Vec<Allocation>,
}

impl<'a> Single<'a> {
    /// Copies `pictures` into the slot's staging buffer.
    pub(super) fn fill(
        device: &'a Device,
        slot: Slot,
        capacity: Capacity,
        pictures: &[Picture],
        algorithms: &[Algorithm],
    ) -> Result<Single<'a>> {
        let mut batch = Batch::new(capacity);
        let mut shapes: Vec<Arc<Tables>> = Vec::new();
        let mut allocations = Vec::new();
        for picture in pictures {
            let shape = Shape::of(picture);
            let known = shapes.iter().find(|tables| tables.layout.fits(shape, algorithms)).cloned();
            let tables = known.unwrap_or_else(|| {
                shapes.push(Arc::new(Tables::new(Layout::new(shape, algorithms))));
                shapes[shapes.len() - 1].clone()
            });
            let allocation = batch.add(&tables, picture);
            let allocation =
                allocation.ok_or_else(|| Error::Device("the batch is too small for its pictures".into()))?;
            super::fill(&slot, &allocation, picture, &|piece| piece())?;
            allocations.push(allocation);
        }
        Ok(Single { device, slot, batch, allocations })
    }

    /// Sends the batch, and waits for its results.
    pub(super) fn turn(&self, patience: Duration) -> Result<(Vec<Sums>, Timings)> {
        self.slot.submit(self.device, &self.batch)?;
        self.device.wait(patience)?;
        if !self.slot.ready()? {
            return Err(Error::Device("the batch did not come back".to_string()));
        }
        let (sums, timings) = self.slot.results(self.device, |words, timings| {
            let sums = self.allocations.iter().map(|allocation| self.batch.sums(allocation, words));
            (sums.collect::<Option<Vec<_>>>(), timings)
        })?;
        Ok((sums.ok_or_else(|| self.device.broken("dct", "another batch's sums"))?, timings))
    }

    /// The grid points of the last turn, by picture.
    fn points(&self, patience: Duration) -> Result<Vec<Vec<u64>>> {
        let points = self.slot.points(self.device, self.batch.points(), patience)?;
        Ok(self
            .allocations
            .iter()
            .map(|allocation| points[self.batch.points_of(allocation)].to_vec())
            .collect())
    }
}
