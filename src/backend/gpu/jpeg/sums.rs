//! From compressed pictures to their sums: one batch by itself, waited for.

use std::sync::Arc;
use std::time::Duration;

use super::batch;
use super::decoder::{Decoder, Placed, shape};
use crate::backend::Sums;
use crate::backend::gpu::batch::{Allocation, Batch};
use crate::backend::gpu::capacity::Capacity;
use crate::backend::gpu::device::{Device, Timestamps};
use crate::backend::gpu::slot::Slot;
use crate::backend::gpu::tables::Tables;
use crate::backend::layout::Layout;
use crate::decode::jpeg::Compressed;
use crate::error::{Error, Result};
use crate::signature::Algorithm;

/// Both halves of a batch.
#[derive(Debug)]
pub(super) struct Both<'a> {
    device: &'a Device,
    decoder: Decoder,
    compressed: batch::Batch,
    slot: Slot,
    sums: Batch,
    /// Each picture with its part of the sums; `None` where it does not qualify after all.
    placed: Vec<Option<(Placed, Allocation)>>,
    shapes: Vec<Arc<Tables>>,
}

impl<'a> Both<'a> {
    /// A batch of about so many bytes of compressed data.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the driver refuses.
    pub(super) fn new(device: &'a Device, bytes: u64, sums: Capacity) -> Result<Both<'a>> {
        let decoder = Decoder::new(device, 1, bytes)?;
        let decoder =
            decoder.ok_or_else(|| Error::Device("its buffers are too small for batches".to_string()))?;
        Ok(Both {
            device,
            compressed: decoder.batch(),
            decoder,
            slot: Slot::new(device, sums, Timestamps::None),
            sums: Batch::new(sums),
            placed: Vec::new(),
            shapes: Vec::new(),
        })
    }

    /// Adds a picture; whether there was room.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where a buffer is lost.
    pub(super) fn add(&mut self, picture: &Compressed<'_>, algorithms: &[Algorithm]) -> Result<bool> {
        let tables = self.tables(picture, algorithms);
        let halves = (&mut self.compressed, &mut self.sums);
        let mut codes = self.decoder.codes(picture);
        let Some((reserved, allocation)) = Decoder::reserve(halves, picture, &mut codes, &tables) else {
            return Ok(false);
        };
        if let Some(at) = allocation.tables_at {
            self.slot.fill_tables(at, &allocation.tables.words)?;
        }
        let unstuffed = self.decoder.fill(self.device, 0, picture, &reserved)?;
        let placed = unstuffed.and_then(|unstuffed| {
            let read = (&unstuffed, picture.guards(&unstuffed));
            Decoder::place(&mut self.compressed, picture, (&reserved, &allocation), read)
        });
        self.placed.push(placed.map(|placed| (placed, allocation)));
        Ok(true)
    }

    fn tables(&mut self, picture: &Compressed<'_>, algorithms: &[Algorithm]) -> Arc<Tables> {
        let shape = shape(picture);
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
        self.decoder.submit(self.device, (0, &self.slot), (&mut self.compressed, &self.sums))?;
        self.device.wait(patience)?;
        if !self.slot.ready()? {
            return Err(Error::Device("the batch did not come back".to_string()));
        }
        let results = self.decoder.results(self.device, 0, &self.compressed)?;
        let placed = self.placed;
        self.slot.results(self.device, |words, _| {
            let sums = |(placed, allocation): (Placed, Allocation)| {
                let check = placed.verdict(&results)?;
                (!check.is_some_and(crate::backend::Check::wants_pixels))
                    .then(|| self.sums.sums(&allocation, words).expect("this batch's"))
            };
            placed.into_iter().map(|placed| placed.and_then(sums)).collect()
        })
    }
}
