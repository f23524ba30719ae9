//! The buffers of one batch on a device, made once and used again and again.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use wgpu::{BindGroup, Buffer, BufferUsages, CommandEncoder, MapMode};

use super::batch::{Batch, PlaneAllocation, PlaneBytes};
use super::capacity::{Capacity, Sections};
use super::device::{Device, MOST_WORKGROUPS, STAGES, Timestamps};
use super::timer::Timer;
use crate::backend::Traffic;
use crate::error::{Error, Result};

/// What is timed: each stage, and the two copies if the device can time them.
const UPLOAD: u32 = STAGES.len() as u32;
const READBACK: u32 = UPLOAD + 1;
/// A copy into mapped memory takes at most so many bytes at a time; see [`Slot::fill`].
const PIECE: usize = 1 << 20;

/// Bits of [`Slot::ready`].
const STAGING_READY: u8 = 1;
const RESULTS_READY: u8 = 2;
const MAPPING_FAILED: u8 = 4;
const OTHERS_READY: [u8; 2] = [8, 16];

/// The buffers of one batch.
#[derive(Debug)]
pub(super) struct Slot {
    sections: Sections,
    /// Written by the CPU while a batch is put together.
    staging: Buffer,
    /// The same on the device.
    input: Buffer,
    points: Buffer,
    results: Buffer,
    /// Results and timestamps.
    readback: Buffer,
    result_bytes: u64,
    group: BindGroup,
    timer: Option<Timer>,
    /// Which buffers are waited for, and which came back from the device.
    awaited: AtomicU8,
    ready: Arc<AtomicU8>,
}

/// Time on the device by its own clock.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Timings {
    /// From the staging buffer to the device, if the device can time it.
    pub(crate) upload: Option<Duration>,
    /// One per stage: reduce, gradient, dct.
    pub(crate) stages: [Duration; 3],
    /// From the device to the buffer that is read, if the device can time it.
    pub(crate) readback: Option<Duration>,
}

impl Timings {
    pub(super) fn add_to(self, traffic: &mut Traffic) {
        traffic.upload += self.upload.unwrap_or_default();
        traffic.reduce += self.stages[0];
        traffic.gradient += self.stages[1];
        traffic.dct += self.stages[2];
        traffic.readback += self.readback.unwrap_or_default();
    }
}

