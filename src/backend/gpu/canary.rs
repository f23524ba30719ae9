//! Whether a device runs a loop to its end; some drivers do not, and say nothing.

use std::time::Duration;

use wgpu::BufferUsages;

use super::device::Device;
use crate::error::{Error, Result};

pub(super) const CANARY: &str = include_str!("../../../shaders/canary.wgsl");

/// Turns of each of the two loops, `TURNS` of `shaders/canary.wgsl`.
pub(super) const TURNS: u32 = 300;
/// What every invocation must count to.
pub(super) const EXPECTED: u32 = TURNS * TURNS;
const INVOCATIONS: usize = 64;
/// How long the device may take for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What each invocation counted to.
pub(super) fn counts(device: &Device) -> Result<Vec<u32>> {
    let pipeline = device.pipeline("canary", CANARY);
    let bytes = 4 * INVOCATIONS as u64;
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    let counts = device.buffer("counts", bytes, usage);
    let readback = device.buffer("canary readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    device.queue.write_buffer(&counts, 0, bytemuck::cast_slice(&[TURNS; INVOCATIONS]));
    let group = device.group("canary", &pipeline.get_bind_group_layout(0), &[counts.as_entire_binding()]);
    let mut encoder = device.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&counts, 0, &readback, 0, bytes);
    device.submit(encoder);
    device.read(&readback, bytes, PATIENCE, |words| words.to_vec())
}

impl Device {
    /// Counts to 300·300 in every invocation of a workgroup.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where it does not get there.
    pub(crate) fn count_loops(&self) -> Result<()> {
        let counts = counts(self)?;
        match counts.iter().find(|&&count| count != EXPECTED) {
            None => Ok(()),
            Some(count) => Err(Error::Device(format!(
                "{}: stage canary: a loop of {} turns ended after {count}; the driver ({}) is broken",
                self.adapter.name, EXPECTED, self.adapter.driver
            ))),
        }
    }
}
