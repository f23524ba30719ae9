//! Mapped memory that is written front to back, a piece at a time.

use std::ops::Range;
use std::sync::RwLockReadGuard;

use wgpu::{Buffer, BufferViewMut};

use super::device::Device;
use super::slot::lost;
use crate::error::{Error, Result};

/// Bytes of a piece: whoever polls the device waits until those that are being written are done, and whoever begins another one waits for the poll.
const PIECE: u64 = 64 << 10;
/// Views begin at multiples of so many bytes.
const VIEW: u64 = 8;

/// Writes a stretch of a mapped buffer. Nothing is read back.
pub(super) struct Writer<'a> {
    device: &'a Device,
    buffer: &'a Buffer,
    /// What is still to be written.
    rest: Range<u64>,
    piece: Option<Piece<'a>>,
    failed: Option<Error>,
}

/// What is mapped now. The view goes before the lock that keeps it.
struct Piece<'a> {
    view: BufferViewMut,
    range: Range<u64>,
    _mapped: RwLockReadGuard<'a, ()>,
}

impl<'a> Writer<'a> {
    /// For bytes `range` of the buffer, which begin at a multiple of 8.
    pub(super) fn new(device: &'a Device, buffer: &'a Buffer, range: Range<u64>) -> Writer<'a> {
        Writer { device, buffer, rest: range, piece: None, failed: None }
    }

    /// Writes the next bytes, words of four and no more than are left. [`end`](Writer::end) says whether all went well.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.failed.is_none()
            && let Err(error) = self.try_put(bytes)
        {
            self.failed = Some(error);
        }
    }

    fn try_put(&mut self, bytes: &[u8]) -> Result<()> {
        let range = self.rest.start..self.rest.start + bytes.len() as u64;
        let piece = match &mut self.piece {
            Some(piece) if piece.range.end >= range.end => piece,
            other => {
                // The lock goes before it is taken anew.
                *other = None;
                let mapped = self.device.mapped()?;
                let first = range.start / VIEW * VIEW;
                let of = first..(first + PIECE).max(range.end).min(self.rest.end);
                let view = self.buffer.get_mapped_range_mut(of.clone()).map_err(lost)?;
                other.insert(Piece { view, range: of, _mapped: mapped })
            }
        };
        let at = (range.start - piece.range.start) as usize;
        piece.view.slice(at..at + bytes.len()).copy_from_slice(bytes);
        self.rest.start = range.end;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] where the buffer was lost.
    pub(super) fn end(self) -> Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::device_for_tests;
    use std::time::Duration;

    #[test]
    fn pieces_of_all_lengths_are_written() {
        let Some(device) = device_for_tests() else { return };
        let bytes: Vec<u8> =
            (0..3 * PIECE as u32 + 52).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let patience = Duration::from_secs(60);
        for lengths in [&[4096][..], &[4, 8, 12, 60_000, 4], &[200_000, 4]] {
            let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
            let staging = device.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: 256 + bytes.len() as u64,
                usage,
                mapped_at_creation: true,
            });
            let mut writer = Writer::new(&device, &staging, 256..256 + bytes.len() as u64);
            let (mut rest, mut lengths) = (&bytes[..], lengths.iter().cycle());
            while !rest.is_empty() {
                let (some, others) = rest.split_at(*lengths.next().unwrap().min(&rest.len()));
                writer.put(some);
                rest = others;
            }
            writer.end().unwrap();
            staging.unmap();
            let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let readback = device.buffer("readback", bytes.len() as u64, usage);
            let mut encoder = device.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(&staging, 256, &readback, 0, bytes.len() as u64);
            device.submit(encoder);
            let found = device.read(&readback, bytes.len() as u64, patience, |words| {
                bytemuck::cast_slice::<u32, u8>(words) == bytes
            });
            assert!(found.unwrap());
        }
        device.run_out_of_memory();
        let staging = device.buffer("staging", 64, wgpu::BufferUsages::MAP_WRITE);
        let mut writer = Writer::new(&device, &staging, 0..64);
        writer.put(&[0; 4]);
        assert!(writer.end().is_err());
    }
}
