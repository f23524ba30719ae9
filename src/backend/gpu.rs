//! The GPUs' way from pictures to their integer sums.
//!
//! Pictures travel in batches ([`batch`]). Whoever decoded a picture copies it into a mapped staging buffer. From there the batch goes to
//! the device in one piece, through the stages of `shaders/`, and comes back as three kilobytes per picture ([`slot`]). [`ring`] keeps
//! several batches in flight; [`tables`] turns a layout's weights into words. wgpu is named in this folder and nowhere else.
//!
//! The results are those of the CPU bit for bit: everything here is integer arithmetic modulo 2³² or 2⁶⁴.

mod adapter;
mod batch;
mod canary;
mod capacity;
mod descriptors;
mod device;
mod jpeg;
mod mapped;
mod ring;
mod search;
mod single;
mod slot;
mod speed;
mod tables;
#[cfg(test)]
mod tests;
mod timer;

#[cfg(test)]
pub(crate) use jpeg::encoder as encoder_for_tests;
#[cfg(test)]
pub(crate) use tests::{device as device_for_tests, devices as devices_for_tests};

pub(crate) use crate::decode::jpeg::Compressed;
pub(crate) use adapter::Adapter;
pub(crate) use capacity::Capacity;
pub(crate) use device::{Checks, Device};
pub(crate) use jpeg::single::{DecodedFile, JpegProbe, decode};
pub(crate) use ring::{Ring, Sending};
pub(crate) use search::{Metric, Resident};
pub(crate) use single::{Run, run};

use crate::error::Result;
use crate::picture::Picture;
use batch::{Allocation, planes};
use slot::Slot;

/// Writes a picture's samples, and its tables where they are new, into the slot's staging buffer.
fn fill(
    slot: &Slot,
    allocation: &Allocation,
    picture: &Picture,
    within: &(impl Fn(&mut dyn FnMut() -> Result<()>) -> Result<()> + ?Sized),
) -> Result<()> {
    if let Some(at) = allocation.tables_at {
        within(&mut || slot.fill_tables(at, &allocation.tables.words))?;
    }
    let (luma, colour) = planes(picture);
    slot.fill(allocation.luma, &luma, within)?;
    match (allocation.colour, colour) {
        (Some(allocation), Some(plane)) => slot.fill(allocation, &plane, within),
        _ => Ok(()),
    }
}
