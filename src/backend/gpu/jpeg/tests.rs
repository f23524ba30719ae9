//! Every stage against its twin over made-up lanes, and all of them against the CPU's reader over pictures.

#![expect(clippy::print_stdout, reason = "says what ran and what was compared")]

pub(crate) mod encoder;
mod guards;
mod pictures;
mod shaders;
mod stages;

use std::time::Duration;

use wgpu::{Buffer, BufferUsages};

use super::super::Device;
use crate::backend::gpu::tests::devices;

const PATIENCE: Duration = Duration::from_secs(300);

/// What outputs hold before a stage runs.
const POISON: u32 = 0xA5A5_A5A5;

/// A buffer with these words in it.
fn filled(device: &Device, words: &[u32]) -> Buffer {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
    let buffer = device.buffer("words", 4 * words.len() as u64, usage);
    device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

/// The words of a buffer.
fn words_of(device: &Device, buffer: &Buffer, words: usize) -> Vec<u32> {
    let bytes = 4 * words as u64;
    let readback = device.buffer("readback", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    let mut encoder = device.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &readback, 0, bytes);
    device.submit(encoder);
    device.read(&readback, bytes, PATIENCE, <[u32]>::to_vec).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs one stage over these arrays, in the order of their bindings; the `outputs` last of them as they are afterwards.
fn run(
    device: &Device,
    (name, text): (&str, &str),
    arrays: &[&[u32]],
    outputs: usize,
    workgroups: u32,
) -> Vec<Vec<u32>> {
    let pipeline = device.pipeline(name, text);
    device.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    let buffers: Vec<Buffer> = arrays.iter().map(|words| filled(device, words)).collect();
    let resources: Vec<_> = buffers.iter().map(Buffer::as_entire_binding).collect();
    let group = device.group(name, &pipeline.get_bind_group_layout(0), &resources);
    let mut encoder = device.device.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    }
    device.submit(encoder);
    let first = arrays.len() - outputs;
    let read = |at: usize| words_of(device, &buffers[at], arrays[at].len());
    (first..arrays.len()).map(read).collect()
}

/// Whether a stage gives other numbers once one of its lines is wrong.
fn is_noticed(
    device: &Device,
    (name, text): (&str, &str),
    (line, wrong): (&str, &str),
    (arrays, outputs): (&[&[u32]], usize),
    workgroups: u32,
) -> bool {
    let changed = text.replace(line, wrong);
    assert_ne!(changed, text, "{name}: {line}");
    let [right, wrong] = [text, &changed].map(|text| run(device, (name, text), arrays, outputs, workgroups));
    right != wrong
}
