//! What a device's memory and the stage `reduce` do, each alone.

use std::time::{Duration, Instant};

use wgpu::{Buffer, BufferUsages, CommandEncoder};

use super::device::{Device, Timestamps};
use super::single::Single;
use super::slot::Slot;
use super::timer::Timer;
use crate::backend::{DeviceSpeed, ReduceSpeed};
use crate::error::Result;
use crate::picture::Picture;
use crate::signature::Algorithm;

/// Bytes copied at a time: more than any cache holds, and what software does in some milliseconds.
const BYTES: u64 = 256 << 20;
const SOFTWARE_BYTES: u64 = 16 << 20;
/// Copies in one submission.
const COPIES: u32 = 4;
/// Measurements; the shortest counts, after one that does not.
const TURNS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// Sides of the pictures that are reduced.
const SIDES: [(u32, u32); 3] = [(1000, 1000), (2000, 2000), (4000, 3000)];

impl Device {
    /// Measures it; tens of milliseconds on hardware, seconds in software.
    ///
    /// # Errors
    ///
    /// [`Error::Device`](crate::Error::Device) where the device fails.
    pub(crate) fn speed(&self) -> Result<DeviceSpeed> {
        let software = self.adapter.is_software();
        let bytes = (if software { SOFTWARE_BYTES } else { BYTES }).min(self.adapter.max_buffer) / 4 * 4;
        let near = |label| self.buffer(label, bytes, BufferUsages::COPY_SRC | BufferUsages::COPY_DST);
        let (from, to) = (near("copied from"), near("copied to"));
        let staging = self.buffer("staging", bytes, BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC);
        let readback = self.buffer("readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let (plain_copy, fill) = self.host_copies(&staging, bytes as usize)?;
        Ok(DeviceSpeed {
            device: self.adapter.name.clone(),
            driver: format!("{}, {}", self.adapter.interface, self.adapter.driver),
            plain_copy,
            fill,
            upload: self.rate(&staging, &to, bytes)?,
            copy: 2.0 * self.rate(&from, &to, bytes)?,
            readback: self.rate(&from, &readback, bytes)?,
            reduce: SIDES.into_iter().map(|sides| self.reduce_speed(sides)).collect::<Result<Vec<_>>>()?,
        })
    }

    /// Bytes per second that the CPU copies: from memory to memory, and into a mapped buffer.
    fn host_copies(&self, staging: &Buffer, bytes: usize) -> Result<(f64, f64)> {
        let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
        let plain = shortest(|| {
            let started = Instant::now();
            std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from));
            Ok(started.elapsed())
        })?;
        let mut fill = || {
            staging.map_async(wgpu::MapMode::Write, .., |_| {});
            self.wait(PATIENCE)?;
            let mut view = staging.get_mapped_range_mut(..).map_err(super::slot::lost)?;
            let started = Instant::now();
            view.copy_from_slice(&from);
            let took = started.elapsed();
            drop(view);
            staging.unmap();
            Ok(took)
        };
        Ok((a_second(bytes as u64, plain), a_second(bytes as u64, shortest(&mut fill)?)))
    }

    /// Bytes per second from one buffer to another, by the device's own clock if it can time copies.
    fn rate(&self, from: &Buffer, to: &Buffer, bytes: u64) -> Result<f64> {
        let copies = |encoder: &mut CommandEncoder| {
            (0..COPIES).for_each(|_| encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes));
        };
        let timer = (self.timestamps == Timestamps::Everywhere).then(|| Timer::new(self, 1));
        let stamps = self.buffer("stamps", 16, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let took = shortest(|| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            match &timer {
                Some(timer) => {
                    timer.around(&mut encoder, 0, copies);
                    timer.resolve(&mut encoder, &stamps, 0);
                }
                None => copies(&mut encoder),
            }
            let started = Instant::now();
            self.submit(encoder);
            self.wait(PATIENCE)?;
            let took = started.elapsed();
            if timer.is_none() {
                return Ok(took);
            }
            let own =
                self.read(&stamps, 16, PATIENCE, |words| self.intervals(bytemuck::cast_slice(words)))?;
            Ok(own.first().copied().unwrap_or(took))
        })?;
        Ok(a_second(bytes * u64::from(COPIES), took))
    }

    /// `reduce` on a batch of pictures that the device holds already, for both signatures.
    fn reduce_speed(&self, (width, height): (u32, u32)) -> Result<ReduceSpeed> {
        let bytes = u64::from(width) * u64::from(height) * 3;
        let most = if self.adapter.is_software() { 1 } else { BYTES / 2 };
        // Half a megabyte more is enough for the tables.
        let capacity = self.adapter.capacity(most.max(bytes) + (1 << 19));
        let pictures = ((capacity.bytes - (1 << 19)) / bytes).clamp(1, capacity.pictures.into());
        let samples = (0..bytes).map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let picture = Picture::from_rgb(samples, width, height);
        let pictures = vec![picture; pictures as usize];
        let algorithms = [Algorithm::PhotoDna, Algorithm::Pdq];
        let slot = Slot::new(self, capacity, self.timestamps);
        let single = Single::fill(self, slot, capacity, &pictures, &algorithms)?;
        let took = shortest(|| Ok(single.turn(PATIENCE)?.1.stages[0]))?;
        let timed = self.timestamps != Timestamps::None;
        let rate = |amount: u64| if timed { a_second(amount * pictures.len() as u64, took) } else { 0.0 };
        let pixels = u64::from(width) * u64::from(height);
        Ok(ReduceSpeed {
            width,
            height,
            pictures: pictures.len() as u32,
            pixels_per_second: rate(pixels),
            bytes_per_second: rate(bytes),
        })
    }
}

/// The shortest of several measurements.
fn shortest(mut measure: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    measure()?;
    let times = (0..TURNS).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    Ok(times.into_iter().min().unwrap_or_default())
}

fn a_second(amount: u64, took: Duration) -> f64 {
    amount as f64 / took.as_secs_f64().max(1e-9)
}
