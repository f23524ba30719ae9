//! Time by a device's own clock.

use std::time::Duration;

use wgpu::{Buffer, BufferUsages, CommandEncoder, ComputePassTimestampWrites, QuerySet};

use super::device::Device;

/// Two timestamps for each of some intervals of one submission.
///
/// All of them have to be written before they are resolved: Vulkan waits for those that are not, for ever.
#[derive(Debug)]
pub(super) struct Timer {
    queries: QuerySet,
    resolved: Buffer,
    intervals: u32,
}

impl Timer {
    pub(super) fn new(device: &Device, intervals: u32) -> Timer {
        let queries = device.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: 2 * intervals,
        });
        let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
        let resolved = device.buffer("timestamps", 16 * u64::from(intervals), usage);
        Timer { queries, resolved, intervals }
    }

    /// Bytes that [`resolve`](Timer::resolve) writes.
    pub(super) fn bytes(&self) -> u64 {
        16 * u64::from(self.intervals)
    }

    /// Times a compute pass.
    pub(super) fn around_pass(&self, interval: u32) -> ComputePassTimestampWrites<'_> {
        ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(2 * interval),
            end_of_pass_write_index: Some(2 * interval + 1),
        }
    }

    /// Times commands outside of passes; with [`Timestamps::Everywhere`](super::device::Timestamps::Everywhere) only.
    pub(super) fn around(
        &self,
        encoder: &mut CommandEncoder,
        interval: u32,
        commands: impl FnOnce(&mut CommandEncoder),
    ) {
        encoder.write_timestamp(&self.queries, 2 * interval);
        commands(encoder);
        encoder.write_timestamp(&self.queries, 2 * interval + 1);
    }

    /// Copies all timestamps to `offset` of `to`.
    pub(super) fn resolve(&self, encoder: &mut CommandEncoder, to: &Buffer, offset: u64) {
        encoder.resolve_query_set(&self.queries, 0..2 * self.intervals, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, to, offset, self.bytes());
    }
}

impl Device {
    /// How long each interval was, from what [`Timer::resolve`] wrote.
    pub(super) fn intervals(&self, stamps: &[u64]) -> Vec<Duration> {
        let nanoseconds = f64::from(self.queue.get_timestamp_period());
        let interval = |pair: &[u64]| {
            Duration::from_nanos((pair[1].saturating_sub(pair[0]) as f64 * nanoseconds) as u64)
        };
        stamps.chunks_exact(2).map(interval).collect()
    }
}
