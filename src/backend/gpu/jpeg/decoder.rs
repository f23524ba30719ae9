//! The stages with the buffers of several batches: what a [`ring`](crate::backend::gpu::ring) needs to have pictures decoded.

use std::sync::Arc;

use fearless_simd::Level;

use super::batch::{
    self, Capacity, Codes, GuardNumbers, Numbers, PlaneParts, PlanePlace, Reserved, lane_shift, planes_of,
};
use super::stages::{Buffers, Results, Stages};
use crate::backend::Check;
use crate::backend::gpu::batch::{Allocation, Batch, PlaneAllocation, PlaneSize};
use crate::backend::gpu::device::Device;
use crate::backend::gpu::slot::Slot;
use crate::backend::gpu::tables::Tables;
use crate::backend::layout::{Samples, Shape};
use crate::decode::jpeg::{Compressed, Guards, Unstuffed};
use crate::error::Result;

/// The largest of a batch's arrays has so many bytes for each of compressed data.
pub(super) const LARGEST: u64 = 6;

/// The fewest bytes of compressed data that a batch is worth sending for.
const LEAST_BYTES: u64 = 1 << 20;

/// The stages, and the buffers of several batches.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Decoder {
    stages: Arc<Stages>,
    level: Level,
    capacity: Capacity,
    buffers: Vec<Buffers>,
}

/// A picture of a batch.
#[derive(Debug)]
pub(in crate::backend::gpu) struct Placed {
    numbers: Numbers,
    /// With its number of components.
    guards: Option<(Guards, usize)>,
}

impl Decoder {
    /// For so many batches of about `bytes` of compressed data; `None` where the device's limits leave no room.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the driver refuses the stages, or has no memory for the buffers.
    pub(in crate::backend::gpu) fn new(device: &Device, slots: usize, bytes: u64) -> Result<Option<Decoder>> {
        let bytes = bytes.min(device.adapter.most_bytes() / LARGEST);
        if bytes < LEAST_BYTES {
            return Ok(None);
        }
        let stages = device.kept(|| Stages::new(device))?;
        let capacity = Capacity::of(bytes as u32);
        let first = Buffers::new(device, capacity);
        let others: Vec<Buffers> = (1..slots).map(|_| first.sharing(device)).collect();
        device.check()?;
        let buffers = std::iter::once(first).chain(others).collect();
        Ok(Some(Decoder { stages, level: Level::new(), capacity, buffers }))
    }

    /// A batch with nothing in it.
    pub(in crate::backend::gpu) fn batch(&self) -> batch::Batch {
        batch::Batch::new(self.capacity, self.stages.window)
    }

    /// A picture's codes, for [`reserve`](Decoder::reserve).
    pub(in crate::backend::gpu) fn codes(&self, picture: &Compressed<'_>) -> Codes {
        Codes::of(picture, self.stages.window)
    }

    /// Makes room for a picture in both halves of a batch; `None` where one of them is too full.
    pub(in crate::backend::gpu) fn reserve(
        halves: (&mut batch::Batch, &mut Batch),
        picture: &Compressed<'_>,
        codes: &mut Codes,
        tables: &Arc<Tables>,
    ) -> Option<(Reserved, Allocation)> {
        let reserved = halves.0.reserve_with(picture, codes, lane_shift(picture.most_bytes()))?;
        let mut sizes =
            planes_of(picture).map(|PlaneParts { columns, rows, .. }| PlaneSize::of_words(columns, rows));
        let (luma, colour, apart) = (sizes.next()?, sizes.next(), sizes.collect::<Vec<_>>());
        let allocation = halves.1.add_planes(tables, luma, colour, &apart)?;
        Some((reserved, allocation))
    }

    /// Unstuffs a picture's data to where it was reserved in a batch. `None` where the file does not qualify after all.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the buffer is lost.
    pub(in crate::backend::gpu) fn fill(
        &self,
        device: &Device,
        slot: usize,
        picture: &Compressed<'_>,
        reserved: &Reserved,
    ) -> Result<Option<Unstuffed>> {
        self.buffers[slot].fill(device, self.level, picture, reserved)
    }

    /// Adds a picture to a batch that its data was filled into; `None` where it does not qualify after all.
    pub(in crate::backend::gpu) fn place(
        batch: &mut batch::Batch,
        picture: &Compressed<'_>,
        (reserved, allocation): (&Reserved, &Allocation),
        (unstuffed, guards): (&Unstuffed, Option<Guards>),
    ) -> Option<Placed> {
        let place = |of: &PlaneAllocation| PlanePlace { at: of.at, pitch: of.pitch, rows: of.rows as u32 };
        // A colour plane that no algorithm asks for is made without samples, since its values may leave 16 bits all the same.
        let none = PlanePlace { at: 0, pitch: 0, rows: 0 };
        let colour = (picture.parts.len() > 1).then(|| allocation.colour.as_ref().map_or(none, place));
        let apart = allocation.apart.iter().map(place);
        let places: Vec<PlanePlace> =
            std::iter::once(place(&allocation.luma)).chain(colour).chain(apart).collect();
        let numbers = batch.place(picture, reserved, (unstuffed, guards.as_ref()), &places)?;
        Some(Placed { numbers, guards: guards.map(|guards| (guards, picture.parts.len())) })
    }

    /// Sends both halves of a batch in one submission.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where a buffer is lost.
    pub(in crate::backend::gpu) fn submit(
        &self,
        device: &Device,
        (number, slot): (usize, &Slot),
        (batch, sums): (&mut batch::Batch, &Batch),
    ) -> Result<()> {
        let buffers = &self.buffers[number];
        batch.close();
        slot.submit_behind(device, sums, |encoder, samples| {
            buffers.send(encoder, batch)?;
            self.stages.encode(device, encoder, buffers, batch, samples, None);
            buffers.receive(encoder, batch);
            Ok(())
        })?;
        slot.map_others(&buffers.staging, (&buffers.readback, Buffers::returned(batch)));
        Ok(())
    }

    /// What came back of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the buffer is lost, or the device did not write to it.
    pub(in crate::backend::gpu) fn results(
        &self,
        device: &Device,
        slot: usize,
        batch: &batch::Batch,
    ) -> Result<Results> {
        self.buffers[slot].mapped(device, batch)
    }
}

impl Placed {
    /// What is left to be said of the picture's guards, where it has any; nothing where the CPU has to read it.
    pub(in crate::backend::gpu) fn verdict(self, results: &Results) -> Option<Option<Check>> {
        let Placed { numbers: Numbers { picture, guard }, guards } = self;
        if !results.pictures[picture as usize].is_good() {
            return None;
        }
        Some(guard.zip(guards).map(|(GuardNumbers { guard, looks }, (guards, count))| {
            let (sums, seen) = (results.sums(guard), results.seen(looks, count).collect::<Vec<_>>());
            Check::new(move || guards.are_beyond(&sums, seen.into_iter(), Level::new()))
        }))
    }
}

/// The shape of the planes that become of a picture.
pub(in crate::backend::gpu) fn shape(picture: &Compressed<'_>) -> Shape {
    let cell = |part: usize| picture.parts.get(part).map(|part| part.cell);
    let samples = Samples::Coarse { luma: cell(0).unwrap_or((1, 1)), colour: cell(1) };
    Shape { width: picture.width, height: picture.height, samples }
}