impl Slot {
    /// Makes the buffers; the staging buffer is mapped. `timestamps` are those of the device where what its batches take is asked for.
    pub(super) fn new(device: &Device, capacity: Capacity, timestamps: Timestamps) -> Slot {
        let sections = capacity.sections();
        let input_bytes = sections.words.end;
        let result_bytes = 4 * u64::from(capacity.result_words());
        let storage = BufferUsages::STORAGE;
        let staging = device.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: input_bytes,
            usage: BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        let input =
            device.buffer("input", input_bytes, storage | BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let points =
            device.buffer("points", 8 * u64::from(capacity.points()), storage | BufferUsages::COPY_SRC);
        let results = device.buffer("results", result_bytes, storage | BufferUsages::COPY_SRC);
        let timer = match timestamps {
            Timestamps::None => None,
            Timestamps::Stages => Some(Timer::new(device, UPLOAD)),
            Timestamps::Everywhere => Some(Timer::new(device, READBACK + 1)),
        };
        let readback_bytes = result_bytes + timer.as_ref().map_or(0, Timer::bytes);
        let readback =
            device.buffer("readback", readback_bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let group = group(device, &sections, &input, &points, &results);
        let ready = Arc::new(AtomicU8::new(STAGING_READY));
        let awaited = AtomicU8::new(STAGING_READY | RESULTS_READY);
        Slot {
            sections,
            staging,
            input,
            points,
            results,
            readback,
            result_bytes,
            group,
            timer,
            awaited,
            ready,
        }
    }

    /// Copies a plane's rows into the mapped staging buffer.
    ///
    /// Mapped memory is written front to back and never read. `within` runs each piece of the copy: the caller's lock
    /// keeps the device's buffers alive meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the buffer is lost.
    pub(super) fn fill(
        &self,
        allocation: PlaneAllocation,
        plane: &PlaneBytes<'_>,
        within: &(impl Fn(&mut dyn FnMut() -> Result<()>) -> Result<()> + ?Sized),
    ) -> Result<()> {
        let row_bytes = allocation.pitch as usize * 4;
        let rows_a_piece = (PIECE / row_bytes).max(1);
        for first in (0..allocation.rows).step_by(rows_a_piece) {
            let rows = first..(first + rows_a_piece).min(allocation.rows);
            within(&mut || self.fill_rows(allocation, plane, rows.clone()))?;
        }
        Ok(())
    }

    fn fill_rows(
        &self,
        allocation: PlaneAllocation,
        plane: &PlaneBytes<'_>,
        rows: Range<usize>,
    ) -> Result<()> {
        let pitch = allocation.pitch as usize * 4;
        let start = self.sections.words.start + u64::from(allocation.at) * 4 + (rows.start * pitch) as u64;
        let mut view = self.view(start..start + (rows.len() * pitch) as u64)?;
        for (index, row) in rows.enumerate() {
            let bytes = &plane.bytes[row * plane.stride..][..plane.row_bytes];
            // Padding keeps old bytes: the shader sums it with the rest and weighs it with nothing.
            view.slice(index * pitch..index * pitch + bytes.len()).copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Writes a shape's tables at word `at`.
    pub(super) fn fill_tables(&self, at: u32, tables: &[u32]) -> Result<()> {
        self.write(self.sections.words.start + u64::from(at) * 4, bytemuck::cast_slice(tables))
    }

    /// Writes the arrays that say what is in the batch.
    fn fill_descriptors(&self, batch: &Batch) -> Result<()> {
        self.write(self.sections.header.start, bytemuck::bytes_of(&batch.header()))?;
        self.write(self.sections.grids.start, bytemuck::cast_slice(&batch.grids))?;
        self.write(self.sections.gradients.start, bytemuck::cast_slice(&batch.gradients))?;
        self.write(self.sections.lumas.start, bytemuck::cast_slice(&batch.lumas))
    }

    fn write(&self, start: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.view(start..start + bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    fn view(&self, bytes: Range<u64>) -> Result<wgpu::BufferViewMut> {
        self.staging.get_mapped_range_mut(bytes).map_err(lost)
    }

    /// Sends the batch: upload, stages, results. [`Slot::ready`] says when it is back.
    pub(super) fn submit(&self, device: &Device, batch: &Batch) -> Result<()> {
        self.submit_behind(device, batch, |_, _| Ok(()))
    }

    /// The same behind what `make` encodes, which gets the array that the stages read samples from, to write to.
    pub(super) fn submit_behind(
        &self,
        device: &Device,
        batch: &Batch,
        make: impl FnOnce(&mut CommandEncoder, wgpu::BindingResource<'_>) -> Result<()>,
    ) -> Result<()> {
        self.fill_descriptors(batch)?;
        // Before the buffers are given away: the callbacks of `map` set the bits again from whichever thread polls.
        self.ready.store(0, Ordering::Release);
        self.awaited.store(STAGING_READY | RESULTS_READY, Ordering::Release);
        self.staging.unmap();
        let mut encoder = device.device.create_command_encoder(&Default::default());
        self.copy_timed(&mut encoder, device, UPLOAD, |encoder| self.upload(encoder, batch));
        make(&mut encoder, section(&self.input, &self.sections.words))?;
        let header = batch.header();
        for (stage, groups) in [header.lines, header.gradients, header.lumas].into_iter().enumerate() {
            self.dispatch(&mut encoder, device, stage, groups);
        }
        let bytes = 4 * u64::from(batch.result_words());
        self.copy_timed(&mut encoder, device, READBACK, |encoder| {
            encoder.copy_buffer_to_buffer(&self.results, 0, &self.readback, 0, bytes);
        });
        if let Some(timer) = &self.timer {
            timer.resolve(&mut encoder, &self.readback, self.result_bytes);
        }
        device.submit(encoder);
        self.map(&self.readback, MapMode::Read, RESULTS_READY);
        self.map(&self.staging, MapMode::Write, STAGING_READY);
        Ok(())
    }

    /// Times a copy, if the device has timestamps outside of passes.
    fn copy_timed(
        &self,
        encoder: &mut CommandEncoder,
        device: &Device,
        interval: u32,
        copy: impl FnOnce(&mut CommandEncoder),
    ) {
        match self.timer.as_ref().filter(|_| device.timestamps == Timestamps::Everywhere) {
            Some(timer) => timer.around(encoder, interval, copy),
            None => copy(encoder),
        }
    }

    fn upload(&self, encoder: &mut CommandEncoder, batch: &Batch) {
        let sections = &self.sections;
        let used = [
            (&sections.header, size_of_val(&batch.header())),
            (&sections.grids, size_of_val(&batch.grids[..])),
            (&sections.gradients, size_of_val(&batch.gradients[..])),
            (&sections.lumas, size_of_val(&batch.lumas[..])),
        ];
        let used = used.into_iter().map(|(section, bytes)| (section.start, bytes as u64));
        let filled = batch.filled().iter().map(|words| {
            (sections.words.start + 4 * u64::from(words.start), 4 * u64::from(words.end - words.start))
        });
        for (start, bytes) in used.chain(filled).filter(|(_, bytes)| *bytes > 0) {
            encoder.copy_buffer_to_buffer(&self.staging, start, &self.input, start, bytes);
        }
    }

    fn dispatch(&self, encoder: &mut CommandEncoder, device: &Device, stage: usize, groups: u32) {
        let writes = self.timer.as_ref().map(|timer| timer.around_pass(stage as u32));
        let label = Some(STAGES[stage].0);
        #[cfg(test)]
        let (groups, _) = device.groups(STAGES[stage].0, (groups, 1));
        let mut pass =
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label, timestamp_writes: writes });
        // A pass without work too, for its two timestamps: Vulkan waits for ever for those that are not written.
        if groups > 0 {
            pass.set_pipeline(&device.stages[stage]);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(groups.min(MOST_WORKGROUPS), groups.div_ceil(MOST_WORKGROUPS), 1);
        }
    }

    /// Waits for two buffers more with the batch that was submitted last: one that is written for the next, and so many bytes of one that is read.
    pub(super) fn map_others(&self, staging: &Buffer, (readback, bytes): (&Buffer, u64)) {
        self.awaited.fetch_or(OTHERS_READY[0] | OTHERS_READY[1], Ordering::AcqRel);
        self.map_part(readback, MapMode::Read, bytes, OTHERS_READY[0]);
        self.map(staging, MapMode::Write, OTHERS_READY[1]);
    }

    fn map(&self, buffer: &Buffer, mode: MapMode, flag: u8) {
        self.map_part(buffer, mode, buffer.size(), flag);
    }

    fn map_part(&self, buffer: &Buffer, mode: MapMode, bytes: u64, flag: u8) {
        let ready = self.ready.clone();
        buffer.map_async(mode, 0..bytes, move |mapped| {
            ready.fetch_or(if mapped.is_ok() { flag } else { MAPPING_FAILED }, Ordering::AcqRel);
        });
    }

    /// Whether the batch is back; polling the device brings it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where it will not come back.
    pub(super) fn ready(&self) -> Result<bool> {
        let ready = self.ready.load(Ordering::Acquire);
        if ready & MAPPING_FAILED != 0 {
            return Err(Error::Device("a buffer could not be mapped".to_string()));
        }
        Ok(ready == self.awaited.load(Ordering::Acquire))
    }

    /// Gives the results to `read`; the slot is free afterwards.
    pub(super) fn results<T>(&self, device: &Device, read: impl FnOnce(&[u32], Timings) -> T) -> Result<T> {
        let view = self.readback.get_mapped_range(..).map_err(lost)?;
        let (results, stamps) = view.split_at(self.result_bytes as usize);
        let stamps: &[u64] = bytemuck::cast_slice(stamps);
        let value = read(bytemuck::cast_slice(results), timings(device, stamps));
        drop(view);
        self.readback.unmap();
        Ok(value)
    }

    /// The grid points of the batch that was run last, for the probe and the tests.
    pub(super) fn points(&self, device: &Device, count: u32, patience: Duration) -> Result<Vec<u64>> {
        let bytes = 8 * u64::from(count);
        let readback =
            device.buffer("points readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let mut encoder = device.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.points, 0, &readback, 0, bytes);
        device.submit(encoder);
        let join = |words: &[u32]| {
            words.chunks_exact(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect()
        };
        device.read(&readback, bytes, patience, join)
    }
}

pub(super) fn lost(error: impl std::fmt::Display) -> Error {
    Error::Device(error.to_string())
}

fn timings(device: &Device, stamps: &[u64]) -> Timings {
    let intervals = device.intervals(stamps);
    let at = |interval: u32| intervals.get(interval as usize).copied();
    Timings {
        upload: at(UPLOAD),
        stages: std::array::from_fn(|stage| at(stage as u32).unwrap_or_default()),
        readback: at(READBACK),
    }
}

/// A part of a buffer, to be bound.
pub(super) fn section<'a>(buffer: &'a Buffer, range: &Range<u64>) -> wgpu::BindingResource<'a> {
    let size = std::num::NonZeroU64::new(range.end - range.start);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: range.start, size })
}

fn group(
    device: &Device,
    sections: &Sections,
    input: &Buffer,
    points: &Buffer,
    results: &Buffer,
) -> BindGroup {
    let section = |range| section(input, range);
    let resources = [
        section(&sections.header),
        section(&sections.grids),
        section(&sections.gradients),
        section(&sections.lumas),
        section(&sections.words),
        points.as_entire_binding(),
        results.as_entire_binding(),
        device.matrix.as_entire_binding(),
    ];
    device.group("batch", &device.bindings, &resources)
}
