//! From compressed pictures to their sums: the stages that decode and those that sum, one batch in one submission.

use std::sync::Arc;
use std::time::Duration;

use fearless_simd::Level;

use super::batch::{self, PlaneParts, PlanePlace, lane_shift, planes_of};
use super::stages::{Buffers, Stages};
use crate::backend::Sums;
use crate::backend::gpu::batch::{Allocation, Batch, PlaneAllocation, PlaneSize};
use crate::backend::gpu::capacity::Capacity;
use crate::backend::gpu::device::Device;
use crate::backend::gpu::slot::Slot;
use crate::backend::gpu::tables::Tables;
use crate::backend::layout::{Layout, Samples, Shape};
use crate::decode::jpeg::Compressed;
use crate::error::{Error, Result};
use crate::signature::Algorithm;

/// Both halves of a batch.
#[derive(Debug)]
pub(super) struct Both<'a> {
    device: &'a Device,
    stages: &'a Stages,
    level: Level,
    buffers: Buffers,
    compressed: batch::Batch,
    slot: Slot,
    sums: Batch,
    /// Each picture's number among the compressed ones and its part of the sums; `None` where it does not qualify after all.
    placed: Vec<Option<(u32, Allocation)>>,
    shapes: Vec<Arc<Tables>>,
}

impl<'a> Both<'a> {
    pub(super) fn new(
        device: &'a Device,
        stages: &'a Stages,
        compressed: batch::Capacity,
        sums: Capacity,
    ) -> Both<'a> {
        Both {
            device,
            stages,
            level: Level::new(),
            buffers: Buffers::new(device, compressed),
            compressed: batch::Batch::new(compressed, stages.window),
            slot: Slot::new(device, sums),
            sums: Batch::new(sums),
            placed: Vec::new(),
            shapes: Vec::new(),
        }
    }

    /// Adds a picture; whether there was room.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where a buffer is lost.
    pub(super) fn add(&mut self, picture: &Compressed<'_>, algorithms: &[Algorithm]) -> Result<bool> {
        let Some(reserved) = self.compressed.reserve(picture, lane_shift(picture.most_bytes())) else {
            return Ok(false);
        };
        let tables = self.tables(picture, algorithms);
        let mut sizes =
            planes_of(picture).map(|PlaneParts { columns, rows, .. }| PlaneSize::of_words(columns, rows));
        let Some(luma) = sizes.next() else { return Ok(false) };
        let Some(allocation) = self.sums.add_planes(&tables, luma, sizes.next()) else { return Ok(false) };
        if let Some(at) = allocation.tables_at {
            self.slot.fill_tables(at, &allocation.tables.words)?;
        }
        let place = |of: &PlaneAllocation| PlanePlace { at: of.at, pitch: of.pitch, rows: of.rows as u32 };
        // A colour plane that no algorithm asks for is made without samples, since its values may leave 16 bits all the same.
        let colour = allocation.colour.as_ref().map_or(PlanePlace { at: 0, pitch: 0, rows: 0 }, place);
        let places = [Some(place(&allocation.luma)), Some(colour)];
        let intervals = self.buffers.fill(self.level, picture, &reserved)?;
        let number =
            intervals.and_then(|intervals| self.compressed.place(picture, &reserved, &intervals, places));
        self.placed.push(number.map(|number| (number, allocation)));
        Ok(true)
    }

    fn tables(&mut self, picture: &Compressed<'_>, algorithms: &[Algorithm]) -> Arc<Tables> {
        let cell = |part: usize| picture.parts.get(part).map(|part| part.cell);
        let samples = Samples::Coarse { luma: cell(0).unwrap_or((1, 1)), colour: cell(1) };
        let shape = Shape { width: picture.width, height: picture.height, samples };
        let known = self.shapes.iter().find(|tables| tables.layout.fits(shape, algorithms)).cloned();
        known.unwrap_or_else(|| {
            self.shapes.push(Arc::new(Tables::new(Layout::new(shape, algorithms))));
            self.shapes[self.shapes.len() - 1].clone()
        })
    }

    /// Sends the batch and waits for it: each picture's sums in the order in which they were added, `None` of one that the CPU has to read.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the device fails or `patience` ends.
    pub(super) fn run(mut self, patience: Duration) -> Result<Vec<Option<Sums>>> {
        if self.placed.iter().all(Option::is_none) {
            return Ok(self.placed.iter().map(|_| None).collect());
        }
        self.compressed.close();
        self.slot.submit_behind(self.device, &self.sums, |encoder, samples| {
            self.buffers.send(encoder, &self.compressed)?;
            self.stages.encode(self.device, encoder, &self.buffers, &self.compressed, samples);
            self.buffers.receive(encoder, &self.compressed);
            Ok(())
        })?;
        let found = self.buffers.found(self.device, &self.compressed, patience)?;
        self.device.wait(patience)?;
        if !self.slot.ready()? {
            return Err(Error::Device("the batch did not come back".to_string()));
        }
        let sums = |(number, allocation): &(u32, Allocation), words: &[u32]| {
            found[*number as usize].is_good().then(|| allocation.sums(words))
        };
        self.slot.results(self.device, |words, _| {
            self.placed.iter().map(|placed| placed.as_ref().and_then(|placed| sums(placed, words))).collect()
        })
    }
}
